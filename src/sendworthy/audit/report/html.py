"""An audit as one HTML page that needs nothing else: no script, no request, readable by ear, on paper and at night."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape

from sendworthy.audit.changes import Changes
from sendworthy.audit.check import Check, Finding, Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.report.parts import TOPIC_TITLES, ReportPart, place_of, printable, report_parts
from sendworthy.audit.report.style import STYLE
from sendworthy.audit.report.text import closing_line, is_clear
from sendworthy.audit.runner import AuditReport

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_WORDS = {
    Verdict.PASS: "passes",
    Verdict.FAIL: "fails",
    Verdict.UNKNOWN: "unknown",
    Verdict.NOT_APPLICABLE: "does not apply",
}
_COUNTED = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.UNKNOWN: "unknown",
    Verdict.NOT_APPLICABLE: "not applicable",
}
_RADIUS = 52.0
_CODE = re.compile(r"`([^`]+)`")


def audit_html(report: AuditReport, changes: Changes | None = None, *, checks: Sequence[Check] = ALL) -> str:
    """Give the page. Every text of strangers is escaped, and the page's own policy forbids scripts and requests."""
    return "\n".join(_page(report, changes, checks)) + "\n"


def _text(value: object) -> str:
    return escape(printable(str(value)))


def _prose(text: str) -> str:
    """Escape a text of ours, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", _text(text))


def _anchor(check_id: str) -> str:
    return "check-" + check_id.replace(".", "-").replace("_", "-")


def _page(report: AuditReport, changes: Changes | None, checks: Sequence[Check]) -> Iterator[str]:
    whom = ", ".join(report.domains) or "no domain"
    where = ", ".join(report.regions) or "no Region"
    at = f"{report.taken_at:%Y-%m-%d %H:%M} UTC"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>Audit of {_text(whom)}, {at}</title><style>{STYLE}</style></head><body>"
    yield '<a class="skip" href="#findings">To the findings</a>'
    yield f'<header><h1>Audit of {_text(whom)}</h1><p class="meta">{_text(where)} · {at}</p></header>'
    yield '<main id="findings">'
    yield from _summary(report)
    parts = report_parts(report)
    for part in parts:
        if not part.brief:
            yield from _full(part)
    if changes is not None:
        yield from _changes(changes)
    yield from _readiness(report)
    for part in parts:
        if part.brief:
            yield from _brief(part)
    for waiver in report.lapsed_waivers:
        yield f"<p>The waiver of <code>{_text(waiver.check)}</code> ended on {_text(waiver.until)}.</p>"
    yield from _cards(report, checks)
    yield "</main>"
    yield "<footer><p>Made by Sendworthy. What could not be looked at is unknown, never passed. The readiness figure is"
    yield "our own measure; AWS publishes none and decides by criteria of its own.</p></footer></body></html>"


def _summary(report: AuditReport) -> Iterator[str]:
    blockers = len(report.blockers)
    lead = f"{blockers} in the way of the request" if blockers else "Looked at"
    if is_clear(report):
        lead = "Nothing is in the way of the request"
    percent = report.readiness.percent
    around = 2 * math.pi * _RADIUS
    yield '<section class="summary" aria-label="Summary">'
    yield f'<svg class="ring" viewBox="0 0 120 120" role="img" aria-label="Ready: {percent} of 100">'
    yield f'<circle class="all" cx="60" cy="60" r="{_RADIUS:g}"/>'
    if percent:
        drawn = f"{around * percent / 100:.1f} {around:.1f}"
        yield f'<circle class="part" cx="60" cy="60" r="{_RADIUS:g}" stroke-dasharray="{drawn}"'
        yield 'transform="rotate(-90 60 60)"/>'
    yield f'<text x="60" y="68">{percent}</text><text class="of" x="60" y="86">of 100</text></svg>'
    yield f'<div class="verdict"><p class="lead">{lead}</p><p>{_text(closing_line(report))}</p><ul class="counts">'
    for verdict, count in report.counts.items():
        yield f'<li class="tag {verdict}">{count} {_COUNTED[verdict]}</li>'
    yield "</ul></div></section>"


def _readiness(report: AuditReport) -> Iterator[str]:
    parts = report.readiness.parts
    if not parts:
        return
    yield '<section aria-labelledby="ready"><h2 id="ready">Readiness by part</h2><table><thead><tr>'
    yield '<th scope="col">Part</th><th scope="col" class="number">Of 100</th><th scope="col">Share</th>'
    yield '<th scope="col" class="number">Passing</th><th scope="col" class="number">Unknown</th></tr></thead><tbody>'
    for part in parts:
        title = TOPIC_TITLES[part.topic]
        bar = f'<meter min="0" max="100" value="{part.percent}" aria-label="{title}: {part.percent} of 100"></meter>'
        yield f'<tr><th scope="row">{title}</th><td class="number">{part.percent}</td><td>{bar}</td>'
        yield f'<td class="number">{part.passed} of {part.applicable}</td><td class="number">{part.unknown}</td></tr>'
    yield "</tbody></table></section>"


def _changes(changes: Changes) -> Iterator[str]:
    yield f'<section aria-labelledby="since"><h2 id="since">Since {changes.since:%Y-%m-%d %H:%M} UTC</h2>'
    if not changes.changes:
        yield "<p>Nothing has changed.</p></section>"
        return
    yield '<table><thead><tr><th scope="col">Change</th><th scope="col">Check</th><th scope="col">Where</th>'
    yield '<th scope="col">Before</th><th scope="col">After</th></tr></thead><tbody>'
    for one in changes.changes:
        where = f"{one.subject} {one.region}".strip()
        yield f'<tr><td>{one.kind}</td><th scope="row">{_text(one.title)}</th><td>{_text(where)}</td>'
        yield f"<td>{one.before or 'not judged'}</td><td>{one.after or 'not judged'}</td></tr>"
    yield "</tbody></table></section>"


def _heading(part: ReportPart) -> tuple[str, str]:
    anchor = part.heading.lower().replace(" ", "-")
    return f'<section aria-labelledby="{anchor}">', f'<h2 id="{anchor}">{part.heading} ({len(part.findings)})</h2>'


def _full(part: ReportPart) -> Iterator[str]:
    yield from _heading(part)
    for finding in part.findings:
        yield from _finding(finding)
    yield "</section>"


def _finding(finding: Finding) -> Iterator[str]:
    place = place_of(finding)
    yield f'<article class="finding is-{finding.verdict}"><h3>{_text(finding.title)}</h3>'
    yield f'<p><span class="tag {finding.verdict}">{_WORDS[finding.verdict]}, {finding.severity}</span>'
    yield f'<span class="place">{_text(place)}</span></p><p>{_text(finding.what)}</p><dl>'
    yield f"<dt>Why</dt><dd>{_prose(finding.why)}</dd>"
    if finding.fix:
        yield f"<dt>Fix</dt><dd>{_prose(finding.fix)}</dd>"
    if finding.evidence:
        seen = "".join(f'<li class="seen">{_text(one)}</li>' for one in finding.evidence)
        yield f"<dt>Seen</dt><dd><ul>{seen}</ul></dd>"
    if finding.waived is not None:
        yield f"<dt>Waived</dt><dd>{_text(finding.waived.reason)} (until {_text(finding.waived.until)})</dd>"
    yield f'<dt>Check</dt><dd><a href="#{_anchor(finding.check)}"><code>{_text(finding.check)}</code></a></dd>'
    yield "</dl></article>"


def _brief(part: ReportPart) -> Iterator[str]:
    yield from _heading(part)
    yield f"<details><summary>{len(part.findings)} findings</summary><table><thead><tr>"
    yield '<th scope="col">Check</th><th scope="col">Where</th><th scope="col">What was seen</th></tr></thead><tbody>'
    for finding in part.findings:
        yield f'<tr><th scope="row"><a href="#{_anchor(finding.check)}">{_text(finding.title)}</a></th>'
        yield f"<td>{_text(place_of(finding) or 'the sender')}</td><td>{_text(finding.what)}</td></tr>"
    yield "</tbody></table></details></section>"


def _cards(report: AuditReport, checks: Sequence[Check]) -> Iterator[str]:
    """Give what each check that was run is about, so that the page explains itself without a network."""
    used = {finding.check for finding in report.findings}
    yield '<section aria-labelledby="checks"><h2 id="checks">About the checks</h2>'
    for check in checks:
        if check.id in used:
            needs = ", ".join(check.needs)
            yield f'<details id="{_anchor(check.id)}"><summary>{_text(check.title)} ({_text(check.id)})</summary>'
            yield f"<p>{_prose(check.why)}</p><p>Fix: {_prose(check.fix)}</p><p>Reads: {_text(needs)}</p>"
            yield f'<p>Source: <a rel="noreferrer" href="{escape(check.source)}">{_text(check.source)}</a></p>'
            yield "</details>"
    yield "</section>"
