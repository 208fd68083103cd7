"""Delivers what SNS sends over HTTP, to this machine only: tries, retries on the simulated clock, dead letters."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import aiohttp

from sendworthy.simulator.ending import ended
from sendworthy.simulator.life import Parcel
from sendworthy.simulator.lookups import Ask
from sendworthy.simulator.reviewer_look import Visit
from sendworthy.simulator.sns import into_dead_letters
from sendworthy.simulator.sns_subscriptions import is_loopback
from sendworthy.simulator.state import Simulation
from sendworthy.simulator.verification import Outcome

_PATIENCE = aiohttp.ClientTimeout(total=15)  # "within 15 seconds" (SNS Developer Guide, HTTP/S endpoints)
_AT_ONCE = 20
_TICK_SECONDS = 0.2
_LONGEST_PAGE = 512 * 1024


@dataclass(slots=True, kw_only=True)
class Courier:
    """Takes parcels that are due and posts them. `now` is the time that retries go by."""

    sim: Simulation
    now: Callable[[], datetime]
    session: aiohttp.ClientSession
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def run(self) -> None:
        """Deliver for ever."""
        outgoing = self.sim.around.outgoing
        while True:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow the cancellation that ends this task.
                async with asyncio.timeout(_TICK_SECONDS if outgoing.parcels else None):
                    await outgoing.arrival.wait()
            outgoing.arrival.clear()
            self._start_due()

    def _start_due(self) -> None:
        outgoing, now = self.sim.around.outgoing, self.now()
        due = [each for each in outgoing.parcels if each.due <= now]
        if not due:
            return
        outgoing.parcels[:] = [each for each in outgoing.parcels if each.due > now]
        for parcel in due:
            outgoing.under_way += 1
            task = asyncio.create_task(self._try(parcel))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.sim.around.outgoing.under_way -= 1

    async def _try(self, parcel: Parcel) -> None:
        topic = self.sim.topics.get(parcel.topic_arn)
        subscription = topic.subscriptions.get(parcel.subscription_arn) if topic is not None else None
        if subscription is None:
            return  # unsubscribed meanwhile
        outgoing = self.sim.around.outgoing
        try:
            async with self._room:
                status = await self._post(parcel)
        except asyncio.CancelledError:
            outgoing.parcels.append(parcel)  # the simulator ends; a state file keeps what was on its way
            raise
        if 200 <= status < 300:
            outgoing.delivered += 1
            return
        if (status == 0 or status >= 500 or status == 429) and parcel.tries < len(parcel.delays):
            parcel.due = self.now() + timedelta(seconds=parcel.delays[parcel.tries])
            parcel.tries += 1
            outgoing.add(parcel)
            return
        # 4xx is the client's own mistake and is not tried again; nor is what the policy has exhausted.
        outgoing.failed += 1
        if parcel.dead_letter_arn:
            into_dead_letters(self.sim, subscription, parcel.body, now=self.now())

    async def _post(self, parcel: Parcel) -> int:
        """Return the status, 0 for no answer. The text is written and signed here, and not before."""
        if not is_loopback(parcel.url):
            return 400
        body = parcel.body if isinstance(parcel.body, str) else parcel.body()
        try:
            async with self.session.post(
                parcel.url, data=body.encode(), headers=parcel.headers, timeout=_PATIENCE, allow_redirects=False
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0

    async def close(self) -> None:
        """End what is under way."""
        await asyncio.gather(*(ended(task) for task in tuple(self._tasks)))


@asynccontextmanager
async def delivering(sim: Simulation, *, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Deliver in the running loop until the block ends.

    Certificates are not checked: what listens on this machine is no stranger.
    """
    sim.around.outgoing.under_way = 0
    async with _session() as session:
        courier = Courier(sim=sim, now=now, session=session)
        running = asyncio.create_task(courier.run())
        try:
            yield
        finally:
            await ended(running)
            await courier.close()


def visiting(ask: Ask, *, world_at: str) -> Visit:
    """Return how the reviewer visits a website: by the world's DNS, and on this machine only.

    A URL without a port leads to the world's web server, `world_at`. A name that leads anywhere but to a loopback
    address is not visited: to the reviewer such a site does not answer.
    """

    async def visit(url: str) -> str | None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return None
        address = host if is_loopback(f"http://{host}") else await _address(host, ask)
        if not address or not is_loopback(f"http://{address}"):
            return None
        place = f"{address}:{port}" if port else urlsplit(world_at).netloc
        if not place:
            return None
        path = parts.path or "/"
        target = f"http://{place}{path}" + (f"?{parts.query}" if parts.query else "")
        async with _session() as session:
            return await _page_at(session, target, host=host)

    return visit


async def _address(host: str, ask: Ask) -> str:
    answer = await ask(host, "A")
    return answer.values[0] if answer.outcome is Outcome.FOUND and answer.values else ""


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False), trust_env=False)


async def _page_at(session: aiohttp.ClientSession, url: str, *, host: str) -> str | None:
    try:
        async with session.get(url, headers={"host": host}, timeout=_PATIENCE, allow_redirects=False) as answer:
            if answer.status != 200:
                return None
            return (await answer.content.read(_LONGEST_PAGE)).decode("utf-8", "replace")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
