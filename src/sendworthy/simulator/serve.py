"""Puts the simulator together and runs it: in the running loop for the command line, in a thread for tests."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop

from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.doors import admin, http
from sendworthy.simulator.doors.aws import AwsDoor
from sendworthy.simulator.doors.models import service
from sendworthy.simulator.lookups import asking, look
from sendworthy.simulator.review import GRANTED_NEXT_DAY, Step
from sendworthy.simulator.state import DEFAULT_CALLER, Caller, Simulation
from sendworthy.simulator.world import site
from sendworthy.simulator.world.company import amazon_zone, first_zone
from sendworthy.simulator.world.dns import Zones, serving
from sendworthy.wire.http import Request

_RECHECK_SECONDS = 15 * 60
_TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run. Ports of 0 are drawn; `start` is now unless given; `clock_factor` 0 stands still until advanced.

    `world` brings the DNS server with the made-up company's zone, and its website. Without it, records are looked up
    at `resolver` (HOST:PORT), or with an empty one at the system's own resolver; a `resolver` always wins over the
    world's server. `queues_on_wall_time` keeps visibility time-outs of SQS on wall time while the clock leaps.
    """

    host: str = "127.0.0.1"
    port: int = 0
    dns_port: int = 0
    web_port: int = 0
    start: datetime | None = None
    clock_factor: float = 1.0
    world: bool = True
    resolver: str = ""
    outbox_limit: int = 10_000
    burst_seconds: float = 3.0
    script: tuple[Step, ...] = GRANTED_NEXT_DAY
    callers: tuple[Caller, ...] = (DEFAULT_CALLER,)
    queues_on_wall_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the simulator answers. `dns` and `web` are empty without a world."""

    http: str
    dns: str = ""
    web: str = ""


async def serve(settings: Settings, *, announce: Callable[[Endpoints], None], stop: asyncio.Event) -> None:
    """Run until `stop`; `announce` is called once, when every port answers. Raises ConfigError for a port taken."""
    clock = SimulatedClock(
        start=settings.start or datetime.now(UTC), factor=settings.clock_factor, monotonic=time.monotonic
    )
    sim = Simulation(
        new_id=_new_ids(),
        callers={caller.access_key_id: caller for caller in settings.callers},
        outbox_limit=settings.outbox_limit,
        burst_seconds=settings.burst_seconds,
        script=settings.script,
    )
    service("sesv2")
    zones = Zones()

    def restore_world() -> None:
        sim.script = settings.script
        for origin in zones.origins():
            zones.remove(origin)
        zones.calm()
        if settings.world:
            zones.put("fernhill.test", first_zone(web_address=settings.host))
            zones.put("amazonses.com", amazon_zone())

    restore_world()
    async with AsyncExitStack() as stack:
        dns_at = web_at = ""
        if settings.world:
            dns_at = await stack.enter_async_context(serving(zones, host=settings.host, port=settings.dns_port))
            pages = site.pages()
            web_at = await stack.enter_async_context(
                http.listening(
                    lambda request, _: site.answer(request, pages), host=settings.host, port=settings.web_port
                )
            )
        moved = asyncio.Event()
        aws = AwsDoor(
            sim=sim,
            clock=clock,
            wall=lambda: datetime.now(UTC),
            ask=asking(settings.resolver or dns_at),
            queues_on_wall_time=settings.queues_on_wall_time,
        )
        desk = admin.AdminDoor(sim=sim, clock=clock, zones=zones, changed=moved.set, restore_world=restore_world)

        def answer(request: Request, peer: str) -> http.Answer | Awaitable[http.Answer]:
            if request.path.startswith(admin.PREFIX):
                return desk.answer(request)
            return aws.answer(request, peer)

        aws.url = await stack.enter_async_context(http.listening(answer, host=settings.host, port=settings.port))
        desk.places = {"http": aws.url, "dns": dns_at, "web": web_at}
        recheck = asyncio.create_task(_recheck(aws, moved))
        try:
            announce(Endpoints(http=aws.url, dns=dns_at, web=web_at))
            await stop.wait()
        finally:
            recheck.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await recheck


@contextmanager
def running(settings: Settings | None = None) -> Iterator[Endpoints]:
    """Run in a thread of its own, with a loop of its own, until the block ends."""
    loop = uvloop.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    found: list[Endpoints] = []
    failures: list[BaseException] = []

    def announce(endpoints: Endpoints) -> None:
        found.append(endpoints)
        ready.set()

    def work() -> None:
        try:
            loop.run_until_complete(serve(settings or Settings(), announce=announce, stop=stop))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            failures.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=work, name="sendworthy-simulator", daemon=True)
    thread.start()
    ready.wait()
    if not found:
        thread.join()
        raise failures[0]
    try:
        yield found[0]
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        if failures:
            raise failures[0]


async def _recheck(aws: AwsDoor, moved: asyncio.Event) -> None:
    """Look at every identity again each simulated quarter of an hour, and wake the queues when the clock moved."""
    last = aws.clock.now()
    while True:
        try:
            # Not wait_for: in Python 3.11 it can swallow the cancellation that ends this task.
            async with asyncio.timeout(_TICK_SECONDS):
                await moved.wait()
        except TimeoutError:
            pass
        else:
            moved.clear()
            for queue in aws.sim.queues.values():
                queue.stir()
        now = aws.clock.now()
        if abs((now - last).total_seconds()) < _RECHECK_SECONDS:
            continue
        last = now
        for account in tuple(aws.sim.accounts.values()):
            await look(account, tuple(account.identities.values()), ask=aws.ask, now=now)


def _new_ids() -> Callable[[], str]:
    """Fresh UUIDs, cheaper than uuid4: random once, then counted, so that no two are alike in one run."""
    head = uuid.UUID(bytes=os.urandom(16), version=4).int & ~0xFFFFFFFFFFFF
    counter = itertools.count(int.from_bytes(os.urandom(5), "big"))
    return lambda: str(uuid.UUID(int=head | (next(counter) & 0xFFFFFFFFFFFF)))
