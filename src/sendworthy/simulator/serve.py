"""Puts the simulator together and runs it: in the running loop for the command line, in a thread for tests."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from sendworthy.simulator import firehose, reviewer
from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.cloudwatch_ses import witness
from sendworthy.simulator.doors import account_admin, admin, http, smtp, tracks
from sendworthy.simulator.doors.aws import AwsDoor
from sendworthy.simulator.doors.courier import delivering, visiting
from sendworthy.simulator.doors.models import service
from sendworthy.simulator.ending import ended
from sendworthy.simulator.enforcement import Rules
from sendworthy.simulator.firehose_files import filing
from sendworthy.simulator.lookups import asking, look
from sendworthy.simulator.operations import SESV2
from sendworthy.simulator.outlets import to_cloudwatch, to_eventbridge, to_firehose
from sendworthy.simulator.review import GRANTED_NEXT_DAY, Step
from sendworthy.simulator.ses_dkim import published
from sendworthy.simulator.state import DEFAULT_CALLER, Caller, Simulation
from sendworthy.simulator.state_file import StateFile, noted
from sendworthy.simulator.world import site
from sendworthy.simulator.world.company import amazon_zone, first_zone
from sendworthy.simulator.world.dns import Zones, serving
from sendworthy.wire.http import Request

_log = logging.getLogger(__name__)

_RECHECK_SECONDS = 15 * 60
_TICK_SECONDS = 0.5
_LAST_LOOK_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run. Ports of 0 are drawn; `start` is now unless given; `clock_factor` 0 stands still until advanced.

    `world` brings the DNS server with the made-up company's zone, and its website. Without it, records are looked up
    at `resolver` (HOST:PORT), or with an empty one at the system's own resolver; a `resolver` always wins over the
    world's server. `state` is a file that the state outlives a restart in; its clock goes on unless `start` is given.
    `queues_on_wall_time` keeps visibility time-outs of SQS on wall time while the clock leaps. `reviewer` is `script`
    or `rules`: who answers requests for production access. `firehose_directory` is where delivery streams write their
    files; without it they are counted and dropped. `enforcement` says when AWS steps in.
    """

    host: str = "127.0.0.1"
    port: int = 0
    smtp_port: int = 0
    dns_port: int = 0
    web_port: int = 0
    start: datetime | None = None
    clock_factor: float = 1.0
    world: bool = True
    resolver: str = ""
    outbox_limit: int = 10_000
    state: Path | None = None
    burst_seconds: float = 3.0
    script: tuple[Step, ...] = GRANTED_NEXT_DAY
    callers: tuple[Caller, ...] = (DEFAULT_CALLER,)
    queues_on_wall_time: bool = False
    reviewer: str = "script"
    firehose_directory: Path | None = None
    enforcement: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the simulator answers. `smtp` and `dns` are HOST:PORT; `dns` and `web` are empty without a world."""

    http: str
    smtp: str
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
    zones = Zones(made=lambda name: published(sim, name))

    def restore_world() -> None:
        sim.script = () if settings.reviewer == "rules" else settings.script
        sim.around.reviewer, sim.around.rules = settings.reviewer, settings.enforcement
        for origin in zones.origins():
            zones.remove(origin)
        zones.calm()
        if settings.world:
            zones.put("fernhill.test", first_zone(web_address=settings.host))
            zones.put("amazonses.com", amazon_zone(one_key=False))

    restore_world()
    touched = asyncio.Event()
    async with AsyncExitStack() as stack:
        if settings.state is not None:
            state = StateFile(path=settings.state, sim=sim, clock=clock, zones=zones, changed=touched)
            await _remember(stack, settings, state)
        dns_at, web_at = await _world(stack, settings, zones) if settings.world else ("", "")
        moved = asyncio.Event()
        aws = _aws_door(settings, sim, clock, dns_at=dns_at, web_at=web_at)
        await stack.enter_async_context(delivering(sim, now=lambda: aws.queue_time(clock.now())))
        trail = tracks.TracksDoor(sim=sim, moment=aws.moment)
        desk = admin.AdminDoor(
            sim=sim, clock=clock, zones=zones, changed=moved.set, restore_world=restore_world, tracks=trail
        )

        desk.accounts = account_admin.AccountAdmin(sim=sim, now=aws.passing).answer

        def answer(request: Request, peer: str) -> http.Answer | Awaitable[http.Answer]:
            if request.path.startswith(admin.PREFIX):
                found = aws.settled(lambda: desk.answer(request))
                # A page that looks again every two seconds is no reason to write everything anew.
                return found if request.method in {"GET", "HEAD"} else noted(found, touched)
            if request.path.startswith(tracks.PREFIX):
                return noted(aws.settled(lambda: trail.answer(request, peer)), touched)
            return noted(aws.answer(request, peer), touched)

        aws.url = await stack.enter_async_context(http.listening(answer, host=settings.host, port=settings.port))
        submission = smtp.SmtpDoor(
            callers=sim.callers.get, moment=aws.moment, send=SESV2["SendEmail"], taken=touched.set
        )
        smtp_at = await stack.enter_async_context(
            smtp.listening(submission, host=settings.host, port=settings.smtp_port)
        )
        desk.smtp_certificate = lambda: submission.certificate[0]
        desk.places = {"http": aws.url, "smtp": smtp_at, "dns": dns_at, "web": web_at}
        await stack.enter_async_context(_timekeeping(aws, moved, filing(settings.firehose_directory)))
        announce(Endpoints(http=aws.url, smtp=smtp_at, dns=dns_at, web=web_at))
        await stop.wait()


def _aws_door(settings: Settings, sim: Simulation, clock: SimulatedClock, *, dns_at: str, web_at: str) -> AwsDoor:
    """Make the door of AWS's APIs, and tell SES who takes and counts its events."""
    sim.outlets = {"eventbridge": to_eventbridge, "firehose": to_firehose, "cloudwatch": to_cloudwatch}
    sim.observe = witness
    ask = asking(settings.resolver or dns_at)
    return AwsDoor(
        sim=sim,
        clock=clock,
        wall=lambda: datetime.now(UTC),
        ask=ask,
        visit=visiting(ask, world_at=web_at),
        queues_on_wall_time=settings.queues_on_wall_time,
    )


