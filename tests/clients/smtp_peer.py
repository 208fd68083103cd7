"""A small SMTP server that says what a test tells it to say, and remembers what it heard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sendworthy.gateway.certificate import context, own_certificate

CLOSE = "close"
SILENCE = "silence"
GOOD = {
    "GREETING": "220 stub",
    "HELO": "250 stub",
    "STARTTLS": "220 go",
    "AUTH": "235 ok",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go",
    "END": "250 Ok id-1",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


@dataclass(kw_only=True)
class Stub:
    """What the server says by verb (a list is used up, the last one stays), and what it offers after EHLO."""

    says: dict[str, list[str]] = field(default_factory=dict)
    offers: tuple[str, ...] = ("AUTH PLAIN LOGIN",)
    offers_tls: bool = True
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    connections: int = 0
    heard: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    port: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def _answer(self, verb: str) -> str:
        words = self.says.get(verb)
        if not words:
            return GOOD.get(verb, "502 what")
        return words.pop(0) if len(words) > 1 else words[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await self._converse(reader, writer)
        self.ended.set()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(reader, writer, self._answer("GREETING")):
            return
        secure = self.implicit
        while line := await reader.readline():
            words = line.decode().strip()
            self.heard.append(words)
            verb = words.partition(" ")[0].upper()
            answer = self._hello(secure=secure) if verb == "EHLO" else self._answer(verb)
            if words.upper() == "AUTH LOGIN":
                await self._login(reader, writer)
            if not await self._say(reader, writer, answer) or verb == "QUIT":
                return
            if verb == "STARTTLS" and answer.startswith("220") and self.tls:
                await writer.start_tls(self.tls)
                secure = True
            if verb == "DATA" and answer.startswith("354"):
                self.messages.append(await self._text(reader))
                if not await self._say(reader, writer, self._answer("END")):
                    return

    def _hello(self, *, secure: bool) -> str:
        if "EHLO" in self.says:
            return self._answer("EHLO")
        offers = [*self.offers, *(["STARTTLS"] if self.tls and self.offers_tls and not secure else [])]
        return "\r\n".join([*(f"250-{each}" for each in ("stub", *offers)), "250 HELP"])

    async def _login(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
            await self._say(reader, writer, prompt)
            self.heard.append(base64.b64decode(await reader.readline()).decode())

    @staticmethod
    async def _text(reader: asyncio.StreamReader) -> bytes:
        text = b""
        while text != b".\r\n" and not text.endswith(b"\r\n.\r\n"):
            line = await reader.readline()
            if not line:
                raise ConnectionError
            text += line
        return text[:-3]

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: str) -> bool:
        if answer == SILENCE:
            await reader.read()
            return False
        if answer == CLOSE:
            return False
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return True


def a_certificate(folder: Path, *names: str) -> Path:
    return own_certificate(folder / f"{names[0]}.pem", names=names, now=datetime.now(UTC))


@asynccontextmanager
async def listening(stub: Stub) -> AsyncIterator[Stub]:
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        await stub.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=stub.tls if stub.implicit else None)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*filter(None, serving))
        await server.wait_closed()


def told(**says: str | list[str]) -> Mapping[str, list[str]]:
    return {verb: [words] if isinstance(words, str) else words for verb, words in says.items()}


def server_side(certificate: Path) -> ssl.SSLContext:
    return context(certificate)
