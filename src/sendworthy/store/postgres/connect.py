"""Opens connections to PostgreSQL, and says in our words what goes wrong with it. Knows no table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from sendworthy.errors import StoreUnavailable
from sendworthy.store.statement import OWN, Statement

SETTINGS = {
    "application_name": "sendworthy",
    "timezone": "UTC",
    "synchronous_commit": "on",  # we answer after the commit, whatever the server's or the role's default is
    "statement_timeout": "60000",
    "lock_timeout": "20000",
    "idle_in_transaction_session_timeout": "60000",  # a process that was stopped must not hold the governor for ever
}
"""What every session runs under; read back by a test."""

_CONNECT_SECONDS = 10.0

_TOLD = {
    "08": ("The connection to PostgreSQL was lost.", "It is tried again; look at the server if it goes on."),
    "28": ("PostgreSQL refuses the user or the password.", "Check the store's url."),
    "3D": ("PostgreSQL has no database of that name.", "Make it, or check the store's url."),
    "42501": ("The database user may not do this in PostgreSQL.", "Let the user own the database."),
    "53100": ("The disk of the PostgreSQL server is full.", "Free some space; nothing that was answered is lost."),
    "53200": ("The PostgreSQL server is out of memory.", "Give it more, or let it do less."),
    "53300": ("PostgreSQL takes no more connections.", "Raise max_connections, or run fewer processes."),
    "55P03": ("A lock in PostgreSQL was not given in time.", "Look for a long transaction of another program."),
    "57014": ("PostgreSQL took too long.", "Look at the server's load."),
    "57P": ("PostgreSQL is shutting down or starting.", "It is tried again."),
    "25006": ("The PostgreSQL server is read-only.", "Point the store's url at the primary."),
    "58": ("The disk of the PostgreSQL server failed.", "Look at the server's log."),
}
"""SQLSTATE classes and codes (PostgreSQL manual, appendix A) that operation brings about; the longest match counts."""

GIVES_WAY = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and a unique key that another transaction took first: run again, it ends well."""


class PostgresOwn:
    """The Own of a PostgreSQL connection; called within SQLAlchemy's greenlet, so that plain code can wait."""

    __slots__ = ("_driver",)

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver

    def one(self, statement: Statement, *values: Any) -> Sequence[Any] | None:
        """Give the first row, None when there is none."""
        return cast("Sequence[Any] | None", await_only(self._driver.fetchrow(statement.postgresql, *values)))

    def all(self, statement: Statement, *values: Any) -> Sequence[Sequence[Any]]:
        """Give all rows."""
        return cast("Sequence[Sequence[Any]]", await_only(self._driver.fetch(statement.postgresql, *values)))

    def run(self, statement: Statement, *values: Any) -> int:
        """Run a change and give how many rows it touched."""
        tag = await_only(self._driver.execute(statement.postgresql, *values))
        return int(tag.rsplit(" ", 1)[1])

    def many(self, statement: Statement, rows: Sequence[Sequence[Any]]) -> None:
        """Run a change once for each row of values, all in one round trip."""
        if rows:
            await_only(self._driver.executemany(statement.postgresql, rows))


def engine(url: str) -> AsyncEngine:
    """Make SQLAlchemy's engine; its connections begin no transaction of their own."""

    async def dial() -> asyncpg.Connection:
        return await asyncpg.connect(
            url, timeout=_CONNECT_SECONDS, command_timeout=90, server_settings=SETTINGS, statement_cache_size=256
        )

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=dial, poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )


async def connect(engine: AsyncEngine) -> AsyncConnection:
    """Open a connection. Raises StoreUnavailable."""
    try:
        connection = await engine.connect()
    except Exception as error:
        raise translate(error) from error
    own = PostgresOwn(await driver(connection))
    connection.sync_connection.info[OWN] = own  # type: ignore[union-attr]  # it was opened just now
    return connection


async def driver(connection: AsyncConnection) -> asyncpg.Connection:
    """Give the driver's own connection."""
    return cast("asyncpg.Connection", (await connection.get_raw_connection()).driver_connection)


def state_of(error: BaseException) -> str:
    """Give the SQLSTATE of what asyncpg or SQLAlchemy raised, empty when it has none."""
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "sqlstate", None)
        if code:
            return str(code)
        cause = cause.__cause__ or (cause.orig if isinstance(cause, DBAPIError) else None)
    return ""


def is_lost(error: BaseException) -> bool:
    """Say whether the connection cannot be used any more."""
    code = state_of(error)
    lost = (OSError, EOFError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, lost):
            return True
        cause = cause.__cause__
    return code[:2] == "08" or code[:3] == "57P"


def translate(error: Exception) -> Exception:
    """Turn what asyncpg or SQLAlchemy raised into StoreUnavailable; what is our own mistake stays as it is."""
    code = state_of(error)
    for length in (5, 3, 2):
        if told := _TOLD.get(code[:length]):
            return StoreUnavailable(*told)
    if is_lost(error):
        return StoreUnavailable(
            "PostgreSQL cannot be reached.", "Check that it runs and that the store's url is right."
        )
    return error


def sync(connection: AsyncConnection) -> Connection:
    """Give the connection that plain code sees."""
    found = connection.sync_connection
    if found is None:
        raise StoreUnavailable("The connection to PostgreSQL is closed.")
    return found
