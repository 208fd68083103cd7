"""`sendworthy case`: the review, from submission to grant or refusal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from sendworthy.access.case import CaseState
from sendworthy.access.case import state as state_of
from sendworthy.access.case_texts import State, WaitingFor
from sendworthy.access.facts import Fact, case_id
from sendworthy.access.refusals import Explanation
from sendworthy.access.refusals import explain as explain_text
from sendworthy.app import parts
from sendworthy.app.ask import poll, remembered
from sendworthy.app.ask import record as record_text
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, read, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ProviderError

_region = click.option("--region", metavar="REGION", help="The Region of the request.")


@click.group()
def case() -> None:
    """Follow the review: what AWS shows, what AWS wrote, and what comes next."""


@case.command()
@_region
@json_option
@config_option
def show(*, region: str | None, as_json: bool, config_path: Path | None) -> None:
    """Show the record of the case and what comes next. Asks AWS nothing but whose account this is."""
    config = loaded_config(config_path).config
    state, facts = wait_for(_show(config, region=region))
    if as_json:
        print_json({"schema": "sendworthy.case/1", "case": state, "facts": facts})
        return
    rows(("AT", "WHAT", "DETAIL"), [(one.at, one.kind, _detail(one)) for one in facts], none="Nothing is on record.")
    click.echo()
    show_state(state)


@case.command()
@_region
@click.option("--every", default=900.0, show_default=True, metavar="SECONDS", help="How often to look; 60 at least.")
@click.option("--once", is_flag=True, help="Look once and end.")
@json_option
@config_option
def watch(*, region: str | None, every: float, once: bool, as_json: bool, config_path: Path | None) -> int:
    """Look where the review stands and tell what changes, until the account is in production or it is your turn.

    Exits 0 once production access is on, 1 while it is not.
    """
    config = loaded_config(config_path).config
    state = wait_for(_watch(config, region=region, every=max(60.0, every), once=once, quiet=as_json))
    if as_json:
        print_json({"schema": "sendworthy.case/1", "case": state})
    return Exit.DONE if state.state is State.IN_PRODUCTION else Exit.FOUND


@case.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@_region
@json_option
@config_option
def record(*, file: Path | None, region: str | None, as_json: bool, config_path: Path | None) -> None:
    """Put what AWS wrote (FILE or standard input) into the case, and say what it means.

    \b
    sendworthy case record answer.txt
    pbpaste | sendworthy case record
    """
    config = loaded_config(config_path).config
    text = read(file)
    explanation, state = wait_for(_record(config, region=region, text=text))
    if as_json:
        print_json({"schema": "sendworthy.explanation/1", "explanation": explanation, "case": state})
        return
    _show_explanation(explanation)
    click.echo()
    show_state(state)


@case.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@json_option
def explain(*, file: Path | None, as_json: bool) -> None:
    """Say which kind of answer a text of AWS (FILE or standard input) is. Records nothing.

    \b
    sendworthy case explain answer.txt
    """
    explanation = explain_text(read(file))
    if as_json:
        print_json({"schema": "sendworthy.explanation/1", "explanation": explanation})
    else:
        _show_explanation(explanation)


def show_state(state: CaseState) -> None:
    """Print where a case stands, what comes next and by when."""
    click.echo(f"{state.what}\nNext: {state.next_step}")
    if state.case_id:
        click.echo(f"AWS's case: {state.case_id}")
    for expected in state.expected:
        click.echo(f"Expected by {expected.at:%Y-%m-%d %H:%M} UTC ({expected.source})")
    if state.overdue:
        click.echo("That time has passed.")
    if state.not_before is not None:
        click.echo(f"Not before {state.not_before:%Y-%m-%d %H:%M} UTC.")


def _show_explanation(explanation: Explanation) -> None:
    click.echo(f"Kind: {explanation.kind} ({explanation.confidence})")
    for phrase in explanation.phrases:
        click.echo(f"  because it says: {phrase}")
    click.echo(f"Next: {explanation.next_step}")


def _detail(fact: Fact) -> str:
    wanted = ("status", "production", "answer", "code", "kind", "subject", "reason")
    return ", ".join(f"{key}: {fact.data[key]}" for key in wanted if fact.data.get(key) not in (None, ""))


async def _whose(aws: Aws, region: str) -> str:
    caller = await aws.call("sts", "GetCallerIdentity", region=region)
    return case_id(str(caller["Account"]), region)


async def _show(config: Config, *, region: str | None) -> tuple[CaseState, tuple[Fact, ...]]:
    where = parts.regions(config, (region,) if region else ())[0]
    name = await _whose(Aws(region=where), where)
    async with parts.opened_store(config) as store:
        facts = await remembered(store, name)
        return state_of(facts, parts.WALL.now()), facts


async def _watch(config: Config, *, region: str | None, every: float, once: bool, quiet: bool) -> CaseState:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    name = await _whose(aws, where)
    async with parts.opened_store(config) as store:
        while True:
            try:
                state, changed = await poll(aws, store, region=where, case=name)
            except ProviderError as error:
                if once or not error.retry:
                    raise
                click.echo(f"Could not look: {error.happened}", err=True)
            else:
                if changed and not quiet:
                    show_state(state)
                if once or state.state is State.IN_PRODUCTION or state.waiting_for is WaitingFor.US:
                    return state
            await asyncio.sleep(every)


async def _record(config: Config, *, region: str | None, text: str) -> tuple[Explanation, CaseState]:
    where = parts.regions(config, (region,) if region else ())[0]
    name = await _whose(Aws(region=where), where)
    async with parts.opened_store(config) as store:
        return await record_text(store, case=name, text=text)
