"""Reads DMARC records (RFC 7489) and finds the one that rules a domain, from readings handed in. Asks no server."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sendworthy.audit.evidence import DnsAnswer, Reading, Unseen

POLICIES = ("none", "quarantine", "reject")

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
_LOOKS_LIKE = re.compile(r"\s*v\s*=\s*dmarc", re.IGNORECASE)
_REPORT_URI = re.compile(r"mailto:[^@\s!,;]+@[^@\s!,;]+\.[^@\s!,;]+(?:![0-9]+[kmgt]?)?", re.IGNORECASE)
_ALLOWED = {
    "p": re.compile(r"none|quarantine|reject", re.IGNORECASE),
    "sp": re.compile(r"none|quarantine|reject", re.IGNORECASE),
    "np": re.compile(r"none|quarantine|reject", re.IGNORECASE),
    "adkim": re.compile(r"[rs]", re.IGNORECASE),
    "aspf": re.compile(r"[rs]", re.IGNORECASE),
    "pct": re.compile(r"100|[0-9]{1,2}"),
    "ri": re.compile(r"[0-9]+"),
    "fo": re.compile(r"[01ds](?::[01ds])*", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Dmarc:
    """One parsed record. `policy` is that for the domain itself; `problems` is empty for a valid record."""

    text: str
    policy: str
    subdomain_policy: str
    rua: tuple[str, ...]
    problems: tuple[str, ...]
    adkim: str = "r"
    aspf: str = "r"
    percent: int = 100


def dmarc_records(txt: Sequence[str]) -> tuple[str, ...]:
    """Give the records among TXT that begin with `v=DMARC1`; all others are to be ignored (RFC 7489 section 6.6.3)."""
    return tuple(record for record in txt if _VERSION.match(record))


def near_misses(txt: Sequence[str]) -> tuple[str, ...]:
    """Give the records that were meant as DMARC and are ignored by every receiver, such as `v=DMARC 1`."""
    return tuple(record for record in txt if _LOOKS_LIKE.match(record) and not _VERSION.match(record))


def parse_dmarc(text: str) -> Dmarc:
    """Parse one record (RFC 7489 section 6.4). Unknown tags are ignored, as the RFC wants; nothing is raised."""
    tags: dict[str, str] = {}
    problems: list[str] = []
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = (piece.strip() for piece in part.partition("="))
        name = name.lower()
        if not equals:
            problems.append(f"{part.strip()!r} has no value")
        elif name in tags:
            problems.append(f"{name}= appears twice")
        else:
            tags[name] = value
    problems += [
        f"{name}={tags[name]} is not valid"
        for name, pattern in _ALLOWED.items()
        if name in tags and not pattern.fullmatch(tags[name])
    ]
    if "p" not in tags:
        problems.append("p= is missing")
    rua = tuple(uri.strip() for uri in tags.get("rua", "").split(",") if uri.strip())
    for tag in ("rua", "ruf"):
        uris = [uri.strip() for uri in tags.get(tag, "").split(",")] if tag in tags else []
        problems += [f"{tag}={uri or ' (empty)'} is not a mailto: address" for uri in uris if not _is_report_uri(uri)]
    policy = tags.get("p", "").lower()
    percent = tags.get("pct", "100")
    return Dmarc(
        text,
        policy,
        tags.get("sp", policy).lower(),
        rua,
        tuple(problems),
        adkim=tags.get("adkim", "r").lower(),
        aspf=tags.get("aspf", "r").lower(),
        percent=int(percent) if percent.isdecimal() else 100,
    )


def report_domain(uri: str) -> str:
    """Give the domain that reports of a `mailto:` URI go to, lower case; empty for any other URI."""
    if not _is_report_uri(uri):
        return ""
    return uri.partition(":")[2].partition("!")[0].rpartition("@")[2].rstrip(".").lower()


def _is_report_uri(uri: str) -> bool:
    # RFC 7489 section 6.2 lets other schemes stand there; receivers send to mailto alone.
    return _REPORT_URI.fullmatch(uri) is not None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What rules a domain: the name asked last, the DMARC records there, and the near misses seen on the way."""

    name: str
    records: tuple[str, ...]
    ignored: tuple[str, ...]


def ruling(domain: str, organisational: str, lookup: Callable[[str], Reading[DnsAnswer]]) -> Ruling | Unseen:
    """Find the records that rule `domain`: its own, else those of its organisational domain (RFC 7489, 6.6.3).

    Unseen as soon as a look-up that decides failed: what is below it in the order does not matter then.
    """
    ignored: list[str] = []
    name = f"_dmarc.{domain}"
    for owner in dict.fromkeys((domain, organisational)):
        name = f"_dmarc.{owner}"
        reading = lookup(name)
        if isinstance(reading, Unseen):
            return reading
        ignored += near_misses(reading.value.records)
        if records := dmarc_records(reading.value.records):
            return Ruling(name, records, tuple(ignored))
    return Ruling(name, (), tuple(ignored))
