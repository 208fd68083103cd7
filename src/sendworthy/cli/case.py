"""`sendworthy case`: the review, from submission to grant or refusal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from sendworthy.access.case import CaseState
from sendworthy.access.case import state as state_of
from sendworthy.access.case_texts import State, WaitingFor
from sendworthy.access.changes import changes, looks
from sendworthy.access.facts import Fact, case_id
from sendworthy.access.ladder import Rung
from sendworthy.access.letter import Letter
from sendworthy.access.refusals import Explanation, Population
from sendworthy.access.refusals import explain as explain_text
from sendworthy.access.replies import ReplyKind
from sendworthy.access.said import Drift, Now
from sendworthy.app import parts
from sendworthy.app.ask import Standing, poll, remembered, stand
from sendworthy.app.ask import record as record_text
from sendworthy.app.drift import prove_again
from sendworthy.app.look import look
from sendworthy.app.reply import Words, asked, close, compose, fitting, read_case, sent, too_soon
from sendworthy.audit.evidence import Evidence
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, read, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ProviderError
from sendworthy.store.store import Store

_region = click.option("--region", metavar="REGION", help="The Region of the request.")


@click.group(cls=Group)
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


@case.command("reply")
@_region
@click.option(
    "--kind",
    type=click.Choice([str(kind) for kind in ReplyKind]),
    help="Which text; by default the one that the case asks for now.",
)
@click.option("--cause", default="", metavar="WORDS", help="For an appeal: what happened, in your own words.")
@click.option("--changed", multiple=True, metavar="WORDS", help="What you have changed already; repeatable.")
@click.option("--cannot-recur", default="", metavar="WORDS", help="For an appeal: why it cannot happen again.")
@click.option(
    "--sent",
    "sent_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Record that you wrote the text of FILE on the case.",
)
@click.option("--by", default="", metavar="NAME", help="Who wrote it there, for the record.")
@json_option
@config_option
def reply_(
    *,
    region: str | None,
    kind: str | None,
    cause: str,
    changed: tuple[str, ...],
    cannot_recur: str,
    sent_file: Path | None,
    by: str,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Write what to answer on the case, from what is proved and what you say. You paste it there; we send nothing.

    \b
    sendworthy case reply > reply.txt                                the text that the case asks for now
    sendworthy case reply --sent reply.txt --by "Ada Byron"          you have pasted it: put it on the record
    sendworthy case reply --kind appeal --cause "..." --changed "..." --cannot-recur "..."
    """
    config = loaded_config(config_path).config
    words = Words(cause=cause, changed=changed, cannot_recur=cannot_recur)
    wanted = ReplyKind(kind) if kind else None
    if sent_file is not None:
        state = wait_for(_sent(config, region=region, kind=wanted, text=read(sent_file), by=by))
        if as_json:
            print_json({"schema": "sendworthy.case/1", "case": state})
        else:
            click.echo("On record.")
            show_state(state)
        return
    written, chosen, wait = wait_for(_compose(config, region=region, kind=wanted, words=words))
    if as_json:
        print_json({"schema": "sendworthy.reply/1", "kind": chosen, "letter": written, "wait": wait})
        return
    for number, piece in enumerate(written.pieces, start=1):
        if len(written.pieces) > 1:
            click.echo(f"----- piece {number} of {len(written.pieces)} -----")
        click.echo(piece.rstrip())
    for one in written.left_out:
        if one.claim.startswith("question."):
            click.echo(f"Not answered: {one.subject}. {one.would_prove}", err=True)
    if wait:
        click.echo(f"Do not send it yet. {wait}", err=True)


@case.command("asked")
@click.argument("way", type=click.Choice(["service_quotas", "new_case"]))
@_region
@click.option("--reference", default="", metavar="ID", help="The number of the request or case, for the record.")
@json_option
@config_option
def asked_(*, way: str, region: str | None, reference: str, as_json: bool, config_path: Path | None) -> None:
    """Put on record that you asked by another way: through Service Quotas, or with a new case.

    \b
    sendworthy case asked service_quotas --reference 0123abcd
    """
    config = loaded_config(config_path).config
    state = wait_for(_asked(config, region=region, way=Rung(way), reference=reference))
    if as_json:
        print_json({"schema": "sendworthy.case/1", "case": state})
    else:
        show_state(state)


