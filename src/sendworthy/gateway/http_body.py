"""Reads one HTTP request within bounds of size, time and memory. Knows ASGI, and no API.

What all requests hold together is bounded: beyond it a caller is told to come back, before memory is at risk. A body
that comes too slowly is let go, so that nobody can keep a place by dribbling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Receive, Scope

from sendworthy.errors import InvalidMessage, SendworthyError, StoreBusy
from sendworthy.wire.http import Request
from sendworthy.wire.service import MOST_BODY_BYTES


class TooLarge(SendworthyError):
    """The body goes beyond what any message may need."""


class TooSlow(SendworthyError):
    """The body did not come in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bytes of one body and of all that are being read or handled; seconds between two pieces and for all of a body.

    A request that is alone is read however large it is, up to its own bound. One that has come for longer than
    `idle_seconds` must have brought `slowest_bytes_per_second` since then: it holds room that others need.
    """

    most_bytes: int = MOST_BODY_BYTES
    most_bytes_at_once: int = 192 * 1024 * 1024
    idle_seconds: float = 20.0
    body_seconds: float = 300.0
    slowest_bytes_per_second: float = 16 * 1024


class Bodies:
    """The bodies in hand: reserve room for one, then read it."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._held = 0

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Hold room for one request until it is answered."""
        room = Room(self)
        try:
            yield room
        finally:
            self._held -= room.held

    def take(self, more: int, mine: int) -> None:
        """Take room for `more` bytes beside `mine`. Raises TooLarge, StoreBusy."""
        if mine + more > self.bounds.most_bytes:
            raise TooLarge("The request is too large.", "A message may have 40 MB.")
        others = self._held - mine
        if others and self._held + more > self.bounds.most_bytes_at_once:
            raise StoreBusy("More mail is coming in than can be held at once.", "Send it again in a moment.")
        self._held += more


class Room:
    """What one request holds."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.held = 0

    async def read(self, scope: Scope, receive: Receive) -> Request:
        """Read a request whole. Raises TooLarge, TooSlow, StoreBusy, and InvalidMessage for one that was cut off."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        length = headers.get("content-length", "0")
        if length.isdecimal() and len(length) < 20:
            self._take(int(length))
        try:
            body = await self._body(receive)
        except TimeoutError:
            raise TooSlow("The request came too slowly.", "Send it again.") from None
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        return Request(
            method=scope["method"],
            path=raw_path.decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
        )

    def _take(self, more: int) -> None:
        self._bodies.take(more, self.held)
        self.held += more

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        more = True
        clock, bounds = asyncio.get_running_loop().time, self._bodies.bounds
        end = clock() + bounds.body_seconds
        due_from = clock() + bounds.idle_seconds
        async with asyncio.timeout_at(end) as timeout:
            while more:
                timeout.reschedule(min(end, clock() + bounds.idle_seconds))
                event = await receive()
                if event["type"] != "http.request":
                    raise InvalidMessage("The request was cut off.")
                chunks.append(event.get("body", b""))
                size += len(chunks[-1])
                if size > self.held:
                    self._take(size - self.held)
                more = event.get("more_body", False)
                if more and size < (clock() - due_from) * bounds.slowest_bytes_per_second:
                    raise TimeoutError
        return b"".join(chunks)
