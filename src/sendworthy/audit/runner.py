"""Runs checks over evidence and collects findings. Adds the two verdicts no check's author writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec

from sendworthy.audit.check import (
    Check,
    Failed,
    Finding,
    NotApplicable,
    NotSeen,
    Passed,
    Scope,
    Severity,
    Subject,
    Verdict,
)
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Evidence, Unseen

SCHEMA = "sendworthy.audit/1"


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one audit, in the order of the list of checks, then Region, then domain."""

    schema: str = SCHEMA
    taken_at: datetime
    regions: tuple[str, ...]
    domains: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many findings have each verdict; every verdict is there."""
        counted = Counter(finding.verdict for finding in self.findings)
        return {verdict: counted[verdict] for verdict in Verdict}

    def with_verdict(self, verdict: Verdict) -> tuple[Finding, ...]:
        """Give the findings with one verdict."""
        return tuple(finding for finding in self.findings if finding.verdict is verdict)

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What stands in the way of the request: blocking checks that fail, or that nobody could look at."""
        open_verdicts = (Verdict.FAIL, Verdict.UNKNOWN)
        return tuple(one for one in self.findings if one.blocks_request and one.verdict in open_verdicts)


def run(evidence: Evidence, *, checks: Sequence[Check] = ALL) -> AuditReport:
    """Judge `evidence`. Never raises over anything that the evidence holds."""
    return AuditReport(
        taken_at=evidence.taken_at,
        regions=tuple(evidence.regions),
        domains=evidence.domains,
        findings=tuple(finding for check in checks for finding in _findings(check, evidence)),
    )


def exit_code(report: AuditReport, fail_on: Severity) -> int:
    """Say how the command ends: 1 if a check of at least `fail_on` fails, else 3 if one could not look, else 0.

    A failure goes before a failure to look, because it is the one that is certain.
    """
    heavy = {finding.verdict for finding in report.findings if finding.severity.rank >= fail_on.rank}
    if Verdict.FAIL in heavy:
        return 1
    return 3 if Verdict.UNKNOWN in heavy else 0


def _subjects(scope: Scope, evidence: Evidence) -> Iterable[Subject]:
    match scope:
        case Scope.REGION:
            return (Subject(region=region) for region in evidence.regions)
        case Scope.IDENTITY:
            return (Subject(region=region, domain=domain) for region in evidence.regions for domain in evidence.domains)
        case Scope.DOMAIN:
            return (Subject(domain=domain) for domain in evidence.domains)
        case Scope.SENDER:
            return (Subject(),)
        case _:
            assert_never(scope)


_NOTHING_TO_JUDGE = {
    Scope.REGION: "No Region was looked at.",
    Scope.IDENTITY: "No domain was named.",
    Scope.DOMAIN: "No domain was named.",
    Scope.SENDER: "Nothing is known of the sender.",
}


def _findings(check: Check, evidence: Evidence) -> Iterable[Finding]:
    subjects = tuple(_subjects(check.scope, evidence))
    if not subjects:
        yield _finding(check, Subject(), Verdict.NOT_APPLICABLE, _NOTHING_TO_JUDGE[check.scope])
    for subject in subjects:
        yield _judge(check, evidence, subject)


def _judge(check: Check, evidence: Evidence, subject: Subject) -> Finding:
    try:
        outcome = check.run(evidence, subject)
    except NotSeen as missing:
        return _unknown(check, subject, missing.unseen)
    except NotApplicable as reason:
        return _finding(check, subject, Verdict.NOT_APPLICABLE, str(reason))
    match outcome:
        case Passed():
            return _finding(check, subject, Verdict.PASS, outcome.what, evidence=outcome.evidence)
        case Failed():
            fix = outcome.fix or check.fix
            return _finding(check, subject, Verdict.FAIL, outcome.what, evidence=outcome.evidence, fix=fix)
        case _:
            assert_never(outcome)


def _unknown(check: Check, subject: Subject, unseen: Sequence[Unseen]) -> Finding:
    needs = tuple(dict.fromkeys(one.needs for one in unseen if one.needs))
    return _finding(
        check,
        subject,
        Verdict.UNKNOWN,
        "Could not be looked at: " + "; ".join(dict.fromkeys(one.reason.rstrip(".") for one in unseen)) + ".",
        fix=f"Make it possible to read {', '.join(needs)}, then audit again." if needs else "Audit again.",
        needs=needs,
    )


def _finding(
    check: Check,
    subject: Subject,
    verdict: Verdict,
    what: str,
    *,
    evidence: tuple[str, ...] = (),
    fix: str = "",
    needs: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        check=check.id,
        title=check.title,
        severity=check.severity,
        verdict=verdict,
        subject=subject.domain or subject.region or "sender",
        region=subject.region,
        what=what,
        evidence=evidence,
        why=check.why,
        fix=fix,
        needs=needs,
        source=check.source,
        blocks_request=check.blocks_request,
    )
