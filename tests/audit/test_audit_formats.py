"""The audit in each format: read back by what will read it, whole, and with strangers' texts made harmless."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from sendworthy.audit.changes import ChangeKind, compare
from sendworthy.audit.check import Finding, Place, Severity, Topic, Verdict, topic_of
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Seen, Unseen, UnseenKind, from_json
from sendworthy.audit.readiness import readiness
from sendworthy.audit.report.html import audit_html
from sendworthy.audit.report.json import audit_json, read_audit, schema_text
from sendworthy.audit.report.junit import audit_junit
from sendworthy.audit.report.markdown import audit_markdown
from sendworthy.audit.report.page import check_pages
from sendworthy.audit.report.sarif import audit_sarif
from sendworthy.audit.report.text import audit_text
from sendworthy.audit.runner import AuditReport, exit_code, run
from sendworthy.audit.waivers import Waiver
from sendworthy.errors import ConfigError

ROOT = Path(__file__).parents[2]
GOOD = from_json((Path(__file__).parent / "cases" / "good.json").read_bytes())
EVIL = '<script>alert(1)</script> \x1b[31m | `x` & "quoted" ]]>'


def finding(check: str, verdict: Verdict, severity: Severity = Severity.HIGH, **other: object) -> Finding:
    fields: dict[str, object] = {
        "check": check,
        "title": f"Title of {check}",
        "severity": severity,
        "verdict": verdict,
        "subject": "example.com",
        "region": "eu-west-1",
        "what": f"What of {check}: {EVIL}",
        "evidence": (EVIL,),
        "why": "Why.",
        "fix": "Fix.",
        "page": f"docs/checks/{check}.md",
        "source": "https://example.com/",
    }
    return msgspec.convert({**fields, **other}, Finding)


REPORT = AuditReport(
    taken_at=GOOD.taken_at,
    regions=("eu-west-1",),
    domains=("example.com",),
    findings=(
        finding("dkim.verified", Verdict.PASS),
        finding("spf.all", Verdict.FAIL, Severity.CRITICAL, blocks_request=True),
        finding("dmarc.record", Verdict.UNKNOWN, needs=("TXT _dmarc.example.com",)),
        finding("account.payment", Verdict.UNKNOWN, needs=("your word",)),
        finding("dns.bimi", Verdict.NOT_APPLICABLE),
        finding("source.errors", Verdict.FAIL, Severity.MEDIUM, places=(Place(file="app/mail.py", line=42),)),
    ),
)


def waived(until: str = "2026-12-31", **other: str) -> Waiver:
    return Waiver(check="spf.all", reason="on its way out", until=until, **other)


# Waivers


def broken() -> AuditReport:
    return run(msgspec.structs.replace(GOOD, dns={}), checks=[one for one in ALL if one.id == "dmarc.record"])


@pytest.mark.parametrize(
    ("waivers", "covered"),
    [
        ((Waiver(check="dmarc.record", reason="r", until="2026-11-24"),), True),
        ((Waiver(check="dmarc.record", reason="r", until="2026-11-23"),), False),
        ((Waiver(check="dmarc.record", reason="r", until="2027-01-01", subject="example.com"),), True),
        ((Waiver(check="dmarc.record", reason="r", until="2027-01-01", subject="example.org"),), False),
        ((Waiver(check="dmarc.policy", reason="r", until="2027-01-01"),), False),
    ],
)
def test_a_waiver_covers_its_own_check_and_subject_until_its_last_day(
    waivers: tuple[Waiver, ...], *, covered: bool
) -> None:
    checks = [one for one in ALL if one.id == "dmarc.record"]
    report = run(msgspec.structs.replace(GOOD, dns={}), checks=checks, waivers=waivers)
    assert [one.waived is not None for one in report.findings] == [covered]
    assert [one.verdict for one in report.findings] == [Verdict.UNKNOWN]
    assert exit_code(report, Severity.LOW) == (0 if covered else 3)
    assert len(report.blockers) == 1


def test_a_lapsed_waiver_is_told() -> None:
    report = run(GOOD, waivers=(waived("2026-11-01"),))
    assert [one.check for one in report.lapsed_waivers] == ["spf.all"]
    for written in (audit_text(report), audit_markdown(report), audit_html(report)):
        assert "ended on 2026-11-01" in written


def test_a_pass_needs_no_waiver() -> None:
    assert all(one.waived is None for one in run(GOOD, waivers=(waived(),)).findings)


# Questions to the user


def test_a_question_that_waits_for_an_answer_is_no_failure_to_look() -> None:
    silent = msgspec.structs.replace(GOOD.profile, word=type(GOOD.profile.word)())
    report = run(msgspec.structs.replace(GOOD, profile=silent))
    assert exit_code(report, Severity.LOW) == 0
    assert report.counts[Verdict.UNKNOWN] >= 8
    text = audit_text(report)
    assert "Only you can say" in text
    assert "Could not be looked at" not in text
    assert text.count("sendworthy audit --ask") == report.counts[Verdict.UNKNOWN]


# Readiness


def test_readiness_counts_passes_by_weight_and_rounds_down() -> None:
    made = readiness(
        [
            finding("dkim.verified", Verdict.PASS, Severity.CRITICAL),
            finding("spf.all", Verdict.FAIL, Severity.LOW),
            finding("dns.bimi", Verdict.NOT_APPLICABLE, Severity.CRITICAL),
            finding("account.sandbox", Verdict.FAIL, Severity.CRITICAL),
            finding("events.wired", Verdict.UNKNOWN, Severity.LOW),
        ]
    )
    assert made.percent == 80
    assert [(part.topic, part.percent, part.unknown) for part in made.parts] == [
        (Topic.AUTHENTICATION, 88, 0),
        (Topic.EVENTS, 0, 1),
    ]


def test_nothing_judged_is_not_ready() -> None:
    assert readiness([]).percent == 0


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_check_belongs_to_a_topic(check: object) -> None:
    assert topic_of(getattr(check, "id", "")) in Topic


# Changes


def test_changes_are_told_by_which_way_they_went() -> None:
    def of(**verdicts: Verdict) -> list[Finding]:
        return [finding(name, verdict) for name, verdict in verdicts.items()]

    pass_, fail, unknown, moot = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE
    changes = compare(
        of(a=fail, b=pass_, c=pass_, d=pass_, e=fail, f=pass_, g=moot),
        of(a=pass_, b=fail, c=unknown, d=pass_, e=fail, g=pass_, h=fail),
        since=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert {one.check: one.kind for one in changes.changes} == {
        "a": ChangeKind.FIXED,
        "b": ChangeKind.BROKEN,
        "c": ChangeKind.LOST,
        "f": ChangeKind.OTHER,
        "g": ChangeKind.OTHER,
        "h": ChangeKind.BROKEN,
    }
    assert [one.kind for one in changes.changes] == sorted(
        (one.kind for one in changes.changes), key=list(ChangeKind).index
    )


def test_changes_are_in_every_report_that_has_room_for_them() -> None:
    changes = compare(run(GOOD).findings, REPORT.findings, since=datetime(2026, 11, 1, tzinfo=UTC))
    assert "spf.all" in audit_text(REPORT, changes=changes).partition("In the way")[0]
    assert "Since the audit of 2026-11-01" in audit_markdown(REPORT, changes)
    assert "Since 2026-11-01" in audit_html(REPORT, changes)
    document = json.loads(audit_json(REPORT, changes))
    assert document["changes"]["changes"][0]["kind"] == "broken"
    nothing = compare(REPORT.findings, REPORT.findings, since=GOOD.taken_at)
    assert "Nothing has changed." in audit_text(REPORT, changes=nothing)


# JSON


def test_the_published_schema_is_the_one_that_is_written() -> None:
    assert (ROOT / "docs" / "audit" / "schema.json").read_text() == schema_text()


def test_an_audit_reads_back_and_anything_else_is_one_clear_line() -> None:
    assert read_audit(audit_json(REPORT)).findings == REPORT.findings
    for data in (b"", b"{}", b"[]", audit_json(REPORT).replace(b"sendworthy.audit/1", b"sendworthy.audit/9")):
        with pytest.raises(ConfigError, match="earlier audit"):
            read_audit(data)


def test_an_audit_of_the_first_version_reads_back() -> None:
    old = {
        "schema": "sendworthy.audit/1",
        "taken_at": "2026-11-24T09:30:00Z",
        "regions": [],
        "domains": [],
        "findings": [
            {
                "check": "dkim.verified",
                "title": "DKIM",
                "severity": "high",
                "verdict": "pass",
                "subject": "example.com",
                "what": "Well.",
            }
        ],
        "totals": {"findings": 1, "blockers": 0, "verdicts": {}},
    }
    assert read_audit(json.dumps(old).encode()).findings[0].verdict is Verdict.PASS


# Markdown


def test_markdown_shows_strangers_texts_as_they_are() -> None:
    text = audit_markdown(REPORT)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\\<script\\>" in text
    assert "[`spf.all`](docs/checks/spf.all.md)" in text
    tables = [line for line in text.splitlines() if line.startswith("| `dkim.verified`")]
    assert tables
    assert tables[0].replace("\\|", "").count("|") == 4


# HTML


class Document(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "circle"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_page_is_whole_and_needs_nothing_else() -> None:
    page = Document(audit_html(REPORT))
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "form", "object"}
    assert not any(name.startswith("on") or name in ("src", "srcset") for _, found in page.tags for name in found)
    policy = next(found["content"] for _, found in page.tags if found.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_every_link_within_the_page_leads_somewhere() -> None:
    page = Document(audit_html(run(GOOD)))
    ids = [found["id"] for _, found in page.tags if found.get("id")]
    assert len(ids) == len(set(ids))
    links = [str(found["href"]) for tag, found in page.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(ids)
    assert len([link for link in links if link.startswith("#check-")]) == len(run(GOOD).findings)


def test_the_html_page_lets_no_stranger_write_markup() -> None:
    text = audit_html(REPORT)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text


def test_the_html_page_does_not_say_that_nothing_is_in_the_way_where_nothing_was_judged() -> None:
    assert "Nothing is in the way" in audit_html(run(GOOD))
    assert "Nothing is in the way" not in audit_html(run(msgspec.structs.replace(GOOD, domains=())))


# SARIF


def test_sarif_has_a_rule_for_each_check_and_a_result_for_each_finding() -> None:
    document = json.loads(audit_sarif(REPORT, version="1.2.3"))
    assert document["version"] == "2.1.0"
    (one,) = document["runs"]
    rules = one["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [
        check.id for check in ALL if check.id in {found.check for found in REPORT.findings}
    ]
    assert len(one["results"]) == len(REPORT.findings)
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["level"] == "none") == (result["kind"] != "fail")
        assert result["message"]["text"]
        assert result["locations"]
    kinds = {result["ruleId"]: result["kind"] for result in one["results"]}
    assert kinds["dkim.verified"] == "pass"
    assert kinds["dmarc.record"] == "open"
    assert kinds["dns.bimi"] == "notApplicable"


def test_sarif_points_at_the_line_of_a_sin() -> None:
    (one,) = json.loads(audit_sarif(REPORT, version="1"))["runs"]
    (sin,) = (result for result in one["results"] if result["ruleId"] == "source.errors")
    place = sin["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "app/mail.py"}, "region": {"startLine": 42}}


def test_sarif_says_what_is_waived() -> None:
    report = run(msgspec.structs.replace(GOOD, dns={}), waivers=(waived(),))
    results = json.loads(audit_sarif(report, version="1"))["runs"][0]["results"]
    assert [result["ruleId"] for result in results if "suppressions" in result] == ["spf.all"]


# JUnit


def test_junit_counts_failures_errors_and_what_is_skipped() -> None:
    root = ET.fromstring(audit_junit(REPORT))  # noqa: S314 - our own text
    assert root.attrib["tests"] == "6"
    outcomes = {case.attrib["classname"]: [child.tag for child in case] for case in root.iter("testcase")}
    assert outcomes == {
        "dkim.verified": [],
        "spf.all": ["failure"],
        "dmarc.record": ["error"],
        "account.payment": ["skipped"],
        "dns.bimi": ["skipped"],
        "source.errors": ["failure"],
    }
    for suite in root.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(list(suite))
    assert (root.attrib["failures"], root.attrib["errors"], root.attrib["skipped"]) == ("2", "1", "2")


# Pages


def test_there_is_a_page_for_each_check_and_a_list_that_names_it_once() -> None:
    pages = check_pages(ALL)
    assert set(pages) == {"README.md", *(f"{check.id}.md" for check in ALL)}
    assert all(pages["README.md"].count(f"]({check.id}.md)") == 1 for check in ALL)
    assert {one.page for one in run(GOOD).findings} == {f"docs/checks/{check.id}.md" for check in ALL}


def test_at_least_seventy_checks_and_no_id_twice() -> None:
    assert len({check.id for check in ALL}) == len(ALL) >= 70


def test_a_reading_that_failed_is_never_a_pass() -> None:
    unseen = Unseen(kind=UnseenKind.DENIED, reason="denied", needs="ses:GetAccount")
    report = run(GOOD)
    blind = msgspec.structs.replace(
        GOOD,
        caller=unseen,
        iam=unseen,
        remembered=unseen,
        source=unseen,
        probe=unseen,
        dns=dict.fromkeys(GOOD.dns, unseen),
        websites=dict.fromkeys(GOOD.websites, unseen),
        servers=dict.fromkeys(GOOD.servers, unseen),
        messages=(),
        profile=type(GOOD.profile)(sender=GOOD.profile.sender),
        regions={
            region: msgspec.structs.replace(
                seen,
                account=unseen,
                identities=dict.fromkeys(seen.identities, unseen),
                configuration_sets=dict.fromkeys(seen.configuration_sets, unseen),
                topics=dict.fromkeys(seen.topics, unseen),
                queues=dict.fromkeys(seen.queues, unseen),
                listed=unseen,
                notifications=dict.fromkeys(seen.notifications, unseen),
                alarms=unseen,
                metrics=unseen,
                log_groups=unseen,
                suppression_list=unseen,
                recommendations=unseen,
            )
            for region, seen in GOOD.regions.items()
        },
    )
    assert report.counts[Verdict.PASS] > 100
    passing = {one.check for one in run(blind).with_verdict(Verdict.PASS)}
    # What is left stands in sendworthy.toml, which nobody has to look up.
    assert passing == {"profile.placeholders", "profile.company", "profile.business_contacts"}
    failing = {one.check for one in run(blind).with_verdict(Verdict.FAIL)}
    assert failing == {"permissions.audit"}
    assert isinstance(GOOD.caller, Seen)


def test_a_command_in_the_page_is_shown_as_code() -> None:
    page = audit_html(run(GOOD))
    assert "<code>sendworthy plan</code>" in page
    assert "`" not in page
