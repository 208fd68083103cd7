"""What the worker does when SES is slow, silent, closed to a configuration set, or does not know our credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from sendworthy.audit.profile import Stream
from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.gateway.worker import AGAIN_TAG, Limits, Worker
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import NewDelivery, NewMessage

OpenAccount = Callable[..., Awaitable[State]]


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


class Ses:
    """Answers as `answer` says; `hold` keeps the calls to the recipients named waiting."""

    def __init__(self) -> None:
        self.answer: Callable[[Parcel], Answer] = lambda parcel: Answer(
            kind=AnswerKind.SENT, ses_message_id=f"ses-{parcel.delivery_id}"
        )
        self.calls: list[Parcel] = []
        self.hold: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Condition()

    async def send(self, parcel: Parcel) -> Answer:
        self.calls.append(parcel)
        async with self.changed:
            self.changed.notify_all()
        if waiting := self.hold.get(parcel.recipient):
            await waiting.wait()
        return self.answer(parcel)

    async def until(self, true: Callable[[], bool]) -> None:
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(true), 10)


def a_worker(store: Store, ses: Ses, lane: Lane, clock: Clock, **given: Any) -> Worker:
    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    values: dict[str, Any] = {
        "owner": "w",
        "now": clock,
        "sleep": sleep,
        "random": lambda: 0.5,
        "policy": Policy(burst_seconds=5, reserve=0),
    }
    return Worker(store, ses, lane=lane, **(values | given))


async def accept(
    store: Store, name: str, *, stream: Stream = Stream.TRANSACTIONAL, configuration_set: str = ""
) -> None:
    delivery = NewDelivery(id=f"{name}-0", recipient=f"{name}@example.org", key=f"{name}@example.org")
    message = NewMessage(
        id=name,
        access_key_id=f"AK{stream}",
        stream=stream,
        mail_from="shop@example.com",
        subject="Hi",
        raw=b"Hi",
        deliveries=(delivery,),
        configuration_set=configuration_set,
    )
    await store.accept(message)


async def statuses(store: Store) -> dict[str, Status]:
    found, _ = await store.deliveries(limit=1000)
    return {delivery.message_id: delivery.status for delivery in found}


async def drain(worker: Worker, clock: Clock, passes: int = 50) -> None:
    for _ in range(passes):
        stepped = await worker.step()
        if stepped.idle_until is None:
            return
        clock.advance(max(0.0, (stepped.idle_until - clock()).total_seconds()))


async def test_bulk_mail_to_a_slow_ses_leaves_room_for_a_password_reset(
    store: Store, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    ses = Ses()
    slow = asyncio.Event()
    for number in range(40):
        ses.hold[f"news{number}@example.org"] = slow
        await accept(store, f"news{number}", stream=Stream.MARKETING)
    worker = a_worker(store, ses, lane, clock, limits=Limits(in_flight=8, urgent_share=0.25))
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await ses.until(lambda: len(ses.calls) == 6)
    await accept(store, "reset")
    worker.wake()
    await ses.until(lambda: ses.calls[-1].recipient == "reset@example.org")
    assert len(ses.calls) == 7
    slow.set()
    await ses.until(lambda: len(ses.calls) == 41)
    stop.set()
    await running
    assert set((await statuses(store)).values()) == {Status.SENT}


async def test_a_second_try_is_marked_for_the_eyes_of_the_sender(
    store: Store, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    ses = Ses()
    ses.answer = lambda _: Answer(kind=AnswerKind.UNCERTAIN, code="Timeout")
    await accept(store, "order")
    worker = a_worker(store, ses, lane, clock)
    await drain(worker, clock)
    assert (await statuses(store)) == {"order": Status.UNCERTAIN}
    clock.advance(7200)
    assert await store.periodic.try_again(timedelta(hours=1)) == 1
    ses.answer = lambda _: Answer(kind=AnswerKind.SENT, ses_message_id="ses-2")
    await drain(worker, clock)
    assert [parcel.tags.get(AGAIN_TAG) for parcel in ses.calls] == [None, "1"]
    assert (await statuses(store)) == {"order": Status.SENT}


async def test_an_ses_that_answers_nothing_puts_only_a_few_in_doubt(
    store: Store, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    ses = Ses()
    ses.answer = lambda _: Answer(kind=AnswerKind.UNCERTAIN, code="Timeout")
    for number in range(30):
        await accept(store, f"m{number}")
    worker = a_worker(store, ses, lane, clock, limits=Limits(batch=3))
    for _ in range(12):
        await worker.step()
        clock.advance(0.5)
    assert 5 <= len(ses.calls) <= 8
    state = await store.governor(lane)
    assert state
    assert state.breaker == "unanswered"
    [waiting] = await store.standstill.waiting(lane, policy=Policy())
    assert waiting.reason == "unanswered"
    ses.answer = lambda _: Answer(kind=AnswerKind.SENT, ses_message_id="ses")
    clock.advance(60)
    await drain(worker, clock)
    found = list((await statuses(store)).values())
    assert found.count(Status.SENT) == 30 - found.count(Status.UNCERTAIN)
    assert found.count(Status.UNCERTAIN) <= 8


async def test_credentials_that_expire_burn_nobody_and_are_tried_one_at_a_time(
    store: Store, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    ses = Ses()
    ses.answer = lambda _: Answer(kind=AnswerKind.DENIED, code="ExpiredTokenException", whole_account=True)
    for number in range(20):
        await accept(store, f"m{number}")
    worker = a_worker(store, ses, lane, clock, limits=Limits(batch=5))
    for _ in range(100):  # half an hour
        stepped = await worker.step()
        assert stepped.refused == 0
        clock.advance(18)
    assert 5 <= len(ses.calls) <= 5 + 31
    found, _ = await store.deliveries(limit=100)
    assert {delivery.attempts for delivery in found} == {0}
    ses.answer = lambda _: Answer(kind=AnswerKind.SENT, ses_message_id="ses")
    clock.advance(61)
    await drain(worker, clock)
    assert set((await statuses(store)).values()) == {Status.SENT}


async def test_a_service_that_cannot_be_reached_for_days_costs_no_message_its_life(
    store: Store, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    ses = Ses()
    ses.answer = lambda _: Answer(kind=AnswerKind.UNAVAILABLE, code="Unreachable", whole_account=True)
    await accept(store, "order")
    worker = a_worker(store, ses, lane, clock)
    for _ in range(10):
        await worker.step()
        clock.advance(43_200)
    assert await statuses(store) == {"order": Status.DEFERRED}
    ses.answer = lambda _: Answer(kind=AnswerKind.SENT, ses_message_id="ses")
    await drain(worker, clock)
    assert await statuses(store) == {"order": Status.SENT}


async def test_a_paused_configuration_set_is_left_alone_and_the_rest_goes_on(
    store: Store, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    ses = Ses()

    def answer(parcel: Parcel) -> Answer:
        if parcel.configuration_set == "news":
            return Answer(kind=AnswerKind.PAUSED, code="ConfigurationSetSendingPausedException", text="It is paused.")
        return Answer(kind=AnswerKind.SENT, ses_message_id=f"ses-{parcel.delivery_id}")

    ses.answer = answer
    for number in range(30):
        await accept(store, f"news{number}", configuration_set="news")
    worker = a_worker(store, ses, lane, clock, limits=Limits(batch=4))
    await worker.step()
    await accept(store, "reset", configuration_set="receipts")
    for _ in range(20):
        await worker.step()
        clock.advance(1)
    assert (await statuses(store))["reset"] is Status.SENT
    assert len(ses.calls) <= 4 + 1
    [waiting] = [
        one for one in await store.standstill.waiting(lane, policy=Policy()) if one.configuration_set == "news"
    ]
    assert waiting.reason == "paused"
    assert "It is paused." in waiting.text
    assert waiting.expected_at is not None
    ses.answer = lambda _: Answer(kind=AnswerKind.SENT, ses_message_id="ses")
    clock.advance(61)
    await drain(worker, clock)
    assert set((await statuses(store)).values()) == {Status.SENT}
