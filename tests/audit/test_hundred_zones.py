"""A hundred domains of real-world shape, served by two servers: what is wrong is found, and nothing else."""

from __future__ import annotations

import base64
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from publicsuffixlist import PublicSuffixList

from sendworthy.audit.check import Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Evidence, Page, PageProblem, Reading, Seen, Tls
from sendworthy.audit.runner import run
from sendworthy.clients.collect import collect
from sendworthy.clients.dns import Resolver
from sendworthy.clients.name_servers import NameServers
from sendworthy.errors import Denied
from sendworthy.simulator.world.dns import Trouble, Zones, answering

FOLDER = Path(__file__).parent / "zones"
JUDGED = tuple(one for one in ALL if one.id.partition(".")[0] in ("dkim", "mailfrom", "spf", "dmarc", "dns"))
TOKENS = ("aaaa1111", "bbbb2222", "cccc3333")
HEAD = """$TTL 60
@ IN SOA ns1 host 1 3600 600 604800 60
@ IN NS ns1
@ IN NS ns2
ns1 IN A 127.0.0.1
ns2 IN A 127.0.0.2
"""


@dataclass(slots=True)
class Shape:
    """One domain of the file: its zone's origin, its records as `name type data`, and what is to be found."""

    origin: str
    domain: str = ""
    records: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    second: list[str] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    policy: str = ""
    own_key: bool = False


@functools.cache
def key(bits: int) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def shapes() -> list[Shape]:
    found: list[Shape] = []
    for line in (FOLDER / "domains.txt").read_text().splitlines():
        if line.startswith("== "):
            name = f"{line[3:].strip()}.test"
            found.append(Shape(origin=name, domain=name, records=["www A 192.0.2.1"]))
        elif line.strip() and not line.startswith("#"):
            read(found[-1], line)
    return found


def read(shape: Shape, line: str) -> None:
    word, _, rest = line.partition(": ")
    match word:
        case "domain":
            shape.domain = rest.strip()
        case "fails":
            shape.fails = set(rest.split())
        case "second":
            shape.second.append(rest.strip())
        case "policy":
            shape.policy = rest
        case "trouble":
            kind, name = rest.split()
            shape.troubles["" if name == "@" else name] = Trouble(kind)
        case "own-key":
            shape.own_key = True
        case "no-www":
            shape.records.remove("www A 192.0.2.1")
        case _ if line.startswith("SES"):
            shape.records += ses(shape, set(line.removeprefix("SES").replace("without", "").split()))
        case _:
            if line.startswith("www "):
                shape.records.remove("www A 192.0.2.1")
            shape.records.append(line)


def ses(shape: Shape, without: set[str]) -> list[str]:
    wanted = [(f"{token}._domainkey", f"CNAME {token}.dkim.amazonses.com.") for token in TOKENS]
    wanted += [
        ("mail", "MX 10 feedback-smtp.eu-west-1.amazonses.com."),
        ("mail", 'TXT "v=spf1 include:amazonses.com ~all"'),
    ]
    below = shape.domain.removesuffix(shape.origin)
    names = {name: f"{name}.{below}".rstrip(".") for name, _data in wanted}
    kept = [f"{names[name]} {data}" for name, data in wanted if name not in without]
    # SES names what it wants below the domain itself; www too is looked for there.
    return [*kept, f"www.{below}".rstrip(".") + " A 192.0.2.1"] if below else kept


def zone_text(records: list[str]) -> str:
    lines = [f"{name} IN {rest}" for name, _, rest in (line.partition(" ") for line in records)]
    text = HEAD + "\n".join(lines) + "\n"
    for bits in (2048, 1024):
        if f"KEY{bits}" in text:
            whole = key(bits)
            text = text.replace(f"KEY{bits}", f'{whole[:150]}" "{whole[150:]}')
    return text


