"""An audit as JUnit XML, as CI servers read it: a failure fails, an unknown is an error."""

from __future__ import annotations

from collections import Counter
from typing import assert_never
from xml.sax.saxutils import escape, quoteattr

from sendworthy.audit.check import Finding, Topic, Verdict, topic_of
from sendworthy.audit.report.parts import TOPIC_TITLES, place_of, printable
from sendworthy.audit.runner import AuditReport, asks_the_user


def audit_junit(report: AuditReport) -> str:
    """Give the report as XML, one suite for each topic. What is waived or waits for the user's word is skipped."""
    suites = []
    for topic in Topic:
        own = [one for one in report.findings if _topic(one) is topic]
        if own:
            suites.append(_suite(TOPIC_TITLES[topic], own, f"{report.taken_at:%Y-%m-%dT%H:%M:%S}"))
    counted = Counter(_outcome(one) for one in report.findings)
    totals = (
        f'tests="{len(report.findings)}" failures="{counted["failure"]}" errors="{counted["error"]}" '
        f'skipped="{counted["skipped"]}"'
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sendworthy audit" {totals}>\n'
        + "".join(suites)
        + "</testsuites>\n"
    )


def _topic(finding: Finding) -> Topic | None:
    try:
        return topic_of(finding.check)
    except ValueError:
        return None


def _outcome(finding: Finding) -> str:
    if finding.waived is not None or asks_the_user(finding):
        return "skipped"
    match finding.verdict:
        case Verdict.PASS:
            return "passed"
        case Verdict.FAIL:
            return "failure"
        case Verdict.UNKNOWN:
            return "error"
        case Verdict.NOT_APPLICABLE:
            return "skipped"
        case _:
            assert_never(finding.verdict)


def _suite(name: str, findings: list[Finding], at: str) -> str:
    counted = Counter(_outcome(one) for one in findings)
    cases = "".join(_case(one) for one in findings)
    return (
        f'  <testsuite name={quoteattr(name)} timestamp="{at}" tests="{len(findings)}" '
        f'failures="{counted["failure"]}" errors="{counted["error"]}" skipped="{counted["skipped"]}">\n'
        f"{cases}  </testsuite>\n"
    )


def _case(finding: Finding) -> str:
    place = printable(place_of(finding))
    name = quoteattr(f"{finding.title} ({place})" if place else finding.title)
    head = f"    <testcase classname={quoteattr(finding.check)} name={name}"
    outcome = _outcome(finding)
    if outcome == "passed":
        return f"{head}/>\n"
    message = printable(finding.what)
    if outcome == "skipped":
        reason = f"waived until {finding.waived.until}: {finding.waived.reason}" if finding.waived else message
        return f"{head}><skipped message={quoteattr(printable(reason))}/></testcase>\n"
    quoted = "\n".join(printable(one) for one in finding.evidence)
    body = escape(f"{printable(finding.why)}\nfix: {printable(finding.fix)}\n{quoted}".rstrip())
    return (
        f"{head}><{outcome} type={quoteattr(str(finding.severity))} message={quoteattr(message)}>"
        f"{body}</{outcome}></testcase>\n"
    )
