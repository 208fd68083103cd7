from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.pacing import governor
from sendworthy.pacing.gcra import pace
from sendworthy.pacing.governor import Day, Policy, Quota, Reason, State, take

START = 1_900_000_020.0  # the start of a minute
POLICY = Policy()


def a_state(**quota: object) -> State:
    values: dict[str, object] = {
        "max_24_hour_send": governor.UNLIMITED,
        "max_send_rate": 14.0,
        "sent_last_24_hours": 0.0,
        "production": True,
        "sending_enabled": True,
        "read_at": START,
    }
    return State(quota=Quota(**(values | quota)))  # type: ignore[arg-type]  # a dict of mixed values


class Minutes:
    """The buckets that the store keeps, in memory."""

    def __init__(self) -> None:
        self.sent: dict[int, int] = {}

    def add(self, now: float, count: int) -> None:
        minute = int(now // 60)
        self.sent[minute] = self.sent.get(minute, 0) + count

    def day(self, now: float) -> Day:
        live = {minute: n for minute, n in self.sent.items() if minute * 60 > governor.day_start(now) and n}
        return Day(sent=sum(live.values()), oldest=min(live) * 60.0 if live else None)


def most_in_a_window(grants: list[tuple[float, int]], seconds: float) -> int:
    most = left = total = 0
    for right, (at, count) in enumerate(grants):
        total += count
        while at - grants[left][0] >= seconds:
            total -= grants[left][1]
            left += 1
        most = max(most, total)
        assert right >= left
    return most


@given(
    rate=st.floats(0.5, 2000),
    asks=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 500)), min_size=1, max_size=60),
)
def test_no_second_holds_more_than_the_rate_and_the_burst(rate: float, asks: list[tuple[float, int]]) -> None:
    state, now = a_state(max_send_rate=rate), START
    grants: list[tuple[float, int]] = []
    for pause, wanted in asks:
        now += pause
        taken = take(state, wanted, now, day=Day(), policy=POLICY)
        assert 0 <= taken.granted <= wanted
        assert (taken.wait_seconds > 0) == (taken.granted < wanted)
        state = taken.state
        grants.append((now, taken.granted))
    for window in (0.1, 1.0, 10.0):
        assert most_in_a_window(grants, window) <= rate * window + 1 + rate * POLICY.burst_seconds + 1e-3


@given(rate=st.floats(1, 1000), late=st.floats(0, 0.02))
@settings(max_examples=50)
def test_a_worker_that_wakes_a_little_late_still_uses_the_whole_rate(rate: float, late: float) -> None:
    state, now, sent = a_state(max_send_rate=rate), START, 0
    seconds = max(30.0, 300 / rate)
    while now < START + seconds:
        taken = take(state, 10_000, now, day=Day(), policy=POLICY)
        state, sent = taken.state, sent + taken.granted
        now += taken.wait_seconds + late
    assert sent >= 0.99 * rate * seconds


@pytest.mark.parametrize("burst_seconds", [0.05, 3.0])
def test_the_sandbox_sends_one_a_second_and_never_two(burst_seconds: float) -> None:
    state, now = a_state(production=False, max_send_rate=1.0, max_24_hour_send=200.0), START
    sent: list[float] = []
    for _ in range(50):
        taken = take(state, 10, now, day=Day(), policy=Policy(burst_seconds=burst_seconds))
        state = taken.state
        sent += [now] * taken.granted
        now += taken.wait_seconds
    assert len(sent) == 50
    assert all(0.999 <= after - before <= 1.01 for before, after in pairwise(sent))


@given(
    limit=st.integers(5, 400),
    steps=st.lists(
        st.tuples(st.one_of(st.floats(1, 30_000), st.just(86_390.0)), st.integers(1, 80), st.booleans()),
        min_size=5,
        max_size=60,
    ),
)
def test_no_rolling_day_holds_more_than_the_quota(limit: int, steps: list[tuple[float, int, bool]]) -> None:
    state = a_state(max_24_hour_send=float(limit), max_send_rate=500.0)
    minutes, now = Minutes(), START + 59.0
    grants: list[tuple[float, int]] = []
    for pause, wanted, urgent in steps:
        now += pause
        # AWS's own figure lags for ever, so that only our minutes stand between us and the quota.
        state = governor.read(state, state.quota, granted_when_asked=state.granted)
        taken = take(state, wanted, now, day=minutes.day(now), policy=Policy(burst_seconds=1), urgent=urgent)
        state = taken.state
        minutes.add(now, taken.granted)
        grants.append((now, taken.granted))
    assert most_in_a_window(grants, governor.DAY_SECONDS) <= limit


