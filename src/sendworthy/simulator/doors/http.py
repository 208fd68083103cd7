"""HTTP/1.1 on a socket, as little as the simulator needs: a request in, a response or a cut line out. Knows no AWS."""

from __future__ import annotations

import asyncio
import http
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import httptools

from sendworthy.errors import ConfigError
from sendworthy.wire.http import Request, Response

Answer = Response | None
"""None closes the connection without a word: the lost answer."""

Handler = Callable[[Request, str], Answer | Awaitable[Answer]]
"""Takes the request and the peer's address. What can be answered at once is answered without a task."""

_log = logging.getLogger(__name__)

_MOST_BODY = 64 * 1024 * 1024
_MOST_HEADERS = 64 * 1024
_MOST_WAITING = 32  # requests of one connection that may wait for the ones before them


class _Connection(asyncio.Protocol):
    """One client connection; requests are answered in the order they came."""

    def __init__(self, handler: Handler, open_connections: set[_Connection]) -> None:
        self._handler = handler
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = "127.0.0.1"
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, because uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else self._peer
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._open.discard(self)
        self._transport = None
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The request itself has been taken; that an upgrade was offered is ignored (RFC 9110 section 7.8).
            self._parser = httptools.HttpRequestParser(self)
            rest = data[upgrade.args[0] :]
            if rest:
                self.data_received(rest)
        except httptools.HttpParserError:
            self._refuse(400, "this is no HTTP request")

    # What follows is called by the parser.

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_header(len(name) + len(value))
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known},{text}"

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > _MOST_BODY:
            self._refuse(413, "the body is too large")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            path=path,
            query=query,
            headers=self._headers,
            body=self._body[0] if len(self._body) == 1 else b"".join(self._body),
        )
        self._waiting.append((request, self._parser.should_keep_alive()))
        self._begin()
        if self._task is None:
            self._work()
        elif len(self._waiting) > _MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADERS:
            self._refuse(431, "the headers are too large")

    def _work(self) -> None:
        while self._waiting and self._transport is not None:
            request, keep = self._waiting.popleft()
            try:
                answer = self._handler(request, self._peer)
            except Exception:  # noqa: BLE001 - a mistake of ours must not take the connection along
                answer = _mistake(request)
            if answer is not None and not isinstance(answer, Response):
                self._task = asyncio.ensure_future(self._finish(request, keep, answer))
                return
            self._write(request, keep, answer)

    async def _finish(self, request: Request, keep: bool, answer: Awaitable[Answer]) -> None:
        try:
            result = await answer
        except Exception:  # noqa: BLE001 - as above
            result = _mistake(request)
        self._task = None
        self._write(request, keep, result)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._work()

    def _write(self, request: Request, keep: bool, answer: Answer) -> None:
        if self._transport is None:
            return
        if answer is None:
            self._transport.abort()
            self._transport = None
            return
        self._transport.write(_written(answer, keep=keep, head=request.method == "HEAD"))
        if not keep:
            self._transport.close()

    def _refuse(self, status: int, why: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            body = b'{"message":"' + why.encode() + b'"}'
            answer = Response(status=status, headers={"content-type": "application/json"}, body=body)
            self._transport.write(_written(answer, keep=False, head=False))
            self._transport.close()
        self._transport = None

    def close(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()


def _mistake(request: Request) -> Response:
    # The path may name an address: it is not logged.
    _log.exception("a %s request was answered with 500 for a mistake in the simulator", request.method)
    body = b'{"__type":"InternalFailure","message":"The simulator made a mistake; its log says which."}'
    headers = {"content-type": "application/json", "x-amzn-errortype": "InternalFailure"}
    return Response(status=500, headers=headers, body=body)


def _written(answer: Response, *, keep: bool, head: bool) -> bytes:
    try:
        phrase = http.HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(f"content-length: {len(answer.body)}")
    if not keep:
        lines.append("connection: close")
    head_bytes = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    return head_bytes if head else head_bytes + answer.body


@asynccontextmanager
async def listening(handler: Handler, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve a handler in the running loop; yields the base URL. Raises ConfigError when the port is not to be had."""
    connections: set[_Connection] = set()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(partial(_Connection, handler, connections), host, port, backlog=1024)
    except OSError as error:
        # asyncio says it at length; a name that is not known has a negative number and words of its own
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigError(f"Cannot listen on {host}:{port}: {why}.", "Choose another address or port.") from error
    name = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{name}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in tuple(connections):
            connection.close()
        await server.wait_closed()
