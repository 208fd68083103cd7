"""The texts written on a case: full, evidenced, and silent where nothing carries a sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import NotProved, Proof, Proven, Result, prove
from sendworthy.access.letter import LIMIT
from sendworthy.access.lint import lint
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.replies import (
    FITTING,
    HEADINGS,
    TEMPLATES,
    Cause,
    ReplyKind,
    answer_information,
    answer_refusal,
    appeal,
    conditions_met,
    one_question,
    report_lag,
)
from sendworthy.audit.check import Finding
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Profile
from sendworthy.errors import InvalidMessage
from tests.access.senders import NEWSLETTER, RESETS, SENDERS

Findings = Callable[..., tuple[Finding, ...]]
Proofs = Callable[..., tuple[Proof, ...]]
See = Callable[[Profile], Evidence]
Know = Callable[[Profile], tuple[Result, ...]]

ROOM = Path(__file__).parents[2] / "src" / "sendworthy" / "access"
TEXT = {kind: (ROOM / name).read_text(encoding="utf-8") for kind, name in TEMPLATES.items()}
REGION = "eu-west-1"
CAUSE = Cause(
    cause="a list typed in from paper held 40 wrong addresses",
    changed=("All 40 are taken off", "The list is typed in by two people now"),
    cannot_recur="An address gets its first letter only after its owner has confirmed it",
)


@pytest.fixture
def know(findings: Findings, proofs: Proofs, see: See, now: datetime) -> Know:
    def make(profile: Profile) -> tuple[Result, ...]:
        return (
            *prove(CLAIMS, findings(), proofs(), evidence=see(profile), region=REGION, now=now),
            *own_words(profile, confirmed=COMMITMENTS),
        )

    return make


def allowed(results: tuple[Result, ...], profile: Profile) -> set[str]:
    """Every line that may stand in a text: what is proved, what the user says, and the samples."""
    lines = {f"- {one.sentence}" for one in results if not isinstance(one, NotProved)}
    samples = {" ".join(line.split()) for kind in profile.mail for line in kind.sample.splitlines()}
    names = {f"- {kind.name}:" for kind in profile.mail}
    return (
        lines | samples | names | {name for one in profile.sender.contacts for name in (one.name, one.title, one.email)}
    )


@pytest.mark.parametrize("name", SENDERS)
def test_the_answer_has_every_question_of_aws_under_its_own_heading_in_its_order(name: str, know: Know) -> None:
    profile = SENDERS[name]
    results = know(profile)
    letter = answer_information(results, profile, region=REGION, template=TEXT[ReplyKind.INFORMATION])
    unsubscribe = any(kind.unsubscribe for kind in profile.mail)
    wanted = [heading for question, heading in HEADINGS.items() if question != "unsubscribes" or unsubscribe]
    lines = letter.body.splitlines()
    assert [line for line in lines if line in HEADINGS.values()] == wanted
    assert [one.claim for one in letter.left_out if one.claim.startswith("question.")] == (
        [] if unsubscribe else ["question.unsubscribes"]
    )
    assert lint(letter.body, profile=profile, results=results, whole=True) == ()
    assert all(len(piece) <= LIMIT for piece in letter.pieces)
    ours = {"Hello,", "Thank you for your questions. Here is the answer to each.", profile.sender.company, ""}
    assert {" ".join(line.split()) for line in lines} <= allowed(results, profile) | ours | set(HEADINGS.values())


def test_samples_stand_in_the_answer_as_text_line_by_line(know: Know) -> None:
    letter = answer_information(know(RESETS), RESETS, region=REGION, template=TEXT[ReplyKind.INFORMATION])
    assert "    Subject: Choose a new password\n\n    Hello Ada,\n" in letter.body


def test_a_question_that_nothing_answers_is_named_with_what_would_answer_it() -> None:
    bare = Profile(mail=(msgspec.structs.replace(RESETS.mail[0], sample="", opt_in="", address_source=""),))
    letter = answer_information(own_words(bare), bare, region=REGION, template=TEXT[ReplyKind.INFORMATION])
    gaps = {one.claim: one.would_prove for one in letter.left_out if one.claim.startswith("question.")}
    assert set(gaps) == {f"question.{one}" for one in ("lists", "bounces", "complaints", "unsubscribes", "examples")}
    assert "sendworthy drill" in gaps["question.bounces"]
    with pytest.raises(InvalidMessage):
        answer_information((), Profile(), region=REGION, template=TEXT[ReplyKind.INFORMATION])


def test_the_first_answer_to_a_refusal_says_what_changed_and_then_the_whole(know: Know, now: datetime) -> None:
    results = know(NEWSLETTER)
    letter = answer_refusal(
        results,
        NEWSLETTER,
        region=REGION,
        changed=["DMARC is published", " "],
        audited=now,
        template=TEXT[ReplyKind.REFUSAL],
    )
    assert "Changed since the refusal\n- DMARC is published.\n\nCompany" in letter.body
    for one in results:
        assert isinstance(one, NotProved) or one.sentence in letter.body
    unchanged = answer_refusal(
        results, NEWSLETTER, region=REGION, changed=[], audited=now, template=TEXT[ReplyKind.REFUSAL]
    )
    assert "Changed since" not in unchanged.body


def test_the_one_question_names_the_mail_and_argues_nothing() -> None:
    letter = one_question(NEWSLETTER, region=REGION, template=TEXT[ReplyKind.QUESTION])
    assert letter.body.count("?") == 1
    assert "Monthly letter and Order receipt" in letter.body
    assert len(letter.body.split()) < 90
    with pytest.raises(InvalidMessage):
        one_question(Profile(), region=REGION, template=TEXT[ReplyKind.QUESTION])


@pytest.mark.parametrize("paused", [False, True])
def test_the_appeal_has_cause_changes_prevention_and_numbers(know: Know, paused: bool) -> None:
    results = know(NEWSLETTER)
    letter = appeal(results, NEWSLETTER, region=REGION, cause=CAUSE, paused=paused, template=TEXT[ReplyKind.APPEAL])
    for part in (CAUSE.cause, *CAUSE.changed, CAUSE.cannot_recur, "0.55 % of them bounced for good"):
        assert part in letter.body
    assert ("pause of our sending" in letter.body) is paused
    headings = ["What happened", "What we have changed already", "Why it cannot happen again", "Numbers"]
    assert [line for line in letter.body.splitlines() if line in headings] == headings


@pytest.mark.parametrize(
    "cause",
    [
        Cause(cause="", changed=("x",), cannot_recur="y"),
        Cause(cause="x", changed=(), cannot_recur="y"),
        Cause(cause="x", changed=(" ",), cannot_recur="y"),
        Cause(cause="x", changed=("z",), cannot_recur=" "),
        Cause(cause="[describe the cause]", changed=("z",), cannot_recur="y"),
        Cause(cause="x", changed=("TODO",), cannot_recur="y"),
    ],
)
def test_an_appeal_that_leaves_a_part_unsaid_is_not_written(know: Know, cause: Cause) -> None:
    with pytest.raises(InvalidMessage) as refused:
        appeal(know(RESETS), RESETS, region=REGION, cause=cause, paused=True, template=TEXT[ReplyKind.APPEAL])
    assert refused.value.to_do


def test_a_grant_that_lags_and_conditions_that_are_met_are_told_in_a_few_lines(now: datetime) -> None:
    lag = report_lag(RESETS, region=REGION, granted=None, seen=now, template=TEXT[ReplyKind.LAG])
    assert "on 14 November 2026 GetAccount still shows ProductionAccessEnabled as false" in lag.body
    done = conditions_met(RESETS, region=REGION, done=["DKIM is verified"], template=TEXT[ReplyKind.CONDITIONS])
    assert "Done\n- DKIM is verified." in done.body
    with pytest.raises(InvalidMessage):
        conditions_met(RESETS, region=REGION, done=[], template=TEXT[ReplyKind.CONDITIONS])


def test_nothing_unproved_stands_in_any_text(see: See, now: datetime) -> None:
    evidence = msgspec.structs.replace(see(RESETS), regions={}, websites={}, dns={})
    results = (
        *prove(CLAIMS, (), (), evidence=evidence, region=REGION, now=now),
        *own_words(RESETS),
    )
    proven = {one.claim for one in results if isinstance(one, Proven)}
    assert proven == {"history.record"}
    letter = answer_refusal(results, RESETS, region=REGION, changed=[], audited=now, template=TEXT[ReplyKind.REFUSAL])
    for word in ("DKIM", "DMARC", "SNS", "suppress", "alarm", "unsubscrib"):
        assert word not in letter.body


def test_every_kind_of_text_has_its_template_and_every_state_that_waits_for_one_its_kind() -> None:
    assert set(TEXT) == set(ReplyKind)
    assert set(FITTING.values()) == set(ReplyKind)