def test_a_minute_counts_until_its_last_second_has_left_the_day() -> None:
    minutes = Minutes()
    minutes.add(START + 59, 5)
    assert minutes.day(START + 59 + governor.DAY_SECONDS - 0.5).sent == 5
    assert minutes.day(START + 60 + governor.DAY_SECONDS + 0.5).sent == 0


def test_a_full_day_is_used_to_its_last_permit_and_told_when_it_opens_again() -> None:
    state, minutes, now = a_state(max_24_hour_send=200.0, max_send_rate=1.0), Minutes(), START
    sent = 0
    while True:
        taken = take(state, 50, now, day=minutes.day(now), policy=POLICY, urgent=True)
        state, sent = taken.state, sent + taken.granted
        minutes.add(now, taken.granted)
        if taken.reason is Reason.DAY:
            break
        now += taken.wait_seconds
    assert sent == 200
    assert now - START < 201
    assert 0 < taken.wait_seconds <= POLICY.day_retry_seconds


def test_bulk_mail_leaves_the_reserve_to_urgent_mail() -> None:
    state = a_state(max_24_hour_send=100.0, max_send_rate=1000.0)
    policy = Policy(burst_seconds=1, reserve=0.05)
    bulk = take(state, 200, START, day=Day(), policy=policy)
    assert bulk.granted == 95
    later = take(bulk.state, 1, START + 1, day=Day(sent=95, oldest=START), policy=policy)
    assert (later.granted, later.reason) == (0, Reason.RESERVED)
    urgent = take(bulk.state, 9, START + 1, day=Day(sent=95, oldest=START), policy=policy, urgent=True)
    assert urgent.granted == 5


def test_mail_of_other_applications_counts_towards_the_day() -> None:
    state = a_state(max_24_hour_send=1000.0, sent_last_24_hours=990.0)
    taken = take(state, 14, START, day=Day(sent=3, oldest=START - 60), policy=Policy(burst_seconds=1), urgent=True)
    assert taken.granted == 10
    again = take(taken.state, 1, START + 5, day=Day(sent=13, oldest=START - 60), policy=POLICY, urgent=True)
    assert (again.granted, again.reason) == (0, Reason.DAY)


def test_permits_granted_while_the_account_was_being_read_still_count() -> None:
    before = take(a_state(max_24_hour_send=20.0), 5, START, day=Day(), policy=Policy(burst_seconds=1)).state
    asked = before.granted
    during = take(before, 5, START + 1, day=Day(), policy=Policy(burst_seconds=1)).state
    fresh = governor.read(during, replace(during.quota, sent_last_24_hours=5.0), granted_when_asked=asked)
    assert governor.day_left(fresh, START + 2, day=Day(), policy=POLICY, urgent=True) == 20 - 5 - 5


@pytest.mark.parametrize("quota", [{"sending_enabled": False}, {"enforcement": "SHUTDOWN"}, {"max_send_rate": 0.0}])
def test_a_paused_account_gets_no_permit(quota: dict[str, object]) -> None:
    taken = take(a_state(**quota), 10, START, day=Day(), policy=POLICY)
    assert (taken.granted, taken.reason) == (0, Reason.PAUSED)
    assert taken.wait_seconds > 0


def test_an_arrival_from_a_clock_that_was_ahead_costs_one_burst_not_a_day() -> None:
    state = replace(a_state(), arrival=START + 86_400)
    first = take(state, 1, START, day=Day(), policy=POLICY)
    assert first.granted == 0
    assert first.wait_seconds <= 1 / 14 + POLICY.burst_seconds + 1e-6
    assert take(first.state, 1, START + first.wait_seconds, day=Day(), policy=POLICY).granted == 1


