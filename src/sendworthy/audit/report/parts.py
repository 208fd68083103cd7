"""The parts in which every report tells its findings, and their order. Renders nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sendworthy.audit.check import Finding, Topic, Verdict
from sendworthy.audit.runner import AuditReport, asks_the_user

TOPIC_TITLES = {
    Topic.ACCOUNT: "Account",
    Topic.IDENTITY: "Identities",
    Topic.AUTHENTICATION: "DKIM, SPF, DMARC",
    Topic.DNS: "More DNS",
    Topic.EVENTS: "Events",
    Topic.WEBSITE: "Website and policies",
    Topic.PROFILE: "Your own words",
    Topic.SENDING: "Sending",
    Topic.SOURCE: "Source",
    Topic.MONITORING: "Monitoring",
    Topic.PERMISSIONS: "Permissions",
}


@dataclass(frozen=True, slots=True)
class ReportPart:
    """Findings under one heading, the most severe first. `brief` parts are told in few words."""

    heading: str
    findings: tuple[Finding, ...]
    brief: bool = False


def report_parts(report: AuditReport) -> tuple[ReportPart, ...]:
    """Give the parts that have findings; each finding is in exactly one of them."""
    shown: set[int] = set()

    def take(findings: Iterable[Finding]) -> tuple[Finding, ...]:
        fresh = [one for one in findings if id(one) not in shown]
        shown.update(id(one) for one in fresh)
        return tuple(sorted(fresh, key=lambda one: -one.severity.rank))

    blockers = take(one for one in report.blockers if one.waived is None)
    waived = take(one for one in report.findings if one.waived is not None)
    failing = take(report.with_verdict(Verdict.FAIL))
    questions = take(one for one in report.findings if asks_the_user(one))
    parts = (
        ReportPart("In the way of the request", blockers),
        ReportPart("Also failing", failing),
        ReportPart("Could not be looked at", take(report.with_verdict(Verdict.UNKNOWN))),
        ReportPart("Only you can say", questions),
        ReportPart("Waived", waived),
        ReportPart("Does not apply", take(report.with_verdict(Verdict.NOT_APPLICABLE)), brief=True),
        ReportPart("Passing", take(report.with_verdict(Verdict.PASS)), brief=True),
    )
    return tuple(part for part in parts if part.findings)


def place_of(finding: Finding) -> str:
    """Say where a finding is: `example.com in eu-west-1`, a Region, or nothing for the sender as a whole."""
    if finding.region and finding.subject != finding.region:
        return f"{finding.subject} in {finding.region}"
    return "" if finding.subject == "sender" else finding.subject


def printable(text: str) -> str:
    """Replace whatever could steer a terminal: DNS records and web pages are written by strangers."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
