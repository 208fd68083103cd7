"""The runner: the two verdicts it adds, what stands in the way, and how the command ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    Verdict,
    not_followed,
    see,
)
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Evidence, Unseen, UnseenKind, from_json, to_json
from sendworthy.audit.runner import AuditReport, exit_code, run
from sendworthy.errors import ConfigError

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
UNSEEN = Unseen(kind=UnseenKind.DENIED, reason="denied.", needs="ses:GetAccount")
GOOD = from_json((Path(__file__).parent / "cases" / "good.json").read_bytes())


def check_of(verdict: Verdict, severity: Severity = Severity.HIGH, *, blocks: bool = False) -> Check:
    def judge(_evidence: Evidence, _subject: Subject) -> Passed | Failed:
        match verdict:
            case Verdict.PASS:
                return Passed("well")
            case Verdict.FAIL:
                return Failed("ill", ("seen",), "mend it")
            case Verdict.UNKNOWN:
                return see(UNSEEN)
            case Verdict.NOT_APPLICABLE:
                raise NotApplicable("no such thing")

    return Check(
        id=f"made.{verdict}",
        title="Made up",
        severity=severity,
        scope=Scope.SENDER,
        needs=(),
        why="because",
        fix="the card's fix",
        source="https://example.com/",
        blocks_request=blocks,
        run=judge,
    )


def report_of(*checks: Check) -> AuditReport:
    return run(Evidence(taken_at=NOW, caller=UNSEEN), checks=checks)


@pytest.mark.parametrize(
    ("checks", "fail_on", "code"),
    [
        ([], Severity.LOW, 0),
        ([check_of(Verdict.PASS)], Severity.LOW, 0),
        ([check_of(Verdict.FAIL)], Severity.HIGH, 1),
        ([check_of(Verdict.FAIL)], Severity.CRITICAL, 0),
        ([check_of(Verdict.UNKNOWN)], Severity.HIGH, 3),
        ([check_of(Verdict.UNKNOWN)], Severity.CRITICAL, 0),
        ([check_of(Verdict.UNKNOWN), check_of(Verdict.FAIL)], Severity.LOW, 1),
        ([check_of(Verdict.UNKNOWN), check_of(Verdict.FAIL, Severity.LOW)], Severity.MEDIUM, 3),
        ([check_of(Verdict.NOT_APPLICABLE)], Severity.LOW, 0),
    ],
)
def test_the_exit_code_follows_the_worst_certain_thing(checks: list[Check], fail_on: Severity, code: int) -> None:
    assert exit_code(report_of(*checks), fail_on) == code


def test_a_failure_to_look_names_what_it_needs_and_is_no_verdict_of_the_author() -> None:
    (finding,) = report_of(check_of(Verdict.UNKNOWN)).findings
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.needs == ("ses:GetAccount",)
    assert finding.what == "Could not be looked at: denied."
    assert "ses:GetAccount" in finding.fix


def test_a_thing_that_is_not_followed_is_unknown() -> None:
    def judge(_evidence: Evidence, _subject: Subject) -> Passed:
        not_followed("a path beyond the mountains")

    check = check_of(Verdict.PASS)
    other = Check(**{name: getattr(check, name) for name in check.__slots__ if name != "run"}, run=judge)
    assert report_of(other).findings[0].what == "Could not be looked at: a path beyond the mountains."


def test_a_failure_brings_its_own_fix_and_its_card() -> None:
    (finding,) = report_of(check_of(Verdict.FAIL)).findings
    assert (finding.fix, finding.why, finding.evidence) == ("mend it", "because", ("seen",))


def test_without_domains_or_regions_the_checks_that_need_them_do_not_apply() -> None:
    report = run(Evidence(taken_at=NOW, caller=UNSEEN))
    assert {finding.check for finding in report.findings} == {check.id for check in ALL}
    scopes = {check.id: check.scope for check in ALL}
    elsewhere = [finding.verdict for finding in report.findings if scopes[finding.check] is not Scope.SENDER]
    assert set(elsewhere) == {Verdict.NOT_APPLICABLE}
    assert not report.with_verdict(Verdict.PASS)


def test_blockers_are_blocking_checks_that_fail_or_were_not_seen() -> None:
    report = report_of(
        check_of(Verdict.PASS, blocks=True),
        check_of(Verdict.FAIL, blocks=True),
        check_of(Verdict.UNKNOWN, blocks=True),
        check_of(Verdict.FAIL),
        check_of(Verdict.NOT_APPLICABLE, blocks=True),
    )
    assert [finding.verdict for finding in report.blockers] == [Verdict.FAIL, Verdict.UNKNOWN]
    assert report.counts == {
        Verdict.PASS: 1,
        Verdict.FAIL: 2,
        Verdict.UNKNOWN: 1,
        Verdict.NOT_APPLICABLE: 1,
    }


def test_an_identity_is_judged_in_each_region() -> None:
    evidence = msgspec.structs.replace(GOOD, regions={**GOOD.regions, "us-east-1": GOOD.regions["eu-west-1"]})
    found = [one for one in run(evidence).findings if one.check == "identity.verified"]
    assert [(one.subject, one.region) for one in found] == [("example.com", "eu-west-1"), ("example.com", "us-east-1")]


def test_good_evidence_passes_everything() -> None:
    report = run(GOOD)
    assert not report.with_verdict(Verdict.FAIL)
    assert not report.with_verdict(Verdict.UNKNOWN)
    assert {one.check for one in report.with_verdict(Verdict.NOT_APPLICABLE)} == {
        "account.first_sends",
        "account.day_of_use",
        "account.regions",
        "identity.replica",
        "dkim.own_key",
        "dmarc.external_reports",
        "events.mailbox",
    }


def test_ids_are_unlike_and_cards_are_filled_in() -> None:
    assert len({check.id for check in ALL}) == len(ALL)
    for check in ALL:
        assert check.why.endswith(".")
        assert check.fix.rstrip("`").endswith((".", "apply"))
        assert check.source.startswith("https://")
        assert check.needs
        assert not check.blocks_request or check.severity.rank >= Severity.HIGH.rank


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"taken_at": 3}', "taken_at"),
        (to_json(GOOD).replace(b"evidence/1", b"evidence/2"), "evidence/2"),
        (to_json(GOOD).replace(b"09:30:00Z", b"09:30:00"), "time zone"),
        (to_json(GOOD).replace(b'"seen"', b'"dreamt"'), "dreamt"),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_a_file_that_is_no_evidence_is_one_clear_line(data: bytes, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        from_json(data)
    assert "\n" not in caught.value.happened
    assert caught.value.to_do


def test_evidence_of_a_later_version_with_more_in_it_can_be_read() -> None:
    grown = to_json(GOOD).replace(b'"schema"', b'"moon_phase": "waxing",\n  "schema"', 1)
    assert from_json(grown) == GOOD


def test_evidence_survives_its_file_in_every_detail() -> None:
    assert to_json(from_json(to_json(GOOD))) == to_json(GOOD)
