"""An audit as Markdown, for an issue or a wiki: what to mend as a list, the rest as a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sendworthy.audit.changes import Changes
from sendworthy.audit.check import Finding
from sendworthy.audit.report.parts import TOPIC_TITLES, ReportPart, place_of, printable, report_parts
from sendworthy.audit.report.text import closing_line
from sendworthy.audit.runner import AuditReport

_STEERING = re.compile(r"([\\`*_{}\[\]<>#|~])")


def audit_markdown(report: AuditReport, changes: Changes | None = None) -> str:
    """Give the report in Markdown (CommonMark with tables), ending in a line break."""
    return "\n".join(_lines(report, changes)) + "\n"


def plain(text: str) -> str:
    """Give text that Markdown shows as it is: records and pages are written by strangers."""
    return _STEERING.sub(r"\\\1", " ".join(printable(text).split()))


def _lines(report: AuditReport, changes: Changes | None) -> Iterator[str]:
    whom = ", ".join(report.domains) or "no domain"
    where = ", ".join(report.regions) or "no Region"
    yield f"# Audit of {plain(whom)} in {plain(where)}"
    yield ""
    yield f"{report.taken_at:%Y-%m-%d %H:%M} UTC. {closing_line(report)}"
    yield from _readiness(report)
    if changes is not None:
        yield from _changes(changes)
    for part in report_parts(report):
        yield ""
        yield f"## {part.heading}"
        yield ""
        yield from _table(part) if part.brief else _list(part)
    for waiver in report.lapsed_waivers:
        yield ""
        yield f"The waiver of `{waiver.check}` ended on {waiver.until} and covers nothing."


def _readiness(report: AuditReport) -> Iterator[str]:
    ready = report.readiness
    if not ready.parts:
        return
    yield ""
    yield f"**Ready: {ready.percent} of 100**"
    yield ""
    yield "| part | of 100 | passing | unknown |"
    yield "|---|---|---|---|"
    for part in ready.parts:
        yield f"| {TOPIC_TITLES[part.topic]} | {part.percent} | {part.passed} of {part.applicable} | {part.unknown} |"


def _changes(changes: Changes) -> Iterator[str]:
    yield ""
    yield f"## Since the audit of {changes.since:%Y-%m-%d %H:%M} UTC"
    yield ""
    if not changes.changes:
        yield "Nothing has changed."
        return
    yield "| change | check | where | before | after |"
    yield "|---|---|---|---|---|"
    for one in changes.changes:
        where = f"{one.subject} {one.region}".strip()
        yield f"| {one.kind} | `{one.check}` | {plain(where)} | {one.before or ''} | {one.after or ''} |"


def _list(part: ReportPart) -> Iterator[str]:
    for finding in part.findings:
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[str]:
    place = f" · {plain(place_of(finding))}" if place_of(finding) else ""
    page = f"[`{finding.check}`]({finding.page})" if finding.page else f"`{finding.check}`"
    yield f"- **{plain(finding.title)}** ({finding.verdict}, {finding.severity}){place}"
    yield f"  {plain(finding.what)}"
    yield f"  - why: {plain(finding.why)}"
    yield f"  - fix: {plain(finding.fix)}"
    for quoted in finding.evidence:
        yield f"  - seen: {plain(quoted)}"
    if finding.waived is not None:
        yield f"  - waived until {finding.waived.until}: {plain(finding.waived.reason)}"
    yield f"  - {page}"


def _table(part: ReportPart) -> Iterator[str]:
    yield "| check | where | |"
    yield "|---|---|---|"
    for finding in part.findings:
        yield f"| `{finding.check}` | {plain(place_of(finding))} | {plain(finding.what)} |"
