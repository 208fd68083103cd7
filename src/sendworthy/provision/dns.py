"""The DNS records of a domain as steps, one for each record, and as one table. Publishes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from sendworthy.audit.dmarc import parse_dmarc, ruling
from sendworthy.audit.evidence import DnsAnswer, DnsOutcome, Evidence, Identity, Reading, Unseen
from sendworthy.audit.records import MAIL_FROM_SPF, dkim_targets, feedback_host
from sendworthy.audit.spf import Reach, parse_spf, reaches, spf_records
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.domains import mail_from_of
from sendworthy.provision.step import DnsRecord, Step, StepKind, StepStatus, blocked


def dns_steps(evidence: Evidence, wishes: Wishes, domain: str) -> Iterator[Step]:
    """Give a step for each record that the domain needs; none for what depends on an identity that was not seen."""
    reading = evidence.identity(wishes.region, domain)
    if not isinstance(reading, Unseen):
        yield from _dkim(evidence, wishes, domain, reading.value)
        yield from _mail_from(evidence, wishes, domain, reading.value)
    yield _dmarc(evidence, wishes, domain)


def _dkim(evidence: Evidence, wishes: Wishes, domain: str, identity: Identity | None) -> Iterator[Step]:
    why = "SES signs with keys that receivers find through these three names."
    if identity and identity.dkim.origin not in ("", "AWS_SES"):
        return
    if identity is None or not identity.dkim.tokens:
        yield Step(
            id=f"{StepKind.DKIM_RECORDS}:{domain}",
            kind=StepKind.DKIM_RECORDS,
            title=f"Three CNAME records for DKIM of {domain}",
            why=why,
            before="not known",
            after="published",
            status=StepStatus.NEEDED,
            reason="SES gives their names when the identity has been created.",
        )
        return
    for name, target in dkim_targets(domain, wishes.region, identity.dkim):
        record = DnsRecord(name=name, type="CNAME", value=target)
        yield _step(StepKind.DKIM_RECORDS, record, evidence.lookup(name, "CNAME"), why=why)


def _step(kind: StepKind, record: DnsRecord, reading: Reading[DnsAnswer], *, why: str) -> Step:
    """Give the step for a record that must stand alone at its name and type."""
    title, subject = f"{record.type} {record.name}", f"{record.type}:{record.name}"
    if isinstance(reading, Unseen):
        return msgspec.structs.replace(blocked(kind, subject, title, reading), dns=(record,), after=record.value)
    return Step(
        id=f"{kind}:{subject}",
        kind=kind,
        title=title,
        why=why,
        before=_before(reading.value),
        after=record.value,
        dns=(record,),
        status=StepStatus.DONE if is_published(record, reading.value) else StepStatus.NEEDED,
    )


def is_published(record: DnsRecord, answer: DnsAnswer) -> bool:
    """Say whether an answer has this record: alone at its name, but for TXT, where others may stand beside it."""
    if record.type == "MX":
        # The preference does not matter where there is one record.
        return [one.split(" ")[-1] for one in answer.records] == [record.value.split(" ")[-1]]
    if record.type == "TXT":
        return record.value in answer.records
    return answer.records == (record.value,)


def _before(answer: DnsAnswer) -> str:
    return ", ".join(answer.records) if answer.outcome is DnsOutcome.FOUND else "nothing"


def _mail_from(evidence: Evidence, wishes: Wishes, domain: str, identity: Identity | None) -> Iterator[Step]:
    name = mail_from_of(identity, wishes, domain)
    record = DnsRecord(name=name, type="MX", value=f"10 {feedback_host(wishes.region)}")
    mx = _step(
        StepKind.MAIL_FROM_RECORDS,
        record,
        evidence.lookup(name, "MX"),
        why="Bounces come back to SES by it. It must be the only MX record at this name.",
    )
    if mx.status is StepStatus.NEEDED and mx.before != "nothing" and not (identity and identity.mail_from_domain):
        reason = "The name already receives mail elsewhere. Wish for another: set `mail_from` in sendworthy.toml."
        mx = msgspec.structs.replace(mx, status=StepStatus.REFUSED, reason=reason)
    yield mx
    if mx.status is not StepStatus.REFUSED:
        yield _spf(evidence, name)


def _spf(evidence: Evidence, name: str) -> Step:
    why = "Receivers ask it whether SES may send for this name. There must be one SPF record here."
    wanted = DnsRecord(name=name, type="TXT", value=MAIL_FROM_SPF)
    reading = evidence.lookup(name, "TXT")
    if isinstance(reading, Unseen):
        return _step(StepKind.MAIL_FROM_RECORDS, wanted, reading, why=why)
    present = spf_records(reading.value.records)
    step = Step(
        id=f"{StepKind.MAIL_FROM_RECORDS}:TXT:{name}",
        kind=StepKind.MAIL_FROM_RECORDS,
        title=f"TXT {name}",
        why=why,
        before=", ".join(present) or "nothing",
        after=wanted.value,
        dns=(wanted,),
        status=StepStatus.NEEDED,
    )
    if not present:
        return step
    parsed = parse_spf(present[0])
    if len(present) > 1 or parsed.problems:
        what = f"has {len(present)} SPF records" if len(present) > 1 else "has a malformed SPF record"
        reason = f"{name} {what}, and only you know who must stay in it: make it one record with include:amazonses.com."
        return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
    reach = reaches(parsed, "amazonses.com", lambda other: evidence.lookup(other, "TXT"))
    if reach is Reach.NO:
        merged = DnsRecord(name=name, type="TXT", value=_with_ses(present[0]))
        reason = "It replaces the SPF record that is there."
        return msgspec.structs.replace(step, after=merged.value, dns=(merged,), reason=reason)
    kept = DnsRecord(name=name, type="TXT", value=present[0])
    status = StepStatus.DONE if reach is Reach.YES else StepStatus.BLOCKED
    reason = "" if reach is Reach.YES else "The record could not be followed to its end, so it is left as it is."
    return msgspec.structs.replace(step, status=status, after=present[0], dns=(kept,), reason=reason)


def _with_ses(record: str) -> str:
    """Put SES first, so that neither an `all` nor a lookup limit further on can hide it."""
    return f"v=spf1 include:amazonses.com{record[6:]}"


def wanted_dmarc(wishes: Wishes) -> str:
    """Give the DMARC record to publish where there is none."""
    rua = f"; rua={wishes.dmarc_rua}" if wishes.dmarc_rua else ""
    return f"v=DMARC1; p={wishes.dmarc_policy}{rua}"


def _dmarc(evidence: Evidence, wishes: Wishes, domain: str) -> Step:
    name = f"_dmarc.{domain}"
    record = DnsRecord(name=name, type="TXT", value=wanted_dmarc(wishes))
    found = ruling(domain, evidence.organisational_domain(domain), lambda one: evidence.lookup(one, "TXT"))
    if isinstance(found, Unseen):
        step = blocked(StepKind.DMARC_RECORD, domain, f"TXT {name}", found)
        return msgspec.structs.replace(step, dns=(record,), after=record.value)
    step = Step(
        id=f"{StepKind.DMARC_RECORD}:{domain}",
        kind=StepKind.DMARC_RECORD,
        title=f"TXT {name}",
        why="Gmail, Yahoo and Microsoft want one from bulk senders; p=none asks for reports and rejects nothing.",
        before=", ".join((*found.records, *found.ignored)) or "nothing",
        after=record.value,
        dns=(record,),
        status=StepStatus.NEEDED,
    )
    if len(found.records) > 1:
        reason = f"{found.name} has {len(found.records)} DMARC records, so receivers use none: keep one."
        return msgspec.structs.replace(step, dns=(), status=StepStatus.REFUSED, reason=reason)
    if found.records:
        reason = "" if found.name == name else f"The record at {found.name} covers it."
        done = StepStatus.DONE
        if problems := parse_dmarc(found.records[0]).problems:
            reason, done = f"The record is not valid, correct it: {', '.join(problems)}.", StepStatus.REFUSED
        return msgspec.structs.replace(step, after=found.records[0], dns=(), status=done, reason=reason)
    if found.ignored:
        reason = f"A record is there that receivers ignore; correct it instead of adding another: {found.ignored[0]}"
        return msgspec.structs.replace(step, dns=(), status=StepStatus.REFUSED, reason=reason)
    return step


def table(records: Sequence[DnsRecord]) -> str:
    """Give the records as aligned plain text to paste from; empty when there are none."""
    if not records:
        return ""
    rows = [("NAME", "TYPE", "VALUE"), *((one.name, one.type, one.value) for one in records)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {value}\n" for name, kind, value in rows)
