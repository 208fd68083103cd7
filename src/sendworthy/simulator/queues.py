"""A standard SQS queue: visibility, receive counts, receipts. Knows no API; the caller says what time it is."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(slots=True, eq=False, kw_only=True)
class Letter:
    """One message in a queue. A `body` that is a callable is written when first received."""

    message_id: str
    body: str | Callable[[], str]
    sent_at: datetime
    sender: str
    attributes: dict[str, Any] = field(default_factory=dict)
    visible_at: datetime | None = None
    first_received_at: datetime | None = None
    receive_count: int = 0
    deleted: bool = False

    def text(self) -> str:
        """Return the body; written once and kept."""
        if not isinstance(self.body, str):
            self.body = self.body()
        return self.body


@dataclass(slots=True, eq=False, kw_only=True)
class Queue:
    """A queue and its attributes as strings, the way SQS gives them back."""

    arn: str
    url_path: str
    created_at: datetime
    attributes: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    _arrival: asyncio.Event = field(default_factory=asyncio.Event)
    _visible: deque[Letter] = field(default_factory=deque)
    _hidden: list[tuple[datetime, int, Letter]] = field(default_factory=list)
    _letters: dict[str, Letter] = field(default_factory=dict)
    _order: Iterator[int] = field(default_factory=itertools.count)

    @property
    def name(self) -> str:
        """The queue's name, the last part of its ARN."""
        return self.arn.rpartition(":")[2]

    def seconds(self, attribute: str) -> timedelta:
        """Return an attribute that is a number of seconds."""
        return timedelta(seconds=int(self.attributes[attribute]))

    def put(self, letter: Letter, *, now: datetime, delay: timedelta = timedelta(0), ahead_of: int = 0) -> None:
        """Add a message, visible after `delay`; before the last `ahead_of` ones, where order is to be upset."""
        self._letters[letter.message_id] = letter
        if delay:
            self._hide(letter, now + delay)
        elif ahead_of:
            self._visible.insert(max(0, len(self._visible) - ahead_of), letter)
        else:
            self._visible.append(letter)
        self.stir()

    def receive(
        self, most: int, *, now: datetime, hide_for: timedelta, dead_letter: tuple[int, Queue] | None = None
    ) -> list[tuple[Letter, str]]:
        """Take up to `most` visible messages with fresh receipts and hide them.

        `dead_letter` is (maxReceiveCount, queue): a message that was received that often already moves there instead.
        """
        self._uncover(now)
        taken: list[tuple[Letter, str]] = []
        still_visible: list[Letter] = []
        oldest = now - self.seconds("MessageRetentionPeriod")
        while self._visible and len(taken) < most:
            letter = self._visible.popleft()
            if letter.deleted:
                continue
            if letter.sent_at <= oldest:
                self._forget(letter)
                continue
            if dead_letter is not None and letter.receive_count >= dead_letter[0]:
                del self._letters[letter.message_id]
                dead_letter[1].put(letter, now=now)
                continue
            letter.receive_count += 1
            letter.first_received_at = letter.first_received_at or now
            if hide_for:
                self._hide(letter, now + hide_for)
            else:
                still_visible.append(letter)
            taken.append((letter, _receipt(letter)))
        self._visible.extend(still_visible)
        return taken

    def delete(self, receipt: str) -> bool:
        """Delete by receipt. False when no such receipt was ever given; an outdated one deletes nothing."""
        message_id, number = _read_receipt(receipt)
        letter = self._letters.get(message_id)
        if letter is not None and letter.receive_count == number:
            self._forget(letter)
        return bool(message_id)

    def change_visibility(self, receipt: str, *, now: datetime, hide_for: timedelta) -> bool | None:
        """Hide for a new time from now on. None for a receipt that is none, False when not in flight."""
        message_id, number = _read_receipt(receipt)
        if not message_id:
            return None
        self._uncover(now)
        letter = self._letters.get(message_id)
        if letter is None or letter.receive_count != number or letter.visible_at is None:
            return False
        if hide_for:
            self._hide(letter, now + hide_for)
        else:
            letter.visible_at = None
            self._visible.append(letter)
            self.stir()
        return True

    async def wait(self, seconds: float) -> None:
        """Wait, in wall time, until something becomes visible or the time is over."""
        self._arrival.clear()
        with contextlib.suppress(TimeoutError):
            # Not wait_for: in Python 3.11 it can swallow a cancellation that comes together with the event.
            async with asyncio.timeout(seconds):
                await self._arrival.wait()

    def stir(self) -> None:
        """Let everybody who waits look again: something arrived, or the clock moved."""
        self._arrival.set()

    @property
    def waiting(self) -> int:
        """How many messages stand in line to be received."""
        return len(self._visible)

    def purge(self) -> None:
        """Delete everything."""
        for letter in self._letters.values():
            letter.deleted = True
        self._letters.clear()
        self._visible.clear()
        self._hidden.clear()

    def counts(self, now: datetime) -> tuple[int, int, int]:
        """Messages visible, in flight, and delayed."""
        self._uncover(now)
        hidden = [letter for letter in self._letters.values() if letter.visible_at is not None]
        delayed = sum(1 for letter in hidden if not letter.receive_count)
        return len(self._letters) - len(hidden), len(hidden) - delayed, delayed

    def _hide(self, letter: Letter, until: datetime) -> None:
        letter.visible_at = until
        heapq.heappush(self._hidden, (until, next(self._order), letter))

    def _uncover(self, now: datetime) -> None:
        while self._hidden and self._hidden[0][0] <= now:
            until, _, letter = heapq.heappop(self._hidden)
            # An entry of an earlier time-out, or of a deleted message, is stale.
            if not letter.deleted and letter.visible_at == until and letter.message_id in self._letters:
                letter.visible_at = None
                self._visible.append(letter)

    def _forget(self, letter: Letter) -> None:
        letter.deleted = True
        self._letters.pop(letter.message_id, None)


def _receipt(letter: Letter) -> str:
    return f"{letter.message_id}#{letter.receive_count}"


def _read_receipt(receipt: str) -> tuple[str, int]:
    message_id, mark, number = receipt.partition("#")
    if not mark or not number.isascii() or not number.isdigit() or len(number) > 9:
        return "", 0
    return message_id, int(number)
