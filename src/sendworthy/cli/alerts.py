"""`sendworthy alerts`: what a person should look at, who was told of it, and a test of telling them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.alert_targets import Tried, alert_targets, shown_targets, try_targets
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.clients.webhook import Poster
from sendworthy.config import Config
from sendworthy.console.alert_lines import MOST, TargetLine, by_urgency, lines, targets
from sendworthy.store.alerting import StoredAlert, TargetRecord, ToldTo


@click.group(cls=Group)
def alerts() -> None:
    """Show what a person should look at, and whether those under [alerts] were told."""


@alerts.command("list")
@click.option("--days", default=0, type=click.IntRange(0, 3650), help="Also what ended in these days.")
@json_option
@config_option
def list_(*, days: int, as_json: bool, config_path: Path | None) -> int:
    """List the open alerts, the most urgent first, and who was told. Exits 1 when an alert is open.

    \b
    sendworthy alerts list
    sendworthy alerts list --days 7 --json
    """
    config = loaded_config(config_path).config
    looked = wait_for(_list(config, days))
    still_open = [one for one in looked.alerts if one.cleared_at is None]
    if as_json:
        print_json(
            {
                "schema": "sendworthy.alerts/1",
                "verdict": "open" if still_open else "clear",
                "alerts": looked.alerts,
                "targets": _targets_json(looked),
                "told": _told_json(looked),
            }
        )
    else:
        _show(looked, days, len(still_open))
    return Exit.FOUND if still_open else Exit.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What is on record, and how a person knows each configured target."""

    alerts: tuple[StoredAlert, ...]
    records: tuple[TargetRecord, ...]
    told: tuple[ToldTo, ...]
    shown: dict[str, str]


def _targets_json(looked: _Looked) -> list[dict[str, object]]:
    known = {one.target: one for one in looked.records}
    return [
        {
            "target": looked.shown.get(name, name),
            "configured": name in looked.shown,
            "waiting": one.waiting if (one := known.get(name)) else 0,
            "given_up": one.given_up if one else 0,
            "taken_at": one.taken_at if one else None,
            "error": one.error if one else "",
        }
        for name in dict.fromkeys([*known, *looked.shown])
    ]


def _told_json(looked: _Looked) -> list[dict[str, object]]:
    listed = {one.id for one in looked.alerts}
    return [
        {
            "alert_id": one.alert_id,
            "target": looked.shown.get(one.target, one.target),
            "what": one.what,
            "state": one.state,
            "attempts": one.attempts,
            "error": one.error,
            "told_at": one.told_at,
        }
        for one in looked.told
        if one.alert_id in listed
    ]


def _show(looked: _Looked, days: int, still_open: int) -> None:
    over = [one for one in looked.alerts if one.cleared_at is not None]
    for one in [*by_urgency(one for one in looked.alerts if one.cleared_at is None), *over]:
        click.echo(f"{one.level}  {one.kind}  {one.subject}")
        click.echo(f"    {one.happened}")
        if one.to_do:
            click.echo(f"    To do: {one.to_do}")
        until = f", until {one.cleared_at:{_AT}}" if one.cleared_at else ""
        click.echo(f"    Since {one.opened_at:{_AT}}{until}")
        if one.cleared_at is None:
            for line in lines(one, looked.told, looked.shown):
                click.echo(f"    {line.who}: {line.text}")
        click.echo()
    count = {0: "There is no alert.", 1: "One alert is open."}.get(still_open, f"{still_open} alerts are open.")
    click.echo(count if still_open or not looked.alerts else "No alert is open any more.")
    if not looked.alerts:
        click.echo("They are raised while `sendworthy up` runs.")
    if not days:
        click.echo("What was over in the last days: sendworthy alerts list --days 7")
    click.echo()
    _show_targets(targets(looked.records, looked.shown))
    if not looked.shown:
        click.echo("Nobody is told of alerts: set emails or webhooks under [alerts] in sendworthy.toml.")
    else:
        click.echo("To send each a test: sendworthy alerts test")


def _show_targets(told: Sequence[TargetLine]) -> None:
    if not told:
        return
    rows(
        ("TARGET", "LAST TOLD", "WAITING", "GIVEN UP", "WHY"),
        [
            (
                f"{one.who} (no longer configured)" if one.gone else one.who,
                one.told_at or "never so far",
                one.waiting,
                one.given_up,
                one.error,
            )
            for one in told
        ],
        none="",
    )


_AT = "%Y-%m-%d %H:%M:%SZ"


@alerts.command()
@json_option
@config_option
def test(*, as_json: bool, config_path: Path | None) -> int:
    """Send a test to each webhook and address, and say what it answered.

    Mail is accepted here and goes out with the gateway's other mail. Exits 1 when a target refuses, 3 when one cannot
    be reached.

    \b
    sendworthy alerts test
    """
    tried = wait_for(_test(loaded_config(config_path).config))
    if as_json:
        print_json({"schema": "sendworthy.alerts_test/1", "verdict": _worst(tried), "targets": tried})
    else:
        lines = [(one.target, one.verdict, one.answer) for one in tried]
        rows(("TARGET", "VERDICT", "ANSWER"), lines, none="")
    match _worst(tried):
        case "taken":
            return Exit.DONE
        case "refused":
            return Exit.FOUND
        case _:
            return Exit.COULD_NOT_LOOK


def _worst(tried: tuple[Tried, ...]) -> str:
    return max((one.verdict for one in tried), key=("taken", "refused", "unreachable").index)


async def _list(config: Config, days: int) -> _Looked:
    now = parts.WALL.now()
    since = now - timedelta(days=days) if days else None
    async with parts.opened_store(config) as store:
        return _Looked(
            alerts=await store.alerts.list(cleared_since=since, limit=MOST),
            records=await store.alerts.targets(),
            told=await store.alerts.told(since or now),
            shown=shown_targets(config),
        )


async def _test(config: Config) -> tuple[Tried, ...]:
    async with parts.opened_store(config) as store, Poster() as poster:
        targets = alert_targets(config, store, None, poster, now=parts.WALL.now)
        return await try_targets(targets, parts.new_id)
