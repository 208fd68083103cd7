"""`sendworthy events report`: whether anything is missing from our record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from sendworthy.app import completeness, parts
from sendworthy.app.completeness import Report, Verdict
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.store.values import Lane


@click.command("report")
@click.option("--days", default=3, show_default=True, type=click.IntRange(1, 13), help="Whole UTC days to compare.")
@click.option(
    "--after-hours",
    default=24,
    show_default=True,
    type=click.IntRange(1, 720),
    help="From when on a message that SES took should have an end.",
)
@click.option("--offline", is_flag=True, help="Ask AWS nothing: look at our own record alone.")
@click.option("--region", metavar="REGION", help="The Region to compare with.")
@json_option
@config_option
def report(
    *, days: int, after_hours: int, offline: bool, region: str | None, as_json: bool, config_path: Path | None
) -> int:
    """Check that nothing is missing: the ledger, mail without an end, our days against those that AWS counted.

    Exits 1 when something is certainly missing, 3 when AWS could not be asked.

    \b
    sendworthy events report
    sendworthy events report --days 7 --json
    sendworthy events report --offline
    """
    config = loaded_config(config_path).config
    found = wait_for(_report(config, days, timedelta(hours=after_hours), offline=offline, region=region))
    if as_json:
        fields = {name: getattr(found, name) for name in found.__slots__}
        print_json({"schema": "sendworthy.completeness/1", "verdict": found.verdict, **fields})
    else:
        _tell(found)
    return {"incomplete": Exit.FOUND, "unknown": Exit.COULD_NOT_LOOK}.get(found.verdict, Exit.DONE)


def _tell(found: Report) -> None:
    click.echo(
        f"Our record is {found.verdict}." if found.verdict != "unknown" else "Whether it is complete is unknown."
    )
    for problem in found.problems:
        click.echo(f"  {problem}")
    for one in found.broken:
        click.echo(f"  The ledger breaks the rule `{one.rule}`: {', '.join(one.ids[:5])}")
    if found.unfinished:
        click.echo(f"\n{len(found.unfinished)} deliveries without an end:")
        rows(
            ("SINCE", "MESSAGE", "TO", "STATUS"),
            [(one.since, one.message_id, one.recipient, one.status) for one in found.unfinished[:20]],
            none="",
        )
    if found.compared:
        click.echo()
        rows(
            ("DAY", "SOURCE", "WHAT", "OURS", "THEIRS", "VERDICT", "WHY"),
            [
                (one.day, one.source, one.what, one.ours, one.theirs, one.verdict, one.why)
                for one in found.compared
                if one.ours or one.theirs or one.verdict is not Verdict.MATCH
            ],
            none="AWS counted nothing on these days, and neither did we.",
        )


async def _report(config: Config, days: int, end_after: timedelta, *, offline: bool, region: str | None) -> Report:
    async with parts.opened_store(config) as store:
        now = parts.WALL.now()
        if offline:
            lane = Lane(region=region or "")
            return await completeness.report(store, None, lane, now=now, days=days, end_after=end_after)
        where = parts.regions(config, (region,) if region else ())[0]
        lane = Lane(region=where)
        return await completeness.report(store, Aws(region=where), lane, now=now, days=days, end_after=end_after)
