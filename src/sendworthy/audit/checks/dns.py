"""Checks of what else DNS says of a sending domain: replies, BIMI, MTA-STS, TLS reports, aliases, its servers."""

from __future__ import annotations

import re

from sendworthy.audit.check import Check, Failed, NotApplicable, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.checks.dmarc import ruled
from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Evidence, PageProblem, Seen, Tls, Unseen, UnseenKind
from sendworthy.audit.receiving import Receives, is_null_mx, receives

_STS_ID = re.compile(r"v=STSv1;\s*id=[A-Za-z0-9]{1,32}\s*(?:;.*)?")
_TLSRPT = re.compile(r"v=TLSRPTv1;\s*rua=(?:mailto:|https://)\S+.*", re.DOTALL)
_MODE = re.compile(r"\bmode\s*:\s*(enforce|testing|none)\b")
_MX_PATTERN = re.compile(r"\bmx\s*:\s*(\S+)")


def mta_sts_url(domain: str) -> str:
    """Give the address of a domain's MTA-STS policy (RFC 8461 section 3.3)."""
    return f"https://mta-sts.{domain}/.well-known/mta-sts.txt"


def _null_mx(evidence: Evidence, subject: Subject) -> Passed | Failed:
    answer = see(evidence.lookup(subject.domain, "MX"))
    if is_null_mx(answer.records):
        return Failed(f"{subject.domain} has a null MX.", (f"{subject.domain} MX {answer.records[0]}",))
    return Passed(f"{subject.domain} does not say that it takes no mail.")


NULL_MX = Check(
    id="dns.null_mx",
    title="No null MX at a domain that sends",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS MX",),
    why="A domain that says it takes no mail should send none: receivers refuse it for that (RFC 7505 section 4.2).",
    fix="Give the domain an MX that takes mail, or send from another domain.",
    source="https://www.rfc-editor.org/rfc/rfc7505#section-4.2",
    blocks_request=False,
    run=_null_mx,
)


def _receives(evidence: Evidence, subject: Subject) -> Passed | Failed:
    found = receives(subject.domain, evidence.lookup)
    if isinstance(found, Unseen):
        raise NotSeen((found,))
    if found is Receives.NULL_MX:
        raise NotApplicable("It has a null MX; dns.null_mx says so.")
    if found is Receives.NOTHING:
        return Failed(f"{subject.domain} has neither an MX nor an address, so replies come back.")
    return Passed(f"{subject.domain} takes replies.")


RECEIVES = Check(
    id="dns.receives",
    title="Replies are received",
    severity=Severity.MEDIUM,
    scope=Scope.DOMAIN,
    needs=("DNS MX", "DNS A", "DNS AAAA"),
    why="People answer mail, and complaints that could have been a reply become reports of spam.",
    fix="Publish an MX for the domain, and read what comes.",
    source="https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
    blocks_request=False,
    run=_receives,
)


def _bimi(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, records = _bimi_records(evidence, subject.domain)
    if len(records) > 1:
        return Failed(f"{name} has {len(records)} BIMI records.", records)
    tags = {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in records[0].split(";"))}
    logo = tags.get("l", "")
    if "l" in tags and not logo:
        return Passed(f"{subject.domain} declines to show a logo.", records)
    if not logo.startswith("https://"):
        return Failed(f"The logo at {name} is not an https address.", records)
    ruling_name, dmarc = ruled(evidence, subject.domain)
    if dmarc.policy == "none" or dmarc.percent < 100:
        return Failed(f"BIMI wants p=quarantine or p=reject for all mail at {ruling_name}.", records)
    return Passed(f"{name} names a logo, and DMARC protects it.", records)


def _bimi_records(evidence: Evidence, domain: str) -> tuple[str, tuple[str, ...]]:
    for owner in dict.fromkeys((domain, evidence.organisational_domain(domain))):
        name = f"default._bimi.{owner}"
        records = tuple(one for one in see(evidence.lookup(name, "TXT")).records if one.startswith("v=BIMI1"))
        if records:
            return name, records
    raise NotApplicable(f"{domain} shows no logo (BIMI), and need not.")


