from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.mail.status import Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Claim, NewMessage, PauseScope, StoredKey

Make = Callable[..., NewMessage]
OpenAccount = Callable[..., Awaitable[State]]


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


async def add_key(store: Store, clock: Clock, name: str, **limits: object) -> None:
    key = StoredKey(access_key_id=name, name=name, stream=Stream.TRANSACTIONAL, sealed_secret=b"x", created_at=clock())
    await store.add_key(replace(key, **limits))  # type: ignore[arg-type]  # fields by name


async def by_key(store: Store, claim: Claim) -> Counter[str]:
    batch = await store.claim(claim)
    return Counter(out.recipient.partition("@")[0] for out in batch.outgoing)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (PauseScope.ACCOUNT, ""),
        (PauseScope.STREAM, "transactional"),
        (PauseScope.CONFIGURATION_SET, "receipts"),
        (PauseScope.KEY, "AKSWTEST"),
    ],
)
async def test_what_is_paused_waits_and_says_why_and_goes_when_the_pause_ends(
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Make,
    open_account: OpenAccount,
    scope: PauseScope,
    name: str,
) -> None:
    await open_account()
    await store.accept(make_message("held@example.org", configuration_set="receipts"))
    until = clock() + timedelta(hours=1)
    await store.pause(scope, name, reason="too many complaints", until=until)
    batch = await store.claim(claim)
    assert (batch.outgoing, batch.reason, batch.wait_seconds) == ((), "paused", 3600)
    [waiting] = await store.standstill.waiting(claim.lane, policy=claim.policy)
    assert (waiting.reason, waiting.expected_at, waiting.count) == ("paused", until, 1)
    assert "too many complaints" in waiting.text
    [delivery] = (await store.deliveries())[0]
    assert (delivery.status, delivery.attempts) == (Status.ACCEPTED, 0)
    assert [pause.scope for pause in await store.pauses()] == [scope]
    assert await store.resume(scope, name)
    assert not await store.resume(scope, name)
    assert len((await store.claim(claim)).outgoing) == 1


async def test_a_pause_ends_by_itself_and_holds_back_nobody_else(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message("a@example.org", access_key_id="AKSWA"))
    await store.accept(make_message("b@example.org", access_key_id="AKSWB"))
    await store.pause(PauseScope.KEY, "AKSWA", reason="bounces", until=clock() + timedelta(minutes=1))
    assert await by_key(store, claim) == {"b": 1}
    assert (await store.claim(claim)).wait_seconds == 60
    clock.advance(60)
    assert await by_key(store, claim) == {"a": 1}


async def test_a_key_gets_its_share_of_the_rate_and_the_others_the_rest(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=20.0)
    await add_key(store, clock, "AKSWSLOW", rate_share=0.25)
    for number in range(150):
        await store.accept(make_message("slow@example.org", access_key_id="AKSWSLOW"))
        await store.accept(make_message(f"free@u{number}.example.org", access_key_id="AKSWFREE"))
    taken: Counter[str] = Counter()
    for _ in range(50):  # five seconds
        taken += await by_key(store, replace(claim, policy=Policy(burst_seconds=0.1, reserve=0)))
        clock.advance(0.1)
    assert 24 <= taken["slow"] <= 5 * 5 + 2
    assert sum(taken.values()) >= 0.97 * 20 * 5


async def test_a_key_alone_under_its_share_waits_and_says_so(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=10.0)
    await add_key(store, clock, "AKSWSLOW", rate_share=0.1)
    for _ in range(3):
        await store.accept(make_message("slow@example.org", access_key_id="AKSWSLOW"))
    no_burst = replace(claim, policy=Policy(burst_seconds=0.0, reserve=0))
    assert await by_key(store, no_burst) == {"slow": 1}
    clock.advance(0.4)  # the account's rate would allow the next one
    batch = await store.claim(no_burst)
    assert batch.reason == "key_rate"
    assert batch.wait_seconds == pytest.approx(0.6, abs=0.01)
    [waiting] = await store.standstill.waiting(claim.lane, policy=no_burst.policy)
    assert (waiting.reason, waiting.count) == ("key_rate", 2)


