"""Runs the program: the gateway's door, the worker, the intake of events and the periodic work, until told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from typing import Any

from sendworthy.app import parts
from sendworthy.app.jobs import account_job, upkeep_jobs
from sendworthy.app.key_watch import key_watch
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.scheduler import Scheduler
from sendworthy.app.station import Station, station
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.ingest.certificates import CertificateSource
from sendworthy.store.upkeep import Retention

ROLES = ("gateway", "worker", "ingest", "scheduler")
"""What one process may do alone, on PostgreSQL; `all` is all of them, and the only choice on SQLite."""


async def up(
    config: Config,
    aws: Aws,
    *,
    stop: asyncio.Event,
    announce: Callable[[Station], None],
    roles: Collection[str] = ROLES,
    clock: Clock = WALL,
    certificate: CertificateSource = download_certificate,
) -> None:
    """Run some roles in this process until `stop`; then take no more mail, finish what is on the wire, and end.

    Raises ConfigError when a role is to run alone on SQLite, which one process has to itself.
    """
    if set(ROLES) - set(roles) and config.store.url.startswith("sqlite:"):
        raise ConfigError(
            "On SQLite one process runs every role.", "Leave --role out, or set store.url to a PostgreSQL database."
        )
    async with (
        parts.opened_store(config, clock, exclusive=True) as store,
        station(
            config,
            aws,
            store,
            clock=clock,
            certificate=certificate,
            open_doors="gateway" in roles,
            smtp="gateway" in roles,
            events="ingest" in roles,
        ) as running,
    ):
        announce(running)
        await run(running, stop, config, roles=roles)


def _scheduler(config: Config, running: Station) -> Scheduler:
    hours = config.policy.uncertain_retry_hours
    retention = Retention(
        bodies=timedelta(days=config.store.keep_bodies_days), records=timedelta(days=config.store.keep_records_days)
    )
    upkeep = upkeep_jobs(running.store, retention=retention, try_again_after=timedelta(hours=hours) if hours else None)
    return Scheduler(
        running.store,
        [account_job(running), *upkeep, *((key_watch(config, running),) if config.policy.watch_keys else ())],
        owner=f"{socket.gethostname()}/{os.getpid()}",
        now=running.clock.now,
        sleep=running.clock.sleep,
    )


async def run(
    running: Station, stop: asyncio.Event, config: Config | None = None, *, roles: Collection[str] = ROLES
) -> None:
    """Keep a station's parts moving until `stop`. A part that fails ends all of them, and its error is raised."""
    work: list[Coroutine[Any, Any, object]] = [stop.wait()]
    if "worker" in roles:
        work.append(running.worker.run(stop))
    if "ingest" in roles:
        work += [intake.run(stop) for intake in running.intakes]
    if "scheduler" in roles:
        work.append(_scheduler(config or Config(), running).run(stop))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        for task in tasks:
            task.add_done_callback(lambda _: stop.set())
        await stop.wait()
        running.drain.begun = True