BIMI = Check(
    id="dns.bimi",
    title="BIMI that can work",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="A logo is shown only under a DMARC policy that protects; otherwise the record is ignored.",
    fix="Correct the record, or bring DMARC to p=quarantine or p=reject first.",
    source="https://datatracker.ietf.org/doc/draft-brand-indicators-for-message-identification/",
    blocks_request=False,
    run=_bimi,
)


def _sts_records(evidence: Evidence, domain: str) -> tuple[str, ...]:
    answer = see(evidence.lookup(f"_mta-sts.{domain}", "TXT"))
    return tuple(one for one in answer.records if one.startswith("v=STSv1"))


def _mta_sts(evidence: Evidence, subject: Subject) -> Passed | Failed:
    records = _sts_records(evidence, subject.domain)
    if not records:
        raise NotApplicable(f"{subject.domain} has no MTA-STS, and need not.")
    if len(records) > 1 or not _STS_ID.fullmatch(records[0]):
        return Failed(f"The record at _mta-sts.{subject.domain} is not one valid record.", records)
    url = mta_sts_url(subject.domain)
    page = see(evidence.website(url))
    if page.problem is not PageProblem.NONE or page.status != 200 or page.tls is not Tls.VALID:
        return Failed(f"The policy at {url} is not served ({page.problem or page.status}).", records)
    mode = _MODE.search(page.text)
    if "STSv1" not in page.text or mode is None:
        return Failed(f"What is at {url} is not a policy.", records)
    patterns = _MX_PATTERN.findall(page.text)
    outside = [host for host in _hosts(see(evidence.lookup(subject.domain, "MX"))) if not _covered(host, patterns)]
    if mode[1] == "enforce" and outside:
        return Failed(f"The policy does not name {', '.join(outside)}, so senders refuse to deliver there.", records)
    return Passed(f"MTA-STS is in mode {mode[1]}.", records)


def _hosts(answer: DnsAnswer) -> list[str]:
    return [record.split(" ", 1)[-1] for record in answer.records if record.split(" ", 1)[-1].strip(".")]


def _covered(host: str, patterns: list[str]) -> bool:
    for pattern in (one.lower().rstrip(".") for one in patterns):
        if pattern == host or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:]):
            return True
    return False


MTA_STS = Check(
    id="dns.mta_sts",
    title="MTA-STS that works",
    severity=Severity.MEDIUM,
    scope=Scope.DOMAIN,
    needs=("DNS TXT", "DNS MX", "the policy file"),
    why="It protects the mail you receive. A policy that does not fit the MX records stops replies from arriving.",
    fix="Serve the policy over valid HTTPS, name every MX host in it, and change id= with every change.",
    source="https://www.rfc-editor.org/rfc/rfc8461",
    blocks_request=False,
    run=_mta_sts,
)


