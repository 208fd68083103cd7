"""Bytes of an SMTP connection outwards: whole replies in, paced bytes out. Knows no command.

Replies are RFC 5321 section 4.2; whoever reads them says for how long to wait.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from dataclasses import dataclass
from typing import cast

BLOCK = 64 * 1024
"""So many bytes are given to the transport at once."""

_MOST_LINE = 4_096
_MOST_REPLY = 64 * 1024
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the server, its lines joined by line feeds and without their codes."""

    code: int
    text: str


class Cut(Exception):
    """The connection is gone."""


class Garbled(Exception):
    """What came is no SMTP reply, or a reply that nobody can have asked for."""


class Wire(asyncio.Protocol):
    """One connection. Every error of it shows when the next reply is read."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._lines: list[tuple[int, str]] = []
        self._replies: deque[Reply] = deque()
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._lost = self._garbled = self._full = False

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._lost or self._transport is None or self._transport.is_closing()

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that was not read."""
        return not (self._buffer or self._lines or self._replies or self._garbled)

    @property
    def address(self) -> str:
        """Our own side of it as an address literal (RFC 5321 section 4.1.3)."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        host = str(name[0]) if isinstance(name, tuple) else "127.0.0.1"
        return f"[IPv6:{host.partition('%')[0]}]" if ":" in host else f"[{host}]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that it is gone (asyncio)."""
        self._lost = True
        self._news.set()
        self._gone.set()

    def pause_writing(self) -> None:
        """Note that the peer takes no more for now (asyncio)."""
        self._full = True

    def resume_writing(self) -> None:
        """Note that it takes more (asyncio)."""
        self._full = False
        self._news.set()

    def data_received(self, data: bytes) -> None:
        """Take bytes in (asyncio). Lines may end with LF alone, as those of some servers do."""
        self._buffer += data
        while not self._garbled and (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._take(line)
        if len(self._buffer) > _MOST_LINE:
            self._garble()
        self._news.set()

    def _take(self, line: bytes) -> None:
        match = _LINE.fullmatch(line)
        if match is None or len(line) > _MOST_LINE or (self._lines and self._lines[-1][0] != int(match[1])):
            self._garble()
            return
        text = (match[3] or b"").decode("utf-8", "replace")
        self._lines.append((int(match[1]), "".join(each if each.isprintable() else "?" for each in text)))
        if sum(len(each) for _, each in self._lines) > _MOST_REPLY or len(self._lines) > 1_000:
            self._garble()
        elif match[2] != b"-":
            self._replies.append(Reply(int(match[1]), "\n".join(each for _, each in self._lines)))
            self._lines.clear()

    def _garble(self) -> None:
        self._garbled = True
        self.abort()

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes over. Raises Cut when it is certain that none of them goes."""
        if self.lost or self._transport is None:
            raise Cut
        self._transport.write(data)

    async def flushed(self) -> None:
        """Wait until the peer takes more. Raises Cut."""
        while self._full:
            if self.lost:
                raise Cut
            self._news.clear()
            await self._news.wait()

    async def reply(self) -> Reply:
        """Wait for the next reply. Raises Cut and Garbled."""
        while not self._replies:
            if self._garbled:
                raise Garbled
            if self._lost:
                raise Cut
            self._news.clear()
            await self._news.wait()
        return self._replies.popleft()

    async def secure(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Turn TLS on. Raises Garbled when bytes came that could be taken for protected ones, else what ssl raises."""
        if not self.quiet:  # RFC 3207 section 6: whoever sits in between may have put them there
            raise Garbled
        if self.lost or self._transport is None:
            raise Cut
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
        )
        if secured is None:
            raise Cut
        self._transport = secured

    def close(self) -> None:
        """Say goodbye without waiting for the answer."""
        if not self.lost and self._transport is not None:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    @property
    def open(self) -> bool:
        """Whether there is still something to close."""
        return self._transport is not None and not self._gone.is_set()

    async def closed(self, seconds: float) -> None:
        """Wait until the connection is gone; drop it when the peer takes longer than this over its goodbye."""
        if not self.open:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            self.abort()
            await self._gone.wait()

    def abort(self) -> None:
        """Drop the connection and what is still to go."""
        self._lost = True
        if self._transport is not None:
            self._transport.abort()
