"""One state and one next step for every answer, every status of Service Quotas and every quota of GetAccount."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.quota import Quota
from sendworthy.access.quota_case import OVER, QuotaCase, QuotaState, quota_case, quota_case_id

ASKED = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = QuotaState


def submitted(answer: str, at: datetime = ASKED, call: str = "one", **data: Any) -> Fact:
    values = {"answer": answer, "desired": 100_000.0, "before": 50_000.0, "call": call, "request_id": "r1"}
    return Fact(at=at, kind=FactKind.SUBMITTED, data=values | data)


def seen(status: str, value: float, at: datetime = ASKED + HOUR, **data: Any) -> Fact:
    return Fact(at=at, kind=FactKind.STATUS_SEEN, data={"status": status, "value": value, "desired": 100_000.0} | data)


def case(*facts: Fact, now: datetime = ASKED + 2 * HOUR) -> QuotaCase:
    return quota_case(Quota.DAY, facts, now)


def test_nothing_was_asked() -> None:
    assert case().state is S.NOT_ASKED
    assert case().may_ask


EXPECTED = {
    # status at AWS, and the quota in GetAccount: as before, more than before, as asked for
    "PENDING": (S.REQUESTED, S.REQUESTED, S.RAISED),
    "CASE_OPENED": (S.CASE_OPEN, S.CASE_OPEN, S.RAISED),
    "APPROVED": (S.APPROVED_NOT_LIVE, S.APPROVED_NOT_LIVE, S.RAISED),
    "DENIED": (S.REFUSED, S.REFUSED, S.RAISED),
    "NOT_APPROVED": (S.REFUSED, S.REFUSED, S.RAISED),
    "CASE_CLOSED": (S.CLOSED_UNCHANGED, S.RAISED_IN_PART, S.RAISED),
    "INVALID_REQUEST": (S.INVALID, S.INVALID, S.RAISED),
    "SOMETHING_NEW": (S.UNKNOWN_STATUS, S.UNKNOWN_STATUS, S.RAISED),
}


@pytest.mark.parametrize("answer", [Answer.ACCEPTED, Answer.UNCERTAIN, Answer.CONFLICT])
@pytest.mark.parametrize(("status", "column"), list(itertools.product(EXPECTED, range(3))))
def test_every_status_with_every_quota_is_one_state(status: str, column: int, answer: Answer) -> None:
    value = (50_000.0, 70_000.0, 100_000.0)[column]
    found = case(submitted(answer), seen(status, value))
    assert found.state is EXPECTED[status][column]
    assert found.what
    assert found.next_step


def test_every_status_of_awss_model_is_known() -> None:
    model = botocore.session.get_session().get_service_model("service-quotas")
    for status in model.shape_for("RequestStatus").enum:
        assert status in EXPECTED
        assert case(submitted(Answer.ACCEPTED), seen(status, 50_000.0)).state is not S.UNKNOWN_STATUS


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer.ACCEPTED, S.REQUESTED),
        (Answer.CONFLICT, S.ALREADY_OPEN),
        (Answer.UNCERTAIN, S.UNCERTAIN),
        (Answer.NOT_TAKEN, S.NOT_ASKED),
        ("strange", S.UNCERTAIN),
    ],
)
def test_before_anything_is_seen_the_answer_alone_tells(answer: str, state: QuotaState) -> None:
    assert case(submitted(answer)).state is state


def test_a_request_that_aws_shows_no_trace_of_for_ten_minutes_was_not_received() -> None:
    lost = submitted(Answer.UNCERTAIN)
    assert case(lost, seen("", 50_000.0, ASKED + timedelta(minutes=9))).state is S.UNCERTAIN
    later = case(lost, seen("", 50_000.0, ASKED + timedelta(minutes=11)))
    assert later.state is S.NOT_RECEIVED
    assert later.may_ask


def test_what_was_noted_before_a_call_gives_way_to_what_came_of_it() -> None:
    before, after = submitted(Answer.UNCERTAIN), submitted(Answer.NOT_TAKEN, ASKED + timedelta(seconds=1))
    assert case(before, after).state is S.NOT_ASKED
    earlier = submitted(Answer.ACCEPTED, ASKED - HOUR, call="earlier")
    assert case(earlier, before, after).state is S.REQUESTED


@pytest.mark.parametrize("status", ["DENIED", "NOT_APPROVED", "CASE_CLOSED"])
def test_after_a_refusal_nothing_may_be_asked_for_a_day(status: str) -> None:
    refused = seen(status, 50_000.0, ASKED + HOUR)
    again = seen(status, 50_000.0, ASKED + 5 * HOUR, case_id="c1")
    early = case(submitted(Answer.ACCEPTED), refused, again, now=ASKED + 24 * HOUR)
    assert early.not_before == ASKED + 25 * HOUR
    assert not early.may_ask
    assert case(submitted(Answer.ACCEPTED), refused, again, now=ASKED + 25 * HOUR).may_ask


def test_a_new_request_begins_a_new_round() -> None:
    second = submitted(Answer.ACCEPTED, ASKED + 48 * HOUR, call="two", desired=80_000.0)
    found = case(submitted(Answer.ACCEPTED), seen("DENIED", 50_000.0), second, now=ASKED + 49 * HOUR)
    assert found.state is S.REQUESTED
    assert found.desired == 80_000


def test_a_request_is_expected_to_be_answered_within_a_day() -> None:
    assert case(submitted(Answer.ACCEPTED)).expected == ASKED + 24 * HOUR
    assert case(submitted(Answer.ACCEPTED), seen("APPROVED", 50_000.0)).expected is None


def test_each_purpose_has_a_case_of_its_own() -> None:
    ids = {quota_case_id("111122223333", "eu-west-1", one) for one in Quota}
    assert ids == {"111122223333/eu-west-1/quota-per-day", "111122223333/eu-west-1/quota-per-second"}


_facts = st.lists(
    st.builds(
        Fact,
        at=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
        kind=st.sampled_from(list(FactKind)),
        data=st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from(["", "PENDING", "DENIED", "CASE_CLOSED", "?"]) | st.none(),
                "answer": st.sampled_from([str(one) for one in Answer]) | st.integers(),
                "value": st.floats(0, 1e6) | st.text(max_size=3),
                "desired": st.floats(0, 1e6) | st.booleans(),
                "call": st.sampled_from(["a", "b", ""]),
            },
        ),
    ),
    max_size=8,
)


@given(_facts)
def test_any_facts_give_one_state(facts: list[Fact]) -> None:
    found = case(*facts)
    assert found.state in QuotaState
    assert found.what
    assert found.next_step
    if found.state in OVER - {S.REFUSED, S.CLOSED_UNCHANGED}:
        assert found.may_ask
