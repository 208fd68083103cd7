"""Checks of a domain's DMARC record and of where its reports go. Knows nothing of SES."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, NotApplicable, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.dmarc import POLICIES, Dmarc, dmarc_records, parse_dmarc, report_domain, ruling
from sendworthy.audit.evidence import Evidence, Unseen
from sendworthy.audit.receiving import Receives, receives

_RFC = "https://www.rfc-editor.org/rfc/rfc7489"


def _dmarc(evidence: Evidence, subject: Subject) -> Passed | Failed:
    organisational = evidence.organisational_domain(subject.domain)
    found = ruling(subject.domain, organisational, lambda name: evidence.lookup(name, "TXT"))
    if isinstance(found, Unseen):
        raise NotSeen((found,))
    quoted = tuple(f"{found.name} TXT {record}" for record in (*found.records, *found.ignored))
    if not found.records:
        where = f"_dmarc.{subject.domain}"
        if found.ignored:
            return Failed(
                f"A record is there that receivers ignore, because it does not begin with v=DMARC1: {found.ignored[0]}",
                quoted,
                "Make the record begin with `v=DMARC1;`, spelt exactly so.",
            )
        if organisational == subject.domain:
            return Failed(f"{where} has no DMARC record.", quoted)
        return Failed(f"Neither {where} nor _dmarc.{organisational} has a DMARC record.", quoted)
    if len(found.records) > 1:
        return Failed(
            f"{found.name} has {len(found.records)} DMARC records, so receivers use none (RFC 7489 section 6.6.3).",
            quoted,
            "Keep one and delete the others.",
        )
    record = parse_dmarc(found.records[0])
    if record.problems:
        return Failed(
            f"The DMARC record at {found.name} is not valid: {', '.join(record.problems)}.",
            quoted,
            "Correct the record.",
        )
    inherited = found.name != f"_dmarc.{subject.domain}"
    policy = record.subdomain_policy if inherited else record.policy
    source = f", inherited from {organisational}" if inherited else ""
    return Passed(f"{subject.domain} has a DMARC policy of {policy}{source}.", quoted)


DMARC = Check(
    id="dmarc.record",
    title="DMARC record",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why=(
        "Gmail, Yahoo and Microsoft want a DMARC record of at least p=none from bulk senders, and requests were "
        "granted within days of publishing one."
    ),
    fix="Publish one DMARC record, to begin with `v=DMARC1; p=none; rua=mailto:…`: `sendworthy plan` prints it.",
    source="https://www.rfc-editor.org/rfc/rfc7489#section-6.6.3",
    blocks_request=True,
    run=_dmarc,
)


def ruled(evidence: Evidence, domain: str) -> tuple[str, Dmarc]:
    """Give the name and the record that rules `domain`; the check does not apply without a valid one."""
    organisational = evidence.organisational_domain(domain)
    found = ruling(domain, organisational, lambda name: evidence.lookup(name, "TXT"))
    if isinstance(found, Unseen):
        raise NotSeen((found,))
    record = parse_dmarc(found.records[0]) if len(found.records) == 1 else None
    if record is None or record.problems:
        raise NotApplicable(f"{domain} has no valid DMARC record; dmarc.record says why.")
    return found.name, record


def _policy(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, record = ruled(evidence, subject.domain)
    inherited = name != f"_dmarc.{subject.domain}"
    policy = record.subdomain_policy if inherited else record.policy
    quoted = (f"{name} TXT {record.text}",)
    if policy == "none":
        return Failed(f"The DMARC policy of {subject.domain} is none: forged mail is delivered like yours.", quoted)
    return Passed(f"The DMARC policy of {subject.domain} is {policy}.", quoted)


POLICY = Check(
    id="dmarc.policy",
    title="DMARC policy that protects",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="p=none is where one begins: it asks for reports and protects nobody. BIMI wants quarantine or reject.",
    fix="Read the reports for some weeks, mend what fails, then go to p=quarantine and p=reject.",
    source=f"{_RFC}#section-6.3",
    blocks_request=False,
    run=_policy,
)


def _reports(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, record = ruled(evidence, subject.domain)
    quoted = (f"{name} TXT {record.text}",)
    if not record.rua:
        return Failed(f"The DMARC record at {name} asks for no reports.", quoted)
    for owner in dict.fromkeys(report_domain(uri) for uri in record.rua):
        found = receives(owner, evidence.lookup)
        if isinstance(found, Unseen):
            see(found)
        elif found is not Receives.YES:
            return Failed(f"Reports go to {owner}, which takes no mail ({found}).", quoted)
    return Passed(f"Reports go to {', '.join(dict.fromkeys(report_domain(uri) for uri in record.rua))}.", quoted)


REPORTS = Check(
    id="dmarc.reports",
    title="DMARC reports that arrive",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT", "DNS MX", "DNS A"),
    why="Without reports nobody learns which of your own mail fails, and nobody dares to leave p=none.",
    fix="Add rua=mailto: with an address that receives mail and that somebody or some service reads.",
    source=f"{_RFC}#section-6.2",
    blocks_request=False,
    run=_reports,
)


def _external(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, record = ruled(evidence, subject.domain)
    policy_domain = name.removeprefix("_dmarc.")
    own = evidence.organisational_domain(policy_domain)
    outside = [
        owner
        for owner in dict.fromkeys(report_domain(uri) for uri in record.rua)
        if owner and owner != own and not owner.endswith(f".{own}")
    ]
    if not outside:
        raise NotApplicable("Reports go to the domain itself, or nowhere.")
    closed: list[str] = []
    for owner in outside:
        asked = f"{policy_domain}._report._dmarc.{owner}"
        if not dmarc_records(see(evidence.lookup(asked, "TXT")).records):
            closed.append(asked)
    if closed:
        return Failed(f"Receivers send no reports elsewhere without {', '.join(closed)} TXT v=DMARC1.")
    return Passed(f"{', '.join(outside)} takes the reports of {policy_domain}.")


EXTERNAL_REPORTS = Check(
    id="dmarc.external_reports",
    title="Permission for DMARC reports sent elsewhere",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="A receiver asks the other domain whether it wants your reports, and drops them without its yes.",
    fix="Let the owner of that domain publish the TXT record named here, v=DMARC1, or send reports to your own domain.",
    source=f"{_RFC}#section-7.1",
    blocks_request=False,
    run=_external,
)


def _subdomains(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, record = ruled(evidence, subject.domain)
    quoted = (f"{name} TXT {record.text}",)
    if POLICIES.index(record.subdomain_policy) < POLICIES.index(record.policy):
        return Failed(f"Subdomains have the weaker policy {record.subdomain_policy}, against {record.policy}.", quoted)
    return Passed(f"Subdomains have the policy {record.subdomain_policy}.", quoted)


SUBDOMAINS = Check(
    id="dmarc.subdomains",
    title="Subdomains protected as well",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="With a weaker sp= a forger takes any name under the domain, existing or not.",
    fix="Leave sp= out, or set it to the policy of the domain.",
    source=f"{_RFC}#section-6.3",
    blocks_request=False,
    run=_subdomains,
)


def _percent(evidence: Evidence, subject: Subject) -> Passed | Failed:
    name, record = ruled(evidence, subject.domain)
    if record.policy == "none":
        raise NotApplicable("The policy is none, of which there is no part.")
    quoted = (f"{name} TXT {record.text}",)
    if record.percent < 100:
        return Failed(f"The DMARC policy covers {record.percent} % of the mail.", quoted)
    return Passed("The DMARC policy covers all mail.", quoted)


PERCENT = Check(
    id="dmarc.percent",
    title="DMARC policy for all mail",
    severity=Severity.LOW,
    scope=Scope.DOMAIN,
    needs=("DNS TXT",),
    why="pct= was for going slowly, receivers read it in different ways, and BIMI does not work with it.",
    fix="Take pct= out once the reports are clean.",
    source=f"{_RFC}#section-6.6.4",
    blocks_request=False,
    run=_percent,
)

MORE_DMARC = (POLICY, REPORTS, EXTERNAL_REPORTS, SUBDOMAINS, PERCENT)
