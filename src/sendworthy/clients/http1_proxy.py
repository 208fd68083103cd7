"""The way through an HTTP proxy: where it is, what it is told of itself, and the tunnel that it opens (CONNECT).

Knows no message and no environment: which proxy stands on the way, and whether one does, is decided by who calls.
Until the tunnel stands nothing was sent to the origin, so that whatever goes wrong here is certain.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from sendworthy.errors import ConfigError, Unavailable

_MOST_HEAD_BYTES: Final = 16 * 1024
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_ASKED: Final = re.compile(rb"\nproxy-authenticate[ \t]*:([^\r\n]*)", re.IGNORECASE)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_A_SCHEME: Final = re.compile(r"[a-z][a-z0-9-]{0,20}(?!\S)")
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. `host` is as it is dialled, `secure` whether it is itself spoken to by TLS.

    `variable` is where a person finds its address; `authorization` is for the proxy alone, and never shown.
    """

    host: str
    port: int
    secure: bool = False
    variable: str = "HTTPS_PROXY"
    authorization: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """HOST:PORT, as people may see it."""
        return host_and_port(self.host, self.port)


def host_and_port(host: str, port: int) -> str:
    """Write HOST:PORT, an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_proxy(address: str, *, variable: str = "HTTPS_PROXY") -> Proxy:
    """Read the address of a proxy as botocore does: http where it names no scheme, port 80 or 443 where it names none.

    Raises ConfigError, which quotes nothing of an address that may hold a password.
    """
    if not _SCHEME.match(address) or "://" not in address:
        address = f"http:{address}" if address.startswith("//") else f"http://{address}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if host and parts.scheme not in ("http", "https"):
        raise ConfigError(
            f"{variable} names a proxy of the kind {parts.scheme}, and mail goes through HTTP proxies only.",
            f"Name one that is spoken to by http or https, or put the host of SES into NO_PROXY beside {variable}.",
        )
    stray = "@" in f"{parts.path}{parts.query}{parts.fragment}"  # a slash or # in a password ends the host before it
    if stray or not host or not all(" " < letter < "\x7f" for letter in host):
        raise ConfigError(
            f"{variable} is not the address of a proxy.",
            "Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with @ as %40, : as %3A and / as %2F in both.",
        )
    user = unquote(parts.username or "")
    if ":" in user:  # Basic could not tell where it ends (RFC 7617 section 2)
        raise ConfigError(f"The user name in {variable} holds a colon.", "No proxy takes that; ask for another name.")
    both = f"{user}:{unquote(parts.password or '')}"
    secret = b64encode(both.encode("utf-8", "surrogateescape")).decode()  # as Python takes a variable that is no UTF-8
    secure = parts.scheme == "https"
    return Proxy(
        host=host,
        port=port or (443 if secure else 80),
        secure=secure,
        variable=variable,
        authorization=f"Basic {secret}" if user else "",
    )


async def open_tunnel(
    proxy: Proxy, made: asyncio.Protocol, *, host: str, port: int, tls: ssl.SSLContext, seconds: float
) -> None:
    """Connect `made` to an https origin through the proxy, all of it within `seconds`; the same `tls` trusts both.

    To a proxy that is spoken to by TLS, the TLS of the origin goes inside (Python 3.11 and uvloop can). Raises
    Unavailable.
    """
    asking = _Asking(asyncio.get_running_loop().create_future())
    origin = host_and_port(host.encode("idna").decode(), port)
    try:
        async with asyncio.timeout(seconds):
            await _step_by_step(proxy, asking, made, host=host, origin=origin, tls=tls)
    except _Refused as no:
        asking.abort()
        raise refusal(proxy, no.status, asked=no.asked, origin=origin) from None
    except (OSError, TimeoutError, _NoAnswer) as error:
        asking.abort()
        raise _failure(proxy, error, origin=origin, stage=asking.stage) from error
    except BaseException:
        asking.abort()
        raise


async def _step_by_step(
    proxy: Proxy, asking: _Asking, made: asyncio.Protocol, *, host: str, origin: str, tls: ssl.SSLContext
) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: asking, proxy.host, proxy.port, ssl=tls if proxy.secure else None)
    asking.stage = _Stage.ANSWER
    asking.transport.write(_connect(proxy, origin))
    if no := await asking.answered:
        raise no
    asking.stage = _Stage.ORIGIN
    made.connection_made(asking.transport)  # so that what comes unasked finds something to close
    await asyncio.sleep(0)  # a proxy that hung up behind its yes is seen now: no loop begins TLS well on what is closed
    inner = None
    if not asking.transport.is_closing():
        inner = await loop.start_tls(asking.transport, made, tls, server_hostname=host)
    if inner is None or inner.is_closing() or asking.transport.is_closing():
        raise ConnectionResetError
    made.connection_made(inner)


def refusal(proxy: Proxy, status: int, *, asked: tuple[str, ...], origin: str) -> Unavailable:
    """Say what a proxy's no means and what to do. `asked` are the schemes of its Proxy-Authenticate, in lower case."""
    variable = proxy.variable
    match status:
        case 407 if asked and "basic" not in asked:
            to_do = f"It asks for {' or '.join(asked)}, and only Basic is spoken here: let it take Basic."
        case 407 if proxy.authorization:
            to_do = f"It does not take the user name and password in {variable}."
        case 407:
            to_do = f"Put a user name and password into {variable}: http://USER:PASSWORD@HOST:PORT."
        case 401 | 403:
            to_do = f"Have it allow CONNECT to {origin}, or put that host into NO_PROXY."
        case _ if status >= 500:
            to_do = f"It could not reach {origin}; look there."
        case _:
            to_do = f"Look whether {variable} names a proxy."
    what = f"The proxy {proxy.where} answered {status}, so nothing was sent to {origin}."
    return Unavailable(what, to_do, code=f"Proxy{status}")


