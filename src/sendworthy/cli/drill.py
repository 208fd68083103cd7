"""`sendworthy drill`: proves the event pipeline with the mailbox simulator, and says where it is broken."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sendworthy.app import parts
from sendworthy.app.drill import Hop, TrialKind
from sendworthy.app.drill_unsubscribe import UNSUBSCRIBE
from sendworthy.app.rehearse import Rehearsed, rehearse
from sendworthy.app.rehearse_unsubscribe import Unsubscribed
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import certificate_file, download_certificate
from sendworthy.config import Config

_WORDS = {
    TrialKind.DELIVERY: "delivery",
    TrialKind.BOUNCE: "bounce",
    TrialKind.COMPLAINT: "complaint",
    TrialKind.OUT_OF_OFFICE: "out of office",
    TrialKind.SUPPRESSION: "suppressed address",
}
_WHERE = {
    Hop.GATEWAY: "at the gateway",
    Hop.SES: "at SES",
    Hop.DESTINATION: "at the event destination",
    Hop.TOPIC: "at the topic",
    Hop.QUEUE: "at the queue",
    Hop.INTAKE: "at the intake of events",
    Hop.RECORD: "on the record",
    Hop.SUPPRESSION: "at the suppression",
    Hop.UNKNOWN: "between SES and the queue",
}
_UNSUBSCRIBE = UNSUBSCRIBE.removeprefix("drill.")


@click.command()
@click.option("--region", metavar="REGION", help="AWS Region to drill in.")
@click.option("--from", "sender", default="", metavar="ADDRESS", help="Who writes; drill@ your first domain if absent.")
@click.option("--each", type=click.IntRange(1, 50), default=5, show_default=True, help="Trials of each kind.")
@click.option(
    "--kind",
    "words",
    multiple=True,
    type=click.Choice([*(kind.value.removeprefix("drill.") for kind in TrialKind), _UNSUBSCRIBE]),
    help="Only this kind; repeatable.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1.0, 3600.0),
    default=120.0,
    show_default=True,
    help="Seconds to wait after the last event that came.",
)
@json_option
@config_option
def drill(
    *,
    region: str | None,
    sender: str,
    each: int,
    words: tuple[str, ...],
    patience: float,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Send to the SES mailbox simulator through the gateway, and wait for each event. The result is evidence.

    Uses the gateway that is up, else one of its own for the time of the drill. Works in the sandbox, and costs neither
    quota nor reputation. Exits 1 when an event did not come back, and says at which hop the path is broken.

    With marketing mail and gateway.public_url it also presses the unsubscribe link of bulk mail as a mailbox provider
    does: a GET must change nothing, and after the POST of one click the address must get no more.

    \b
    sendworthy drill
    sendworthy drill --from hello@example.com --each 2 --json
    sendworthy drill --kind unsubscribe
    """
    config = loaded_config(config_path).config
    kinds = tuple(kind for kind in TrialKind if not words or kind.value.removeprefix("drill.") in words)
    rehearsed = wait_for(
        _drill(
            config,
            region=region,
            sender=sender,
            each=each,
            kinds=kinds,
            unsubscribe=not words or _UNSUBSCRIBE in words,
            patience_seconds=patience,
        )
    )
    if as_json:
        print_json(_as_json(rehearsed))
    else:
        _show(rehearsed)
    return Exit.DONE if rehearsed.passed else Exit.FOUND


async def _drill(
    config: Config,
    *,
    region: str | None,
    sender: str,
    each: int,
    kinds: tuple[TrialKind, ...],
    unsubscribe: bool,
    patience_seconds: float,
) -> Rehearsed:
    where = parts.regions(config, (region,) if region else ())[0]
    certificate = certificate_file(config.events.certificate) if config.events.certificate else download_certificate
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("events on record", total=each * len(kinds))
        return await rehearse(
            config,
            Aws(region=where),
            region=where,
            domains=parts.domains(config),
            sender=sender,
            each=each,
            label=parts.new_id()[:8],
            patience_seconds=patience_seconds,
            progress=lambda done, _total: bar.update(task, completed=done),
            kinds=kinds,
            unsubscribe=unsubscribe,
            certificate=certificate,
        )


