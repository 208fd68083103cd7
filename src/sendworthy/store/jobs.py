"""Periodic work among many processes: one effect for each period. Knows no job and no clock.

Whoever takes a period gets a lease and a number that only grows (a fencing token). A process that was stopped longer
than its lease finds, when it goes on, that its number is no longer the newest, and its effect is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sendworthy.errors import SendworthyError
from sendworthy.store.columns import micros
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import Fence

_MAKE = statement("""
INSERT INTO jobs (name, period, owner, lease_until, fence) VALUES (?, -1, '', 0, 0) ON CONFLICT (name) DO NOTHING""")
_LOOK = statement("SELECT period, owner, lease_until, fence FROM jobs WHERE name = ?")
_LOCK = statement("SELECT period, owner, lease_until, fence FROM jobs WHERE name = ? {locked}")
_TAKE = statement("UPDATE jobs SET owner = ?, lease_until = ?, fence = fence + 1 WHERE name = ?")
_DONE = statement("UPDATE jobs SET period = ?, owner = '', lease_until = 0 WHERE name = ?")


_SKEW = timedelta(minutes=1)
"""The clocks of two hosts are no further apart."""


class Superseded(SendworthyError):
    """Another process has taken over the periodic job in the meantime; nothing was changed."""


def begin(
    own: Own, name: str, period: int, owner: str, now: datetime, lease_seconds: float, *, ahead: int
) -> Fence | None:
    """Take the job for a period; None when the period is done or another is at it.

    A period that was done more than `ahead` periods from now was done before the clock was set back, and so was a lease
    given that ends later than one given now can: it would leave the job undone until the clock has come by again.
    """
    at = micros(now)
    longest = micros(now + _SKEW + timedelta(seconds=lease_seconds))

    def done(row: Sequence[Any]) -> bool:
        return period <= int(row[0]) <= period + ahead

    if (row := own.one(_LOOK, name)) is None:
        own.run(_MAKE, name)
    elif done(row):
        return None
    row = own.one(_LOCK, name)
    if row is None or done(row) or at < row[2] <= longest:
        return None
    if row[0] > period:
        own.run(_DONE, period - 1, name)
    own.run(_TAKE, owner, micros(now + timedelta(seconds=lease_seconds)), name)
    return Fence(name=name, period=period, number=row[3] + 1)


def check(own: Own, fence: Fence | None) -> None:
    """Keep the fence until the commit. Raises Superseded when it is not the newest."""
    if fence is None:
        return
    row = own.one(_LOCK, fence.name)
    if row is None or row[3] != fence.number or row[0] >= fence.period:
        raise Superseded(f"Another process has taken over the job {fence.name}.")


def finish(own: Own, fence: Fence) -> None:
    """Mark the period done. Raises Superseded."""
    check(own, fence)
    own.run(_DONE, fence.period, fence.name)


def leave(own: Own, fence: Fence) -> None:
    """Give the period back undone, so that it can be tried again before the lease ends."""
    row = own.one(_LOCK, fence.name)
    if row is not None and row[3] == fence.number:
        own.run(_DONE, row[0], fence.name)
