"""SMTP on a socket, as SES offers it: STARTTLS with a certificate of its own, AUTH, one message after another.

Knows how bytes travel and whom a password belongs to; what a session says is `smtp_session`'s, who may send is the
rules'.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import ssl
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from ipaddress import ip_address
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sendworthy.errors import ConfigError
from sendworthy.simulator import smtp_replies as replies
from sendworthy.simulator.faults import Fault, FaultKind, words
from sendworthy.simulator.ses_sending import Aftermath, Sent
from sendworthy.simulator.smtp_session import Envelope, Reply, Session, Then
from sendworthy.simulator.state import Caller, Moment
from sendworthy.wire.errors import WireError
from sendworthy.wire.smtp_password import smtp_password

OPERATION = "SendSmtpEmail"
"""What `ses:operation` and the faults of the admin door call a message that came by SMTP."""

# Regions with an SES API (botocore's endpoints) less those without SMTP: af-south-1 has none as of 2026-09 [C].
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1"),
    *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
    *("ap-southeast-7", "il-central-1", "me-central-1", "me-south-1", "us-gov-east-1", "us-gov-west-1"),
)

_log = logging.getLogger(__name__)
_MOST_EARLY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A key and the Region that its SMTP password was derived for: the password tells which."""

    caller: Caller
    region: str


