from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import Recorded, Store
from sendworthy.store.values import Answered, Claim, NewMessage

AT = datetime(2026, 5, 4, 9, 31, tzinfo=UTC)


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
    }
    return Event(**(values | fields))


def a_hard_bounce(**fields: Any) -> Event:
    return an_event(EventKind.BOUNCE, bounce_type="Permanent", bounce_subtype="General", **fields)


async def status_of(store: Store, delivery_id: str) -> Status:
    found, _ = await store.deliveries()
    return next(delivery.status for delivery in found if delivery.id == delivery_id)


async def send_one(store: Store, claim: Claim, message: NewMessage, ses_id: str = "ses-1") -> None:
    await store.accept(message)
    batch = await store.claim(claim)
    sent = [
        Answered(delivery_id=out.delivery_id, n=out.n, status=Status.SENT, kind="sent", ses_message_id=ses_id)
        for out in batch.outgoing
    ]
    assert sent
    await store.answer(claim.lane, sent, learnt=lambda state: state)


async def test_an_event_is_recorded_once_however_often_it_comes(store: Store) -> None:
    bounce = a_hard_bounce()
    assert await store.record_events([bounce, bounce], source="test") == Recorded(
        new=1, duplicate=1, suppressed=1, foreign=1
    )
    assert await store.record_events([bounce], source="other") == Recorded(duplicate=1)


