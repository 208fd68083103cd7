"""What was sent before and elsewhere, month by month with its source, and the sentence it carries. Reads no file.

A figure that nobody gave stays unknown: no complaint in a file that has no complaints is not a rate of zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sendworthy.access.claims import Ground, Proof
from sendworthy.access.words import counted, day, listed
from sendworthy.errors import ConfigError

HISTORY_PROOF = "history.import"
"""The kind of proof that an import is, for the claim about earlier sending."""

HISTORY_SENTENCE = "Before, we sent {sent} through {sources}, from {first} to {last}, by {whose} own records{rates}."
"""The sentence that `history_figures` fills."""

_RECENT = timedelta(days=400)
"""Months that ended longer ago say nothing of today's lists, and are left out of the sentence."""


class Count(StrEnum):
    """What is counted. Bounces are hard ones, as far as the source tells them apart."""

    SENT = "sent"
    HARD_BOUNCES = "hard_bounces"
    COMPLAINTS = "complaints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one file, or one set of event files, tells of one source: counts by UTC day, or by month where `by_month`.

    A count that is missing of every day was not told. `name` says where it stands, for messages.
    """

    source: str
    name: str
    days: Mapping[date, Mapping[Count, int]]
    by_month: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of one source. `first` and `last` are the days that it is told of; None is unknown."""

    source: str
    month: date
    first: date
    last: date
    sent: int | None = None
    hard_bounces: int | None = None
    complaints: int | None = None

    @property
    def bounce_rate(self) -> float | None:
        """Hard bounces as a fraction of what was sent; None where either is unknown."""
        return _rate(self.hard_bounces, self.sent)

    @property
    def complaint_rate(self) -> float | None:
        """Complaints as a fraction of what was sent; None where either is unknown."""
        return _rate(self.complaints, self.sent)

    @property
    def partial(self) -> bool:
        """Whether days of the month are missing at its start or end."""
        return self.first > self.month or self.last < _month_end(self.month)


def months(told: Iterable[Told]) -> tuple[Month, ...]:
    """Add up what files tell, by source and month; a day that two files tell alike counts once.

    Raises ConfigError where two files tell different figures of the same days, or more bounces than mail.
    """
    found: dict[tuple[str, date, Count], list[tuple[Told, dict[date, int]]]] = {}
    for one in told:
        for at, counts in one.days.items():
            for count, number in counts.items():
                parts = found.setdefault((one.source, at.replace(day=1), count), [])
                if not parts or parts[-1][0] is not one:
                    parts.append((one, {}))
                parts[-1][1][at] = number
    added: dict[tuple[str, date], dict[Count, int]] = {}
    spans: dict[tuple[str, date], list[date]] = {}
    for (source, month, count), parts in found.items():
        added.setdefault((source, month), {})[count] = _added(source, month, count, parts)
        span = spans.setdefault((source, month), [])
        for one, by_day in parts:
            span += [month, _month_end(month)] if one.by_month else [min(by_day), max(by_day)]
    return tuple(
        _checked(
            Month(
                source=source,
                month=month,
                first=min(spans[source, month]),
                last=max(spans[source, month]),
                sent=counts.get(Count.SENT),
                hard_bounces=counts.get(Count.HARD_BOUNCES),
                complaints=counts.get(Count.COMPLAINTS),
            )
        )
        for (source, month), counts in sorted(added.items())
    )


def _added(source: str, month: date, count: Count, parts: Sequence[tuple[Told, Mapping[date, int]]]) -> int:
    seen: dict[date, tuple[Told, int]] = {}
    for one, by_day in parts:
        for at, number in by_day.items():
            other = seen.get(at)
            if other is not None and other[1] != number:
                raise _differ(source, month, count, (other[0], one))
            if other is None:
                clash = next((two for two, _ in seen.values() if two.by_month is not one.by_month), None)
                if clash is not None:
                    raise _differ(source, month, count, (clash, one))
                seen[at] = (one, number)
    return sum(number for _, number in seen.values())


def _differ(source: str, month: date, count: Count, files: tuple[Told, Told]) -> ConfigError:
    names = " and ".join(dict.fromkeys(one.name for one in files))
    what = f"{names} tell different figures of {count.replace('_', ' ')} in {month:%Y-%m} through {source}."
    return ConfigError(what, "Give only one of them, or files that tell of different days.")


