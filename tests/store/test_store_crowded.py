"""A disk that is nearly full, or full: no mail is taken, and what was taken before can still be answered for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from sendworthy.errors import StoreBusy, StoreUnavailable
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.faults import no_fault
from sendworthy.store.migrate import migrate
from sendworthy.store.sqlite.writer import SqliteEngine
from sendworthy.store.values import Answered, Batch, Claim, NewMessage
from tests.postgres import Server, a_database
from tests.store.conftest import LANE, Clock

Make = Callable[..., NewMessage]

FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION no_room();
"""
"""The server's own error, SQLSTATE 53100, where a table would have to grow: no disk of the server's is ours to fill."""

ROOM = "DROP TRIGGER no_room ON {table}; DROP FUNCTION no_room()"


def sent(batch: Batch) -> list[Answered]:
    return [
        Answered(delivery_id=out.delivery_id, n=out.n, status=Status.SENT, kind="sent", ses_message_id="ses")
        for out in batch.outgoing
    ]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    """A database on the disk that the tests have, whose free space is really looked at."""
    opened = SqliteEngine(tmp_path / "s.db", exclusive=True, fault=no_fault)
    await opened.write("migrate", migrate)
    yield opened
    await opened.close()


async def test_a_disk_that_is_nearly_full_takes_no_mail_and_answers_for_what_it_has(
    engine: SqliteEngine, tmp_path: Path, clock: Clock, make_message: Make, lane: Lane, claim: Claim
) -> None:
    store = Store(engine, now=clock, new_id=lambda: "id")
    await store.accept(make_message())
    await account(store, clock)
    engine.least_free_bytes = shutil.disk_usage(tmp_path).free + 2**40
    refused = await until_crowded(store, make_message)
    assert refused.retry
    assert refused.happened == "The disk that holds the database is nearly full."
    accepted = (await store.counts()).of()
    answered = 0
    while (batch := await store.claim(claim)).outgoing:
        await store.answer(lane, sent(batch), learnt=lambda state: state)
        answered += len(batch.outgoing)
        clock.advance(1)
    assert answered == accepted == (await store.counts()).of(Status.SENT)
    with pytest.raises(StoreBusy):
        await store.accept(make_message())
    engine.least_free_bytes = 0
    async with asyncio.timeout(10):  # it looks once a second
        while True:
            try:
                await store.accept(make_message())
            except StoreBusy:
                continue
            break
    assert (await store.counts()).of() == accepted + 1


async def until_crowded(store: Store, make_message: Make) -> StoreBusy:
    """Accept until the disk is looked at again, which it is once a second."""
    async with asyncio.timeout(10):
        while True:
            try:
                await store.accept(make_message())
            except StoreBusy as busy:
                return busy


async def account(store: Store, clock: Clock) -> None:
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=1e6,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    await store.change_governor(LANE, lambda _: State(quota=quota))


async def test_a_disk_that_cannot_be_looked_at_takes_no_mail(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    engine = SqliteEngine(folder / "s.db", exclusive=False, fault=no_fault)
    shutil.rmtree(folder)
    assert "nearly full" in engine.crowded
    await engine.close()


@pytest.fixture
async def on_postgres(postgres: Server, clock: Clock) -> AsyncIterator[tuple[Store, asyncpg.Connection]]:
    url = await a_database(postgres)
    store = await Store.open(url, now=clock, new_id=lambda: "id")
    administrator = await asyncpg.connect(url)
    yield store, administrator
    await administrator.close()
    await store.close()


@pytest.mark.parametrize("table", ["messages", "chunks", "deliveries", "ledger"])
async def test_a_full_disk_of_the_server_refuses_mail_whole_and_takes_it_when_there_is_room(
    on_postgres: tuple[Store, asyncpg.Connection], make_message: Make, table: str
) -> None:
    store, administrator = on_postgres
    before = make_message()
    await store.accept(before)
    await administrator.execute(FULL.format(table=table))
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="disk of the PostgreSQL server is full") as caught:
            await store.accept(make_message(raw=b"x" * 3_000_000))
        assert caught.value.retry
    assert [one.id for one in (await store.messages())[0]] == [before.id]
    assert len((await store.deliveries())[0]) == 1
    await administrator.execute(ROOM.format(table=table))
    await store.accept(make_message())
    assert len((await store.messages())[0]) == 2


@pytest.mark.parametrize("table", ["attempts", "deliveries", "governor"])
async def test_on_a_full_disk_of_the_server_nothing_is_claimed_and_so_nothing_is_sent(
    on_postgres: tuple[Store, asyncpg.Connection], make_message: Make, clock: Clock, claim: Claim, table: str
) -> None:
    store, administrator = on_postgres
    await store.accept(make_message())
    await account(store, clock)
    await administrator.execute(FULL.format(table=table))
    with pytest.raises(StoreUnavailable, match="disk of the PostgreSQL server is full"):
        await store.claim(claim)
    await administrator.execute(ROOM.format(table=table))
    assert len((await store.claim(claim)).outgoing) == 1


async def test_an_answer_that_cannot_be_kept_on_a_full_disk_can_be_kept_once_there_is_room(
    on_postgres: tuple[Store, asyncpg.Connection], make_message: Make, clock: Clock, lane: Lane, claim: Claim
) -> None:
    store, administrator = on_postgres
    await store.accept(make_message())
    await account(store, clock)
    answers = sent(await store.claim(claim))
    await administrator.execute(FULL.format(table="ledger"))
    with pytest.raises(StoreUnavailable, match="disk of the PostgreSQL server is full"):
        await store.answer(lane, answers, learnt=lambda state: state)
    await administrator.execute(ROOM.format(table="ledger"))
    await store.answer(lane, answers, learnt=lambda state: state)
    assert [one.status for one in (await store.deliveries())[0]] == [Status.SENT]
    assert not (await store.claim(claim)).outgoing
