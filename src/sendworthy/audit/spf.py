"""Reads SPF records (RFC 7208) and follows them through readings handed in. Asks no DNS server itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.audit.evidence import DnsAnswer, Reading, Unseen

_TERM = re.compile(r"(?P<qualifier>[-+?~]?)(?P<name>[a-z0-9]+)(?P<rest>[:/].*)?", re.IGNORECASE)
_MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9\-_.]*)=(?P<value>.*)", re.IGNORECASE)
_MACRO = re.compile(r"%(?:\{[slodiphcrtv][0-9]*r?[.\-+,/_=]*\}|[%_\-])", re.IGNORECASE)
_TOP_LABEL = re.compile(r"(?!\d+$)[a-z0-9](?:[a-z0-9\-]*[a-z0-9])?", re.IGNORECASE)
_DUAL_CIDR = re.compile(r"(?:/(?P<four>\d{1,2}))?(?://(?P<six>\d{1,3}))?")
_MAX_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Term:
    """One directive: its qualifier (`+` where none is written), mechanism and argument (`include`, `example.com`)."""

    qualifier: str
    mechanism: str
    argument: str


@dataclass(frozen=True, slots=True)
class Spf:
    """One parsed record. `problems` is empty for a well-formed one, else one phrase for each mistake."""

    text: str
    terms: tuple[Term, ...]
    redirect: str
    problems: tuple[str, ...]


def spf_records(txt: Sequence[str]) -> tuple[str, ...]:
    """Give the records among TXT that are SPF: `v=spf1` alone or followed by a space (RFC 7208 section 4.5)."""
    return tuple(record for record in txt if record.lower() == "v=spf1" or record.lower().startswith("v=spf1 "))


def parse_spf(text: str) -> Spf:
    """Parse one record by the grammar of RFC 7208 section 12; mistakes are collected, nothing is raised."""
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    problems: list[str] = []
    for word in text[6:].split(" "):
        if not word:
            continue
        if modifier := _MODIFIER.fullmatch(word):
            _read_modifier(modifier["name"].lower(), modifier["value"], modifiers, problems)
        elif term := _TERM.fullmatch(word):
            argument = (term["rest"] or "").removeprefix(":")
            found = Term(term["qualifier"] or "+", term["name"].lower(), argument)
            if problem := _problem_of(found, word):
                problems.append(problem)
            terms.append(found)
        else:
            problems.append(f"{word!r} is not a mechanism")
    return Spf(text, tuple(terms), modifiers.get("redirect", ""), tuple(problems))


def _read_modifier(name: str, value: str, modifiers: dict[str, str], problems: list[str]) -> None:
    if name in ("redirect", "exp"):
        if name in modifiers:
            problems.append(f"{name}= appears twice")
        if not _is_domain_spec(value):
            problems.append(f"{name}= does not name a domain")
    modifiers[name] = value


def _problem_of(term: Term, word: str) -> str:
    match term.mechanism:
        case "all":
            return f"{word!r} takes no argument" if term.argument else ""
        case "include" | "exists":
            return "" if _is_domain_spec(term.argument) else f"{word!r} does not name a domain"
        case "a" | "mx":
            domain, cidr = _split_cidr(term.argument)
            return "" if (not domain or _is_domain_spec(domain)) and _is_dual_cidr(cidr) else f"{word!r} is malformed"
        case "ptr":
            return "" if not term.argument or _is_domain_spec(term.argument) else f"{word!r} does not name a domain"
        case "ip4" | "ip6":
            return "" if _is_network(term.argument, int(term.mechanism[-1])) else f"{word!r} is not a network"
        case _:
            return f"{word!r} is not a mechanism"


def _split_cidr(argument: str) -> tuple[str, str]:
    domain, slash, cidr = argument.partition("/")
    return domain, slash + cidr


def _is_dual_cidr(text: str) -> bool:
    found = _DUAL_CIDR.fullmatch(text)
    return found is not None and int(found["four"] or 0) <= 32 and int(found["six"] or 0) <= 128


def _is_network(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).version == version
    except ValueError:
        return False


def _is_domain_spec(text: str) -> bool:
    plain = _MACRO.sub("m", text)
    if not plain.isascii() or "%" in plain or " " in plain:
        return False
    if _MACRO.search(text) and re.search(r"\}$", text):
        return True
    labels = plain.rstrip(".").split(".")
    return len(labels) > 1 and all(labels) and _TOP_LABEL.fullmatch(labels[-1]) is not None


class Reach(StrEnum):
    """Whether a record lets the servers of a domain pass."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def next_names(record: Spf) -> tuple[str, ...]:
    """Give the names whose SPF records this one refers to, in order; names with macros are left out."""
    names = [term.argument for term in _before_all(record) if term.mechanism == "include"]
    if record.redirect and not any(term.mechanism == "all" for term in record.terms):
        names.append(record.redirect)
    return tuple(name.rstrip(".").lower() for name in names if "%" not in name)


def reaches(record: Spf, target: str, lookup: Callable[[str], Reading[DnsAnswer]], *, depth: int = 0) -> Reach:
    """Say whether `record` includes `target` with a pass, itself or through its includes and redirect.

    Terms after `all` are never evaluated (RFC 7208 section 5.1). `unclear` where a record on the way could not be
    read or holds macros, or the way is longer than ten records.
    """
    if record.problems or depth >= _MAX_DEPTH:
        return Reach.UNCLEAR
    unclear = False
    includes = [term for term in _before_all(record) if term.mechanism == "include"]
    for term in includes:
        if term.argument.rstrip(".").lower() == target:
            return Reach.YES if term.qualifier == "+" else Reach.NO
    redirect = record.redirect if not any(term.mechanism == "all" for term in record.terms) else ""
    if redirect.rstrip(".").lower() == target:
        return Reach.YES
    onward = [term.argument for term in includes if term.qualifier == "+"] + ([redirect] if redirect else [])
    for name in onward:
        inner = Reach.UNCLEAR if "%" in name else _reach_of(name.rstrip(".").lower(), target, lookup, depth)
        if inner is Reach.YES:
            return Reach.YES
        unclear = unclear or inner is Reach.UNCLEAR
    return Reach.UNCLEAR if unclear else Reach.NO


def _reach_of(name: str, target: str, lookup: Callable[[str], Reading[DnsAnswer]], depth: int) -> Reach:
    reading = lookup(name)
    if isinstance(reading, Unseen):
        return Reach.UNCLEAR
    records = spf_records(reading.value.records)
    if len(records) != 1:
        return Reach.NO
    return reaches(parse_spf(records[0]), target, lookup, depth=depth + 1)


def _before_all(record: Spf) -> tuple[Term, ...]:
    before: list[Term] = []
    for term in record.terms:
        if term.mechanism == "all":
            break
        before.append(term)
    return tuple(before)
