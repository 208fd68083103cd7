"""An audit as text for a tired person: what stands in the way first, then the rest, then one line of counts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import assert_never

from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.runner import AuditReport

_WIDTH = 100
_RESET = "\x1b[0m"
_COLOURS = {
    Verdict.FAIL: "\x1b[31m",
    Verdict.UNKNOWN: "\x1b[33m",
    Verdict.PASS: "\x1b[32m",
    Verdict.NOT_APPLICABLE: "\x1b[2m",
}


def audit_text(report: AuditReport, *, colour: bool = False) -> str:
    """Give the report; escape sequences only where `colour` asks for them.

    Order: blockers of the request, what else fails, what could not be looked at, what passes. Within a part the
    most severe comes first.
    """
    return "\n".join(_lines(report, colour=colour)) + "\n"


def printable(text: str) -> str:
    """Replace whatever could steer a terminal: DNS records and web pages are written by strangers."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _lines(report: AuditReport, *, colour: bool) -> Iterator[str]:
    whom = ", ".join(report.domains) or "no domain"
    where = ", ".join(report.regions) or "no Region"
    yield f"Audit of {whom} in {where}, {report.taken_at:%Y-%m-%d %H:%M} UTC"
    shown: set[int] = set()
    parts = (
        ("In the way of the request", report.blockers),
        ("Also failing", report.with_verdict(Verdict.FAIL)),
        ("Could not be looked at", report.with_verdict(Verdict.UNKNOWN)),
        ("Does not apply", report.with_verdict(Verdict.NOT_APPLICABLE)),
        ("Passing", report.with_verdict(Verdict.PASS)),
    )
    for heading, findings in parts:
        fresh = [finding for finding in findings if id(finding) not in shown]
        shown.update(id(finding) for finding in fresh)
        if fresh:
            yield ""
            yield heading
            for finding in _by_severity(fresh):
                yield from _finding(finding, colour=colour)
    yield ""
    yield closing_line(report)


def _by_severity(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: -finding.severity.rank)


def _finding(finding: Finding, *, colour: bool) -> Iterator[str]:
    word = _word(finding.verdict)
    label = f"{_COLOURS[finding.verdict]}{word}{_RESET}" if colour else word
    place = _place(finding)
    match finding.verdict:
        case Verdict.PASS | Verdict.NOT_APPLICABLE:
            yield f"  {label} {finding.check}  {printable(finding.what)}"
        case Verdict.FAIL | Verdict.UNKNOWN:
            yield f"  {label} {finding.title} [{finding.severity}] {printable(place)}".rstrip()
            yield from _wrapped("", finding.what)
            yield from _wrapped("why: ", finding.why)
            yield from _wrapped("fix: ", finding.fix)
            for quoted in finding.evidence:
                yield f"       seen: {printable(quoted)}"
            yield f"       {finding.check}  {finding.source}".rstrip()
        case _:
            assert_never(finding.verdict)


def _place(finding: Finding) -> str:
    if finding.region and finding.subject != finding.region:
        return f"{finding.subject} in {finding.region}"
    return "" if finding.subject == "sender" else finding.subject


def _wrapped(label: str, text: str) -> list[str]:
    first = f"       {label}"
    rest = " " * len(first)
    # Names, records and URLs are for copying: they are never broken, however long.
    return textwrap.wrap(
        printable(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _word(verdict: Verdict) -> str:
    match verdict:
        case Verdict.PASS:
            return "pass"
        case Verdict.FAIL:
            return "FAIL"
        case Verdict.UNKNOWN:
            return "????"
        case Verdict.NOT_APPLICABLE:
            return "n/a "
        case _:
            assert_never(verdict)


def closing_line(report: AuditReport) -> str:
    """Give the counts in one sentence: `8 checks: 5 pass, 2 fail, 1 could not be looked at.`."""
    counts = report.counts
    parts = [f"{counts[Verdict.PASS]} pass", f"{counts[Verdict.FAIL]} fail"]
    if counts[Verdict.UNKNOWN]:
        parts.append(f"{counts[Verdict.UNKNOWN]} could not be looked at")
    if counts[Verdict.NOT_APPLICABLE]:
        parts.append(f"{counts[Verdict.NOT_APPLICABLE]} not applicable")
    blockers = len(report.blockers)
    clear = all(finding.verdict is Verdict.PASS for finding in report.findings if finding.blocks_request)
    ending = f" {blockers} in the way of the request." if blockers else ""
    if clear:
        ending = " Nothing is in the way of the request."
    return f"{len(report.findings)} findings: {', '.join(parts)}.{ending}"
