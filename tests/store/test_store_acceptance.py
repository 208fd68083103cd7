from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.errors import StoreBusy
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, State
from sendworthy.store import Store
from sendworthy.store.combine import Budget
from sendworthy.store.values import Answered, Claim, NewMessage, Priority

Make = Callable[..., NewMessage]
OpenAccount = Callable[..., Awaitable[State]]


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


async def claimed(store: Store, claim: Claim) -> list[str]:
    return [out.recipient for out in (await store.claim(claim)).outgoing]


async def statuses(store: Store) -> dict[str, tuple[Status, str]]:
    found, _ = await store.deliveries(limit=1000)
    return {delivery.id: (delivery.status, delivery.reason) for delivery in found}


async def test_a_token_holds_for_a_day_and_is_then_free_for_another_call(
    store: Store, clock: Clock, make_message: Make
) -> None:
    await store.accept(make_message(invocation_id="key:order-7", fingerprint="x"))
    clock.advance(86_399)
    repeat = await store.accept(make_message(invocation_id="key:order-7", fingerprint="x"))
    assert (repeat.message_id, repeat.repeated) == ("m1", True)
    clock.advance(2)
    later = await store.accept(make_message(invocation_id="key:order-7", fingerprint="other"))
    assert (later.message_id, later.repeated, later.conflict) == ("m3", False, False)
    again = await store.accept(make_message(invocation_id="key:order-7", fingerprint="other"))
    assert (again.message_id, again.repeated) == ("m3", True)
    assert set(await statuses(store)) == {"m1-0", "m3-0"}


