"""What a client's retries meet: a desk that fails as told, and a wire on which answers are lost after the commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from sendworthy.gateway.reception import Reception


class Failing(Reception):
    """The real desk, once `failures` are used up, one by each message that comes."""

    failures: Iterable[Exception] = ()

    def _fail(self) -> None:
        left = iter(self.failures)
        self.failures = left
        for error in left:
            raise error

    async def send_email(self, *given: Any, **named: Any) -> str:
        self._fail()
        return await super().send_email(*given, **named)

    async def send_by_smtp(self, *given: Any, **named: Any) -> str:
        self._fail()
        return await super().send_by_smtp(*given, **named)


class Wire:
    """A wire to the door: counts requests by their invocation id, and loses `lose` answers whole after `spare` others.

    The door has answered by then, so what it committed is committed; the client sees its connection closed.
    """

    def __init__(self, door: str) -> None:
        self._door = urlsplit(door)
        self.url = ""
        self.lose = 0
        self.spare = 0
        self.arrived: list[str] = []

    @property
    def calls(self) -> list[int]:
        """How many requests each call of a client amounted to."""
        return list(Counter(self.arrived).values())

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection's requests, each over a connection of its own."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"expect: 100-continue" in head.lower():
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(_field(head, b"content-length", b"0"))
                answer = await self._ask(head, body)
                self.arrived.append(_text(head, b"amz-sdk-invocation-id"))
                if self.spare:
                    self.spare -= 1
                elif self.lose:
                    self.lose -= 1
                    return
                writer.write(answer)
                await writer.drain()

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._door.hostname, self._door.port)
        try:
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"expect:", b"connection:"))]
            writer.write(b"\r\n".join(lines) + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            return answered + await reader.readexactly(_field(answered, b"content-length", b"0"))
        finally:
            writer.close()
            await writer.wait_closed()


def _text(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n"):
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip().decode()
    return ""


def _field(head: bytes, name: bytes, absent: bytes) -> int:
    return int(_text(head, name) or absent)


@asynccontextmanager
async def a_wire(door: str) -> AsyncIterator[Wire]:
    """Lay one for the time of the block."""
    wire = Wire(door)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await wire.carry(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
