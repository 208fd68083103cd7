"""What stands in the way of a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from sendworthy.access.case import state
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, prove
from sendworthy.access.facts import Fact, FactKind
from sendworthy.access.gate import EXPECTED_CHECKS, THE_REASON_TO_ASK, Gate, gate
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Account, Evidence, Seen, Unseen, UnseenKind
from sendworthy.audit.profile import Profile

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]
Judge = Callable[..., Gate]


@pytest.fixture
def judge(resets: Profile, findings: Findings, proofs: Proofs, see: See, now: datetime, region: str) -> Judge:
    """Judge a well-prepared sender, with what is given changed."""

    def make(
        *,
        seen: tuple[Finding, ...] | None = None,
        drills: tuple[Proof, ...] | None = None,
        profile: Profile = resets,
        facts: tuple[Fact, ...] | None = None,
        account: Seen[Account] | Unseen | None = None,
        despite: str = "",
        **account_fields: Any,
    ) -> Gate:
        seen = findings() if seen is None else seen
        drills = proofs() if drills is None else drills
        evidence = see(profile)
        reading = evidence.account(region)
        assert isinstance(reading, Seen)
        changed = Seen(msgspec.structs.replace(reading.value, **account_fields))
        return gate(
            seen,
            prove(CLAIMS, seen, drills, evidence=evidence, region=region, now=now),
            profile,
            account or changed,
            region=region,
            case=None if facts is None else state(facts, now),
            despite=despite,
        )

    return make


def test_a_well_prepared_sender_may_submit_and_the_sandbox_itself_is_no_advice(judge: Judge) -> None:
    found = judge()
    assert found.blockers == ()
    assert found.may_submit
    assert {item.id for item in found.advice} == {"profile.mail[0].sample"}


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
def test_a_blocking_check_that_fails_or_could_not_look_blocks(
    judge: Judge, findings: Findings, verdict: Verdict
) -> None:
    found = judge(seen=findings(dmarc__record=verdict))
    assert [(item.id, item.fix) for item in found.blockers] == [("dmarc.record", "Mend dmarc.record.")]
    assert not found.may_submit


def test_a_failing_check_that_does_not_block_is_advice(judge: Judge, findings: Findings) -> None:
    found = judge(seen=findings(sending__quota=Verdict.FAIL))
    assert found.may_submit
    assert "sending.quota" in {item.id for item in found.advice}


def test_an_audit_of_nothing_is_no_clean_bill(judge: Judge) -> None:
    found = judge(seen=())
    assert {"identity.verified", "dkim.verified", "events.wired"} <= {item.id for item in found.blockers}
    assert not found.may_submit


def test_findings_of_another_region_neither_block_nor_help(
    judge: Judge, findings: Findings, make_finding: Callable[..., Finding]
) -> None:
    other = make_finding("dkim.verified", Verdict.FAIL, region="us-east-1")
    assert judge(seen=(*findings(), other)).may_submit
    elsewhere = tuple(msgspec.structs.replace(one, region="us-east-1") for one in findings())
    assert not judge(seen=elsewhere).may_submit


def test_without_drills_there_is_no_request(judge: Judge) -> None:
    found = judge(drills=())
    assert {item.id for item in found.blockers} == {"bounces.suppressed", "complaints.suppressed"}
    assert all("sendworthy drill" in item.fix for item in found.blockers)


def test_each_missing_word_of_the_user_is_a_blocker_with_its_key(judge: Judge, resets: Profile) -> None:
    mail = msgspec.structs.replace(resets.mail[0], opt_in="", volume_reason="[reason]")
    found = judge(profile=msgspec.structs.replace(resets, mail=(mail,)))
    assert {item.subject for item in found.blockers} == {"mail[0].opt_in", "mail[0].volume_reason"}


def test_a_reason_overrides_blockers_and_is_kept_with_them(judge: Judge, findings: Findings) -> None:
    found = judge(seen=findings(dmarc__record=Verdict.FAIL), despite=" DNS is moved on Friday ")
    assert found.may_submit
    assert found.override is not None
    assert (found.override.reason, found.override.blockers) == ("DNS is moved on Friday", ("dmarc.record",))
    assert not judge(seen=findings(dmarc__record=Verdict.FAIL), despite="  ").may_submit
    assert judge(despite="to be sure").override is None


@pytest.mark.parametrize(
    ("fields", "blocker"),
    [
        ({"production_access": True}, "account.production"),
        ({"review_status": "PENDING"}, "account.pending"),
    ],
)
def test_no_reason_overrides_what_aws_would_not_take(judge: Judge, fields: dict[str, Any], blocker: str) -> None:
    found = judge(despite="please", **fields)
    assert [item.id for item in found.blockers] == [blocker]
    assert not found.may_submit


def test_a_missing_website_cannot_be_overridden(judge: Judge, resets: Profile) -> None:
    sender = msgspec.structs.replace(resets.sender, website="")
    assert not judge(profile=msgspec.structs.replace(resets, sender=sender), despite="please").may_submit


@pytest.mark.parametrize(
    ("fields", "blocker"),
    [
        ({"enforcement_status": "PROBATION"}, "account.standing"),
        ({"sending_enabled": False}, "account.standing"),
        ({"review_status": "DENIED"}, "account.denied"),
    ],
)
def test_an_account_with_open_questions_at_aws_is_blocked(judge: Judge, fields: dict[str, Any], blocker: str) -> None:
    assert [item.id for item in judge(**fields).blockers] == [blocker]


def test_an_account_that_could_not_be_read_blocks(judge: Judge) -> None:
    unseen = Unseen(kind=UnseenKind.DENIED, reason="the credentials lack a permission", needs="ses:GetAccount")
    (item,) = judge(account=unseen).blockers
    assert item.id == "account.unseen"
    assert "ses:GetAccount" in item.fix


def test_an_open_or_refused_case_blocks_with_its_next_step(judge: Judge, now: datetime) -> None:
    submitted = Fact(at=now, kind=FactKind.SUBMITTED, data={"answer": "accepted"})
    found = judge(facts=(submitted,), despite="please")
    assert [(item.id, item.final) for item in found.blockers] == [("case.submitted", True)]
    assert not found.may_submit
    refused = Fact(at=now, kind=FactKind.AWS_SAID, data={"kind": "standing"})
    (item,) = judge(facts=(refused,)).blockers
    assert (item.id, item.final) == ("case.standing", False)
    assert "30 to 60 days" in item.fix


def test_denied_at_the_account_blocks_although_no_fact_of_it_was_recorded(judge: Judge) -> None:
    assert [item.id for item in judge(facts=(), review_status="DENIED").blockers] == ["account.denied"]


def test_the_checks_that_are_relied_on_are_checks_of_the_audit() -> None:
    known = {check.id: check for check in ALL}
    assert {check for claim in CLAIMS for check in claim.checks} <= set(known)
    assert THE_REASON_TO_ASK in known
    assert set(EXPECTED_CHECKS) == {check.id for check in ALL if check.blocks_request}
