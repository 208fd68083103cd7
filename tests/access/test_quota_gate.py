"""Nothing is asked while the reputation is not clean, a request is open, or nothing has changed since a refusal."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.quota import Quota
from sendworthy.access.quota_case import quota_case
from sendworthy.access.quota_gate import Asked, Obstacle, PublishedRates, obstacles
from sendworthy.access.quota_usage import DayOutcome
from sendworthy.audit.evidence import Account
from sendworthy.reputation import Limits, Tally, judge

NOW = datetime(2026, 11, 20, tzinfo=UTC)
CLEAN = Tally(sent=50_000, hard_bounces=100, complaints=5)
FOUR_WEEKS = tuple(
    DayOutcome(day=date(2026, 10, 20) + timedelta(days=t), sent=2000, hard_bounces=4, complaints=0) for t in range(28)
)


def account(**fields: Any) -> Account:
    values: dict[str, Any] = {
        "production_access": True,
        "sending_enabled": True,
        "enforcement_status": "HEALTHY",
        "max_24_hour_send": 50_000.0,
        "max_send_rate": 14.0,
    }
    return Account(**(values | fields))


def found(
    *facts: Fact,
    seen: Account | None = None,
    tally: Tally = CLEAN,
    rates: PublishedRates | None = None,
    statistics: tuple[DayOutcome, ...] = FOUR_WEEKS,
    value: float = 80_000,
    share: float = 0.9,
    changed: str = "",
    now: datetime = NOW,
) -> tuple[Obstacle, ...]:
    asked = Asked(
        quota=Quota.DAY,
        value=value,
        busiest_share=share,
        case=quota_case(Quota.DAY, facts, now),
        changed=changed,
    )
    standing = judge(tally, Limits())
    return obstacles(seen or account(), standing, rates or PublishedRates(), Limits(), statistics, asked)


def ids(obstacles: tuple[Obstacle, ...]) -> dict[str, bool]:
    return {one.id: one.final for one in obstacles}


def asked(answer: Answer, at: datetime) -> Fact:
    data = {"answer": answer, "desired": 80_000.0, "before": 50_000.0, "call": "c"}
    return Fact(at=at, kind=FactKind.SUBMITTED, data=data)


def seen_at(status: str, at: datetime) -> Fact:
    return Fact(at=at, kind=FactKind.STATUS_SEEN, data={"status": status, "value": 50_000.0, "desired": 80_000.0})


def test_a_clean_account_with_four_weeks_of_mail_may_ask() -> None:
    assert found() == ()


@pytest.mark.parametrize("status", ["PROBATION", "SHUTDOWN", "SOMETHING_NEW"])
def test_an_account_under_review_may_not_ask(status: str) -> None:
    assert ids(found(seen=account(enforcement_status=status))) == {"reputation.enforcement": True}


def test_an_account_with_sending_off_may_not_ask() -> None:
    assert ids(found(seen=account(sending_enabled=False))) == {"reputation.enforcement": True}


@pytest.mark.parametrize(
    "tally",
    [
        Tally(sent=10_000, hard_bounces=250, complaints=0),
        Tally(sent=10_000, hard_bounces=0, complaints=6),
        Tally(sent=10_000, hard_bounces=2000, complaints=60),
    ],
    ids=["bounces at 2.5 %", "complaints at 0.06 %", "both far over"],
)
def test_rates_that_are_not_clean_are_final(tally: Tally) -> None:
    assert ids(found(tally=tally)) == {"reputation.rates": True}


def test_awss_own_rates_count_even_where_ours_are_clean() -> None:
    rates = PublishedRates(bounce=0.021, complaint=0.0006)
    assert ids(found(rates=rates)) == {"reputation.aws_bounce": True, "reputation.aws_complaint": True}
    assert found(rates=PublishedRates(bounce=0.019, complaint=0.0004)) == ()


def test_less_than_two_weeks_of_mail_is_no_evidence_but_may_be_overridden() -> None:
    assert ids(found(statistics=FOUR_WEEKS[:13])) == {"evidence.short": False}
    silent = tuple(DayOutcome(day=one.day, sent=0, hard_bounces=0, complaints=0) for one in FOUR_WEEKS)
    assert ids(found(statistics=silent)) == {"evidence.short": False}


def test_rates_that_nobody_saw_are_no_clean_rates() -> None:
    unseen = tuple(DayOutcome(day=one.day, sent=2000, hard_bounces=None, complaints=None) for one in FOUR_WEEKS)
    assert ids(found(statistics=unseen)) == {"evidence.outcomes": False}


def test_a_sandboxed_account_is_sent_to_the_request_for_production() -> None:
    assert ids(found(seen=account(production_access=False))) == {"account.sandbox": False}


def test_values_have_a_floor_and_a_soft_ceiling() -> None:
    assert ids(found(value=50_000)) == {"value.low": True}
    assert ids(found(value=100_001)) == {"value.steep": False}
    assert ids(found(seen=account(max_24_hour_send=-1.0))) == {"value.low": True}


def test_an_unused_quota_is_no_argument() -> None:
    assert ids(found(share=0.49)) == {"usage.low": False}


@pytest.mark.parametrize("status", ["PENDING", "CASE_OPENED", "APPROVED"])
def test_one_request_at_a_time(status: str) -> None:
    facts = (asked(Answer.ACCEPTED, NOW - timedelta(days=2)), seen_at(status, NOW - timedelta(days=1)))
    assert ids(found(*facts)) == {"request.open": True}


def test_a_request_whose_answer_was_lost_is_looked_for_first() -> None:
    assert ids(found(asked(Answer.UNCERTAIN, NOW - timedelta(minutes=5)))) == {"request.uncertain": True}


def test_after_a_refusal_a_day_must_pass_and_something_must_have_changed() -> None:
    refused = NOW - timedelta(hours=23)
    facts = (asked(Answer.ACCEPTED, refused - timedelta(days=1)), seen_at("DENIED", refused))
    assert ids(found(*facts, changed="Cleaned the lists.")) == {"request.refused": True}
    later = NOW + timedelta(hours=2)
    assert ids(found(*facts, now=later)) == {"request.unchanged": True}
    assert ids(found(*facts, changed="  ", now=later)) == {"request.unchanged": True}
    assert found(*facts, changed="Cleaned the lists.", now=later) == ()


def test_what_is_final_comes_first() -> None:
    all_of_it = found(share=0.1, statistics=(), tally=Tally(sent=1000, hard_bounces=900, complaints=0))
    assert [one.final for one in all_of_it] == [True, False, False]
    assert all(one.what and one.fix for one in all_of_it)
