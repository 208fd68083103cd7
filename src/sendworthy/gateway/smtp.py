"""The inside SMTP door: sockets, TLS and keys around a session. Says 250 only after the store's commit.

What is said is `smtp_session`'s; what becomes of a message is `reception`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import ssl
from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address
from typing import cast

from sendworthy.errors import InvalidMessage, SendRefused, SendworthyError, StoreBusy, StoreUnavailable
from sendworthy.gateway.keys import NOBODY, Key, Keys
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.smtp_session import Envelope, Reply, Session, SignIn, Terms, Then
from sendworthy.gateway.strangers import Strangers
from sendworthy.wire.smtp_password import smtp_password

_LOG = logging.getLogger(__name__)

_MOST_UNREAD = 256 * 1024
"""Bytes that one client may send ahead of our answers; beyond it we stop reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLimits:
    """Connections at once, of all and of one address; seconds for a command, or between two pieces of a message.

    A message has `message_seconds` in all, and a client `sign_in_seconds` until it has signed in. `most_bytes_at_once`
    bounds what all sessions hold of messages that are still coming in.
    """

    connections: int = 500
    connections_of_one: int = 100
    idle_seconds: float = 300.0
    message_seconds: float = 600.0
    sign_in_seconds: float = 120.0
    most_bytes_at_once: int = 192 * 1024 * 1024


_REVOKED = "421 4.7.0 The key of this session was revoked; sign in again"
"""For a while and not for good: a relay whose key is being exchanged keeps its mail until it has signed in anew."""


def told(error: SendworthyError) -> str:
    """Give the reply for an error: 4xx where trying again can help, and nowhere else."""
    words = _one_line(f"{error.happened} {error.to_do}".strip())
    match error:
        case StoreBusy():
            return f"451 4.3.2 {words}"
        case StoreUnavailable():
            return "451 4.3.0 Temporary service failure"
        case SendRefused():
            return f"554 5.7.1 Message rejected: {words}"
        case InvalidMessage() if error.happened.startswith("Message length"):
            return "552 5.3.4 Message is too long."
        case InvalidMessage():
            return f"554 5.6.0 Transaction failed: {words}"
        case _:
            return "451 4.3.0 Temporary service failure"


