"""The disk of the PostgreSQL server is full while answers of SES are on their way: they are kept once there is room."""

from __future__ import annotations

import asyncio

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from sendworthy.errors import StoreUnavailable
from tests.journeys.test_store_in_trouble import Ses, a_store, a_worker, accept, until_sent
from tests.postgres import a_database, a_server
from tests.store.test_store_crowded import FULL, ROOM


async def test_a_full_disk_of_the_server_refuses_mail_and_loses_no_answer() -> None:
    with a_server() as server:
        url = await a_database(server)
        store = await a_store(url)
        for number in range(10):
            await accept(store, f"m{number}")
        ses, stop = Ses(halt=5), asyncio.Event()
        running = asyncio.create_task(a_worker(store, ses).run(stop))
        await ses.reached.wait()
        administrator = await asyncpg.connect(url)
        await administrator.execute(FULL.format(table="ledger"))
        ses.go_on.set()
        for number in range(10, 15):
            with pytest.raises(StoreUnavailable, match="disk of the PostgreSQL server is full"):
                await accept(store, f"m{number}")
        assert (await store.counts()).of() == 10
        await administrator.execute(ROOM.format(table="ledger"))
        await administrator.close()
        await until_sent(store, 10)
        stop.set()
        await running
        assert set(ses.taken.values()) == {1}
        assert len(ses.taken) == 10
        await store.close()
