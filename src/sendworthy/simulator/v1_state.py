"""What an identity and an account remember for SES v1 alone: the TXT token, notification topics, send statistics."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_BUCKET = timedelta(minutes=15)
_KEPT = timedelta(days=14)


@dataclass(slots=True, kw_only=True)
class DomainToken:
    """The TXT record at `_amazonses.<domain>` that verifies a domain the old way. `missed_since` as for DKIM."""

    value: str
    started_at: datetime
    status: str = "PENDING"
    missed_since: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Notifications:
    """The topics that feedback about an identity goes to. Kinds are Bounce, Complaint and Delivery [M]."""

    topics: dict[str, str] = field(default_factory=dict)
    headers: set[str] = field(default_factory=set)
    """The kinds whose notifications carry the message's headers."""


@dataclass(slots=True)
class Counts:
    """One SendDataPoint: recipients attempted, hard bounces, complaints, rejects."""

    attempts: int = 0
    bounces: int = 0
    complaints: int = 0
    rejects: int = 0


@dataclass(slots=True)
class Statistics:
    """What GetSendStatistics gives: the last two weeks in steps of fifteen minutes [M]."""

    buckets: OrderedDict[datetime, Counts] = field(default_factory=OrderedDict)

    def at(self, now: datetime) -> Counts:
        """Return the counts of the quarter of an hour that `now` lies in, to be added to."""
        start = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)
        found = self.buckets.get(start)
        if found is None:
            found = self.buckets[start] = Counts()
            self._forget(now)
        return found

    def since(self, now: datetime) -> list[tuple[datetime, Counts]]:
        """Return the steps of the last two weeks that saw anything, oldest first."""
        self._forget(now)
        return sorted((each for each in self.buckets.items() if each[0] <= now), key=lambda each: each[0])

    def _forget(self, now: datetime) -> None:
        for start in [start for start in self.buckets if start + _BUCKET <= now - _KEPT]:
            del self.buckets[start]
