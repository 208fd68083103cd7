"""`sendworthy ramp`: the warm-up, planned, shown and tried out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from sendworthy.app import parts
from sendworthy.app import ramp as flow
from sendworthy.app import ramp_plan as ahead
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config
from sendworthy.pacing.ramp import MOST_DAYS, Move, Planned, Position, Stage
from sendworthy.pacing.ramp_trial import Trial, World

_first = click.option("--first", type=click.IntRange(1, 1_000_000), metavar="N", help="Recipients on the first day.")
_target = click.option("--target", type=click.IntRange(1, 10**9), metavar="N", help="Recipients a day in the end.")
_days = click.option("--days", type=click.IntRange(2, 90), metavar="D", help="Days to the target; two to four weeks.")
_growth = click.option(
    "--growth", type=click.FloatRange(1.05, 4), metavar="F", help="At most so many times the day before."
)
_start = click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The first day; today if left out."
)

_MOVES = {
    Move.GROWN: "on to the next step",
    Move.REACHED: "target reached",
    Move.TOO_FEW: "step repeated: too few",
    Move.UNHEARD: "step repeated: nothing heard",
    Move.SLOWED: "step repeated: slowed",
    Move.BACK: "a step back, bulk rests",
    Move.RESTED: "bulk rested",
}


@click.group(cls=Group)
def ramp() -> None:
    """Warm the account up: from a small first day to the volume you want, in two to four weeks."""


@ramp.command()
@_first
@_target
@_days
@_growth
@_start
@json_option
@config_option
def plan(
    *,
    first: int | None,
    target: int | None,
    days: int | None,
    growth: float | None,
    start: datetime | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Show the warm-up day by day, as it goes when every day is used and healthy. Changes nothing.

    Values left out are those of [ramp]; without a target there, the quota that was last read, or else the volumes
    under [[mail]].

    \b
    sendworthy ramp plan --target 50000 --days 21 --first 200
    """
    config = loaded_config(config_path).config
    asked, why = wait_for(ahead.wanted(config, first=first, target=target, days=days, growth=growth, start=_day(start)))
    days_planned = ahead.planned(config, asked)
    notes = ahead.notes(config, asked, days_planned)
    if as_json:
        print_json(
            {
                "schema": "sendworthy.ramp_plan/1",
                "ramp": asked,
                "target_from": why,
                "days": days_planned,
                "notes": notes,
            }
        )
        return
    click.echo(f"From {asked.first_day:,} to {asked.target:,} recipients in any 24 hours ({why}).")
    click.echo()
    rows(("DAY", "DATE", "24 HOURS", "BULK AN HOUR"), [_planned_row(one) for one in days_planned], none="")
    for note in notes:
        click.echo(f"\n{note}")
    if not config.ramp.started:
        click.echo("\nTo begin it, write into sendworthy.toml and start the gateway again:")
        click.echo(f"\n{ahead.as_toml(asked)}")


@ramp.command()
@click.option("--region", metavar="REGION", help="The Region, where mail goes by several.")
@json_option
@config_option
def show(*, region: str | None, as_json: bool, config_path: Path | None) -> int:
    """Show where the warm-up stands today, what today may hold, and when the waiting mail should go.

    Exits 1 while it does not grow because of trouble, 3 when the record cannot be read.

    \b
    sendworthy ramp show
    """
    shown = wait_for(_show(loaded_config(config_path).config, region))
    stages, today = shown.course.stages, shown.course.today
    last = stages[-1] if stages else None
    trouble = not today.over and last is not None and last.move in {Move.SLOWED, Move.BACK, Move.RESTED, Move.UNHEARD}
    if as_json:
        print_json(_shown_as_json(shown, last))
        return Exit.FOUND if trouble else Exit.DONE
    if today.over:
        click.echo(_over(last))
    else:
        local = len(stages) + 1
        click.echo(f"Day {local}, step {today.step + 1}: {today.allowed:,} recipients in any 24 hours.")
        click.echo(f"Used: {shown.used_24_hours:,}. Left: {int(shown.left):,}.")
        bulk = shown.policy.bulk
        if bulk is not None:
            click.echo(_bulk_line(shown.used_hour, bulk.hour, bulk.opens, bulk.closes, held=today.held))
        click.echo(ahead.next_step(shown.ramp, today, shown.local_day))
        if last is not None and last.why:
            click.echo(f"Yesterday: {_MOVES[last.move]}. {last.why}")
    click.echo()
    rows(
        ("DATE", "MIGHT HOLD", "SENT", "HEARD", "BOUNCES", "COMPLAINTS", "VERDICT", "LED TO"),
        [_stage_row(one) for one in stages],
        none="This is the first day.",
    )
    _show_waiting(shown)
    return Exit.FOUND if trouble else Exit.DONE


