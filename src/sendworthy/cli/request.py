"""`sendworthy request`: the gate, the letter, and the submission with your word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sendworthy.access.case import CaseState
from sendworthy.access.claims import NotProved
from sendworthy.access.gate import Gate, Item
from sendworthy.access.letter import Letter
from sendworthy.access.submission import LETTER_IS_FOR_THE_CASE, submission
from sendworthy.app import parts
from sendworthy.app.ask import Standing, stand, submit, write_letter
from sendworthy.app.look import look
from sendworthy.audit.evidence import Evidence
from sendworthy.cli.case import show_state
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config

_region = click.option("--region", metavar="REGION", help="The Region to ask for; a grant holds for one Region.")
_despite = click.option("--despite", default="", metavar="REASON", help="Go on over blockers; the reason is recorded.")


@click.group()
def request() -> None:
    """Ask AWS for production access: check the gate, draft the letter, submit."""


@request.command()
@_region
@_despite
@json_option
@config_option
def check(*, region: str | None, despite: str, as_json: bool, config_path: Path | None) -> int:
    """Say what stands in the way of a request: blockers apart from advice. Exits 1 while a blocker stands.

    \b
    sendworthy request check --region eu-west-1
    """
    config = loaded_config(config_path).config
    _, standing = wait_for(_stand(config, region=region, despite=despite))
    if as_json:
        print_json({"schema": "sendworthy.gate/1", "region": standing.region, "gate": standing.gate})
    else:
        _show_gate(standing.gate, standing.region)
    return Exit.DONE if standing.gate.may_submit else Exit.FOUND


@request.command()
@_region
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the letter to a file.")
@json_option
@config_option
def draft(*, region: str | None, output: Path | None, as_json: bool, config_path: Path | None) -> None:
    """Write the letter from what is proved and what you said, and list what was left out and what would prove it.

    The commitments stand in the draft as they would be submitted; they count only with --i-confirm at `submit`.

    \b
    sendworthy request draft > letter.txt
    """
    config = loaded_config(config_path).config
    evidence, standing = wait_for(_stand(config, region=region, promised=True))
    written = write_letter(standing, evidence)
    if as_json:
        print_json({"schema": "sendworthy.letter/1", "region": standing.region, "letter": written})
        return
    write(f"Subject: {written.subject}\n\n{written.body}", output)
    _show_left_out(written.left_out)
    click.echo(f"\n{LETTER_IS_FOR_THE_CASE}", err=True)


@request.command("submit")
@_region
@_despite
@click.option("--i-confirm", "confirmed", is_flag=True, help="Your word for the promise that is shown without it.")
@json_option
@config_option
def submit_(*, region: str | None, despite: str, confirmed: bool, as_json: bool, config_path: Path | None) -> int:
    """Submit the request once. Shows first what goes to AWS, and the promise that only you can make.

    \b
    sendworthy request submit                shows what would be submitted
    sendworthy request submit --i-confirm    submits it
    """
    config = loaded_config(config_path).config
    params = submission(config.profile)
    if not as_json:
        click.echo("To AWS goes (PutAccountDetails):", err=True)
        for name, value in params.items():
            click.echo(f"  {name}: {', '.join(value) if isinstance(value, list) else value}", err=True)
    state = wait_for(_submit(config, region=region, despite=despite, confirmed=confirmed))
    if as_json:
        print_json({"schema": "sendworthy.case/1", "case": state})
    else:
        click.echo("Submitted.")
        show_state(state)
        click.echo(f"\n{LETTER_IS_FOR_THE_CASE}", err=True)
    return Exit.DONE


async def _stand(
    config: Config, *, region: str | None, despite: str = "", promised: bool = False
) -> tuple[Evidence, Standing]:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    async with parts.opened_store(config) as store:
        evidence = await look(config, aws, regions=(where,), domains=parts.domains(config))
        return evidence, await stand(evidence, store, region=where, promised=promised, despite=despite)


async def _submit(config: Config, *, region: str | None, despite: str, confirmed: bool) -> CaseState:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    async with parts.opened_store(config) as store:
        evidence = await look(config, aws, regions=(where,), domains=parts.domains(config))
        standing = await stand(evidence, store, region=where, promised=True, despite=despite)
        letter: Letter = write_letter(standing, evidence)
        return await submit(config, aws, store, standing, letter, confirmed=confirmed)


def _show_gate(gate: Gate, region: str) -> None:
    if not gate.blockers:
        click.echo(f"Nothing stands in the way of a request for {region}.")
    else:
        click.echo(f"{len(gate.blockers)} blockers stand in the way of a request for {region}:")
        _show_items(gate.blockers)
    if gate.advice:
        click.echo(f"\n{len(gate.advice)} things would help it:")
        _show_items(gate.advice)
    if gate.override is not None:
        click.echo(f"\nYou may go on despite them; on record: {gate.override.reason}")


def _show_items(items: Sequence[Item]) -> None:
    for item in items:
        place = f" ({item.subject})" if item.subject else ""
        click.echo(f"  {item.id}{place}\n    {item.what}\n    {item.fix}")


def _show_left_out(left_out: Sequence[NotProved]) -> None:
    if left_out:
        click.echo(f"\n{len(left_out)} sentences were left out, because nothing proves them yet:", err=True)
    for one in left_out:
        click.echo(f"  {one.claim} ({one.subject}): {one.why} {one.would_prove}", err=True)
