"""The database goes and comes back, or its disk is full, while mail is on its way: it is told, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from sendworthy.audit.profile import Stream
from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.errors import StoreUnavailable
from sendworthy.gateway.worker import Limits, Worker
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import NewDelivery, NewMessage
from tests.postgres import a_database, a_server

LANE = Lane(region="eu-west-1")


class Ses:
    """Takes everything; at the `halt`-th call it lets the test act before it answers."""

    def __init__(self, halt: int) -> None:
        self.taken: Counter[str] = Counter()
        self.halt = halt
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, parcel: Parcel) -> Answer:
        self.taken[parcel.delivery_id] += 1
        if self.taken.total() >= self.halt:
            self.reached.set()
            await self.go_on.wait()
        return Answer(kind=AnswerKind.SENT, ses_message_id=f"ses-{parcel.delivery_id}")


def now() -> datetime:
    return datetime.now(UTC)


async def soon(_: float) -> None:
    await asyncio.sleep(0)


async def a_store(url: str) -> Store:
    store = await Store.open(url, now=now, new_id=lambda: "id")
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=10_000,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=0,
    )
    await store.change_governor(LANE, lambda _: State(quota=quota))
    return store


def a_worker(store: Store, ses: Ses) -> Worker:
    limits = Limits(batch=5, in_flight=5)
    return Worker(store, ses, lane=LANE, owner="w", now=now, sleep=soon, random=lambda: 0.5, limits=limits)


async def accept(store: Store, name: str, raw: bytes = b"Hi") -> None:
    delivery = NewDelivery(id=f"{name}-0", recipient="a@example.org", key="a@example.org")
    message = NewMessage(
        id=name,
        access_key_id="AKSWTEST",
        stream=Stream.TRANSACTIONAL,
        mail_from="shop@example.com",
        subject="Hi",
        raw=raw,
        deliveries=(delivery,),
    )
    await store.accept(message)


async def until_sent(store: Store, count: int) -> None:
    async with asyncio.timeout(30):
        while (await store.counts()).of(Status.SENT) < count:
            continue


async def test_a_database_that_dies_while_answers_are_out_gets_them_when_it_is_back() -> None:
    with a_server() as server:
        store = await a_store(await a_database(server))
        for number in range(20):
            await accept(store, f"m{number}")
        ses, stop = Ses(halt=8), asyncio.Event()
        running = asyncio.create_task(a_worker(store, ses).run(stop))
        await ses.reached.wait()
        server.stop(signal.SIGQUIT)
        ses.go_on.set()
        answered = []
        for number in range(20, 23):
            try:
                await accept(store, f"m{number}")
                answered.append(number)
            except StoreUnavailable:
                continue
        assert answered == []
        await asyncio.to_thread(server.start)
        await until_sent(store, 20)
        stop.set()
        await running
        assert set(ses.taken.values()) == {1}
        assert len(ses.taken) == 20
        await store.close()


async def test_a_full_disk_refuses_mail_and_loses_none_that_was_accepted(tmp_path: Path) -> None:
    store = await a_store(f"sqlite:///{tmp_path / 's.db'}")
    for number in range(10):
        await accept(store, f"m{number}")

    def limit(connection: Connection, spare: int) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + spare}")

    ses, stop = Ses(halt=5), asyncio.Event()
    running = asyncio.create_task(a_worker(store, ses).run(stop))
    await ses.reached.wait()
    await store._engine.write("limit", lambda connection: limit(connection, 0))
    for number in range(10, 20):
        with pytest.raises(StoreUnavailable, match="full"):
            await accept(store, f"m{number}", raw=b"x" * 500_000)
    ses.go_on.set()
    await store._engine.write("limit", lambda connection: limit(connection, 10_000))
    await until_sent(store, 10)
    stop.set()
    await running
    assert set(ses.taken.values()) == {1}
    assert (await store.counts()).of() == 10
    await store.close()
