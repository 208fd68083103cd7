"""An SES of raw sockets for journeys: it counts what it takes, and answers when, how and to whom the test says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

QUOTA = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "SendQuota": {"Max24HourSend": 50_000, "MaxSendRate": 200, "SentLast24Hours": 0},
}


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One message that it took, by the id that it gave it."""

    ses_message_id: str
    recipient: str
    tags: dict[str, str]
    raw: bytes


class Line:
    """One connection: `answer` writes an answer, `close` closes it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def answer(self, status: int, body: object, *headers: str) -> None:
        raw = json.dumps(body).encode()
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Content-Type: application/json", *headers]
        with contextlib.suppress(ConnectionError):  # whoever asked may have hung up
            self._writer.write("\r\n".join([*head, "", ""]).encode() + raw)
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


Script = Callable[["StubSes", Line, Taken], Awaitable[None]]


async def at_once(_: StubSes, line: Line, taken: Taken) -> None:
    """Take it and answer."""
    await line.answer(200, {"MessageId": taken.ses_message_id})


@dataclass
class StubSes:
    """`script` says what becomes of a message that was taken; `good_tokens` whose requests are taken, None: anybody's.

    `changed` is notified of every request.
    """

    endpoint: str = ""
    script: Script = at_once
    good_tokens: set[str] | None = None
    taken: list[Taken] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    connections: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what the stub sees."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(true), 20)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.connections += 1
        line = Line(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(line, head[0], headers, body)

    async def _answer(self, line: Line, first: str, headers: dict[str, str], body: bytes) -> None:
        token = headers.get("x-amz-security-token", "")
        if self.good_tokens is not None and token not in self.good_tokens:
            self.refused.append(token)
            await self._tell()
            words = {"message": "The security token included in the request is expired"}
            await line.answer(403, words, "x-amzn-ErrorType: ExpiredTokenException")
        elif first.startswith("GET /v2/email/account "):
            await line.answer(200, QUOTA)
        else:
            taken = self._take(json.loads(body))
            await self._tell()
            await self.script(self, line, taken)

    def _take(self, sent: dict[str, Any]) -> Taken:
        taken = Taken(
            ses_message_id=f"0102-{len(self.taken)}",
            recipient=sent["Destination"]["ToAddresses"][0],
            tags={tag["Name"]: tag["Value"] for tag in sent["EmailTags"]},
            raw=base64.b64decode(sent["Content"]["Raw"]["Data"]),
        )
        self.taken.append(taken)
        return taken

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def send_event(self, taken: Taken) -> str:
        """Give the event that SES publishes once it has taken a message."""
        return json.dumps(
            {
                "eventType": "Send",
                "send": {},
                "mail": {
                    "timestamp": "2026-11-20T09:15:00.250Z",
                    "source": "shop@example.com",
                    "messageId": taken.ses_message_id,
                    "destination": [taken.recipient],
                    "tags": {name: [value] for name, value in taken.tags.items()},
                },
            }
        )


@asynccontextmanager
async def a_stub_ses(script: Script = at_once) -> AsyncIterator[StubSes]:
    """Run one for the time of the block."""
    stub = StubSes(script=script)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await stub.serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stub.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield stub
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
