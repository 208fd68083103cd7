"""What stands in the way of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pytest

from sendworthy.access.case import CaseState, state
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, prove
from sendworthy.access.facts import Fact, FactKind
from sendworthy.access.gate import EXPECTED_CHECKS, THE_REASON_TO_ASK, Gate, gate
from sendworthy.access.prerequisites import Met, Reason
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Account, Evidence, Seen, Unseen, UnseenKind
from sendworthy.audit.profile import Profile, Stream

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
        elsewhere: Mapping[str, CaseState] | None = None,
        sent: Mapping[Stream, int] | None = None,
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
            elsewhere=elsewhere,
            sent=sent,
            despite=despite,
        )

    return make


def test_a_well_prepared_sender_may_submit_and_the_sandbox_itself_is_no_advice(judge: Judge) -> None:
    found = judge()
    assert found.blockers == ()
    assert found.may_submit
    assert found.advice == ()


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
    assert set(EXPECTED_CHECKS) <= {check.id for check in ALL if check.blocks_request}


@pytest.mark.parametrize(
    ("kind", "blocks"),
    [("generic_refusal", True), ("standing", True), ("paused", True), ("information_request", False)],
)
def test_no_reason_lets_another_region_be_asked_while_one_stands_refused(
    judge: Judge, now: datetime, kind: str, blocks: bool
) -> None:
    facts = (
        Fact(at=now, kind=FactKind.SUBMITTED, data={"answer": "accepted"}),
        Fact(at=now, kind=FactKind.AWS_SAID, data={"kind": kind}),
    )
    found = judge(elsewhere={"us-east-1": state(facts, now)}, despite="please")
    assert [(item.id, item.subject, item.final) for item in found.blockers] == (
        [("case.elsewhere", "us-east-1", True)] if blocks else []
    )
    assert found.may_submit is not blocks


def test_every_prerequisite_has_its_state_and_says_what_is_missing(judge: Judge, findings: Findings) -> None:
    found = {one.id: one for one in judge(seen=findings(dkim__verified=Verdict.FAIL), drills=()).prerequisites}
    assert {one.id for one in judge().prerequisites} == set(found) >= {"identity", "spf", "story", "samples", "website"}
    assert (found["identity"].met, found["identity"].blocks) == (Met.MET, False)
    assert (found["dkim"].met, found["dkim"].blocks) == (Met.OPEN, True)
    assert found["dkim"].open == ("dkim.verified: What dkim.verified saw.",)
    assert found["bounces"].open == ("bounces.suppressed: It was never tried.",)
    assert (found["account"].met, found["account"].blocks) == (Met.UNKNOWN, False)
    assert "unsubscribe" not in found  # password resets need none


def test_what_could_not_be_looked_at_is_unknown_and_not_open(judge: Judge, findings: Findings) -> None:
    found = {one.id: one for one in judge(seen=findings(dmarc__record=Verdict.UNKNOWN)).prerequisites}
    assert found["dmarc"].met is Met.UNKNOWN


def test_likely_refusals_are_ranked_and_each_stands_on_what_was_seen(
    judge: Judge, findings: Findings, resets: Profile
) -> None:
    bare = judge(
        seen=findings(identity__verified=Verdict.FAIL, dkim__verified=Verdict.FAIL),
        drills=(),
        profile=msgspec.structs.replace(resets, mail=()),
    )
    order = [one.reason for one in bare.likely]
    assert order[0] is Reason.NO_IDENTITY
    assert order.index(Reason.POOR_PRACTICE) < order.index(Reason.AUTHENTICATION)
    assert {Reason.INSUFFICIENT_INFORMATION, Reason.SUSPICIOUS_USE, Reason.STANDING} <= set(order)
    assert all(one.evidence for one in bare.likely)
    assert bare.first


def test_a_well_prepared_sender_is_only_warned_of_what_nobody_looked_at(judge: Judge) -> None:
    found = judge()
    assert {one.reason for one in found.likely} == {Reason.STANDING, Reason.NO_USE}
    assert all("it was not judged" in line for one in found.likely for line in one.evidence)


@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        ({"identity__verified": Verdict.FAIL}, Reason.NO_IDENTITY),
        ({"dmarc__record": Verdict.FAIL}, Reason.AUTHENTICATION),
        ({"events__wired": Verdict.FAIL}, Reason.POOR_PRACTICE),
        ({"website__policies": Verdict.FAIL}, Reason.WEBSITE),
    ],
)
def test_one_gap_makes_its_own_refusal_the_likeliest(
    judge: Judge, findings: Findings, verdicts: dict[str, Verdict], reason: Reason
) -> None:
    found = judge(seen=findings(**verdicts))
    assert found.likely[0].reason is reason
    assert found.first == f"Mend {next(iter(verdicts)).replace('__', '.')}."


@pytest.mark.parametrize(
    ("transactional", "marketing", "told"), [(10, 900, True), (900, 10, False), (10, 80, False), (500, 500, False)]
)
def test_the_type_of_mail_is_held_against_what_really_went_out(
    judge: Judge, transactional: int, marketing: int, told: bool
) -> None:
    found = judge(sent={Stream.TRANSACTIONAL: transactional, Stream.MARKETING: marketing})
    assert ("profile.traffic" in {item.id for item in found.advice}) is told
    assert found.may_submit
