"""DNS records as one atomic change of a Route 53 zone that loses nothing that is there. Calls nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sendworthy.audit.spf import spf_records
from sendworthy.provision.step import DnsRecord
from sendworthy.provision.zone import txt_strings


class RecordSet(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one name and type, as Route 53 keeps them: `values` in zone file form, `plain` when not routed.

    A set that is an alias, weighted or the like is not `plain`, and is never touched.
    """

    name: str
    type: str
    ttl: int = 0
    values: tuple[str, ...] = ()
    plain: bool = True


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One record set before and after; `before` is None where there is none, `after` None where none is left."""

    before: RecordSet | None
    after: RecordSet | None


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed in the zone, what is there already, and what a person has to decide, by record."""

    changes: tuple[Change, ...]
    present: tuple[DnsRecord, ...] = ()
    refused: Mapping[str, str] = {}

    @property
    def batch(self) -> dict[str, Any]:
        """The ChangeBatch. Route 53 carries it out whole or not at all, and a DELETE only on what is still the same."""
        changes = [one for change in self.changes for one in _actions(change)]
        return {"Comment": "sendworthy", "Changes": changes}


def publication(records: Sequence[DnsRecord], present: Sequence[RecordSet], zone: str) -> Publication:
    """Say how `records` get into `zone` (its name), given its record sets at those names.

    Other TXT records at a name stay; an SPF record is replaced, as the plan that asked for it says. A record set of
    another kind at a name that must be an alias, or an alias where there must be none, is refused.
    """
    by_place = {(one.name, one.type): one for one in present}
    changes: list[Change] = []
    there: list[DnsRecord] = []
    refused: dict[str, str] = {}
    for record in records:
        name = record.name.rstrip(".").lower()
        before = by_place.get((name, record.type))
        why = _refusal(record, name, before, present, zone)
        if why:
            refused[f"{record.type} {name}"] = why
            continue
        values = _values(record, before)
        if before is not None and set(values) == set(before.values):
            there.append(record)
            continue
        after = RecordSet(name=name, type=record.type, ttl=before.ttl if before else record.ttl, values=values)
        changes.append(Change(before=before, after=after))
        by_place[name, record.type] = after
    return Publication(changes=_merged(changes), present=tuple(there), refused=refused)


def _refusal(record: DnsRecord, name: str, before: RecordSet | None, present: Sequence[RecordSet], zone: str) -> str:
    if name != zone and not name.endswith(f".{zone}"):
        return f"It is not in the zone {zone}."
    if before is not None and not before.plain:
        return "The record set there is an alias or is routed; change it by hand."
    others = sorted({one.type for one in present if one.name == name} - {record.type})
    if record.type == "CNAME" and others:
        return f"A CNAME must stand alone (RFC 1034 section 3.6.2), and there is {', '.join(others)}."
    if record.type != "CNAME" and "CNAME" in others:
        return "The name is an alias, so it can hold no other record."
    if record.type in ("CNAME", "MX") and before is not None and set(before.values) != {_text(record)}:
        return f"Another {record.type} is there: {', '.join(before.values)}."
    return ""


def _values(record: DnsRecord, before: RecordSet | None) -> tuple[str, ...]:
    wanted = _text(record)
    if before is None or record.type != "TXT":
        return (wanted,)
    kept = before.values
    if spf_records((record.value,)):
        kept = tuple(one for one in kept if not spf_records((unquoted(one),)))
    return tuple(dict.fromkeys((*kept, wanted)))


def _text(record: DnsRecord) -> str:
    match record.type:
        case "TXT":
            return txt_strings(record.value)
        case "MX":
            preference, host = record.value.split(" ", 1)
            return f"{preference} {host.rstrip('.').lower()}"
        case _:
            return record.value.rstrip(".").lower()


def unquoted(text: str) -> str:
    """Give a TXT value in zone file form as its strings joined (RFC 7208 section 3.3)."""
    out: list[str] = []
    inside = False
    at = 0
    while at < len(text):
        if text[at] == '"':
            inside = not inside
        elif inside and text[at] == "\\" and text[at + 1 : at + 4].isdigit():
            out.append(chr(int(text[at + 1 : at + 4], 8)))  # Route 53 writes octal, \052
            at += 3
        elif inside and text[at] == "\\":
            at += 1
            out.append(text[at : at + 1])
        elif inside:
            out.append(text[at])
        at += 1
    return "".join(out)


def _merged(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Join changes of one place, so that each place is changed once."""
    first: dict[tuple[str, str], Change] = {}
    for change in changes:
        assert change.after is not None  # noqa: S101 - publication() only adds
        place = (change.after.name, change.after.type)
        first[place] = Change(before=first[place].before if place in first else change.before, after=change.after)
    return tuple(first.values())


def taken_back(made: Sequence[Change], present: Sequence[RecordSet]) -> Publication:
    """Say how what we published is taken out again. What somebody has changed since is refused."""
    by_place = {(one.name, one.type): one for one in present}
    changes: list[Change] = []
    refused: dict[str, str] = {}
    for change in made:
        if change.after is None:
            continue
        name, kind = change.after.name, change.after.type
        now = by_place.get((name, kind))
        ours = set(change.after.values) - set(change.before.values if change.before else ())
        if now is None or not ours & set(now.values):
            continue
        if not now.plain or not ours <= set(now.values):
            refused[f"{kind} {name}"] = "It has been changed since; take it out by hand."
            continue
        put_back = [one for one in (change.before.values if change.before else ()) if one not in change.after.values]
        left = tuple(dict.fromkeys((*(one for one in now.values if one not in ours), *put_back)))
        after = msgspec.structs.replace(now, values=left) if left else None
        changes.append(Change(before=now, after=after))
    return Publication(changes=tuple(changes), refused=refused)


def _actions(change: Change) -> Iterator[dict[str, Any]]:
    for action, record_set in (("DELETE", change.before), ("CREATE", change.after)):
        if record_set is not None:
            yield {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": f"{record_set.name}.",
                    "Type": record_set.type,
                    "TTL": record_set.ttl,
                    "ResourceRecords": [{"Value": value} for value in record_set.values],
                },
            }
