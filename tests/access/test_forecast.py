"""The range holds what it claims on regular mail, and says that it does not where the past was not regular."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.access.forecast import LEAST_DAYS, MOST_DAYS, Day, Forecast, Scale, TooShort, forecast
from sendworthy.access.forecast_fit import fit, predict, student

WEEK = (1.1, 1.05, 1.0, 1.02, 0.95, 0.6, 0.55)
AHEAD = 14


def regular_mail(
    seed: int, days: int, *, shares: bool, memory: float = 0.0, noise: float = 0.12, trend: float = 0.005
) -> tuple[list[Day], list[float]]:
    """Days with a trend, a week and errors that may remember; and the AHEAD days that really came."""
    dice = random.Random(seed)  # noqa: S311 - made-up mail, the same in every run
    first = date(2026, 1, 1) + timedelta(days=dice.randrange(7))
    error, found = dice.gauss(0, 1), []
    for t in range(days + AHEAD):
        error = memory * error + math.sqrt(1 - memory**2) * dice.gauss(0, 1)
        of_week = WEEK[(first + timedelta(days=t)).weekday()]
        if shares:
            found.append(10_000 * math.exp(trend * t) * of_week * math.exp(noise * error))
        else:
            found.append(max(0.0, 10_000 * (1 + trend * t) + 10_000 * (of_week - 1) + 10_000 * noise * error))
    return [Day(day=first + timedelta(days=t), sent=found[t]) for t in range(days)], found[days:]


def told(days: list[Day], ahead: int = AHEAD) -> Forecast:
    found = forecast(days, days_ahead=ahead)
    assert isinstance(found, Forecast)
    return found


def many(count: int, **world: object) -> Iterator[tuple[Forecast, list[float]]]:
    for seed in range(count):
        days, came = regular_mail(seed, **world)  # type: ignore[arg-type]  # the keywords of one function
        yield told(days), came


@pytest.mark.parametrize("shares", [True, False], ids=["shares", "amounts"])
@pytest.mark.parametrize(("days", "seeds"), [(28, 120), (56, 80), (91, 40)])
@pytest.mark.parametrize("memory", [0.0, 0.4])
def test_the_80_percent_range_holds_about_80_percent_of_days(
    *, shares: bool, days: int, seeds: int, memory: float
) -> None:
    inside = [
        one.low <= value <= one.high
        for found, came in many(seeds, days=days, shares=shares, memory=memory)
        for one, value in zip(found.days, came, strict=True)
    ]
    assert found_share(inside) == pytest.approx(0.80, abs=0.05)


def found_share(inside: list[bool]) -> float:
    return sum(inside) / len(inside)


@pytest.mark.parametrize("shares", [True, False], ids=["shares", "amounts"])
def test_on_regular_mail_it_rarely_says_that_the_range_does_not_hold(*, shares: bool) -> None:
    held = [found.holds for found, _ in many(60, days=63, shares=shares, memory=0.3)]
    assert found_share(held) >= 0.93


@pytest.mark.parametrize("shares", [True, False], ids=["shares", "amounts"])
@pytest.mark.parametrize("what", ["campaigns", "outages"])
def test_with_campaigns_and_outages_it_says_that_the_range_does_not_hold(*, what: str, shares: bool) -> None:
    said = named = 0
    for seed in range(60):
        days, _ = regular_mail(seed, 63, shares=shares, memory=0.3)
        dice = random.Random(seed)  # noqa: S311 - made-up mail, the same in every run
        odd = dice.sample(range(63), dice.randint(1, 4))
        low, high = (2.3, 5.0) if what == "campaigns" else (0.0, 0.2)
        for index in odd:
            days[index] = Day(day=days[index].day, sent=days[index].sent * dice.uniform(low, high))
        found = told(days)
        said += not found.holds and any(what in reason for reason in found.why_not)
        named += {days[index].day for index in odd} <= {one.day for one in found.unusual}
    assert said >= 58
    assert named >= 52


def test_a_campaign_does_not_move_the_forecast_of_ordinary_days() -> None:
    days, _ = regular_mail(3, 63, shares=True)
    plain = told(days)
    days[-4] = Day(day=days[-4].day, sent=days[-4].sent * 8)
    moved = told(days)
    for one, two in zip(plain.days, moved.days, strict=True):
        assert two.expected == pytest.approx(one.expected, rel=0.08)


def test_a_level_that_doubled_is_told() -> None:
    said = 0
    for seed in range(40):
        days, _ = regular_mail(seed, 70, shares=True, memory=0.2, noise=0.08)
        jumped = [Day(day=one.day, sent=one.sent * (2 if index >= 56 else 1)) for index, one in enumerate(days)]
        said += not told(jumped).holds
    assert said >= 38


def test_the_scale_is_the_one_that_the_mail_has() -> None:
    shares = [found.scale is Scale.SHARES for found, _ in many(30, days=91, shares=True, noise=0.2)]
    amounts = [found.scale is Scale.AMOUNTS for found, _ in many(30, days=91, shares=False, noise=0.15)]
    assert found_share(shares) > 0.9
    assert found_share(amounts) > 0.85


def test_a_trend_without_noise_is_continued_to_the_day() -> None:
    days = [Day(day=date(2026, 3, 2) + timedelta(days=t), sent=1000.0 + 10 * t) for t in range(42)]
    found = told(days, 7)
    assert [round(one.expected) for one in found.days] == [1420 + 10 * step for step in range(7)]
    assert found.days[0].day == date(2026, 4, 13)
    assert found.holds


def test_a_week_without_trend_comes_again() -> None:
    week = [900.0, 800.0, 700.0, 800.0, 900.0, 100.0, 0.0]
    days = [Day(day=date(2026, 3, 2) + timedelta(days=t), sent=week[t % 7]) for t in range(42)]
    assert [round(one.expected) for one in told(days, 7).days] == [round(one) for one in week]


def test_four_weeks_are_the_least() -> None:
    days, _ = regular_mail(1, LEAST_DAYS - 1, shares=True)
    assert forecast(days, days_ahead=7) == TooShort(days=LEAST_DAYS - 1)
    silent = [Day(day=date(2026, 1, 1) + timedelta(days=t), sent=0.0) for t in range(60)]
    assert isinstance(forecast(silent, days_ahead=7), TooShort)


def test_only_the_last_thirteen_weeks_are_learnt_from() -> None:
    days, _ = regular_mail(5, MOST_DAYS, shares=True)
    before = [Day(day=days[0].day - timedelta(days=t), sent=1.0) for t in range(30, 0, -1)]
    assert told(before + days) == told(days)


def test_a_gap_in_the_history_is_refused() -> None:
    days, _ = regular_mail(1, 40, shares=True)
    with pytest.raises(ValueError, match="gap"):
        forecast(days[:10] + days[11:], days_ahead=7)


@given(st.lists(st.integers(0, 10**7), min_size=LEAST_DAYS, max_size=60), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_any_history_gives_ordered_ranges_above_zero(values: list[int], ahead: int) -> None:
    days = [Day(day=date(2026, 1, 1) + timedelta(days=t), sent=float(value)) for t, value in enumerate(values)]
    found = forecast(days, days_ahead=ahead)
    if isinstance(found, TooShort):
        assert not any(values)
        return
    assert len(found.days) == ahead
    for one in found.days:
        assert 0 <= one.low <= one.expected <= one.high
        assert math.isfinite(one.high)


def test_student_has_the_tables_quantiles() -> None:
    for freedom, wanted in ((20, 1.325), (40, 1.303), (120, 1.289)):
        assert student(0.9, freedom) == pytest.approx(wanted, abs=0.001)


def test_the_memory_of_errors_is_found() -> None:
    found = []
    for seed in range(20):
        days, _ = regular_mail(seed, 91, shares=False, memory=0.6)
        found.append(fit([one.sent for one in days], [one.day.weekday() for one in days]).memory)
    assert sum(found) / len(found) == pytest.approx(0.6, abs=0.1)


def test_tomorrow_keeps_of_todays_error_what_the_memory_says() -> None:
    days, _ = regular_mail(4, 91, shares=False, memory=0.6)
    fitted = fit([one.sent for one in days], [one.day.weekday() for one in days])
    forgetful = replace(fitted, error=0.0)
    assert fitted.memory > 0.3
    for step in (1, 2, 5):
        moved = predict(fitted, step, 0.8)[0] - predict(forgetful, step, 0.8)[0]
        assert moved == pytest.approx(fitted.memory**step * fitted.error)


def test_a_range_widens_with_the_days_ahead() -> None:
    days, _ = regular_mail(2, 56, shares=False, memory=0.5)
    fitted = fit([one.sent for one in days], [one.day.weekday() for one in days])
    halves = [predict(fitted, step, 0.8)[1] for step in (1, 8, 29, 57)]
    assert halves == sorted(halves)