def asked_schemes(*values: str) -> tuple[str, ...]:
    """Give the schemes, in lower case, that Proxy-Authenticate headers offer (RFC 9110 section 11.6.1)."""
    challenges = (part.strip().lower() for value in values for part in _QUOTED.sub("", value).split(","))
    found = [match[0] for match in map(_A_SCHEME.match, challenges) if match]
    return tuple(dict.fromkeys(found))[:8]


def _connect(proxy: Proxy, origin: str) -> bytes:
    """Write the request for a tunnel (RFC 9110 section 9.3.6)."""
    lines = [f"CONNECT {origin} HTTP/1.1", f"Host: {origin}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _failure(proxy: Proxy, error: BaseException, *, origin: str, stage: _Stage) -> Unavailable:
    """Say how far it got when it stopped without an answer."""
    match error:
        case TimeoutError():
            why = "it took too long"
        case _NoAnswer():
            why = str(error)
        case _:
            why = type(error).__name__
    match stage:
        case _Stage.PROXY:
            to_do = f"Look at the proxy, and at {proxy.variable}."
            if isinstance(error, ssl.SSLError):
                to_do = f"Look whether {proxy.variable} should begin with http://, and who signed its certificate."
            return Unavailable(f"The proxy {proxy.where} cannot be reached: {why}.", to_do, code="ProxyUnreachable")
        case _Stage.ANSWER:
            what = f"The proxy {proxy.where} opened no way to {origin}: {why}."
            return Unavailable(what, f"Look at the proxy, and whether {proxy.variable} names it.", code="ProxyNoAnswer")
        case _Stage.ORIGIN:
            what = f"{origin} cannot be reached through the proxy {proxy.where}: {why}."
            to_do = ""
            if isinstance(error, ssl.SSLCertVerificationError):
                to_do = "If the proxy opens TLS on the way, name its authority's certificate in AWS_CA_BUNDLE."
            return Unavailable(what, to_do, code="Unreachable")


class _Stage(Enum):
    """What was being waited for."""

    PROXY = auto()
    ANSWER = auto()
    ORIGIN = auto()


class _Refused(Exception):
    """The proxy said no."""

    def __init__(self, status: int, asked: tuple[str, ...]) -> None:
        super().__init__(status)
        self.status = status
        self.asked = asked


class _NoAnswer(Exception):
    """What came from the proxy was no answer, or its connection ended before one."""


class _Asking(asyncio.Protocol):
    """The connection to a proxy until it has answered: `answered` gets None when the tunnel stands, else why not."""

    def __init__(self, answered: asyncio.Future[_Refused | _NoAnswer | None]) -> None:
        self.answered = answered
        self.transport: asyncio.Transport
        self.stage = _Stage.PROXY
        self._connected = False
        self._head = b""
        self._read = 0

    def abort(self) -> None:
        """Leave the connection, whatever is on its way."""
        if self._connected:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses of asyncio's
        self._connected = True

    def data_received(self, data: bytes) -> None:
        """Read the answer on; interim ones (1xx) are passed over, and what a 2xx says of a body is not believed."""
        self._read += len(data)
        self._head += data
        while self._head and not self.answered.done():
            if not _begins_like_http(self._head):
                self._end(_NoAnswer("its answer was no HTTP"))
            elif end := _HEAD_END.search(self._head):
                head, self._head = self._head[: end.end()], self._head[end.end() :]
                self._judge(head)
            else:
                break
        if self._read > _MOST_HEAD_BYTES:
            self._end(_NoAnswer("its answer had no end"))

    def _judge(self, head: bytes) -> None:
        status = _STATUS.match(head)
        if status is None or status[1] == b"101":
            self._end(_NoAnswer("its answer was no HTTP"))
        elif status[1].startswith(b"2"):
            # The origin speaks TLS, where the client speaks first: what stands behind the answer is not the origin's.
            self._end(_NoAnswer("it sent something unasked") if self._head else None)
        elif not status[1].startswith(b"1"):
            asked = asked_schemes(*(value.decode("latin-1") for value in _ASKED.findall(head)))
            self._end(_Refused(int(status[1]), asked))

    def connection_lost(self, exc: Exception | None) -> None:
        """Know that no answer follows."""
        self._end(_NoAnswer(f"it cut the connection ({type(exc).__name__})" if exc else "it closed the connection"))

    def _end(self, no: _Refused | _NoAnswer | None) -> None:
        if not self.answered.done():
            self.answered.set_result(no)


def _begins_like_http(head: bytes) -> bool:
    start = b"HTTP/1."
    return head[: len(start)] == start[: len(head)]
