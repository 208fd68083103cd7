"""Walking past a queue on SQLite costs one search, however much waits in it: an EXPLAIN shows the index either way."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sendworthy.audit.profile import Stream
from sendworthy.store import Store
from sendworthy.store.queues import NEXT_QUEUE
from sendworthy.store.values import NewDelivery, NewMessage

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def message(name: str, key: str) -> NewMessage:
    return NewMessage(
        id=name,
        access_key_id=key,
        stream=Stream.TRANSACTIONAL,
        mail_from="shop@example.com",
        subject="Your order",
        raw=b"Subject: Your order\r\n\r\n",
        deliveries=(NewDelivery(id=name, recipient="a@example.org", key="a@example.org"),),
    )


def steps(connection: sqlite3.Connection, *values: object) -> tuple[list[tuple[object, ...]], int]:
    """Give what was found and how many instructions of SQLite's machine it took."""
    ticks = count()
    connection.set_progress_handler(lambda: next(ticks) and 0, 1)
    found = connection.execute(NEXT_QUEUE.sqlite, values).fetchall()
    connection.set_progress_handler(None, 0)
    return found, next(ticks)


async def test_the_next_queue_is_found_at_once_behind_one_that_is_full(tmp_path: Path) -> None:
    ids = count()
    store = await Store.open(f"sqlite:///{tmp_path / 's.db'}", now=lambda: NOW, new_id=lambda: f"i{next(ids)}")
    await store.accept(message("last", "B"))
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        await store.accept(message("a", "A"))
        found, few = steps(connection, 20, "A|")
        assert [row[1] for row in found] == ["B|"]
        await asyncio.gather(*(store.accept(message(f"a{n}", "A")) for n in range(400)))
        found, many = steps(connection, 20, "A|")
        assert [row[1] for row in found] == ["B|"]
        assert many <= few + 10
        assert steps(connection, 20, "B|")[0] == []
    await store.close()