async def test_an_event_moves_its_delivery_by_our_tag_and_writes_the_ledger(
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await send_one(store, claim, make_message())
    clock.advance(1)
    recorded = await store.record_events([an_event(EventKind.DELIVERY, delivery_id="m1-0")], source="test")
    assert recorded == Recorded(new=1)
    assert await status_of(store, "m1-0") is Status.DELIVERED
    words = [moment.what for moment in await store.timeline("m1")]
    assert words == ["accepted", "sending", "attempt 1", "sent", "delivery", "delivered"]


async def test_what_shares_an_instant_is_told_as_it_must_have_come(
    store: Store,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await send_one(store, claim, make_message())
    for kind in (EventKind.DELIVERY, EventKind.OPEN):
        await store.record_events([an_event(kind, delivery_id="m1-0", id=f"a-{kind}")], source="test")
    moments = await store.timeline("m1")
    assert len({moment.at for moment in moments}) == 1
    words = [moment.what for moment in moments]
    assert words == ["accepted", "sending", "attempt 1", "sent", "delivery", "delivered", "open"]


async def test_an_event_settles_an_uncertain_delivery_and_gives_it_its_ses_id(
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await store.accept(make_message())
    batch = await store.claim(claim)
    assert len(batch.outgoing) == 1
    clock.advance(claim.lease_seconds + 1)
    assert await store.recover() == 1
    assert await status_of(store, "m1-0") is Status.UNCERTAIN
    await store.record_events([an_event(EventKind.SEND, delivery_id="m1-0", ses_message_id="ses-9")], source="test")
    found, _ = await store.deliveries()
    assert (found[0].status, found[0].ses_message_id, found[0].reason) == (Status.SENT, "ses-9", "")


async def test_an_event_without_our_tag_waits_for_the_ses_id(
    store: Store,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    early = [a_hard_bounce(ses_message_id="ses-7"), an_event(EventKind.DELIVERY, ses_message_id="ses-7")]
    assert (await store.record_events(early, source="feedback")).foreign == 2
    await send_one(store, claim, make_message("b@example.org"), "ses-7")
    assert await status_of(store, "m1-0") is Status.BOUNCED
    assert "bounce" in [moment.what for moment in await store.timeline("m1")]
    late = an_event(EventKind.COMPLAINT, ses_message_id="ses-7", id="late")
    assert (await store.record_events([late], source="feedback")).foreign == 0
    assert await status_of(store, "m1-0") is Status.COMPLAINED


async def test_an_answer_that_comes_after_the_event_takes_nothing_back(
    store: Store,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await store.accept(make_message())
    [out] = (await store.claim(claim)).outgoing
    await store.record_events([an_event(EventKind.DELIVERY, delivery_id=out.delivery_id)], source="test")
    answer = Answered(delivery_id=out.delivery_id, n=1, status=Status.UNCERTAIN, kind="uncertain", reason="uncertain")
    await store.answer(claim.lane, [answer], learnt=lambda state: state)
    assert await status_of(store, out.delivery_id) is Status.DELIVERED
    assert (await store.claim(claim)).outgoing == ()


async def test_foreign_mail_suppresses_too_and_simulator_addresses_never(store: Store) -> None:
    recorded = await store.record_events(
        [
            a_hard_bounce(recipient="Gone@Example.ORG", delivery_id="another-program"),
            an_event(EventKind.COMPLAINT, recipient="angry@example.org", complaint_type="abuse"),
            a_hard_bounce(recipient="bounce@simulator.amazonses.com"),
            an_event(EventKind.BOUNCE, recipient="full@example.org", bounce_type="Transient", bounce_subtype="General"),
        ],
        source="test",
    )
    assert (recorded.new, recorded.suppressed, recorded.foreign) == (4, 2, 4)
    found = await store.suppressed(
        ["gone@example.org", "angry@example.org", "bounce@simulator.amazonses.com", "full@example.org"]
    )
    assert found == {"gone@example.org": SuppressionReason.BOUNCE, "angry@example.org": SuppressionReason.COMPLAINT}


async def test_an_opt_out_stops_bulk_mail_and_leaves_transactional_mail(store: Store) -> None:
    left = an_event(EventKind.BOUNCE, bounce_type="Permanent", bounce_subtype="UnsubscribedRecipient")
    await store.record_events([left], source="test")
    key = ["a@example.org"]
    assert await store.suppressed(key, stream=Stream.MARKETING) == {"a@example.org": SuppressionReason.UNSUBSCRIBE}
    assert await store.suppressed(key, stream=Stream.TRANSACTIONAL) == {}
    assert await store.suppressed(key) == {"a@example.org": SuppressionReason.UNSUBSCRIBE}


async def test_a_lifted_suppression_returns_with_a_new_event_and_not_with_an_old_one(store: Store) -> None:
    await store.record_events([a_hard_bounce()], source="test")
    assert await store.remove_suppression(Address("a", "example.org")) == 1
    assert await store.remove_suppression(Address("a", "example.org")) == 0
    await store.record_events([a_hard_bounce()], source="replay")
    assert await store.suppressed(["a@example.org"]) == {}
    assert (await store.record_events([a_hard_bounce(id="another")], source="test")).suppressed == 1
    assert await store.suppressed(["a@example.org"]) == {"a@example.org": SuppressionReason.BOUNCE}


async def test_of_several_reasons_the_persons_word_is_told(store: Store) -> None:
    address = Address("a", "example.org")
    assert await store.add_suppression(address, SuppressionReason.IMPORTED, source="old.csv")
    assert not await store.add_suppression(address, SuppressionReason.IMPORTED, source="old.csv")
    assert await store.add_suppression(address, SuppressionReason.COMPLAINT, source="test")
    assert await store.suppressed(["a@example.org"]) == {"a@example.org": SuppressionReason.COMPLAINT}


async def test_suppressions_are_listed_page_by_page(store: Store) -> None:
    for number in range(5):
        await store.add_suppression(Address(f"u{number}", "example.org"), SuppressionReason.MANUAL, source="test")
    first, cursor = await store.suppressions(limit=3)
    second, end = await store.suppressions(limit=3, after=cursor)
    assert [entry.address for entry in (*first, *second)] == [f"u{number}@example.org" for number in range(5)]
    assert end is None


async def test_a_thousand_addresses_are_asked_at_once(store: Store) -> None:
    await store.add_suppression(Address("u999", "example.org"), SuppressionReason.MANUAL, source="test")
    asked = [f"u{number}@example.org" for number in range(1200)]
    assert await store.suppressed(asked) == {"u999@example.org": SuppressionReason.MANUAL}


async def test_what_a_database_does_not_keep_is_left_out_of_an_event_and_the_event_is_kept(
    store: Store,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    """The words in a bounce are a stranger's server's: one NUL must not keep all events from being recorded."""
    await open_account()
    await send_one(store, claim, make_message())
    bounce = a_hard_bounce(delivery_id="m1-0", diagnostic="smtp; 550 no\0such \ud800user")
    assert (await store.record_events([bounce], source="test")).new == 1
    assert await status_of(store, "m1-0") is Status.BOUNCED
    assert (await store.record_events([bounce], source="test")).duplicate == 1


async def test_the_reason_of_a_status_does_not_depend_on_whether_the_answer_came_first(
    store: Store,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account()
    await send_one(store, claim, make_message())
    await store.record_events([a_hard_bounce(delivery_id="m1-0")], source="test")
    await store.accept(make_message("b@example.org"))
    [out] = (await store.claim(claim)).outgoing
    await store.record_events([a_hard_bounce(delivery_id="m2-0", recipient="b@example.org")], source="test")
    sent = Answered(delivery_id=out.delivery_id, n=1, status=Status.SENT, kind="sent", ses_message_id="ses-2")
    await store.answer(claim.lane, [sent], learnt=lambda state: state)
    found, _ = await store.deliveries()
    assert {(one.status, one.reason) for one in found} == {(Status.BOUNCED, "General")}
