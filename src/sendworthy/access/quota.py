"""What is left of a quota, when it will be reached, when to ask for more, and for how much. Asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from math import ceil, floor, log10

from sendworthy.access.forecast import Ahead, Forecast, TooShort
from sendworthy.access.quota_usage import Busiest
from sendworthy.access.words import day as written_day
from sendworthy.audit.evidence import Account
from sendworthy.audit.profile import Profile

SERVICE_CODE = "ses"
"""SES in Service Quotas [M]."""

UNLIMITED = -1.0
"""Max24HourSend of an account without a daily quota [M]."""

LEAD = timedelta(days=14)
"""How long before the earliest day to ask: AWS says up to 24 hours for a first answer [D23], observed are up to five
business days, and one refusal with its answer must fit in too. Our own choice."""

NEAR = 0.8
"""A share of the quota in use from which to ask at once. AWS raises quotas by itself for mail of good quality that
comes near them [D23], so that nearer is not too late, only less calm. Our own choice."""

LOOK_AHEAD_DAYS = 60
ROOM = 1.25
"""The value asked for is the top of the range of the next 60 days and a quarter more. Our own choice."""

STEEPEST = 2.0
"""Twice the present quota is the most that is proposed at once: growth that AWS can follow. Our own choice."""


class Quota(StrEnum):
    """The two quotas of SES that can be raised; the values are their codes in Service Quotas [M]."""

    DAY = "L-804C8AE8"
    RATE = "L-CDEF9B6B"

    @property
    def unit(self) -> str:
        """The quota's unit, as words after a figure."""
        return {Quota.DAY: "recipients in 24 hours", Quota.RATE: "recipients a second"}[self]

    def limit(self, account: Account) -> float:
        """Give the value that holds now, as GetAccount says."""
        return {Quota.DAY: account.max_24_hour_send, Quota.RATE: account.max_send_rate}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """One quota now. `used` and `busiest` are in the quota's unit; the shares are 0 for an unlimited quota.

    `used` is the last 24 hours, or nothing for the rate, which no API tells. `busiest` is the most in the history; for
    the rate it is a mean over a minute, or over an hour where `by_hour`: the true peak was higher.
    """

    quota: Quota
    limit: float
    used: float | None
    busiest: float
    by_hour: bool = False

    @property
    def used_share(self) -> float:
        """The share of the limit in use."""
        return self.used / self.limit if self.used is not None and self.limit > 0 else 0.0

    @property
    def busiest_share(self) -> float:
        """The share of the limit that the busiest time had."""
        return self.busiest / self.limit if self.limit > 0 else 0.0


