"""What this program's own record says that bears on an audit: drills, mail sent, the review. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """The newest drill of one kind in one Region: how many trials there were and how many came back."""

    kind: str
    region: str
    at: datetime
    trials: int
    passed: int
    longest_seconds: float = 0.0


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The record's facts.

    `sent` counts deliveries that went through the gateway in the last `days`, by status. `review_pending_since` is by
    Region, from the case's facts.
    """

    days: int = 30
    drills: tuple[Drill, ...] = ()
    sent: Mapping[str, int] = {}
    review_pending_since: Mapping[str, datetime] = {}

    def drill(self, region: str, kind: str) -> Drill | None:
        """Give the newest drill of a kind in a Region."""
        found = [one for one in self.drills if (one.region, one.kind) == (region, kind)]
        return max(found, key=lambda one: one.at, default=None)
