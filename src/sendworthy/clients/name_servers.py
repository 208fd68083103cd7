"""Asks the authoritative servers of a zone, each by itself, so that it shows whether they agree. Judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, DnsServer, Reading, Seen, Unseen, UnseenKind, dns_key
from sendworthy.clients.dns import Resolver, record_text

_MOST_SERVERS = 8


class Servers(Protocol):
    """Whoever can ask the servers of a zone; `NameServers` does."""

    async def ask(
        self, domain: str, organisational: str, questions: Sequence[tuple[str, str]]
    ) -> Reading[tuple[DnsServer, ...]]:
        """Ask each server every question (name, type)."""


class NameServers:
    """The way to authoritative servers. They are asked on the resolver's own port, which is 53 but in a local world."""

    def __init__(self, resolver: Resolver, *, seconds: float = 3.0, concurrency: int = 64) -> None:
        self._resolver = resolver
        self._seconds = seconds
        self._gate = asyncio.Semaphore(concurrency)

    async def ask(
        self, domain: str, organisational: str, questions: Sequence[tuple[str, str]]
    ) -> Reading[tuple[DnsServer, ...]]:
        """Ask each server of the zone every question; never raises over what the network does.

        The zone is the domain's own, else that of its organisational domain. At most eight servers are asked.
        """
        named = await self._resolver.lookup(domain, "NS")
        if isinstance(named, Seen) and not named.value.records and organisational != domain:
            named = await self._resolver.lookup(organisational, "NS")
        if isinstance(named, Unseen):
            return named
        names = named.value.records[:_MOST_SERVERS]
        return Seen(tuple(await asyncio.gather(*(self._server(name, questions) for name in names))))

    async def _server(self, name: str, questions: Sequence[tuple[str, str]]) -> DnsServer:
        address = await self._resolver.lookup(name, "A")
        if isinstance(address, Unseen) or not address.value.records:
            reason = address.reason if isinstance(address, Unseen) else f"{name} has no address"
            missing = Unseen(kind=UnseenKind.UNREACHABLE, reason=reason, needs=f"A {name}")
            return DnsServer(name=name, answers={dns_key(*question): missing for question in questions})
        where = address.value.records[0]
        answers = await asyncio.gather(*(self._one(name, where, *question) for question in questions))
        return DnsServer(name=name, answers=dict(zip((dns_key(*one) for one in questions), answers, strict=True)))

    async def _one(self, server: str, where: str, name: str, rdtype: str) -> Reading[DnsAnswer]:
        needs = f"{dns_key(name, rdtype)} at {server}"
        query = dns.message.make_query(dns.name.from_text(name), rdtype)
        query.flags &= ~dns.flags.RD
        try:
            async with self._gate:
                response, _by_tcp = await dns.asyncquery.udp_with_fallback(
                    query, where, timeout=self._seconds, port=self._resolver.port
                )
        except dns.exception.Timeout:
            return Unseen(kind=UnseenKind.TIMEOUT, reason=f"{server} did not answer in time", needs=needs)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            reason = f"{server} cannot be asked ({type(error).__name__})"
            return Unseen(kind=UnseenKind.UNREACHABLE, reason=reason, needs=needs)
        return _read(response, server, rdtype, needs)


def _read(response: dns.message.Message, server: str, rdtype: str, needs: str) -> Reading[DnsAnswer]:
    code = response.rcode()
    authoritative = bool(response.flags & dns.flags.AA)
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not authoritative:
        said = dns.rcode.to_text(code) if code is not dns.rcode.NOERROR else "without authority"
        kind = UnseenKind.SERVFAIL if code is dns.rcode.SERVFAIL else UnseenKind.REFUSED
        return Unseen(kind=kind, reason=f"{server} answered {said}", needs=needs)
    wanted = dns.rdatatype.from_text(rdtype)
    found = [rrset for rrset in response.answer if rrset.rdtype == wanted]
    aliases = [rrset for rrset in response.answer if rrset.rdtype == dns.rdatatype.CNAME]
    records = tuple(sorted(record_text(record) for rrset in found for record in rrset))
    if aliases:
        # Behind an alias the servers of another zone answer; what these say of their own is the alias.
        return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=(f"CNAME {record_text(next(iter(aliases[0])))}",)))
    if records:
        return Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=records))
    return Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN if code is dns.rcode.NXDOMAIN else DnsOutcome.NO_DATA))
