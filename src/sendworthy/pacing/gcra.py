"""The generic cell rate algorithm: how many may go now, and when the next may. Knows no quota and no clock.

State is one number, the theoretical arrival time: when the next cell would come if all cells came evenly. See ITU-T
I.371 (virtual scheduling). Times are seconds on any one scale.
"""

from __future__ import annotations

from dataclasses import dataclass

STALE_SECONDS = 10.0
"""How old a caller's `now` may be. Taking an arrival back for less would give away what was granted to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """`granted` cells may go now; `arrival` is the new state; one more may go in `wait_seconds`."""

    granted: int
    arrival: float
    wait_seconds: float


def pace(arrival: float, now: float, *, wanted: int, rate_per_second: float, burst: float) -> Paced:
    """Grant as many of `wanted` cells as may go at `now`.

    In any window of w seconds at most `rate_per_second * w + burst` cells are granted (`burst` is at least 1), also
    when callers come in another order than that of their `now`, as those do who waited for a lock. An arrival further
    ahead than that can explain (the clock was set back) is clamped: a wrong clock costs seconds, not a day.
    """
    interval = 1 / rate_per_second
    tolerance = max(burst, 1.0) * interval
    plausible = arrival <= now + tolerance + STALE_SECONDS
    start = max(arrival if plausible else now + tolerance, now)
    # The epsilon keeps a cell that is due at `now` from being missed by rounding; it is less than a microsecond.
    room = max(0, int((now + tolerance - start) / interval + 1e-6))
    granted = min(wanted, room)
    reached = start + granted * interval
    return Paced(granted=granted, arrival=reached, wait_seconds=max(0.0, reached + interval - tolerance - now))
