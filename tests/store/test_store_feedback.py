"""What came back is counted by the hour it happened, by stream and provider; the hour's permits, the queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sendworthy.audit.profile import Stream
from sendworthy.mail.event import Event, EventKind
from sendworthy.pacing.governor import Spread, State
from sendworthy.reputation import Tally
from sendworthy.store import Lane, Store
from sendworthy.store.feedback import tally_of
from sendworthy.store.values import Claim, NewMessage
from tests.store.conftest import Clock

Make = Callable[..., NewMessage]
Open = Callable[..., Awaitable[State]]


def event(message: NewMessage, kind: EventKind, at: datetime, *, number: int = 0, **fields: str) -> Event:
    delivery = message.deliveries[number]
    return Event(
        id=f"{kind}-{delivery.id}-{at:%d%H%M}",
        kind=kind,
        ses_message_id="",
        recipient=delivery.recipient,
        delivery_id=delivery.id,
        occurred_at=at,
        **fields,
    )


async def test_what_happened_is_counted_by_hour_stream_and_provider(
    store: Store, clock: Clock, make_message: Make
) -> None:
    orders = make_message("ada@gmail.com", "bob@example.org", "success@simulator.amazonses.com")
    news = make_message("Eve@Outlook.com", "fay@example.org", stream=Stream.MARKETING)
    await store.accept(orders)
    await store.accept(news)
    start = clock()
    later = start + timedelta(hours=3)
    clock.advance(4 * 3600)
    events = [
        event(orders, EventKind.DELIVERY, start),
        event(orders, EventKind.BOUNCE, start, number=1, bounce_type="Permanent", bounce_subtype="General"),
        event(orders, EventKind.DELIVERY, start, number=2),
        event(news, EventKind.DELIVERY, later),
        event(news, EventKind.COMPLAINT, later),
        event(news, EventKind.BOUNCE, later, number=1, bounce_type="Transient", bounce_subtype="MailboxFull"),
        event(news, EventKind.OPEN, later),
    ]
    await store.record_events(events, source="test")
    await store.record_events(events, source="test")
    found = {(one.at.hour, one.stream, one.provider): one.tally for one in await store.feedback.heard(start)}
    assert found == {
        (9, Stream.TRANSACTIONAL, "gmail"): Tally(sent=1, hard_bounces=0, complaints=0),
        (9, Stream.TRANSACTIONAL, "other"): Tally(sent=1, hard_bounces=1, complaints=0),
        (12, Stream.MARKETING, "microsoft"): Tally(sent=1, hard_bounces=0, complaints=1),
        (12, Stream.MARKETING, "other"): Tally(sent=1, hard_bounces=0, complaints=0),
    }
    assert tally_of(await store.feedback.heard(later)) == Tally(sent=2, hard_bounces=0, complaints=1)
    assert await store.feedback.heard(clock()) == ()


async def test_an_opt_out_is_no_hard_bounce_and_praise_no_complaint(
    store: Store, clock: Clock, make_message: Make
) -> None:
    message = make_message("a@example.org", "b@example.org")
    await store.accept(message)
    events = [
        event(message, EventKind.BOUNCE, clock(), bounce_type="Permanent", bounce_subtype="UnsubscribedRecipient"),
        event(message, EventKind.COMPLAINT, clock(), number=1, complaint_type="not-spam"),
    ]
    await store.record_events(events, source="test")
    assert tally_of(await store.feedback.heard(clock() - timedelta(hours=1))) == Tally(
        sent=1, hard_bounces=0, complaints=0
    )


async def test_how_many_go_before_one_is_counted_by_urgency_and_age(
    store: Store, clock: Clock, make_message: Make
) -> None:
    first = make_message("a@example.org", "b@example.org", stream=Stream.MARKETING)
    await store.accept(first)
    clock.advance(1)
    second = make_message("c@example.org", stream=Stream.MARKETING)
    await store.accept(second)
    clock.advance(1)
    await store.accept(make_message("d@example.org"))
    assert await store.feedback.ahead(second.deliveries[0].id) == 3
    assert await store.feedback.ahead(second.deliveries[0].id, most=2) == 2
    assert await store.feedback.ahead(first.deliveries[0].id) == 1
    await store.cancel(second.id)
    assert await store.feedback.ahead(second.deliveries[0].id) is None


async def test_bulk_mail_is_claimed_by_the_hours_share_and_urgent_mail_beside_it(
    store: Store, claim: Claim, lane: Lane, clock: Clock, make_message: Make, open_account: Open
) -> None:
    await open_account(1000)
    at = clock().timestamp()
    spread = Spread(hour=3, opens=at - 60, closes=at + 36_000, opens_next=at + 86_400)
    spreading = replace(claim, policy=replace(claim.policy, bulk=spread, ramp_24_hour=100))
    await store.accept(make_message(*(f"r{number}@example.org" for number in range(8)), stream=Stream.MARKETING))
    assert len((await store.claim(spreading)).outgoing) == 3
    held = await store.claim(spreading)
    assert (held.outgoing, held.reason) == ((), "ramp_hour")
    await store.accept(make_message("a@example.org"))
    assert [one.urgent for one in (await store.claim(spreading)).outgoing] == [True]
    day = await store.feedback.day(lane, clock())
    assert (day.sent, day.hour, day.oldest_of_hour) == (4, 4, at - at % 60)
    [waiting] = await store.standstill.waiting(lane, policy=spreading.policy)
    assert (waiting.reason, waiting.count) == ("ramp_hour", 5)
    assert waiting.text == "The warm-up spreads bulk mail over the day."
    clock.advance(3661)
    assert len((await store.claim(spreading)).outgoing) == 3
    assert (await store.feedback.day(lane, clock())).sent == 7


async def test_urgent_mail_of_the_same_claim_counts_for_the_hour(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: Open
) -> None:
    await open_account(1000)
    at = clock().timestamp()
    spread = Spread(hour=3, opens=at - 60, closes=at + 36_000, opens_next=at + 86_400)
    spreading = replace(claim, policy=replace(claim.policy, bulk=spread))
    await store.accept(make_message("a@example.org", "b@example.org"))
    await store.accept(make_message(*(f"r{number}@example.org" for number in range(8)), stream=Stream.MARKETING))
    assert sorted(one.urgent for one in (await store.claim(spreading)).outgoing) == [False, True, True]


async def test_people_are_told_when_the_24_hours_free(
    store: Store, claim: Claim, lane: Lane, clock: Clock, make_message: Make, open_account: Open
) -> None:
    await open_account(1000)
    began = clock()
    warming = replace(claim, policy=replace(claim.policy, ramp_24_hour=2))
    await store.accept(make_message("a@example.org", "b@example.org", "c@example.org"))
    assert len((await store.claim(warming)).outgoing) == 2
    clock.advance(7200)
    [waiting] = await store.standstill.waiting(lane, policy=warming.policy)
    assert (waiting.reason, waiting.urgent) == ("ramp", True)
    assert waiting.expected_at == began + timedelta(days=1, minutes=1)


async def test_the_accounts_whose_quota_was_read_are_known(store: Store, lane: Lane, open_account: Open) -> None:
    assert await store.feedback.lanes() == ()
    await open_account()
    assert await store.feedback.lanes() == (lane,)
