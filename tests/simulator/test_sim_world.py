from __future__ import annotations

import urllib.error
import urllib.request

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.errors import ConfigError
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.world.company import FERNHILL, amazon_zone, first_zone
from sendworthy.simulator.world.dns import answering
from sendworthy.simulator.world.site import answer, pages
from sendworthy.simulator.world.zones import Trouble, Zones, respond
from sendworthy.wire.http import Request

ZONE = """$ORIGIN example.com.
$TTL 60
@ IN SOA ns1 host 1 3600 600 86400 60
@ IN NS ns1
ns1 IN A 127.0.0.1
@ IN MX 10 mail
www IN CNAME web
web IN A 192.0.2.1
far IN CNAME host.example.org.
gone IN CNAME nowhere.example.net.
loop IN CNAME pool
pool IN CNAME loop
deep.in.the.woods IN TXT "found"
*.any IN TXT "wild"
big IN TXT %s
"""
BIG = " ".join(f'"{number:0200d}"' for number in range(40))


@pytest.fixture
def zones() -> Zones:
    found = Zones()
    found.put("example.com", ZONE % BIG)
    found.put("example.org.", "@ 60 IN SOA ns1 host 1 1 1 1 1\n@ 60 IN NS ns1\nhost 60 IN A 192.0.2.2\n")
    return found


def ask(zones: Zones, name: str, kind: str = "A") -> dns.message.Message:
    wire = respond(zones, dns.message.make_query(name, kind).to_wire(), by_udp=False)
    assert wire is not None
    return dns.message.from_wire(wire)


def values(message: dns.message.Message) -> list[str]:
    return [record.to_text() for rrset in message.answer for record in rrset]


def test_records_aliases_and_wildcards_are_answered_with_authority(zones: Zones) -> None:
    found = ask(zones, "WEB.example.com")
    assert values(found) == ["192.0.2.1"]
    assert found.flags & dns.flags.AA
    assert values(ask(zones, "www.example.com")) == ["web.example.com.", "192.0.2.1"]
    assert values(ask(zones, "www.example.com", "CNAME")) == ["web.example.com."]
    assert values(ask(zones, "far.example.com")) == ["host.example.org.", "192.0.2.2"]
    assert values(ask(zones, "a.b.any.example.com", "TXT")) == ['"wild"']


def test_an_alias_out_of_our_zones_or_in_a_circle_is_given_as_far_as_it_goes(zones: Zones) -> None:
    assert values(ask(zones, "gone.example.com")) == ["nowhere.example.net."]
    assert ask(zones, "loop.example.com").rcode() == dns.rcode.NOERROR


def test_no_such_name_no_such_type_and_not_ours_differ(zones: Zones) -> None:
    nothing = ask(zones, "nothing.example.com")
    assert (nothing.rcode(), len(nothing.authority)) == (dns.rcode.NXDOMAIN, 1)
    no_type = ask(zones, "web.example.com", "TXT")
    assert (no_type.rcode(), no_type.answer, len(no_type.authority)) == (dns.rcode.NOERROR, [], 1)
    between = ask(zones, "the.woods.example.com", "TXT")
    assert (between.rcode(), between.answer) == (dns.rcode.NOERROR, [])
    assert ask(zones, "example.net").rcode() == dns.rcode.REFUSED


@given(st.binary(max_size=200))
def test_no_datagram_breaks_the_server(wire: bytes) -> None:
    served = Zones()
    served.put("example.com", ZONE % BIG)
    for by_udp in (True, False):
        answered = respond(served, wire, by_udp=by_udp)
        assert answered is None or len(answered) >= 12


def test_a_zone_can_be_replaced_and_removed_while_it_is_served(zones: Zones) -> None:
    with answering(zones) as address:
        host, _, port = address.rpartition(":")
        query = dns.message.make_query("new.example.com", "A")

        def code() -> int:
            return dns.query.udp(query, host, port=int(port), timeout=5).rcode()

        assert code() == dns.rcode.NXDOMAIN
        zones.put("example.com", ZONE % BIG + "new IN A 192.0.2.9\n")
        assert code() == dns.rcode.NOERROR
        assert zones.text("example.com") == ZONE % BIG + "new IN A 192.0.2.9\n"
        zones.remove("example.com")
        assert code() == dns.rcode.REFUSED
        assert zones.origins() == ("example.org.",)


