"""The warm-up: its plan, its steps by the days on record, its hours, and when mail that waits should go."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta, timezone
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.pacing.governor import Day, Policy, Quota, Reason, Spread, State, expected_wait, hour_left, take
from sendworthy.pacing.ramp import (
    MOST_DAYS,
    Course,
    Lived,
    Move,
    Position,
    Ramp,
    Steps,
    by_day,
    expected,
    factor,
    hour_share,
    plan,
    policy_on,
    walk,
)
from sendworthy.pacing.ramp_trial import World, try_out
from sendworthy.reputation import Limits, Tally, Verdict

START = date(2026, 12, 1)
LIMITS = Limits(bounce_slow=0.04, bounce_stop=0.05, complaint_slow=0.0008, complaint_stop=0.001)
RAMP = Ramp(started=START, first_day=200, target=50_000, days=21)

ramps = st.builds(
    Ramp,
    started=st.just(START),
    first_day=st.integers(1, 5_000),
    target=st.integers(5_000, 1_000_000),
    days=st.integers(2, 90),
    growth=st.floats(1.05, 4),
    enough=st.floats(0.1, 1),
)
outcomes = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 0.01)), min_size=1, max_size=40
)


def a_day(number: int, sent: int, heard: int | None = None, bounces: int = 0, complaints: int = 0) -> Lived:
    tally = Tally(sent=sent if heard is None else heard, hard_bounces=bounces, complaints=complaints)
    return Lived(day=START + timedelta(days=number), sent=sent, tally=tally)


def walked(*days: Lived, ramp: Ramp = RAMP) -> Course:
    return walk(ramp, by_day(days), START + timedelta(days=len(days)), LIMITS)


def live(ramp: Ramp, given: list[tuple[float, float, float, float]]) -> list[Lived]:
    """Live some days: of what each might hold a share is sent, of that a share heard, and some of it comes back."""
    lived: list[Lived] = []
    for number, (used, heard, bounces, complaints) in enumerate(given):
        today = walked(*lived, ramp=ramp).today
        sent = 0 if today.held else int(today.allowed * used)
        known = int(sent * heard)
        lived.append(a_day(number, sent, known, int(known * bounces), int(known * complaints)))
    return lived


@given(ramp=ramps)
def test_a_plan_rises_to_its_target_and_never_faster_than_it_may(ramp: Ramp) -> None:
    days = plan(ramp, LIMITS, reserve=0.1)
    volumes = [one.allowed for one in days]
    assert volumes[0] == ramp.first_day
    assert volumes == sorted(volumes)
    assert max(volumes) <= ramp.target
    # A volume is the whole part of the exact one, so each may be one more than its neighbour allows.
    assert all(after <= ramp.growth * (before + 1) for before, after in itertools.pairwise(volumes))
    assert volumes[-1] == ramp.target or len(days) == MOST_DAYS
    assert [one.day for one in days] == [START + timedelta(days=number) for number in range(len(days))]
    assert all(one.per_hour * ramp.hours >= one.allowed * 0.9 for one in days)


def test_the_plan_of_three_weeks_takes_three_weeks() -> None:
    days = plan(RAMP, LIMITS, reserve=0.1)
    assert (len(days), days[0].allowed, days[1].allowed, days[-1].allowed) == (21, 200, 263, 50_000)
    assert days[0].per_hour == 15


def test_where_growth_is_bounded_the_plan_takes_longer() -> None:
    slow = Ramp(started=START, first_day=200, target=50_000, days=7, growth=1.5)
    assert factor(slow) == 1.5
    assert len(plan(slow, LIMITS, reserve=0)) == 15


@given(ramp=ramps, given=outcomes)
def test_no_day_holds_more_than_the_plan_or_the_target(
    ramp: Ramp, given: list[tuple[float, float, float, float]]
) -> None:
    steps = Steps(ramp)
    course = walked(*live(ramp, given), ramp=ramp)
    for number, stage in enumerate(course.stages):
        assert stage.position.allowed <= min(ramp.target, steps.at(number))
        assert stage.lived.sent <= stage.position.allowed
    assert course.today.allowed <= ramp.target


@given(ramp=ramps, given=outcomes)
def test_a_restart_stands_where_the_process_stood(ramp: Ramp, given: list[tuple[float, float, float, float]]) -> None:
    lived = live(ramp, given)
    whole = walked(*lived, ramp=ramp)
    again = walk(ramp, by_day(reversed(lived)), START + timedelta(days=len(lived)), LIMITS)
    assert whole == again
    for number, stage in enumerate(whole.stages):
        assert walked(*lived[:number], ramp=ramp).today == stage.position


@given(ramp=ramps, days=st.integers(1, 40), used=st.floats(0, 1))
def test_healthy_days_never_step_back(ramp: Ramp, days: int, used: float) -> None:
    course = walked(*live(ramp, [(used, 1.0, 0.0, 0.0)] * days), ramp=ramp)
    steps = [one.position.step for one in course.stages] + [course.today.step]
    assert steps == sorted(steps)
    assert all(not one.position.held for one in course.stages)
    assert {one.move for one in course.stages} <= {Move.GROWN, Move.TOO_FEW, Move.REACHED}


@given(ramp=ramps, given=outcomes)
def test_a_day_that_stops_is_followed_by_less_and_by_rest(
    ramp: Ramp, given: list[tuple[float, float, float, float]]
) -> None:
    course = walked(*live(ramp, given), ramp=ramp)
    following = [one.position for one in course.stages[1:]] + [course.today]
    for stage, after in zip(course.stages, following, strict=True):
        if stage.move is Move.BACK:
            assert stage.verdict is Verdict.STOP
            assert after.held
            assert after.step == max(0, stage.position.step - 1)
        elif stage.move in {Move.SLOWED, Move.TOO_FEW, Move.UNHEARD, Move.RESTED}:
            assert (after.step, after.held) == (stage.position.step, False)
        if stage.move in {Move.GROWN, Move.REACHED}:
            assert stage.lived.sent >= ramp.enough * stage.position.allowed
            assert stage.verdict in {Verdict.HEALTHY, Verdict.WARN}


def test_a_slow_day_repeats_its_step() -> None:
    course = walked(a_day(0, 200), a_day(1, 263, bounces=11))
    assert [one.move for one in course.stages] == [Move.GROWN, Move.SLOWED]
    assert course.today == Position(step=1, allowed=263)
    assert "4.18% hard bounces of 263 messages" in course.stages[1].why


def test_a_day_of_harm_steps_back_and_rests_and_then_goes_on() -> None:
    days = [a_day(0, 200), a_day(1, 263), a_day(2, 347, bounces=30)]
    stopped = walked(*days).today
    assert (stopped.step, stopped.held) == (1, True)
    # Bounces that come late, on the day of rest, do not send it back again.
    rested = walked(*days, a_day(3, 0, heard=120, bounces=120))
    assert rested.stages[-1].move is Move.RESTED
    assert rested.today == Position(step=1, allowed=263)
    assert walked(*days, a_day(3, 0), a_day(4, 263)).today.step == 2


def test_thirteen_messages_decide_nothing() -> None:
    course = walked(a_day(0, 13, bounces=1))
    assert (course.stages[0].move, course.stages[0].verdict) == (Move.TOO_FEW, Verdict.HEALTHY)
    assert course.today == Position(step=0, allowed=200, gathered=Tally(sent=13, hard_bounces=1, complaints=0))


def test_small_days_are_judged_together() -> None:
    small = Ramp(started=START, first_day=60, target=6_000)
    assert walked(a_day(0, 60, bounces=6), ramp=small).stages[0].verdict is Verdict.HEALTHY
    both = walked(a_day(0, 60, bounces=6), a_day(1, 60, bounces=6), ramp=small)
    assert [one.move for one in both.stages] == [Move.TOO_FEW, Move.BACK]
    fine = walked(a_day(0, 60), a_day(1, 60), ramp=small)
    assert [one.move for one in fine.stages] == [Move.TOO_FEW, Move.GROWN]


def test_mail_of_which_nothing_is_heard_proves_nothing() -> None:
    course = walked(a_day(0, 200, heard=0))
    assert course.stages[0].move is Move.UNHEARD
    assert course.today.step == 0
    assert "do the events arrive?" in course.stages[0].why


def test_it_ends_at_the_target_and_after_its_time() -> None:
    short = Ramp(started=START, first_day=400, target=800, days=2)
    done = walked(a_day(0, 400), a_day(1, 800), a_day(2, 13), ramp=short)
    assert done.stages[-1].move is Move.REACHED
    assert len(done.stages) == 2
    assert done.today.over
    idle = walk(RAMP, {}, START + timedelta(days=MOST_DAYS), LIMITS).today
    assert idle.over
    assert not walk(RAMP, {}, START + timedelta(days=MOST_DAYS - 1), LIMITS).today.over
    assert policy_on(Policy(), RAMP, idle, datetime(2027, 5, 1, tzinfo=UTC)) == Policy()


def test_before_its_start_the_first_day_holds() -> None:
    assert walk(RAMP, {}, START - timedelta(days=3), LIMITS).today == Position(step=0, allowed=200)


def account(**quota: object) -> State:
    values: dict[str, object] = {
        "max_24_hour_send": 50_000.0,
        "max_send_rate": 14.0,
        "sent_last_24_hours": 0.0,
        "production": True,
        "sending_enabled": True,
        "read_at": 0.0,
    }
    return State(quota=Quota(**(values | quota)))  # type: ignore[arg-type]  # a dict of mixed values


NOON = datetime(2026, 12, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))


def test_the_policy_keeps_the_hours_of_the_sender() -> None:
    policy = policy_on(Policy(reserve=0.1), RAMP, Position(step=0, allowed=200), NOON)
    assert policy.ramp_24_hour == 200
    assert policy.ramp_until == datetime(2026, 12, 1, 23, tzinfo=UTC).timestamp()
    assert policy.bulk == Spread(
        hour=15,
        opens=datetime(2026, 12, 1, 7, tzinfo=UTC).timestamp(),
        closes=datetime(2026, 12, 1, 19, tzinfo=UTC).timestamp(),
        opens_next=datetime(2026, 12, 2, 7, tzinfo=UTC).timestamp(),
    )


def test_bulk_mail_waits_for_the_hour_and_urgent_mail_does_not() -> None:
    at = NOON.timestamp()
    policy = policy_on(Policy(reserve=0.1), RAMP, Position(step=0, allowed=200), NOON)
    day = Day(sent=40, oldest=at - 7200, hour=15, oldest_of_hour=at - 1200)
    bulk = take(account(), 1, at, day=day, policy=policy)
    assert (bulk.granted, bulk.reason, bulk.wait_seconds) == (0, Reason.RAMP_HOUR, 2460)
    assert take(account(), 1, at, day=day, policy=policy, urgent=True).granted == 1
    assert take(account(), 9, at, day=Day(sent=14, hour=14, oldest=at, oldest_of_hour=at), policy=policy).granted == 1
    night = NOON.replace(hour=3)
    asleep = take(account(), 1, night.timestamp(), day=Day(), policy=policy)
    assert (asleep.reason, asleep.wait_seconds) == (Reason.RAMP_HOUR, 5 * 3600)
    evening = NOON.replace(hour=21)
    assert take(account(), 1, evening.timestamp(), day=Day(), policy=policy).wait_seconds == 11 * 3600


def test_a_day_of_rest_holds_bulk_mail_until_tomorrow() -> None:
    policy = policy_on(Policy(), RAMP, Position(step=0, allowed=200, held=True), NOON)
    held = take(account(), 1, NOON.timestamp(), day=Day(), policy=policy)
    assert (held.reason, held.wait_seconds) == (Reason.RAMP_HELD, 20 * 3600)
    assert take(account(), 1, NOON.timestamp(), day=Day(), policy=policy, urgent=True).granted == 1


def test_the_reason_is_the_warm_up_only_where_the_quota_would_allow_more() -> None:
    at = NOON.timestamp()
    policy = policy_on(Policy(reserve=0.1), RAMP, Position(step=0, allowed=200), NOON)
    full = Day(sent=200, oldest=at - 3600, hour=0)
    assert take(account(), 1, at, day=full, policy=policy, urgent=True).reason is Reason.RAMP
    assert take(account(), 1, at, day=full, policy=policy).reason is Reason.RAMP
    assert take(account(max_24_hour_send=200.0), 1, at, day=full, policy=policy, urgent=True).reason is Reason.DAY
    kept = Day(sent=185, oldest=at - 3600)
    assert take(account(), 1, at, day=kept, policy=policy).reason is Reason.RAMP
    assert take(account(), 1, at, day=kept, policy=policy, urgent=True).granted == 1


def test_people_are_told_when_the_day_frees_and_not_when_a_worker_asks_again() -> None:
    at = NOON.timestamp()
    policy = policy_on(Policy(reserve=0.1), RAMP, Position(step=0, allowed=200), NOON)
    full = Day(sent=200, oldest=at - 3600)
    urgent = take(account(), 1, at, day=full, policy=policy, urgent=True)
    assert urgent.wait_seconds == 600
    # The next day of the warm-up begins before today's oldest mail leaves the 24 hours.
    assert expected_wait(urgent, at, day=full, policy=policy, urgent=True) == 12 * 3600
    bulk = take(account(), 1, at, day=full, policy=policy)
    assert expected_wait(bulk, at, day=full, policy=policy, urgent=False) == 20 * 3600


@given(
    allowed=st.integers(1, 100_000),
    hour=st.integers(0, 23),
    length=st.integers(1, 24),
    reserve=st.floats(0, 0.9),
)
def test_the_hours_of_a_day_hold_the_day(allowed: int, hour: int, length: int, reserve: float) -> None:
    ramp = Ramp(started=START, first_day=1, target=2, from_hour=hour, to_hour=min(24, hour + length))
    share = hour_share(ramp, allowed, reserve)
    assert share * ramp.hours >= int(allowed * (1 - reserve))
    assert (share - 1) * ramp.hours <= ceil(allowed * (1 - reserve))


def test_an_hour_that_ends_with_the_day_is_followed_by_tomorrow() -> None:
    spread = Spread(hour=5, opens=0, closes=36_000, opens_next=86_400)
    assert hour_left(spread, 35_000, day=Day(hour=5, oldest_of_hour=34_980)) == (0, 86_400 - 35_000)


def waits(
    ahead: int, *, left: float = 180, hour: float = 15, urgent: bool = False, held: bool = False
) -> datetime | None:
    position = Position(step=0, allowed=200, held=held)
    return expected(RAMP, position, NOON, ahead=ahead, left=left, left_in_hour=hour, reserve=0.1, urgent=urgent)


def test_mail_is_expected_by_what_goes_before_it() -> None:
    assert waits(0) == NOON
    assert waits(15) == NOON
    assert waits(30) == NOON + timedelta(hours=1)
    # 15 of this hour and 8 hours of 15 go today; the rest from 8 o'clock tomorrow, 20 an hour.
    assert waits(135) == NOON.replace(day=2, hour=8)
    assert waits(155) == NOON.replace(day=2, hour=9)
    assert waits(0, left=0) == NOON.replace(day=2, hour=8)
    assert waits(0, held=True) == NOON.replace(day=2, hour=8)
    assert waits(150, left=100, urgent=True) == NOON.replace(day=2, hour=0)
    assert waits(10**12) is None


def test_more_mail_ahead_never_means_sooner() -> None:
    times = [waits(ahead) for ahead in range(0, 3_000, 7)]
    known = [one for one in times if one is not None]
    assert known == sorted(known)
    assert len(known) == len(times)


def tried(seed: int = 1, quota: float = -1.0, **world: float) -> tuple[int | None, list[int]]:
    made = World(**{"per_day": 20_000, "addresses": 200_000, **world})  # type: ignore[arg-type]  # mixed numbers
    ramp = Ramp(started=START, first_day=200, target=20_000)
    draw = random.Random(seed).random  # noqa: S311 - a seeded world
    trial = try_out(ramp, made, LIMITS, quota=quota, days=MOST_DAYS, draw=draw)
    return trial.reached_on, [one.stage.lived.sent for one in trial.days]


def test_a_clean_list_climbs_as_planned_and_a_bad_one_does_not() -> None:
    assert tried()[0] == 21
    assert tried(dead=0.01)[0] == 21
    slowed = tried(bounce_rate=0.035)[0]
    assert slowed is not None
    assert slowed > 21
    assert tried(dead=0.3)[0] is None
    assert tried(complaint_rate=0.01)[0] is None


def test_a_small_list_is_cleaned_by_being_mailed() -> None:
    reached, sent = tried(dead=0.08, addresses=3_000, per_day=20_000)
    assert reached is not None
    assert sent[-1] >= 10_000


def test_the_quota_bounds_a_trial_and_the_seed_repeats_it() -> None:
    assert max(tried(quota=1_000)[1]) == 1_000
    assert tried(quota=1_000)[0] is None
    assert tried(seed=3, bounce_rate=0.03) == tried(seed=3, bounce_rate=0.03)
    assert tried(seed=3, bounce_rate=0.03) != tried(seed=4, bounce_rate=0.03)


def test_half_an_hour_of_a_zone_moves_no_day_of_the_policy() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    policy = policy_on(Policy(), RAMP, Position(allowed=200), datetime(2026, 12, 1, 1, tzinfo=kolkata))
    assert policy.bulk is not None
    assert policy.bulk.opens == datetime(2026, 12, 1, 2, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("to_hour", [20, 24])
def test_the_last_hour_may_be_midnight(to_hour: int) -> None:
    ramp = Ramp(started=START, first_day=200, target=400, to_hour=to_hour)
    policy = policy_on(Policy(), ramp, Position(allowed=200), NOON)
    assert policy.bulk is not None
    assert policy.bulk.closes - policy.bulk.opens == (to_hour - 8) * 3600