@ramp.command()
@_first
@_target
@_days
@_growth
@click.option(
    "--per-day", type=click.IntRange(1, 10**9), metavar="N", help="Recipients wanted a day; the target if left out."
)
@click.option(
    "--list",
    "addresses",
    type=click.IntRange(1, 10**10),
    metavar="N",
    help="Addresses on the list; ten days' worth if left out.",
)
@click.option("--dead", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Of them dead: 0.05 is 5 %.")
@click.option("--bounce-rate", type=click.FloatRange(0, 1), default=0.0, metavar="RATE", help="Of mail to the living.")
@click.option(
    "--complaint-rate", type=click.FloatRange(0, 1), default=0.0, metavar="RATE", help="Of mail to the living."
)
@click.option("--quota", type=click.IntRange(1), metavar="N", help="SES's daily quota, if it is below the target.")
@click.option("--seed", default=1, show_default=True, type=int, help="The same seed gives the same days.")
@json_option
@config_option
def simulate(
    *,
    first: int | None,
    target: int | None,
    days: int | None,
    growth: float | None,
    per_day: int | None,
    addresses: int | None,
    dead: float,
    bounce_rate: float,
    complaint_rate: float,
    quota: int | None,
    seed: int,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Try the warm-up out on a made-up list: how it would have gone, and how many days to the target.

    Dead addresses bounce once and are suppressed. Exits 1 when the target was not reached within 120 days.

    \b
    sendworthy ramp simulate --target 20000 --days 21 --dead 0.06
    """
    config = loaded_config(config_path).config
    asked, _ = wait_for(ahead.wanted(config, first=first, target=target, days=days, growth=growth, start=None))
    wanted = per_day or asked.target
    world = World(
        per_day=wanted,
        addresses=addresses or 10 * wanted,
        dead=dead,
        bounce_rate=bounce_rate,
        complaint_rate=complaint_rate,
    )
    draw = random.Random(seed).random  # noqa: S311 - a seeded world, and nothing secret in it
    trial = ahead.tried(config, asked, world, quota=quota, draw=draw)
    if as_json:
        print_json(
            {"schema": "sendworthy.ramp_trial/1", "ramp": asked, "world": world, "seed": seed, **_as_json(trial)}
        )
    else:
        _show_trial(trial)
    return Exit.DONE if trial.reached_on else Exit.FOUND


async def _show(config: Config, region: str | None) -> flow.Shown:
    async with parts.opened_store(config) as store:
        return await flow.show(config, store, region=region)


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _planned_row(one: Planned) -> Sequence[object]:
    return one.number, one.day, f"{one.allowed:,}", f"{one.per_hour:,}"


def _stage_row(one: Stage) -> Sequence[object]:
    tally = one.lived.tally
    return (
        one.lived.day,
        f"{one.position.allowed:,}",
        f"{one.lived.sent:,}",
        f"{tally.sent:,}",
        tally.hard_bounces,
        tally.complaints,
        one.verdict,
        _MOVES[one.move],
    )


def _over(last: Stage | None) -> str:
    if last is not None and last.move is Move.REACHED:
        return f"The warm-up is over: the target was reached on {last.lived.day}. SES's own quota holds."
    return f"The warm-up is over after {MOST_DAYS} days, without its target. SES's own quota and the brake hold."


def _bulk_line(used: int, hour: float, opens: float, closes: float, *, held: bool) -> str:
    times = [datetime.fromtimestamp(at, UTC) for at in (opens, closes)]
    if held:
        return f"Bulk mail rests until {times[0]:%Y-%m-%d %H:%M} UTC."
    return f"Bulk mail: {hour:,.0f} an hour from {times[0]:%H:%M} to {times[1]:%H:%M} UTC; {used:,} in the last hour."


def _show_waiting(shown: flow.Shown) -> None:
    if not shown.waiting:
        return
    click.echo()
    rows(
        ("WAITING", "STREAM", "REASON", "WHY", "GOES ON"),
        [(one.count, one.stream, one.reason, one.text, one.expected_at) for one in shown.waiting],
        none="",
    )
    if shown.all_gone_at is not None:
        click.echo(f"If every day is healthy, the last of them goes at {shown.all_gone_at:%Y-%m-%d %H:%M} UTC.")


def _shown_as_json(shown: flow.Shown, last: Stage | None) -> dict[str, Any]:
    today: Position = shown.course.today
    return {
        "schema": "sendworthy.ramp/1",
        "account": shown.lane.account,
        "region": shown.lane.region,
        "at": shown.at,
        "ramp": shown.ramp,
        "day": len(shown.course.stages) + 1,
        "step": today.step + 1,
        "over": today.over,
        "held": today.held,
        "allowed_24_hours": None if today.over else today.allowed,
        "used_24_hours": shown.used_24_hours,
        "left": None if today.over else int(shown.left),
        "used_hour": shown.used_hour,
        "bulk_per_hour": shown.policy.bulk.hour if shown.policy.bulk else None,
        "verdict": last.verdict if last else "healthy",
        "why": last.why if last else "",
        "next": "" if today.over else ahead.next_step(shown.ramp, today, shown.local_day),
        "days": [_stage_json(one) for one in shown.course.stages],
        "waiting": shown.waiting,
        "waiting_gone_at": shown.all_gone_at,
    }


def _stage_json(one: Stage) -> dict[str, Any]:
    return {
        "day": one.lived.day,
        "step": one.position.step + 1,
        "allowed": one.position.allowed,
        "sent": one.lived.sent,
        "heard": one.lived.tally.sent,
        "hard_bounces": one.lived.tally.hard_bounces,
        "complaints": one.lived.tally.complaints,
        "verdict": one.verdict,
        "move": one.move,
        "why": one.why,
    }


def _as_json(trial: Trial) -> dict[str, Any]:
    days = [{"wanted": one.wanted, "waiting": one.waiting, **_stage_json(one.stage)} for one in trial.days]
    return {"reached_on": trial.reached_on, "days": days}


def _show_trial(trial: Trial) -> None:
    rows(
        ("DAY", "MIGHT HOLD", "SENT", "WAITING", "BOUNCES", "COMPLAINTS", "VERDICT", "LED TO"),
        [
            (
                number,
                f"{one.stage.position.allowed:,}",
                f"{one.stage.lived.sent:,}",
                f"{one.waiting:,}",
                one.stage.lived.tally.hard_bounces,
                one.stage.lived.tally.complaints,
                one.stage.verdict,
                _MOVES[one.stage.move],
            )
            for number, one in enumerate(trial.days, 1)
        ],
        none="",
    )
    click.echo()
    if trial.reached_on is None:
        click.echo(f"The target was not reached within {len(trial.days)} days.")
    else:
        click.echo(f"The target was reached on day {trial.reached_on}.")
