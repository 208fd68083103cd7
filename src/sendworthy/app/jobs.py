"""The periodic jobs of a running program: which there are, how often, and what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sendworthy.app.alert_watch import account_of, credentials_denied
from sendworthy.app.scheduler import Job
from sendworthy.app.station import Station
from sendworthy.errors import Denied
from sendworthy.gateway.account import refresh_account
from sendworthy.store.store import Store
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Fence

REFRESH_SECONDS = 60.0
"""GetAccount is asked so often: a quota that grew is used within a minute, and the control plane hardly notices."""


def account_job(running: Station) -> Job:
    """Read the account's quota into the governor."""
    lane = running.lane

    async def refresh(fence: Fence) -> None:
        try:
            await refresh_account(running.aws, running.store, lane, now=running.clock.now, fence=fence)
        except Denied:
            await running.store.alerts.see([credentials_denied(account_of(lane))])
            raise

    return Job(
        name=f"account {lane.account} {lane.region}", every_seconds=REFRESH_SECONDS, work=refresh, alerts_itself=True
    )


def upkeep_jobs(store: Store, *, retention: Retention, try_again_after: timedelta | None) -> tuple[Job, ...]:
    """Give the jobs that keep the store in order.

    `try_again_after` is how long transactional mail stays in doubt before it is sent once more, marked; None for never.
    """

    async def settle(fence: Fence) -> None:
        await _all(lambda: store.periodic.match_early(fence=fence))
        if try_again_after is not None:
            await _all(lambda: store.periodic.try_again(try_again_after, fence=fence))

    return (
        Job(name="expire", every_seconds=10.0, work=lambda fence: _all(lambda: store.periodic.expire(fence=fence))),
        Job(name="settle", every_seconds=60.0, work=settle),
        Job(
            name="retention",
            every_seconds=3_600.0,
            lease_seconds=1_800.0,
            work=lambda fence: _all(lambda: store.periodic.drop_old(retention, fence=fence)),
        ),
    )


async def _all(once: Callable[[], Awaitable[int]]) -> None:
    """Repeat bounded work until nothing is left of it."""
    while await once():
        continue
