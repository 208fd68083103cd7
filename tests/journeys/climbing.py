"""A sender in production on the simulator whose time stands still: mail in, two workers, events back, days passing."""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sendworthy.app import parts
from sendworthy.app.key_watch import key_watch
from sendworthy.app.parts import Clock
from sendworthy.app.station import Station, station
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config, Events, StoreSettings
from sendworthy.pacing.governor import Policy
from sendworthy.simulator.review import ReviewStatus, Step
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store.store import Store
from sendworthy.store.values import Fence, NewDelivery, NewMessage, StoredKey
from tests.ingest.test_from_ses_to_store import TOPIC, wired

REGION = "eu-west-1"
SENDER = "news@example.com"
START = datetime(2026, 5, 4, 6, tzinfo=UTC)
GRANTED = (Step(status=ReviewStatus.GRANTED, after_seconds=0),)


@dataclass(kw_only=True)
class Climber:
    """The sender. `stations` share one store, as processes do."""

    sim: Endpoints
    config: Config
    store: Store
    stations: tuple[Station, ...] = ()
    at: datetime = START
    numbers: Any = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return self.at

    async def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.to_thread(self._ask, "clock", {"advance_seconds": seconds})

    async def until(self, at: datetime) -> None:
        if at > self.at:
            await self.pass_by((at - self.at).total_seconds())

    async def hand_in(self, recipients: Sequence[str], *, stream: Stream = Stream.MARKETING) -> None:
        for recipient in recipients:
            message_id = f"m{next(self.numbers)}"
            await self.store.accept(
                NewMessage(
                    id=message_id,
                    access_key_id=f"AKSW{stream.value}",
                    stream=stream,
                    mail_from=SENDER,
                    subject="News",
                    raw=f"From: {SENDER}\r\nTo: {recipient}\r\nSubject: News\r\n\r\nNews.\r\n".encode(),
                    deliveries=(NewDelivery(id=f"{message_id}-0", recipient=recipient, key=recipient),),
                    configuration_set="main",
                )
            )

    async def work(self) -> set[str]:
        """Send what may go, each worker in turn, until all rest for a minute; give why they rested."""
        for one in self.stations:
            await one.refresh()
        while True:
            stepped = [await one.worker.step() for one in self.stations]
            idle = [one.idle_until for one in stepped]
            if all(at is None or at - self.at > timedelta(seconds=59) for at in idle):
                break
            await self.pass_by(max(0.05, min((at - self.at).total_seconds() for at in idle if at is not None)))
        return {one.reason for one in stepped}

    async def listen(self) -> None:
        """Take in every event, and judge what they tell."""
        for intake in self.stations[0].intakes:
            while (await intake.step()).received:
                continue
        await key_watch(self.config, self.stations[0]).work(Fence(name="keys", period=1, number=1))

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.sim.http}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    async def metrics(self) -> str:
        """Give what the door tells of itself."""

        def ask() -> str:
            with urllib.request.urlopen(f"{self.stations[0].url}/metrics", timeout=10) as answer:  # noqa: S310 - loopback
                return str(answer.read(), "utf-8")

        return await asyncio.to_thread(ask)

    async def left_ses(self) -> dict[date, int]:
        """Count what SES took, by day."""
        outbox = await asyncio.to_thread(self._ask, "outbox?limit=100000")
        return dict(Counter(datetime.fromisoformat(one["at"]).date() for one in outbox))

    async def sent_to(self, start: str) -> int:
        """Count what SES took for addresses that begin so."""
        outbox = await asyncio.to_thread(self._ask, "outbox?limit=100000")
        return sum(one["to"][0].startswith(start) for one in outbox)


@asynccontextmanager
async def climbing(folder: Path, config: Config, *, workers: int = 1) -> AsyncIterator[Climber]:
    """Give a sender whose account was just taken out of the sandbox, with its events wired."""
    settings = Settings(world=False, clock_factor=0, start=START, queues_on_wall_time=True, script=GRANTED)
    with running(settings) as sim:
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        aws = Aws(region=REGION, session=session, endpoint_url=sim.http)
        queue = await wired(aws)
        whole = {name: getattr(config, name) for name in config.__struct_fields__ if name not in {"store", "events"}}
        settled = Config(
            **whole,
            store=StoreSettings(url=f"sqlite:///{folder / 'sendworthy.db'}"),
            events=Events(queues=(queue,), topics=(TOPIC,)),
        )
        climber = Climber(sim=sim, config=settled, store=None)  # type: ignore[arg-type]  # opened with its clock below
        clock = Clock(now=climber.now, sleep=climber.pass_by)
        await aws.call("sesv2", "CreateEmailIdentity", EmailIdentity=SENDER)
        await asyncio.to_thread(climber._ask, "verify", {"identity": SENDER})
        await aws.call(
            "sesv2",
            "PutAccountDetails",
            MailType="MARKETING",
            WebsiteURL="https://example.com",
            ProductionAccessEnabled=True,
        )
        await climber.pass_by(60)

        async def certificate(_: str) -> bytes:
            def ask() -> bytes:
                with urllib.request.urlopen(f"{sim.http}/_sim/sns/certificate", timeout=10) as answer:  # noqa: S310
                    found: bytes = answer.read()
                    return found

            return await asyncio.to_thread(ask)

        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(parts.opened_store(settled, clock, exclusive=True))
            for stream in Stream:
                await store.add_key(
                    StoredKey(
                        access_key_id=f"AKSW{stream.value}",
                        name=stream.value,
                        stream=stream,
                        sealed_secret=b"",
                        created_at=START,
                    )
                )
            base = Policy(burst_seconds=2.0, reserve=settled.policy.transactional_reserve)
            stations = [
                await stack.enter_async_context(
                    station(
                        settled,
                        aws,
                        store,
                        clock=clock,
                        policy=base,
                        certificate=certificate,
                        listen="127.0.0.1:0",
                        open_doors=number == 0,
                        events=number == 0,
                    )
                )
                for number in range(workers)
            ]
            climber.store, climber.stations = store, tuple(stations)
            yield climber


def listed(word: str, count: int) -> list[str]:
    """Give so many addresses of one kind."""
    return [f"{word}-{number}@customers.test" for number in range(count)]
