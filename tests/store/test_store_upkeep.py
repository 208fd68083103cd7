from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.clients.answer import Answer, AnswerKind
from sendworthy.gateway.outcome import Retry, answered
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.store.jobs import Superseded
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Answered, Claim, Fence, NewMessage

Make = Callable[..., NewMessage]
OpenAccount = Callable[..., Awaitable[State]]
WEEK = Retention(bodies=timedelta(days=7), records=timedelta(days=30))


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def _unchanged(state: State | None) -> State:
    assert state is not None
    return state


async def send_all(store: Store, claim: Claim, status: Status = Status.SENT, **fields: Any) -> None:
    batch = await store.claim(claim)
    told = [
        Answered(delivery_id=out.delivery_id, n=out.n, status=status, kind=status.value, **fields)
        for out in batch.outgoing
    ]
    await store.answer(claim.lane, told, learnt=lambda state: state)


async def status_of(store: Store, message_id: str) -> tuple[Status, str]:
    [delivery] = (await store.deliveries(message_id=message_id))[0]
    return delivery.status, delivery.reason


def an_event(clock: Clock, **fields: Any) -> Event:
    values: dict[str, Any] = {
        "id": "e1",
        "kind": EventKind.SEND,
        "delivery_id": "",
        "ses_message_id": "ses-1",
        "recipient": "a@example.org",
        "occurred_at": clock(),
    }
    return Event(**(values | fields))


async def test_transactional_mail_in_doubt_is_sent_once_more_and_marked_and_bulk_is_not(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("reset@example.org"))
    await store.accept(make_message("news@example.org", stream=Stream.MARKETING))
    await send_all(store, claim, Status.UNCERTAIN)
    clock.advance(3599)
    assert await store.periodic.try_again(timedelta(hours=1)) == 0
    clock.advance(1)
    assert await store.periodic.try_again(timedelta(hours=1)) == 1
    [out] = (await store.claim(claim)).outgoing
    assert (out.recipient, out.again, out.n) == ("reset@example.org", 1, 2)
    told = Answered(delivery_id=out.delivery_id, n=2, status=Status.UNCERTAIN, kind="uncertain")
    await store.answer(claim.lane, [told], learnt=lambda state: state)
    clock.advance(1_000_000)
    assert await store.periodic.try_again(timedelta(hours=1)) == 0  # once
    assert await status_of(store, "m1") == (Status.UNCERTAIN, "")
    assert await status_of(store, "m2") == (Status.UNCERTAIN, "")
    assert "tried again: no event in 3600 s" in [moment.detail for moment in await store.timeline("m1")]


@pytest.mark.parametrize("end", ["refused", "cancelled", "expired", "suppressed", "expired at the wire"])
async def test_what_may_have_been_sent_stays_in_doubt_whatever_ends_its_second_attempt(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount, end: str
) -> None:
    """Its first attempt may have reached SES: "not sent" would be a guess, and an event can still settle it."""
    await open_account()
    expires_at = clock() + timedelta(seconds=5_000) if "expired" in end else None
    await store.accept(make_message("a@example.org", expires_at=expires_at))
    await send_all(store, claim, Status.UNCERTAIN)
    clock.advance(3_600)
    assert await store.periodic.try_again(timedelta(hours=1)) == 1
    clock.advance(3_600)
    match end:
        case "refused":
            [out] = (await store.claim(claim)).outgoing
            told = answered(out, Answer(kind=AnswerKind.REJECTED), now=clock(), retry=Retry(), random=lambda: 0.5)
            await store.answer(claim.lane, [told], learnt=lambda state: state)
        case "cancelled":
            assert await store.cancel("m1") == 1
        case "expired":
            assert await store.periodic.expire() == 1
        case "suppressed":
            await store.add_suppression(Address("a", "example.org"), SuppressionReason.BOUNCE, source="test")
            assert (await store.claim(claim)).suppressed == 1
        case _:
            assert (await store.claim(claim)).expired == 1
    assert (await status_of(store, "m1"))[0] is Status.UNCERTAIN
    assert (await store.claim(claim)).outgoing == ()
    assert await store.periodic.try_again(timedelta(hours=1)) == 0
    await store.record_events([an_event(clock, delivery_id="m1-0")], source="test")
    assert (await status_of(store, "m1"))[0] is Status.SENT


async def test_doubt_that_an_event_has_settled_is_not_tried_again(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message())
    await send_all(store, claim, Status.UNCERTAIN)
    await store.record_events([an_event(clock, delivery_id="m1-0")], source="test")
    clock.advance(3600)
    assert await store.periodic.try_again(timedelta(hours=1)) == 0
    # And an event that comes between the decision and the second attempt takes it back.
    await store.accept(make_message())
    await send_all(store, claim, Status.UNCERTAIN)
    clock.advance(3600)
    assert await store.periodic.try_again(timedelta(hours=1)) == 1
    await store.record_events([an_event(clock, id="e2", delivery_id="m2-0")], source="test")
    assert (await store.claim(claim)).outgoing == ()
    assert (await status_of(store, "m2"))[0] is Status.SENT