def _tls_reports(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name = f"_smtp._tls.{subject.domain}"
    records = tuple(one for one in see(evidence.lookup(name, "TXT")).records if one.startswith("v=TLSRPTv1"))
    if not records:
        if _sts_records(evidence, subject.domain):
            return Failed(f"{subject.domain} has MTA-STS and asks for no TLS reports.")
        raise NotApplicable(f"{subject.domain} has neither MTA-STS nor TLS reports, and need not.")
    if len(records) > 1 or not _TLSRPT.fullmatch(records[0]):
        return Failed(f"The record at {name} is not one valid record.", records)
    return Passed(f"{name} asks for TLS reports.", records)


TLS_REPORTS = Check(
    id="dns.tls_reports",
    title="TLS reports",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="Under MTA-STS a broken certificate stops mail to you; only these reports tell that it happens.",
    fix="Publish _smtp._tls TXT v=TLSRPTv1; rua=mailto: with an address that somebody reads.",
    source="https://www.rfc-editor.org/rfc/rfc8460",
    blocks_request=False,
    run=_tls_reports,
)


def _dangling(evidence: Evidence, subject: Subject) -> Passed | Failed:
    own = [
        (key, reading)
        for key, reading in evidence.dns.items()
        if key.rpartition(" ")[2] == subject.domain or key.endswith(f".{subject.domain}")
    ]
    dead = sorted(
        {
            f"{key.rpartition(' ')[2]} leads to {reading.value.canonical}, which does not exist"
            for key, reading in own
            if isinstance(reading, Seen) and reading.value.canonical and reading.value.outcome is DnsOutcome.NXDOMAIN
        }
    )
    if dead:
        return Failed(f"{'; '.join(dead)}.")
    unseen = [reading for _key, reading in own if isinstance(reading, Unseen)]
    if unseen or not own:
        raise NotSeen(unseen or [Unseen(kind=UnseenKind.NOT_READ, reason="no name was looked up", needs="DNS A")])
    aliases = sum(bool(reading.value.canonical) for _key, reading in own if isinstance(reading, Seen))
    return Passed(f"None of the {aliases} aliases looked at under {subject.domain} leads to nothing.")


DANGLING = Check(
    id="dns.dangling",
    title="No alias that leads to nothing",
    severity=Severity.MEDIUM,
    scope=Scope.DOMAIN,
    needs=("DNS A", "DNS TXT", "DNS MX"),
    why="Whoever registers the name that a forgotten CNAME points to serves pages, or signs mail, as you.",
    fix="Delete the record, or make its target exist.",
    source="https://owasp.org/www-project-web-security-testing-guide/",
    blocks_request=False,
    run=_dangling,
)


def _servers(evidence: Evidence, subject: Subject) -> Passed | Failed:
    reading = evidence.servers.get(subject.domain)
    servers = see(reading or Unseen(kind=UnseenKind.NOT_READ, reason="nobody looked", needs=f"NS {subject.domain}"))
    answering = [one for one in servers if any(isinstance(answer, Seen) for answer in one.answers.values())]
    unseen = [answer for one in servers for answer in one.answers.values() if isinstance(answer, Unseen)]
    if not answering:
        raise NotSeen(
            unseen or [Unseen(kind=UnseenKind.NOT_READ, reason="no server answered", needs=f"NS {subject.domain}")]
        )
    # A server that answers nothing, while another does, is lame; one that fails at a single name may just be ill.
    lame = sorted(
        one.name
        for one in servers
        if one not in answering
        and any(
            isinstance(answer, Unseen) and answer.kind in (UnseenKind.REFUSED, UnseenKind.SERVFAIL)
            for answer in one.answers.values()
        )
    )
    if lame:
        return Failed(f"{', '.join(lame)} is named as a server of {subject.domain} and does not answer for it.")
    for key in dict.fromkeys(key for one in servers for key in one.answers):
        said = {
            one.name: answer.value.records
            for one in servers
            if (answer := one.answers.get(key)) and isinstance(answer, Seen)
        }
        if len(set(said.values())) > 1:
            quoted = tuple(f"{name}: {', '.join(records) or 'nothing'}" for name, records in said.items())
            return Failed(f"The servers of {subject.domain} do not agree on {key}.", quoted)
    if unseen:
        raise NotSeen(unseen)
    return Passed(f"The {len(servers)} servers of {subject.domain} agree.", tuple(one.name for one in servers))


SERVERS = Check(
    id="dns.servers",
    title="All name servers agree",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS NS", "each name server"),
    why="Where servers differ, mail is signed and aligned for some receivers and not for others, at random.",
    fix="Bring all servers of the zone to the same version, and take those out that do not serve it.",
    source="https://www.rfc-editor.org/rfc/rfc1912#section-2.8",
    blocks_request=False,
    run=_servers,
)

MORE_DNS = (RECEIVES, NULL_MX, SERVERS, DANGLING, MTA_STS, TLS_REPORTS, BIMI)
