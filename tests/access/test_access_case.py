"""The state of a case over all combinations of what was seen, answered, written and replied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.case import CaseState, NextAction, State, WaitingFor, state
from sendworthy.access.case_texts import HELP, NEXT, WHAT
from sendworthy.access.facts import Answer, Fact, FactKind, case_id, fact_from_row, fact_to_row
from sendworthy.access.refusals import Kind

T0 = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)  # a Tuesday


def fact(hours: float, kind: FactKind, /, **data: Any) -> Fact:
    return Fact(at=T0 + timedelta(hours=hours), kind=kind, data=data)


def submitted(hours: float = 0, answer: Answer = Answer.ACCEPTED) -> Fact:
    return fact(hours, FactKind.SUBMITTED, answer=str(answer))


def seen(hours: float, status: str, *, production: bool = False, **more: Any) -> Fact:
    return fact(hours, FactKind.STATUS_SEEN, status=status, production=production, **more)


def said(hours: float, kind: Kind) -> Fact:
    return fact(hours, FactKind.AWS_SAID, kind=str(kind), text="…")


def replied(hours: float) -> Fact:
    return fact(hours, FactKind.WE_REPLIED, text="…")


def at(hours: float, *facts: Fact) -> CaseState:
    return state(facts, T0 + timedelta(hours=hours))


_REFUSED_WORDS = (Kind.GENERIC_REFUSAL, Kind.INCREASE_REFUSED)
_STATUSES = ("", "PENDING", "FAILED", "GRANTED", "DENIED", "ESCALATED")


_FACTS = st.lists(
    st.builds(
        fact,
        st.floats(-100, 100),
        st.sampled_from(FactKind),
        answer=st.sampled_from([*map(str, Answer), "strange", 3, None]),
        status=st.sampled_from([*_STATUSES, None, 7]),
        production=st.sampled_from([True, False, None, "true"]),
        kind=st.sampled_from([*map(str, Kind), "new", None]),
        enforcement=st.sampled_from(["", "HEALTHY", "PROBATION", None]),
        way=st.sampled_from(["service_quotas", "new_case", "pigeon", None]),
        changed=st.sampled_from([[], ["dmarc"], None]),
    ),
    max_size=8,
)


def _expected(answer: Answer | None, status: str, production: bool, words: Kind | None, reply: bool) -> State:
    """Say by the traps of the review, row by row, which state a combination must have.

    The order in time: answer, status seen, words, reply.
    """
    restricting = words in {Kind.PAUSED, Kind.PROBATION_PEOPLE, Kind.PROBATION_RATES}
    if restricting:
        return State.ANSWERED if reply else State.RESTRICTED
    if production:
        return State.IN_PRODUCTION
    if words in {None, Kind.ACKNOWLEDGEMENT, Kind.NOT_SES, Kind.REINSTATED}:
        by_status = {
            "PENDING": State.ANSWERED if reply else State.UNDER_REVIEW,
            "FAILED": State.FAILED,
            "GRANTED": State.GRANTED_NOT_LIVE,
            "DENIED": State.ANSWERED if reply else State.DENIED_UNREAD,
            "ESCALATED": State.UNKNOWN_STATUS,
        }
        if status:
            return by_status[status]
        return {
            None: State.NOT_ASKED,
            Answer.ACCEPTED: State.SUBMITTED,
            Answer.CONFLICT: State.CONFLICT,
            Answer.NOT_TAKEN: State.DRAFTED,
            Answer.UNCERTAIN: State.FAILED,  # an hour later AWS shows nothing
        }[answer]
    if words is Kind.STANDING:
        return State.STANDING
    if words is Kind.GRANT:
        return State.GRANTED_NOT_LIVE
    if reply:
        return State.ANSWERED
    if words in _REFUSED_WORDS:
        return State.REFUSED
    return {
        Kind.REFUSAL_AFTER_REPLY: State.REFUSED_AGAIN,
        Kind.INFORMATION_REQUEST: State.INFORMATION_REQUESTED,
        Kind.CONDITIONAL_GRANT: State.CONDITIONAL,
        Kind.UNKNOWN: State.UNREAD,
    }[words or Kind.UNKNOWN]


def test_every_combination_of_answer_status_production_words_and_reply_has_its_one_state() -> None:
    answers: Sequence[Answer | None] = (None, *Answer)
    words: Sequence[Kind | None] = (None, *Kind)
    count = 0
    for answer, status, production, kind, reply in product(answers, _STATUSES, (False, True), words, (False, True)):
        facts = [submitted(0, answer)] if answer else []
        facts.append(seen(1, status, production=production))
        facts += [said(2, kind)] if kind else []
        facts += [replied(3)] if reply else []
        found = at(4, *facts)
        row = (answer, status, production, kind, reply)
        assert found.state is _expected(answer, status, production, kind, reply), row
        assert found.next_step == NEXT[found.next_action]
        assert found.what == WHAT[found.state]
        count += 1
    assert count == 5 * 6 * 2 * 15 * 2


def test_the_order_in_which_facts_are_handed_in_does_not_matter() -> None:
    facts = [submitted(0), seen(1, "DENIED"), said(2, Kind.INFORMATION_REQUEST), replied(3)]
    assert {at(4, *facts), at(4, *reversed(facts))} == {at(4, *facts)}


@given(_FACTS, st.floats(-200, 3000))
def test_any_record_has_a_state_and_never_more_certainty_than_was_seen(facts: list[Fact], hours: float) -> None:
    found = at(hours, *facts)
    looks = sorted((one for one in facts if one.kind is FactKind.STATUS_SEEN), key=lambda one: one.at)
    if found.state is State.IN_PRODUCTION:
        assert looks[-1].data["production"] is True
    shut = {State.STANDING, State.EXHAUSTED, State.UNDER_REVIEW, State.ANSWERED, State.UNCERTAIN, State.REFUSED}
    if found.state in shut:
        assert not found.may_ask
    assert found.overdue is (found.due is not None and T0 + timedelta(hours=hours) > found.due)


def test_every_state_and_every_action_has_its_words() -> None:
    assert set(WHAT) == set(State)
    assert set(NEXT) == set(NextAction)


def test_denied_alone_says_read_the_case_and_never_refused() -> None:
    found = at(2, submitted(), seen(1, "DENIED"))
    assert (found.state, found.next_action, found.waiting_for) == (
        State.DENIED_UNREAD,
        NextAction.READ_CASE,
        WaitingFor.US,
    )


def test_granted_without_production_is_watched_and_after_a_day_reported() -> None:
    facts = (submitted(), seen(1, "GRANTED"), seen(20, "GRANTED"))
    assert at(24, *facts).next_action is NextAction.WATCH_ACCESS
    late = at(26, *facts)
    assert (late.state, late.next_action, late.overdue) == (State.GRANTED_NOT_LIVE, NextAction.REPORT_LAG, True)


def test_a_grant_seen_after_a_refusal_outranks_it() -> None:
    found = at(50, submitted(), said(2, Kind.GENERIC_REFUSAL), replied(30), seen(40, "GRANTED"))
    assert found.state is State.GRANTED_NOT_LIVE


def test_the_ladder_of_refusals_goes_reply_then_question_then_change() -> None:
    steps = [
        submitted(0),
        said(1, Kind.GENERIC_REFUSAL),
        replied(30),
        said(40, Kind.GENERIC_REFUSAL),
        replied(70),
        said(80, Kind.REFUSAL_AFTER_REPLY),
    ]
    assert at(2, *steps[:2]).next_action is NextAction.CLOSE_GAPS_AND_REPLY
    assert at(2, *steps[:2]).not_before == T0 + timedelta(hours=25)
    assert at(31, *steps[:3]).state is State.ANSWERED
    assert at(41, *steps[:4]).next_action is NextAction.ASK_ONE_QUESTION
    assert at(81, *steps).state is State.REFUSED_FOR_NOW


def changed_draft(hours: float) -> Fact:
    return fact(hours, FactKind.DRAFTED, subject="s", changed=["dmarc.record"])


def asked(hours: float, way: str) -> Fact:
    return fact(hours, FactKind.ASKED_ELSEWHERE, way=way, answer="accepted")


def test_after_the_question_come_service_quotas_and_a_new_case_and_then_an_honest_stop() -> None:
    steps = [submitted(), said(1, Kind.GENERIC_REFUSAL), replied(30), said(40, Kind.GENERIC_REFUSAL), replied(70)]
    steps.append(said(80, Kind.REFUSAL_AFTER_REPLY))
    assert at(200, *steps).next_action is NextAction.CHANGE_SOMETHING
    steps.append(changed_draft(110))
    assert at(120, *steps).next_action is NextAction.ASK_SERVICE_QUOTAS
    steps.append(asked(121, "service_quotas"))
    assert at(122, *steps).state is State.ANSWERED
    steps.append(said(150, Kind.INCREASE_REFUSED))
    assert at(180, *steps).next_action is NextAction.CHANGE_SOMETHING
    steps.append(changed_draft(181))
    assert at(182, *steps).next_action is NextAction.OPEN_NEW_CASE
    steps += [asked(183, "new_case"), seen(184, "DENIED")]
    assert at(185, *steps).state is State.ANSWERED  # the status still tells of the old case
    for hours in (200, 240, 280):
        steps += [said(hours, Kind.GENERIC_REFUSAL)]
        if hours < 280:
            steps += [replied(hours + 30)]
    found = at(400, *steps)
    assert (found.state, found.next_action, found.may_ask) == (State.EXHAUSTED, NextAction.STOP, False)
    assert "What is left" in found.next_step
    assert any("repost.aws" in where for where in found.help)
    assert not at(4000, *steps, changed_draft(3000)).may_ask


def test_the_steps_that_are_left_are_shown_with_what_each_needs() -> None:
    first = (submitted(), said(1, Kind.GENERIC_REFUSAL))
    early, later = at(2, *first), at(26, *first)
    assert [one.standing for one in early.steps] == ["closed"] * 5
    assert early.steps[0].why == "The 24 hours are not over."
    assert early.steps[0].not_before == T0 + timedelta(hours=25)
    assert [one.standing for one in later.steps] == ["open", "closed", "closed", "closed", "closed"]
    assert all(one.needs and one.what for one in later.steps)
    assert at(2, submitted(), seen(1, "PENDING")).steps == ()


def test_standing_leaves_one_step_open_which_is_to_wait_and_gives_the_observed_range() -> None:
    found = at(2, submitted(), said(1, Kind.STANDING))
    assert [one.standing for one in found.steps] == ["closed", "closed", "closed", "closed", "open"]
    assert found.again_between == (T0 + timedelta(days=30, hours=1), T0 + timedelta(days=60, hours=1))
    assert found.not_before == found.again_between[0]


@given(_FACTS, st.floats(-200, 3000))
def test_at_most_one_step_is_ever_open_and_none_but_waiting_after_standing(facts: list[Fact], hours: float) -> None:
    found = at(hours, *facts)
    open_ = [one.rung for one in found.steps if one.standing == "open"]
    assert len(open_) <= 1
    if found.state is State.STANDING:
        assert open_ == ["wait"]
    for one in found.steps:
        if one.standing == "open" and one.rung != "wait":
            assert found.not_before is not None
            assert T0 + timedelta(hours=hours) >= found.not_before


def test_a_letter_that_restores_the_account_leaves_the_request_where_it_was() -> None:
    live = seen(1, "GRANTED", production=True, enforcement="HEALTHY")
    paused = (submitted(), live, said(10, Kind.PAUSED), replied(11), said(30, Kind.REINSTATED))
    assert at(12, *paused[:4]).state is State.ANSWERED
    assert at(31, *paused).state is State.IN_PRODUCTION
    refused = (submitted(), said(1, Kind.GENERIC_REFUSAL), said(5, Kind.PROBATION_PEOPLE), said(9, Kind.REINSTATED))
    assert at(40, *refused).state is State.REFUSED
    still = seen(40, "GRANTED", production=True, enforcement="PROBATION")
    assert at(41, *paused, still).state is State.RESTRICTED
    before = seen(20, "GRANTED", production=True, enforcement="SHUTDOWN")
    assert at(31, *paused[:4], before, paused[4]).state is State.IN_PRODUCTION


def test_every_help_is_named_for_an_action_and_is_where_people_are() -> None:
    assert set(HELP) <= set(NextAction)
    assert all("https://" in where for wheres in HELP.values() for where in wheres)


def test_asking_anew_after_the_last_refusal_needs_a_day_and_something_changed() -> None:
    steps = [submitted(), said(1, Kind.GENERIC_REFUSAL), replied(30), said(40, Kind.GENERIC_REFUSAL), replied(70)]
    steps.append(said(80, Kind.GENERIC_REFUSAL))
    unchanged = fact(90, FactKind.DRAFTED, subject="s")
    changed = fact(91, FactKind.DRAFTED, subject="s", changed=["dmarc.record"])
    assert not at(200, *steps).may_ask
    assert not at(200, *steps, unchanged).may_ask
    assert not at(100, *steps, changed).may_ask
    assert at(110, *steps, changed).may_ask


def test_standing_stops_every_further_ask_also_after_a_reply_and_another_refusal() -> None:
    facts = (submitted(), said(1, Kind.STANDING), replied(30), said(60, Kind.GENERIC_REFUSAL))
    found = at(5000, *facts)
    assert (found.state, found.may_ask, found.waiting_for) == (State.STANDING, False, WaitingFor.TIME)


def test_a_new_request_begins_a_new_round() -> None:
    facts = (submitted(), said(1, Kind.STANDING), submitted(2000), seen(2001, "PENDING"))
    assert at(2002, *facts).state is State.UNDER_REVIEW


def test_a_conflict_after_a_denial_leaves_the_case_where_it_was() -> None:
    facts = (submitted(), seen(1, "DENIED"), said(2, Kind.GENERIC_REFUSAL), submitted(3, Answer.CONFLICT))
    assert at(4, *facts).state is State.REFUSED


def test_a_lost_answer_is_looked_up_before_anything_is_submitted_again() -> None:
    lost = submitted(0, Answer.UNCERTAIN)
    assert (at(0.1, lost).state, at(0.1, lost).next_action) == (State.UNCERTAIN, NextAction.LOOK)
    assert not at(0.1, lost).may_ask
    assert at(0.1, lost, seen(0.05, "")).state is State.UNCERTAIN
    assert at(1, lost, seen(0.9, "")).state is State.FAILED
    assert at(1, lost, seen(0.9, "PENDING")).state is State.UNDER_REVIEW


def test_review_times_carry_their_sources_and_count_working_days() -> None:
    found = at(1, submitted(), seen(0.5, "PENDING"))
    assert [one.at for one in found.expected] == [
        T0 + timedelta(days=1),
        T0 + timedelta(days=2),
        T0 + timedelta(days=3),  # three working days from a Tuesday
        T0 + timedelta(days=7),  # five working days
    ]
    assert all(one.source for one in found.expected)
    assert at(25, submitted(), seen(0.5, "PENDING")).next_action is NextAction.READ_CASE


def test_an_unanswered_question_of_aws_stays_the_users_turn_and_becomes_overdue() -> None:
    facts = (submitted(), seen(1, "PENDING"), said(2, Kind.INFORMATION_REQUEST), seen(100, "DENIED"))
    found = at(200, *facts)
    assert (found.state, found.next_action, found.overdue) == (
        State.INFORMATION_REQUESTED,
        NextAction.REPLY,
        True,
    )


def test_production_that_is_gone_is_told() -> None:
    assert at(9, submitted(), seen(1, "GRANTED", production=True), seen(8, "GRANTED")).state is State.REVOKED


def test_probation_seen_at_the_account_is_a_restriction_until_healthy_is_seen() -> None:
    live = seen(1, "GRANTED", production=True, enforcement="PROBATION")
    assert at(2, submitted(), live).next_action is NextAction.APPEAL
    healed = seen(5, "GRANTED", production=True, enforcement="HEALTHY")
    assert at(6, submitted(), live, said(2, Kind.PROBATION_RATES), replied(3), healed).state is State.IN_PRODUCTION


def test_a_closed_case_opens_again_with_the_next_word() -> None:
    closed = fact(5, FactKind.DECIDED, reason="we use our own relay")
    assert at(6, submitted(), closed).state is State.CLOSED
    assert at(8, submitted(), closed, said(7, Kind.INFORMATION_REQUEST)).state is State.INFORMATION_REQUESTED


@pytest.mark.parametrize("kind", list(FactKind))
def test_a_fact_survives_its_row(kind: FactKind) -> None:
    written = fact(1, kind, status="PENDING")
    assert fact_from_row(**fact_to_row(written)) == written


def test_a_fact_of_a_later_version_is_kept_and_not_judged() -> None:
    later = fact_from_row(kind="teleported", at=T0.replace(tzinfo=None), data={})
    assert (later.kind, later.at) == (FactKind.UNKNOWN, T0)
    assert state([later], T0).state is State.NOT_ASKED


def test_the_case_is_one_account_in_one_region() -> None:
    assert case_id("111122223333", "eu-west-1") == "111122223333/eu-west-1/production"


@pytest.mark.parametrize("answer", list(Answer))
def test_what_was_noted_before_a_call_gives_way_to_its_answer(answer: Answer) -> None:
    before = Fact(at=T0, kind=FactKind.SUBMITTED, data={"answer": Answer.UNCERTAIN, "call": "a"})
    after = Fact(at=T0, kind=FactKind.SUBMITTED, data={"answer": answer, "call": "a"})

    assert state([before, after], T0) == state([after], T0)


def test_a_crash_between_the_note_and_the_answer_leaves_the_request_uncertain() -> None:
    earlier = Fact(at=T0, kind=FactKind.SUBMITTED, data={"answer": Answer.NOT_TAKEN, "call": "a"})
    crashed = Fact(at=T0, kind=FactKind.SUBMITTED, data={"answer": Answer.UNCERTAIN, "call": "b"})

    assert state([earlier, crashed], T0).state is State.UNCERTAIN
