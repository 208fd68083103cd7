"""A lean HTTP/1.1 client of one origin: kept connections, one request at a time on each. Knows no AWS and no signature.

Its cost is paid with every message that goes out. llhttp (by httptools) reads the answers; what is here is the
connections, and the difference between what was certainly not sent and what may have been. Nothing is retried and no
redirect is followed.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

from sendworthy.clients.http1_proxy import Proxy, asked_schemes, host_and_port, open_tunnel, refusal
from sendworthy.errors import ConfigError, Unavailable, Uncertain

MOST_BODY_BYTES = 64 * 1024
"""Of an answer no more is read than this; what is longer is cut, and its connection closed."""

_MOST_HEAD_BYTES = 64 * 1024
_LEFT = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)  # the last is Linux's


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Header names are in lower case; of a name that came more than once, the first value counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Origin:
    """The server behind an http or https address. Make it within a running loop; `close` it at the end.

    At most `connections` are open at once. One that was idle for `idle_seconds` is not used again: the server may be
    about to close it, and a request that crosses with that is in doubt. `proxy` is on the way: an https address is
    reached by a tunnel through it, an http address is asked of it. Raises ConfigError for what is no address.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 64,
        connect_seconds: float = 5.0,
        idle_seconds: float = 15.0,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
            (parts.hostname or "").encode("idna")
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{url!r} is not an http or https address.", "Write it as https://HOST[:PORT].")
        self.host = parts.netloc.rpartition("@")[2]
        """As the Host header names it."""
        self._name = parts.hostname
        self._port = port or (443 if parts.scheme == "https" else 80)
        secure = parts.scheme == "https"
        self._tls = (tls or _verifying()) if secure or (proxy and proxy.secure) else None
        self._tunnel = proxy if secure else None
        self._forward = None if secure else proxy
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(connections)
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._sweeping: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """Close every connection, and wait until it is closed."""
        if self._sweeping:
            self._sweeping.cancel()
        for connection in self._open:
            connection.close()
        await asyncio.gather(*(connection.gone.wait() for connection in self._open))

    async def post(self, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float) -> Reply:
        """Post a body and give the answer. `seconds` are for the answer, from when the request is written.

        Raises Unavailable when the request was certainly not sent, Uncertain when it may have been and no whole answer
        came (`code` is Timeout or AnswerLost). ValueError for a line break in a header: a mistake of the caller.
        """
        if self._forward:
            path, headers = f"http://{self.host}{path}", _told(self._forward, headers)
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
        if head.count("\n") != len(lines) + 2 or head.count("\r") != len(lines) + 2:
            raise ValueError("A header holds a line break.")
        async with self._places:
            connection = await self._take()
            try:
                reply = await connection.ask(head.encode("latin-1"), body, seconds)
            except BaseException:  # a cancelled wait, too, leaves an answer on the way that nobody reads
                connection.close()
                raise
            self._put_back(connection)
        if self._forward and reply.status == 407:  # the proxy's own word: it passed nothing on
            asked = asked_schemes(reply.headers.get("proxy-authenticate", ""))
            raise refusal(self._forward, 407, asked=asked, origin=host_and_port(self._name, self._port))
        return reply

    async def _take(self) -> _Connection:
        """Give a connection: the one used last, or a new one. Raises Unavailable."""
        stale = self._loop.time() - self._idle_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > stale and not connection.left:
                return connection
            connection.close()
        made = await self._connect()
        if made.closing:
            raise Unavailable(f"{self._name} cut the connection before it was asked.", code="Unreachable")
        self._open = {made, *(one for one in self._open if not one.gone.is_set())}
        return made

    async def _connect(self) -> _Connection:
        made = _Connection(self._loop)
        if self._tunnel and self._tls:
            way = open_tunnel(
                self._tunnel, made, host=self._name, port=self._port, tls=self._tls, seconds=self._connect_seconds
            )
            await way
            return made
        host, port = (self._forward.host, self._forward.port) if self._forward else (self._name, self._port)
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._loop.create_connection(lambda: made, host, port, ssl=self._tls)
        except (OSError, TimeoutError) as error:
            name, code = (
                (f"The proxy {self._forward.where}", "ProxyUnreachable") if self._forward else (host, "Unreachable")
            )
            raise Unavailable(f"{name} cannot be reached: {type(error).__name__}.", code=code) from error
        return made

    def _put_back(self, connection: _Connection) -> None:
        if not connection.usable:
            connection.close()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._idle_seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what was idle for long; the longest idle come first."""
        stale = self._loop.time() - self._idle_seconds
        fresh = next((n for n, one in enumerate(self._idle) if one.idle_since > stale), len(self._idle))
        for connection in self._idle[:fresh]:
            connection.close()
        del self._idle[:fresh]
        self._sweeping = self._loop.call_later(self._idle_seconds, self._sweep) if self._idle else None


class _Connection(asyncio.Protocol):
    """One connection, and the answer that is being read from it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.idle_since = 0.0
        self.usable = False
        """Whether another request may be written: nothing is on the way, in or out, and nobody is closing it."""
        self.gone = asyncio.Event()
        self._loop = loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Reply] | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._read = 0
        self._in_body = False

    @property
    def left(self) -> bool:
        """Whether the peer has closed its side, though the loop has not come to tell: a request would be in doubt."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), _LEFT)
        return bool(poll.poll(0))

    @property
    def closing(self) -> bool:
        """Whether the connection is closed or about to be: nothing that is written would leave."""
        return self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes, seconds: float) -> Reply:
        """Write a request and wait for its answer. Raises Uncertain."""
        self.usable = False
        self._headers, self._body, self._read, self._in_body = {}, bytearray(), 0, False
        waiting: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting = waiting
        late = self._loop.call_later(seconds, self._fail, "Timeout", "No answer came in time.")
        try:
            self._transport.writelines([head, body])
            return await waiting
        finally:
            late.cancel()
            self._waiting = None

    def close(self) -> None:
        """Close at once: nothing more is awaited on it."""
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on. Bytes that nobody asked for end the connection: no later request may take them for its answer."""
        if self._waiting is None or self._waiting.done():
            self.close()
            return
        if not self._in_body:
            self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("AnswerLost", "The answer was a change of protocol.")
        except httptools.HttpParserError:
            self._fail("AnswerLost", "The answer was no HTTP.")
        if not self._in_body and self._read > _MOST_HEAD_BYTES:
            self._fail("AnswerLost", "The answer's head had no end.")

    def eof_received(self) -> None:
        """Let the transport close; `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Take what came as the answer where its end is the connection's (RFC 9112 section 6.3), else it is lost."""
        self.usable = False
        self.gone.set()
        if exc is None and self._in_body and not self._headers.keys() & {"content-length", "transfer-encoding"}:
            self._done()
        cause = type(exc).__name__ if exc else "closed"
        self._fail("AnswerLost", f"The connection was cut before the answer: {cause}.")

    def on_message_begin(self) -> None:
        """Forget the head of an interim answer; what follows a whole answer, unasked, spoils the connection."""
        self.usable = False
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Wait for the body from now on, unless the answer is an interim one (1xx)."""
        self._in_body = self._parser.get_status_code() >= 200

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, up to its bound."""
        if len(self._body) <= MOST_BODY_BYTES:
            self._body += data
            if len(self._body) > MOST_BODY_BYTES:
                self._done()

    def on_message_complete(self) -> None:
        """Give the answer. The connection serves on if the server keeps it and has read the whole request."""
        if not self._in_body or self._waiting is None or self._waiting.done():
            return
        whole = not self._transport.get_write_buffer_size() and len(self._body) <= MOST_BODY_BYTES
        self.usable = self._parser.should_keep_alive() and whole and not self._transport.is_closing()
        self._done()

    def _done(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            body = bytes(self._body[:MOST_BODY_BYTES])
            self._waiting.set_result(Reply(self._parser.get_status_code(), self._headers, body))

    def _fail(self, code: str, words: str) -> None:
        self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Uncertain(words, code=code))


def _told(proxy: Proxy, headers: Mapping[str, str]) -> Mapping[str, str]:
    return {**headers, "proxy-authorization": proxy.authorization} if proxy.authorization else headers


def _verifying() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.set_alpn_protocols(["http/1.1"])
    return tls