def test_one_throttle_narrows_at_once_and_the_rate_widens_slowly() -> None:
    state = a_state(max_send_rate=100.0)
    narrowed = governor.throttled(state, START, POLICY)
    assert governor.rate_now(narrowed, START, POLICY) == pytest.approx(70)
    assert governor.throttled(narrowed, START + 0.5, POLICY) == narrowed
    assert governor.rate_now(narrowed, START + 30, POLICY) == pytest.approx(85)
    assert governor.rate_now(narrowed, START + 3600, POLICY) == 100
    for second in range(50):
        narrowed = governor.throttled(narrowed, START + 2 * second, POLICY)
    assert governor.rate_now(narrowed, START + 98, POLICY) >= 10


def test_a_breaker_lets_one_message_try_and_opens_when_it_went() -> None:
    broken = governor.broken(a_state(), "paused", START, POLICY)
    assert take(broken, 5, START + 1, day=Day(), policy=POLICY).reason is Reason.BREAKER
    tried = take(broken, 5, START + POLICY.breaker_seconds, day=Day(), policy=POLICY)
    assert tried.granted == 1
    assert take(tried.state, 5, START + POLICY.breaker_seconds + 1, day=Day(), policy=POLICY).granted == 0
    mended = governor.mended(tried.state)
    assert take(mended, 1, START + POLICY.breaker_seconds + 1, day=Day(), policy=POLICY).granted == 1


def test_a_reading_that_shows_sending_on_ends_a_pause_but_not_a_denial() -> None:
    quota = a_state().quota
    assert governor.read(governor.broken(a_state(), "paused", START, POLICY), quota, granted_when_asked=0).breaker == ""
    denied = governor.read(governor.broken(a_state(), "denied", START, POLICY), quota, granted_when_asked=0)
    assert denied.breaker == "denied"


def test_a_day_that_aws_calls_full_stays_closed_until_it_is_asked_again() -> None:
    state = governor.day_full(a_state(max_24_hour_send=50_000.0), START, POLICY)
    taken = take(state, 1, START + 1, day=Day(), policy=POLICY, urgent=True)
    assert (taken.granted, taken.reason) == (0, Reason.DAY)
    assert taken.wait_seconds == pytest.approx(599)
    assert take(state, 1, START + 600, day=Day(), policy=POLICY, urgent=True).granted == 1


@given(st.floats(0.1, 100), st.lists(st.floats(0, 2), min_size=2, max_size=50))
def test_pace_without_a_burst_keeps_one_interval_between_cells(rate: float, pauses: list[float]) -> None:
    arrival = 0.0
    now = START
    granted: list[float] = []
    for pause in pauses:
        now += pause
        paced = pace(arrival, now, wanted=1, rate_per_second=rate, burst=1)
        arrival = paced.arrival
        if paced.granted:
            granted.append(now)
    assert all(b - a >= 1 / rate - 1e-5 for a, b in pairwise(granted))


@given(
    rate=st.floats(0.5, 500),
    asks=st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 2.0), st.integers(1, 50)), min_size=2, max_size=60),
)
def test_who_waited_for_the_lock_with_an_older_clock_takes_nothing_from_the_rate(
    rate: float, asks: list[tuple[float, float, int]]
) -> None:
    burst = 1 + rate * POLICY.burst_seconds
    arrival, clock, grants = 0.0, START, []
    for later, stale, wanted in asks:
        clock += later
        now = clock - stale
        paced = pace(arrival, now, wanted=wanted, rate_per_second=rate, burst=burst)
        assert paced.arrival >= arrival
        arrival = paced.arrival
        grants.append((now, paced.granted))
    assert most_in_a_window(sorted(grants), 1.0) <= rate + burst + 1e-3


@pytest.mark.parametrize(
    ("limit", "reserve", "bulk"), [(1, 0.1, 1), (9, 0.1, 9), (10, 0.1, 9), (200, 0.05, 190), (1, 1, 0)]
)
def test_the_reserve_is_of_whole_recipients_so_that_the_smallest_day_starves_nobody(
    limit: int, reserve: float, bulk: int
) -> None:
    state = a_state(max_send_rate=1_000.0)
    policy = Policy(reserve=reserve, ramp_24_hour=limit, burst_seconds=1_000)
    assert take(state, 900, START, day=Day(), policy=policy).granted == bulk
    assert take(state, 900, START, day=Day(), policy=policy, urgent=True).granted == limit
