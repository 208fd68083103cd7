"""How much an account may send: the rolling 24 hours counted by recipient, and the rate. Knows no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DAY = timedelta(hours=24)


@dataclass(slots=True)
class Ledger:
    """The recipients of the last 24 hours (To, Cc and Bcc each count [D23]) and a token bucket for the rate.

    "The send rate may be exceeded in short bursts, not sustained" [D23]; AWS does not say how short. Here the bucket
    holds `burst_seconds` worth of MaxSendRate, and never less than one message.
    """

    burst_seconds: float = 3.0
    _sent: deque[tuple[datetime, int]] = field(default_factory=deque)
    _total: int = 0
    _tokens: float | None = None
    _filled_at: datetime | None = None

    def sent_last_24_hours(self, now: datetime) -> int:
        """Recipients accepted in (now - 24 h, now]."""
        while self._sent and self._sent[0][0] <= now - DAY:
            self._total -= self._sent.popleft()[1]
        return self._total

    def fits_day(self, recipients: int, *, limit: float, now: datetime) -> bool:
        """Whether so many more recipients fit the daily quota; -1 is unlimited [M]."""
        return limit < 0 or self.sent_last_24_hours(now) + recipients <= limit

    def take_rate(self, recipients: int, *, rate: float, now: datetime) -> bool:
        """Take the permits from the bucket, or take nothing and say no.

        More recipients than the bucket ever holds pass when it is full and leave it in debt.
        """
        size = max(1.0, rate * self.burst_seconds)
        tokens = size if self._tokens is None else self._tokens
        if self._filled_at is not None:
            tokens = min(size, tokens + max(0.0, (now - self._filled_at).total_seconds()) * rate)
        self._filled_at = now
        self._tokens = tokens
        # A hair's breadth for the rounding of sums of fractions of a second.
        if tokens + 1e-6 < min(float(recipients), size):
            return False
        self._tokens = tokens - recipients
        return True

    def count(self, recipients: int, now: datetime) -> None:
        """Enter accepted recipients into the rolling day."""
        if recipients:
            self._sent.append((now, recipients))
            self._total += recipients


NEAR_THE_QUOTA = 0.75
DAYS_NEAR = 3
DAYS_BETWEEN = 7
MOST_BY_ITSELF = 1_000_000.0


def grown(
    day: float, rate: float, *, sent_by_day: Sequence[int], clean: bool, days_since_growth: int | None
) -> tuple[float, float] | None:
    """Return a larger quota and rate for a good sender, or None.

    AWS raises quotas by itself for "high-quality" production mail that comes near the quota [D23]. How near, how long
    and by how much is not published: here three days of the last week at three quarters of the quota, half as much
    again, at most once a week.
    """
    if not clean or day <= 0 or day >= MOST_BY_ITSELF:
        return None
    if days_since_growth is not None and days_since_growth < DAYS_BETWEEN:
        return None
    if sum(1 for sent in sent_by_day if sent >= NEAR_THE_QUOTA * day) < DAYS_NEAR:
        return None
    return min(MOST_BY_ITSELF, float(round(day * 1.5))), float(round(rate * 1.5))
