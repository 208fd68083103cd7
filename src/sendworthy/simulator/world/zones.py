"""DNS zones that can be changed while they are served, and the answer to a query. Knows no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.node
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rrset
import dns.zone

from sendworthy.errors import ConfigError

_LONGEST_CHAIN = 8
_EMPTY = dns.node.Node()  # type: ignore[no-untyped-call]  # dnspython forgot to annotate it


class Trouble(StrEnum):
    """How a name can be made to fail. TRUNCATE answers by UDP with the TC bit alone, so that the asker turns to TCP."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TRUNCATE = "truncate"


@dataclass(slots=True)
class Zones:
    """The zones by origin, and the troubles by name. Safe to change from another thread than the server's."""

    _zones: dict[dns.name.Name, dns.zone.Zone] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _troubles: dict[dns.name.Name, Trouble] = field(default_factory=dict)
    made: Callable[[str], str | None] | None = None
    """Gives the TXT record of a name that is made when it is asked for; None for names of the zone files alone."""

    def put(self, origin: str, text: str) -> None:
        """Add or replace a zone, given as a zone file (RFC 1035 section 5). Raises ConfigError."""
        name = _name(origin)
        try:
            zone = dns.zone.from_text(text, origin=name, relativize=False, check_origin=True)
        except (dns.exception.DNSException, ValueError, KeyError) as error:
            raise ConfigError(f"The zone file of {name} cannot be read: {error}", "See RFC 1035 section 5.") from error
        self._zones = {**self._zones, name: zone}
        self._texts = {**self._texts, str(name): text}

    def remove(self, origin: str) -> None:
        """Take a zone away; one that is not there is no error."""
        name = _name(origin)
        self._zones = {key: zone for key, zone in self._zones.items() if key != name}
        self._texts.pop(str(name), None)

    def text(self, origin: str) -> str | None:
        """Return the zone file as it was put."""
        return self._texts.get(str(_name(origin)))

    def origins(self) -> tuple[str, ...]:
        """Return the origins, absolute, sorted."""
        return tuple(sorted(self._texts))

    def trouble(self, name: str, trouble: Trouble | None) -> None:
        """Let every question for a name, or for a name under it, fail so; None lets it work again."""
        key = _name(name)
        rest = {known: what for known, what in self._troubles.items() if known != key}
        self._troubles = rest if trouble is None else {**rest, key: trouble}

    def calm(self) -> None:
        """Let every name work again."""
        self._troubles = {}

    def troubles(self) -> dict[str, str]:
        """Return what is in trouble: absolute name -> kind."""
        return {str(name): trouble.value for name, trouble in self._troubles.items()}

    def trouble_of(self, name: dns.name.Name) -> Trouble | None:
        """Return the trouble of a name: its own, else that of the nearest name above it."""
        troubles = self._troubles
        while troubles and name != dns.name.root:
            if name in troubles:
                return troubles[name]
            name = name.parent()
        return None

    def zone_of(self, name: dns.name.Name) -> dns.zone.Zone | None:
        """Return the zone that a name is in: the one with the longest matching origin."""
        zones = self._zones
        while True:
            if name in zones:
                return zones[name]
            if name == dns.name.root:
                return None
            name = name.parent()


def respond(zones: Zones, wire: bytes, *, by_udp: bool) -> bytes | None:
    """Answer one query in wire format; None for silence: to what is no query, and to a scripted time-out."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR:
        return None
    response = dns.message.make_response(query)
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        response.set_rcode(dns.rcode.NOTIMP if query.opcode() != dns.opcode.QUERY else dns.rcode.FORMERR)
        return response.to_wire()
    name = query.question[0].name.canonicalize()
    match zones.trouble_of(name):
        case Trouble.TIMEOUT:
            return None
        case Trouble.SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        case Trouble.REFUSED:
            response.set_rcode(dns.rcode.REFUSED)
            return response.to_wire()
        case Trouble.TRUNCATE if by_udp:
            response.flags |= dns.flags.TC
            return response.to_wire()
        case Trouble.TRUNCATE | None:
            _fill(response, zones, name, query.question[0].rdtype)
    # A datagram is as long as the asker takes and passes every path whole; by TCP a message has 64 KB.
    return _fitting(response, min(max(query.payload, 512), 4096) if by_udp else 65_535)


def _fitting(response: dns.message.Message, most: int) -> bytes:
    try:
        return response.to_wire(max_size=most)
    except dns.exception.TooBig:
        response.flags |= dns.flags.TC
        response.answer, response.authority, response.additional = [], [], []
        return response.to_wire()


def _fill(response: dns.message.Message, zones: Zones, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
    """RFC 1034 section 4.3.2: the records, or the CNAME and what it leads to within our zones, or the SOA of a no."""
    for _ in range(_LONGEST_CHAIN):
        zone = zones.zone_of(name)
        if zone is None:
            if not response.answer:
                response.set_rcode(dns.rcode.REFUSED)
            return
        response.flags |= dns.flags.AA
        text = zones.made(name.to_text()) if zones.made is not None and kind == dns.rdatatype.TXT else None
        if text is not None:
            response.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", _quoted(text)))
            return
        node = _node(zone, name)
        if node is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
            _add_soa(response, zone)
            return
        found = node.get_rdataset(dns.rdataclass.IN, kind)
        if found is not None:
            response.answer.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
            return
        alias = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME)
        if alias is None:
            _add_soa(response, zone)
            return
        response.answer.append(dns.rrset.from_rdata_list(name, alias.ttl, list(alias)))
        target = alias[0]
        if not isinstance(target, dns.rdtypes.ANY.CNAME.CNAME):
            return
        name = target.target.canonicalize()


def _quoted(text: str) -> str:
    """Write a TXT record in strings of 255 octets at most (RFC 1035 section 3.3)."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


def _node(zone: dns.zone.Zone, name: dns.name.Name) -> dns.node.Node | None:
    """Return the node of a name, an empty one between names, or the wildcard that stands for it (RFC 4592)."""
    found = zone.get_node(name)
    if found is not None:
        return found
    if any(each.is_subdomain(name) for each in zone.nodes):
        return _EMPTY
    above = name
    while above != zone.origin:
        above = above.parent()
        wildcard = zone.get_node(dns.name.Name((b"*", *above.labels)))
        if wildcard is not None:
            return wildcard
        if zone.get_node(above) is not None or any(each.is_subdomain(above) for each in zone.nodes):
            return None
    return None


def _add_soa(response: dns.message.Message, zone: dns.zone.Zone) -> None:
    if zone.origin is None:
        return
    soa = zone.get_rdataset(zone.origin, dns.rdatatype.SOA)
    if soa is not None:
        response.authority.append(dns.rrset.from_rdata_list(zone.origin, soa.ttl, list(soa)))


def _name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text).canonicalize()
    except dns.exception.DNSException as error:
        raise ConfigError(f"{text[:80]!r} is no domain name.", "Give a name such as example.com.") from error
