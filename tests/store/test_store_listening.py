"""What follows from events: copies that know more, strikes, what is parked, what goes on to applications."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.store.heard import ForwardTo, Listening
from sendworthy.store.values import Answered, Claim, NewDelivery, NewMessage, StoredKey

AT = datetime(2026, 5, 4, 9, 31, tzinfo=UTC)
EVERYTHING = ForwardTo(name="shop")


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def an_event(kind: EventKind, **fields: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"{kind}-{fields.get('recipient', 'a@example.org')}",
        "kind": kind,
        "ses_message_id": "ses-1",
        "recipient": "a@example.org",
        "occurred_at": AT,
        "raw": "{}",
    }
    return Event(**(values | fields))


def a_bounce(**fields: Any) -> Event:
    return an_event(EventKind.BOUNCE, **({"bounce_type": "Permanent", "bounce_subtype": "General"} | fields))


def a_full_mailbox(day: float, recipient: str = "full@example.org") -> Event:
    return a_bounce(
        id=f"full-{day}",
        ses_message_id=f"ses-{day}",
        recipient=recipient,
        bounce_type="Transient",
        bounce_subtype="MailboxFull",
        occurred_at=AT + timedelta(days=day),
    )


async def reopened(url: str, clock: Clock, listening: Listening) -> Store:
    ids = itertools.count(1)
    return await Store.open(url, now=clock, new_id=lambda: f"id{next(ids)}", listening=listening)


@pytest.fixture
async def listener(url: str, clock: Clock) -> AsyncIterator[Store]:
    only_bounces = ForwardTo(name="bounces", kinds=frozenset({"bounce"}), keys=frozenset({"shop-key"}))
    others = ForwardTo(name="others", keys=frozenset({"another-key"}))
    store = await reopened(url, clock, Listening(strikes=3, strike_days=10, targets=(EVERYTHING, only_bounces, others)))
    yield store
    await store.close()


async def in_doubt(store: Store, claim: Claim, message: NewMessage, clock: Clock) -> None:
    """Send a message whose answer is lost, so that its MessageId is not known here."""
    await store.accept(message)
    assert (await store.claim(claim)).outgoing
    clock.advance(claim.lease_seconds + 1)
    assert await store.recover() == 1


async def status(store: Store) -> Status:
    found, _ = await store.deliveries()
    return found[0].status


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (0, 0, 1, 1)])
async def test_the_tagged_copy_finds_the_message_that_the_untagged_one_could_not(
    order: Sequence[int],
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await in_doubt(store, claim, make_message(), clock)
    untagged = a_bounce(ses_message_id="ses-lost")
    copies = (untagged, replace(untagged, delivery_id="m1-0"))
    counts = [await store.record_events([copies[each]], source="test") for each in order]
    assert sum(each.new for each in counts) == 1
    assert await status(store) is Status.BOUNCED
    [kept] = await store.hearing.events()
    assert (kept.foreign, kept.delivery_id) == (False, "m1-0")
    assert [moment.what for moment in await store.timeline("m1")].count("bounced") == 1


async def test_both_copies_in_one_batch_settle_the_message_too(
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await in_doubt(store, claim, make_message(), clock)
    untagged = a_bounce(ses_message_id="ses-lost")
    await store.record_events([untagged, replace(untagged, delivery_id="m1-0")], source="test")
    assert await status(store) is Status.BOUNCED


async def test_what_was_imported_is_marked_until_a_verified_copy_comes(store: Store) -> None:
    await store.record_events([a_bounce()], source="file:old.json", verified=False)
    [kept] = await store.hearing.events()
    assert (kept.verified, kept.source, kept.foreign) == (False, "file:old.json", True)
    [suppressed] = (await store.suppressions())[0]
    assert suppressed.source.startswith("unverified")
    await store.record_events([a_bounce()], source="sqs:events")
    [kept] = await store.hearing.events()
    assert (kept.verified, kept.source) == (True, "sqs:events")
    await store.record_events([a_bounce()], source="file:old.json", verified=False)
    assert (await store.hearing.events())[0].verified


@pytest.mark.parametrize("order", list(itertools.permutations((0.0, 4.0, 9.0))))
async def test_three_soft_bounces_within_the_days_suppress_in_whatever_order_they_come(
    listener: Store, order: Sequence[float]
) -> None:
    counts = [await listener.record_events([a_full_mailbox(day)] * 2, source="test") for day in order]
    assert [each.suppressed for each in counts] == [0, 0, 1]
    assert await listener.suppressed(["full@example.org"]) == {"full@example.org": SuppressionReason.BOUNCE}


async def test_soft_bounces_far_apart_and_replies_of_the_absent_do_not_suppress(listener: Store) -> None:
    away = [
        replace(a_full_mailbox(day, "away@example.org"), bounce_subtype="General", id=f"away-{day}") for day in range(5)
    ]
    await listener.record_events([*map(a_full_mailbox, (0, 6, 12, 18, 24)), *away], source="test")
    assert await listener.suppressed(["full@example.org", "away@example.org"]) == {}


async def test_a_general_soft_bounce_counts_when_the_server_said_why(listener: Store) -> None:
    refused = [
        replace(a_full_mailbox(day), bounce_subtype="General", diagnostic="smtp; 421 4.4.2 timed out")
        for day in range(3)
    ]
    assert (await listener.record_events(refused, source="test")).suppressed == 1


async def test_strikes_begin_anew_after_a_person_lifted_the_suppression(listener: Store) -> None:
    await listener.record_events([a_full_mailbox(day) for day in range(3)], source="test")
    assert await listener.remove_suppression(parse_address("full@example.org")) == 1
    await listener.record_events([a_full_mailbox(3)], source="test")
    assert await listener.suppressed(["full@example.org"]) == {}
    await listener.record_events([a_full_mailbox(day) for day in (4, 5)], source="test")
    assert await listener.suppression.remove("full@example.org", why="wrote to us") == 1
    await listener.record_events([a_full_mailbox(6)], source="test")
    assert await listener.suppressed(["full@example.org"]) == {}


async def test_with_strikes_turned_off_soft_bounces_never_suppress(url: str, clock: Clock) -> None:
    store = await reopened(url, clock, Listening(strikes=0))
    assert (await store.record_events([a_full_mailbox(day) for day in range(9)], source="test")).suppressed == 0
    await store.close()


async def sent(store: Store, claim: Claim, message: NewMessage, ses_id: str = "ses-1") -> None:
    await store.accept(message)
    batch = await store.claim(claim)
    answers = [
        Answered(delivery_id=out.delivery_id, n=out.n, status=Status.SENT, kind="sent", ses_message_id=ses_id)
        for out in batch.outgoing
    ]
    await store.answer(claim.lane, answers, learnt=lambda state: state)


async def a_key(store: Store, clock: Clock) -> None:
    key = StoredKey(
        access_key_id="AKSWTEST",
        name="shop-key",
        stream=Stream.TRANSACTIONAL,
        sealed_secret=b"x",
        created_at=clock(),
    )
    await store.add_key(key)


async def test_a_complaint_is_told_with_its_message_key_and_topic(
    listener: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await a_key(listener, clock)
    await sent(listener, claim, make_message(tags={"topic": "offers"}))
    complaint = an_event(EventKind.COMPLAINT, complaint_type="abuse", delivery_id="m1-0")
    [told] = (await listener.record_events([complaint], source="test")).complaints
    assert (told.message_id, told.key, told.tags, told.subject) == ("m1", "shop-key", {"topic": "offers"}, "Your order")
    assert await listener.hearing.complaints(clock() - timedelta(days=1)) == (told,)
    assert (await listener.record_events([complaint], source="test")).complaints == ()


async def test_feedback_that_it_is_no_spam_is_no_complaint(store: Store, clock: Clock) -> None:
    praise = an_event(EventKind.COMPLAINT, complaint_type="not-spam")
    assert (await store.record_events([praise], source="test")).complaints == ()
    assert await store.hearing.complaints(clock() - timedelta(days=1)) == ()


async def test_an_event_goes_on_once_to_each_application_that_wants_it(
    listener: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await a_key(listener, clock)
    await sent(listener, claim, make_message())
    events = [a_bounce(), an_event(EventKind.DELIVERY), a_bounce(id="theirs", ses_message_id="foreign")]
    for _ in range(3):
        await listener.record_events(events, source="test")
    on_the_way = await listener.hearing.forwards()
    assert sorted((one.target, one.kind) for one in on_the_way) == [
        ("bounces", "bounce"),
        ("shop", "bounce"),
        ("shop", "delivery"),
    ]
    assert {one.message_id for one in on_the_way} == {"m1"}


async def test_an_event_that_came_before_its_message_was_known_goes_on_too(
    listener: Store,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await listener.record_events([a_bounce(ses_message_id="ses-7")], source="feedback")
    assert await listener.hearing.forwards() == ()
    await sent(listener, claim, make_message("b@example.org"), "ses-7")
    assert [one.target for one in await listener.hearing.forwards()] == ["shop"]


async def test_what_is_leased_is_nobody_elses_until_the_lease_ends(
    listener: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await sent(listener, claim, make_message())
    await listener.record_events([a_bounce()], source="test")
    hearing = listener.hearing
    [mine] = await hearing.claim_forwards(limit=10, lease_seconds=60)
    assert await hearing.claim_forwards(limit=10, lease_seconds=60) == ()
    clock.advance(61)
    [theirs] = await hearing.claim_forwards(limit=10, lease_seconds=60)
    await hearing.forwarded(mine)  # too late: it is another's by now
    assert len(await hearing.forwards()) == 1
    await hearing.forward_later(theirs, due_at=None, error="HTTP 500")
    assert await hearing.forwards() == ()
    [dead] = await hearing.forwards(dead=True)
    assert (dead.error, dead.attempts, dead.target) == ("HTTP 500", 2, "shop")
    assert await hearing.forward_again(target="somebody") == 0
    assert await hearing.forward_again(target="shop") == 1
    [again] = await hearing.claim_forwards(limit=10, lease_seconds=60)
    await hearing.forwarded(again)
    assert (await hearing.forwards(), await hearing.forwards(dead=True)) == ((), ())


async def test_what_is_parked_is_listed_shown_and_taken_off(store: Store) -> None:
    await store.park(b"\x00noise", reason="unsigned", source="sqs:events")
    [listed] = await store.hearing.parked()
    assert (listed.reason, listed.size, listed.raw) == ("unsigned", 6, b"")
    shown = await store.hearing.parked_one(listed.id)
    assert shown is not None
    assert shown.raw == b"\x00noise"
    await store.hearing.parked_because(listed.id, "too old")
    assert (await store.hearing.parked())[0].reason == "too old"
    assert await store.hearing.unpark(listed.id)
    assert not await store.hearing.unpark(listed.id)
    assert await store.hearing.parked_one(listed.id) is None


async def test_mail_to_the_mailbox_simulator_counts_for_no_reputation(
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await sent(store, claim, make_message("bounce+1@simulator.amazonses.com"))
    await sent(store, claim, make_message("a@example.org"), "ses-2")
    await store.record_events(
        [a_bounce(delivery_id="m1-0", recipient="bounce+1@simulator.amazonses.com")], source="test"
    )
    since = clock() - timedelta(days=1)
    by_key = await store.doors.key_counts(since)
    outcomes = await store.usage.outcomes(since)
    for tally in (
        (await store.counts()).tally(),
        by_key["AKSWTEST"].tally(),
        outcomes[date(2026, 5, 4)],
    ):
        assert (tally.sent, tally.hard_bounces) == (1, 0)
    assert (await store.counts()).of(Status.BOUNCED) == 1


TOLD: list[Event] = [
    a_bounce(id="hard"),
    an_event(EventKind.DELIVERY, id="delivered"),
    an_event(EventKind.SEND, id="sent"),
    an_event(EventKind.COMPLAINT, id="complained", complaint_type="abuse"),
    an_event(EventKind.COMPLAINT, id="praised", complaint_type="not-spam"),
    an_event(EventKind.REJECT, id="rejected"),
    an_event(EventKind.DELIVERY_DELAY, id="delayed"),
    an_event(EventKind.OPEN, id="opened"),
    a_bounce(id="left", bounce_subtype="UnsubscribedRecipient"),
    *(replace(a_full_mailbox(day, "a@example.org"), ses_message_id="ses-1") for day in (0.0, 5.0, 9.0, 30.0)),
]
COPIES = st.tuples(st.sampled_from(TOLD), st.booleans(), st.booleans())


@given(told=st.lists(COPIES, min_size=1, max_size=7), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_any_events_in_any_order_any_number_of_times_come_to_one_end(
    told: list[tuple[Event, bool, bool]], seed: int
) -> None:
    copies = [(replace(event, delivery_id="m1-0" if tagged else ""), verified) for event, tagged, verified in told]
    again = copies * 2
    random.Random(seed).shuffle(again)  # noqa: S311 - an order, not a secret
    assert asyncio.run(the_end(copies)) == asyncio.run(the_end(again))


async def the_end(copies: Sequence[tuple[Event, bool]]) -> object:
    """Record each copy in a transaction of its own and give all that is left of them."""
    with TemporaryDirectory() as folder:
        listening = Listening(strikes=3, strike_days=10, targets=(EVERYTHING,))
        url = f"sqlite:///{Path(folder) / 'x.db'}"
        store = await Store.open(url, now=lambda: AT, new_id=lambda: "id", listening=listening)
        address = "a@example.org"
        await store.accept(
            NewMessage(
                id="m1",
                access_key_id="AKSWTEST",
                stream=Stream.TRANSACTIONAL,
                mail_from="shop@example.com",
                subject="",
                raw=b"",
                deliveries=(NewDelivery(id="m1-0", recipient=address, key=address),),
            )
        )
        for event, verified in copies:
            await store.record_events([event], source="test", verified=verified)
        await store.periodic.match_early()
        events = {(one.id, one.foreign, one.verified) for one in await store.hearing.events()}
        forwards = sorted((one.event_id, one.target) for one in await store.hearing.forwards())
        suppressed = {(one.address, one.reason, one.scope) for one in (await store.suppressions())[0]}
        found = (await status(store), events, forwards, suppressed)
        await store.close()
        return found


@pytest.mark.parametrize("before", [0, 48 * 3600])
async def test_what_waited_to_go_on_when_the_clock_was_set_back_goes_on_in_time(
    listener: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
    before: float,
) -> None:
    await open_account()
    await sent(listener, claim, make_message())
    await listener.record_events([a_bounce()], source="test")
    clock.advance(before)
    [one] = await listener.hearing.claim_forwards(limit=10, lease_seconds=60)
    await listener.hearing.forward_later(one, due_at=clock() + timedelta(seconds=5), error="HTTP 500")
    clock.advance(-25 * 3600)
    await listener.recover()
    assert len(await listener.hearing.claim_forwards(limit=10, lease_seconds=60)) == 1
