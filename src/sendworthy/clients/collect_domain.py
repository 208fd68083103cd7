"""The DNS names that an audit of a domain asks for, level by level. Judges nothing and opens no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from sendworthy.audit.dmarc import dmarc_records, parse_dmarc, report_domain
from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Reading, Seen
from sendworthy.audit.spf import parse_spf, spf_records
from sendworthy.audit.spf_tree import asked_names

Ask = Callable[[str, str], Awaitable[Reading[DnsAnswer]]]
"""(name, type) to what DNS said; each question goes out once, however many ask."""

_MOST_NAMES = 60
"""More names than any valid SPF tree asks for (RFC 7208 section 4.6.4 stops at ten look-ups)."""


async def ask_spf(ask: Ask, name: str) -> None:
    """Ask for the SPF record of `name` and for all that its tree refers to, level by level."""
    asked: set[tuple[str, str]] = set()
    level: Iterable[tuple[str, str]] = ((name, "TXT"),)
    while level and len(asked) < _MOST_NAMES:
        now = [one for one in dict.fromkeys(level) if one not in asked]
        asked.update(now)
        answers = await asyncio.gather(*(ask(*one) for one in now))
        level = [
            inner
            for (owner, kind), answer in zip(now, answers, strict=True)
            if kind == "TXT" and isinstance(answer, Seen)
            for record in spf_records(answer.value.records)
            for inner in asked_names(owner, parse_spf(record))
        ]


async def ask_receiving(ask: Ask, name: str) -> None:
    """Ask what tells whether `name` takes mail: its MX, and without one its addresses."""
    answer = await ask(name, "MX")
    if isinstance(answer, Seen) and answer.value.outcome is not DnsOutcome.FOUND:
        address = await ask(name, "A")
        if isinstance(address, Seen) and address.value.outcome is not DnsOutcome.FOUND:
            await ask(name, "AAAA")


async def ask_dmarc(ask: Ask, domain: str, organisational: str, organise: Callable[[str], str]) -> None:
    """Ask for the DMARC records of a domain, whether its reports are received, and whether they are wanted there."""
    for owner in dict.fromkeys((domain, organisational)):
        answer = await ask(f"_dmarc.{owner}", "TXT")
        records = dmarc_records(answer.value.records) if isinstance(answer, Seen) else ()
        if len(records) != 1:
            continue
        own = organise(owner)
        reports = dict.fromkeys(report_domain(uri) for uri in parse_dmarc(records[0]).rua)
        for elsewhere in filter(None, reports):
            await ask_receiving(ask, elsewhere)
            if elsewhere != own and not elsewhere.endswith(f".{own}"):
                await ask(f"{owner}._report._dmarc.{elsewhere}", "TXT")


async def ask_domain(ask: Ask, domain: str, organisational: str, organise: Callable[[str], str]) -> bool:
    """Ask for all that a domain publishes whatever SES says of it; true when it has MTA-STS, whose policy is a page."""
    owners = tuple(dict.fromkeys((domain, organisational)))
    sts, *_rest = await asyncio.gather(
        ask(f"_mta-sts.{domain}", "TXT"),
        ask_spf(ask, domain),
        ask_dmarc(ask, domain, organisational, organise),
        *(ask(f"_dmarc.{owner}", "TXT") for owner in owners),
        ask_receiving(ask, domain),
        *(ask(f"default._bimi.{owner}", "TXT") for owner in owners),
        ask(f"_smtp._tls.{domain}", "TXT"),
        ask(f"www.{domain}", "A"),
    )
    return isinstance(sts, Seen) and any(record.startswith("v=STSv1") for record in sts.value.records)
