"""When a quota is reached, when to ask, and for how much."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.forecast import Day, Forecast, TooShort, forecast
from sendworthy.access.quota import LEAD, STEEPEST, Quota, advise, headroom, rounded_up
from sendworthy.access.quota_usage import Busiest
from sendworthy.audit.evidence import Account
from sendworthy.audit.profile import MailKind, Profile, Stream

TODAY = date(2026, 11, 2)
NOBODY = Profile()


def account(day: float = 50_000, rate: float = 14, used: float = 0) -> Account:
    return Account(
        production_access=True,
        sending_enabled=True,
        enforcement_status="HEALTHY",
        max_24_hour_send=day,
        max_send_rate=rate,
        sent_last_24_hours=used,
    )


def most(day: int, any_24_hours: int = 0, per_second: float = 1.0) -> Busiest:
    return Busiest(day=day, any_24_hours=any_24_hours or day, hour=day // 8, per_second=per_second, by_hour=False)


def growing(start: float, a_day: float, days: int = 42) -> Forecast:
    """Mail that grows by so much a day, up to yesterday."""
    first = TODAY - timedelta(days=days)
    found = forecast([Day(day=first + timedelta(days=t), sent=start + a_day * t) for t in range(days)], days_ahead=60)
    assert isinstance(found, Forecast)
    return found


def test_what_is_left_is_told_of_both_quotas() -> None:
    day, rate = headroom(account(used=10_000), most(30_000, 40_000, per_second=7))
    assert (day.quota, day.used_share, day.busiest_share) == (Quota.DAY, 0.2, 0.8)
    assert (rate.quota, rate.used, rate.busiest_share) == (Quota.RATE, None, 0.5)
    assert headroom(account(day=-1), most(5))[0].busiest_share == 0


def test_mail_that_grows_reaches_its_quota_on_the_day_that_it_does() -> None:
    outlook = growing(10_000, 500)  # 31,000 today; 50,000 in 38 days
    room, _ = headroom(account(), most(30_500))
    found = advise(room, outlook, most(30_500), NOBODY, today=TODAY)
    assert found.likely == TODAY + timedelta(days=38)
    assert found.earliest == found.likely
    assert found.ask_by == found.likely - LEAD
    assert not found.now
    assert found.value == 76_000  # 60,500 at the end of 60 days, a quarter more, rounded
    assert any("10 December 2026" in reason for reason in found.why)


def test_any_24_hours_count_and_not_the_calendar() -> None:
    outlook = growing(10_000, 500)
    rolling = most(30_500, 45_750)  # half as much again across midnight
    found = advise(headroom(account(), rolling)[0], outlook, rolling, NOBODY, today=TODAY)
    assert found.likely is not None
    assert found.likely < TODAY + timedelta(days=10)
    assert found.now


def test_mail_that_does_not_grow_has_nothing_to_ask_for() -> None:
    outlook = growing(10_000, 0)
    found = advise(headroom(account(), most(10_000))[0], outlook, most(10_000), NOBODY, today=TODAY)
    assert (found.likely, found.earliest, found.ask_by, found.value, found.now) == (None, None, None, None, False)


def test_near_the_quota_it_is_time_to_ask_whatever_the_forecast() -> None:
    busy = most(45_000)
    found = advise(headroom(account(), busy)[0], TooShort(days=10), busy, NOBODY, today=TODAY)
    assert found.now
    assert found.value == 57_000
    assert any("10 whole days" in reason for reason in found.why)


def test_never_more_than_twice_the_present_quota_is_proposed() -> None:
    found = advise(headroom(account(), most(50_000))[0], growing(10_000, 4_000), most(50_000), NOBODY, today=TODAY)
    assert found.value == 100_000


def test_an_account_without_a_limit_has_nothing_to_ask_for() -> None:
    found = advise(headroom(account(day=-1), most(9))[0], growing(1000, 10), most(9), NOBODY, today=TODAY)
    assert found.value is None
    assert found.ask_by is None


def test_the_rate_grows_with_the_days() -> None:
    busy = most(30_500, per_second=7)
    room = headroom(account(), busy)[1]
    found = advise(room, growing(10_000, 500), busy, NOBODY, today=TODAY)
    # 14 a second are reached when a day has twice as much as the busiest had: 61,000, a day after the 60th.
    assert found.likely is None
    faster = advise(room, growing(10_000, 600), busy, NOBODY, today=TODAY)
    assert faster.likely is not None
    assert faster.value is not None
    assert 14 < faster.value <= 28


def test_the_users_own_plan_is_told_beside_the_figure() -> None:
    mail = MailKind(name="Receipts", stream=Stream.TRANSACTIONAL, per_day_later=80_000, later_by="2027-03-01")
    busy = most(45_000)
    found = advise(headroom(account(), busy)[0], growing(10_000, 500), busy, Profile(mail=(mail,)), today=TODAY)
    assert any("80,000 a day by 2027-03-01" in reason for reason in found.why)


def test_a_range_that_does_not_hold_is_said_to() -> None:
    days = [Day(day=TODAY - timedelta(days=42 - t), sent=10_000 + 500 * t) for t in range(42)]
    days[20] = Day(day=days[20].day, sent=200_000)
    outlook = forecast(days, days_ahead=60)
    found = advise(headroom(account(), most(30_500))[0], outlook, most(30_500), NOBODY, today=TODAY)
    assert any("does not hold" in reason for reason in found.why)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0, 0), (1, 1), (9.2, 10), (71_344, 72_000), (72_000, 72_000), (100_001, 110_000), (14.2, 15)],
)
def test_a_value_is_rounded_up_to_two_digits(value: float, wanted: float) -> None:
    assert rounded_up(value) == wanted


@given(st.floats(200, 1e6), st.floats(1, 500), st.integers(0, 10**6), st.floats(0, 1000), st.sampled_from(list(Quota)))
def test_a_proposed_value_is_always_above_the_quota_and_never_steep(
    day: float, rate: float, busy: int, per_second: float, quota: Quota
) -> None:
    used = most(busy, per_second=per_second)
    room = next(one for one in headroom(account(day, rate), used) if one.quota is quota)
    found = advise(room, TooShort(days=3), used, NOBODY, today=TODAY)
    if found.value is not None:
        assert room.limit < found.value <= STEEPEST * room.limit
        assert found.now
