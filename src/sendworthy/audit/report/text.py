"""An audit as text for a tired person: what stands in the way first, then the rest, then one line of counts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import assert_never

from sendworthy.audit.changes import ChangeKind, Changes
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.report.parts import TOPIC_TITLES, ReportPart, place_of, printable, report_parts
from sendworthy.audit.runner import AuditReport

__all__ = ["audit_text", "closing_line", "is_clear", "printable"]

_WIDTH = 100
_RESET = "\x1b[0m"
_COLOURS = {
    Verdict.FAIL: "\x1b[31m",
    Verdict.UNKNOWN: "\x1b[33m",
    Verdict.PASS: "\x1b[32m",
    Verdict.NOT_APPLICABLE: "\x1b[2m",
}


def audit_text(
    report: AuditReport, *, colour: bool = False, everything: bool = False, changes: Changes | None = None
) -> str:
    """Give the report; escape sequences only where `colour` asks for them.

    Order: what has changed, blockers of the request, what else fails, what could not be looked at, what only the user
    can say, and in few words what is waived, does not apply or passes; `everything` tells the last two in full.
    """
    return "\n".join(_lines(report, colour=colour, everything=everything, changes=changes)) + "\n"


def _lines(report: AuditReport, *, colour: bool, everything: bool, changes: Changes | None) -> Iterator[str]:
    whom = ", ".join(report.domains) or "no domain"
    where = ", ".join(report.regions) or "no Region"
    yield f"Audit of {whom} in {where}, {report.taken_at:%Y-%m-%d %H:%M} UTC"
    if changes is not None:
        yield from _changes(changes)
    for part in report_parts(report):
        yield ""
        if part.brief and not everything:
            yield from _brief(part)
            continue
        yield part.heading
        for finding in part.findings:
            yield from _finding(finding, colour=colour)
    for waiver in report.lapsed_waivers:
        yield ""
        yield from _wrapped("", f"The waiver of {waiver.check} ended on {waiver.until} and covers nothing.")
    yield ""
    yield from _readiness(report)
    yield closing_line(report)


def _changes(changes: Changes) -> Iterator[str]:
    yield ""
    yield f"Since the audit of {changes.since:%Y-%m-%d %H:%M} UTC"
    if not changes.changes:
        yield "  Nothing has changed."
    for kind in ChangeKind:
        for one in changes.of(kind):
            went = f"{one.before or 'not judged'} -> {one.after or 'not judged'}"
            where = f"{one.subject} in {one.region}" if one.region and one.subject != one.region else one.subject
            yield f"  {kind:<7} {one.check}  {printable(where)}  {went}"


def _brief(part: ReportPart) -> Iterator[str]:
    """Tell findings by their ids alone, each once with how often it was found."""
    counted: dict[str, int] = {}
    for finding in part.findings:
        counted[finding.check] = counted.get(finding.check, 0) + 1
    yield f"{part.heading} ({len(part.findings)}; --all tells more)"
    names = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counted.items())
    yield from textwrap.wrap(
        names, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _finding(finding: Finding, *, colour: bool) -> Iterator[str]:
    word = _word(finding.verdict)
    label = f"{_COLOURS[finding.verdict]}{word}{_RESET}" if colour else word
    match finding.verdict:
        case Verdict.PASS | Verdict.NOT_APPLICABLE:
            yield f"  {label} {finding.check}  {printable(finding.what)}"
        case Verdict.FAIL | Verdict.UNKNOWN:
            yield f"  {label} {finding.title} [{finding.severity}] {printable(place_of(finding))}".rstrip()
            yield from _wrapped("", finding.what)
            yield from _wrapped("why: ", finding.why)
            yield from _wrapped("fix: ", finding.fix)
            for quoted in finding.evidence:
                yield f"       seen: {printable(quoted)}"
            if finding.waived is not None:
                yield from _wrapped("waived: ", f"{finding.waived.reason} (until {finding.waived.until})")
            yield f"       {finding.check}  {finding.page or finding.source}".rstrip()
        case _:
            assert_never(finding.verdict)


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


def _readiness(report: AuditReport) -> Iterator[str]:
    ready = report.readiness
    if not ready.parts:
        return
    yield f"Ready: {ready.percent} of 100"
    named = ", ".join(f"{TOPIC_TITLES[part.topic]} {part.percent}" for part in ready.parts)
    yield from textwrap.wrap(named, _WIDTH, initial_indent="  ", subsequent_indent="  ")


def is_clear(report: AuditReport) -> bool:
    """Say whether every check that can block the request was judged and passes."""
    return all(finding.verdict is Verdict.PASS for finding in report.findings if finding.blocks_request)


def closing_line(report: AuditReport) -> str:
    """Give the counts in one sentence: `8 checks: 5 pass, 2 fail, 1 could not be looked at.`."""
    counts = report.counts
    parts = [f"{counts[Verdict.PASS]} pass", f"{counts[Verdict.FAIL]} fail"]
    if counts[Verdict.UNKNOWN]:
        parts.append(f"{counts[Verdict.UNKNOWN]} unknown")
    if counts[Verdict.NOT_APPLICABLE]:
        parts.append(f"{counts[Verdict.NOT_APPLICABLE]} not applicable")
    blockers = len(report.blockers)
    ending = f" {blockers} in the way of the request." if blockers else ""
    if is_clear(report):
        ending = " Nothing is in the way of the request."
    return f"{len(report.findings)} findings: {', '.join(parts)}.{ending}"
