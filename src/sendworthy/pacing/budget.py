"""When the next control-plane call may go. Knows no service and no clock."""

from __future__ import annotations

from sendworthy.pacing.gcra import pace

CALLS_PER_SECOND = 1.0
"""SES throttles all actions but sending at one request a second, per account and Region [D23]. Newer pages publish no
figure, so this stays until a higher one is proven."""


def book(arrival: float, now: float, *, calls_per_second: float = CALLS_PER_SECOND) -> tuple[float, float]:
    """Book the next turn: give the new state and the seconds to wait before calling.

    Turns are `1 / calls_per_second` apart however many ask. A state more than a minute ahead comes from a clock that
    was set back, or from callers who would wait longer than any call may take: it is taken for no state.
    """
    start = arrival if arrival - now <= 60 else now
    wait = max(0.0, start - now)
    return pace(start, now + wait, wanted=1, rate_per_second=calls_per_second, burst=1).arrival, wait