async def test_a_keys_daily_cap_closes_it_for_a_rolling_day(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await add_key(store, clock, "AKSWCAP", daily_cap=3)
    for _ in range(5):
        await store.accept(make_message("capped@example.org", access_key_id="AKSWCAP"))
    assert await by_key(store, claim) == {"capped": 3}
    batch = await store.claim(claim)
    assert batch.reason == "key_day"
    assert batch.wait_seconds == pytest.approx(86_400 + 60, abs=61)
    [waiting] = await store.standstill.waiting(claim.lane, policy=claim.policy)
    assert (waiting.reason, "daily cap" in waiting.text) == ("key_day", True)
    clock.advance(86_400 + 61)
    assert await by_key(store, claim) == {"capped": 2}


async def test_a_warm_up_closes_the_day_before_the_quota_does(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(day=1000.0)
    for number in range(30):
        await store.accept(make_message(f"u{number}@example.org"))
    ramp = replace(claim, policy=replace(claim.policy, ramp_24_hour=20))
    assert len((await store.claim(ramp)).outgoing) == 20
    assert (await store.claim(ramp)).reason == "ramp"
    [waiting] = await store.standstill.waiting(claim.lane, policy=ramp.policy)
    assert (waiting.reason, waiting.count, "warm-up" in waiting.text) == ("ramp", 10, True)
    assert waiting.expected_at is not None
    assert len((await store.claim(claim)).outgoing) == 10


async def test_every_reason_of_the_account_is_told_in_a_sentence(
    store: Store, claim: Claim, clock: Clock, make_message: Make, lane: Lane
) -> None:
    await store.accept(make_message("bulk@example.org", stream=Stream.MARKETING))

    async def told(state: State | None, policy: Policy = claim.policy) -> tuple[str, bool]:
        if state:
            await store.change_governor(lane, lambda _: state)
        [waiting] = await store.standstill.waiting(lane, policy=policy)
        assert waiting.text.endswith(".")
        return waiting.reason, waiting.expected_at is not None

    quota = Quota(
        max_24_hour_send=100,
        max_send_rate=1,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    at = clock().timestamp()
    assert await told(None) == ("unknown_quota", False)
    assert await told(State(quota=replace(quota, sending_enabled=False))) == ("paused", False)
    assert await told(State(quota=replace(quota, sent_last_24_hours=100))) == ("day", True)
    reserved = State(quota=replace(quota, sent_last_24_hours=96))
    assert await told(reserved, Policy(reserve=0.05)) == ("reserved", True)
    assert await told(governor.broken(State(quota=quota), "denied", at, Policy())) == ("denied", True)
    assert await told(State(quota=quota)) == ("rate", True)


async def test_queues_of_a_rank_take_turns_even_one_permit_at_a_time(
    store: Store, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=1.0)
    for key, count in (("AKSWA", 9), ("AKSWB", 2), ("AKSWC", 5)):
        for _ in range(count):
            await store.accept(make_message(f"{key}@example.org", access_key_id=key))
    taken: list[str] = []
    one_at_a_time = replace(claim, policy=Policy(burst_seconds=0.0, reserve=0))
    for _ in range(16):
        taken += [out.recipient.partition("@")[0][-1] for out in (await store.claim(one_at_a_time)).outgoing]
        clock.advance(1)
    assert "".join(taken) == "ABCABCACACACAAAA"


async def test_a_batch_is_shared_equally_and_nothing_is_left_unused(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=1000.0)
    for key, count in (("AKSWA", 200), ("AKSWB", 5), ("AKSWC", 50)):
        for number in range(count):
            await store.accept(make_message(f"{key}@u{number}.example.org", access_key_id=key))
    assert await by_key(store, claim) == {"AKSWA": 48, "AKSWB": 5, "AKSWC": 47}


async def test_bulk_mail_never_takes_the_room_kept_for_urgent_mail(
    store: Store, claim: Claim, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account(rate=1000.0)
    for number in range(50):
        await store.accept(make_message(f"u{number}@example.org", stream=Stream.MARKETING))
    assert len((await store.claim(replace(claim, bulk_limit=7))).outgoing) == 7
    assert (await store.claim(replace(claim, bulk_limit=0))).outgoing == ()
    await store.accept(make_message("reset@example.org"))
    [out] = (await store.claim(replace(claim, bulk_limit=0))).outgoing
    assert (out.recipient, out.urgent) == ("reset@example.org", True)
