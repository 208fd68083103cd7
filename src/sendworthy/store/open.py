"""Opens the database that a url names and brings it up to date. Knows no statement beyond the migrations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sendworthy.errors import ConfigError
from sendworthy.store.engine import Engine
from sendworthy.store.faults import Fault
from sendworthy.store.migrate import migrate
from sendworthy.store.sqlite.writer import SqliteEngine

_SHAPE = (
    "Write it as sqlite:///sendworthy.db (relative), sqlite:////var/lib/sendworthy/sendworthy.db (absolute) or "
    "postgresql://user@host/database."
)


def database_path(url: str) -> Path:
    """Give the file that a `sqlite:///` url names. Raises ConfigError."""
    parsed = _parsed(url)
    if parsed.drivername != "sqlite":
        raise ConfigError(f"The store cannot be kept in {parsed.drivername!r}.", _SHAPE)
    if not parsed.database or parsed.database == ":memory:" or parsed.query or parsed.host:
        raise ConfigError("The store's url does not name a file.", _SHAPE)
    return Path(parsed.database)


async def open_engine(url: str, *, exclusive: bool, fault: Fault) -> Engine:
    """Open and migrate. `exclusive` is for SQLite alone. Raises ConfigError or StoreUnavailable."""
    if _parsed(url).drivername in {"postgresql", "postgres"}:
        return await _open_postgres(url, fault)
    engine = SqliteEngine(database_path(url), exclusive=exclusive, fault=fault)
    try:
        await engine.write("migrate", migrate)
    except BaseException:
        await engine.close()
        raise
    return engine


async def _open_postgres(url: str, fault: Fault) -> Engine:
    try:
        from sendworthy.store.postgres.engine import PostgresEngine  # noqa: PLC0415 - asyncpg is an extra
    except ImportError:
        raise ConfigError(
            "The store's url names PostgreSQL, and the driver for it is not installed.",
            "Install it: pip install 'sendworthy[postgresql]'.",
        ) from None
    engine = PostgresEngine(url, fault=fault)
    try:
        await engine.start()
    except BaseException:
        await engine.close()
        raise
    return engine


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError("The store's url cannot be read.", _SHAPE) from None
