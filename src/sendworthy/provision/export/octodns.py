"""DNS records as an octoDNS zone file in YAML, in the order that it wants. Knows nothing of where zones are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sendworthy.provision.step import DnsRecord


def octodns_zone(records: Sequence[DnsRecord], zone: str) -> str:
    """Give the records below `zone` as one YAML document; others are left out.

    octoDNS takes a zone file as the whole zone: what is in the zone already has to be in the file too.
    """
    by_name: dict[str, list[DnsRecord]] = {}
    for record in records:
        name = _relative(record.name, zone)
        if name is not None:
            by_name.setdefault(name, []).append(record)
    lines = [
        f"# Records for {zone}, written by `sendworthy export octodns`. Merge them into {zone}.yaml: octoDNS takes a",
        "# zone file as the whole zone, and deletes what is not in it.",
        "---",
    ]
    for name in sorted(by_name, key=_natural):
        lines += [f"{_text(name)}:", *_entries(by_name[name])]
    return "\n".join(lines) + "\n"


def _relative(name: str, zone: str) -> str | None:
    name, zone = name.rstrip(".").lower(), zone.rstrip(".").lower()
    if name == zone:
        return ""
    return name.removesuffix(f".{zone}") if name.endswith(f".{zone}") else None


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort as octoDNS does: digits by their number, all else as text."""
    parts = (part for part in re.split(r"(\d+)", name) if part)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _entries(records: Sequence[DnsRecord]) -> list[str]:
    """Give one mapping, or a list of them where a name has several types."""
    by_type: dict[str, list[DnsRecord]] = {}
    for record in records:
        by_type.setdefault(record.type, []).append(record)
    entries = [_entry(kind, by_type[kind]) for kind in sorted(by_type)]
    if len(entries) == 1:
        return [f"  {line}" for line in entries[0]]
    return [f"  {'- ' if index == 0 else '  '}{line}" for entry in entries for index, line in enumerate(entry)]


def _entry(kind: str, records: Sequence[DnsRecord]) -> list[str]:
    values = [_value(record) for record in records]
    lines = [f"ttl: {records[0].ttl}", f"type: {kind}"]
    if len(values) == 1:
        return [*lines, *_field("value", values[0])]
    return [*lines, "values:", *(line for value in values for line in _item(value))]


def _value(record: DnsRecord) -> str | Mapping[str, Any]:
    match record.type:
        case "MX":
            preference, host = record.value.split(" ", 1)
            return {"exchange": f"{host.rstrip('.')}.", "preference": int(preference)}
        case "TXT":
            return record.value.replace(";", "\\;")
        case _:
            return f"{record.value.rstrip('.')}."


def _field(name: str, value: str | Mapping[str, Any]) -> list[str]:
    if isinstance(value, str):
        return [f"{name}: {_text(value)}"]
    return [f"{name}:", *(f"  {key}: {_text(one) if isinstance(one, str) else one}" for key, one in value.items())]


def _item(value: str | Mapping[str, Any]) -> list[str]:
    if isinstance(value, str):
        return [f"- {_text(value)}"]
    fields = [f"{key}: {_text(one) if isinstance(one, str) else one}" for key, one in value.items()]
    return [f"{'- ' if index == 0 else '  '}{field}" for index, field in enumerate(fields)]


def _text(text: str) -> str:
    """Quote a string; YAML reads JSON's quoting (YAML 1.2 section 1.3)."""
    return json.dumps(text)