def _checked(month: Month) -> Month:
    for count, number in (("hard bounces", month.hard_bounces), ("complaints", month.complaints)):
        if month.sent is not None and number is not None and number > month.sent:
            raise ConfigError(
                f"{month.source} in {month.month:%Y-%m}: {number:,} {count} of {month.sent:,} sent cannot be.",
                "A part of the export is missing; give all files of the month at once.",
            )
    return month


def kept(old: Month | None, new: Month, *, replace: bool) -> Month:
    """Put `new` beside what is on record: unknown counts are filled in; known ones stay unless `replace`.

    Raises ConfigError when both know a count, differ, and `replace` is not given.
    """
    if old is None:
        return new
    values: dict[str, int | None] = {}
    for count in Count:
        was, now = getattr(old, count.value), getattr(new, count.value)
        if not replace and was is not None and now is not None and was != now:
            raise ConfigError(
                f"{new.source} in {new.month:%Y-%m} is on record with {was:,} {count.replace('_', ' ')}, not {now:,}.",
                "Give all files of the month at once; --replace puts their figures in the place of those on record.",
            )
        values[count.value] = now if now is not None else was
    # Two exports of one month need not begin on the same day; the longer span is what both together tell of.
    return Month(
        source=new.source, month=new.month, first=min(old.first, new.first), last=max(old.last, new.last), **values
    )


def history_proof(told: Sequence[Month], *, region: str, at: datetime) -> Proof | None:
    """Give the months as a proof of the claim about earlier sending in `region`; None when there are none."""
    if not told:
        return None
    return Proof(kind=HISTORY_PROOF, subject=region, at=at, data={"months": [to_row(one) for one in told]})


def to_row(month: Month) -> dict[str, Any]:
    """Give a month as JSON."""
    return {
        "source": month.source,
        "month": month.month.isoformat(),
        "first": month.first.isoformat(),
        "last": month.last.isoformat(),
        "sent": month.sent,
        "hard_bounces": month.hard_bounces,
        "complaints": month.complaints,
    }


def from_row(row: Mapping[str, Any]) -> Month:
    """Read a month back. Raises KeyError, TypeError or ValueError over what `to_row` did not write."""
    return Month(
        source=str(row["source"]),
        month=date.fromisoformat(row["month"]),
        first=date.fromisoformat(row["first"]),
        last=date.fromisoformat(row["last"]),
        sent=row["sent"],
        hard_bounces=row["hard_bounces"],
        complaints=row["complaints"],
    )


def history_figures(ground: Ground) -> Mapping[str, str] | None:
    """Give the values of HISTORY_SENTENCE from a proof of HISTORY_PROOF; None where it tells of no recent mail.

    A rate is said only of months that know both its parts, and over all of those.
    """
    if ground.proof is None:
        return None
    try:
        told = [from_row(row) for row in ground.proof.data["months"]]
    except (KeyError, TypeError, ValueError):
        return None
    recent = [one for one in told if one.sent and one.last > (ground.proof.at - _RECENT).date()]
    if not recent:
        return None
    sources = tuple(dict.fromkeys(one.source for one in recent))
    return {
        "sent": counted(sum(one.sent or 0 for one in recent), "message", "messages"),
        "sources": listed(sources),
        "first": day(min(one.first for one in recent)),
        "last": day(max(one.last for one in recent)),
        "whose": "its" if len(sources) == 1 else "their",
        "rates": _rates(recent),
    }


def _rates(recent: Sequence[Month]) -> str:
    parts = []
    for count, words, digits in ((Count.HARD_BOUNCES, "bounced hard", 2), (Count.COMPLAINTS, "drew a complaint", 3)):
        known = [one for one in recent if getattr(one, count.value) is not None]
        rate = _rate(sum(getattr(one, count.value) for one in known), sum(one.sent or 0 for one in known))
        if rate is not None:
            # Of some months only: the sentence may not lend their rate to the others.
            of = "" if len(known) == len(recent) else f" (of {len(known)} of {len(recent)} months)"
            parts.append(f"{rate:.{digits}%} of it {words}{of}")
    return f"; {listed(parts)}" if parts else ""


def _rate(number: int | None, sent: int | None) -> float | None:
    return number / sent if number is not None and sent else None


def _month_end(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
