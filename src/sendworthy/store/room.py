"""How much of the room that it was given the database takes, on either engine. Knows no table and no disk.

The disk of a database server cannot be seen from a client; the database's own size can. It is looked at while mail
comes in, every few seconds and beside it, never in the way of a message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from sendworthy.errors import StoreUnavailable
from sendworthy.store.engine import Engine
from sendworthy.store.statement import Statement, own

GIGABYTE: Final = 1024**3

NEARLY: Final = 0.9
"""From here on people are told."""

_EVERY_SECONDS: Final = 10.0
_BLIND_SECONDS: Final = 60.0
"""What was seen longer ago counts no more: then a message waits for a look."""

SIZE: Final = Statement(
    # Free pages are written again before the file grows, so mail that was deleted makes room.
    sqlite="SELECT (p.page_count - f.freelist_count) * s.page_size "
    "FROM pragma_page_count() p, pragma_freelist_count() f, pragma_page_size() s",
    # Tables, indexes and what is free in them (PostgreSQL manual, "Database Object Size Functions"); not the WAL.
    postgresql="SELECT pg_database_size(current_database())",
)


class Room:
    """A bound in bytes for the database of an engine; 0 for none."""

    def __init__(self, engine: Engine, most_bytes: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._most = most_bytes
        self._monotonic = monotonic
        self._size = 0
        self._seen_at: float | None = None
        self._begun_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def full(self) -> str:
        """Give why nothing more should be accepted, in a sentence; empty while there is room.

        Raises StoreUnavailable when the size was never seen, or not for a minute, and cannot be seen now.
        """
        if not self._most:
            return ""
        await self._look_in_time()
        return f"The database has reached {self._told}." if self._size >= self._most else ""

    async def filling(self) -> str:
        """Say that there is not much room left, and how much is taken; empty while there is, and when it is full."""
        if not self._most:
            return ""
        await self._look_in_time()
        if not NEARLY * self._most <= self._size < self._most:
            return ""
        return f"The database takes {self._size / self._most:.0%} of {self._told}."

    async def close(self) -> None:
        """End a look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None

    @property
    def _told(self) -> str:
        return f"store.most_gigabytes ({self._most / GIGABYTE:g})"

    async def _look_in_time(self) -> None:
        now = self._monotonic()
        if self._seen_at is None or now - self._seen_at > _BLIND_SECONDS:
            await self._look()
        elif now - self._begun_at >= _EVERY_SECONDS and (self._looking is None or self._looking.done()):
            self._begun_at = now
            self._looking = asyncio.get_running_loop().create_task(self._glance())

    async def _glance(self) -> None:
        with suppress(StoreUnavailable):  # then what was seen counts on, for a while
            await self._look()

    async def _look(self) -> None:
        def size(connection: Connection) -> int:
            row = own(connection).one(SIZE)
            return int(row[0]) if row else 0

        begun = self._monotonic()
        self._size = await self._engine.read(size)
        self._seen_at = self._begun_at = begun
