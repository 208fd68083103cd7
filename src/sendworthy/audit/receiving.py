"""Whether a domain takes mail, by its MX and address records (RFC 5321 section 5, RFC 7505). Asks no server."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Reading, Unseen

Lookup = Callable[[str, str], Reading[DnsAnswer]]
"""(name, type) to what DNS said."""


class Receives(StrEnum):
    """Whether a domain takes mail."""

    YES = "it takes mail"
    NULL_MX = "it has a null MX"
    NOTHING = "it has neither MX nor address"


def is_null_mx(records: tuple[str, ...]) -> bool:
    """Say whether MX records are the one of RFC 7505, which says that the domain takes no mail."""
    return len(records) == 1 and records[0].split(" ", 1)[-1].strip(" .") == ""


def receives(domain: str, lookup: Lookup) -> Receives | Unseen:
    """Say whether `domain` takes mail. Without an MX its own address counts (RFC 5321 section 5.1)."""
    exchange = lookup(domain, "MX")
    if isinstance(exchange, Unseen):
        return exchange
    if exchange.value.outcome is DnsOutcome.FOUND:
        return Receives.NULL_MX if is_null_mx(exchange.value.records) else Receives.YES
    for kind in ("A", "AAAA"):
        address = lookup(domain, kind)
        if isinstance(address, Unseen):
            return address
        if address.value.outcome is DnsOutcome.FOUND:
            return Receives.YES
    return Receives.NOTHING