def _one_line(text: str) -> str:
    """No text of an answer may bring a line, or a reply, of its own."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:400]


class SmtpDoor:
    """Takes messages by SMTP. `regions` are those for which SES passwords may have been derived.

    `tls` None means that STARTTLS is not offered. One may sign in without TLS from this very host alone.
    """

    def __init__(
        self,
        reception: Reception,
        keys: Keys,
        *,
        regions: tuple[str, ...],
        tls: ssl.SSLContext | None,
        name: str = "sendworthy",
        limits: SmtpLimits | None = None,
    ) -> None:
        self.reception = reception
        self.limits = limits or SmtpLimits()
        self.tls = tls
        self._keys = keys
        self._regions = regions
        self._name = name
        self._held = 0
        self._strangers = Strangers()
        self._open: set[_Connection] = set()
        self._by_peer: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self.closing = False

    async def listen(self, sock: object) -> None:
        """Take connections from a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=sock, backlog=256)  # type: ignore[call-overload]  # a socket

    async def close(self, *, grace_seconds: float = 20.0) -> None:
        """Take no more; let messages that are being answered be answered, and end."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._open):
            connection.leave_when_idle()
        tasks = [connection.task for connection in self._open if connection.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_seconds)
        for connection in tuple(self._open):
            connection.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def terms(self, peer: str) -> Terms:
        """Give what is offered to a client of this address."""
        return Terms(
            name=self._name,
            most_bytes=self.reception.rules.most_bytes,
            most_recipients=self.reception.rules.most_recipients,
            tls=self.tls is not None,
            plain=_is_here(peer),
            room=self._room,
            free=self._free,
        )

    def enter(self, connection: _Connection, peer: str) -> bool:
        """Let a connection in, if there is room."""
        full = len(self._open) >= self.limits.connections or self._by_peer[peer] >= self.limits.connections_of_one
        if full or self.closing:
            return False
        self._open.add(connection)
        self._by_peer[peer] += 1
        self.reception.meter.smtp_connections = len(self._open)
        return True

    def leave(self, connection: _Connection, peer: str) -> None:
        """Forget a connection."""
        if connection in self._open:
            self._open.discard(connection)
            self._by_peer -= Counter({peer: 1})
            self.reception.meter.smtp_connections = len(self._open)

    async def sign_in(self, asked: SignIn) -> Key | None:
        """Give the key whose password it is, in any Region of ours. How long it takes does not tell who exists."""
        key = await self._keys.find(asked.user)
        given, good = asked.password.encode("utf-8", "surrogatepass"), False
        for region in self._regions:
            good |= hmac.compare_digest(smtp_password((key or NOBODY).secret, region).encode(), given)
        if key is None or not good:
            self.reception.meter.unauthenticated("smtp")
            self._strangers.note("smtp", "535", asked.user)
            return None
        return key

    async def submit(self, envelope: Envelope[Key]) -> str:
        """Hand a message over and give the reply; 250 means that it is committed.

        The key is looked up once more: a session may be older than the word that its key is revoked.
        """
        try:
            if await self._keys.find(envelope.who.access_key_id) is None:
                return _REVOKED
            message_id = await self.reception.send_by_smtp(
                envelope.data, envelope.who, sender=envelope.sender, recipients=envelope.recipients
            )
        except SendworthyError as error:
            return told(error)
        return f"250 2.0.0 Ok {message_id}"

    def _room(self, more: int) -> bool:
        if self._held and self._held + more > self.limits.most_bytes_at_once:
            return False
        self._held += more
        return True

    def _free(self, held: int) -> None:
        self._held -= held


def _is_here(peer: str) -> bool:
    try:
        return ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False


class _Connection(asyncio.Protocol):
    """One client: a task takes step after step, and waits for bytes in between."""

    def __init__(self, door: SmtpDoor) -> None:
        self._door = door
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self._session: Session[Key] | None = None
        self._more = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._idle = True
        self._message_until: float | None = None
        self._began = self._since = 0.0
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses of asyncio's
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        if not self._door.enter(self, self._peer):
            self._transport.write(b"421 4.7.0 Too many concurrent SMTP connections\r\n")
            self._transport.close()
            return
        self._session = Session(self._door.terms(self._peer))
        self._say("220 sendworthy ESMTP")
        self.task = asyncio.ensure_future(self._serve(self._session))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._door.leave(self, self._peer)
        self._transport = None
        if self._session is not None:
            self._session.closed()
        self._drained.set()
        self._more.set()

    def data_received(self, data: bytes) -> None:
        if self._session is None:
            return
        self._session.feed(data)
        self._more.set()
        if self._session.buffered > _MOST_UNREAD and self._transport is not None and not self._idle:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def leave_when_idle(self) -> None:
        """Close as soon as nothing is being answered."""
        if self._idle:
            self._say("421 4.3.2 The server is being stopped")
            self._close()

    def abort(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    async def _serve(self, session: Session[Key]) -> None:
        clock = asyncio.get_running_loop().time
        self._began = self._since = clock()
        try:
            while self._transport is not None:
                self._more.clear()
                step = session.next()
                if step is None:
                    await self._wait(session)
                    continue
                self._idle = False
                await self._take(session, step)
                await self._drained.wait()
                self._idle = True
                self._since = clock()
                if self._door.closing:
                    self.leave_when_idle()
        except Exception as error:  # noqa: BLE001 - one client must not take the others along; no address is logged
            _LOG.error("an SMTP session failed", exc_info=error)
            self.abort()

    async def _wait(self, session: Session[Key]) -> None:
        if self._transport is None:
            return
        self._transport.resume_reading()
        limits = self._door.limits
        now = asyncio.get_running_loop().time()
        if not session.in_message:
            self._message_until = None
        elif self._message_until is None:
            self._message_until = now + limits.message_seconds
        # The time for a command is not prolonged by each of its bytes, or one could be drawn out for ever.
        until = self._since + limits.idle_seconds
        if self._message_until is not None:
            until = min(now + limits.idle_seconds, self._message_until)
        elif not session.signed_in:
            until = min(until, self._began + limits.sign_in_seconds)
        try:
            async with asyncio.timeout_at(until):
                await self._more.wait()
        except TimeoutError:
            self._say("451 4.4.2 Timeout waiting for data from client.")
            self._close()
            session.closed()

    async def _take(self, session: Session[Key], step: Reply | SignIn | Envelope[Key]) -> None:
        match step:
            case Envelope():
                reply = await self._door.submit(step)
                self._say(reply)
                if reply is _REVOKED:
                    session.closed()
                    self._close()
            case SignIn():
                await self._reply(session, session.judged(await self._signed_in(step)))
            case Reply():
                await self._reply(session, step)

    async def _signed_in(self, step: SignIn) -> Key | None:
        try:
            return await self._door.sign_in(step)
        except SendworthyError:
            self._say("454 4.7.0 Temporary authentication failure")
            self._close()
            return None

    async def _reply(self, session: Session[Key], reply: Reply) -> None:
        self._say(reply.text)
        match reply.then:
            case Then.CLOSE:
                self._close()
            case Then.START_TLS:
                await self._secure(session)
            case Then.GO_ON:
                pass

    async def _secure(self, session: Session[Key]) -> None:
        if self._transport is None or self._door.tls is None:
            return
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self._transport, self, self._door.tls, server_side=True, ssl_handshake_timeout=30
            )
        except (OSError, ssl.SSLError):
            self.abort()
            return
        if secured is None:
            self.abort()
            return
        self._transport = secured
        session.secured()

    def _say(self, text: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text.encode("ascii", "replace") + b"\r\n")

    def _close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(RuntimeError):
                self._transport.close()
