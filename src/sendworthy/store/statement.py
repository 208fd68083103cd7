"""Statements by hand, written once and rendered for each engine. Knows no table.

The hot statements are text, not SQLAlchemy Core, because compiling costs more than running them. `?` stands for a
value; `{in}` for membership in a list of texts; `{locked}` locks the rows until the commit; `{skipping}` locks those
rows of `deliveries d` that nobody else holds. SQLite has one writer, so its locks are empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, cast

from sqlalchemy import Connection

OWN = "sendworthy.own"
"""Under this name a connection's `info` holds its Own."""

_SQLITE = {"{in}": "IN (SELECT value FROM json_each(?))", "{locked}": "", "{skipping}": ""}
_POSTGRESQL = {"{in}": "= ANY(?::text[])", "{locked}": "FOR UPDATE", "{skipping}": "FOR UPDATE OF d SKIP LOCKED"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in both tongues."""

    sqlite: str
    postgresql: str


class Own(Protocol):
    """The driver's own connection within a transaction, the same for both engines. Values of lists are lists."""

    def one(self, statement: Statement, *values: Any) -> Sequence[Any] | None:
        """Give the first row, None when there is none."""
        ...

    def all(self, statement: Statement, *values: Any) -> Sequence[Sequence[Any]]:
        """Give all rows."""
        ...

    def run(self, statement: Statement, *values: Any) -> int:
        """Run a change and give how many rows it touched."""
        ...

    def many(self, statement: Statement, rows: Sequence[Sequence[Any]]) -> None:
        """Run a change once for each row of values."""
        ...


def statement(text: str) -> Statement:
    """Render a statement for both engines."""
    sqlite = postgresql = text
    for mark, words in _SQLITE.items():
        sqlite, postgresql = sqlite.replace(mark, words), postgresql.replace(mark, _POSTGRESQL[mark])
    numbers = count(1)
    return Statement(sqlite=sqlite, postgresql=re.sub(r"\?", lambda _: f"${next(numbers)}", postgresql))


def own(connection: Connection) -> Own:
    """Give the driver's own connection under an engine's connection."""
    return cast("Own", connection.info[OWN])
