"""The check of a domain's DMARC record. Knows nothing of SES."""

from __future__ import annotations

from sendworthy.audit.check import Check, Failed, NotSeen, Passed, Scope, Severity, Subject
from sendworthy.audit.dmarc import parse_dmarc, ruling
from sendworthy.audit.evidence import Evidence, Unseen


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