def test_a_long_answer_is_truncated_by_udp_and_whole_by_tcp(zones: Zones) -> None:
    with answering(zones) as address:
        host, _, port = address.rpartition(":")
        query = dns.message.make_query("big.example.com", "TXT", use_edns=True, payload=1232)
        assert dns.query.udp(query, host, port=int(port), timeout=5).flags & dns.flags.TC
        found, by_tcp = dns.query.udp_with_fallback(query, host, port=int(port), timeout=5)
        assert by_tcp
        assert "39" in values(found)[0]


def test_each_trouble_is_seen_by_a_real_resolver(zones: Zones) -> None:
    with answering(zones) as address:
        host, _, port = address.rpartition(":")

        def code(name: str) -> dns.rcode.Rcode:
            query = dns.message.make_query(name, "A")
            return dns.query.udp_with_fallback(query, host, port=int(port), timeout=0.3)[0].rcode()

        zones.trouble("web.example.com", Trouble.SERVFAIL)
        assert code("web.example.com") == dns.rcode.SERVFAIL
        assert code("under.web.example.com") == dns.rcode.SERVFAIL
        assert code("ns1.example.com") == dns.rcode.NOERROR
        zones.trouble("web.example.com", Trouble.REFUSED)
        assert code("web.example.com") == dns.rcode.REFUSED
        zones.trouble("web.example.com", Trouble.TRUNCATE)
        assert code("web.example.com") == dns.rcode.NOERROR
        zones.trouble("web.example.com", Trouble.TIMEOUT)
        with pytest.raises(dns.exception.Timeout):
            code("web.example.com")
        zones.trouble("web.example.com", None)
        assert code("web.example.com") == dns.rcode.NOERROR


def test_a_zone_file_or_name_that_cannot_be_read_is_refused_with_a_sentence() -> None:
    zones = Zones()
    for text in ("www IN A not-an-address", "", "@ IN SOA x", "\ufffd\0"):
        with pytest.raises(ConfigError, match="zone file"):
            zones.put("example.com", text)
    with pytest.raises(ConfigError, match="domain name"):
        zones.put("a..b", ZONE)


def test_a_port_that_is_taken_is_one_sentence(zones: Zones) -> None:
    with answering(zones) as address, pytest.raises(ConfigError, match="Cannot answer DNS"):
        answering(zones, port=int(address.rpartition(":")[2])).__enter__()


def test_the_bundled_zones_hold_what_records_of_customers_point_at() -> None:
    zones = Zones()
    zones.put("amazonses.com", amazon_zone())
    zones.put(FERNHILL.domain, first_zone())
    for name in ("abc.dkim.amazonses.com", "abc.dkim.eu-central-2.amazonses.com"):
        assert "v=DKIM1" in values(ask(zones, name, "TXT"))[0]
    for region in ("us-east-1", "eu-west-1", "af-south-1"):
        assert values(ask(zones, f"feedback-smtp.{region}.amazonses.com")) == ["192.0.2.10"]
    assert "v=spf1" in values(ask(zones, "amazonses.com", "TXT"))[0]
    assert ask(zones, "_dmarc.fernhill.test", "TXT").rcode() == dns.rcode.NXDOMAIN


def test_the_website_links_its_policies_on_every_page() -> None:
    site = pages()
    assert set(site) == {"/", "/privacy", "/terms", "/anti-spam", "/contact"}
    for path, page in site.items():
        found = answer(Request(method="GET", path=path, query="", headers={}, body=b""), site)
        assert found.body.decode() == page
        for link in ('href="/privacy"', 'href="/terms"', 'href="/anti-spam"', FERNHILL.postal_address):
            assert link in page
    assert "receipt" in site["/"]
    assert "unsubscribe" in site["/"]
    assert answer(Request(method="POST", path="/", query="", headers={}, body=b""), site).status == 405


def test_the_website_answers_a_real_client() -> None:
    with running(Settings()) as at:
        with urllib.request.urlopen(f"{at.web}/privacy/?x=1", timeout=5) as found:  # noqa: S310 - http to 127.0.0.1
            assert "Privacy policy" in found.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(f"{at.web}/missing", timeout=5)  # noqa: S310 - likewise
    caught.value.close()