async def test_one_token_sent_many_times_at_once_is_accepted_once(url: str, clock: Clock, make_message: Make) -> None:
    stores = [await Store.open(url, now=clock, new_id=lambda: "id") for _ in range(3)]
    calls = [
        store.accept(make_message(invocation_id="key:same", fingerprint="x")) for store in stores for _ in range(10)
    ]
    answers = await asyncio.gather(*calls)
    assert len({answer.message_id for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert len(await statuses(stores[0])) == 1
    for store in stores:
        await store.close()


async def test_a_scheduled_message_waits_for_its_time(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("later@example.org", send_at=clock() + timedelta(hours=1)))
    batch = await store.claim(claim)
    assert (batch.outgoing, batch.wait_seconds) == ((), 3600)
    [waiting] = await store.standstill.waiting(claim.lane, policy=claim.policy)
    assert (waiting.reason, waiting.expected_at) == ("scheduled", clock() + timedelta(hours=1))
    clock.advance(3600)
    assert await claimed(store, claim) == ["later@example.org"]


async def test_mail_goes_by_priority_and_transactional_mail_before_bulk(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=1.0)
    order = [
        (Stream.MARKETING, Priority.HIGH),
        (Stream.TRANSACTIONAL, Priority.NORMAL),
        (Stream.MARKETING, Priority.LOW),
        (Stream.TRANSACTIONAL, Priority.HIGH),
        (Stream.MARKETING, Priority.NORMAL),
    ]
    for stream, priority in order:
        await store.accept(make_message(f"{stream}-{priority}@example.org", stream=stream, priority=priority))
    one_at_a_time = replace(claim, policy=Policy(burst_seconds=0.0, reserve=0))
    taken: list[str] = []
    for _ in order:
        taken += await claimed(store, one_at_a_time)
        clock.advance(1)
    assert taken == [
        "transactional-high@example.org",
        "transactional-normal@example.org",
        "marketing-high@example.org",
        "marketing-normal@example.org",
        "marketing-low@example.org",
    ]


async def test_mail_that_is_too_late_is_not_sent(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    soon = clock() + timedelta(minutes=5)
    await store.accept(make_message("code@example.org", expires_at=soon))
    await store.accept(make_message("paused@example.org", expires_at=soon, send_at=clock() + timedelta(hours=1)))
    clock.advance(301)
    batch = await store.claim(claim)
    assert (batch.outgoing, batch.expired) == ((), 1)
    assert await store.periodic.expire() == 1
    assert await store.periodic.expire() == 0
    assert await statuses(store) == {"m1-0": (Status.EXPIRED, "expired"), "m2-0": (Status.EXPIRED, "expired")}
    assert "expired" in [moment.what for moment in await store.timeline("m2")]


async def test_a_message_can_be_called_off_until_it_is_on_the_wire(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org", "b@example.org"))
    assert await claimed(store, replace(claim, limit=1)) == ["a@example.org"]
    assert await store.cancel("m1", cause="cancelled by the key") == 1
    assert await store.cancel("m1") == 0
    assert await store.cancel("nothing") == 0
    clock.advance(1)
    assert await claimed(store, claim) == []
    assert await statuses(store) == {"m1-0": (Status.SENDING, ""), "m1-1": (Status.CANCELLED, "cancelled")}
    assert "cancelled by the key" in [moment.detail for moment in await store.timeline("m1")]


async def test_a_body_of_forty_megabytes_comes_back_byte_for_byte(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    raw = bytes(range(256)) * (40 * 4096)
    await store.accept(make_message(raw=raw))
    assert await store.body("m1") == raw
    [out] = (await store.claim(claim)).outgoing
    assert out.raw == raw


async def test_a_claim_keeps_within_its_bytes_and_takes_one_in_any_case(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    for number in range(5):
        await store.accept(make_message(f"u{number}@example.org", raw=b"x" * 1000))
    assert len(await claimed(store, replace(claim, most_bytes=2500))) == 2
    assert len(await claimed(store, replace(claim, most_bytes=1))) == 1
    # One body to many recipients is in memory once.
    await store.accept(make_message(*(f"r{n}@example.org" for n in range(9)), raw=b"x" * 3000))
    assert len(await claimed(store, replace(claim, most_bytes=5000))) == 2 + 9


async def test_what_cannot_be_kept_in_time_is_told_to_come_back(url: str, clock: Clock, make_message: Make) -> None:
    ids = itertools.count(1)
    budget = Budget(most_bytes=10_000, most_messages=4)
    store = await Store.open(url, now=clock, new_id=lambda: f"id{next(ids)}", budget=budget)
    results = await asyncio.gather(*(store.accept(make_message()) for _ in range(7)), return_exceptions=True)
    busy = [result for result in results if isinstance(result, StoreBusy)]
    assert len(busy) == 3
    assert busy[0].retry
    assert busy[0].after_seconds > 0
    heavy = [store.accept(make_message(raw=b"x" * size)) for size in (6_000, 6_000, 3_000)]
    results = await asyncio.gather(*heavy, return_exceptions=True)
    assert [isinstance(result, StoreBusy) for result in results] == [False, True, False]
    # Larger than the budget, but alone: it must be possible at some time.
    await store.accept(make_message(raw=b"x" * 20_000))
    assert len(await statuses(store)) == 4 + 2 + 1
    await store.close()


async def test_a_message_that_cannot_be_kept_does_not_take_its_neighbours_along(
    store: Store, make_message: Make
) -> None:
    first = make_message("a@example.org")
    await store.accept(first)
    twin = replace(make_message("b@example.org"), id=first.id)  # the same id: the database refuses it
    results = await asyncio.gather(
        store.accept(make_message("c@example.org")),
        store.accept(twin),
        store.accept(make_message("d@example.org")),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert len(await statuses(store)) == 3


async def test_a_caller_that_goes_away_takes_nothing_back(store: Store, make_message: Make) -> None:
    calls = [asyncio.ensure_future(store.accept(make_message(f"u{n}@example.org"))) for n in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await store.accept(make_message("last@example.org"))
    assert len(await statuses(store)) == 4


async def test_an_answer_names_every_accepted_message_once(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=10_000)
    answers = await asyncio.gather(*(store.accept(make_message(f"u{n}@example.org")) for n in range(250)))
    assert len({answer.message_id for answer in answers}) == 250
    batch = await store.claim(replace(claim, limit=1000))
    told = [Answered(delivery_id=out.delivery_id, n=1, status=Status.SENT, kind="sent") for out in batch.outgoing]
    await store.answer(claim.lane, told, learnt=lambda state: state)
    assert (await store.counts()).of(Status.SENT) == 250


@pytest.mark.parametrize("stream", Stream)
async def test_a_key_keeps_its_limits(store: Store, stream: Stream, clock: Clock) -> None:
    from sendworthy.store.values import StoredKey  # noqa: PLC0415 - only here

    key = StoredKey(
        access_key_id="AKSWA",
        name="shop",
        stream=stream,
        sealed_secret=b"sealed",
        created_at=clock(),
        rate_share=0.25,
        daily_cap=1000,
        domains=("example.com",),
    )
    await store.add_key(key)
    assert await store.keys() == (key,)