def headroom(account: Account, most: Busiest) -> tuple[Headroom, Headroom]:
    """Set what was used against what may be used: the day, then the rate."""
    return (
        Headroom(
            quota=Quota.DAY,
            limit=account.max_24_hour_send,
            used=account.sent_last_24_hours,
            busiest=max(float(most.any_24_hours), account.sent_last_24_hours),
        ),
        Headroom(
            quota=Quota.RATE, limit=account.max_send_rate, used=None, busiest=most.per_second, by_hour=most.by_hour
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """When a quota is reached, when to ask, for how much, and why.

    `likely` is the first day whose middle reaches the limit, `earliest` the first whose top does; None when none in
    sight does. `ask_by` is None when there is nothing to ask. `value` is None when none is worth asking for. `why`
    holds whole sentences. `now` says that `ask_by` is today or past.
    """

    quota: Quota
    limit: float
    likely: date | None
    earliest: date | None
    ask_by: date | None
    now: bool
    value: float | None
    why: tuple[str, ...]


def advise(room: Headroom, outlook: Forecast | TooShort, most: Busiest, profile: Profile, *, today: date) -> Advice:
    """Say when and for how much to ask, never more than STEEPEST times the present limit."""
    if room.limit < 0:
        return _advice(
            room, ["This account has no such limit."], likely=None, earliest=None, ask_by=None, today=today, value=None
        )
    factor = _factor(room.quota, most)
    likely = earliest = ask_by = None
    why: list[str] = []
    top = room.busiest
    if isinstance(outlook, Forecast):
        top = max([top, *(one.high * factor for one in outlook.days[:LOOK_AHEAD_DAYS])])
        reached = room.limit * (1 - 1e-6)  # rounding is no reason to name the day after
        likely = _first(outlook.days, lambda one: one.expected * factor >= reached)
        earliest = _first(outlook.days, lambda one: one.high * factor >= reached)
        ask_by = earliest - LEAD if earliest is not None else None
        why.append(_outlook(room, outlook, likely, earliest))
        why += [] if outlook.holds else ["The range does not hold as it stands: see the forecast."]
    else:
        why.append(f"There are {outlook.days} whole days of history; a forecast needs {outlook.needed}.")
    if room.busiest_share >= NEAR:
        ask_by = min(ask_by or today, today)
        why.append(f"The busiest time had {room.busiest_share:.0%} of the quota.")
    value = _value(room, top) if ask_by is not None else None
    if value is not None:
        why += _value_why(room, top, value, profile)
    return _advice(room, why, likely=likely, earliest=earliest, ask_by=ask_by, today=today, value=value)


def _advice(
    room: Headroom,
    why: Sequence[str],
    *,
    likely: date | None,
    earliest: date | None,
    ask_by: date | None,
    today: date,
    value: float | None,
) -> Advice:
    return Advice(
        quota=room.quota,
        limit=room.limit,
        likely=likely,
        earliest=earliest,
        ask_by=ask_by,
        now=ask_by is not None and ask_by <= today,
        value=value,
        why=tuple(why),
    )


def _factor(quota: Quota, most: Busiest) -> float:
    """Give what a day's recipients are multiplied by to compare with the limit.

    Any 24 hours hold more than a day of the calendar; a second's share of its day is taken as it was at the busiest.
    """
    if quota is Quota.DAY:
        return most.rolling
    return most.per_second / most.day if most.day else 0.0


def _first(days: Sequence[Ahead], reaches: Callable[[Ahead], bool]) -> date | None:
    return next((one.day for one in days if reaches(one)), None)


def _outlook(room: Headroom, outlook: Forecast, likely: date | None, earliest: date | None) -> str:
    limit = f"{room.limit:,g} {room.quota.unit}"
    if earliest is None:
        return f"Nothing in the next {len(outlook.days)} days comes up to {limit}, not even the top of the range."
    if likely is None:
        return f"The top of the range comes up to {limit} on {written_day(earliest)}; its middle does not in sight."
    return f"{limit} are reached about {written_day(likely)}, and perhaps on {written_day(earliest)} already."


def _value(room: Headroom, top: float) -> float | None:
    wanted = min(rounded_up(top * ROOM), room.limit * STEEPEST)
    return wanted if wanted >= room.limit * 1.1 else None


def _value_why(room: Headroom, top: float, value: float, profile: Profile) -> list[str]:
    why = [
        (
            f"{value:,g} is the highest figure in sight ({figure(top)}) and {ROOM - 1:.0%} more, rounded; at most "
            f"{STEEPEST:g} times the present {room.limit:,g}, so that AWS can see the growth it grants."
        )
    ]
    planned = [(one.per_day_later, one.later_by) for one in profile.mail if one.per_day_later > 0]
    if planned and room.quota is Quota.DAY:
        total = sum(volume for volume, _ in planned)
        by = max((when for _, when in planned if when), default="")
        why.append(f"Your own plan says {total:,} a day{f' by {by}' if by else ''}; the figure above is from the mail.")
    return why


def figure(value: float) -> str:
    """Write a figure as a person does: whole from 100 on, three digits below."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def rounded_up(value: float) -> float:
    """Round up to two significant digits: nobody plans to send 71,344 a day."""
    if value <= 0:
        return 0.0
    step = 10.0 ** max(0, floor(log10(value)) - 1)
    return ceil(round(value / step, 9)) * step
