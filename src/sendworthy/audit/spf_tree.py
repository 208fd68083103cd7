"""Follows an SPF record through its includes (RFC 7208) over readings handed in. Asks no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Reading, Unseen
from sendworthy.audit.spf import Spf, Term, parse_spf, spf_records

MAX_LOOKUPS = 10
"""Terms that ask DNS, over the whole tree (RFC 7208 section 4.6.4)."""

MAX_VOID = 2
"""Look-ups without an answer that a receiver bears (the same section)."""

SES = "amazonses.com"
"""Amazon's own record: addresses only, and never looked up by the audit, which takes it as good."""

_ASKS = frozenset({"include", "a", "mx", "ptr", "exists"})
_DEEPEST = 12

Lookup = Callable[[str, str], Reading[DnsAnswer]]
"""(name, type) to what DNS said."""


@dataclass(slots=True)
class Tree:
    """A record followed to its leaves. `void` are names that answered nothing, `broken` says what makes it an error."""

    lookups: int = 0
    void: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    open_to_all: list[str] = field(default_factory=list)
    ptr: list[str] = field(default_factory=list)


def follow(name: str, record: Spf, lookup: Lookup) -> Tree:
    """Follow the record found at `name`. Names with macros count as look-ups and are not followed."""
    tree = Tree()
    _walk(name, record, lookup, tree, (name,))
    return tree


def asked_names(name: str, record: Spf) -> Iterator[tuple[str, str]]:
    """Give the (name, type) of every question that a receiver asks for the terms of one record, without macros."""
    for term in _live(record):
        target = _target(term, name)
        if "%" in target or "." not in target:
            continue
        if term.mechanism == "include" and target != SES:
            yield target, "TXT"
        elif term.mechanism in ("a", "exists"):
            yield target, "A"
        elif term.mechanism == "mx":
            yield target, "MX"
    if record.redirect and "%" not in record.redirect and not _has_all(record):
        yield record.redirect.rstrip(".").lower(), "TXT"


def _live(record: Spf) -> Iterator[Term]:
    """Give the terms that are evaluated: those before `all`, and `all` itself."""
    for term in record.terms:
        yield term
        if term.mechanism == "all":
            return


def _has_all(record: Spf) -> bool:
    return any(term.mechanism == "all" for term in record.terms)


def _target(term: Term, name: str) -> str:
    host = term.argument.partition("/")[0]
    return host.rstrip(".").lower() or name


def _walk(name: str, record: Spf, lookup: Lookup, tree: Tree, way: tuple[str, ...]) -> None:
    tree.broken += [f"{name}: {problem}" for problem in record.problems]
    for term in _live(record):
        if term.mechanism == "all" and term.qualifier == "+":
            tree.open_to_all.append(name)
        if term.qualifier == "+" and term.mechanism in ("ip4", "ip6") and term.argument.endswith("/0"):
            tree.open_to_all.append(name)
        if term.mechanism == "ptr":
            tree.ptr.append(name)
        if term.mechanism not in _ASKS:
            continue
        tree.lookups += 1
        target = _target(term, name)
        if "%" in target or target == SES or term.mechanism == "ptr":
            continue
        if term.mechanism == "include":
            _enter(target, lookup, tree, way, passes=term.qualifier == "+")
        else:
            _ask(target, "MX" if term.mechanism == "mx" else "A", lookup, tree)
    if record.redirect and not _has_all(record):
        tree.lookups += 1
        target = record.redirect.rstrip(".").lower()
        if "%" not in target and target != SES:
            _enter(target, lookup, tree, way, passes=True)


def _ask(name: str, rdtype: str, lookup: Lookup, tree: Tree) -> DnsAnswer | None:
    reading = lookup(name, rdtype)
    if isinstance(reading, Unseen):
        tree.unseen.append(reading)
        return None
    if reading.value.outcome is not DnsOutcome.FOUND:
        tree.void.append(f"{rdtype} {name}")
    return reading.value


def _enter(target: str, lookup: Lookup, tree: Tree, way: tuple[str, ...], *, passes: bool) -> None:
    if target in way or len(way) > _DEEPEST:
        tree.broken.append(f"{way[-1]} leads back to {target}")
        return
    answer = _ask(target, "TXT", lookup, tree)
    if answer is None:
        return
    records = spf_records(answer.records)
    if len(records) != 1:
        tree.broken.append(
            f"{way[-1]} includes {target}, which has {len(records) or 'no'} SPF record{'s' * bool(records)}"
        )
        return
    before = len(tree.open_to_all)
    _walk(target, parse_spf(records[0]), lookup, tree, (*way, target))
    if not passes:
        del tree.open_to_all[before:]
