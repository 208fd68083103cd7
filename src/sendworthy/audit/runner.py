"""Runs checks over evidence and collects findings. Adds the two verdicts no check's author writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import assert_never

import msgspec

from sendworthy.audit.check import (
    Check,
    Failed,
    Finding,
    NotApplicable,
    NotSeen,
    Passed,
    Place,
    Scope,
    Severity,
    Subject,
    Verdict,
)
from sendworthy.audit.checks import ALL
from sendworthy.audit.checks.word import YOUR_WORD
from sendworthy.audit.evidence import Evidence, Unseen
from sendworthy.audit.readiness import Readiness, readiness
from sendworthy.audit.reading import CREDENTIALS
from sendworthy.audit.waivers import Waiver, lapsed, waiver_of

SCHEMA = "sendworthy.audit/1"

PAGES = "docs/checks/"
"""Where the pages of the checks stand in the documentation."""

FROM_THE_USER = frozenset(
    {
        YOUR_WORD,
        "sendworthy.toml",
        "--source DIR",
        "--message FILE",
        "the record of this program",
        "sendworthy case watch",
    }
)
"""What an unknown may need that no look would find: the user says it or hands it in."""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one audit, in the order of the list of checks, then Region, then domain.

    `lapsed_waivers` are those whose last day was over when the evidence was taken; they cover nothing.
    """

    schema: str = SCHEMA
    taken_at: datetime
    regions: tuple[str, ...]
    domains: tuple[str, ...]
    findings: tuple[Finding, ...]
    lapsed_waivers: tuple[Waiver, ...] = ()

    @property
    def readiness(self) -> Readiness:
        """How ready the account is, as one figure with its parts."""
        return readiness(self.findings)

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


def run(evidence: Evidence, *, checks: Sequence[Check] = ALL, waivers: Sequence[Waiver] = ()) -> AuditReport:
    """Judge `evidence`. Never raises over anything that the evidence holds.

    A finding that fails or is unknown and is covered by one of `waivers` on the day of the evidence keeps its verdict
    and says so.
    """
    today = evidence.taken_at.date()
    judged = (finding for check in checks for finding in _findings(check, evidence))
    return AuditReport(
        taken_at=evidence.taken_at,
        regions=tuple(evidence.regions),
        domains=evidence.domains,
        findings=tuple(_under(finding, waivers, today) for finding in judged),
        lapsed_waivers=lapsed(waivers, today),
    )


def _under(finding: Finding, waivers: Sequence[Waiver], today: date) -> Finding:
    if finding.verdict not in (Verdict.FAIL, Verdict.UNKNOWN):
        return finding
    found = waiver_of(waivers, check=finding.check, subject=finding.subject, region=finding.region, today=today)
    return msgspec.structs.replace(finding, waived=found) if found else finding


def asks_the_user(finding: Finding) -> bool:
    """Say whether a finding is unknown because the user has not said or handed in something: nobody failed to look."""
    return finding.verdict is Verdict.UNKNOWN and bool(finding.needs) and FROM_THE_USER.issuperset(finding.needs)


def exit_code(report: AuditReport, fail_on: Severity) -> int:
    """Say how the command ends: 1 if a check of at least `fail_on` fails, else 3 if one could not look, else 0.

    A failure goes before a failure to look, because it is the one that is certain. What is waived does not count, nor
    does a question that the user has not answered: it is an open question, and no look that failed.
    """
    heavy = {
        finding.verdict
        for finding in report.findings
        if finding.severity.rank >= fail_on.rank and not finding.waived and not asks_the_user(finding)
    }
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
            return _finding(
                check, subject, Verdict.FAIL, outcome.what, evidence=outcome.evidence, fix=fix, places=outcome.places
            )
        case _:
            assert_never(outcome)


def _unknown(check: Check, subject: Subject, unseen: Sequence[Unseen]) -> Finding:
    needs = tuple(dict.fromkeys(one.needs for one in unseen if one.needs))
    if needs == (YOUR_WORD,):
        what = " ".join(dict.fromkeys(one.reason for one in unseen))
        fix = f"Answer with `sendworthy audit --ask`. If the answer is no: {check.fix}"
        return _finding(check, subject, Verdict.UNKNOWN, what, fix=fix, needs=needs)
    if needs and FROM_THE_USER.issuperset(needs):
        what = "; ".join(dict.fromkeys(one.reason for one in unseen)).rstrip(".")
        fix = check.fix if needs == ("sendworthy.toml",) else f"Then it can be judged: {', '.join(needs)}."
        return _finding(check, subject, Verdict.UNKNOWN, f"{what[:1].upper()}{what[1:]}.", fix=fix, needs=needs)
    return _finding(
        check,
        subject,
        Verdict.UNKNOWN,
        "Could not be looked at: " + "; ".join(dict.fromkeys(one.reason.rstrip(".") for one in unseen)) + ".",
        fix=_fix_of_unknown(needs),
        needs=needs,
    )


def _fix_of_unknown(needs: tuple[str, ...]) -> str:
    if CREDENTIALS in needs:
        return f"Give {CREDENTIALS}, then audit again."
    return f"Make it possible to read {', '.join(needs)}, then audit again." if needs else "Audit again."


def _finding(
    check: Check,
    subject: Subject,
    verdict: Verdict,
    what: str,
    *,
    evidence: tuple[str, ...] = (),
    fix: str = "",
    needs: tuple[str, ...] = (),
    places: tuple[Place, ...] = (),
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
        page=f"{PAGES}{check.id}.md",
        places=places,
    )
