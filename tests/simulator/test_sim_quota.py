from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.quota import DAY, Ledger

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(st.lists(st.tuples(st.floats(0, 20_000), st.integers(1, 50)), max_size=60))
def test_the_rolling_day_is_the_sum_of_the_last_24_hours(sends: list[tuple[float, int]]) -> None:
    ledger, seconds, entered = Ledger(), 0.0, []
    for waited, recipients in sends:
        seconds += waited
        ledger.count(recipients, at(seconds))
        entered.append((at(seconds), recipients))
        expected = sum(count for when, count in entered if at(seconds) - DAY < when)
        assert ledger.sent_last_24_hours(at(seconds)) == expected


def test_the_day_is_full_at_its_limit_and_free_again_24_hours_later() -> None:
    ledger = Ledger()
    ledger.count(200, START)
    assert not ledger.fits_day(1, limit=200, now=at(86_399))
    assert ledger.fits_day(1, limit=200, now=at(86_400))
    assert ledger.fits_day(10**9, limit=-1, now=START)


def test_a_burst_is_as_long_as_the_bucket_and_then_the_rate_rules() -> None:
    ledger = Ledger(burst_seconds=3)
    assert [ledger.take_rate(1, rate=1, now=START) for _ in range(4)] == [True, True, True, False]
    assert [ledger.take_rate(1, rate=1, now=at(1)) for _ in range(2)] == [True, False]


def test_sending_at_exactly_the_rate_is_never_refused() -> None:
    ledger = Ledger()
    assert all(ledger.take_rate(1, rate=14, now=at(number / 14)) for number in range(10_000))


def test_more_recipients_than_the_bucket_holds_pass_when_it_is_full_and_leave_a_debt() -> None:
    ledger = Ledger(burst_seconds=3)
    assert ledger.take_rate(50, rate=1, now=START)
    assert not ledger.take_rate(1, rate=1, now=at(47))
    assert ledger.take_rate(1, rate=1, now=at(48))


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 10)), max_size=80),
    st.floats(0.5, 50),
    st.floats(0, 5),
)
def test_no_more_goes_out_than_the_rate_the_burst_and_one_call_allow(
    asks: list[tuple[float, int]], rate: float, burst: float
) -> None:
    ledger, seconds, passed = Ledger(burst_seconds=burst), 0.0, 0
    for waited, recipients in asks:
        seconds += waited
        if ledger.take_rate(recipients, rate=rate, now=at(seconds)):
            passed += recipients
    assert passed <= seconds * rate + max(1.0, rate * burst) + 10 + 0.01
