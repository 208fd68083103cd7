"""A small HTTP proxy (CONNECT and absolute form, Basic, TLS), and an origin that speaks TLS, for tests on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

Place = tuple[str, int]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NAME = "ses.example.test"
"""What the origin is called; only the proxy knows where that is."""


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Place]:
    """Serve connections, all of them ended with the block; gives where."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(one(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def whole_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int((head.lower() + b"content-length: 0\r\n").split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


@dataclass
class SmallProxy:
    """Leads everything to one place. `says`, if set, is all that it ever says, before it hangs or hangs up.

    `wants` is USER:PASSWORD. `heads` are the requests to it; `left` says that somebody has gone.
    """

    to: Place = ("127.0.0.1", 1)
    wants: str = ""
    says: tuple[bytes, ...] | None = None
    hangs: bool = False
    challenge: bytes = b'Basic realm="office"'
    at: Place = ("", 0)
    heads: list[bytes] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    tunnels: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def connects(self) -> int:
        return sum(head.startswith(b"CONNECT ") for head in self.heads)

    def hang_up(self) -> None:
        """Cut every tunnel."""
        for writer in self.tunnels:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        finally:
            self.left.set()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head, body = await whole_request(reader)
        self.heads.append(head)
        self.asked.set()
        if self.says is not None:
            for piece in self.says:
                writer.write(piece)
                await writer.drain()
            if self.hangs:
                await reader.read()
            return False
        if self.wants and b"Basic " + b64encode(self.wants.encode()) not in head:
            no = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"
            writer.write(no % self.challenge)
            return not head.startswith(b"CONNECT ")
        there, onward = await asyncio.open_connection(*self.to)
        try:
            if head.startswith(b"CONNECT "):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self.tunnels.add(writer)
                await _pass(reader, writer, there, onward)
                return False
            onward.write(_origin_form(head) + body)
            answer, content = await whole_request(there)
            writer.write(answer + content)
        finally:
            onward.transport.abort()
        return True


async def _pass(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    onward: asyncio.StreamWriter,
) -> None:
    async def one_way(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

    ways = {asyncio.ensure_future(one_way(reader, onward)), asyncio.ensure_future(one_way(there, writer))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def onward_to(host: str, port: int) -> Serve:
    """Give what passes everything on to another server: with TLS in front, that server speaks TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(host, port)
        try:
            await _pass(reader, writer, there, onward)
        finally:
            onward.transport.abort()

    return serve


def _origin_form(head: bytes) -> bytes:
    first, *headers = head.split(b"\r\n")
    method, target, version = first.split(b" ")
    path = b"/" + target.split(b"/", 3)[3]
    kept = [line for line in headers if not line.lower().startswith(b"proxy-")]
    return b"\r\n".join([b" ".join([method, path, version]), *kept])


@asynccontextmanager
async def small_proxy(proxy: SmallProxy, tls: ssl.SSLContext | None = None) -> AsyncIterator[SmallProxy]:
    async with serving(proxy.serve, tls) as proxy.at:
        yield proxy


@dataclass
class SmallOrigin:
    """Answers 200 and keeps what it was asked; without `answers` it reads one request and closes."""

    answers: bool = True
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.asked.append(await whole_request(reader))
            if not self.answers:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@asynccontextmanager
async def proxied(
    proxy: SmallProxy,
    origin: SmallOrigin,
    *,
    origin_tls: ssl.SSLContext | None,
    proxy_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[SmallProxy]:
    """Serve both, the proxy leading to the origin."""
    async with AsyncExitStack() as stack:
        proxy.to = await stack.enter_async_context(serving(origin.serve, origin_tls))
        yield await stack.enter_async_context(small_proxy(proxy, proxy_tls))
