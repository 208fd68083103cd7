"""Minutes become hours without loss, readings are kept when they say something new, months stay as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from sendworthy.access.history import Month
from sendworthy.access.quota_usage import Hour
from sendworthy.audit.profile import Stream
from sendworthy.errors import ConfigError
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.reputation import Tally
from sendworthy.store import Lane, Store
from sendworthy.store.usage import QuotaReading
from sendworthy.store.values import Answered, Claim, NewMessage
from tests.store.conftest import Clock

Make = Callable[..., NewMessage]
START = datetime(2026, 5, 4, 9, tzinfo=UTC)


async def send(store: Store, claim: Claim, message: NewMessage) -> None:
    await store.accept(message)
    batch = await store.claim(claim)
    assert len(batch.outgoing) == len(message.deliveries)


async def test_what_was_sent_stays_when_its_minutes_are_forgotten(
    store: Store,
    claim: Claim,
    lane: Lane,
    clock: Clock,
    make_message: Make,
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account(1000)
    await send(store, claim, make_message("a@example.org", "b@example.org"))
    clock.advance(60)
    await send(store, claim, make_message("c@example.org"))
    before = await store.usage.hours(lane, START)
    assert before == (Hour(at=START, sent=3, busiest_minute=2),)
    clock.advance(2 * 86_400 - 30)  # the first of the two minutes leaves, the second stays
    await send(store, claim, make_message("d@example.org"))
    later = START + timedelta(days=2)
    assert await store.usage.hours(lane, START) == (*before, Hour(at=later, sent=1, busiest_minute=1))
    clock.advance(3 * 86_400)
    await send(store, claim, make_message("e@example.org"))
    assert sum(one.sent for one in await store.usage.hours(lane, START)) == 5
    assert (await store.usage.hours(lane, START))[0] == before[0]


async def test_hours_are_those_of_one_lane_and_since_an_instant(
    store: Store,
    claim: Claim,
    lane: Lane,
    clock: Clock,
    make_message: Make,
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account(1000)
    await send(store, claim, make_message("a@example.org"))
    assert await store.usage.hours(lane, clock() + timedelta(hours=1)) == ()
    assert await store.usage.hours(Lane(account="other", region=lane.region), START) == ()


def reading(clock: Clock, day: float = 200.0) -> QuotaReading:
    return QuotaReading(
        at=clock(),
        max_24_hour_send=day,
        max_send_rate=1.0,
        sent_last_24_hours=5.0,
        production=day > 200,
        enforcement="HEALTHY",
    )


async def test_readings_are_kept_hourly_and_whenever_the_quota_changes(store: Store, lane: Lane, clock: Clock) -> None:
    first = reading(clock)
    await store.usage.note_reading(lane, first)
    clock.advance(1800)
    await store.usage.note_reading(lane, reading(clock))
    assert await store.usage.readings(lane) == (first,)
    changed = reading(clock, 50_000.0)
    await store.usage.note_reading(lane, changed)
    clock.advance(3600)
    last = reading(clock, 50_000.0)
    await store.usage.note_reading(lane, last)
    assert await store.usage.readings(lane) == (first, changed, last)
    assert await store.usage.readings(lane, limit=1) == (last,)
    assert await store.usage.readings(Lane(account="other", region=lane.region)) == ()


async def test_what_became_of_mail_is_told_by_the_day_it_was_accepted(
    store: Store,
    claim: Claim,
    lane: Lane,
    clock: Clock,
    make_message: Make,
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account(1000)
    for status, stream in ((Status.BOUNCED, Stream.TRANSACTIONAL), (Status.DELIVERED, Stream.MARKETING)):
        message = make_message("a@example.org", stream=stream)
        await send(store, claim, message)
        answered = Answered(delivery_id=message.deliveries[0].id, n=1, status=status, kind="accepted")
        await store.answer(lane, [answered], learnt=lambda state: state)
    clock.advance(86_400)
    await store.accept(make_message("b@example.org"))
    assert await store.usage.outcomes(START) == {
        date(2026, 5, 4): Tally(sent=2, hard_bounces=1, complaints=0),
        date(2026, 5, 5): Tally(sent=0, hard_bounces=0, complaints=0),
    }
    assert list(await store.usage.outcomes(START + timedelta(days=1))) == [date(2026, 5, 5)]


def month(number: int, sent: int | None = 100, **counts: int | None) -> Month:
    return Month(
        source="SendGrid",
        month=date(2026, number, 1),
        first=date(2026, number, 1),
        last=date(2026, number, 28),
        sent=sent,
        **counts,
    )


async def test_months_are_kept_filled_in_and_replaced_only_when_told(store: Store, clock: Clock) -> None:
    assert await store.usage.months_at() is None
    put = await store.usage.put_months([month(3, hard_bounces=2), month(2)])
    assert put == (month(3, hard_bounces=2), month(2))
    assert await store.usage.months() == (month(2), month(3, hard_bounces=2))
    assert await store.usage.months_at() == clock()
    await store.usage.put_months([month(3, sent=None, complaints=1)])
    assert (await store.usage.months())[1] == month(3, hard_bounces=2, complaints=1)
    await store.usage.put_months([month(3, hard_bounces=9)], replace=True)
    assert (await store.usage.months())[1] == month(3, hard_bounces=9, complaints=1)


async def test_months_that_differ_change_nothing_at_all(store: Store) -> None:
    await store.usage.put_months([month(3)])
    with pytest.raises(ConfigError, match="2026-03 is on record with 100 sent"):
        await store.usage.put_months([month(2), month(3, sent=101)])
    assert await store.usage.months() == (month(3),)


async def test_a_source_can_be_taken_off_the_record(store: Store) -> None:
    await store.usage.put_months([month(2), month(3)])
    assert await store.usage.drop_months("Mailgun") == 0
    assert await store.usage.drop_months("SendGrid") == 2
    assert await store.usage.months() == ()
