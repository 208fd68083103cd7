from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sendworthy.pacing.budget import book

START = 1_900_000_000.0


@given(st.lists(st.floats(0, 3), min_size=2, max_size=20))
def test_turns_are_a_second_apart_however_many_ask(pauses: list[float]) -> None:
    arrival, now = 0.0, START
    turns: list[float] = []
    for pause in pauses:
        now += pause
        arrival, wait = book(arrival, now)
        turns.append(now + wait)
    assert all(b - a >= 1 - 1e-5 for a, b in pairwise(turns))


def test_the_first_caller_does_not_wait_and_the_next_waits_its_turn() -> None:
    arrival, wait = book(0.0, START)
    assert wait == 0
    arrival, wait = book(arrival, START)
    assert wait == 1
    assert book(arrival, START + 10)[1] == 0


def test_a_clock_set_back_does_not_close_the_control_plane() -> None:
    assert book(START + 86_400, START)[1] == 0