def providers() -> dict[str, str]:
    zones: dict[str, list[str]] = {}
    for line in (FOLDER / "providers.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            zones.setdefault(".".join(name.split(".")[-2:]), []).append(f"{name}. {rest}")
    return {origin: zone_text(records) for origin, records in zones.items()}


@contextmanager
def served(all_of_them: list[Shape]) -> Iterator[str]:
    first, second = Zones(), Zones()
    for origin, text in providers().items():
        first.put(origin, text)
    for shape in all_of_them:
        first.put(shape.origin, zone_text(shape.records))
        if shape.second != ["none"]:
            replaced = {tuple(line.split(" ")[:2]) for line in shape.second}
            kept = [line for line in shape.records if tuple(line.split(" ")[:2]) not in replaced]
            second.put(shape.origin, zone_text(kept + shape.second))
        for name, trouble in shape.troubles.items():
            for zones in (first, second):
                zones.trouble(f"{name}.{shape.origin}".lstrip("."), trouble)
                zones.trouble(f"ns1.{shape.origin}", Trouble.TRUNCATE)
    with answering(first) as where, answering(second, host="127.0.0.2", port=int(where.rpartition(":")[2])):
        yield where


class Aws:
    """SES that says it is content with every domain; all else is denied."""

    def __init__(self, own_keys: set[str]) -> None:
        self._own_keys = own_keys

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        assert (service, region, timeout_seconds) != ("", "", 0)
        if operation != "GetEmailIdentity":
            raise Denied("no", code="AccessDenied")
        name = params["EmailIdentity"]
        own = name in self._own_keys
        dkim = {
            "Status": "SUCCESS",
            "SigningEnabled": True,
            "Tokens": ["shop"] if own else list(TOKENS),
            "SigningHostedZone": "" if own else "dkim.amazonses.com",
            "SigningAttributesOrigin": "EXTERNAL" if own else "AWS_SES",
            "CurrentSigningKeyLength": "" if own else "RSA_2048_BIT",
        }
        mail_from = {"MailFromDomain": f"mail.{name}", "MailFromDomainStatus": "SUCCESS"}
        return {"VerifiedForSendingStatus": True, "DkimAttributes": dkim, "MailFromAttributes": mail_from}


class Website:
    """Serves the MTA-STS policies, and no other page."""

    def __init__(self, policies: dict[str, str]) -> None:
        self._policies = policies

    async def get(self, url: str) -> Reading[Page]:
        text = next((text for domain, text in self._policies.items() if f"//mta-sts.{domain}/" in url), "")
        if not text:
            return Seen(Page(url=url, final_url=url, problem=PageProblem.NO_SUCH_HOST))
        return Seen(Page(url=url, final_url=url, status=200, tls=Tls.VALID, text=text, text_length=len(text)))


async def looked_at(all_of_them: list[Shape], where: str) -> Evidence:
    resolver = Resolver(where, seconds=2)
    return await collect(
        Aws({one.domain for one in all_of_them if one.own_key}),
        resolver,
        Website({one.domain: one.policy for one in all_of_them if one.policy}),
        domains=[one.domain for one in all_of_them],
        regions=["eu-west-1"],
        now=lambda: datetime(2026, 11, 24, tzinfo=UTC),
        suffixes=PublicSuffixList(),
        name_servers=NameServers(resolver),
    )


@pytest.fixture(scope="module")
def expected() -> list[Shape]:
    return shapes()


def test_there_are_a_hundred_of_them_and_each_once(expected: list[Shape]) -> None:
    assert len({one.domain for one in expected}) == len(expected) >= 100


async def test_what_is_wrong_is_found_and_nothing_else(expected: list[Shape]) -> None:
    with served(expected) as where:
        report = run(await looked_at(expected, where), checks=JUDGED)
    found: dict[str, set[str]] = {one.domain: set() for one in expected}
    texts: dict[tuple[str, str], str] = {}
    for finding in report.findings:
        if finding.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
            mark = "?" if finding.verdict is Verdict.UNKNOWN else ""
            found[finding.subject].add(mark + finding.check)
            texts[finding.subject, mark + finding.check] = finding.what
    false = {
        f"{one.domain}: {check}": texts[one.domain, check]
        for one in expected
        for check in found[one.domain] - one.fails
    }
    missed = {one.domain: sorted(one.fails - found[one.domain]) for one in expected if one.fails - found[one.domain]}
    assert (false, missed) == ({}, {})
    assert len({check.lstrip("?") for one in expected for check in one.fails}) >= 20
