"""What people are told of waiting mail while a relay stands in for SES: what goes by it, and what does not and why."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.gateway.metrics import waiting_lines
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Spread, State
from sendworthy.store import Lane, Store
from sendworthy.store.standstill import OtherWay
from sendworthy.store.values import Answered, Claim, NewMessage, PauseScope, StoredKey, Waiting
from tests.store.governed import change, relay_state

Make = Callable[..., NewMessage]
OpenAccount = Callable[..., Awaitable[State]]
RELAY = OtherWay(
    name="smtp.example.net:587",
    lane=Lane(account="relay", region="smtp.example.net"),
    streams=frozenset({Stream.TRANSACTIONAL}),
)
PAUSED = "SES has paused sending for the account."
BY_RELAY = f"{PAUSED} It goes by the relay smtp.example.net:587, once that was so for 60 seconds."
ONLY = "The relay smtp.example.net:587 takes only transactional mail."


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


@pytest.fixture(params=[RELAY])
async def store(request: pytest.FixtureRequest, url: str, clock: Clock) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(url, now=clock, new_id=lambda: f"id{next(ids)}", other_way=request.param)
    await opened.change_governor(RELAY.lane, lambda _: relay_state(clock()))
    yield opened
    await opened.close()


async def put_off(store: Store, lane: Lane, claim: Claim, reason: str, *, due_at: datetime, code: str = "") -> None:
    """Claim all there is, and let it be put off."""
    answers = [
        Answered(
            delivery_id=out.delivery_id,
            n=out.n,
            status=Status.DEFERRED,
            kind=reason,
            reason=reason,
            code=code,
            due_at=due_at,
        )
        for out in (await store.claim(claim)).outgoing
    ]
    assert answers
    await store.answer(lane, answers, learnt=lambda state: state)


async def told(store: Store, lane: Lane, policy: Policy | None = None) -> list[tuple[str, int, str, str]]:
    found = await store.standstill.waiting(lane, policy=policy or Policy())
    return [(one.stream.value, one.count, one.reason, one.text) for one in found]


async def by_relay(store: Store, lane: Lane, message_id: str) -> dict[str, Waiting]:
    return dict(await store.standstill.by_other_way(lane, message_id, policy=Policy()))


async def test_while_ses_takes_mail_the_relay_is_not_spoken_of(
    store: Store, lane: Lane, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await store.accept(make_message())
    await store.accept(make_message(stream=Stream.MARKETING))
    assert [text for *_, text in await told(store, lane)] == ["It goes out as fast as SES's sending rate allows."] * 2
    assert await by_relay(store, lane, "m1") == {}


@pytest.mark.parametrize(
    ("no", "reason", "text"),
    [
        ({"sending_enabled": False}, "paused", PAUSED),
        ({"breaker": "denied", "breaker_until": 4e9}, "denied", "SES refuses the credentials, or this machine's "),
        ({"breaker": "unavailable", "breaker_until": 4e9}, "unavailable", "SES cannot be reached."),
    ],
)
async def test_what_goes_by_the_relay_and_which_stream_does_not_are_told(
    store: Store,
    lane: Lane,
    clock: Clock,
    make_message: Make,
    open_account: OpenAccount,
    no: dict[str, Any],
    reason: str,
    text: str,
) -> None:
    await open_account()
    await change(store, lane, **no)
    await store.accept(make_message("a@example.org", "b@example.org"))
    await store.accept(make_message("n@example.org", stream=Stream.MARKETING))
    mine, news = await store.standstill.waiting(lane, policy=Policy())
    assert (mine.reason, mine.count, mine.way, mine.expected_at) == ("relay", 2, "relay", clock())
    assert mine.text.startswith(text)
    assert mine.text.endswith("It goes by the relay smtp.example.net:587, once that was so for 60 seconds.")
    assert (news.reason, news.count, news.way) == (reason, 1, "")
    assert news.text.startswith(text)
    assert news.text.endswith(ONLY)
    assert list(waiting_lines([mine, news]))[1:] == [
        f'sendworthy_waiting{{stream="marketing",reason="{reason}"}} 1',
        'sendworthy_waiting{stream="transactional",reason="relay"} 2',
    ]
    assert set(await by_relay(store, lane, "m1")) == {"m1-0", "m1-1"}
    assert await by_relay(store, lane, "m2") == {}


@pytest.mark.parametrize("store", [None], indirect=True)
async def test_without_a_relay_nothing_goes_by_one(
    store: Store, lane: Lane, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await store.accept(make_message())
    assert await told(store, lane) == [("transactional", 1, "paused", PAUSED)]
    assert await by_relay(store, lane, "m1") == {}


@pytest.mark.parametrize("store", [replace(RELAY, outages=False)], indirect=True)
async def test_a_relay_that_is_not_for_outages_does_not_stand_in_then(
    store: Store, lane: Lane, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, breaker="unavailable", breaker_until=4e9)
    await store.accept(make_message())
    assert await told(store, lane) == [("transactional", 1, "unavailable", "SES cannot be reached.")]
    await change(store, lane, breaker="denied")
    assert [reason for _, _, reason, _ in await told(store, lane)] == ["relay"]


async def test_in_the_sandbox_what_ses_refused_goes_by_the_relay_and_the_rest_to_ses_first(
    store: Store, lane: Lane, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, production=False)
    await store.accept(make_message("stranger@example.org"))
    await store.accept(make_message("news@example.org", stream=Stream.MARKETING))
    assert {reason for _, _, reason, _ in await told(store, lane)} == {"rate"}, "SES has not been asked yet"
    due = clock() + timedelta(hours=1)
    while {one.due_at for one in (await store.deliveries())[0]} - {due}:
        await put_off(store, lane, claim, "sandboxed", due_at=due)
        clock.advance(1)
    await store.accept(make_message("new@example.org"))
    sandbox = "The account is in the sandbox and may mail only verified addresses."
    assert await told(store, lane) == [
        (
            "transactional",
            1,
            "relay",
            f"{sandbox} It goes by the relay smtp.example.net:587, once that was so for 60 seconds.",
        ),
        ("transactional", 1, "rate", "It goes out as fast as SES's sending rate allows."),
        ("marketing", 1, "sandboxed", f"{sandbox} {ONLY}"),
    ]
    assert set(await by_relay(store, lane, "m1")) == {"m1-0"}
    assert await by_relay(store, lane, "m3") == {}
    [news] = [one for one in await store.standstill.waiting(lane, policy=Policy()) if one.stream is Stream.MARKETING]
    assert news.expected_at == due


async def test_what_waits_for_its_own_time_is_apart_from_what_the_relay_takes(
    store: Store, lane: Lane, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    later = clock() + timedelta(hours=1)
    await store.accept(make_message("later@example.org", send_at=later))
    await store.accept(make_message("now@example.org"))
    assert await told(store, lane) == [
        ("transactional", 1, "relay", BY_RELAY),
        ("transactional", 1, "scheduled", "It waits for its time."),
    ]


async def test_what_the_relay_itself_put_off_and_simulator_mail_are_told_apart(
    store: Store, lane: Lane, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await store.accept(make_message("a@example.org"))
    due = clock() + timedelta(seconds=60)
    instead = replace(claim, lane=RELAY.lane, instead=RELAY.instead(lane))
    await put_off(store, RELAY.lane, instead, "denied", due_at=due, code="relay 535")
    [(_, _, reason, text)] = await told(store, lane)
    assert reason == "denied"
    assert text.endswith("The relay smtp.example.net:587 has put it off too.")
    await store.accept(make_message("success@simulator.amazonses.com", access_key_id="AKSWTRY"))
    [simulated] = [
        one for one in await store.standstill.waiting(lane, policy=Policy()) if one.access_key_id == "AKSWTRY"
    ]
    assert simulated.text == f"{PAUSED} Mail to SES's mailbox simulator goes by SES alone."


@pytest.mark.parametrize(
    ("relay", "reason", "says"),
    [
        ({"max_24_hour_send": 0.0}, "relay_day", "its own day (relay.max_24_hour) is used up."),
        ({"breaker": "denied", "breaker_until": 4e9}, "relay_refuses", "takes no mail itself (denied)."),
    ],
)
async def test_a_relay_that_takes_none_itself_is_not_said_to_take_it(
    store: Store,
    lane: Lane,
    make_message: Make,
    open_account: OpenAccount,
    relay: dict[str, Any],
    reason: str,
    says: str,
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await change(store, RELAY.lane, **relay)
    await store.accept(make_message())
    [one] = await store.standstill.waiting(lane, policy=Policy())
    assert (one.reason, one.expected_at is not None) == (reason, True)
    assert one.text.endswith(says)


async def test_a_keys_daily_cap_and_the_spread_of_bulk_mail_hold_on_the_relay_too(
    url: str, clock: Clock, lane: Lane, make_message: Make
) -> None:
    both = replace(RELAY, streams=frozenset(Stream))
    store = await Store.open(url, now=clock, new_id=lambda: "id", other_way=both)
    for each in (lane, RELAY.lane):
        await store.change_governor(each, lambda _: relay_state(clock()))
    await change(store, lane, sending_enabled=False)
    await store.add_key(
        StoredKey(
            access_key_id="AKSWCAP",
            name="cap",
            stream=Stream.TRANSACTIONAL,
            sealed_secret=b"",
            created_at=clock(),
            daily_cap=1,
        )
    )
    await store.accept(make_message("a@example.org", "b@example.org", access_key_id="AKSWCAP"))
    await store.accept(make_message("n@example.org", stream=Stream.MARKETING))
    closed = Spread(hour=0, opens=0, closes=4e9, opens_next=4e9)
    policy = Policy(burst_seconds=10, bulk=closed)
    asked = Claim(
        lane=RELAY.lane, owner="r", limit=1, lease_seconds=60, policy=both.policy(policy), instead=both.instead(lane)
    )
    assert len((await store.claim(asked)).outgoing) == 1
    assert [reason for _, _, reason, _ in await told(store, lane, policy)] == ["key_day", "ramp_hour"]
    await store.close()


async def test_our_own_pause_is_told_and_nothing_of_the_relay(
    store: Store, lane: Lane, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    await change(store, lane, sending_enabled=False)
    await store.accept(make_message())
    await store.pause(PauseScope.KEY, "AKSWTEST", reason="a person said so")
    assert await told(store, lane) == [
        ("transactional", 1, "paused", "Sending is paused for the key AKSWTEST: a person said so")
    ]
    assert await by_relay(store, lane, "m1") == {}


async def test_what_is_told_is_what_a_claim_for_the_relay_then_takes(
    store: Store, lane: Lane, claim: Claim, clock: Clock, make_message: Make, open_account: OpenAccount
) -> None:
    await open_account()
    messages = [
        make_message("a@example.org", "success@simulator.amazonses.com"),
        make_message("n@example.org", stream=Stream.MARKETING),
        make_message("later@example.org", send_at=clock() + timedelta(hours=1)),
        make_message("b@example.org", access_key_id="AKSWOTHER"),
    ]
    for one in messages:
        await store.accept(one)
    await change(store, lane, sending_enabled=False)
    said = {name for one in messages for name in await by_relay(store, lane, one.id)}
    counted = sum(one.count for one in await store.standstill.waiting(lane, policy=Policy()) if one.way)
    instead = replace(claim, lane=RELAY.lane, instead=RELAY.instead(lane))
    taken = {out.delivery_id for out in (await store.claim(instead)).outgoing}
    assert taken == said == {"m1-0", "m4-0"}
    assert counted == 2
