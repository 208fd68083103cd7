"""The steps that are left after a refusal, each with what it needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendworthy.access.ladder import Rung, Standing, ladder, next_rung

REFUSED_AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
DAYS_LATER = REFUSED_AT + timedelta(days=3)
ORDER = tuple(Rung)


@pytest.mark.parametrize("taken", range(4))
def test_the_next_step_is_open_after_a_day_with_something_changed(taken: int) -> None:
    used = ORDER[:taken]
    steps = ladder(refused_at=REFUSED_AT, used=used, changed=True, standing=False, now=DAYS_LATER)
    wanted = [Standing.DONE] * taken + [Standing.OPEN] + [Standing.CLOSED] * (4 - taken)
    assert [one.standing for one in steps] == wanted
    assert next_rung(used) is ORDER[taken]


@pytest.mark.parametrize(
    ("taken", "open_"), [(0, True), (1, True), (2, False), (3, False)], ids=["answer", "question", "quotas", "case"]
)
def test_the_two_steps_that_begin_anew_need_a_change_and_the_first_two_do_not(taken: int, open_: bool) -> None:
    steps = ladder(refused_at=REFUSED_AT, used=ORDER[:taken], changed=False, standing=False, now=DAYS_LATER)
    assert (steps[taken].standing is Standing.OPEN) is open_
    assert ("--changed" in steps[taken].why) is not open_


def test_after_every_step_only_waiting_is_left() -> None:
    steps = ladder(refused_at=REFUSED_AT, used=ORDER[:4], changed=True, standing=False, now=DAYS_LATER)
    assert [one.standing for one in steps] == [Standing.DONE] * 4 + [Standing.OPEN]
    assert "What is left" in steps[-1].what


@pytest.mark.parametrize("later", [timedelta(hours=1), timedelta(days=3), timedelta(days=400)])
@pytest.mark.parametrize("taken", range(4))
def test_standing_closes_every_step_but_waiting_however_much_time_passes(later: timedelta, taken: int) -> None:
    steps = ladder(refused_at=REFUSED_AT, used=ORDER[:taken], changed=True, standing=True, now=REFUSED_AT + later)
    assert [one.rung for one in steps if one.standing is Standing.OPEN] == [Rung.WAIT]
    assert "no text helps" in steps[taken].why
    assert steps[-1].not_before == REFUSED_AT + timedelta(days=30)
