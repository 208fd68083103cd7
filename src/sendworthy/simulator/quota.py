"""How much an account may send: the rolling 24 hours counted by recipient, and the rate. Knows no clock."""

from __future__ import annotations

from collections import deque
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
