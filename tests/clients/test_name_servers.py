"""Authoritative servers asked one by one: on two loopback addresses, agreeing, differing, lame and silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sendworthy.audit.check import Verdict
from sendworthy.audit.checks.dns import SERVERS
from sendworthy.audit.evidence import DnsOutcome, DnsServer, Evidence, Seen, Unseen, UnseenKind
from sendworthy.audit.runner import run
from sendworthy.clients.dns import Resolver
from sendworthy.clients.name_servers import NameServers
from sendworthy.simulator.world.dns import Trouble, Zones, answering

ZONE = """$ORIGIN example.com.
$TTL 60
@ IN SOA ns1.example.com. host.example.com. 1 3600 600 604800 60
@ IN NS ns1.example.com.
@ IN NS ns2.example.com.
ns1 IN A 127.0.0.1
ns2 IN A 127.0.0.2
@ IN TXT "v=spf1 -all"
@ IN MX 10 mx.example.com.
_dmarc IN CNAME dmarc.elsewhere.test.
"""
QUESTIONS = (("example.com", "TXT"), ("example.com", "MX"), ("_dmarc.example.com", "TXT"))


@pytest.fixture
def pair() -> Iterator[tuple[Zones, Zones, str]]:
    """Two servers of one zone, on 127.0.0.1 and 127.0.0.2 and the same port, as two servers have."""
    first, second = Zones(), Zones()
    for zones in (first, second):
        zones.put("example.com", ZONE)
    with answering(first) as where, answering(second, host="127.0.0.2", port=int(where.rpartition(":")[2])):
        yield first, second, where


async def asked(where: str, domain: str = "example.com") -> tuple[DnsServer, ...]:
    found = await NameServers(Resolver(where, seconds=1), seconds=0.3).ask(domain, "example.com", QUESTIONS)
    assert isinstance(found, Seen)
    return found.value


def verdict(servers: tuple[DnsServer, ...]) -> Verdict:
    evidence = Evidence(
        taken_at=datetime(2026, 11, 24, tzinfo=UTC),
        domains=("example.com",),
        caller=Unseen(kind=UnseenKind.NOT_READ, reason="x"),
        servers={"example.com": Seen(servers)},
    )
    (finding,) = run(evidence, checks=[SERVERS]).findings
    return finding.verdict


async def test_servers_that_agree(pair: tuple[Zones, Zones, str]) -> None:
    servers = await asked(pair[2])
    assert [one.name for one in servers] == ["ns1.example.com", "ns2.example.com"]
    for one in servers:
        text, exchange, alias = (one.answers[key] for key in one.answers)
        assert isinstance(text, Seen)
        assert text.value.records == ("v=spf1 -all",)
        assert isinstance(exchange, Seen)
        assert exchange.value.records == ("10 mx.example.com",)
        assert isinstance(alias, Seen)
        assert alias.value.records == ("CNAME dmarc.elsewhere.test",)
    assert verdict(servers) is Verdict.PASS


async def test_a_server_with_an_old_zone_is_seen(pair: tuple[Zones, Zones, str]) -> None:
    pair[1].put("example.com", ZONE.replace("v=spf1 -all", "v=spf1 ~all"))
    assert verdict(await asked(pair[2])) is Verdict.FAIL


async def test_a_server_that_does_not_serve_the_zone_is_lame(pair: tuple[Zones, Zones, str]) -> None:
    pair[1].remove("example.com")
    servers = await asked(pair[2])
    lame = next(iter(servers[1].answers.values()))
    assert isinstance(lame, Unseen)
    assert lame.kind is UnseenKind.REFUSED
    assert verdict(servers) is Verdict.FAIL


async def test_a_silent_server_may_be_our_own_network(pair: tuple[Zones, Zones, str]) -> None:
    pair[1].trouble("example.com", Trouble.TIMEOUT)
    assert verdict(await asked(pair[2])) is Verdict.UNKNOWN


async def test_a_server_without_an_address_is_unseen(pair: tuple[Zones, Zones, str]) -> None:
    pair[0].put("example.com", ZONE.replace("ns2 IN A 127.0.0.2", ""))
    servers = await asked(pair[2])
    assert all(isinstance(one, Unseen) for one in servers[1].answers.values())
    assert verdict(servers) is Verdict.UNKNOWN


async def test_a_subdomain_is_asked_of_the_zone_above_it(pair: tuple[Zones, Zones, str]) -> None:
    assert len(await asked(pair[2], "news.example.com")) == 2


async def test_where_no_server_is_to_be_found_nothing_is_claimed(pair: tuple[Zones, Zones, str]) -> None:
    pair[0].trouble("example.com", Trouble.SERVFAIL)
    found = await NameServers(Resolver(pair[2], seconds=0.4)).ask("example.com", "example.com", QUESTIONS)
    assert isinstance(found, Unseen)


async def test_an_answer_too_long_for_a_datagram_is_asked_for_by_tcp(pair: tuple[Zones, Zones, str]) -> None:
    for zones in pair[:2]:
        zones.trouble("example.com", Trouble.TRUNCATE)
    pair[0].trouble("ns1.example.com", None)
    servers = await asked(pair[2])
    assert verdict(servers) is Verdict.PASS
    first = next(iter(servers[0].answers.values()))
    assert isinstance(first, Seen)
    assert first.value.outcome is DnsOutcome.FOUND
