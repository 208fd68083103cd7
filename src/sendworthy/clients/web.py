"""Web pages as readings: one GET with limits on size, time and redirects. Judges nothing, runs no scripts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sendworthy.audit.evidence import DnsOutcome, Page, PageProblem, Reading, Seen, Tls, Unseen, UnseenKind
from sendworthy.clients.dns import Dns
from sendworthy.clients.html import read_html
from sendworthy.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 5
_KEPT_TEXT = 20_000


class Web:
    """A small browser without scripts. Use as an async context manager.

    `connect_to` sends connections for a host name to another `host:port`, with the name kept in the request: that is
    how a website in a local world is reached. `*` stands for every host. `seconds` bounds one page, redirects
    included. `resolver` is asked whether a host without an address really does not exist.
    """

    def __init__(
        self, *, connect_to: Mapping[str, str] | None = None, resolver: Dns | None = None, seconds: float = 15.0
    ) -> None:
        self._seconds = seconds
        self._resolver = resolver
        self._connect_to = dict(connect_to or {})
        _table(self._connect_to)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=connector(self._connect_to),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(5.0, self._seconds)),
            headers={"User-Agent": "sendworthy-audit", "Accept": "text/html,application/xhtml+xml,*/*;q=0.5"},
            cookie_jar=aiohttp.CookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str) -> Reading[Page]:
        """Fetch a page. Never raises over what the network does.

        What is certain for everybody (no such host, a bad certificate, a redirect without end) is a Page with a
        problem; what may be our own side (no route, a refused connection, a time-out) is Unseen.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(url)
        except TimeoutError:
            return Unseen(kind=UnseenKind.TIMEOUT, reason=f"{url} did not answer in time", needs=url)
        except aiohttp.ClientConnectorCertificateError:
            return _problem(url, PageProblem.BAD_CERTIFICATE, tls=Tls.INVALID)
        except aiohttp.ClientConnectorDNSError as error:
            return await self._without_address(url, error.host)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            return _problem(url, PageProblem.NOT_HTTP)
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{url} cannot be reached ({type(error).__name__})"
            return Unseen(kind=UnseenKind.UNREACHABLE, reason=reason, needs=url)

    async def _without_address(self, url: str, host: str) -> Reading[Page]:
        """Tell a host that does not exist from a machine that cannot look; getaddrinfo says the same of both."""
        answers = [await self._resolver.lookup(host, kind) for kind in ("A", "AAAA")] if self._resolver else []
        if answers and all(isinstance(one, Seen) and one.value.outcome is not DnsOutcome.FOUND for one in answers):
            return _problem(url, PageProblem.NO_SUCH_HOST)
        return Unseen(kind=UnseenKind.UNREACHABLE, reason=f"{url}: DNS gave no address", needs=url)

    async def _follow(self, url: str) -> Reading[Page]:
        if self._session is None:
            raise RuntimeError("Web is used outside `async with`.")
        here = url
        for _hop in range(MAX_REDIRECTS + 1):
            async with self._session.get(here, allow_redirects=False) as response:
                target = response.headers.get("Location", "")
                if response.status not in (301, 302, 303, 307, 308) or not target:
                    return Seen(await _page(url, here, response))
            here = urljoin(here, target)
        return _problem(url, PageProblem.REDIRECT_LOOP, final_url=here)


async def _page(url: str, here: str, response: aiohttp.ClientResponse) -> Page:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) >= MAX_BYTES:
            break
    tls = Tls.VALID if urlsplit(here).scheme == "https" else Tls.NONE
    kind = response.content_type if "Content-Type" in response.headers else ""
    if kind not in ("", "text/html", "application/xhtml+xml", "text/plain"):
        return Page(url=url, final_url=here, status=response.status, tls=tls, content_type=kind)
    text = bytes(body[:MAX_BYTES]).decode(_charset(response), "replace")
    if kind == "text/plain":
        shown = " ".join(text.split())
        return Page(
            url=url,
            final_url=here,
            status=response.status,
            tls=tls,
            content_type=kind,
            text=shown[:_KEPT_TEXT],
            text_length=len(shown),
        )
    read = read_html(text, here)
    return Page(
        url=url,
        final_url=here,
        status=response.status,
        tls=tls,
        content_type=kind,
        title=read.title[:300],
        text=read.text[:_KEPT_TEXT],
        text_length=len(read.text),
        scripts=read.scripts,
        links=read.links,
    )


def _charset(response: aiohttp.ClientResponse) -> str:
    named = response.charset or "utf-8"
    try:
        "".encode(named)
    except LookupError:
        return "utf-8"
    return named


def _problem(url: str, problem: PageProblem, *, tls: Tls = Tls.NONE, final_url: str = "") -> Seen[Page]:
    return Seen(Page(url=url, final_url=final_url or url, problem=problem, tls=tls))


def _host_and_port(target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(f"{target!r} is not a host and port.", "Write it as 127.0.0.1:8080.")
    return host.strip("[]"), int(port)


def _table(connect_to: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    return {host.lower(): _host_and_port(target) for host, target in connect_to.items()}


def connector(connect_to: Mapping[str, str] | None) -> aiohttp.TCPConnector:
    """Give the way to hosts: those of the table at their `host:port`, all others as usual."""
    return aiohttp.TCPConnector(resolver=_Redirecting(_table(connect_to)) if connect_to else None, limit=16)


class _Redirecting(AbstractResolver):
    """Resolves the hosts of a table to a fixed address and port, and all others as usual."""

    def __init__(self, table: Mapping[str, tuple[str, int]]) -> None:
        self._table = table
        self._usual = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        target = self._table.get(host.lower()) or self._table.get("*")
        if target is None:
            return await self._usual.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=target[0],
                port=target[1],
                family=socket.AF_INET6 if ":" in target[0] else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        await self._usual.close()