@dataclass(frozen=True, kw_only=True)
class SmtpDoor:
    """Takes messages for the rules. `moment` tells them who sends, where and when; `send` is the rule SendEmail."""

    callers: Callable[[str], Caller | None]
    moment: Callable[[Caller, str, str], Moment]
    send: Callable[[Moment, dict[str, Any]], Any]
    taken: Callable[[], None] = lambda: None
    most_connections: int = 500
    idle_seconds: float = 300.0

    def sign_in(self, user: str, password: str) -> SignedIn | None:
        """Return whose password it is, and of which Region; None when it is nobody's."""
        caller = self.callers(user)
        if caller is None:
            return None
        given, found = password.encode(), None
        # Every Region is tried, found or not: how long it takes tells nothing.
        for region in REGIONS:
            if hmac.compare_digest(smtp_password(caller.secret_access_key, region).encode(), given):
                found = SignedIn(caller, region)
        return found

    def fault(self, envelope: Envelope[SignedIn], peer: str) -> Fault | None:
        """Return the fault that is switched on for this message, used up by one."""
        return self.moment(envelope.who.caller, envelope.who.region, peer).sim.faults.take(OPERATION)

    def submit(self, envelope: Envelope[SignedIn], peer: str) -> str | None:
        """Hand a message to the rules; return SES's answer, None for a line that is cut instead, empty for silence."""
        moment = replace(self.moment(envelope.who.caller, envelope.who.region, peer), sent_by=OPERATION)
        params = {
            "FeedbackForwardingEmailAddress": envelope.sender,
            "Destination": {"ToAddresses": list(envelope.recipients)},
            "Content": {"Raw": {"Data": envelope.data}},
        }
        try:
            sent = self.send(moment, params)
        except WireError as error:
            return replies.refused(error)
        finally:
            self.taken()
        match sent.aftermath if isinstance(sent, Sent) else Aftermath.FAILED:
            case Aftermath.ANSWERED:
                return replies.accepted(sent.message_id)
            case Aftermath.CUT:
                return None
            case Aftermath.SILENT:
                return ""
            case _:
                return replies.TEMPORARY

    @cached_property
    def certificate(self) -> tuple[bytes, bytes]:
        """The self-made certificate and its key, in PEM; made when the first client asks for TLS."""
        return _self_made()

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """The server side of STARTTLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # ssl reads keys from files only; this one is gone again before anybody connects.
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(self.certificate))
            file.flush()
            context.load_cert_chain(file.name)
        return context


class _Connection(asyncio.Protocol):
    """One client; replies go out in the order of what they answer."""

    def __init__(self, door: SmtpDoor, open_connections: set[_Connection]) -> None:
        self._door = door
        self._open = open_connections
        self._session: Session[SignedIn] = Session(door.sign_in)
        self._transport: asyncio.Transport | None = None
        self._peer = "127.0.0.1"
        self._steps: deque[Reply | Envelope[SignedIn]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._early = bytearray()  # what came while an answer was being waited for
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, because uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else self._peer
        if len(self._open) >= self._door.most_connections:
            self._say(replies.TOO_MANY_CONNECTIONS)
            self._transport.close()
            return
        self._open.add(self)
        self._say(replies.GREETING)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._open.discard(self)
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._wait()
        if self._task is None:
            self._steps.extend(self._session.receive(data))
            self._work()
            return
        self._early += data
        if len(self._early) > _MOST_EARLY and self._transport is not None:
            self._transport.pause_reading()

    def _work(self) -> None:
        while self._steps and self._transport is not None:
            step = self._steps.popleft()
            if isinstance(step, Envelope):
                fault = self._door.fault(step, self._peer)
                if fault is not None:
                    self._start(self._faulty(step, fault))
                    return
                self._answer(self._submitted(step))
                continue
            self._say(step.text)
            match step.then:
                case Then.GO_ON:
                    pass
                case Then.CLOSE:
                    self._transport.close()
                    return
                case Then.START_TLS:
                    self._start(self._upgrade())
                    return

    def _start(self, work: Any) -> None:
        self._task = asyncio.ensure_future(work)
        self._task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or task.exception() is not None:
            if self._transport is not None:
                self._transport.abort()
            return
        self._work()
        self._catch_up()

    def _catch_up(self) -> None:
        if self._early and self._task is None and self._transport is not None:
            early, self._early = bytes(self._early), bytearray()
            self._transport.resume_reading()
            self.data_received(early)

    async def _upgrade(self) -> None:
        if self._transport is None:
            return
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                self._transport, self, self._door.tls, server_side=True, ssl_handshake_timeout=30
            )
        except (OSError, ssl.SSLError):
            if self._transport is not None:
                self._transport.abort()
            return
        self._transport = secured
        self._session.secured()

    def _submitted(self, envelope: Envelope[SignedIn]) -> str | None:
        try:
            return self._door.submit(envelope, self._peer)
        except Exception:  # noqa: BLE001 - a mistake of ours must not take the connection along; no address is logged
            _log.exception("a message by SMTP was answered with 451 for a mistake in the simulator")
            return replies.TEMPORARY

    async def _faulty(self, envelope: Envelope[SignedIn], fault: Fault) -> None:
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        match fault.kind:
            case FaultKind.LATENCY:
                self._answer(self._submitted(envelope))
            case FaultKind.CUT_BEFORE_WORK:
                self._answer(None)
            case FaultKind.CUT_BEFORE_ANSWER:
                self._submitted(envelope)
                self._answer(None)
            case FaultKind.ERROR_AFTER_WORK:
                self._submitted(envelope)
                self._answer(replies.TEMPORARY)
            case FaultKind.EXPIRED:
                self._answer(replies.BAD_CREDENTIALS)
            case FaultKind.ERROR | FaultKind.THROTTLE | FaultKind.DENIED:
                self._answer(replies.refused(WireError(*words(fault, "sesv2"))))

    def _answer(self, text: str | None) -> None:
        if text == "" and self._idle is not None:
            self._idle.cancel()
        elif text is not None:
            self._say(text)
        elif self._transport is not None:
            self._transport.abort()

    def _say(self, text: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text.encode("ascii", "replace") + b"\r\n")

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._door.idle_seconds, self._give_up)

    def _give_up(self) -> None:
        self._say(replies.TIMED_OUT)
        if self._transport is not None:
            self._transport.close()

    def close(self) -> None:
        """Close without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()


@asynccontextmanager
async def listening(door: SmtpDoor, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve the door in the running loop; yields HOST:PORT. Raises ConfigError when the port is not to be had."""
    connections: set[_Connection] = set()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(partial(_Connection, door, connections), host, port, backlog=256)
    except OSError as error:
        # asyncio says it at length; a name that is not known has a negative number and words of its own
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigError(f"Cannot listen on {host}:{port}: {why}.", "Choose another address or port.") from error
    name = f"[{host}]" if ":" in host else host
    try:
        yield f"{name}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in tuple(connections):
            connection.close()
        await server.wait_closed()


def _self_made() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ip_address(each)) for each in ("127.0.0.1", "::1")]
    now = datetime.now(UTC)  # wall time: whoever checks it lives in it
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        built.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