@case.command("read")
@_region
@json_option
@config_option
def read_(*, region: str | None, as_json: bool, config_path: Path | None) -> None:
    """Read what AWS wrote on the case by API and record it. Needs a paid Support plan; `record` works without.

    \b
    sendworthy case read
    """
    config = loaded_config(config_path).config
    explanations, state = wait_for(_read(config, region=region))
    if as_json:
        print_json({"schema": "sendworthy.explanations/1", "explanations": explanations, "case": state})
        return
    for explanation in explanations:
        _show_explanation(explanation)
        click.echo()
    if not explanations:
        click.echo("AWS has written nothing new on the case.\n")
    show_state(state)


@case.command("drift")
@_region
@json_option
@config_option
def drift_(*, region: str | None, as_json: bool, config_path: Path | None) -> int:
    """Prove again every sentence that was sent to AWS, and say which is no longer true. Exits 1 when one is not.

    \b
    sendworthy case drift
    """
    config = loaded_config(config_path).config
    found = wait_for(_drift(config, region=region))
    gone = [one for one in found if one.now is Now.NOT_PROVED]
    if as_json:
        verdict = "drifted" if gone else "holds"
        print_json({"schema": "sendworthy.drift/1", "verdict": verdict, "sentences": found})
        return Exit.FOUND if gone else Exit.DONE
    for one in found:
        if one.now is not Now.HOLDS:
            _show_drift(one)
    holds = sum(one.now is Now.HOLDS for one in found)
    click.echo(f"{holds} of {len(found)} sentences that were sent hold as they were said.")
    return Exit.FOUND if gone else Exit.DONE


@case.command("close")
@click.argument("reason")
@_region
@json_option
@config_option
def close_(*, reason: str, region: str | None, as_json: bool, config_path: Path | None) -> None:
    """Close the case with a REASON of yours. The next word of AWS opens it again.

    \b
    sendworthy case close "We send through our parent company's account."
    """
    config = loaded_config(config_path).config
    state = wait_for(_close(config, region=region, reason=reason))
    if as_json:
        print_json({"schema": "sendworthy.case/1", "case": state})
    else:
        show_state(state)


def show_state(state: CaseState) -> None:
    """Print where a case stands, what comes next and by when, what is left, and who can help."""
    click.echo(f"{state.what}\nNext: {state.next_step}")
    if state.case_id:
        click.echo(f"AWS's case: {state.case_id}")
    for expected in state.expected:
        click.echo(f"Expected by {expected.at:%Y-%m-%d %H:%M} UTC ({expected.source})")
    if state.overdue:
        click.echo("That time has passed.")
    if state.not_before is not None:
        click.echo(f"Not before {state.not_before:%Y-%m-%d %H:%M} UTC.")
    if state.again_between is not None:
        first, last = state.again_between
        click.echo(f"Asking again has worked between {first:%Y-%m-%d} and {last:%Y-%m-%d} (observed, not promised).")
    for step in state.steps:
        why = f" {step.why}" if step.why else ""
        click.echo(f"  [{step.standing}] {step.what}{why}" + (f" (needs {step.needs})" if step.why else ""))
    for where in state.help:
        click.echo(f"Help: {where}")


def _show_explanation(explanation: Explanation) -> None:
    click.echo(f"Kind: {explanation.kind} ({explanation.confidence})")
    if explanation.population is not Population.NONE:
        click.echo(f"Of the refusals it is one of: {explanation.population}")
    for phrase in explanation.phrases:
        click.echo(f"  because it says: {phrase}")
    if explanation.answered_by:
        click.echo(f"Findings that answer it (sendworthy audit, request check): {', '.join(explanation.answered_by)}")
    click.echo(f"Next: {explanation.next_step}")


