"""Transactional mail cannot be turned against a person: caps an hour, typos told at once, harmful keys stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sendworthy.app.key_watch import RESUMED, watch_keys
from sendworthy.audit.profile import Stream
from sendworthy.errors import SendRefused
from sendworthy.gateway.abuse import Abuse, Caps
from sendworthy.gateway.keys import Key
from sendworthy.gateway.reception import Reception, Rules, Suppressed
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy
from sendworthy.reputation.standing import Limits, Verdict
from sendworthy.store import Store
from sendworthy.store.values import Claim, NewDelivery, NewMessage, PauseScope
from tests.gateway.conftest import Clock

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def message(
    to: str = "a@example.org", *, subject: str = "Confirm", token: str = "", stream: Stream = Stream.TRANSACTIONAL
) -> NewMessage:
    return NewMessage(
        id="m",
        access_key_id="k",
        stream=stream,
        mail_from="shop@example.com",
        subject=subject,
        raw=b"x",
        deliveries=(NewDelivery(id="m-0", recipient=to, key=to.lower()),),
        invocation_id=token,
    )


def send(abuse: Abuse, mail: NewMessage, *, ip: str = "", at: datetime = AT) -> None:
    abuse.check(mail, ip=ip, at=at)
    abuse.count(mail, ip=ip, at=at)


def test_one_address_gets_so_much_an_hour_and_then_more() -> None:
    abuse = Abuse(Caps(address_per_hour=3, same_per_hour=0))
    for number in range(3):
        send(abuse, message(subject=str(number)), at=AT + timedelta(minutes=number))
    with pytest.raises(SendRefused, match="More than 3 messages an hour to one address"):
        send(abuse, message("A@EXAMPLE.ORG".lower(), subject="4"))
    send(abuse, message("other@example.org"))
    send(abuse, message(), at=AT + timedelta(minutes=61))


def test_the_same_confirmation_goes_so_often_and_another_mail_still_goes() -> None:
    abuse = Abuse(Caps(same_per_hour=2))
    send(abuse, message())
    send(abuse, message())
    with pytest.raises(SendRefused, match="The same mail"):
        send(abuse, message())
    send(abuse, message(subject="Your bill"))


def test_one_visitor_cannot_write_to_the_whole_world() -> None:
    abuse = Abuse(Caps(ip_per_hour=2))
    for number in range(2):
        send(abuse, message(f"a{number}@example.org"), ip="192.0.2.1")
    with pytest.raises(SendRefused, match="one visitor"):
        send(abuse, message("a9@example.org"), ip="192.0.2.1")
    send(abuse, message("a9@example.org"), ip="192.0.2.2")


def test_a_repeat_of_a_counted_call_is_let_through_to_get_its_answer() -> None:
    abuse = Abuse(Caps(same_per_hour=1))
    send(abuse, message(token="sdk:1"))
    abuse.check(message(token="sdk:1"), ip="", at=AT)
    with pytest.raises(SendRefused):
        abuse.check(message(token="sdk:2"), ip="", at=AT)


def test_a_slip_of_the_finger_is_told_with_what_was_meant() -> None:
    with pytest.raises(SendRefused) as caught:
        Abuse().check(message("ann@gmial.com"), ip="", at=AT)
    assert "gmail.com" in caught.value.to_do
    Abuse(Caps(refuse_typos=False)).check(message("ann@gmial.com"), ip="", at=AT)


def test_simulator_addresses_bulk_mail_and_caps_of_zero_are_never_counted() -> None:
    abuse = Abuse(Caps(address_per_hour=1, same_per_hour=1))
    for _ in range(3):
        send(abuse, message("success@simulator.amazonses.com"))
        send(abuse, message(stream=Stream.MARKETING))
    free = Abuse(Caps(address_per_hour=0, same_per_hour=0, ip_per_hour=0))
    for _ in range(300):
        send(free, message(), ip="192.0.2.1")


def simple(to: str, **more: Any) -> dict[str, Any]:
    body = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}
    given = {"FromEmailAddress": "s@example.com", "Destination": {"ToAddresses": [to]}, "Content": {"Simple": body}}
    return given | more


async def test_mail_to_nobody_but_suppressed_addresses_is_accepted_or_refused_as_configured(
    store: Store, clock: Clock, key: Key
) -> None:
    address = parse_address("Gone@EXAMPLE.org")
    await store.add_suppression(address, SuppressionReason.BOUNCE, source="test")
    as_ses = Reception(store, now=clock)
    message_id = await as_ses.send_email(simple("gone@example.org"), key)
    assert (await store.deliveries(message_id=message_id))[0][0].status is Status.SUPPRESSED
    strict = Reception(store, now=clock, rules=Rules(suppressed=Suppressed.REFUSE))
    with pytest.raises(SendRefused, match="suppression list: bounce"):
        await strict.send_email(simple("GONE@example.ORG"), key)
    both = {"ToAddresses": ["gone@example.org", "here@example.org"]}
    message_id = await strict.send_email(simple("x", Destination=both), key)
    statuses = {one.recipient: one.status for one in (await store.deliveries(message_id=message_id))[0]}
    assert statuses == {"gone@example.org": Status.SUPPRESSED, "here@example.org": Status.ACCEPTED}


async def test_a_suppression_can_be_for_mail_from_one_address_alone(
    store: Store, clock: Clock, key: Key, open_account: Any, lane: Any
) -> None:
    await open_account()
    desk = Reception(store, now=clock, rules=Rules(suppressed=Suppressed.REFUSE))
    await desk.send_email(simple("a@example.org"), key)
    address, sender = parse_address("a@example.org"), parse_address("S@example.com")
    assert await store.add_suppression(address, SuppressionReason.UNSUBSCRIBE, source="test", sender=sender)
    asked = Claim(lane=lane, owner="w", limit=10, lease_seconds=60, policy=Policy())
    claimed = await store.claim(asked)
    assert (claimed.outgoing, claimed.suppressed) == ((), 1), "what waited when it came is held back, too"
    with pytest.raises(SendRefused, match="unsubscribe"):
        await desk.send_email(simple("a@example.org"), key)
    other = await desk.send_email(simple("a@example.org", FromEmailAddress="bills@example.com"), key)
    assert (await store.deliveries(message_id=other))[0][0].status is Status.ACCEPTED
    as_ses = await Reception(store, now=clock).send_email(simple("a@example.org"), key)
    assert (await store.deliveries(message_id=as_ses))[0][0].status is Status.SUPPRESSED


async def bounced(store: Store, clock: Clock, desk: Reception, key: Key, *, sent: int, bounces: int) -> None:
    events = []
    for number in range(sent):
        message_id = await desk.send_email(simple(f"u{number}-{clock.at.timestamp():.0f}@example.org"), key)
        kind = EventKind.BOUNCE if number < bounces else EventKind.DELIVERY
        events.append(
            Event(
                id=f"{message_id}-{kind}",
                kind=kind,
                ses_message_id=f"ses-{message_id}",
                recipient="x@example.org",
                occurred_at=clock(),
                delivery_id=f"{message_id}-0",
                bounce_type="Permanent" if number < bounces else "",
                bounce_subtype="General" if number < bounces else "",
            )
        )
    await store.record_events(events, source="test")


LIMITS = Limits(bounce_warn=0.02, bounce_slow=0.04, bounce_stop=0.08)


async def test_a_key_whose_hard_bounces_climb_is_slowed_then_paused_and_a_person_lets_it_go_on(
    store: Store, clock: Clock, desk: Reception, key: Key, bulk_key: Key
) -> None:
    async def watch() -> Verdict:
        return (await watch_keys(store, LIMITS, slowed_share=0.1, now=clock()))[key.access_key_id].verdict

    async def slow_share() -> float | None:
        return next(one.slow_share for one in await store.keys() if one.access_key_id == key.access_key_id)

    await bounced(store, clock, desk, key, sent=100, bounces=0)
    assert await watch() is Verdict.HEALTHY
    clock.advance(60)
    await bounced(store, clock, desk, key, sent=10, bounces=6)
    assert await watch() is Verdict.SLOW
    assert await slow_share() == 0.1
    clock.advance(60)
    await bounced(store, clock, desk, key, sent=10, bounces=6)
    assert await watch() is Verdict.STOP
    (pause,) = await store.pauses()
    assert (pause.scope, pause.name) == (PauseScope.KEY, key.access_key_id)
    assert "hard bounces" in pause.reason
    told = {one.kind: one for one in await store.alerts.list()}
    assert set(told) == {"key_slowed", "key_stopped"}
    assert pause.reason in told["key_stopped"].happened
    assert f"sendworthy keys resume {key.access_key_id}" in told["key_stopped"].to_do
    clock.advance(60)
    await store.resume(PauseScope.KEY, key.access_key_id)
    await store.case_file.put_proof(RESUMED, subject=key.access_key_id, at=clock(), data={})
    await watch_keys(store, LIMITS, slowed_share=0.1, now=clock())
    await bounced(store, clock, desk, key, sent=3, bounces=0)
    assert await watch() is Verdict.HEALTHY
    assert await store.pauses() == ()
    assert await slow_share() is None
    assert bulk_key.access_key_id not in await watch_keys(store, LIMITS, slowed_share=0.1, now=clock())


async def test_a_slowed_key_has_its_share_of_the_rate_and_no_more(
    store: Store, desk: Reception, key: Key, open_account: Any, clock: Clock, lane: Any
) -> None:
    await open_account(max_send_rate=100)
    await store.doors.slow_key(key.access_key_id, 0.01)
    for number in range(50):
        await desk.send_email(simple(f"u{number}@example.org"), key)
    asked = Claim(lane=lane, owner="w", limit=50, lease_seconds=60, policy=Policy(burst_seconds=0.5))
    assert len((await store.claim(asked)).outgoing) < 5
    await store.doors.slow_key(key.access_key_id, None)
    clock.advance(10)
    assert len((await store.claim(asked)).outgoing) > 30


@pytest.mark.parametrize("hours", [-25, -1])
def test_a_cap_that_was_reached_before_the_clock_was_set_back_lasts_no_day(hours: int) -> None:
    abuse = Abuse(Caps(address_per_hour=3, same_per_hour=0))
    for number in range(3):
        send(abuse, message(subject=str(number)))
    later = AT + timedelta(hours=hours)
    for number in range(3):
        send(abuse, message(subject=str(number)), at=later)
    with pytest.raises(SendRefused):
        send(abuse, message(), at=later)
