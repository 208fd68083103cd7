"""A console on a real port over a store with a story in it."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from sendworthy.app.console import actions
from sendworthy.audit.profile import Stream
from sendworthy.console.app import console_app
from sendworthy.console.pages import Pages
from sendworthy.console.sessions import Signer
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.pacing.today import always
from sendworthy.reputation.standing import Limits
from sendworthy.store import Lane, Store
from sendworthy.store.values import Answered, Claim, NewDelivery, NewMessage

LANE = Lane(account="111122223333", region="eu-west-1")


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **time: float) -> None:
        self.at += timedelta(**time)


@dataclass(frozen=True)
class Opened:
    url: str
    signer: Signer
    store: Store
    clock: Clock

    def link(self) -> str:
        return f"{self.url}/login?link={self.signer.link_token()}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(f"sqlite:///{tmp_path / 'a.db'}", now=clock, new_id=lambda: f"id{next(ids)}")
    quota = Quota(
        max_24_hour_send=500,
        max_send_rate=14,
        sent_last_24_hours=40,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    await opened.change_governor(LANE, lambda _: State(quota=quota))
    yield opened
    await opened.close()


async def tell_a_story(store: Store, clock: Clock) -> None:
    for number in range(3):
        message = NewMessage(
            id=f"m{number}",
            access_key_id="AKSWSHOP",
            stream=Stream.TRANSACTIONAL,
            mail_from="shop@example.com",
            subject=f"Order {number} <script>alert(1)</script>",
            raw=b"From: shop@example.com\r\n\r\n",
            deliveries=(
                NewDelivery(id=f"m{number}-0", recipient=f"c{number}@example.org", key=f"c{number}@example.org"),
            ),
        )
        await store.accept(message)
    claim = Claim(lane=LANE, owner="w", limit=2, lease_seconds=60, policy=Policy(reserve=0, burst_seconds=10))
    batch = await store.claim(claim)
    answers = [
        Answered(
            delivery_id=one.delivery_id,
            n=one.n,
            status=Status.SENT,
            kind="sent",
            ses_message_id=f"ses-{one.message_id}",
        )
        for one in batch.outgoing
    ]
    await store.answer(LANE, answers, learnt=lambda state: state)
    clock.advance(seconds=2)
    told = [
        Event(
            id=f"e{number}",
            kind=kind,
            ses_message_id=f"ses-m{number}",
            recipient=f"c{number}@example.org",
            occurred_at=clock(),
            delivery_id=f"m{number}-0",
            bounce_type="Permanent" if kind is EventKind.BOUNCE else "",
            bounce_subtype="General" if kind is EventKind.BOUNCE else "",
            diagnostic="smtp; 550 5.1.1 unknown" if kind is EventKind.BOUNCE else "",
        )
        for number, kind in enumerate((EventKind.DELIVERY, EventKind.BOUNCE))
    ]
    await store.record_events(told, source="test")
    await store.add_suppression(parse_address("gone@example.org"), SuppressionReason.MANUAL, source="test")


@pytest.fixture
async def console(store: Store, clock: Clock) -> AsyncIterator[Opened]:
    signer = Signer(key=b"k" * 32, now=clock, random_bytes=os.urandom)
    limits = Limits(
        bounce_warn=0.02,
        bounce_slow=0.04,
        bounce_stop=0.05,
        complaint_warn=5e-4,
        complaint_slow=8e-4,
        complaint_stop=1e-3,
    )
    told = {"webhook-hooks.example.com-1": "webhook-hooks.example.com-1", "email-1": "ops@example.com"}
    pages = Pages(store=store, lane=LANE, now=clock, policy=always(Policy()), limits=limits, told=told)
    inner = console_app(pages, signer, actions(store), hosts=("mail.example.com",))
    async with serving(Starlette(routes=[Mount("/console", app=inner)])) as url:
        yield Opened(url=f"{url}/console", signer=signer, store=store, clock=clock)


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    up = asyncio.create_task(server.serve())
    while not server.started:
        assert not up.done()
        await asyncio.sleep(0)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await up