async def test_an_event_that_crossed_the_recording_of_its_id_is_found_again(
    clock: Clock, make_message: Make, open_account: OpenAccount, store: Store
) -> None:
    await open_account()
    await store.accept(make_message())
    await store.record_events([an_event(clock, kind=EventKind.DELIVERY)], source="feedback")
    # What two transactions that pass each other leave behind: the id recorded, the event not seen.
    await store._engine.write("test", _name_it)
    assert (await status_of(store, "m1"))[0] is Status.ACCEPTED
    assert await store.periodic.match_early() == 1
    assert await store.periodic.match_early() == 0
    assert (await status_of(store, "m1"))[0] is Status.DELIVERED


def _name_it(connection: Any) -> None:
    from sqlalchemy import update  # noqa: PLC0415 - only here

    from sendworthy.store import schema  # noqa: PLC0415

    connection.execute(update(schema.deliveries).values(ses_message_id="ses-1"))


async def test_bodies_go_after_their_time_but_never_while_they_wait(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("sent@example.org"))
    await store.accept(make_message("large@example.org", raw=b"x" * 3_000_000))
    await send_all(store, claim)
    await store.accept(make_message("later@example.org", send_at=clock() + timedelta(days=20)))
    clock.advance(6.9 * 86_400)
    assert await store.periodic.drop_old(WEEK) == 0
    clock.advance(0.2 * 86_400)
    assert await store.periodic.drop_old(WEEK) == 2
    assert await store.periodic.drop_old(WEEK) == 0
    assert (await store.body("m1"), await store.body("m2")) == (None, None)
    assert await store.body("m3")
    assert (await status_of(store, "m1"))[0] is Status.SENT
    assert (await store.message("m2")) is not None


async def test_records_go_later_with_all_that_belongs_to_them(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("large@example.org", raw=b"x" * 3_000_000))
    await send_all(store, claim)
    await store.record_events(
        [an_event(clock, delivery_id="m1-0"), an_event(clock, id="foreign", ses_message_id="other")], source="test"
    )
    await store.park(b"noise", reason="unsigned", source="test")
    clock.advance(31 * 86_400)
    await store.accept(make_message("young@example.org"))
    while await store.periodic.drop_old(WEEK):
        continue
    assert await store.message("m1") is None
    assert await store.timeline("m1") == ()
    assert (await store.counts()).of() == 1

    def left(connection: Any) -> list[int]:
        from sqlalchemy import func, select  # noqa: PLC0415 - only here

        from sendworthy.store import schema  # noqa: PLC0415

        tables = (schema.chunks, schema.attempts, schema.events, schema.parked)
        return [connection.execute(select(func.count()).select_from(table)).scalar() for table in tables]

    assert await store._engine.read(left) == [0, 0, 0, 0]


async def test_a_period_is_done_once_among_many(url: str, clock: Clock) -> None:
    stores = [await Store.open(url, now=clock, new_id=lambda: "id") for _ in range(4)]

    async def attempt(store: Store, number: int, period: int) -> Fence | None:
        return await store.periodic.begin_job("tidy", period, owner=f"p{number}", lease_seconds=60)

    for period in range(1, 6):
        fences = await asyncio.gather(*(attempt(store, n, period) for n, store in enumerate(stores)))
        [fence] = [one for one in fences if one]
        assert await attempt(stores[0], 0, period) is None
        await stores[0].periodic.finish_job(fence)
        assert await attempt(stores[1], 1, period) is None
        clock.advance(60)
    for store in stores:
        await store.close()


async def test_a_process_that_slept_through_its_lease_can_change_nothing(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message(expires_at=clock() + timedelta(seconds=1)))
    asleep = await store.periodic.begin_job("expire", 7, owner="p1", lease_seconds=60)
    assert asleep
    assert await store.periodic.begin_job("expire", 7, owner="p2", lease_seconds=60) is None
    clock.advance(61)
    awake = await store.periodic.begin_job("expire", 7, owner="p2", lease_seconds=60)
    assert awake
    assert awake.number > asleep.number
    for late in (
        store.periodic.expire(fence=asleep),
        store.periodic.try_again(timedelta(), fence=asleep),
        store.periodic.drop_old(Retention(), fence=asleep),
        store.periodic.match_early(fence=asleep),
        store.change_governor(claim.lane, _unchanged, fence=asleep),
        store.periodic.finish_job(asleep),
    ):
        with pytest.raises(Superseded):
            await late
    assert (await status_of(store, "m1"))[0] is Status.ACCEPTED
    await store.periodic.leave_job(asleep)  # says nothing about the successor's lease
    assert await store.periodic.begin_job("expire", 7, owner="p3", lease_seconds=60) is None
    assert await store.periodic.expire(fence=awake) == 1
    await store.periodic.finish_job(awake)
    with pytest.raises(Superseded):
        await store.periodic.expire(fence=awake)


async def test_a_job_that_failed_is_free_at_once(store: Store) -> None:
    fence = await store.periodic.begin_job("tidy", 3, owner="p1", lease_seconds=60)
    assert fence
    await store.periodic.leave_job(fence)
    assert await store.periodic.begin_job("tidy", 3, owner="p2", lease_seconds=60)
