"""The reports: what a tired person reads first, what a program reads, and the page of a check."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from sendworthy.audit.check import Check, Finding, Severity, Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import from_json
from sendworthy.audit.report.json import AuditDocument, audit_json, audit_schema
from sendworthy.audit.report.page import check_page
from sendworthy.audit.report.text import audit_text
from sendworthy.audit.runner import AuditReport, run

GOOD = from_json((Path(__file__).parent / "cases" / "good.json").read_bytes())


def finding(check: str, verdict: Verdict, severity: Severity = Severity.HIGH, *, blocks: bool = False) -> Finding:
    return Finding(
        check=check,
        title=f"Title of {check}",
        severity=severity,
        verdict=verdict,
        subject="example.com",
        region="eu-west-1",
        what=f"What of {check}.",
        evidence=("TXT \x1b]0;owned\x07example.com",),
        why="Why.",
        fix="Fix.",
        source="https://example.com/",
        blocks_request=blocks,
    )


REPORT = AuditReport(
    taken_at=GOOD.taken_at,
    regions=("eu-west-1",),
    domains=("example.com",),
    findings=(
        finding("passing", Verdict.PASS, blocks=True),
        finding("failing", Verdict.FAIL),
        finding("unseen", Verdict.UNKNOWN, Severity.LOW),
        finding("blocking", Verdict.FAIL, blocks=True),
        finding("worse", Verdict.FAIL, Severity.CRITICAL, blocks=True),
        finding("moot", Verdict.NOT_APPLICABLE),
    ),
)


def test_blockers_come_first_and_the_worst_of_them_before_the_rest() -> None:
    text = audit_text(REPORT)
    places = [text.index(f"What of {name}.") for name in ("worse", "blocking", "failing", "unseen")]
    assert places == sorted(places)
    assert places[-1] < text.index("moot") < text.index("passing")


def test_what_passes_is_told_by_its_name_alone_unless_all_is_asked_for() -> None:
    assert "What of passing." not in audit_text(REPORT)
    assert "What of passing." in audit_text(REPORT, everything=True)


def test_each_finding_is_told_once() -> None:
    text = audit_text(REPORT, everything=True)
    assert all(text.count(f"What of {one.check}.") == 1 for one in REPORT.findings)


def test_the_last_line_counts() -> None:
    assert audit_text(REPORT).splitlines()[-1] == (
        "6 findings: 1 pass, 3 fail, 1 unknown, 1 not applicable. 2 in the way of the request."
    )
    assert audit_text(run(GOOD)).endswith(" 0 fail, 7 not applicable. Nothing is in the way of the request.\n")


def test_an_audit_that_judged_no_domain_does_not_say_that_nothing_is_in_the_way() -> None:
    assert "in the way" not in audit_text(run(msgspec.structs.replace(GOOD, domains=())))


def test_there_is_colour_only_where_asked_for_and_strangers_cannot_bring_any() -> None:
    assert "\x1b" not in audit_text(REPORT)
    assert "\x07" not in audit_text(REPORT, colour=True)
    assert "\x1b[31mFAIL\x1b[0m" in audit_text(REPORT, colour=True)


def test_the_json_keeps_the_verdict_under_its_key_and_reads_back() -> None:
    document = json.loads(audit_json(REPORT))
    assert [one["verdict"] for one in document["findings"]] == [str(one.verdict) for one in REPORT.findings]
    assert document["schema"] == "sendworthy.audit/1"
    assert document["totals"] == {
        "findings": 6,
        "blockers": 2,
        "verdicts": {"pass": 1, "fail": 3, "unknown": 1, "not_applicable": 1},
        "waived": 0,
    }
    assert msgspec.json.decode(audit_json(REPORT), type=AuditDocument).findings == REPORT.findings


def test_the_schema_names_every_field_of_a_finding() -> None:
    definitions = audit_schema()["$defs"]
    assert set(definitions["Finding"]["properties"]) == set(Finding.__struct_fields__)
    assert set(definitions["AuditDocument"]["properties"]) == set(json.loads(audit_json(REPORT)))


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_a_page_holds_the_whole_card(check: Check) -> None:
    page = check_page(check)
    assert page.startswith(f"# {check.title}\n")
    for part in (check.id, str(check.severity), check.why, check.fix, check.source, *check.needs):
        assert part in page
