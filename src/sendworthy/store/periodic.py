"""What is done again and again, once for each period among all processes: jobs, and the upkeep of what is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from sendworthy.store import jobs, tallies, upkeep
from sendworthy.store.engine import Engine
from sendworthy.store.heard import Listening
from sendworthy.store.statement import Own, own
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Fence


class Periodic:
    """Periods that are taken by one process, and work under their fences. All methods raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], listening: Listening) -> None:
        self._engine = engine
        self._now = now
        self._listening = listening

    async def begin_job(
        self, name: str, period: int, *, owner: str, lease_seconds: float, ahead: int = 1
    ) -> Fence | None:
        """Take a periodic job for a period; None when it is done, or another process is at it.

        `ahead` is by how many periods the clock of another process may be ahead of this one's.
        """
        now = self._now()
        return await self._engine.write(
            "job", lambda connection: jobs.begin(own(connection), name, period, owner, now, lease_seconds, ahead=ahead)
        )

    async def finish_job(self, fence: Fence) -> None:
        """Mark the period done. Raises Superseded when another process has taken it over."""
        await self._engine.write("job", lambda connection: jobs.finish(own(connection), fence))

    async def leave_job(self, fence: Fence) -> None:
        """Give a period back undone."""
        await self._engine.write("job", lambda connection: jobs.leave(own(connection), fence))

    async def expire(self, *, fence: Fence | None = None) -> int:
        """End what waits beyond its time, a bounded number; give how many. Raises Superseded."""
        now = self._now()
        return await self._upkeep("expire", lambda mine: upkeep.expire(mine, now), fence)

    async def try_again(self, after: timedelta, *, fence: Fence | None = None) -> int:
        """Send once more, marked, transactional mail in doubt for `after`; give how many. Raises Superseded."""
        now = self._now()
        return await self._upkeep("settle", lambda mine: upkeep.try_again(mine, after, now), fence)

    async def match_early(self, *, fence: Fence | None = None) -> int:
        """Apply events that crossed the recording of their MessageId; give how many deliveries. Raises Superseded."""
        now, targets = self._now(), self._listening.targets
        return await self._upkeep("match", lambda mine: upkeep.match_early(mine, now, targets), fence)

    async def drop_old(self, retention: Retention, *, fence: Fence | None = None) -> int:
        """Delete what was kept long enough, a bounded number; give how many. Raises Superseded."""
        now = self._now()

        def work(mine: Own) -> int:
            old = upkeep.drop_bodies(mine, now - retention.bodies) + upkeep.drop_records(mine, now - retention.records)
            return old + tallies.forget(mine, now)

        return await self._upkeep("retain", work, fence)

    async def _upkeep(self, name: str, work: Callable[[Own], int], fence: Fence | None) -> int:
        def fenced(connection: Connection) -> int:
            mine = own(connection)
            jobs.check(mine, fence)
            return work(mine)

        return await self._engine.write(name, fenced)
