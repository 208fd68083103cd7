"""The clock of a host is set forward or back by an hour or a day: what waits goes all the same, at the right pace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.mail.status import Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, State
from sendworthy.store import Store
from sendworthy.store.values import Answered, Claim, NewMessage, Outgoing, PauseScope, StoredKey
from tests.store.conftest import LANE, Clock

HOUR = 3_600
DAY_AND_HOUR = 25 * HOUR
STEPS = pytest.mark.parametrize("step", [-DAY_AND_HOUR, -HOUR, DAY_AND_HOUR])
PACE = Policy(burst_seconds=0.05, reserve=0)

Make = Callable[..., NewMessage]
Open = Callable[..., Awaitable[State]]


@pytest.fixture
def claim() -> Claim:
    return Claim(lane=LANE, owner="w", limit=100, lease_seconds=60, policy=PACE)


def sent(out: Outgoing) -> Answered:
    return Answered(
        delivery_id=out.delivery_id, n=out.n, status=Status.SENT, kind="sent", ses_message_id=out.message_id
    )


def known(state: State | None) -> State:
    assert state is not None
    return state


async def goes(store: Store, clock: Clock, claim: Claim, *, within: float) -> list[float]:
    """Claim and answer as a worker does until nothing is left to claim; give when each went, in seconds from now."""
    began, gone = clock(), list[float]()
    while (clock() - began).total_seconds() < within:
        batch = await store.claim(claim)
        gone += [(clock() - began).total_seconds()] * len(batch.outgoing)
        await store.answer(claim.lane, [sent(out) for out in batch.outgoing], learnt=lambda state: state)
        if batch.wait_seconds is None:
            break
        clock.advance(min(max(batch.wait_seconds, 0.001), 5.0))
    return gone


async def accept(store: Store, make_message: Make, count: int, **fields: object) -> None:
    for _ in range(count):
        await store.accept(make_message(**fields))


@STEPS
async def test_a_breaker_outlives_no_step_of_the_clock(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10)
    now = clock().timestamp()
    await store.change_governor(LANE, lambda state: governor.broken(known(state), "unavailable", now, PACE))
    clock.advance(step)
    await store.recover()
    await accept(store, make_message, 1)
    assert len(await goes(store, clock, claim, within=PACE.breaker_seconds + 10)) == 1


@STEPS
async def test_a_full_day_is_asked_again_after_a_step_of_the_clock(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10, day=100)
    now = clock().timestamp()
    await store.change_governor(LANE, lambda state: governor.day_full(known(state), now, PACE))
    clock.advance(step)
    await accept(store, make_message, 1)
    assert len(await goes(store, clock, claim, within=PACE.day_retry_seconds + 10)) == 1


@STEPS
async def test_a_narrowed_rate_widens_after_a_step_of_the_clock(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10)
    now = clock().timestamp()
    for second in range(20):
        await store.change_governor(
            LANE, partial(lambda at, state: governor.throttled(known(state), at, PACE), now + 2 * second)
        )
    clock.advance(40 + step)
    await accept(store, make_message, 1)
    assert await goes(store, clock, claim, within=10) != []
    clock.advance(1 / PACE.widen_per_second)
    state = known(await store.governor(LANE))
    assert governor.rate_now(state, clock().timestamp(), PACE) == 10


@STEPS
async def test_a_keys_share_of_the_rate_holds_and_starves_nobody_after_a_step_of_the_clock(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10)
    await store.add_key(
        StoredKey(
            access_key_id="AKSHARE",
            name="share",
            stream=Stream.TRANSACTIONAL,
            sealed_secret=b"",
            created_at=clock(),
            rate_share=0.1,
        )
    )
    await accept(store, make_message, 40, access_key_id="AKSHARE")
    assert len(await goes(store, clock, claim, within=5)) >= 5
    clock.advance(step)
    await store.recover()
    gone = await goes(store, clock, claim, within=80)
    assert len(gone) + 6 >= 34
    assert all(later - earlier >= 0.9 for earlier, later in zip(gone, gone[2:], strict=False))


@STEPS
async def test_a_keys_daily_cap_ends_a_day_later_whatever_the_clock_was_set_to(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10)
    await store.add_key(
        StoredKey(
            access_key_id="AKCAP",
            name="cap",
            stream=Stream.TRANSACTIONAL,
            sealed_secret=b"",
            created_at=clock(),
            daily_cap=3,
        )
    )
    await accept(store, make_message, 5, access_key_id="AKCAP")
    assert len(await goes(store, clock, claim, within=10)) == 3
    clock.advance(step)
    await store.recover()
    if step < 0:
        assert await goes(store, clock, claim, within=10) == []
    clock.advance(DAY_AND_HOUR)
    assert len(await goes(store, clock, claim, within=600)) == 2


@STEPS
async def test_no_day_holds_more_than_the_quota_and_the_next_is_free_whatever_the_clock_was_set_to(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10, day=3)
    await accept(store, make_message, 6)
    assert len(await goes(store, clock, claim, within=10)) == 3
    clock.advance(step)
    await store.recover()
    if step < 0:
        assert (await store.feedback.day(LANE, clock())).sent == 3
    assert await goes(store, clock, claim, within=10) == []
    clock.advance(DAY_AND_HOUR)

    def read(state: State | None) -> State:
        was = known(state)
        quota = replace(was.quota, sent_last_24_hours=0, read_at=clock().timestamp())
        return governor.read(was, quota, granted_when_asked=was.granted)

    await store.change_governor(LANE, read)
    assert len(await goes(store, clock, claim, within=600)) == 3


@STEPS
async def test_a_pause_for_a_minute_lasts_no_longer_after_a_step_of_the_clock(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim, step: float
) -> None:
    await open_account(rate=10)
    until = clock() + timedelta(minutes=1)
    await store.pause(PauseScope.CONFIGURATION_SET, "news", reason="paused", until=until)
    clock.advance(step)
    await store.recover()
    await accept(store, make_message, 1, configuration_set="news")
    assert len(await goes(store, clock, claim, within=70)) == 1


async def test_a_pause_without_an_end_stays_after_a_step_of_the_clock(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim
) -> None:
    await open_account(rate=10)
    await store.pause(PauseScope.STREAM, "transactional", reason="by hand")
    await accept(store, make_message, 1)
    clock.advance(-DAY_AND_HOUR)
    await store.recover()
    assert await goes(store, clock, claim, within=70) == []


async def test_what_was_put_off_before_a_step_back_goes_though_nothing_was_accepted_since(
    store: Store, clock: Clock, make_message: Make, open_account: Open, claim: Claim
) -> None:
    await open_account(rate=10)
    await accept(store, make_message, 1)
    clock.advance(2 * DAY_AND_HOUR)
    (out,) = (await store.claim(claim)).outgoing
    later = clock() + timedelta(seconds=60)
    deferred = Answered(delivery_id=out.delivery_id, n=out.n, status=Status.DEFERRED, kind="denied", due_at=later)
    await store.answer(LANE, [deferred], learnt=lambda state: state)
    clock.advance(-DAY_AND_HOUR)
    await store.recover()
    assert len(await goes(store, clock, claim, within=70)) == 1
