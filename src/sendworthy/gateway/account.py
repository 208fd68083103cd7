"""Reads the account's quota from AWS into the governor's row. Knows no pace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sendworthy.clients.aws import Aws
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Quota, State
from sendworthy.store.store import Store
from sendworthy.store.values import Fence, Lane


def read_quota(account: dict[str, Any], now: datetime) -> Quota:
    """Take the quota from GetAccount's answer. A member that AWS leaves out is read as the careful choice."""
    quota = account.get("SendQuota", {})
    return Quota(
        max_24_hour_send=float(quota.get("Max24HourSend", 0.0)),
        max_send_rate=float(quota.get("MaxSendRate", 0.0)),
        sent_last_24_hours=float(quota.get("SentLast24Hours", 0.0)),
        production=bool(account.get("ProductionAccessEnabled", False)),
        sending_enabled=bool(account.get("SendingEnabled", True)),
        enforcement=str(account.get("EnforcementStatus", "")),
        read_at=now.timestamp(),
    )


async def refresh_account(
    aws: Aws, store: Store, lane: Lane, *, now: Callable[[], datetime], fence: Fence | None = None
) -> State:
    """Ask GetAccount and keep its answer; mail that waited for what has now changed becomes due at once.

    Raises what Aws.call raises, StoreUnavailable, and Superseded when `fence` is void by then. The old reading then
    stays in force.
    """
    before = await store.governor(lane)
    asked = await store.certainly_counted(lane)
    answer = await aws.call("sesv2", "GetAccount", region=lane.region)
    quota = read_quota(answer, now())
    state = await store.change_governor(
        lane, lambda known: governor.read(known, quota, granted_when_asked=asked), fence=fence
    )
    if quota.production and not (before and before.quota.production):
        await store.release("sandboxed")
    if before and before.breaker and not state.breaker:
        await store.release(before.breaker)
    return state
