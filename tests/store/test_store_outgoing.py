from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Answered, Claim, NewMessage, Outgoing

Make = Callable[..., NewMessage]
OpenAccount = Callable[..., Awaitable[State]]


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def answer(out: Outgoing, status: Status, **fields: object) -> Answered:
    values: dict[str, object] = {"delivery_id": out.delivery_id, "n": out.n, "status": status, "kind": str(status)}
    return Answered(**(values | fields))  # type: ignore[arg-type]  # a dict of mixed values


async def keep(store: Store, claim: Claim, *answers: Answered) -> None:
    await store.answer(claim.lane, answers, learnt=lambda state: state)


async def statuses(store: Store) -> dict[str, Status]:
    found, _ = await store.deliveries(limit=1000)
    return {delivery.id: delivery.status for delivery in found}


async def test_each_delivery_is_claimed_once_with_its_attempt_on_record(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org", "B@example.org", tags={"kind": "order"}))
    batch = await store.claim(claim)
    assert [out.recipient for out in batch.outgoing] == ["a@example.org", "B@example.org"]
    first = batch.outgoing[0]
    assert (first.n, first.attempts, first.mail_from, dict(first.tags)) == (1, 0, "shop@example.com", {"kind": "order"})
    assert first.raw.endswith(b"Thank you.\r\n")
    assert (await store.claim(replace(claim, owner="worker-2"))).outgoing == ()
    assert set((await statuses(store)).values()) == {Status.SENDING}
    assert "attempt 1" in [moment.what for moment in await store.timeline("m1")]


async def test_nothing_is_sent_before_the_quota_is_known(store: Store, claim: Claim, make_message: Make) -> None:
    await store.accept(make_message())
    batch = await store.claim(claim)
    assert (batch.outgoing, batch.reason) == ((), "unknown_quota")
    assert batch.wait_seconds
    assert await statuses(store) == {"m1-0": Status.ACCEPTED}


async def test_an_idle_claim_says_when_the_next_delivery_is_due(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    assert (await store.claim(claim)).wait_seconds is None
    await store.accept(make_message())
    [out] = (await store.claim(claim)).outgoing
    later = answer(out, Status.DEFERRED, due_at=clock() + timedelta(seconds=30), reason="unavailable")
    await keep(store, claim, later)
    batch = await store.claim(claim)
    assert (batch.outgoing, batch.wait_seconds) == ((), 30)
    clock.advance(30)
    [again] = (await store.claim(claim)).outgoing
    assert (again.n, again.attempts) == (2, 1)


async def test_a_throttle_burns_no_attempt_and_gives_the_day_its_permit_back(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount, lane: Lane
) -> None:
    await open_account(day=1.0)
    await store.accept(make_message())
    for n in (1, 2, 3):
        [out] = (await store.claim(claim)).outgoing
        assert (out.n, out.attempts) == (n, 0)
        due = clock() + timedelta(seconds=1)
        throttled = answer(out, Status.DEFERRED, due_at=due, reason="throttled_rate", burns=False, returns_permit=True)
        await keep(store, claim, throttled)
        clock.advance(1)
        # Only a fresh reading says that AWS did not count it either.
        await store.change_governor(lane, lambda state: replace(known(state), granted_at_reading=known(state).granted))


def known(state: State | None) -> State:
    assert state is not None
    return state


async def test_the_answer_teaches_the_governor_in_the_same_transaction(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount, lane: Lane
) -> None:
    await open_account()
    await store.accept(make_message())
    [out] = (await store.claim(claim)).outgoing
    at = clock().timestamp()
    await store.answer(
        lane, [answer(out, Status.SENT)], learnt=lambda state: governor.broken(state, "paused", at, Policy())
    )
    assert known(await store.governor(lane)).breaker == "paused"
    await store.accept(make_message())
    assert (await store.claim(claim)).reason == "breaker"


async def test_a_process_that_starts_takes_every_lease_only_where_it_has_the_database_to_itself(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message())
    [out] = (await store.claim(claim)).outgoing
    if store.shared:
        assert await store.recover(all_leases=True) == 0
        assert await statuses(store) == {out.delivery_id: Status.SENDING}
        clock.advance(61)
    assert await store.recover(all_leases=True) == 1
    assert await statuses(store) == {out.delivery_id: Status.UNCERTAIN}


async def test_a_dead_worker_loses_its_lease_and_its_delivery_becomes_uncertain(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message())
    [out] = (await store.claim(claim)).outgoing
    clock.advance(59)
    assert await store.recover() == 0
    clock.advance(2)
    assert await store.recover() == 1
    assert await store.recover() == 0
    assert await statuses(store) == {out.delivery_id: Status.UNCERTAIN}
    clock.advance(1e6)
    assert (await store.claim(claim)).outgoing == ()
    # The worker was only slow: what it learnt still counts.
    await keep(store, claim, answer(out, Status.SENT, ses_message_id="ses-1"))
    assert await statuses(store) == {out.delivery_id: Status.SENT}


async def test_an_older_attempts_late_answer_says_nothing_about_the_newer_one(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message())
    [first] = (await store.claim(claim)).outgoing
    await keep(store, claim, answer(first, Status.DEFERRED, due_at=clock()))
    [second] = (await store.claim(claim)).outgoing
    await keep(store, claim, answer(first, Status.DEFERRED, due_at=clock()))
    assert (await store.claim(claim)).outgoing == ()
    await keep(store, claim, answer(second, Status.SENT))
    assert await statuses(store) == {second.delivery_id: Status.SENT}


async def test_transactional_mail_goes_before_a_backlog_of_bulk(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=1.0)
    for number in range(20):
        await store.accept(make_message(f"u{number}@example.org", stream=Stream.MARKETING))
        clock.advance(0.001)
    await store.accept(make_message("reset@example.org"))
    batch = await store.claim(replace(claim, policy=Policy(burst_seconds=2)))
    assert [out.recipient for out in batch.outgoing] == ["reset@example.org", "u0@example.org", "u1@example.org"]


async def test_bulk_goes_out_when_no_urgent_mail_waits_and_a_breaker_is_tried(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount, lane: Lane
) -> None:
    await open_account()
    at = clock().timestamp()
    await store.change_governor(lane, lambda state: governor.broken(known(state), "denied", at, Policy()))
    await store.accept(make_message("a@example.org", "b@example.org", stream=Stream.MARKETING))
    assert (await store.claim(claim)).outgoing == ()
    clock.advance(60)
    assert len((await store.claim(claim)).outgoing) == 1
    assert (await store.claim(claim)).outgoing == ()


async def test_an_address_suppressed_after_acceptance_is_not_sent_to(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(day=1.0)
    await store.accept(make_message("gone@example.org", "here@example.org"))
    await store.add_suppression(Address("gone", "example.org"), SuppressionReason.MANUAL, source="test")
    batch = await store.claim(claim)
    assert ([out.recipient for out in batch.outgoing], batch.suppressed) == (["here@example.org"], 1)
    assert (await statuses(store))["m1-0"] is Status.SUPPRESSED
    [first, *_] = (await store.deliveries(statuses=[Status.SUPPRESSED]))[0]
    assert first.reason == "manual"


async def test_a_suppressed_address_is_accepted_marked_and_never_claimed(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.add_suppression(Address("gone", "example.org"), SuppressionReason.BOUNCE, source="test")
    accepted = await store.accept(make_message("Gone@example.org"))
    assert (accepted.message_id, accepted.suppressed) == ("m1", 1)
    assert await statuses(store) == {"m1-0": Status.SUPPRESSED}
    assert (await store.claim(claim)).outgoing == ()


async def test_a_repeated_call_gets_the_first_id_and_another_body_a_conflict(store: Store, make_message: Make) -> None:
    first = await store.accept(make_message(invocation_id="call-1", fingerprint="x"))
    again = await store.accept(make_message(invocation_id="call-1", fingerprint="x"))
    other = await store.accept(make_message(invocation_id="call-1", fingerprint="y"))
    assert (first.message_id, again.message_id, again.repeated) == ("m1", "m1", True)
    assert (other.conflict, other.repeated) == (True, False)
    stranger = await store.accept(make_message(invocation_id="call-1", fingerprint="x", access_key_id="AKSWOTHER"))
    assert (stranger.message_id, stranger.repeated) == ("m4", False)
    assert len(await statuses(store)) == 2


async def test_permits_are_shared_by_all_who_ask(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=10.0)
    for number in range(300):
        await store.accept(make_message(f"u{number}@example.org"))
    policy = Policy(burst_seconds=0.1)
    taken: list[str] = []
    for tick in range(100):
        for owner in ("worker-1", "worker-2"):
            batch = await store.claim(replace(claim, owner=owner, policy=policy))
            taken += [out.delivery_id for out in batch.outgoing]
        clock.advance(0.1)
        assert len(taken) <= 10 * (tick * 0.1) + 2
    assert len(taken) == len(set(taken)) >= 99


async def test_the_day_is_closed_when_the_minutes_are_full_and_opens_a_day_later(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount, lane: Lane
) -> None:
    await open_account(day=5.0)
    for number in range(8):
        await store.accept(make_message(f"u{number}@example.org"))
    assert len((await store.claim(claim)).outgoing) == 5
    await store.change_governor(lane, lambda state: replace(known(state), granted_at_reading=known(state).granted))
    clock.advance(86_400)
    assert (await store.claim(claim)).reason == "day"
    clock.advance(121)
    assert len((await store.claim(claim)).outgoing) == 3


async def test_what_was_deferred_for_a_reason_is_released_at_once(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org", "b@example.org"))
    first, second = (await store.claim(claim)).outgoing
    due = clock() + timedelta(hours=1)
    await keep(
        store,
        claim,
        answer(first, Status.DEFERRED, due_at=due, reason="sandboxed"),
        answer(second, Status.DEFERRED, due_at=due, reason="unavailable"),
    )
    assert await store.release("sandboxed") == 1
    assert [out.delivery_id for out in (await store.claim(claim)).outgoing] == [first.delivery_id]


async def test_listings_page_and_filter(store: Store, clock: Clock, make_message: Make) -> None:
    for number in range(5):
        await store.accept(make_message(f"u{number}@example.org", "same@example.org"))
        clock.advance(1)
    first, cursor = await store.messages(limit=3)
    second, end = await store.messages(limit=3, after=cursor)
    assert [message.id for message in (*first, *second)] == ["m5", "m4", "m3", "m2", "m1"]
    assert end is None
    same, _ = await store.deliveries(recipient_key="same@example.org")
    assert len(same) == 5
    page, cursor = await store.deliveries(limit=7)
    rest, _ = await store.deliveries(limit=7, after=cursor)
    assert len({delivery.id for delivery in (*page, *rest)}) == 10
    assert (await store.counts()).of(Status.ACCEPTED) == 10
    assert (await store.counts(clock() - timedelta(seconds=2))).of(stream=Stream.TRANSACTIONAL) == 4
    assert await store.message("nothing") is None
    assert await store.body("m1")


async def test_control_plane_turns_are_a_second_apart(store: Store, clock: Clock) -> None:
    waits = [await store.control_turn("ses", "eu-west-1") for _ in range(5)]
    assert waits == pytest.approx([0, 1, 2, 3, 4])
    assert await store.control_turn("ses", "us-east-1") == 0
    clock.advance(60)
    assert await store.control_turn("ses", "eu-west-1") == 0


async def test_mail_does_not_wait_for_a_clock_that_was_set_back(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org"))
    await store.accept(make_message("b@example.org"))
    await store.accept(make_message("lost@example.org"))
    await store.accept(make_message("later@example.org", send_at=clock() + timedelta(hours=2)))
    [out] = (await store.claim(replace(claim, limit=1))).outgoing
    await keep(store, claim, answer(out, Status.DEFERRED, due_at=clock() + timedelta(seconds=30), reason="unavailable"))
    [lost] = (await store.claim(replace(claim, limit=1))).outgoing
    clock.advance(-86_400)
    assert (await store.claim(claim)).outgoing == ()
    assert await store.recover() == 1
    assert (await statuses(store))[lost.delivery_id] is Status.UNCERTAIN
    first = await store.claim(claim)  # the pace is a second of the old clock's: one burst is waited for, not a day
    clock.advance(first.wait_seconds or 0)
    clock.advance(1)
    found = {again.recipient for again in (await store.claim(claim)).outgoing}
    assert found == {"a@example.org", "b@example.org", "lost@example.org"} - {lost.recipient}
