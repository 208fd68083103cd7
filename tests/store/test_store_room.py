"""A database that has reached its bound takes no more mail, on either engine, and sends what it has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from sendworthy.app.parts import opened_store
from sendworthy.config.shape import Config, StoreSettings
from sendworthy.errors import StoreBusy, StoreUnavailable
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.store.engine import Engine, T
from sendworthy.store.room import GIGABYTE, SIZE, Room
from sendworthy.store.statement import own
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Answered, Claim, NewMessage
from tests.store.conftest import LANE, Clock

Make = Callable[..., NewMessage]

MEGABYTE = 1024 * 1024


class Counting:
    """A real engine, and how often it was read."""

    shared = False
    ahead = timedelta()
    crowded = ""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reads = 0
        self.fails = False

    async def write(self, name: str, work: Callable[[Connection], T]) -> T:
        return await self._engine.write(name, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.reads += 1
        if self.fails:
            raise StoreUnavailable("The database does not answer.")
        return await self._engine.read(work)

    async def close(self) -> None:
        await self._engine.close()


class Ticking:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


async def size(store: Store) -> int:
    return await store._engine.read(lambda connection: int((own(connection).one(SIZE) or [0])[0]))


def bounded(url: str, clock: Clock, most: int) -> Any:
    ids = iter(range(1_000))
    return Store.open(url, now=clock, new_id=lambda: f"b{next(ids)}", most_bytes=most)


@pytest.fixture
async def full(url: str, store: Store, clock: Clock, make_message: Make) -> AsyncIterator[Store]:
    """A store whose bound is reached by what it holds already."""
    for _ in range(3):
        await store.accept(make_message(raw=b"x" * MEGABYTE))
    opened = await bounded(url, clock, await size(store))
    yield opened
    await opened.close()


async def test_nothing_is_accepted_beyond_the_bound_and_what_waits_goes_out(
    full: Store,
    make_message: Make,
    open_account: Callable[..., Any],
    claim: Claim,
) -> None:
    await open_account()
    for _ in range(3):
        with pytest.raises(StoreBusy, match=r"reached store\.most_gigabytes") as caught:
            await full.accept(make_message())
        assert caught.value.retry
    assert (await full.counts()).of() == 3
    batch = await full.claim(claim)
    answers = [
        Answered(delivery_id=out.delivery_id, n=out.n, status=Status.SENT, kind="sent", ses_message_id="ses")
        for out in batch.outgoing
    ]

    def unchanged(state: State) -> State:
        return state

    await full.answer(LANE, answers, learnt=unchanged)
    assert (await full.counts()).of(Status.SENT) == 3
    sight = await full.alerts.sight(LANE)
    assert "most_gigabytes" in sight.crowded
    assert not sight.filling


async def test_from_nine_tenths_on_people_are_told_and_mail_is_taken(
    url: str, store: Store, clock: Clock, make_message: Make
) -> None:
    await store.accept(make_message(raw=b"x" * MEGABYTE))
    used = await size(store)
    for share, told in ((0.95, True), (0.85, False)):
        near = await bounded(url, clock, int(used / share))
        await near.accept(make_message())
        sight = await near.alerts.sight(LANE)
        assert bool(sight.filling) is told
        assert not sight.crowded
        if told:
            assert "95% of store.most_gigabytes" in sight.filling
        await near.close()


async def test_without_a_bound_nobody_looks(store: Store) -> None:
    counting = Counting(store._engine)
    room = Room(counting, 0)
    assert (await room.full(), await room.filling()) == ("", "")
    assert counting.reads == 0
    await room.close()


async def test_it_is_looked_at_every_ten_seconds_and_no_message_waits_for_it(store: Store) -> None:
    counting, ticking = Counting(store._engine), Ticking()
    room = Room(counting, GIGABYTE, monotonic=ticking)
    for _ in range(500):
        assert not await room.full()
    assert counting.reads == 1
    ticking.at += 10
    before = asyncio.all_tasks()
    for _ in range(500):
        assert not await room.full()
    (looking,) = asyncio.all_tasks() - before
    assert counting.reads <= 1 + 1, "one look, beside the messages and not before them"
    await looking
    assert counting.reads == 2
    await room.close()


async def test_a_look_beside_the_messages_sees_that_it_is_full_now(store: Store, make_message: Make) -> None:
    ticking = Ticking()
    room = Room(store._engine, await size(store) + MEGABYTE, monotonic=ticking)
    assert not await room.full()
    await store.accept(make_message(raw=random.Random(1).randbytes(3 * MEGABYTE)))  # noqa: S311 - so that nothing packs it
    assert not await room.full()
    ticking.at += 10
    before = asyncio.all_tasks()
    assert not await room.full()
    (looking,) = asyncio.all_tasks() - before
    await looking
    assert await room.full()
    await room.close()


async def test_a_size_that_cannot_be_seen_is_not_taken_for_room(store: Store) -> None:
    counting, ticking = Counting(store._engine), Ticking()
    room = Room(counting, GIGABYTE, monotonic=ticking)
    counting.fails = True
    with pytest.raises(StoreUnavailable):
        await room.full()
    counting.fails = False
    assert not await room.full()
    counting.fails = True
    ticking.at += 59
    assert not await room.full(), "what was seen a minute ago still counts"
    ticking.at += 2
    with pytest.raises(StoreUnavailable):
        await room.full()
    await room.close()


async def test_a_look_under_way_does_not_outlive_the_store(store: Store) -> None:
    ticking = Ticking()
    room = Room(store._engine, GIGABYTE, monotonic=ticking)
    await room.full()
    ticking.at += 10
    before = asyncio.all_tasks()
    await room.full()
    (looking,) = asyncio.all_tasks() - before
    await room.close()
    assert looking.done()


async def test_in_a_sqlite_file_mail_that_was_deleted_makes_room(
    full: Store, url: str, clock: Clock, make_message: Make
) -> None:
    if full.shared:
        pytest.skip("PostgreSQL gives no view of what is free within its files")
    with pytest.raises(StoreBusy):
        await full.accept(make_message())
    for message in (await full.messages())[0]:
        await full.cancel(message.id)
    clock.advance(10 * 86_400)
    while await full.periodic.drop_old(Retention()):
        continue
    again = await bounded(url, clock, await size(full) + MEGABYTE)
    await again.accept(make_message())
    assert await size(full) < 2 * MEGABYTE
    await again.close()


async def test_the_setting_reaches_the_store(url: str, make_message: Make) -> None:
    for gigabytes, refused in ((0.000_001, True), (0.0, False), (1_000.0, False)):
        async with opened_store(Config(store=StoreSettings(url=url, most_gigabytes=gigabytes))) as store:
            if refused:
                with pytest.raises(StoreBusy):
                    await store.accept(make_message())
            else:
                assert not (await store.accept(make_message())).repeated
