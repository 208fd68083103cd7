from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.clock import END, SimulatedClock

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Wall:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_at_factor_zero_stands_still_until_advanced() -> None:
    wall = Wall()
    clock = SimulatedClock(start=START, factor=0, monotonic=wall)
    wall.seconds += 50
    assert clock.now() == START
    assert clock.advance(3600) == START + timedelta(hours=1) == clock.now()


def test_a_running_clock_keeps_its_time_when_the_factor_changes() -> None:
    wall = Wall()
    clock = SimulatedClock(start=START, factor=60, monotonic=wall)
    wall.seconds += 10
    assert clock.now() == START + timedelta(minutes=10)
    assert clock.run_at(0) == START + timedelta(minutes=10)
    wall.seconds += 10
    assert clock.now() == START + timedelta(minutes=10)
    clock.run_at(1)
    wall.seconds += 5
    assert clock.now() == START + timedelta(minutes=10, seconds=5)


def test_a_clock_is_set_to_either_side() -> None:
    clock = SimulatedClock(start=START, factor=0, monotonic=Wall())
    assert clock.set(START - timedelta(days=3)) == START - timedelta(days=3)
    assert clock.set(START + timedelta(days=3)) == clock.now()


@pytest.mark.parametrize("factor", [-1.0, float("nan"), 2_000_000.0])
def test_a_factor_that_makes_no_sense_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="factor"):
        SimulatedClock(start=START, factor=factor, monotonic=Wall())


def test_naive_times_and_steps_back_are_refused() -> None:
    clock = SimulatedClock(start=START, monotonic=Wall())
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose
    with pytest.raises(ValueError, match="aware"):
        SimulatedClock(start=datetime(2026, 1, 1), monotonic=Wall())  # noqa: DTZ001
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="advances"):
            clock.advance(seconds)


def test_time_ends_before_dates_do() -> None:
    wall = Wall()
    clock = SimulatedClock(start=END - timedelta(days=1), factor=1_000_000, monotonic=wall)
    wall.seconds += 3600
    assert clock.now() == END
    with pytest.raises(ValueError, match="ends"):
        clock.advance(1)
    with pytest.raises(ValueError, match="ends"):
        clock.set(datetime(9999, 1, 1, tzinfo=UTC))


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 5000)), max_size=20))
def test_a_running_clock_never_goes_back(steps: list[tuple[float, float]]) -> None:
    wall = Wall()
    clock = SimulatedClock(start=START, factor=1, monotonic=wall)
    before = clock.now()
    for waited, factor in steps:
        wall.seconds += waited
        clock.run_at(factor)
        assert clock.now() >= before
        before = clock.now()