def _show_drift(one: Drift) -> None:
    click.echo(f"[{one.now}] {one.said.claim} ({one.said.subject})")
    click.echo(f"  You told AWS on {one.said.at:%Y-%m-%d} (case {one.said.case}): {one.said.sentence}")
    if one.now is Now.CHANGED:
        click.echo(f"  Today it is: {one.sentence}")
    else:
        click.echo(f"  {one.why} {one.to_do}".rstrip())


def _detail(fact: Fact) -> str:
    wanted = ("status", "production", "answer", "code", "kind", "way", "reference", "subject", "reason", "by")
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
    told: tuple[State, bool] | None = None
    async with parts.opened_store(config) as store:
        while True:
            try:
                state, changed = await poll(aws, store, region=where, case=name)
            except ProviderError as error:
                if once or not error.retry:
                    raise
                click.echo(f"Could not look: {error.happened}", err=True)
            else:
                # A time that has run out is news too, though AWS shows nothing new.
                if (changed or told != (state.state, state.overdue)) and not quiet:
                    await _tell(store, name, state, changed=changed)
                told = (state.state, state.overdue)
                if once or state.state is State.IN_PRODUCTION or state.waiting_for is WaitingFor.US:
                    return state
            await asyncio.sleep(every)


async def _record(config: Config, *, region: str | None, text: str) -> tuple[Explanation, CaseState]:
    where = parts.regions(config, (region,) if region else ())[0]
    name = await _whose(Aws(region=where), where)
    async with parts.opened_store(config) as store:
        return await record_text(store, case=name, text=text)


async def _tell(store: Store, name: str, state: CaseState, *, changed: bool) -> None:
    before, now = looks(await remembered(store, name))
    for line in changes(before, now or {}) if changed else ():
        click.echo(line)
    show_state(state)


async def _compose(
    config: Config, *, region: str | None, kind: ReplyKind | None, words: Words
) -> tuple[Letter, ReplyKind, str]:
    evidence, standing = await _standing(config, region=region)
    chosen = kind or fitting(standing.case)
    return compose(standing, evidence, chosen, words), chosen, too_soon(standing.case, parts.WALL.now())


async def _sent(config: Config, *, region: str | None, kind: ReplyKind | None, text: str, by: str) -> CaseState:
    _, standing = await _standing(config, region=region)
    async with parts.opened_store(config) as store:
        return await sent(store, standing, kind or fitting(standing.case), text, by=by)


async def _drift(config: Config, *, region: str | None) -> tuple[Drift, ...]:
    where = parts.regions(config, (region,) if region else ())[0]
    async with parts.opened_store(config) as store:
        return await prove_again(config, Aws(region=where), store, region=where)


async def _standing(config: Config, *, region: str | None) -> tuple[Evidence, Standing]:
    where = parts.regions(config, (region,) if region else ())[0]
    async with parts.opened_store(config) as store:
        aws, domains = Aws(region=where), parts.domains(config)
        evidence = await look(config, aws, regions=(where,), domains=domains, wide=True, store=store)
        return evidence, await stand(evidence, store, region=where, promised=True)


async def _asked(config: Config, *, region: str | None, way: Rung, reference: str) -> CaseState:
    where = parts.regions(config, (region,) if region else ())[0]
    name = await _whose(Aws(region=where), where)
    async with parts.opened_store(config) as store:
        return await asked(store, name, way, reference=reference)


async def _close(config: Config, *, region: str | None, reason: str) -> CaseState:
    where = parts.regions(config, (region,) if region else ())[0]
    name = await _whose(Aws(region=where), where)
    async with parts.opened_store(config) as store:
        return await close(store, name, reason=reason)


async def _read(config: Config, *, region: str | None) -> tuple[tuple[Explanation, ...], CaseState]:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    name = await _whose(aws, where)
    async with parts.opened_store(config) as store:
        return await read_case(aws, store, case=name)
