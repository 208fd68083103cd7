"""A warm-up tried out on a made-up list of addresses, day by day. Its luck is an argument; knows no real mail.

The list holds `addresses`, of which a share is dead: each dead one that is mailed bounces once and is suppressed, as
the gateway does, so the rate of a list falls as it is used. The days are those that the real warm-up would decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, log, pi, sqrt

from sendworthy.pacing.ramp import MOST_DAYS, Lived, Move, Ramp, Stage, walk
from sendworthy.reputation import Limits, Tally

Draw = Callable[[], float]
"""Gives numbers in [0, 1)."""

_EXACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The sender: `per_day` recipients wanted each day, to a list of `addresses`, of which the share `dead` are dead.

    A living one's mail bounces all the same with `bounce_rate`, and is complained about with `complaint_rate`.
    """

    per_day: int
    addresses: int
    dead: float = 0.0
    bounce_rate: float = 0.0
    complaint_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedDay:
    """One day: what was wanted that day, what waits at its end, and the stage of the warm-up."""

    wanted: int
    waiting: int
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How it went. `reached_on` is the number of the day at the target; None when it was not reached."""

    days: tuple[TriedDay, ...]
    reached_on: int | None


def try_out(ramp: Ramp, world: World, limits: Limits, *, quota: float, days: int, draw: Draw) -> Trial:
    """Try `days` days (at most MOST_DAYS). `quota` is what SES allows in 24 hours, negative for no limit.

    What a day does not hold waits for the next. On a day on which bulk mail rests, nothing goes.
    """
    living = world.addresses - round(world.addresses * world.dead)
    dead = float(world.addresses - living)
    waiting = 0
    lived: dict[date, Lived] = {}
    found: list[TriedDay] = []
    for number in range(min(days, MOST_DAYS)):
        day = ramp.started + timedelta(days=number)
        today = walk(ramp, lived, day, limits).today
        room = 0.0 if today.held else float(today.allowed)
        sent = int(min(waiting + world.per_day, room if quota < 0 else min(room, quota)))
        gone = _binomial(sent, dead / (living + dead) if living + dead else 0.0, draw)
        gone = int(min(gone, dead))
        dead -= gone
        bounced = gone + _binomial(sent - gone, world.bounce_rate, draw)
        tally = Tally(sent=sent, hard_bounces=bounced, complaints=_binomial(sent - bounced, world.complaint_rate, draw))
        lived[day] = Lived(day=day, sent=sent, tally=tally)
        waiting = waiting + world.per_day - sent
        stage = walk(ramp, lived, day + timedelta(days=1), limits).stages[-1]
        found.append(TriedDay(wanted=world.per_day, waiting=waiting, stage=stage))
        if stage.move is Move.REACHED:
            return Trial(days=tuple(found), reached_on=number + 1)
    return Trial(days=tuple(found), reached_on=None)


def _binomial(trials: int, chance: float, draw: Draw) -> int:
    """Draw how many of `trials` happen: one by one where few are, by the normal curve or Poisson's where many are."""
    if trials <= 0 or chance <= 0:
        return 0
    if trials <= _EXACT:
        return sum(draw() < chance for _ in range(trials))
    mean = trials * chance
    spread = sqrt(mean * (1 - chance)) if chance < 1 else 0.0
    if mean < 30:  # too skew for the normal curve: waiting times between events, as Poisson has them
        count, left = 0, mean + log(1 - draw())
        while left > 0:
            count, left = count + 1, left + log(1 - draw())
        return min(trials, count)
    normal = sqrt(-2 * log(1 - draw())) * cos(2 * pi * draw())
    return min(trials, max(0, round(mean + spread * normal)))
