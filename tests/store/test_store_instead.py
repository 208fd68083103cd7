"""Claims for another way out than SES: only while SES says no, only what may go, and each once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Answered, Claim, Instead, NewMessage, PauseScope
from tests.store.governed import change, relay_state

Make = Callable[..., NewMessage]
OpenAccount = Callable[..., Awaitable[State]]
RELAY = Lane(account="relay", region="smtp.example.net")


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


@pytest.fixture
async def by_relay(store: Store, lane: Lane, claim: Claim, clock: Clock) -> Claim:
    await store.change_governor(RELAY, lambda _: relay_state(clock()))
    instead = Instead(lane=lane, streams=frozenset({Stream.TRANSACTIONAL}))
    return replace(claim, lane=RELAY, owner="relay-1", instead=instead)


async def claimed(store: Store, claim: Claim) -> list[str]:
    return [out.recipient for out in (await store.claim(claim)).outgoing]


async def keep(store: Store, lane: Lane, delivery_id: str, n: int, status: Status, **fields: Any) -> None:
    values: dict[str, Any] = {"delivery_id": delivery_id, "n": n, "status": status, "kind": str(status)}
    await store.answer(lane, [Answered(**(values | fields))], learnt=lambda state: state)


@pytest.mark.parametrize(
    ("no", "why"),
    [
        ({"sending_enabled": False}, "paused"),
        ({"enforcement": "SHUTDOWN"}, "paused"),
        ({"sending_enabled": False, "breaker": "denied", "breaker_until": 0.0}, "paused"),
        ({"breaker": "paused", "breaker_until": 1e12}, "paused"),
        ({"breaker": "denied", "breaker_until": 1e12}, "denied"),
        ({"breaker": "unavailable", "breaker_until": 1e12}, "unavailable"),
        ({"breaker": "unanswered", "breaker_until": 1e12}, "unanswered"),
    ],
)
async def test_while_ses_says_no_transactional_mail_may_go_by_another_way(
    store: Store,
    lane: Lane,
    claim: Claim,
    by_relay: Claim,
    make_message: Make,
    open_account: OpenAccount,
    no: dict[str, Any],
    why: str,
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org"))
    await store.accept(make_message("news@example.org", stream=Stream.MARKETING))
    assert (await store.claim(by_relay)).reason == "ses_takes_mail"
    await change(store, lane, **no)
    state = await store.governor(lane)
    assert state is not None
    assert governor.refused(state, outages=True) == why
    assert await claimed(store, claim) == []
    assert await claimed(store, by_relay) == ["a@example.org"]
    assert await claimed(store, by_relay) == []


@pytest.mark.parametrize(
    "held",
    [
        {"day_blocked_until": 1e12},
        {"sent_last_24_hours": 1e9, "max_24_hour_send": 200.0},
        {"arrival": 1e12},
        {"breaker": "unknown", "breaker_until": 1e12},
    ],
)
async def test_a_full_day_and_the_rate_are_limits_to_keep_and_no_reason(
    store: Store,
    lane: Lane,
    by_relay: Claim,
    make_message: Make,
    open_account: OpenAccount,
    held: dict[str, Any],
) -> None:
    await open_account()
    await change(store, lane, **held)
    await store.accept(make_message())
    assert await claimed(store, by_relay) == []


async def test_without_outages_only_a_no_counts(
    store: Store, lane: Lane, by_relay: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org"))
    assert by_relay.instead is not None
    strict = replace(by_relay, instead=replace(by_relay.instead, outages=False))
    await change(store, lane, breaker="unavailable", breaker_until=1e12)
    assert await claimed(store, strict) == []
    await change(store, lane, production=False)
    assert await claimed(store, strict) == []
    await change(store, lane, breaker="denied", breaker_until=1e12)
    assert await claimed(store, strict) == ["a@example.org"]


async def test_nothing_is_known_of_ses_so_nothing_goes(store: Store, by_relay: Claim, make_message: Make) -> None:
    await store.accept(make_message())
    assert await claimed(store, by_relay) == []


async def test_the_message_that_tries_whether_ses_takes_mail_again_is_left_to_ses(
    store: Store,
    lane: Lane,
    claim: Claim,
    by_relay: Claim,
    clock: Clock,
    make_message: Make,
    open_account: OpenAccount,
) -> None:
    await open_account()
    await change(store, lane, breaker="denied", breaker_until=clock().timestamp() + 60)
    clock.advance(61)
    await store.accept(make_message("a@example.org"))
    await store.accept(make_message("b@example.org"))
    assert await claimed(store, by_relay) == []
    assert await claimed(store, claim) == ["a@example.org"]
    assert await claimed(store, by_relay) == ["b@example.org"]


async def test_what_ses_put_off_for_the_accounts_sake_need_not_wait_for_its_time(
    store: Store,
    lane: Lane,
    claim: Claim,
    by_relay: Claim,
    clock: Clock,
    make_message: Make,
    open_account: OpenAccount,
) -> None:
    await open_account()
    for name in ("probe", "slow", "later"):
        send_at = clock() + timedelta(hours=1) if name == "later" else None
        await store.accept(make_message(f"{name}@example.org", send_at=send_at))
    first, second = (await store.claim(claim)).outgoing
    due = clock() + timedelta(seconds=60)
    await keep(store, lane, first.delivery_id, 1, Status.DEFERRED, due_at=due, reason="paused")
    await keep(store, lane, second.delivery_id, 1, Status.DEFERRED, due_at=due, reason="throttled_rate")
    await change(store, lane, sending_enabled=False)
    assert await claimed(store, by_relay) == ["probe@example.org"]
    # What the relay itself has put off waits for its time.
    await keep(store, RELAY, first.delivery_id, 2, Status.DEFERRED, due_at=due, reason="denied", code="relay 535")
    assert await claimed(store, by_relay) == []
    clock.advance(61)
    assert sorted(await claimed(store, by_relay)) == ["probe@example.org", "slow@example.org"]


async def test_in_the_sandbox_only_what_ses_refused_goes_by_another_way(
    store: Store,
    lane: Lane,
    claim: Claim,
    by_relay: Claim,
    clock: Clock,
    make_message: Make,
    open_account: OpenAccount,
) -> None:
    await open_account()
    await change(store, lane, production=False)
    await store.accept(make_message("stranger@example.org"))
    assert await claimed(store, by_relay) == []
    [out] = (await store.claim(claim)).outgoing
    await store.accept(make_message("waits@example.org"))
    due = clock() + timedelta(hours=1)
    await keep(store, lane, out.delivery_id, 1, Status.DEFERRED, due_at=due, reason="sandboxed")
    assert await claimed(store, by_relay) == ["stranger@example.org"]


async def test_who_must_get_no_mail_gets_none_by_any_way(
    store: Store, lane: Lane, by_relay: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("late@example.org"))
    await store.accept(make_message("success@simulator.amazonses.com"))
    await store.add_suppression(parse_address("late@example.org"), SuppressionReason.COMPLAINT, source="test")
    await store.add_suppression(parse_address("known@example.org"), SuppressionReason.BOUNCE, source="test")
    await store.accept(make_message("known@example.org"))
    await change(store, lane, sending_enabled=False)
    batch = await store.claim(by_relay)
    assert (batch.outgoing, batch.suppressed) == ((), 1)
    found, _ = await store.deliveries()
    assert {one.recipient: one.status for one in found} == {
        "late@example.org": Status.SUPPRESSED,
        "known@example.org": Status.SUPPRESSED,
        "success@simulator.amazonses.com": Status.ACCEPTED,
    }


async def test_what_ses_refused_for_good_is_never_taken_up(
    store: Store, lane: Lane, claim: Claim, by_relay: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message())
    [out] = (await store.claim(claim)).outgoing
    await keep(store, lane, out.delivery_id, 1, Status.REFUSED, reason="rejected")
    await change(store, lane, sending_enabled=False)
    assert await claimed(store, by_relay) == []


@pytest.mark.parametrize(
    ("scope", "name"),
    [(PauseScope.ACCOUNT, ""), (PauseScope.STREAM, "transactional"), (PauseScope.KEY, "AKSWTEST")],
)
async def test_our_own_pauses_hold_on_every_way(
    store: Store,
    lane: Lane,
    by_relay: Claim,
    make_message: Make,
    open_account: OpenAccount,
    scope: PauseScope,
    name: str,
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await store.accept(make_message("a@example.org"))
    await store.pause(scope, name, reason="a person said so")
    assert await claimed(store, by_relay) == []
    await store.resume(scope, name)
    assert await claimed(store, by_relay) == ["a@example.org"]


async def test_the_relay_has_a_day_of_its_own_and_leaves_that_of_ses_alone(
    store: Store, lane: Lane, by_relay: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    before = await open_account()
    await change(store, lane, sending_enabled=False)
    await change(store, RELAY, max_24_hour_send=2.0)
    await store.accept(make_message(*(f"u{n}@example.org" for n in range(4))))
    asked = replace(by_relay, policy=Policy(burst_seconds=10, reserve=0))
    assert len(await claimed(store, asked)) == 2
    assert (await store.claim(asked)).reason == "day"
    state = await store.governor(lane)
    assert state is not None
    assert (state.granted, state.arrival) == (before.granted, before.arrival)


async def test_the_ledger_says_by_which_way_even_after_a_crash(
    store: Store, lane: Lane, by_relay: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await store.accept(make_message())
    assert await claimed(store, by_relay) == ["a@example.org"]
    clock.advance(61)
    await store.recover()
    told = [(one.what, one.detail) for one in await store.timeline("m1")]
    assert told[1] == ("sending", "attempt 1 by relay")
    assert told[2][0] == "attempt 1"
    assert told[3] == ("uncertain", "worker lost")
    # No event will come of it: it is settled by policy alone, and only once.
    clock.advance(3600)
    assert await store.periodic.try_again(timedelta(minutes=10)) == 1
    [out] = (await store.claim(by_relay)).outgoing
    assert out.again == 1


async def test_what_a_relay_took_is_whole_without_a_message_id_and_has_its_end(
    store: Store, lane: Lane, by_relay: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await store.accept(make_message("a@example.org"))
    [out] = (await store.claim(by_relay)).outgoing
    await keep(store, RELAY, out.delivery_id, 1, Status.SENT, kind="sent", code="relay", text="Ok: queued")
    clock.advance(30 * 86_400)
    assert await store.completeness.broken(clock() - timedelta(days=60)) == ()
    assert await store.completeness.unfinished(clock(), clock() - timedelta(days=60)) == ()
    assert "sent relay Ok: queued" in [one.detail for one in await store.timeline("m1")]
