"""An SMTP conversation outwards: greeting, TLS, sign-in, message after message, and how far each of them got.

RFC 5321, with STARTTLS (RFC 3207), AUTH PLAIN and LOGIN (RFC 4954), SIZE (RFC 1870), 8BITMIME (RFC 6152) and PIPELINING
(RFC 2920). Knows no SES and not what a reply means for a message: the stage at which it ended and the reply are told.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from sendworthy.clients.smtp_wire import BLOCK, Cut, Garbled, Reply, Wire

_ADDRESS = re.compile(r"[!-;=?-~]{1,320}")  # visible ASCII without angle brackets: nothing that could be a command
_DOT_AT_START = re.compile(rb"(\A|\r\n)\.")
_GOODBYE_SECONDS = 1.0
_LINE_END = re.compile(rb"\r\n|\r|\n")


class Tls(StrEnum):
    """How a connection is protected."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class Stage(IntEnum):
    """How far a message got, in order. Up to BODY it is certainly not taken; at END the final dot was sent."""

    CONNECT = 1
    GREETING = 2
    HELLO = 3
    TLS = 4
    AUTH = 5
    MAIL = 6
    RCPT = 7
    DATA = 8
    BODY = 9
    END = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where it ended and with which reply; without a reply `why` says what happened instead, in a word."""

    stage: Stage
    reply: Reply | None = None
    why: str = ""


class _Stopped(Exception):
    def __init__(self, stage: Stage, reply: Reply | None = None, why: str = "") -> None:
        super().__init__(why)
        self.outcome = Outcome(stage=stage, reply=reply, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom to speak to. `context` is needed for TLS; an empty `username` means that nobody signs in."""

    host: str
    port: int
    tls: Tls = Tls.STARTTLS
    context: ssl.SSLContext | None = field(default=None, repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds for each stage, and for a message as a whole: well under a lease, or it would be sent twice."""

    connect: float = 10.0
    command: float = 30.0
    block: float = 30.0
    end: float = 60.0
    whole: float = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message to one recipient. `data` is as `on_the_wire` gives it."""

    sender: str
    recipient: str
    data: bytes = field(repr=False)

    @property
    def sayable(self) -> bool:
        """Whether both addresses can stand in a command."""
        return all(_ADDRESS.fullmatch(each) for each in (self.sender, self.recipient))


def on_the_wire(raw: bytes) -> bytes:
    """Write a message as it is sent: lines end with CRLF alone and dots are stuffed (RFC 5321 sections 2.3.8, 4.5.2).

    Without the final dot. A bare CR or LF becomes CRLF: another server might see the end of the message in it.
    """
    ends = raw.count(b"\r\n")
    if raw.count(b"\n") != ends or raw.count(b"\r") != ends:
        raw = _LINE_END.sub(b"\r\n", raw)
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    return _DOT_AT_START.sub(rb"\1..", raw)


class Line:
    """One open connection. Not to be shared; `usable` says whether another message may go by it."""

    def __init__(self, peer: Peer, patience: Patience) -> None:
        self._peer = peer
        self._patience = patience
        self._wire = Wire()
        self._offers: dict[str, str] = {}
        self._dirty = self._over = False

    @property
    def usable(self) -> bool:
        """Whether the connection stands and nothing has come by it that was not asked for."""
        return not self._over and not self._wire.lost and self._wire.quiet

    @property
    def gone(self) -> bool:
        """Whether nothing of the connection is left."""
        return not self._wire.open

    def close(self) -> None:
        """Close it without waiting."""
        self._wire.close()

    async def closed(self) -> None:
        """Close it and wait until it is."""
        self._wire.close()
        await self._wire.closed(_GOODBYE_SECONDS)

    async def open(self, until: float) -> Outcome | None:
        """Connect and sign in before `until` (of the loop's clock); gives where it failed, None when all is well."""
        try:
            await self._connect(until)
            greeting = await self._reply(Stage.GREETING, until)
            _expect(Stage.GREETING, greeting, 220)
            await self._hello(until)
            if self._peer.tls is Tls.STARTTLS:
                await self._start_tls(until)
                await self._hello(until)
            if self._peer.username:
                await self._sign_in(until)
        except _Stopped as stopped:
            self._wire.abort()
            return stopped.outcome
        except BaseException:
            self._wire.abort()
            raise
        return None

    async def send(self, envelope: Envelope, until: float) -> Outcome:
        """Send one message and say how far it got. After anything but a plain reply the connection is not usable."""
        try:
            return await self._transaction(envelope, until)
        except _Stopped as stopped:
            if stopped.outcome.reply is None or stopped.outcome.reply.code == 421:
                self._wire.abort()
            self._dirty = True
            return stopped.outcome
        except BaseException:
            self._wire.abort()
            raise

    async def _connect(self, until: float) -> None:
        peer, loop = self._peer, asyncio.get_running_loop()
        context = peer.context if peer.tls is Tls.IMPLICIT else None
        async with self._within(Stage.CONNECT, self._patience.connect, until):
            await loop.create_connection(
                lambda: self._wire,
                peer.host,
                peer.port,
                ssl=context,
                server_hostname=peer.host if context else None,
            )

    async def _hello(self, until: float) -> None:
        reply = await self._ask(Stage.HELLO, f"EHLO {self._wire.address}", until)
        _expect(Stage.HELLO, reply, 250)
        words = (line.partition(" ") for line in reply.text.split("\n")[1:])
        self._offers = {name.upper(): rest for name, _, rest in words}

    async def _start_tls(self, until: float) -> None:
        if "STARTTLS" not in self._offers or self._peer.context is None:
            raise _Stopped(Stage.TLS, why="NoTls")
        _expect(Stage.TLS, await self._ask(Stage.TLS, "STARTTLS", until), 220)
        async with self._within(Stage.TLS, self._patience.command, until):
            await self._wire.secure(self._peer.context, self._peer.host, self._patience.command)

    async def _sign_in(self, until: float) -> None:
        mechanisms = self._offers.get("AUTH", "").upper().split()
        user, password = self._peer.username, self._peer.password
        if "PLAIN" in mechanisms:
            reply = await self._ask(Stage.AUTH, f"AUTH PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}", until)
        elif "LOGIN" in mechanisms:
            _expect(Stage.AUTH, await self._ask(Stage.AUTH, "AUTH LOGIN", until), 334)
            _expect(Stage.AUTH, await self._ask(Stage.AUTH, _base64(user), until), 334)
            reply = await self._ask(Stage.AUTH, _base64(password), until)
        else:
            raise _Stopped(Stage.AUTH, why="NoAuth")
        _expect(Stage.AUTH, reply, 235)

    async def _transaction(self, envelope: Envelope, until: float) -> Outcome:
        if not envelope.sayable:
            raise _Stopped(Stage.MAIL, why="BadAddress")
        commands = [
            (Stage.MAIL, self._mail(envelope)),
            (Stage.RCPT, f"RCPT TO:<{envelope.recipient}>"),
            (Stage.DATA, "DATA"),
        ]
        if self._dirty:
            # Whatever an earlier message left behind is forgotten first (RFC 5321 section 4.1.1.5).
            _expect(Stage.MAIL, await self._ask(Stage.MAIL, "RSET", until), 250)
            self._dirty = False
        if "PIPELINING" in self._offers:
            await self._all_at_once(commands, until)
        else:
            for stage, command in commands:
                _expect(stage, await self._ask(stage, command, until), 354 if stage is Stage.DATA else 250)
        return await self._body(envelope.data, until)

    def _mail(self, envelope: Envelope) -> str:
        command = f"MAIL FROM:<{envelope.sender}>"
        if "SIZE" in self._offers:
            most = self._offers["SIZE"].strip()
            if most.isascii() and most.isdigit() and 0 < int(most[:20]) < len(envelope.data):
                raise _Stopped(Stage.MAIL, why="TooLong")
            command += f" SIZE={len(envelope.data)}"
        if not envelope.data.isascii():
            if "8BITMIME" not in self._offers:
                raise _Stopped(Stage.MAIL, why="NoEightBit")
            command += " BODY=8BITMIME"
        return command

    async def _all_at_once(self, commands: list[tuple[Stage, str]], until: float) -> None:
        """Say all that may be said at once (RFC 2920 section 3.1); every reply is read, whatever the first one was."""
        self._write(Stage.MAIL, "".join(f"{command}\r\n" for _, command in commands).encode())
        replies = [(stage, await self._reply(stage, until)) for stage, _ in commands]
        if any(reply.code // 100 != 2 for _, reply in replies[:-1]) and replies[-1][1].code == 354:
            # It waits for a text that nobody is to get: no end of one will ever be sent by this connection.
            self._over = True
            self._wire.abort()
        for stage, reply in replies:
            _expect(stage, reply, 354 if stage is Stage.DATA else 250)

    async def _body(self, data: bytes, until: float) -> Outcome:
        view, last = memoryview(data), max(0, len(data) - BLOCK)
        for start in range(0, last, BLOCK):
            self._write(Stage.BODY, view[start : min(start + BLOCK, last)])
            async with self._within(Stage.BODY, self._patience.block, until):
                await self._wire.flushed()
            if not self._wire.quiet:  # an answer before the end: it has seen enough, and has no whole message
                reply = await self._reply(Stage.BODY, until)
                self._over = True
                self._wire.abort()
                raise _Stopped(Stage.BODY, reply)
        self._write(Stage.BODY, bytes(view[last:]) + b".\r\n")
        # From here on nobody but the peer knows whether it has the message.
        return Outcome(stage=Stage.END, reply=await self._reply(Stage.END, until, self._patience.end))

    async def _ask(self, stage: Stage, command: str, until: float) -> Reply:
        self._write(stage, f"{command}\r\n".encode())
        return await self._reply(stage, until)

    def _write(self, stage: Stage, data: bytes | memoryview) -> None:
        try:
            self._wire.write(data)
        except Cut:
            raise _Stopped(stage, why="Cut") from None

    async def _reply(self, stage: Stage, until: float, seconds: float | None = None) -> Reply:
        async with self._within(stage, seconds or self._patience.command, until):
            return await self._wire.reply()
        raise AssertionError("a block that is left returns or raises")

    @asynccontextmanager
    async def _within(self, stage: Stage, seconds: float, until: float) -> AsyncIterator[None]:
        """Bound a stage in time, and tell whatever goes wrong in it as the end of that stage."""
        ends = min(asyncio.get_running_loop().time() + seconds, until)
        try:
            async with asyncio.timeout_at(ends):
                yield
        except TimeoutError:
            raise _Stopped(stage, why="Timeout") from None
        except Garbled:
            raise _Stopped(stage, why="BadReply") from None
        except ssl.SSLCertVerificationError:
            raise _Stopped(Stage.TLS, why="BadCertificate") from None
        except ssl.SSLError:
            raise _Stopped(max(stage, Stage.TLS), why="TlsFailed") from None
        except (Cut, OSError, UnicodeError):  # the last for a name that cannot be one
            raise _Stopped(stage, why="Unreachable" if stage is Stage.CONNECT else "Cut") from None


def _expect(stage: Stage, reply: Reply, code: int) -> None:
    if reply.code != code and not (code == 250 and reply.code == 251):
        raise _Stopped(stage, reply)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
