"""What the store needs of a database, whichever it is. Knows no SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Engine(Protocol):
    """Runs work over a connection. Each piece of writing work is all or nothing, and durable once awaited."""

    async def write(self, name: str, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return after its commit; `name` labels its fault points."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` over one consistent view of what is committed."""
        ...

    async def close(self) -> None:
        """End all work and let go of the database."""
        ...
