"""What is said of alerts: the order they stand in, and who was told of each or why not. Knows no store and no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sendworthy.store.alerting import Level, NoticeState, StoredAlert, TargetRecord, ToldTo

LOOK_BACK: Final = timedelta(days=7)
MOST: Final = 1_000

_URGENCY: Final = {Level.CRITICAL.value: 0, Level.ERROR.value: 1, Level.WARNING.value: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Of one target: whether it knows, in a word that has a colour, and in a sentence."""

    who: str
    tone: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """How one target has been answering."""

    who: str
    gone: bool
    told_at: datetime | None
    waiting: int
    given_up: int
    error: str


def by_urgency(alerts: Iterable[StoredAlert]) -> list[StoredAlert]:
    """Put what a person should look at first in front; of one level the newest."""
    newest = sorted(alerts, key=lambda one: (one.opened_at, one.id), reverse=True)
    return sorted(newest, key=lambda one: _URGENCY.get(one.level, len(_URGENCY)))


def lines(alert: StoredAlert, told: Sequence[ToldTo], shown: Mapping[str, str]) -> list[Line]:
    """Say of each target whether it was told of an alert, or why not; those too that are configured no more."""
    known = {one.target: one for one in told if one.alert_id == alert.id}
    found = [
        Line(who=who, tone="warn", text="not told of this one so far") if name not in known else _line(known[name], who)
        for name, who in shown.items()
    ]
    return found + [
        _line(one, f"{one.target} (no longer configured)") for one in known.values() if one.target not in shown
    ]


def targets(records: Iterable[TargetRecord], shown: Mapping[str, str]) -> list[TargetLine]:
    """Say how each target answers: those that are configured, and those that were and have notices on record."""
    known = {one.target: one for one in records}
    return [_target(known.get(name), who, gone=False) for name, who in shown.items()] + [
        _target(one, one.target, gone=True) for one in known.values() if one.target not in shown
    ]


def _target(record: TargetRecord | None, who: str, *, gone: bool) -> TargetLine:
    return TargetLine(
        who=who,
        gone=gone,
        told_at=record.taken_at if record else None,
        waiting=record.waiting if record else 0,
        given_up=record.given_up if record else 0,
        error=record.error if record else "",
    )


def _line(one: ToldTo, who: str) -> Line:
    told = f"told at {one.told_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if one.told_at else "not told yet"
    match one.state:
        case NoticeState.TAKEN:
            return Line(who=who, tone="good", text=told)
        case NoticeState.GIVEN_UP:
            return Line(who=who, tone="bad", text=f"{told}; given up: {one.error}")
        case _ if one.error:
            tries = "1 try" if one.attempts == 1 else f"{one.attempts} tries"
            return Line(who=who, tone="warn", text=f"{told}; after {tries}: {one.error}")
        case _:
            return Line(who=who, tone="good" if one.told_at else "calm", text=f"{told}; on its way")
