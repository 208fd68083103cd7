"""What was sent, hour by hour and day by day, from whoever saw it. Knows no limit and no future."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sendworthy.access.forecast import Day

HOUR = timedelta(hours=1)
_MINUTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The recipients of one whole hour (`at` is its start, aware UTC).

    `busiest_minute` is the most that one minute of it had; None where only the hour is known.
    """

    at: datetime
    sent: int
    busiest_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOutcome:
    """What became of the mail of one UTC day: a line of the evidence. None is unknown: nobody saw what came back."""

    day: date
    sent: int
    hard_bounces: int | None
    complaints: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Busiest:
    """The most that the history had. `per_second` is a mean over a minute, or over an hour where `by_hour`."""

    day: int
    any_24_hours: int
    hour: int
    per_second: float
    by_hour: bool

    @property
    def rolling(self) -> float:
        """How much more any 24 hours held than any day of the calendar; SES counts the former [D23]. At least 1."""
        return max(1.0, self.any_24_hours / self.day) if self.day else 1.0


def hour_of(at: datetime) -> datetime:
    """Give the start of the UTC hour of an aware instant."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def merged(*sources: Iterable[Hour]) -> tuple[Hour, ...]:
    """Merge what several saw of the same account: of each hour the larger figure, oldest first.

    Our own ledger misses what other programs sent; AWS's metric comes late and may lack the last hours.
    """
    found: dict[datetime, Hour] = {}
    for hour in (one for source in sources for one in source):
        other = found.get(hour.at)
        if other is None:
            found[hour.at] = hour
        else:
            minutes = [one.busiest_minute for one in (hour, other) if one.busiest_minute is not None]
            sent = max(hour.sent, other.sent)
            found[hour.at] = Hour(at=hour.at, sent=sent, busiest_minute=max(minutes, default=None))
    return tuple(found[at] for at in sorted(found))


def whole_days(hours: Sequence[Hour], *, now: datetime) -> tuple[Day, ...]:
    """Give every UTC day from the first hour's to yesterday; a day without mail counts as zero, not as unknown.

    The day of the first hour is left out unless it is known from its start, and so is today: neither is whole.
    """
    if not hours:
        return ()
    totals: dict[date, int] = defaultdict(int)
    for hour in hours:
        totals[hour.at.date()] += hour.sent
    first = hours[0].at.date() + timedelta(days=1 if hours[0].at.hour else 0)
    today = now.astimezone(UTC).date()
    return tuple(
        Day(day=day, sent=float(totals[day]))
        for day in (first + timedelta(days=step) for step in range((today - first).days))
    )


def busiest(hours: Sequence[Hour]) -> Busiest:
    """Find the busiest day, 24 hours, hour and minute of a history (oldest first; zeros when it is empty)."""
    days: dict[date, int] = defaultdict(int)
    for hour in hours:
        days[hour.at.date()] += hour.sent
    most, window, start = 0, 0, 0
    for hour in hours:
        window += hour.sent
        while hours[start].at <= hour.at - timedelta(hours=24):
            window -= hours[start].sent
            start += 1
        most = max(most, window)
    top_hour = max((hour.sent for hour in hours), default=0)
    minutes = [hour.busiest_minute for hour in hours if hour.busiest_minute is not None]
    by_hour = top_hour / 3600
    by_minute = max(minutes, default=0) / _MINUTES
    return Busiest(
        day=max(days.values(), default=0),
        any_24_hours=most,
        hour=top_hour,
        per_second=max(by_hour, by_minute),
        by_hour=by_minute <= by_hour,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came back over all of some days; None where that of any day with mail is unknown."""

    sent: int
    hard_bounces: int | None
    complaints: int | None

    @property
    def bounce_rate(self) -> float | None:
        """Hard bounces as a fraction of what was sent."""
        return self.hard_bounces / self.sent if self.hard_bounces is not None and self.sent else None

    @property
    def complaint_rate(self) -> float | None:
        """Complaints as a fraction of what was sent."""
        return self.complaints / self.sent if self.complaints is not None and self.sent else None


def came_back(statistics: Iterable[DayOutcome]) -> Came:
    """Add up the days."""
    days = [one for one in statistics if one.sent]
    bounces = [one.hard_bounces for one in days if one.hard_bounces is not None]
    complaints = [one.complaints for one in days if one.complaints is not None]
    return Came(
        sent=sum(one.sent for one in days),
        hard_bounces=sum(bounces) if len(bounces) == len(days) else None,
        complaints=sum(complaints) if len(complaints) == len(days) else None,
    )


def outcomes(
    sent: Iterable[Day], bounced: Mapping[date, int] | None, complained: Mapping[date, int] | None
) -> tuple[DayOutcome, ...]:
    """Put what was sent and what came back side by side, day by day; None is that nobody saw what came back."""
    return tuple(
        DayOutcome(
            day=one.day,
            sent=int(one.sent),
            hard_bounces=None if bounced is None else bounced.get(one.day, 0),
            complaints=None if complained is None else complained.get(one.day, 0),
        )
        for one in sent
    )
