"""Finds suppressed addresses that may be alive: what a person should look at before mail to them stops for good.

A wrong suppression is silent, so it is looked for. Nothing is lifted by this. Knows no store and no clock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

_NOT_THE_MAILBOX = re.compile(
    r"\b5\.7\.\d+|\bblock(?:ed|list)|blacklist|spam|spamhaus|reputation|policy|dmarc|dkim|spf\b|unauthenticated|"
    r"\b5\.2\.2\b|mailbox (?:is )?full|over quota|\b5\.4\.\d+|dns|no route|timed? ?out|greylist",
    re.IGNORECASE,
)
"""Diagnostics that speak of us, of a full mailbox or of the way there, not of a dead mailbox (RFC 3463 section 3)."""

_LIVELY = timedelta(days=30)
_BURST = timedelta(hours=1)
_MANY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounced:
    """One suppression for a bounce: what the server said, and when mail last reached the address (None: unknown)."""

    address: str
    at: datetime
    diagnostic: str = ""
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An address that may be alive, and why one may think so."""

    address: str
    at: datetime
    why: str


def suspects(bounced: Iterable[Bounced]) -> tuple[Suspect, ...]:
    """Give those whose suppression looks wrong, newest first, each with its strongest reason."""
    all_of_them = sorted(bounced, key=lambda one: (one.at, one.address))
    bursts = _bursts(all_of_them)
    found = [Suspect(address=one.address, at=one.at, why=why) for one in all_of_them if (why := _why(one, bursts))]
    return tuple(reversed(found))


def _why(one: Bounced, bursts: frozenset[str]) -> str:
    if one.delivered_at is not None and one.delivered_at > one.at:
        return "mail was delivered to it after it was suppressed"
    if _NOT_THE_MAILBOX.search(one.diagnostic):
        return "the server spoke of something else than a dead mailbox"
    if one.address in bursts:
        return "many addresses of its domain bounced within an hour, as in an outage"
    if one.delivered_at is not None and one.at - one.delivered_at < _LIVELY:
        return "mail reached it within the thirty days before"
    return ""


def _bursts(in_order: list[Bounced]) -> frozenset[str]:
    by_domain: dict[str, list[Bounced]] = defaultdict(list)
    for one in in_order:
        by_domain[one.address.rpartition("@")[2]].append(one)
    found: set[str] = set()
    for bounced in by_domain.values():
        first = 0
        for last, one in enumerate(bounced):
            while one.at - bounced[first].at > _BURST:
                first += 1
            if last - first + 1 >= _MANY:
                found |= {each.address for each in bounced[first : last + 1]}
    return frozenset(found)
