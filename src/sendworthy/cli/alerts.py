"""`sendworthy alerts`: what a person should look at, who was told of it, and a test of telling them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.alert_targets import Tried, alert_targets, try_targets
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.clients.webhook import Poster
from sendworthy.config import Config
from sendworthy.store.alerting import StoredAlert, TargetRecord


@click.group()
def alerts() -> None:
    """Show what a person should look at, and whether those under [alerts] were told."""


@alerts.command("list")
@click.option("--days", default=0, type=click.IntRange(0, 3650), help="Also what ended in these days.")
@json_option
@config_option
def list_(*, days: int, as_json: bool, config_path: Path | None) -> int:
    """List the open alerts and how each target has been answering. Exits 1 when an alert is open.

    \b
    sendworthy alerts list
    sendworthy alerts list --days 7 --json
    """
    config = loaded_config(config_path).config
    found, records, shown = wait_for(_list(config, days))
    still_open = [one for one in found if one.cleared_at is None]
    if as_json:
        print_json(
            {
                "schema": "sendworthy.alerts/1",
                "verdict": "open" if still_open else "clear",
                "alerts": found,
                "targets": [
                    {
                        "target": shown.get(one.target, one.target),
                        "configured": one.target in shown,
                        "waiting": one.waiting,
                        "given_up": one.given_up,
                        "taken_at": one.taken_at,
                        "error": one.error,
                    }
                    for one in records
                ],
            }
        )
    else:
        rows(
            ("LEVEL", "KIND", "SUBJECT", "SINCE", "UNTIL", "WHAT"),
            [
                (one.level, one.kind, one.subject, one.opened_at, one.cleared_at, f"{one.happened} {one.to_do}".strip())
                for one in found
            ],
            none="There is no alert.",
        )
        click.echo()
        rows(
            ("TARGET", "LAST TOLD", "WAITING", "GIVEN UP", "WHY"),
            [
                (shown.get(one.target, f"{one.target} (gone)"), one.taken_at, one.waiting, one.given_up, one.error)
                for one in records
            ],
            none="Nobody is told: set emails or webhooks under [alerts]." if not shown else "Nobody was told so far.",
        )
    return Exit.FOUND if still_open else Exit.DONE


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


async def _list(config: Config, days: int) -> tuple[tuple[StoredAlert, ...], tuple[TargetRecord, ...], dict[str, str]]:
    since = parts.WALL.now() - timedelta(days=days) if days else None
    async with parts.opened_store(config) as store, Poster() as poster:
        shown = {one.name: one.shown for one in alert_targets(config, store, None, poster, now=parts.WALL.now)}
        return await store.alerts.list(cleared_since=since), await store.alerts.targets(), shown


async def _test(config: Config) -> tuple[Tried, ...]:
    async with parts.opened_store(config) as store, Poster() as poster:
        targets = alert_targets(config, store, None, poster, now=parts.WALL.now)
        return await try_targets(targets, parts.new_id)
