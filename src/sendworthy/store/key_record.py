"""Which key files a database was used with, by fingerprints: so that a host with other ones finds out when it starts.

Knows no key: whoever has the database alone learns of a key file only whether it is the same as another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import Connection

from sendworthy.store.engine import Engine
from sendworthy.store.statement import Own, own, statement

# In `meta`, whose names are unique: of two hosts that start at once, the second waits for the first and sees its row.
_ADD = statement("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
_READ = statement("SELECT value FROM meta WHERE key = ?")
_LOCK = statement("SELECT value FROM meta WHERE key = ? {locked}")
_CHANGE = statement("UPDATE meta SET value = ? WHERE key = ?")
_EVERY = statement("SELECT key, value FROM meta WHERE key LIKE 'key_file.%' ORDER BY key")

_PREFIX: Final = "key_file."


class Likeness(StrEnum):
    """How a host's key file compares with the one on record."""

    NEW = "new"
    """None was on record."""
    SAME = "same"
    GROWN = "grown"
    """It holds all that is on record, and more: keys were added here."""
    RENEWED = "renewed"
    """The one on record had its time, and a successor was to come."""
    BEHIND = "behind"
    """It lacks keys that are on record, and holds none beside the others."""
    OTHER = "other"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A key file on record: fingerprints of the keys in it, since when, and from when on a successor may come."""

    fingerprints: frozenset[str]
    at: datetime
    until: datetime | None = None


class KeyRecord:
    """The record. What writes returns after the commit; all raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def compare(self, file: str, fingerprints: Collection[str], *, until: datetime | None = None) -> Likeness:
        """Compare a file's keys with those on record, and keep them when they are new, grown or renewed."""
        mine = Known(fingerprints=frozenset(fingerprints), at=self._now(), until=until)
        return await self._engine.write("key_file", lambda connection: _compare(own(connection), file, mine))

    async def accept(self, file: str, fingerprints: Collection[str], *, until: datetime | None = None) -> None:
        """Keep a file's keys in place of those on record, because a person says so."""
        mine = Known(fingerprints=frozenset(fingerprints), at=self._now(), until=until)

        def work(connection: Connection) -> None:
            if not own(connection).run(_CHANGE, _written(mine), _PREFIX + file):
                own(connection).run(_ADD, _PREFIX + file, _written(mine))

        await self._engine.write("key_file", work)

    async def known(self) -> Mapping[str, Known]:
        """Give what is on record, by file."""
        rows = await self._engine.read(lambda connection: own(connection).all(_EVERY))
        return {str(row[0]).removeprefix(_PREFIX): _read(row[1]) for row in rows}

    async def look(self, file: str) -> Known | None:
        """Give what is on record of one file, None when nothing is."""
        row = await self._engine.read(lambda connection: own(connection).one(_READ, _PREFIX + file))
        return _read(row[0]) if row else None


def likeness(known: Known | None, fingerprints: Collection[str], now: datetime) -> Likeness:
    """Say how a file's keys compare with those on record."""
    mine = frozenset(fingerprints)
    if known is None:
        return Likeness.NEW
    if mine == known.fingerprints:
        return Likeness.SAME
    if mine > known.fingerprints:
        return Likeness.GROWN
    if known.until is not None and now >= known.until:
        return Likeness.RENEWED
    return Likeness.BEHIND if mine < known.fingerprints else Likeness.OTHER


def _compare(own: Own, file: str, mine: Known) -> Likeness:
    name = _PREFIX + file
    if own.run(_ADD, name, _written(mine)):
        return Likeness.NEW
    row = own.one(_LOCK, name)
    found = likeness(_read(row[0]) if row else None, mine.fingerprints, mine.at)
    if found in {Likeness.GROWN, Likeness.RENEWED}:
        own.run(_CHANGE, _written(mine), name)
    return found


def _written(known: Known) -> str:
    return msgspec.json.encode(known).decode()


def _read(value: str) -> Known:
    return msgspec.json.decode(value, type=Known)
