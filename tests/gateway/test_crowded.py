"""Too much at once, at both doors: whoever is one too many is told to come back, and the others are served."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from sendworthy.app.doors import bound, serving_http
from sendworthy.clients.models import service_model
from sendworthy.gateway.http_body import Bounds
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.smtp import SmtpDoor, SmtpLimits
from sendworthy.store import Store
from sendworthy.store.sqlite.writer import SqliteEngine
from sendworthy.wire.http import Request
from sendworthy.wire.service import Service
from sendworthy.wire.sigv4 import Credentials, sign
from sendworthy.wire.smtp_password import smtp_password
from tests.gateway.calls import signed
from tests.gateway.conftest import LANE, Clock

V2_API = Service(service_model("sesv2"))
PATH = "/v2/email/outbound-emails"
SIZE = 400_000
AT_ONCE = 3
"""So many bodies of that size have room."""


def body(size: int = SIZE) -> bytes:
    text = "x" * (size - 200)
    return json.dumps(
        {
            "FromEmailAddress": "shop@example.com",
            "Destination": {"ToAddresses": ["a@example.org"]},
            "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": text}}}},
        }
    ).encode()


class Upload:
    """One request whose last byte is held back until `finish`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: bytes) -> None:
        self._reader, self._writer, self._last = reader, writer, last

    @classmethod
    async def begin(cls, url: str, key: Key, data: bytes) -> Upload:
        where = urlsplit(url)
        headers = {"host": where.netloc}
        request = Request(method="POST", path=PATH, query="", headers=headers, body=data)
        mine = Credentials(key.access_key_id, key.secret)
        headers |= sign(request, credentials=mine, region=LANE.region, service="ses", now=datetime.now(UTC))
        lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"content-length: {len(data)}", "", ""]).encode()
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(head + data[:-1])
        await writer.drain()
        return cls(reader, writer, data[-1:])

    async def answer(self) -> tuple[int, dict[str, str]]:
        head = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 20)).decode().split("\r\n")
        return int(head[0].split()[1]), dict(line.split(": ", 1) for line in head[1:] if line)

    async def finish(self) -> int:
        self._writer.write(self._last)
        return (await self.answer())[0]

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def url(store: Store, keys: Keys, clock: Clock) -> AsyncIterator[str]:
    bounds = Bounds(most_bytes_at_once=AT_ONCE * SIZE)
    application = app(store, keys, V2_API, lane=LANE, now=clock, wall=lambda: datetime.now(UTC), bounds=bounds)
    door = bound("127.0.0.1:0", "gateway.http")
    async with serving_http(application, door):
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    door.close()


async def test_slow_large_uploads_have_so_much_room_and_the_next_is_told_when_to_come_back(
    url: str, key: Key, store: Store
) -> None:
    data = body()
    async with AsyncExitStack() as stack:
        held = [await Upload.begin(url, key, data) for _ in range(AT_ONCE)]
        for one in held:
            stack.callback(one.close)
        await signed(url, key, "GET", "/healthz")  # by its answer the door has seen the heads before it
        refused = []
        for _ in range(4):
            more = await Upload.begin(url, key, data)
            stack.callback(more.close)
            refused.append(await more.answer())
        assert [status for status, _ in refused] == [503] * 4
        assert all(int(headers["retry-after"]) >= 1 for _, headers in refused)
        assert [await one.finish() for one in held] == [200] * AT_ONCE
        assert (await signed(url, key, "POST", PATH, data))[0] == 200
    assert len((await store.messages())[0]) == AT_ONCE + 1


async def test_an_upload_that_breaks_off_gives_its_room_back(url: str, key: Key, store: Store) -> None:
    data = body()
    for _ in range(3 * AT_ONCE):
        begun = await Upload.begin(url, key, data)
        begun.close()
    async with asyncio.timeout(20):
        while (await signed(url, key, "POST", PATH, data))[0] != 200:
            continue
    assert len((await store.messages())[0]) == 1


def nearly_full(store: Store) -> None:
    engine = store._engine
    assert isinstance(engine, SqliteEngine)
    engine.least_free_bytes = shutil.disk_usage("/").total * 2**20
    engine._looked_at = -1e9


async def test_a_disk_that_is_nearly_full_is_a_503_that_says_when_to_come_back(
    url: str, key: Key, store: Store
) -> None:
    nearly_full(store)
    status, words, headers = await signed(url, key, "POST", PATH, body(1_000))
    assert (status, int(headers["retry-after"]) >= 1) == (503, True)
    assert b"disk" in words
    assert (await store.messages())[0] == ()


class Talk:
    """An SMTP client by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def hear(self, code: bytes) -> bytes:
        """Give the line that begins with this code; lines before it are passed over."""
        while not (line := await asyncio.wait_for(self._reader.readline(), 20)).startswith(code):
            assert line, "the connection was closed"
        return line

    async def begin(self, key: Key, text: bytes) -> None:
        login = base64.b64encode(f"\0{key.access_key_id}\0{smtp_password(key.secret, LANE.region)}".encode())
        await self.say(b"EHLO x\r\nAUTH PLAIN %b\r\n" % login)
        await self.hear(b"235")
        await self.write(text)

    async def write(self, text: bytes) -> None:
        await self.say(b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
        await self.hear(b"354")
        await self.say(text)

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def talk(store: Store, keys: Keys, clock: Clock) -> AsyncIterator[Any]:
    limits = SmtpLimits(most_bytes_at_once=AT_ONCE * SIZE + SIZE // 2)
    door = SmtpDoor(Reception(store, now=clock), keys, regions=(LANE.region,), tls=None, limits=limits)
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)
    talks: list[Talk] = []

    async def begin(*, held: int = 0) -> Talk:
        """Connect, once the door has read so many bytes of the messages of others."""
        async with asyncio.timeout(20):
            while door._held < held:  # noqa: ASYNC110 - the door tells nobody what it holds
                await asyncio.sleep(0)
        talks.append(Talk(*await asyncio.open_connection(*sock.getsockname())))
        return talks[-1]

    yield begin
    for one in talks:
        one.close()
    await door.close(grace_seconds=5)


TEXT = b"From: shop@example.com\r\n\r\n" + (b"x" * 998 + b"\r\n") * (SIZE // 1000)
END = b".\r\n"


async def test_slow_large_messages_by_smtp_have_so_much_room_and_the_next_is_put_off(
    talk: Any, key: Key, store: Store
) -> None:
    held = [await talk() for _ in range(AT_ONCE)]
    for one in held:
        await one.begin(key, TEXT)
    more = await talk(held=AT_ONCE * len(TEXT))
    # So large that it cannot come in one piece: what comes whole is not waited for, and needs no room.
    await more.begin(key, TEXT * 3 + END)
    assert (await more.hear(b"4")).startswith(b"451 4.3.2 ")
    for one in held:
        await one.say(END)
        await one.hear(b"250 2.0.0 Ok")
    await more.write(TEXT + END)
    await more.hear(b"250 2.0.0 Ok")
    assert len((await store.messages())[0]) == AT_ONCE + 1


async def test_a_disk_that_is_nearly_full_is_a_451_by_smtp(talk: Any, key: Key, store: Store) -> None:
    nearly_full(store)
    one = await talk()
    await one.begin(key, TEXT + END)
    assert (await one.hear(b"4")).startswith(b"451 4.3.2 The disk that holds the database is nearly full.")
    assert (await store.messages())[0] == ()
