"""Which values the warm-up may have, and what must fit together. Knows no file and no line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from sendworthy.config.shape import Config

Wrong = tuple[str, str]
"""What is wrong, and the fix."""

LEAST_RECORDS_DAYS = 150
"""A warm-up is worked out from the records of its days, up to 120 of them; they must last so long."""


def _from_to(low: float, high: float, what: str) -> Callable[[float], Wrong | None]:
    def check(value: float) -> Wrong | None:
        if not low <= value <= high:
            return f"{value:g} is out of range.", f"Write {what} from {_figure(low)} to {_figure(high)}."
        return None

    return check


def _figure(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _day(value: str) -> Wrong | None:
    try:
        date.fromisoformat(value)
    except ValueError:
        return f"`{value}` is not a date.", "Write it as 2027-03-31."
    return None


CHECKS: Mapping[str, Callable[[Any], Wrong | None]] = {
    "ramp.started": _day,
    "ramp.first_day": _from_to(1, 1_000_000, "recipients"),
    "ramp.target": _from_to(0, 1_000_000_000, "recipients"),
    "ramp.days": _from_to(2, 90, "days"),
    "ramp.growth": _from_to(1.05, 4, "how many times a day may hold what the one before held,"),
    "ramp.from_hour": _from_to(0, 23, "an hour of the day"),
    "ramp.to_hour": _from_to(1, 24, "an hour of the day"),
    "ramp.enough": _from_to(0.1, 1, "a share of the day's volume"),
}


def between(config: Config) -> list[tuple[tuple[str, ...], Wrong]]:
    """Find what is wrong between values that are each right: the dotted keys it lies between, what and fix."""
    found: list[tuple[tuple[str, ...], Wrong]] = []
    ramp = config.ramp
    if ramp.started and not ramp.target:
        wrong = "The warm-up has no target.", "Add target = N, recipients a day; `sendworthy ramp plan` shows its days."
        found.append((("ramp.started",), wrong))
    if ramp.target and ramp.first_day > ramp.target:
        wrong = "The first day is larger than the target.", "Start low: write a smaller first_day."
        found.append((("ramp.first_day", "ramp.target"), wrong))
    if ramp.target and ramp.enough > 1 - config.policy.transactional_reserve:
        wrong = (
            "Bulk mail alone could never fill a day of the warm-up: a part of it is kept for transactional mail.",
            "Write a smaller ramp.enough, or a smaller policy.transactional_reserve.",
        )
        found.append((("ramp.enough", "policy.transactional_reserve"), wrong))
    if ramp.from_hour >= ramp.to_hour:
        wrong = "Bulk mail would have no hour to go.", "Write an earlier from_hour or a later to_hour."
        found.append((("ramp.to_hour", "ramp.from_hour"), wrong))
    if ramp.started and config.store.keep_records_days < LEAST_RECORDS_DAYS:
        wrong = (
            "The warm-up is worked out from the records of its days, and these are deleted too soon.",
            f"Write keep_records_days = {LEAST_RECORDS_DAYS} or more.",
        )
        found.append((("store.keep_records_days", "ramp.started"), wrong))
    return found
