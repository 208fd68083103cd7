"""Runs the program: the gateway's door, the worker, the intake of events and the periodic work, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from sendworthy.app import parts
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.station import Station, station
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.config import Config
from sendworthy.errors import ProviderError, StoreUnavailable
from sendworthy.ingest.certificates import CertificateSource

_LOG = logging.getLogger(__name__)

_REFRESH_SECONDS = 60.0


async def up(
    config: Config,
    aws: Aws,
    *,
    stop: asyncio.Event,
    announce: Callable[[Station], None],
    clock: Clock = WALL,
    certificate: CertificateSource = download_certificate,
) -> None:
    """Run every role in this process until `stop`; then take no more mail, finish what is on the wire, and end."""
    async with (
        parts.opened_store(config, clock, exclusive=True) as store,
        station(config, aws, store, clock=clock, certificate=certificate) as running,
    ):
        announce(running)
        await run(running, stop)


async def run(running: Station, stop: asyncio.Event) -> None:
    """Keep a station's parts moving until `stop`. A part that fails ends all of them, and its error is raised."""
    work: list[Coroutine[Any, Any, None]] = [
        running.worker.run(stop),
        *(intake.run(stop) for intake in running.intakes),
        _keep_fresh(running, stop),
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        for task in tasks:
            task.add_done_callback(lambda _: stop.set())


async def _keep_fresh(running: Station, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await running.refresh()
        except (ProviderError, StoreUnavailable) as error:
            _LOG.warning("The account's quota could not be read: %s", error.happened)
        waits = [
            asyncio.ensure_future(running.clock.sleep(_REFRESH_SECONDS)),
            asyncio.ensure_future(stop.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
