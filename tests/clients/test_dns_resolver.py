"""Our resolver against a real server on loopback: an absence is an answer, a failure to answer is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Reading, Seen, Unseen, UnseenKind
from sendworthy.clients.dns import Resolver
from sendworthy.errors import ConfigError
from sendworthy.simulator.world.dns import Trouble, Zones, answering

ZONE = """$ORIGIN example.com.
$TTL 60
@ IN SOA ns1.example.com. host.example.com. 1 3600 600 604800 60
@ IN NS ns1.example.com.
ns1 IN A 127.0.0.1
@ IN TXT "v=spf1 include:" "amazonses.com ~all"
@ IN TXT "caf\\195\\169 \\255"
mail IN MX 10 Feedback-SMTP.eu-west-1.amazonses.com.
a._domainkey IN CNAME A.dkim.amazonses.com.
alias IN CNAME mail.example.com.
dead IN CNAME nowhere.example.com.
only-a IN A 192.0.2.1
big IN TXT "{big}"
""".replace("{big}", '" "'.join(["x" * 250] * 8))


@pytest.fixture
def zones() -> Zones:
    served = Zones()
    served.put("example.com", ZONE)
    return served


@pytest.fixture
def server(zones: Zones) -> Iterator[str]:
    with answering(zones) as address:
        yield address


async def lookup(server: str, name: str, rdtype: str) -> Reading[DnsAnswer]:
    return await Resolver(server, seconds=0.5).lookup(name, rdtype)


@pytest.mark.parametrize(
    ("name", "rdtype", "records"),
    [
        ("mail.example.com", "MX", ("10 feedback-smtp.eu-west-1.amazonses.com",)),
        ("Mail.Example.com.", "MX", ("10 feedback-smtp.eu-west-1.amazonses.com",)),
        ("a._domainkey.example.com", "CNAME", ("a.dkim.amazonses.com",)),
        ("example.com", "TXT", ("café \\xff", "v=spf1 include:amazonses.com ~all")),
        ("big.example.com", "TXT", ("x" * 2000,)),
    ],
)
async def test_records_come_as_a_person_writes_them(
    server: str, name: str, rdtype: str, records: tuple[str, ...]
) -> None:
    assert await lookup(server, name, rdtype) == Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=records))


async def test_an_alias_is_followed_and_named(server: str) -> None:
    answer = await lookup(server, "alias.example.com", "MX")
    assert isinstance(answer, Seen)
    assert answer.value.canonical == "mail.example.com"
    assert answer.value.records == ("10 feedback-smtp.eu-west-1.amazonses.com",)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("nothing.example.com", DnsOutcome.NXDOMAIN),
        ("only-a.example.com", DnsOutcome.NO_DATA),
        ("_domainkey.example.com", DnsOutcome.NO_DATA),
    ],
)
async def test_not_being_there_is_an_answer(server: str, name: str, outcome: DnsOutcome) -> None:
    assert await lookup(server, name, "TXT") == Seen(DnsAnswer(outcome=outcome))


async def test_an_alias_that_leads_to_nothing_says_where_it_leads(server: str) -> None:
    dead = DnsAnswer(outcome=DnsOutcome.NXDOMAIN, canonical="nowhere.example.com")
    assert await lookup(server, "dead.example.com", "TXT") == Seen(dead)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble.SERVFAIL, UnseenKind.SERVFAIL),
        (Trouble.REFUSED, UnseenKind.REFUSED),
        (Trouble.TIMEOUT, UnseenKind.TIMEOUT),
    ],
)
async def test_a_failure_to_answer_is_unseen(server: str, zones: Zones, trouble: Trouble, kind: UnseenKind) -> None:
    zones.trouble("mail.example.com", trouble)
    answer = await lookup(server, "mail.example.com", "MX")
    assert isinstance(answer, Unseen)
    assert (answer.kind, answer.needs) == (kind, "MX mail.example.com")


async def test_a_cut_answer_is_asked_for_again_by_tcp(server: str, zones: Zones) -> None:
    zones.trouble("mail.example.com", Trouble.TRUNCATE)
    assert isinstance(await lookup(server, "mail.example.com", "MX"), Seen)


async def test_a_port_where_nobody_answers_is_unseen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        answer = await lookup(f"127.0.0.1:{taken.getsockname()[1]}", "example.com", "TXT")
    assert isinstance(answer, Unseen)
    assert answer.kind in (UnseenKind.TIMEOUT, UnseenKind.UNREACHABLE)


@pytest.mark.parametrize("name", ["a..example.com", "x" * 64 + ".example.com", ".".join(["abc"] * 70)])
async def test_what_is_no_name_is_unseen_and_raises_nothing(server: str, name: str) -> None:
    answer = await lookup(server, name, "TXT")
    assert isinstance(answer, Unseen)
    assert answer.kind is UnseenKind.ERROR


@pytest.mark.parametrize("server", ["localhost:53", "127.0.0.1:dns", "dns.example.com", "127.0.0.1:99999", ""])
def test_an_address_that_is_none_is_a_configuration_error(server: str) -> None:
    if not server:
        assert "system" in repr(Resolver(server))
        return
    with pytest.raises(ConfigError):
        Resolver(server)


def test_addresses_of_either_family_are_taken() -> None:
    for server in ("127.0.0.1", "127.0.0.1:5353", "[::1]:5353", "[::1]"):
        assert server in repr(Resolver(server))
