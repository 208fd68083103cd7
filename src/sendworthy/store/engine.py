"""What the store needs of a database, whichever it is. Knows no SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Engine(Protocol):
    """Runs work over a connection. Each piece of writing work is all or nothing, and durable once awaited.

    Work may be run more than once before it takes effect (where the database gave way to another transaction), so it
    must do nothing but read and write the connection.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes send by the same database, so that their leases and mail are not ours alone."""
        ...

    @property
    def ahead(self) -> timedelta:
        """How far the database's clock is ahead of this machine's; zero where they are the same clock."""
        ...

    @property
    def crowded(self) -> str:
        """Why nothing more should be accepted now, in a sentence; empty when there is room."""
        ...

    async def write(self, name: str, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return after its commit; `name` labels its fault points."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` over one consistent view of what is committed."""
        ...

    async def close(self) -> None:
        """End all work and let go of the database."""
        ...
