"""Hours become days, and the busiest of them are found, whoever counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.forecast import Day
from sendworthy.access.quota_usage import Busiest, DayOutcome, Hour, busiest, hour_of, merged, outcomes, whole_days

START = datetime(2026, 11, 1, tzinfo=UTC)


def hour(number: int, sent: int, minute: int | None = None) -> Hour:
    return Hour(at=START + timedelta(hours=number), sent=sent, busiest_minute=minute)


def test_of_two_counts_of_an_hour_the_larger_counts_once() -> None:
    ours, aws = [hour(0, 50, 9), hour(1, 10, 3)], [hour(0, 80), hour(2, 5)]
    assert merged(ours, aws) == (hour(0, 80, 9), hour(1, 10, 3), hour(2, 5))


def test_today_is_no_whole_day_and_a_silent_day_is_zero() -> None:
    hours = [hour(0, 5), hour(3, 5), hour(50, 7), hour(75, 9)]
    days = whole_days(hours, now=START + timedelta(hours=80))
    assert days == (
        Day(day=date(2026, 11, 1), sent=10),
        Day(day=date(2026, 11, 2), sent=0),
        Day(day=date(2026, 11, 3), sent=7),
    )


def test_a_day_that_is_known_from_noon_on_is_no_whole_day() -> None:
    days = whole_days([hour(12, 5), hour(30, 6)], now=START + timedelta(hours=60))
    assert [one.day for one in days] == [date(2026, 11, 2)]
    assert whole_days([], now=START) == ()


def test_any_24_hours_can_hold_more_than_a_day_of_the_calendar() -> None:
    most = busiest([hour(20, 600, 30), hour(23, 400, 60), hour(24, 500, 20), hour(43, 500, 10), hour(44, 500, 10)])
    assert most == Busiest(day=1500, any_24_hours=2000, hour=600, per_second=1.0, by_hour=False)
    assert most.rolling == 2000 / 1500


def test_where_only_hours_are_known_the_rate_is_a_mean_and_says_so() -> None:
    most = busiest([hour(0, 7200)])
    assert most.per_second == 2.0
    assert most.by_hour


def test_nothing_was_busiest_in_an_empty_history() -> None:
    assert busiest([]) == Busiest(day=0, any_24_hours=0, hour=0, per_second=0.0, by_hour=True)
    assert busiest([]).rolling == 1.0


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 1000)), max_size=60))
def test_the_rolling_day_is_that_of_counting_every_window(found: list[tuple[int, int]]) -> None:
    hours = merged([hour(number, sent) for number, sent in found])
    windows = [sum(one.sent for one in hours if end.at - timedelta(hours=24) < one.at <= end.at) for end in hours]
    assert busiest(hours).any_24_hours == max(windows, default=0)


def test_an_hour_is_that_of_utc() -> None:
    there = datetime(2026, 11, 1, 5, 44, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert hour_of(there) == START


def test_what_came_back_stands_beside_what_was_sent() -> None:
    day = date(2026, 11, 1)
    assert outcomes([Day(day=day, sent=100)], {day: 2}, {}) == (
        DayOutcome(day=day, sent=100, hard_bounces=2, complaints=0),
    )
