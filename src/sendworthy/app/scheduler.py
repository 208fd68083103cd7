"""Periodic work: each job once a period, however many processes run. Knows no job's meaning and no SQL.

Time is cut into periods counted from 1970, so that all processes agree which one it is. Whoever takes a period first
does its work under a lease; the work writes under the fence it is given, so that a process which was stopped for too
long cannot write after its successor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sendworthy.app.alert_watch import job_failing
from sendworthy.app.parts import rest
from sendworthy.errors import SendworthyError
from sendworthy.store.jobs import Superseded
from sendworthy.store.store import Store
from sendworthy.store.values import Fence

_LOG = logging.getLogger(__name__)

_RETRY_SECONDS = 15.0
_SKEW_SECONDS = 60.0
"""Another host's clock may be ahead by so much; what was done later than that was done before a step back."""

_FAILURES = 3
"""So many in a row are an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`work` is done once in every `every_seconds`; another process takes over after `lease_seconds`.

    `alerts_itself` says that people hear of its failure in better words than that it failed.
    """

    name: str
    every_seconds: float
    work: Callable[[Fence], Awaitable[object]]
    lease_seconds: float = 120.0
    alerts_itself: bool = False


class Scheduler:
    """Looks after some jobs. `owner` names this process; `now` gives aware UTC, `sleep` takes seconds of that time."""

    def __init__(
        self,
        store: Store,
        jobs: Sequence[Job],
        *,
        owner: str,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._store = store
        self._jobs = tuple(jobs)
        self._owner = owner
        self._now = now
        self._sleep = sleep
        self._next: dict[str, datetime] = {}
        self._failed: dict[str, int] = {}

    async def step(self) -> tuple[str, ...]:
        """Do what is due and nobody else does; give the names of the jobs that this process did."""
        return tuple([job.name for job in self._jobs if await self._try(job)])

    async def run(self, stop: asyncio.Event) -> None:
        """Do what is due, again and again, until `stop`. A job that fails is told and tried again."""
        while not stop.is_set():
            await self.step()
            until = min(self._next.values(), default=self._now() + timedelta(seconds=_RETRY_SECONDS))
            seconds = max(0.1, (until - self._now()).total_seconds())
            await rest(self._sleep, seconds, stop)

    async def _try(self, job: Job) -> bool:
        at = self._now()
        if at < self._next.get(job.name, at) <= at + timedelta(seconds=max(job.every_seconds, _RETRY_SECONDS)):
            return False  # a turn that is further off was set before the clock was set back
        period = int(at.timestamp() // job.every_seconds)
        retry = at + timedelta(seconds=min(job.every_seconds, _RETRY_SECONDS))
        try:
            fence = await self._store.periodic.begin_job(
                job.name,
                period,
                owner=self._owner,
                lease_seconds=job.lease_seconds,
                ahead=ceil(_SKEW_SECONDS / job.every_seconds),
            )
            if fence is None:  # done, or somebody is at it: look again, since that one may die
                self._next[job.name] = retry
                return False
            await self._work(job, fence)
        except Superseded:
            _LOG.warning("The job %s took longer than its lease; another process has done it.", job.name)
            self._next[job.name] = retry
            return False
        except SendworthyError as error:
            _LOG.warning("The job %s failed and will be tried again: %s", job.name, error.happened)
            self._next[job.name] = retry
            await self._tell(job, error)
            return False
        self._failed.pop(job.name, None)
        self._next[job.name] = datetime.fromtimestamp((period + 1) * job.every_seconds, at.tzinfo)
        return True

    async def _tell(self, job: Job, error: SendworthyError) -> None:
        """Let people know of a job that fails again and again."""
        self._failed[job.name] = self._failed.get(job.name, 0) + 1
        if job.alerts_itself or self._failed[job.name] < _FAILURES:
            return
        with suppress(SendworthyError):  # where even this cannot be kept, the log above is all there is
            await self._store.alerts.see([job_failing(job.name, error.happened)])

    async def _work(self, job: Job, fence: Fence) -> None:
        try:
            await job.work(fence)
        except Superseded:
            raise
        except SendworthyError:
            await self._store.periodic.leave_job(fence)
            raise
        await self._store.periodic.finish_job(fence)
