"""Opens the SQLite file: its lock, its permissions, its PRAGMAs. Knows no table."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from sendworthy.errors import StoreUnavailable
from sendworthy.store.faults import translate
from sendworthy.store.statement import OWN, Statement

BUSY_SECONDS = 5
"""So long a writer waits for others; then the database cannot be used right now."""

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: in WAL mode NORMAL does not sync at commit, and we answer after the commit
    "foreign_keys": 1,
    "busy_timeout": BUSY_SECONDS * 1000,
    "temp_store": 2,
    "cache_size": -16384,
    "journal_size_limit": 67108864,
}
"""What every connection runs under; read back by a test, since SQLite ignores what it does not know."""


def take_lock(path: Path) -> IO[str]:
    """Take the lock that makes this process the only one to run on the file. Raises StoreUnavailable."""
    lock = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read(20).strip()
        lock.close()
        who = f" (process {holder})" if holder.isdecimal() else ""
        raise StoreUnavailable(
            f"The database {path.name} is in use by another `sendworthy up`{who}.",
            "Stop that one first, or give this one a database of its own.",
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def create(path: Path) -> None:
    """Make the file, readable by its owner alone: it holds people's mail. Raises StoreUnavailable."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"The database {path} cannot be opened: {error.strerror}.",
            f"Check that {path.absolute().parent} exists and can be written, or set store.url.",
        ) from error


def connect(path: Path, *, readonly: bool) -> Connection:
    """Open a connection whose transactions are the caller's (the driver begins none). Raises StoreUnavailable."""

    def dial() -> sqlite3.Connection:
        driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        try:
            for name, value in PRAGMAS.items():
                driver.execute(f"PRAGMA {name} = {value}")
            if readonly:
                driver.execute("PRAGMA query_only = 1")
        except sqlite3.Error:
            driver.close()
            raise
        return driver

    try:
        connection = create_engine("sqlite://", creator=dial, poolclass=NullPool).connect()
        connection.info[OWN] = SqliteOwn(driver(connection))
        return connection
    except Exception as error:
        raise translate(error) from error


class SqliteOwn:
    """The Own of a SQLite connection."""

    __slots__ = ("_driver",)

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def one(self, statement: Statement, *values: Any) -> Sequence[Any] | None:
        """Give the first row, None when there is none."""
        row: tuple[Any, ...] | None = self._driver.execute(statement.sqlite, _bound(values)).fetchone()
        return row

    def all(self, statement: Statement, *values: Any) -> Sequence[Sequence[Any]]:
        """Give all rows."""
        return self._driver.execute(statement.sqlite, _bound(values)).fetchall()

    def run(self, statement: Statement, *values: Any) -> int:
        """Run a change and give how many rows it touched."""
        return self._driver.execute(statement.sqlite, _bound(values)).rowcount

    def many(self, statement: Statement, rows: Sequence[Sequence[Any]]) -> None:
        """Run a change once for each row of values."""
        self._driver.executemany(statement.sqlite, rows)


def _bound(values: Sequence[Any]) -> Sequence[Any]:
    return [json.dumps(value) if isinstance(value, list) else value for value in values]


def driver(connection: Connection) -> sqlite3.Connection:
    """Give the driver's own connection, for statements by hand."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)
