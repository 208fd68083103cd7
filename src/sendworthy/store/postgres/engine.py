"""Runs work on PostgreSQL: a few connections, one transaction for each piece of work. Knows no table.

A transaction that gave way to another (deadlock, serialization, a unique key taken first) is run again. A connection
that was lost is replaced; what was asked for over it fails, because whether its commit arrived cannot be known.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from sendworthy.errors import StoreUnavailable
from sendworthy.store.faults import Fault
from sendworthy.store.migrate import migrate
from sendworthy.store.postgres import connect as to

T = TypeVar("T")

_CONNECTIONS = 6
_TRIES = 8
_MIGRATION_LOCK = 0x53656E64776F72  # "Sendwor", so that no other program's advisory lock is ours
_CLOCK_SECONDS = 30.0
_CLOCK_TOLERANCE = timedelta(milliseconds=10)
"""Less than this is the time of asking, not a wrong clock; it is within the governor's burst."""

_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresEngine:
    """The Engine of `postgresql://` urls, for the event loop that opened it. `wall` is this machine's clock."""

    def __init__(
        self,
        url: str,
        *,
        fault: Fault,
        connections: int = _CONNECTIONS,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = to.engine(url)
        self._fault = fault
        self._wall = wall
        self._most = connections
        self._gate = asyncio.Semaphore(connections)
        self._idle: list[AsyncConnection] = []
        self._closed = False
        self._ahead = timedelta()
        self._clock_read_at = 0.0

    @property
    def shared(self) -> bool:
        """Any number of processes send by one database."""
        return True

    @property
    def ahead(self) -> timedelta:
        """How far the database's clock is ahead of this machine's."""
        return self._ahead

    @property
    def crowded(self) -> str:
        """The server's disk is not ours to look at; it says so itself when it is full."""
        return ""

    async def start(self) -> None:
        """Check the server, migrate, read its clock. Raises StoreUnavailable."""
        async with self._connection() as connection:
            own = await to.driver(connection)
            if await own.fetchval("SHOW fsync") != "on":
                raise StoreUnavailable(
                    "The PostgreSQL server runs with fsync off, so a commit promises nothing.", "Turn fsync on."
                )
            await own.execute(_WRITE)
            try:
                await own.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
                await connection.run_sync(migrate)
                self._fault("migrate.before_commit")
                await own.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    await own.execute("ROLLBACK")
                raise
            await self._read_clock(connection)

    async def write(self, name: str, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return after its commit. Raises StoreUnavailable."""
        for tries in range(1, _TRIES + 1):
            try:
                async with self._connection() as connection:
                    return await self._transact(connection, _WRITE, work, name)
            except Exception as error:
                if to.state_of(error) not in to.GIVES_WAY or tries == _TRIES:
                    raise to.translate(error) from error
            await asyncio.sleep(random.uniform(0, 0.01 * 2**tries))  # noqa: S311 - to part those that met
        raise AssertionError

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` over one snapshot. Raises StoreUnavailable."""
        try:
            async with self._connection() as connection:
                return await self._transact(connection, _READ, work, "")
        except Exception as error:
            raise to.translate(error) from error

    async def close(self) -> None:
        """Close every connection; work that is under way is waited for."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._most):
            await self._gate.acquire()
        for connection in self._idle:
            with contextlib.suppress(Exception):
                await connection.close()
        self._idle.clear()
        await self._engine.dispose()

    async def _transact(self, connection: AsyncConnection, begin: str, work: Callable[[Connection], T], name: str) -> T:
        own = await to.driver(connection)
        await own.execute(begin)
        try:
            result = await connection.run_sync(work)
            if name:
                self._fault(f"{name}.before_commit")
            await own.execute("COMMIT")
        except BaseException:
            if not own.is_closed():
                await asyncio.shield(own.execute("ROLLBACK"))
            raise
        if name:
            self._fault(f"{name}.after_commit")
        return result

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        async with self._gate:
            connection = self._idle.pop() if self._idle else await to.connect(self._engine)
            sound = False
            try:
                if (await to.driver(connection)).is_closed():
                    await _drop(connection)
                    connection = await to.connect(self._engine)
                if time.monotonic() - self._clock_read_at > _CLOCK_SECONDS:
                    await self._read_clock(connection)
                yield connection
                sound = True
            except Exception as error:
                sound = not to.is_lost(error)
                raise
            finally:
                if sound:
                    self._idle.append(connection)
                else:
                    await _drop(connection)

    async def _read_clock(self, connection: AsyncConnection) -> None:
        """Compare the clocks, by the quickest of three answers."""
        own = await to.driver(connection)
        best, ahead = timedelta.max, timedelta()
        for _ in range(3):
            before = self._wall()
            told: datetime = await own.fetchval("SELECT clock_timestamp()")
            took = self._wall() - before
            if took < best:
                best, ahead = took, told - before - took / 2
        self._ahead = ahead if abs(ahead) > _CLOCK_TOLERANCE + best / 2 else timedelta()
        self._clock_read_at = time.monotonic()


async def _drop(connection: AsyncConnection) -> None:
    with contextlib.suppress(Exception):
        (await to.driver(connection)).terminate()
    with contextlib.suppress(Exception):
        await connection.invalidate()
    with contextlib.suppress(Exception):
        await connection.close()
