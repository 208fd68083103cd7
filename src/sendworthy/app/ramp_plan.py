"""The warm-up before it begins: what was asked for, its days, what to know of them, and a trial on a made-up list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from sendworthy.app import parts
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.quota_look import limits
from sendworthy.app.ramp import lane_of, ramp_of, zone
from sendworthy.audit.profile import Stream
from sendworthy.config import Config
from sendworthy.errors import ConfigError, SendworthyError
from sendworthy.pacing.ramp import MOST_DAYS, Planned, Position, Ramp, Steps, factor, plan
from sendworthy.pacing.ramp_trial import Trial, World, try_out


async def wanted(
    config: Config,
    *,
    first: int | None,
    target: int | None,
    days: int | None,
    growth: float | None,
    start: date | None,
    clock: Clock = WALL,
) -> tuple[Ramp, str]:
    """Give the warm-up that was asked for, and where its target is from. What was not said is as in [ramp].

    Raises ConfigError where nothing says a target, or the first day is larger than it.
    """
    given = config.ramp
    found, why = (target, "as asked") if target else await _target(config)
    first_day = first or min(given.first_day, found)
    if first_day > found:
        raise ConfigError(f"The first day ({first_day:,}) is larger than the target ({found:,}).", "Start low.")
    begun = ramp_of(config)
    started = start or (begun.started if begun else clock.now().astimezone(zone(config)).date())
    asked = Ramp(
        started=started,
        first_day=first_day,
        target=found,
        days=days or given.days,
        growth=growth or given.growth,
        from_hour=given.from_hour,
        to_hour=given.to_hour,
        enough=given.enough,
    )
    return asked, why


async def _target(config: Config) -> tuple[int, str]:
    if config.ramp.target:
        return config.ramp.target, "[ramp] target"
    try:
        async with parts.opened_store(config) as store:
            state = await store.governor(await lane_of(config, store, None))
    except SendworthyError:
        state = None
    if state is not None and state.quota.production and state.quota.max_24_hour_send > 0:
        return int(state.quota.max_24_hour_send), "the daily quota that was last read"
    volumes = sum(max(one.per_day, one.per_day_later) for one in config.mail)
    if volumes:
        return int(volumes), "the volumes under [[mail]]"
    raise ConfigError(
        "Nothing says what the warm-up leads to.", "Name the recipients a day that you want in the end: --target N"
    )


def planned(config: Config, ramp: Ramp) -> tuple[Planned, ...]:
    """Give the days of a warm-up, as they come when all are used and healthy."""
    return plan(ramp, limits(config), reserve=config.policy.transactional_reserve)


def notes(config: Config, ramp: Ramp, days: Sequence[Planned]) -> tuple[str, ...]:
    """Say in sentences what to know of a plan before it begins."""
    found: list[str] = []
    if days[-1].allowed < ramp.target:
        found.append(f"The target is not reached within {MOST_DAYS} days: start higher, or grow faster.")
    elif len(days) > ramp.days:
        small = ramp.first_day < limits(config).least_sent
        why = "small days are judged together" if small else f"no day holds more than {ramp.growth:g} times the last"
        found.append(f"It takes {len(days)} days instead of {ramp.days}: {why}.")
    if ramp.days < 14:  # AWS: raise over two to four weeks
        found.append("AWS's advice is two to four weeks.")
    urgent = sum(one.per_day for one in config.mail if one.stream is Stream.TRANSACTIONAL)
    if urgent > ramp.first_day:
        found.append(
            f"Your transactional mail alone is {urgent:,.0f} a day ([[mail]]), and the warm-up holds it to "
            f"{ramp.first_day:,} on the first day: begin with as much as you must send."
        )
    return tuple(found)


def as_toml(ramp: Ramp) -> str:
    """Write a warm-up as the table that begins it."""
    return (
        f"[ramp]\nstarted = {ramp.started.isoformat()}\nfirst_day = {ramp.first_day}\ntarget = {ramp.target}\n"
        f"days = {ramp.days}\ngrowth = {ramp.growth:g}"
    )


def next_step(ramp: Ramp, today: Position, on: date) -> str:
    """Say what it takes for the next day to hold more."""
    steps = Steps(ramp)
    if on < ramp.started:
        return f"It begins on {ramp.started}; until then the first day's volume holds."
    if today.held:
        return f"Tomorrow: {today.allowed:,} again."
    needed = f"if {int(ramp.enough * today.allowed + 0.999):,} are sent today, and bounces and complaints stay low"
    if today.step == steps.last:
        return f"Then the warm-up is over, {needed}."
    return f"Tomorrow: {steps.at(today.step + 1):,} ({factor(ramp):.2f} times), {needed}."


def tried(config: Config, ramp: Ramp, world: World, *, quota: int | None, draw: Callable[[], float]) -> Trial:
    """Try a warm-up out on a made-up list, until its target or for MOST_DAYS."""
    most = -1.0 if quota is None else float(quota)
    return try_out(ramp, world, limits(config), quota=most, days=MOST_DAYS, draw=draw)
