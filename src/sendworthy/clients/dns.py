"""DNS look-ups as readings: what the answer said, or how the look failed. Judges nothing and keeps no cache."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.TXT import TXT

from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Reading, Seen, Unseen, UnseenKind, dns_key
from sendworthy.errors import ConfigError


class Dns(Protocol):
    """Whoever answers DNS questions; `Resolver` does."""

    async def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        """Ask one question; never raises over what the network does."""


class Resolver:
    """Asks the system's resolver, or one at HOST:PORT, with at most `concurrency` questions at once.

    UDP first, TCP when the answer was cut. Each question takes at most `seconds` over all servers and attempts.
    """

    def __init__(self, server: str | None = None, *, seconds: float = 6.0, concurrency: int = 64) -> None:
        self._where = server or "the system's resolver"
        self._resolver = _resolver_at(server) if server else _system_resolver()
        self._resolver.lifetime = seconds
        self._resolver.timeout = min(2.0, seconds)
        self._gate = asyncio.Semaphore(concurrency)

    @property
    def port(self) -> int:
        """The port of the servers that are asked."""
        return self._resolver.port

    def __repr__(self) -> str:
        return f"Resolver({self._where!r})"

    async def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        """Ask one question. Never raises over what the network does."""
        needs = dns_key(name, rdtype)
        try:
            asked = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return Unseen(kind=UnseenKind.ERROR, reason=f"{name!r} is not a DNS name", needs=needs)
        try:
            async with self._gate:
                answer = await self._resolver.resolve(asked, rdtype, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            last = error.canonical_name
            return Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN, canonical="" if last == asked else _host(last)))
        except dns.resolver.LifetimeTimeout as error:
            # A server that refuses or fails is asked again until time is up; what it said is the better reason.
            said = tuple(_said(error.kwargs.get("errors") or ()))
            return _failed(said, needs) if said else _timeout(needs)
        except dns.resolver.NoNameservers as error:
            return _failed(tuple(_said(error.kwargs.get("errors") or ())), needs)
        except (dns.exception.DNSException, OSError) as error:
            return Unseen(kind=UnseenKind.ERROR, reason=f"{needs}: {type(error).__name__}", needs=needs)
        if answer.rrset is None:
            return Seen(DnsAnswer(outcome=DnsOutcome.NO_DATA))
        canonical = "" if answer.canonical_name == asked else _host(answer.canonical_name)
        records = tuple(sorted(record_text(record) for record in answer.rrset))
        return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=records, canonical=canonical))


def _system_resolver() -> dns.asyncresolver.Resolver:
    try:
        return dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration as error:
        raise ConfigError("This machine has no DNS resolver set up.", "Give one with --resolver HOST:PORT.") from error


def _resolver_at(server: str) -> dns.asyncresolver.Resolver:
    host, colon, port = server.rpartition(":")
    if not colon or "]" in port:
        host, port = server, "53"
    resolver = dns.asyncresolver.Resolver(configure=False)
    try:
        resolver.nameservers = [host.strip("[]")]
        resolver.port = int(port)
    except ValueError:
        resolver.port = 0
    if not 0 < resolver.port < 65536:
        message = f"{server!r} is not a resolver's address."
        raise ConfigError(message, "Give an IP address and a port, such as 127.0.0.1:5353.")
    return resolver


def _timeout(needs: str) -> Unseen:
    return Unseen(kind=UnseenKind.TIMEOUT, reason=f"{needs}: no answer in time", needs=needs)


def _said(errors: Iterable[tuple[object, ...]]) -> Iterator[UnseenKind]:
    """Read dnspython's list of (server, tcp, port, what went wrong, response) as kinds, without the time-outs."""
    for entry in errors:
        problem, response = entry[3], entry[4]
        rcode = response.rcode() if isinstance(response, dns.message.Message) else None
        if rcode is dns.rcode.SERVFAIL or problem == "SERVFAIL":
            yield UnseenKind.SERVFAIL
        elif rcode is dns.rcode.REFUSED or problem == "REFUSED":
            yield UnseenKind.REFUSED
        elif isinstance(problem, dns.exception.Timeout):
            continue
        elif isinstance(problem, OSError):
            yield UnseenKind.UNREACHABLE
        else:
            yield UnseenKind.ERROR


_WORDS = {
    UnseenKind.SERVFAIL: "the DNS server answered SERVFAIL",
    UnseenKind.REFUSED: "the DNS server refused to answer",
    UnseenKind.UNREACHABLE: "the DNS server is not reachable",
    UnseenKind.ERROR: "the DNS server gave a broken answer",
}


def _failed(said: tuple[UnseenKind, ...], needs: str) -> Unseen:
    kind = next((kind for kind in _WORDS if kind in said), None)
    return Unseen(kind=kind, reason=f"{needs}: {_WORDS[kind]}", needs=needs) if kind else _timeout(needs)


def record_text(record: dns.rdata.Rdata) -> str:
    """Give a record as `DnsAnswer.records` has it."""
    match record:
        case TXT():
            return b"".join(record.strings).decode("utf-8", "backslashreplace")
        case MX():
            return f"{record.preference} {_host(record.exchange)}"
        case CNAME() | NS():
            return _host(record.target)
        case _:
            return record.to_text()


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
