"""Suppression with its reasons, on both engines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason as Why
from sendworthy.mail.event import Event, EventKind
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.store.suppression import Shared, Theirs
from sendworthy.store.values import Claim, NewDelivery, NewMessage

ANN = "ann@example.org"


class Clock(Protocol):
    def __call__(self) -> object: ...
    def advance(self, seconds: float) -> None: ...


async def test_leaving_and_coming_back_touch_unsubscribes_only(store: Store) -> None:
    await store.add_suppression(parse_address(ANN), Why.BOUNCE, source="test")
    assert await store.suppression.change(ANN, leave=("marketing", "marketing/news"), source="link") == 2
    assert await store.suppression.change(ANN, leave=("marketing",), source="link") == 0
    assert await store.suppression.change(ANN, leave=(), back=("marketing", "account"), source="link") == 1
    assert [(one.scope, one.reason) for one in await store.suppression.of(ANN)] == [
        ("account", Why.BOUNCE),
        ("marketing/news", Why.UNSUBSCRIBE),
    ]


async def test_a_removal_keeps_its_reason(store: Store, clock: Clock) -> None:
    await store.add_suppression(parse_address(ANN), Why.BOUNCE, source="test")
    before = store.suppression.now()
    clock.advance(5)
    assert await store.suppression.remove(ANN, why="wrote to us") == 1
    assert await store.suppression.remove(ANN, why="again") == 0
    (told,) = await store.suppression.removals(before)
    assert (told.address, told.why, told.at) == (ANN, "wrote to us", store.suppression.now())
    assert await store.suppression.removals(store.suppression.now() + timedelta(seconds=1)) == ()
    (shared,) = await store.suppression.shared()
    assert (shared.lifted, shared.at) == (True, told.at)


async def test_counts_say_what_is_new_by_cause_and_by_key(store: Store, clock: Clock) -> None:
    await store.add_suppression(parse_address("old@example.org"), Why.MANUAL, source="test")
    clock.advance(100)
    since = store.suppression.now()
    message = NewMessage(
        id="m1",
        access_key_id="SHOP",
        stream=Stream.TRANSACTIONAL,
        mail_from="a@example.com",
        subject="",
        raw=b"",
        deliveries=(NewDelivery(id="m1-0", recipient=ANN, key=ANN),),
    )
    await store.accept(message)
    bounce = Event(
        id="e1",
        kind=EventKind.BOUNCE,
        ses_message_id="s1",
        recipient=ANN,
        occurred_at=since,
        delivery_id="m1-0",
        bounce_type="Permanent",
        bounce_subtype="General",
        diagnostic="550 5.7.1 blocked",
    )
    await store.record_events([bounce], source="test")
    record = store.suppression
    assert await record.counts() == {("account", Why.BOUNCE): 1, ("account", Why.MANUAL): 1}
    assert await record.counts(since) == {("account", Why.BOUNCE): 1}
    assert await record.by_key(since) == {"SHOP": {Why.BOUNCE: 1}}
    (cause,) = await record.causes(since)
    assert (cause.address, cause.diagnostic, cause.delivered_at) == (ANN, "550 5.7.1 blocked", None)


async def test_what_ses_may_hold_comes_in_pages_with_one_reason_each(store: Store) -> None:
    for number in range(7):
        for why in (Why.BOUNCE, Why.COMPLAINT, Why.UNSUBSCRIBE):
            await store.add_suppression(parse_address(f"a{number}@example.org"), why, source="test")
    found: list[Shared] = []
    after = ""
    while page := await store.suppression.shared(after=after, limit=3):
        assert len(page) <= 3
        found += page
        after = page[-1].address
    assert [one.address for one in found] == [f"a{number}@example.org" for number in range(7)]
    assert {one.reason for one in found} == {Why.COMPLAINT}
    assert await store.suppression.shared_of(["a3@example.org", "b@example.org"]) == (found[3],)


async def test_taking_a_page_of_their_list_twice_is_news_once(store: Store) -> None:
    entries = [
        Theirs(address=f"a{number}@x.test", reason=Why.BOUNCE, at=store.suppression.now()) for number in range(3)
    ]
    assert [await store.suppression.take(entries, source="SES") for _ in range(2)] == [3, 0]


async def test_a_mark_is_kept_for_each_region(store: Store) -> None:
    at = store.suppression.now()
    assert await store.suppression.mark("1", "eu-west-1") is None
    for address in ("a@x.test", "b@x.test"):
        await store.suppression.set_mark("1", "eu-west-1", (at, address))
    assert await store.suppression.mark("1", "eu-west-1") == (at, "b@x.test")
    assert await store.suppression.mark("1", "us-east-1") is None


async def test_addresses_of_the_mailbox_simulator_are_never_suppressed_whoever_says_so(
    store: Store, claim: Claim, open_account: Callable[..., Awaitable[State]], make_message: Callable[..., NewMessage]
) -> None:
    await open_account()
    bounce = "bounce@simulator.amazonses.com"
    await store.add_suppression(parse_address(bounce), Why.MANUAL, source="test")
    assert (await store.accept(make_message(bounce))).suppressed == 0
    assert [out.recipient for out in (await store.claim(claim)).outgoing] == [bounce]


async def test_quotes_around_a_local_part_are_no_way_past_a_suppression(
    store: Store, make_message: Callable[..., NewMessage]
) -> None:
    await store.add_suppression(parse_address(ANN), Why.COMPLAINT, source="test")
    quoted = parse_address('"ann"@example.org')
    deliveries = (NewDelivery(id="q-0", recipient=str(quoted), key=quoted.key),)
    assert (await store.accept(make_message(deliveries=deliveries))).suppressed == 1
    await store.add_suppression(
        parse_address("b@example.org"), Why.MANUAL, source="test", sender=parse_address("News@example.com")
    )
    assert (await store.accept(make_message("b@example.org", mail_from='"news"@example.com'))).suppressed == 1
    assert (await store.accept(make_message("b@example.org"))).suppressed == 0


async def test_many_are_suppressed_at_once_and_only_news_count(store: Store) -> None:
    people = [parse_address(f"p{number}@example.org") for number in range(1_200)]
    await store.add_suppression(people[0], Why.BOUNCE, source="before")
    await store.add_suppression(people[1], Why.BOUNCE, source="before")
    await store.suppression.remove(people[1].key, why="wrote to us")
    added = [(one, Why.BOUNCE) for one in people] + [(people[0], Why.COMPLAINT), (people[0], Why.BOUNCE)]
    assert await store.suppression.add(added, source="list") == 1_200
    assert await store.suppression.add(added, source="list") == 0
    assert [(one.reason, one.source) for one in await store.suppression.of(people[0].key)] == [
        (Why.BOUNCE, "before"),
        (Why.COMPLAINT, "list"),
    ]
    assert [one.source for one in await store.suppression.of(people[1].key)] == ["list"]
    assert await store.suppression.add([(people[2], Why.UNSUBSCRIBE)], source="l", stream=Stream.MARKETING) == 1
    assert await store.suppression.add([], source="l") == 0
    assert {one.scope for one in await store.suppression.of(people[2].key)} == {"account", "marketing"}
