"""Asks DNS for the records of identities and enters what was found. The rules are those of `verification`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from sendworthy.simulator.state import Account, Identity
from sendworthy.simulator.v1_verification import better, judge_token
from sendworthy.simulator.verification import (
    Answer,
    Outcome,
    dkim_questions,
    due,
    explain,
    judge_dkim,
    judge_mail_from,
    next_status,
)

Ask = Callable[[str, str], Awaitable[Answer]]
"""Ask DNS for a name and a type (CNAME, MX, TXT, SOA); never raises for what DNS answers."""


def asking(server: str, *, timeout_seconds: float = 3.0) -> Ask:
    """Return an Ask of one DNS server, `HOST:PORT`, or of the system's own for an empty text."""
    resolver = dns.asyncresolver.Resolver(configure=not server)
    if server:
        host, _, port = server.rpartition(":")
        resolver.nameservers, resolver.port = [host], int(port)
    resolver.cache = None

    async def ask(name: str, kind: str) -> Answer:
        try:
            found = await resolver.resolve(name, kind, lifetime=timeout_seconds, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer(Outcome.HOST_NOT_FOUND)
        except dns.resolver.NoAnswer:
            return Answer(Outcome.TYPE_NOT_FOUND)
        except (dns.exception.DNSException, OSError):
            return Answer(Outcome.DNS_SERVER_ERROR)
        if found.rdtype == dns.rdatatype.TXT:
            texts = (b"".join(record.strings).decode("utf-8", "replace") for record in found)
            return Answer(Outcome.FOUND, tuple(texts))
        return Answer(Outcome.FOUND, tuple(record.to_text() for record in found))

    return ask


async def look(account: Account, identities: Iterable[Identity], *, ask: Ask, now: datetime) -> None:
    """Look up every identity that is due and set its statuses."""
    await asyncio.gather(*(_look_at(account, identity, ask, now) for identity in identities if is_due(identity, now)))


def is_due(identity: Identity, now: datetime) -> bool:
    """Whether a domain identity has anything to look up now."""
    parts = [part.status for part in (identity.dkim, identity.mail_from, identity.token) if part is not None]
    return any(due(status, last_checked=identity.last_checked, now=now) for status in parts)


async def _look_at(account: Account, identity: Identity, ask: Ask, now: datetime) -> None:
    await asyncio.gather(_look_at_dkim(identity, ask, now), _look_at_mail_from(account, identity, ask, now))
    await _look_at_token(identity, ask, now)
    identity.last_checked = now


async def _look_at_dkim(identity: Identity, ask: Ask, now: datetime) -> None:
    dkim = identity.dkim
    if dkim is None or not due(dkim.status, last_checked=identity.last_checked, now=now):
        return
    *answers, start = await asyncio.gather(
        *(ask(name, kind) for name, kind in dkim_questions(identity)), ask(identity.name, "SOA")
    )
    identity.soa = _soa(start) or identity.soa
    outcome = judge_dkim(identity, tuple(answers))
    dkim.status, dkim.missed_since = next_status(
        dkim.status, outcome, started_at=dkim.started_at, missed_since=dkim.missed_since, now=now
    )
    # A domain is verified by its DKIM records; a domain once verified stays so while they are only shaken, and while
    # other records are looked for in their place [D23].
    dkim.kept = dkim.kept and dkim.status != "SUCCESS"
    if not dkim.kept:
        identity.status = dkim.status
    identity.error_type = dkim.replication_error or explain(outcome)
    if outcome is Outcome.FOUND:
        identity.last_success = now


def _soa(answer: Answer) -> tuple[str, str, int] | None:
    """Read an SOA record: the first server, the mailbox (RFC 1035 section 3.3.13), the serial number."""
    fields = answer.values[0].split() if answer.values else []
    return (fields[0].rstrip("."), fields[1].rstrip("."), int(fields[2])) if len(fields) >= 3 else None


async def _look_at_token(identity: Identity, ask: Ask, now: datetime) -> None:
    """Look for the TXT record of VerifyDomainIdentity: it verifies a domain as well as DKIM does."""
    token = identity.token
    if token is None:
        return
    if due(token.status, last_checked=identity.last_checked, now=now):
        outcome = judge_token(token.value, await ask(f"_amazonses.{identity.name}", "TXT"))
        token.status, token.missed_since = next_status(
            token.status, outcome, started_at=token.started_at, missed_since=token.missed_since, now=now
        )
        if outcome is Outcome.FOUND:
            identity.last_success = now
        if identity.dkim is None or outcome is Outcome.FOUND:
            identity.error_type = explain(outcome)
    identity.status = better(token.status, identity.dkim.status if identity.dkim is not None else token.status)


async def _look_at_mail_from(account: Account, identity: Identity, ask: Ask, now: datetime) -> None:
    custom = identity.mail_from
    if custom is None or not due(custom.status, last_checked=identity.last_checked, now=now):
        return
    mx, txt = await asyncio.gather(ask(custom.domain, "MX"), ask(custom.domain, "TXT"))
    custom.status, custom.missed_since = next_status(
        custom.status,
        judge_mail_from(account.region, mx, txt),
        started_at=custom.started_at,
        missed_since=custom.missed_since,
        now=now,
    )