@asynccontextmanager
async def _timekeeping(aws: AwsDoor, moved: asyncio.Event, write: Callable[[str, bytes], bool]) -> AsyncIterator[None]:
    """Let time pass in the background until the block ends; then what waits for delivery streams is written."""
    stop = asyncio.Event()
    recheck = asyncio.create_task(_recheck(aws, moved, stop, write))
    try:
        yield
    finally:
        # A look into DNS that is cut short leaves its sockets open: it is given the time that DNS has.
        stop.set()
        moved.set()
        await asyncio.wait({recheck}, timeout=_LAST_LOOK_SECONDS)
        await ended(recheck)
        firehose.flush(aws.sim, aws.clock.now(), write, all_of_it=True)


async def _remember(stack: AsyncExitStack, settings: Settings, state: StateFile) -> None:
    """Go on from what the state file holds, and keep it from now on. Raises ConfigError."""
    stack.enter_context(state.held())
    if state.load(wall=datetime.now(UTC)) and settings.start is not None:
        state.clock.set(settings.start)
    state.sim.around.reviewer, state.sim.around.rules = settings.reviewer, settings.enforcement
    await stack.enter_async_context(state.kept())


async def _world(stack: AsyncExitStack, settings: Settings, zones: Zones) -> tuple[str, str]:
    """Serve the made-up company's DNS and website; returns where."""
    dns_at = await stack.enter_async_context(serving(zones, host=settings.host, port=settings.dns_port))
    pages = site.pages()
    listening = http.listening(
        lambda request, _: site.answer(request, pages), host=settings.host, port=settings.web_port
    )
    return dns_at, await stack.enter_async_context(listening)


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


async def _recheck(
    aws: AwsDoor, moved: asyncio.Event, stop: asyncio.Event, write: Callable[[str, bytes], bool]
) -> None:
    """Do what time brings even when nobody asks, and wake the queues when the clock moved.

    Every identity is looked at again each simulated quarter of an hour. A mistake of ours is logged and does not stop
    the time that comes after it.
    """
    last = aws.clock.now()
    while not stop.is_set():
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
            aws.sim.around.outgoing.arrival.set()
        try:
            last = await _look_around(aws, last, write)
        except Exception:  # noqa: BLE001 - as the docstring says
            _log.exception("a mistake in the simulator: what time brings was not finished")


async def _look_around(aws: AwsDoor, last: datetime, write: Callable[[str, bytes], bool]) -> datetime:
    now = aws.passing()
    for account in tuple(aws.sim.accounts.values()):
        if reviewer.is_due(aws.sim, account, now):
            await aws.review(account, now)
    firehose.flush(aws.sim, now, write)
    if abs((now - last).total_seconds()) < _RECHECK_SECONDS:
        return last
    for account in tuple(aws.sim.accounts.values()):
        await look(account, tuple(account.identities.values()), ask=aws.ask, now=now)
    return now


def _new_ids() -> Callable[[], str]:
    """Fresh UUIDs, cheaper than uuid4: random once, then counted, so that no two are alike in one run."""
    head = str(uuid.UUID(bytes=os.urandom(16), version=4))[:24]  # all but the last group of twelve digits
    counter = itertools.count(int.from_bytes(os.urandom(5), "big"))
    return lambda: f"{head}{next(counter) & 0xFFFFFFFFFFFF:012x}"
