"""DNS records as a piece of a zone file (RFC 1035 section 5). Knows nothing of where zones are kept."""

from __future__ import annotations

from collections.abc import Sequence

from sendworthy.provision.step import DnsRecord

_STRING_OCTETS = 255


def zone_text(records: Sequence[DnsRecord]) -> str:
    """Give one line for each record, every name absolute, so that it can be put into any zone that holds the names."""
    return "".join(f"{one.name.rstrip('.')}. {one.ttl} IN {one.type} {_value(one)}\n" for one in records)


def _value(record: DnsRecord) -> str:
    match record.type:
        case "TXT":
            return txt_strings(record.value)
        case "MX":
            preference, host = record.value.split(" ", 1)
            return f"{preference} {host.rstrip('.')}."
        case _:
            return f"{record.value.rstrip('.')}."


def txt_strings(text: str) -> str:
    """Quote a TXT value, in strings of at most 255 octets, with `"`, `\\` and everything not printable escaped."""
    octets = text.encode()
    parts = [octets[start : start + _STRING_OCTETS] for start in range(0, len(octets), _STRING_OCTETS)] or [b""]
    return " ".join(f'"{"".join(map(_escaped, part))}"' for part in parts)


def _escaped(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"
