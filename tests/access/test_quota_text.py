"""The justification holds figures and the user's own words, and nothing that is not known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sendworthy.access.forecast import Day, Forecast, TooShort, forecast
from sendworthy.access.letter import LIMIT
from sendworthy.access.quota import Advice, Quota
from sendworthy.access.quota_text import justify
from sendworthy.access.quota_usage import DayOutcome
from sendworthy.audit.profile import MailKind, Profile, Sender, Stream
from sendworthy.errors import InvalidMessage

FIRST = date(2026, 10, 5)
STATISTICS = tuple(
    DayOutcome(day=FIRST + timedelta(days=t), sent=30_000 + 100 * t, hard_bounces=40, complaints=1) for t in range(28)
)
PROFILE = Profile(
    sender=Sender(company="Fernhill Garden Supply"),
    mail=(
        MailKind(
            name="Order receipts", stream=Stream.TRANSACTIONAL, volume_reason="One for each order; spring doubles them."
        ),
    ),
)


def wanted(quota: Quota = Quota.DAY, value: float = 80_000, limit: float = 50_000) -> tuple[Advice, float]:
    advice = Advice(quota=quota, limit=limit, likely=None, earliest=None, ask_by=None, now=True, value=value, why=())
    return advice, value


def outlook(*, campaign: bool = False) -> Forecast:
    days = [Day(day=FIRST + timedelta(days=t - 14), sent=28_600.0 + 100 * t) for t in range(42)]
    if campaign:
        days[30] = Day(day=days[30].day, sent=300_000.0)
    found = forecast(days, days_ahead=60)
    assert isinstance(found, Forecast)
    return found


def test_the_justification_of_a_made_up_shop_reads_so() -> None:
    text = justify(PROFILE, [wanted(), wanted(Quota.RATE, 20, 14)], STATISTICS, outlook(), region="eu-west-1")
    assert text.subject == "Amazon SES sending quota increase, eu-west-1, Fernhill Garden Supply"
    assert "- Sending quota (L-804C8AE8): 80,000 recipients in 24 hours; at present 50,000." in text.body
    assert "- Sending rate (L-CDEF9B6B): 20 recipients a second; at present 14." in text.body
    assert "What we sent from 5 October 2026 to 1 November 2026 (28 days):" in text.body
    assert "877,800 recipients, 1,120 hard bounces (0.13%), 28 complaints (0.003%)." in text.body
    assert "2026-10-05      30,000            40           1" in text.body
    assert "we expect up to 35,500 recipients a day in the 4 weeks after it (80% range" in text.body
    assert "- Order receipts: One for each order; spring doubles them." in text.body
    assert text.pieces == (text.body,)


def test_a_range_that_does_not_hold_is_not_stated_to_aws() -> None:
    body = justify(PROFILE, [wanted()], STATISTICS, outlook(campaign=True), region="eu-west-1").body
    assert "range" not in body
    assert "on ordinary days" in body


def test_without_a_forecast_no_growth_is_claimed() -> None:
    body = justify(PROFILE, [wanted()], STATISTICS, TooShort(days=12), region="eu-west-1").body
    assert "expect" not in body


def test_without_statistics_no_rate_is_claimed() -> None:
    body = justify(PROFILE, [wanted()], (), TooShort(days=0), region="eu-west-1").body
    assert "%" not in body
    silent = (DayOutcome(day=FIRST, sent=0, hard_bounces=0, complaints=0),)
    assert "%" not in justify(PROFILE, [wanted()], silent, TooShort(days=0), region="eu-west-1").body


def test_outcomes_that_nobody_saw_are_not_said_to_be_none() -> None:
    unseen = tuple(DayOutcome(day=one.day, sent=one.sent, hard_bounces=None, complaints=None) for one in STATISTICS)
    body = justify(PROFILE, [wanted()], unseen, TooShort(days=0), region="eu-west-1").body
    assert "877,800 recipients." in body
    assert "ounce" not in body
    assert "omplaint" not in body


def test_what_changed_since_a_refusal_is_said() -> None:
    body = justify(PROFILE, [wanted()], STATISTICS, outlook(), region="eu-west-1", changed="Lists were\n cleaned.").body
    assert "What has changed since the last request:\nLists were cleaned." in body


def test_a_long_history_is_cut_into_pieces_that_a_case_takes() -> None:
    kinds = tuple(
        MailKind(name=f"Kind {n}", stream=Stream.TRANSACTIONAL, volume_reason="Because of this. " * 20)
        for n in range(30)
    )
    text = justify(Profile(mail=kinds), [wanted()], STATISTICS, outlook(), region="eu-west-1")
    assert len(text.pieces) > 1
    assert all(len(piece) <= LIMIT for piece in text.pieces)


def test_nothing_wanted_is_nothing_to_write() -> None:
    with pytest.raises(InvalidMessage, match="nothing to ask"):
        justify(PROFILE, [], STATISTICS, outlook(), region="eu-west-1")


def test_a_placeholder_is_never_sent() -> None:
    kind = MailKind(name="Receipts", stream=Stream.TRANSACTIONAL, volume_reason="[describe volume]")
    with pytest.raises(InvalidMessage, match="placeholder"):
        justify(Profile(mail=(kind,)), [wanted()], STATISTICS, outlook(), region="eu-west-1")
