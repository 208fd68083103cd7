"""`sendworthy request`: the gate, the letter and its linter, the paste pack, the dossier, and the submission."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sendworthy.access.case import CaseState
from sendworthy.access.claims import NotProved
from sendworthy.access.gate import Gate, Item
from sendworthy.access.letter import Letter
from sendworthy.access.lint import Remark, lint
from sendworthy.access.pack import TEMPLATE as PACK
from sendworthy.access.pack import as_page, as_text, pack
from sendworthy.access.prerequisites import Met
from sendworthy.access.said import difference, last_text
from sendworthy.access.submission import LETTER_IS_FOR_THE_CASE, PROMISE, submission
from sendworthy.app import parts
from sendworthy.app.ask import Standing, drafted, stand, submit, template, write_letter
from sendworthy.app.dossier import export as export_dossier
from sendworthy.app.dossier import usual_answers
from sendworthy.app.look import look
from sendworthy.audit.evidence import Evidence
from sendworthy.cli.case import show_state
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, read, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config

_region = click.option("--region", metavar="REGION", help="The Region to ask for; a grant holds for one Region.")
_despite = click.option("--despite", default="", metavar="REASON", help="Go on over blockers; the reason is recorded.")
_changed = click.option(
    "--changed", multiple=True, metavar="WHAT", help="What is different since the last refusal; repeatable, recorded."
)
_output = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to a file."
)


@click.group(cls=Group)
def request() -> None:
    """Ask AWS for production access: check the gate, draft the letter, submit or paste it."""


@request.command()
@_region
@_despite
@json_option
@config_option
def check(*, region: str | None, despite: str, as_json: bool, config_path: Path | None) -> int:
    """Say what a request needs and what stands in its way, and over what AWS is likely to refuse it.

    Exits 1 while a blocker stands.

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
@_output
@_changed
@click.option("--diff", is_flag=True, help="Show only what is different from what went to AWS last.")
@json_option
@config_option
def draft(
    *,
    region: str | None,
    output: Path | None,
    changed: tuple[str, ...],
    diff: bool,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Write the letter from what is proved and what you said, and list what was left out and what would prove it.

    The commitments stand in the draft as they would be submitted; they count only with --i-confirm at `submit`.
    With --changed the draft is put on the case's record: after refusals, a new request needs something new.

    \b
    sendworthy request draft > letter.txt
    sendworthy request draft --diff
    sendworthy request draft --changed "DMARC is published"
    """
    config = loaded_config(config_path).config
    evidence, standing = wait_for(_stand(config, region=region, promised=True))
    written = write_letter(standing, evidence)
    if changed:
        wait_for(_record_draft(config, standing, written, changed))
    changes = difference(last_text(standing.facts), written.body) if diff else ()
    if as_json:
        print_json({"schema": "sendworthy.letter/1", "region": standing.region, "letter": written, "diff": changes})
        return
    if diff:
        click.echo("\n".join(changes) or "Nothing is different from what went to AWS last.")
        return
    write(f"Subject: {written.subject}\n\n{written.body}", output)
    _show_left_out(written.left_out)
    _show_remarks(lint(written.body, profile=evidence.profile, results=standing.results), err=True)
    click.echo(f"\n{LETTER_IS_FOR_THE_CASE}", err=True)


@request.command("lint")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--short", is_flag=True, help="A short text, such as a question, that need not tell the whole story.")
@click.option("--proved", is_flag=True, help="Look at the account too, and hold promises against the evidence.")
@_region
@json_option
@config_option
def lint_(
    *, file: Path | None, short: bool, proved: bool, region: str | None, as_json: bool, config_path: Path | None
) -> int:
    """Say what to mend in a text for AWS (FILE or standard input), yours or ours, each with a suggestion.

    Holds it against sendworthy.toml too, where there is one. Exits 1 when there is something to mend.

    \b
    sendworthy request lint answer.txt
    sendworthy request lint --proved answer.txt
    """
    text = read(file)
    config = loaded_config(config_path).config
    results = wait_for(_stand(config, region=region, promised=True))[1].results if proved else ()
    remarks = lint(text, profile=config.profile, results=results, whole=not short)
    if as_json:
        print_json({"schema": "sendworthy.lint/1", "verdict": "mend" if remarks else "clean", "remarks": remarks})
    elif remarks:
        _show_remarks(remarks)
    else:
        click.echo("Nothing to mend.")
    return Exit.FOUND if remarks else Exit.DONE


@request.command("pack")
@_region
@click.option(
    "--format", "kind", type=click.Choice(["text", "html"]), default="text", show_default=True, help="The pack's form."
)
@_output
@json_option
@config_option
def pack_(*, region: str | None, kind: str, output: Path | None, as_json: bool, config_path: Path | None) -> None:
    """Put together what to type and paste in AWS's console: the path, each field, the letter in pieces.

    For everybody without a Support plan that has an API. Submits nothing.

    \b
    sendworthy request pack
    sendworthy request pack --format html --output pack.html
    """
    config = loaded_config(config_path).config
    evidence, standing = wait_for(_stand(config, region=region, promised=True))
    answer = usual_answers(standing, evidence)
    packed = pack(
        submission(config.profile),
        write_letter(standing, evidence),
        region=standing.region,
        answers=answer.pieces if answer is not None else (),
    )
    if as_json:
        print_json({"schema": "sendworthy.pack/1", "pack": packed})
        return
    write(as_page(packed, template(PACK)) if kind == "html" else as_text(packed), output)
    if not standing.gate.may_submit:
        click.echo(f"\n{len(standing.gate.blockers)} blockers stand: sendworthy request check.", err=True)


@request.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_region
@json_option
@config_option
def export(*, folder: Path, region: str | None, as_json: bool, config_path: Path | None) -> None:
    """Write the dossier of the request into FOLDER: letter, evidence, samples, statistics, and one page to print.

    What is missing stands in it as a gap that everybody sees.

    \b
    sendworthy request export dossier
    """
    config = loaded_config(config_path).config
    evidence, standing = wait_for(_stand(config, region=region, promised=True))
    written = export_dossier(standing, evidence, folder)
    if as_json:
        print_json({"schema": "sendworthy.dossier/1", "files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(path)


@request.command("submit")
@_region
@_despite
@_changed
@click.option("--i-confirm", "confirmed", is_flag=True, help="Your word for the promise that is shown without it.")
@click.option(
    "--use-case",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Send this text as UseCaseDescription too, which AWS calls deprecated; off otherwise.",
)
@json_option
@config_option
def submit_(
    *,
    region: str | None,
    despite: str,
    changed: tuple[str, ...],
    confirmed: bool,
    use_case: Path | None,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Submit the request once. Shows first what goes to AWS, and the promise that only you can make.

    \b
    sendworthy request submit                shows what would be submitted
    sendworthy request submit --i-confirm    submits it
    """
    config = loaded_config(config_path).config
    described = read(use_case).strip() if use_case is not None else ""
    params = submission(config.profile, use_case=described)
    if not as_json:
        click.echo("To AWS goes (PutAccountDetails):", err=True)
        for name, value in params.items():
            click.echo(f"  {name}: {', '.join(value) if isinstance(value, list) else value}", err=True)
        click.echo(f"The promise: {PROMISE}", err=True)
    state = wait_for(
        _submit(config, region=region, despite=despite, changed=changed, use_case=described, confirmed=confirmed)
    )
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
        evidence = await look(config, aws, regions=(where,), domains=parts.domains(config), wide=True, store=store)
        return evidence, await stand(evidence, store, region=where, promised=promised, despite=despite)


async def _record_draft(config: Config, standing: Standing, written: Letter, changed: Sequence[str]) -> CaseState:
    async with parts.opened_store(config) as store:
        return await drafted(store, standing, written, changed=changed)


async def _submit(
    config: Config, *, region: str | None, despite: str, changed: Sequence[str], use_case: str, confirmed: bool
) -> CaseState:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    async with parts.opened_store(config) as store:
        evidence = await look(config, aws, regions=(where,), domains=parts.domains(config), wide=True, store=store)
        standing = await stand(evidence, store, region=where, promised=True, despite=despite)
        letter = write_letter(standing, evidence)
        return await submit(
            config, aws, store, standing, letter, confirmed=confirmed, changed=changed, use_case=use_case
        )


_MARKS = {Met.MET: "met    ", Met.OPEN: "OPEN   ", Met.UNKNOWN: "unknown"}


def _show_gate(gate: Gate, region: str) -> None:
    click.echo(f"What a request for {region} needs:")
    for one in gate.prerequisites:
        click.echo(f"  {_MARKS[one.met]}  {one.title}{'  (stands in the way)' if one.blocks else ''}")
        for line in one.open:
            click.echo(f"             {line}")
    if not gate.blockers:
        click.echo(f"\nNothing stands in the way of a request for {region}.")
    else:
        click.echo(f"\n{len(gate.blockers)} blockers stand in the way of a request for {region}:")
        _show_items(gate.blockers)
    if gate.advice:
        click.echo(f"\n{len(gate.advice)} things would help it:")
        _show_items(gate.advice)
    if gate.likely:
        click.echo("\nOver what AWS would likely refuse it, likeliest first (our guess; AWS publishes no criteria):")
        for number, likely in enumerate(gate.likely, start=1):
            click.echo(f"  {number}. {likely.what}")
            for line in likely.evidence:
                click.echo(f"     {line}")
    if gate.first:
        click.echo(f"\nFirst: {gate.first}")
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


def _show_remarks(remarks: Sequence[Remark], *, err: bool = False) -> None:
    for one in remarks:
        place = f"line {one.line}" if one.line else "the whole"
        quoted = f': "{one.quote}"' if one.quote else ""
        click.echo(f"{place}{quoted} ({one.rule})\n  {one.what}\n  {one.suggestion}", err=err)
