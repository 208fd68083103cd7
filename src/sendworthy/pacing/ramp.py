"""The warm-up: how much a day may hold, by its start and the days since. Knows no store, no clock and no quota.

What AWS says of it is little: start low, raise over two to four weeks, watch closely. So volumes grow by one factor a
day, never by more than `growth`, and only after a day that showed something. Where the warm-up stands is a function of
its start and of the days on record: nothing is counted on the side, so processes agree and a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import ceil

from sendworthy.pacing.governor import Policy, Reason, Spread
from sendworthy.reputation import Limits, Tally, Verdict, judge

MOST_DAYS = 120
"""A warm-up is over after so many days, whether or not it came to its target: by then the quota and the brake do."""

HEARD_SHARE = 0.5
"""A day of whose mail less was heard than this says nothing: perhaps the events do not arrive."""

_NOTHING = Tally(sent=0, hard_bounces=0, complaints=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """What was planned: from `first_day` recipients to `target` in `days` days, from `started` on.

    A day holds at most `growth` times the one before. Bulk mail goes from `from_hour` up to `to_hour` (0 to 24). A day
    counts when `enough` of what it might hold was sent. Days and hours are those of the sender's time zone.
    """

    started: date
    first_day: int
    target: int
    days: int = 21
    growth: float = 2.0
    from_hour: int = 8
    to_hour: int = 20
    enough: float = 0.5

    @property
    def hours(self) -> int:
        """How many hours of the day bulk mail goes."""
        return self.to_hour - self.from_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One day on record: the recipients `sent` to, and of the mail *heard* of on that day what became of it."""

    day: date
    sent: int
    tally: Tally


class Move(StrEnum):
    """What a day led to."""

    GROWN = "grown"
    """The next day may hold more."""
    REACHED = "reached"
    """The target: the warm-up is over."""
    TOO_FEW = "too_few"
    """Too little was sent, or heard of, to go by: the step is repeated."""
    UNHEARD = "unheard"
    """Mail went and its events did not come: the step is repeated."""
    SLOWED = "slowed"
    """Bounces or complaints were too many: the step is repeated."""
    BACK = "back"
    """They were far too many: one step back, and bulk mail rests for a day."""
    RESTED = "rested"
    """Bulk mail rested; nothing is decided by such a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the warm-up stands on a day: its `step` (from 0) and the recipients that any 24 hours may hold.

    `held`: bulk mail rests today. `over`: the target was reached, or the time is up. `gathered` is what was heard on
    days too small to judge, and still counts.
    """

    step: int = 0
    allowed: int
    held: bool = False
    over: bool = False
    gathered: Tally = _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One day of the warm-up, lived: where it stood, what happened, and what that led to, with the reason."""

    lived: Lived
    position: Position
    verdict: Verdict
    move: Move
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The days lived so far, oldest first, and where today stands."""

    stages: tuple[Stage, ...]
    today: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One day of a plan: `number` counts from 1, `per_hour` is what an hour of bulk mail may hold."""

    number: int
    day: date
    allowed: int
    per_hour: int


@dataclass(frozen=True, slots=True)
class Steps:
    """The volumes of the steps, smallest first; computed once for a plan."""

    ramp: Ramp
    volumes: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Compute the volumes."""
        object.__setattr__(self, "volumes", _volumes(self.ramp))

    def at(self, step: int) -> int:
        """Give the volume of a step; beyond the last it is the target."""
        return self.volumes[min(max(step, 0), len(self.volumes) - 1)]

    @property
    def last(self) -> int:
        """The number of the last step, whose volume is the target."""
        return len(self.volumes) - 1


def factor(ramp: Ramp) -> float:
    """Give the growth a day that reaches the target on the last day, no more than `growth`. Always above 1."""
    if ramp.target <= ramp.first_day:
        return ramp.growth
    wanted: float = (ramp.target / ramp.first_day) ** (1 / max(1, ramp.days - 1))
    return min(ramp.growth, wanted)


def walk(ramp: Ramp, lived: Mapping[date, Lived], today: date, limits: Limits) -> Course:
    """Walk from the start to `today` by the days on record; a day without a record sent nothing.

    Before the start the first day's volume holds.
    """
    steps = Steps(ramp)
    position = Position(allowed=steps.at(0))
    stages: list[Stage] = []
    day = ramp.started
    while day < today and not position.over:
        found = lived.get(day, Lived(day=day, sent=0, tally=_NOTHING))
        stage, position = _after(steps, position, found, limits)
        stages.append(stage)
        day += timedelta(days=1)
        if (day - ramp.started).days >= MOST_DAYS:
            position = replace(position, over=True)
    return Course(stages=tuple(stages), today=position)


def plan(ramp: Ramp, limits: Limits, *, reserve: float) -> tuple[Planned, ...]:
    """Give the days as they come when every day is used in full, heard of and healthy; the last is at the target.

    It may take more days than `days`: where `growth` forbids to be faster, and where a small day cannot be judged
    alone. What is longer than MOST_DAYS is cut there.
    """
    steps = Steps(ramp)
    position = Position(allowed=steps.at(0))
    found: list[Planned] = []
    while not position.over and len(found) < MOST_DAYS:
        day = ramp.started + timedelta(days=len(found))
        hour = hour_share(ramp, position.allowed, reserve)
        found.append(Planned(number=len(found) + 1, day=day, allowed=position.allowed, per_hour=hour))
        if position.step == steps.last:
            break
        full = Tally(sent=position.allowed, hard_bounces=0, complaints=0)
        position = _after(steps, position, Lived(day=day, sent=position.allowed, tally=full), limits)[1]
    return tuple(found)