def _show(rehearsed: Rehearsed) -> None:
    drilled, left = rehearsed.drilled, rehearsed.unsubscribed
    click.echo(f"Drilled in {drilled.region} through {rehearsed.through}")
    shown = [
        (
            _WORDS[kind],
            f"{sum(one.passed for one in drilled.of(kind))} of {len(drilled.of(kind))}",
            f"{drilled.longest_seconds(kind):.1f} s",
        )
        for kind in drilled.kinds
    ]
    if left is not None and left.trials:
        passed = [one for one in left.trials if one.passed]
        longest = max((one.seconds for one in passed), default=0.0)
        shown.append(("unsubscribe", f"{len(passed)} of {len(left.trials)}", f"{longest:.1f} s"))
    rows(("WHAT", "PASSED", "LONGEST"), shown, none="Nothing was tried.")
    if drilled.trials:
        click.echo(
            f"{drilled.highest_per_second} in the busiest second; {drilled.rate_per_second:g} a second are allowed."
        )
    causes: dict[tuple[Hop, str, str], list[str]] = {}
    for one in rehearsed.broken:
        causes.setdefault((one.hop, one.what, one.fix), []).append(_WORDS[one.kind])
    for (hop, what, fix), kinds in causes.items():
        click.echo(f"\n{', '.join(kinds)}: broken {_WHERE[hop]}.\n  {what}\n  {fix}")
    if left is not None:
        _show_unsubscribed(left)
    if drilled.trials and drilled.passed:
        click.echo("Every event came back. The result is kept as evidence for `sendworthy request`.")


def _show_unsubscribed(left: Unsubscribed) -> None:
    if left.not_tried:
        click.echo(f"One-click unsubscribe was not tried: {left.not_tried}.")
        return
    if left.note:
        click.echo(left.note)
    for why in dict.fromkeys(one.why for one in left.trials if not one.passed):
        click.echo(f"\nunsubscribe: {why.rstrip('.')}.")
    if left.passed:
        click.echo(f"One click at {left.door} ended the mail. The result is kept as evidence for `sendworthy request`.")


def _unsubscribed_as_json(left: Unsubscribed) -> dict[str, object]:
    return {
        "kind": UNSUBSCRIBE,
        "verdict": "not_tried" if left.not_tried else "pass" if left.passed else "fail",
        "why": left.not_tried,
        "door": left.door,
        "note": left.note,
        "trials": [
            {
                "recipient": one.recipient,
                "message_id": one.message_id,
                "verdict": "pass" if one.passed else "fail",
                "seconds": one.seconds,
                "why": one.why,
            }
            for one in left.trials
        ],
    }


def _as_json(rehearsed: Rehearsed) -> dict[str, object]:
    drilled = rehearsed.drilled
    return {
        "schema": "sendworthy.drill/1",
        "region": drilled.region,
        "at": drilled.at,
        "through": rehearsed.through,
        "verdict": "pass" if rehearsed.passed else "fail",
        "rate_per_second": drilled.rate_per_second,
        "highest_per_second": drilled.highest_per_second,
        "trials": [
            {
                "kind": trial.kind,
                "recipient": trial.recipient,
                "message_id": trial.message_id,
                "verdict": "pass" if trial.passed else "fail",
                "status": trial.status,
                "seconds": trial.seconds,
                "hop": "" if trial.passed else trial.stuck,
            }
            for trial in drilled.trials
        ],
        "broken": [{"kind": one.kind, "hop": one.hop, "what": one.what, "fix": one.fix} for one in rehearsed.broken],
        "unsubscribe": _unsubscribed_as_json(rehearsed.unsubscribed) if rehearsed.unsubscribed else None,
    }
