"""Alerts on record: once for each cause, ended when it is gone, told to each target, on both engines."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.store.alerting import Alert, AlertKind, NoticeState, Telling
from sendworthy.store.heard import ForwardTo, Listening
from sendworthy.store.jobs import Superseded
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Claim, Lane, NewMessage, PauseScope, StoredKey

DAY = timedelta(days=1)
LANE = Lane(region="eu-west-1")


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def an_alert(subject: str = "shop", kind: AlertKind = AlertKind.KEY_STOPPED, happened: str = "It is paused.") -> Alert:
    return Alert(kind=kind, subject=subject, happened=happened, to_do="Resume it.")


async def tellings(store: Store, *targets: str) -> list[tuple[str, Telling]]:
    told = await store.alerts.announce(targets, remind_after=DAY)
    return [(one.alert.subject, one.what) for one in told]


async def claimed(store: Store) -> list[tuple[str, str, Telling]]:
    return [
        (one.target, one.alert.subject, one.what)
        for one in await store.alerts.claim_notices(limit=100, lease_seconds=60)
    ]


async def test_a_cause_is_told_once_again_after_a_day_and_when_it_is_over(store: Store, clock: Clock) -> None:
    assert await store.alerts.see([an_alert(), an_alert("news")]) == 2
    assert await tellings(store, "a") == [("news", Telling.OPENED), ("shop", Telling.OPENED)]
    for _ in range(10):
        clock.advance(60)
        assert await store.alerts.see([an_alert(), an_alert("news")]) == 0
        assert await tellings(store, "a") == []
    for one in await store.alerts.claim_notices(limit=10, lease_seconds=60):
        if one.alert.subject == "shop":
            await store.alerts.end_notice(one, NoticeState.TAKEN)
    clock.advance(DAY.total_seconds())
    await store.alerts.see([an_alert(happened="It is paused for 5 % bounces.")])
    assert await tellings(store, "a") == [("news", Telling.STILL), ("shop", Telling.STILL)]
    assert await claimed(store) == [("a", "news", Telling.OPENED), ("a", "shop", Telling.STILL)], "not told so far"
    assert await store.alerts.settle("", after=timedelta(minutes=5)) == 1
    assert await tellings(store, "a") == [("news", Telling.CLEARED)]
    assert await tellings(store, "a") == []
    [left] = await store.alerts.list()
    assert (left.subject, left.happened) == ("shop", "It is paused for 5 % bounces.")


async def test_a_cause_that_comes_again_is_a_new_alert(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert()])
    clock.advance(400)
    assert await store.alerts.settle("", after=timedelta(minutes=5)) == 1
    assert await store.alerts.see([an_alert()]) == 1
    both = await store.alerts.list(cleared_since=clock() - DAY)
    assert [one.cleared_at is None for one in both] == [True, False]


async def test_what_came_and_went_before_anybody_was_told_is_told_all_the_same(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert()])
    clock.advance(400)
    await store.alerts.settle("", after=timedelta(minutes=5))
    assert await tellings(store, "a") == [("shop", Telling.CLEARED)]
    assert await claimed(store) == [("a", "shop", Telling.CLEARED)]


async def test_only_who_watches_an_account_says_that_its_alert_is_over(store: Store, clock: Clock) -> None:
    here, there = "111122223333 eu-west-1", "111122223333 us-east-1"
    await store.alerts.see([an_alert(one, AlertKind.ACCOUNT_PAUSED) for one in (here, there)])
    await store.alerts.see([an_alert("claim case", AlertKind.DRIFT)])
    clock.advance(400)
    assert await store.alerts.settle(here, after=timedelta(minutes=5)) == 1
    assert {one.subject for one in await store.alerts.list()} == {there, "claim case"}
    assert await store.alerts.over(AlertKind.DRIFT, but={"claim case"}) == 0
    assert await store.alerts.over(AlertKind.DRIFT) == 1


async def test_a_target_hears_of_the_end_and_not_of_the_beginning_after_it(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert()])
    await tellings(store, "a", "b")
    [one, other] = await store.alerts.claim_notices(limit=10, lease_seconds=60)
    await store.alerts.end_notice(one, NoticeState.TAKEN)
    await store.alerts.notice_later(other, due_at=clock() + timedelta(hours=1), error="503")
    clock.advance(400)
    await store.alerts.settle("", after=timedelta(minutes=5))
    assert await tellings(store, "a", "b") == [("shop", Telling.CLEARED)]
    clock.advance(3600)
    assert await claimed(store) == [("a", "shop", Telling.CLEARED), ("b", "shop", Telling.CLEARED)]


async def test_a_notice_is_one_processes_alone_until_its_lease_ends(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert()])
    await tellings(store, "a")
    [dead] = await store.alerts.claim_notices(limit=10, lease_seconds=60)
    assert await claimed(store) == []
    clock.advance(61)
    [alive] = await store.alerts.claim_notices(limit=10, lease_seconds=60)
    assert (alive.id, alive.attempts) == (dead.id, 2)
    await store.alerts.end_notice(dead, NoticeState.GIVEN_UP, error="late")
    await store.alerts.end_notice(alive, NoticeState.TAKEN)
    [record] = await store.alerts.targets()
    assert (record.given_up, record.waiting, record.taken_at, record.error) == (0, 0, clock(), "")


async def test_two_processes_open_and_announce_a_cause_once(url: str, clock: Clock) -> None:
    ids = itertools.count(1)
    stores = [await Store.open(url, now=clock, new_id=lambda: f"id{next(ids)}") for _ in range(3)]
    news = await asyncio.gather(*(one.alerts.see([an_alert(), an_alert("news")]) for one in stores * 4))
    assert sum(news) == 2
    told = await asyncio.gather(*(tellings(one, "a", "b") for one in stores * 4))
    assert sorted(itertools.chain(*told)) == [("news", Telling.OPENED), ("shop", Telling.OPENED)]
    taken = list(itertools.chain(*await asyncio.gather(*(claimed(one) for one in stores * 4))))
    assert len(taken) == len(set(taken)) == 4
    for one in stores:
        await one.close()


async def test_a_process_that_slept_through_its_lease_announces_and_ends_nothing(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert()])
    old = await store.periodic.begin_job("alerts", 1, owner="old", lease_seconds=60)
    clock.advance(400)
    assert await store.periodic.begin_job("alerts", 1, owner="new", lease_seconds=60)
    with pytest.raises(Superseded):
        await store.alerts.announce(["a"], remind_after=DAY, fence=old)
    with pytest.raises(Superseded):
        await store.alerts.settle("", after=timedelta(minutes=5), fence=old)
    assert await claimed(store) == []
    assert len(await store.alerts.list()) == 1


async def test_no_address_and_no_command_of_a_chat_is_kept(store: Store) -> None:
    await store.alerts.see([an_alert("<!channel> ann@example.org", happened="<bob@example.net> said\r\nno.")])
    [kept] = await store.alerts.list()
    assert kept.subject == "(!channel) an address"
    assert kept.happened == "(an address) said  no."


async def test_a_pause_and_its_alert_are_one(store: Store) -> None:
    alert = an_alert("shop (AKSWTEST)")
    await store.pause(PauseScope.KEY, "AKSWTEST", reason="5 % bounces", alert=alert)
    await store.doors.slow_key("AKSWTEST", 0.1, alert=an_alert(kind=AlertKind.KEY_SLOWED))
    assert {one.kind for one in await store.alerts.list()} == {AlertKind.KEY_STOPPED, AlertKind.KEY_SLOWED}


async def test_old_alerts_and_notices_go_with_the_records(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert(), an_alert("open")])
    await tellings(store, "a")
    for one in await store.alerts.claim_notices(limit=10, lease_seconds=60):
        await store.alerts.end_notice(one, NoticeState.TAKEN)
    await store.alerts.over(AlertKind.KEY_STOPPED, but={"open"})
    await tellings(store)
    clock.advance(3 * DAY.total_seconds())
    while await store.periodic.drop_old(Retention(bodies=DAY, records=2 * DAY)):
        continue
    assert [one.subject for one in await store.alerts.list(cleared_since=clock() - 100 * DAY)] == ["open"]
    assert await store.alerts.targets() == ()


# What the watch looks at


async def test_an_empty_store_shows_nothing(store: Store, clock: Clock) -> None:
    sight = await store.alerts.sight(LANE)
    assert sight == type(sight)(at=clock(), crowded=sight.crowded)


async def test_pauses_and_slowed_keys_are_seen_by_name(store: Store, clock: Clock) -> None:
    for name in ("shop", "news", "gone"):
        await store.add_key(
            StoredKey(
                access_key_id=f"AKSW{name.upper()}",
                name=name,
                stream=Stream.TRANSACTIONAL,
                sealed_secret=b"",
                created_at=clock(),
            )
        )
        await store.doors.slow_key(f"AKSW{name.upper()}", 0.1)
    await store.revoke_key("AKSWGONE")
    await store.pause(PauseScope.KEY, "AKSWSHOP", reason="5 % bounces")
    await store.pause(PauseScope.STREAM, "marketing", reason="x")
    await store.pause(PauseScope.CONFIGURATION_SET, "bulk", reason="x", until=clock() + timedelta(minutes=1))
    await store.pause(PauseScope.CONFIGURATION_SET, "past", reason="x", until=clock())
    sight = await store.alerts.sight(LANE)
    assert sight.stopped_keys == (("shop (AKSWSHOP)", "AKSWSHOP", "5 % bounces"),)
    assert sight.slowed_keys == (("news (AKSWNEWS)", "10%"),)
    assert (sight.stopped_streams, sight.paused_sets) == (("marketing",), ("bulk",))


async def test_doubt_silence_and_the_day_are_counted(
    store: Store,
    clock: Clock,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    await open_account(day=100.0)
    await store.accept(make_message(*(f"u{n}@example.org" for n in range(12))))
    assert (await store.alerts.sight(LANE)).waiting
    assert len((await store.claim(claim)).outgoing) == 12
    clock.advance(claim.lease_seconds + 1)
    assert await store.recover() == 12
    sight = await store.alerts.sight(LANE)
    assert (sight.in_doubt, sight.used, sight.limit, sight.sent_unheard, sight.waiting) == (12, 12, 100, 0, False)
    clock.advance(32 * 60)
    assert (await store.alerts.sight(LANE)).sent_unheard == 12
    event = Event(
        id="e", kind=EventKind.SEND, ses_message_id="s", recipient="u0@example.org", occurred_at=clock(), raw="{}"
    )
    await store.record_events([event], source="test")
    heard = await store.alerts.sight(LANE)
    assert (heard.sent_unheard, heard.heard_at) == (0, clock())
    clock.advance(3600)
    assert (await store.alerts.sight(LANE)).in_doubt == 0
    elsewhere = await store.alerts.sight(Lane(region="us-east-1"))
    assert (elsewhere.read_at, elsewhere.used) == (None, 0)


async def test_an_event_of_our_own_breaks_no_silence(
    url: str, clock: Clock, make_message: Callable[..., NewMessage]
) -> None:
    listening = Listening(targets=(ForwardTo(name="shop"),))
    store = await Store.open(url, now=clock, new_id=lambda: "id", listening=listening)
    await store.add_suppression(parse_address("gone@example.org"), SuppressionReason.BOUNCE, source="test")
    await store.accept(make_message("gone@example.org"))
    assert len(await store.hearing.events()) == 1
    assert (await store.alerts.sight(LANE)).heard_at is None
    [one] = await store.hearing.claim_forwards(limit=1, lease_seconds=60)
    await store.hearing.forward_later(one, due_at=None, error="404")
    await store.park(b"?", reason="not JSON", source="test")
    data = {"verdict": "incomplete"}
    await store.case_file.put_proof("completeness.checked", subject="/eu-west-1", at=clock(), data=data)
    sight = await store.alerts.sight(LANE)
    assert (sight.dead_letters, sight.parked, sight.checked) == ({"shop": 1}, 1, "incomplete")
    clock.advance(DAY.total_seconds() + 1)
    assert (await store.alerts.sight(LANE)).parked == 0
    await store.close()


async def test_mail_by_the_relay_is_seen_for_ten_minutes(
    store: Store,
    clock: Clock,
    claim: Claim,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
) -> None:
    state = await open_account()
    lane = Lane(account="relay", region="smtp.example.net")
    await store.change_governor(lane, lambda _: state)
    await store.accept(make_message("a@example.org"))
    asked = Claim(lane=lane, owner="w", limit=10, lease_seconds=60, policy=claim.policy)
    assert len((await store.claim(asked)).outgoing) == 1
    assert (await store.alerts.sight(LANE)).relayed == {"smtp.example.net": 1}
    clock.advance(11 * 60)
    assert (await store.alerts.sight(LANE)).relayed == {}


async def test_what_was_to_be_told_when_the_clock_was_set_back_is_told_in_time(store: Store, clock: Clock) -> None:
    await store.alerts.see([an_alert()])
    await tellings(store, "a")
    clock.advance(-25 * 3600)
    assert await claimed(store) == []
    await store.recover()
    assert await claimed(store) != []
