"""Runs the program: the gateway's door, the worker, the intake of events and the periodic work, until told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sendworthy.app import parts
from sendworthy.app.alerts import alerting
from sendworthy.app.apart import Parent, WorkerApart
from sendworthy.app.completeness import completeness_job
from sendworthy.app.drift import drift_job
from sendworthy.app.events import event_mounts, mail_intake
from sendworthy.app.forward import Forwarder, forwarder
from sendworthy.app.jobs import account_job, upkeep_jobs
from sendworthy.app.key_watch import key_watch
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.public import serving_public
from sendworthy.app.same_keys import same_keys
from sendworthy.app.scheduler import Job, Scheduler
from sendworthy.app.station import Station, station
from sendworthy.app.suppression_sync import Sync, suppression_job
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.config import Config
from sendworthy.errors import ConfigError, Unavailable
from sendworthy.ingest.certificates import CertificateSource
from sendworthy.store.upkeep import Retention

ROLES = ("gateway", "worker", "ingest", "public", "scheduler")
"""What one process may do alone, on PostgreSQL; `all` is all of them, and the only choice on SQLite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The other process of two that share the work on one host: the worker's, or the one that the worker is under."""

    worker: WorkerApart | None = None
    parent: Parent | None = None

    def __bool__(self) -> bool:
        return bool(self.worker or self.parent)


ALONE = Beside()


async def up(
    config: Config,
    aws: Aws,
    *,
    stop: asyncio.Event,
    announce: Callable[[Station], None],
    roles: Collection[str] = ROLES,
    clock: Clock = WALL,
    certificate: CertificateSource = download_certificate,
    beside: Beside = ALONE,
) -> None:
    """Run some roles in this process until `stop`; then take no more mail, finish what is on the wire, and end.

    Raises ConfigError when a role is to run alone on SQLite, which one host's `sendworthy up` has to itself, and when
    this host's key files are not those that the database was used with.
    """
    if set(ROLES) - set(roles) and config.store.url.startswith("sqlite:") and not beside:
        raise ConfigError(
            "On SQLite one process runs every role.", "Leave --role out, or set store.url to a PostgreSQL database."
        )
    async with (
        parts.opened_store(config, clock, exclusive=beside.parent is None) as store,
        same_keys(config, store, roles=roles, now=clock.now),
        station(
            config,
            aws,
            store,
            clock=clock,
            certificate=certificate,
            open_doors="gateway" in roles,
            smtp="gateway" in roles,
            events="ingest" in roles,
            on_accepted=beside.worker.wake if beside.worker else None,
        ) as running,
        AsyncExitStack() as stack,
    ):
        if "public" in roles and config.gateway.public_url:
            mounts = event_mounts(config, aws, store, topics=running.topics, clock=clock, certificate=certificate)
            outside = await stack.enter_async_context(serving_public(config, store, mounts))
            running = replace(running, public=outside)  # noqa: PLW2901 - the same station, its last door open
        onward = None
        if "ingest" in roles and config.forward:
            going = forwarder(config, store.hearing, aws, account=running.account_id, clock=clock)
            onward = await stack.enter_async_context(going)
        if beside.parent:
            beside.parent.heed(running.worker.wake, stop)
        announce(running)
        with _settled_collector():
            await run(running, stop, config, roles=roles, onward=onward, apart=beside.worker)


@contextmanager
def _settled_collector() -> Iterator[None]:
    """Spare the garbage collector what start-up made, which stays for good, and let it look less often.

    With the defaults it took about a sixth of the processor time of a message: requests and rows come and go without
    cycles, and each look went over botocore's models again.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _scheduler(config: Config, running: Station) -> Scheduler:
    hours = config.policy.uncertain_retry_hours
    retention = Retention(
        bodies=timedelta(days=config.store.keep_bodies_days), records=timedelta(days=config.store.keep_records_days)
    )
    upkeep = upkeep_jobs(running.store, retention=retention, try_again_after=timedelta(hours=hours) if hours else None)
    keys = (key_watch(config, running),) if config.policy.watch_keys or config.policy.brake else ()
    return _of(running, [account_job(running), *upkeep, *keys])


def _slow_scheduler(config: Config, running: Station, stop: asyncio.Event) -> Scheduler:
    """Give the jobs that go at the control plane's pace: minutes, for which the others must not wait."""

    async def sleep(seconds: float) -> None:
        await parts.rest(running.clock.sleep, seconds, stop)
        if stop.is_set():
            raise Unavailable("The program is being stopped.", "The next run goes on from here.")

    sync = Sync(running.store, running.aws, account=running.lane.account, sleep=sleep)
    regions = parts.regions(config, () if config.ses.regions else (running.lane.region,))
    completeness = completeness_job(running.store, running.aws, running.lane)
    return _of(running, [suppression_job(sync, regions), completeness, drift_job(config, running)])


async def _tell(config: Config, running: Station, stop: asyncio.Event) -> None:
    """Watch and tell of alerts, apart from the other jobs: a webhook that hangs must hold up none of them."""
    async with alerting(config, running.store, running.lane, clock=running.clock) as job:
        await _of(running, [job]).run(stop)


def _of(running: Station, jobs: Sequence[Job]) -> Scheduler:
    return Scheduler(
        running.store,
        jobs,
        owner=f"{socket.gethostname()}/{os.getpid()}",
        now=running.clock.now,
        sleep=running.clock.sleep,
    )


async def run(
    running: Station,
    stop: asyncio.Event,
    config: Config | None = None,
    *,
    roles: Collection[str] = ROLES,
    onward: Forwarder | None = None,
    apart: WorkerApart | None = None,
) -> None:
    """Keep a station's parts moving until `stop`. A part that fails ends all of them, and its error is raised."""
    work: list[Coroutine[Any, Any, object]] = [stop.wait()]
    if apart:
        work.append(apart.run(stop))
    if "worker" in roles:
        work.append(running.worker.run(stop))
        work += [running.stand_in.run(stop)] if running.stand_in else []
    if "ingest" in roles:
        settings = config or Config()
        work += [intake.run(stop) for intake in running.intakes for _ in range(settings.events.consumers)]
        by_mail = mail_intake(settings, running.store, running.clock)
        work += [by_mail.run(stop)] if by_mail else []
        work += [onward.run(stop)] if onward else []
    if "scheduler" in roles:
        settings = config or Config()
        work += [_scheduler(settings, running).run(stop), _slow_scheduler(settings, running, stop).run(stop)]
        work.append(_tell(settings, running, stop))
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one).add_done_callback(lambda _: stop.set())
            await stop.wait()
            running.drain.begun = True
    except ExceptionGroup as failures:
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from failures
        raise
