"""Accepts together what is asked for at once, within a budget. Knows no statement.

While one transaction commits, more messages come in; the next takes them all. What is in flight is bounded in bytes and
in number: beyond that the caller is told to come back, before memory is at risk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sendworthy.errors import StoreBusy
from sendworthy.store.values import Accepted, NewMessage

Keep = Callable[[Sequence[NewMessage]], Awaitable[tuple[Accepted, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be on its way into the database at once. One message always may, however large."""

    most_bytes: int = 128 * 1024 * 1024
    most_messages: int = 5_000
    group: int = 100


class Combiner:
    """Collects messages for one event loop and keeps them by `keep`, a group at a time."""

    def __init__(self, keep: Keep, budget: Budget) -> None:
        self._keep = keep
        self._budget = budget
        self._waiting: list[tuple[NewMessage, asyncio.Future[Accepted]]] = []
        self._bytes = 0
        self._count = 0
        self._running: asyncio.Task[None] | None = None
        self.loop = asyncio.get_running_loop()

    async def accept(self, message: NewMessage) -> Accepted:
        """Keep one message, together with others. Raises StoreBusy, and what `keep` raises."""
        size = len(message.raw)
        if self._count and (self._bytes + size > self._budget.most_bytes or self._count >= self._budget.most_messages):
            raise StoreBusy("More mail is coming in than can be kept at once.", "Send it again in a moment.")
        future: asyncio.Future[Accepted] = self.loop.create_future()
        self._waiting.append((message, future))
        self._bytes += size
        self._count += 1
        if self._running is None:
            self._running = self.loop.create_task(self._run())
        try:
            # Whoever stops waiting does not stop the commit: the message is then accepted without an answer.
            return await asyncio.shield(future)
        finally:
            self._bytes -= size
            self._count -= 1

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[: self._budget.group]
                del self._waiting[: self._budget.group]
                await self._keep_group(group)
        finally:
            self._running = None

    async def _keep_group(self, group: list[tuple[NewMessage, asyncio.Future[Accepted]]]) -> None:
        try:
            answers = await self._keep([message for message, _ in group])
        except Exception as error:  # noqa: BLE001 - every caller in the group must hear of it
            if len(group) > 1 and not getattr(error, "retry", False):
                for one in group:  # one of them is at fault: the others must not suffer
                    await self._keep_group([one])
                return
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
