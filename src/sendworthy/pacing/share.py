"""How much of the account one key may use: its share of the rate and its cap a day. Knows no database and no clock.

The account's own limits come first and are the governor's; these only make one key slower than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from sendworthy.pacing.gcra import pace
from sendworthy.pacing.governor import DAY_SECONDS, MINUTE_SECONDS, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`rate_share` is a part of the account's rate (above 0, up to 1), `daily_cap` recipients in any 24 hours.

    None for either means no limit of that kind.
    """

    rate_share: float | None = None
    daily_cap: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a key has used: GCRA's `arrival`, and its own minutes that may reach into the last 24 hours."""

    arrival: float = 0.0
    sent: int = 0
    oldest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """`granted` may go now, `arrival` is the new state; else ask again in `wait_seconds`, for `reason`."""

    granted: int
    arrival: float
    wait_seconds: float = 0.0
    reason: Reason = Reason.NONE


def allow(share: Share, used: Used, wanted: int, now: float, *, rate: float, burst_seconds: float) -> Allowed:
    """Say how many of `wanted` recipients a key may have at `now`, when the account sends `rate` a second."""
    left = wanted
    if share.daily_cap is not None:
        left = min(wanted, max(0, share.daily_cap - used.sent))
        if wanted > 0 and left < 1:
            wait = DAY_SECONDS if used.oldest is None else used.oldest + DAY_SECONDS + MINUTE_SECONDS - now
            return Allowed(granted=0, arrival=used.arrival, wait_seconds=max(1.0, wait), reason=Reason.KEY_DAY)
    if share.rate_share is None:
        return Allowed(granted=left, arrival=used.arrival)
    own_rate = rate * share.rate_share
    if own_rate <= 0:
        return Allowed(granted=0, arrival=used.arrival, wait_seconds=60.0, reason=Reason.KEY_RATE)
    paced = pace(used.arrival, now, wanted=left, rate_per_second=own_rate, burst=1 + own_rate * burst_seconds)
    if paced.granted >= left:
        return Allowed(granted=paced.granted, arrival=paced.arrival)
    wait = max(1, ceil(1000 * paced.wait_seconds)) / 1000
    return Allowed(granted=paced.granted, arrival=paced.arrival, wait_seconds=wait, reason=Reason.KEY_RATE)