def hour_share(ramp: Ramp, allowed: int, reserve: float) -> int:
    """Give how many recipients any hour may hold for more bulk mail to go: the day's share of them, at least one."""
    return max(1, ceil(allowed * (1 - reserve) / ramp.hours))


def policy_on(policy: Policy, ramp: Ramp, position: Position, now: datetime) -> Policy:
    """Give the policy of `now`, an aware instant of the sender's time zone, under the warm-up."""
    if position.over:
        return policy
    opens, closes = _opening(ramp, now.date(), now)
    tomorrow = _opening(ramp, now.date() + timedelta(days=1), now)
    spread = Spread(
        hour=hour_share(ramp, position.allowed, policy.reserve),
        opens=(tomorrow[0] if position.held else opens).timestamp(),
        closes=(tomorrow[1] if position.held else closes).timestamp(),
        opens_next=tomorrow[0].timestamp(),
        reason=Reason.RAMP_HELD if position.held else Reason.RAMP_HOUR,
    )
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return replace(policy, ramp_24_hour=position.allowed, ramp_until=midnight.timestamp(), bulk=spread)


def expected(
    ramp: Ramp,
    position: Position,
    now: datetime,
    *,
    ahead: int,
    left: float,
    left_in_hour: float,
    reserve: float,
    urgent: bool,
) -> datetime | None:
    """Say when mail with `ahead` recipients in front of it should go, if every day from now on is used and healthy.

    `left` of today's volume and `left_in_hour` of this hour's share may still go. Urgent mail needs no hour of its own.
    None beyond MOST_DAYS.
    """
    steps = Steps(ramp)
    waiting, step, held, day = float(ahead), position.step, position.held, now.date()
    for number in range(MOST_DAYS):
        volume = position.allowed if number == 0 else steps.at(step)
        room = left if number == 0 else volume * (1 if urgent else 1 - reserve)
        opens, closes = _opening(ramp, day, now)
        if urgent:
            start = now if number == 0 else datetime.combine(day, datetime.min.time(), now.tzinfo)
            if waiting < room:
                return start
            waiting -= max(0.0, room)
        elif not held:
            share = hour_share(ramp, volume, reserve)
            start = max(opens, now) if number == 0 else opens
            hours = max(0.0, (closes - start).total_seconds() / 3600)
            # Within the running hour only what is left of its share goes; the whole hours behind it hold one each.
            now_left = min(room, left_in_hour) if number == 0 and start == now else 0.0
            if hours > 0 and waiting < now_left:
                return start
            room = min(room, now_left + hours * share) if hours > 0 else 0.0
            if waiting < room:
                return start + timedelta(hours=(waiting - now_left) / share if waiting > now_left else 0.0)
            waiting -= max(0.0, room)
        step, held, day = (step if held else step + 1), False, day + timedelta(days=1)
    return None


def _after(steps: Steps, position: Position, lived: Lived, limits: Limits) -> tuple[Stage, Position]:
    """Say what a day leads to, and where the next one stands."""
    ramp = steps.ramp
    gathered = _sum(position.gathered, lived.tally)
    standing = judge(gathered, limits)
    small = gathered.sent < limits.least_sent
    step, kept, held = position.step, gathered if small else _NOTHING, False
    needed = ceil(ramp.enough * position.allowed)
    if position.held:
        move, why, kept = Move.RESTED, "Bulk mail rested after too many bounces or complaints.", _NOTHING
    elif standing.verdict is Verdict.STOP:
        move, why, step, held = Move.BACK, standing.why, max(0, step - 1), True
    elif standing.verdict is Verdict.SLOW:
        move, why = Move.SLOWED, standing.why
    elif lived.sent < needed:
        move, why = Move.TOO_FEW, f"{lived.sent:,} of {position.allowed:,} were sent; it takes {needed:,} to go on."
    elif lived.tally.sent < HEARD_SHARE * lived.sent:
        heard = f"Of {lived.sent:,} sent, {lived.tally.sent:,} were heard of"
        move, why = Move.UNHEARD, f"{heard}: do the events arrive?"
    elif small:
        move, why = Move.TOO_FEW, standing.why
    elif step == steps.last:
        move, why = Move.REACHED, ""
    else:
        move, why, step = Move.GROWN, standing.why, step + 1
    stage = Stage(lived=lived, position=position, verdict=standing.verdict, move=move, why=why)
    over = move is Move.REACHED
    return stage, Position(step=step, allowed=steps.at(step), held=held, over=over, gathered=kept)


def _volumes(ramp: Ramp) -> tuple[int, ...]:
    grows, first = factor(ramp), min(ramp.first_day, ramp.target)
    found = [first]
    exact = float(first)
    while found[-1] < ramp.target:
        exact *= grows
        # The epsilon keeps the last day of a whole plan from missing its target by rounding.
        found.append(min(ramp.target, int(exact * (1 + 1e-9))))
    return tuple(found)


def _opening(ramp: Ramp, day: date, now: datetime) -> tuple[datetime, datetime]:
    """Give when bulk mail may begin and must end on a day."""
    start = datetime.combine(day, datetime.min.time(), now.tzinfo)
    closes = start + timedelta(days=1) if ramp.to_hour == 24 else start.replace(hour=ramp.to_hour)
    return start.replace(hour=ramp.from_hour), closes


def _sum(one: Tally, two: Tally) -> Tally:
    return Tally(
        sent=one.sent + two.sent,
        hard_bounces=one.hard_bounces + two.hard_bounces,
        complaints=one.complaints + two.complaints,
    )


def by_day(days: Iterable[Lived]) -> dict[date, Lived]:
    """Give the days on record by their date."""
    return {one.day: one for one in days}
