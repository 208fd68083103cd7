"""The ledger's invariant and the figures of the days, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.completeness import Rule
from sendworthy.store.statement import own, statement
from sendworthy.store.values import Answered, Claim, NewDelivery, NewMessage

LANE = Lane(region="eu-west-1")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    def advance(self, seconds: float) -> None: ...


async def send(store: Store, *recipients: str) -> None:
    quota = Quota(
        max_24_hour_send=500, max_send_rate=50, sent_last_24_hours=0, production=True, sending_enabled=True, read_at=0
    )
    await store.change_governor(LANE, lambda known: known or State(quota=quota))
    for number, recipient in enumerate(recipients):
        message = NewMessage(
            id=f"m{number}",
            access_key_id="SHOP",
            stream=Stream.TRANSACTIONAL,
            mail_from="a@example.com",
            subject="",
            raw=b"",
            deliveries=(NewDelivery(id=f"m{number}-0", recipient=recipient, key=recipient),),
        )
        await store.accept(message)
    batch = await store.claim(
        Claim(lane=LANE, owner="w", limit=50, lease_seconds=60, policy=Policy(reserve=0, burst_seconds=10))
    )
    answers = [
        Answered(
            delivery_id=one.delivery_id, n=one.n, status=Status.SENT, kind="sent", ses_message_id=f"s{one.message_id}"
        )
        for one in batch.outgoing
    ]
    await store.answer(LANE, answers, learnt=lambda state: state)


def event(number: int, kind: EventKind, recipient: str, at: datetime) -> Event:
    return Event(
        id=f"e{number}",
        kind=kind,
        ses_message_id=f"sm{number}",
        recipient=recipient,
        occurred_at=at,
        delivery_id=f"m{number}-0",
    )


async def test_what_our_own_code_writes_keeps_every_rule(store: Store) -> None:
    await send(store, "a@x.test", "b@x.test", "c@x.test")
    await store.record_events([event(0, EventKind.DELIVERY, "a@x.test", store.suppression.now())], source="t")
    await store.record_events([event(1, EventKind.COMPLAINT, "b@x.test", store.suppression.now())], source="t")
    assert await store.completeness.broken(LONG_AGO) == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("UPDATE deliveries SET status = 'delivered' WHERE id = 'm0-0'", Rule.STATUS),
        ("DELETE FROM ledger WHERE delivery_id = 'm0-0' AND became = 'sent'", Rule.STATUS),
        ("DELETE FROM ledger WHERE delivery_id = 'm0-0' AND became = 'sending'", Rule.CHAIN),
        ("DELETE FROM ledger WHERE delivery_id = 'm0-0' AND was = ''", Rule.CHAIN),
        ("UPDATE deliveries SET ses_message_id = NULL WHERE id = 'm0-0'", Rule.WITNESS),
        ("UPDATE deliveries SET due_at = 1 WHERE id = 'm0-0'", Rule.DUE),
        ("UPDATE deliveries SET message_id = 'm1' WHERE id = 'm0-0'", Rule.DELIVERIES),
    ],
)
async def test_each_rule_sees_its_breach(store: Store, change: str, rule: Rule) -> None:
    await send(store, "a@x.test", "b@x.test")
    await store._engine.write("sin", lambda connection: own(connection).run(statement(change)))
    broken = {one.rule: one.ids for one in await store.completeness.broken(LONG_AGO)}
    assert broken[rule] == (("m0",) if rule is Rule.DELIVERIES else ("m0-0",))
    assert await store.completeness.broken(store.suppression.now() + timedelta(days=1)) == ()


async def test_mail_without_an_end_is_listed_and_only_that(store: Store, clock: Clock) -> None:
    await send(store, "a@x.test", "b@x.test")
    at = store.suppression.now()
    await store.record_events([event(0, EventKind.DELIVERY, "a@x.test", at)], source="t")
    clock.advance(3600)
    now = store.suppression.now()
    assert await store.completeness.unfinished(now - timedelta(hours=2), LONG_AGO) == ()
    (found,) = await store.completeness.unfinished(now, LONG_AGO)
    assert (found.message_id, found.recipient, found.status, found.since) == ("m1", "b@x.test", "sent", at)


async def test_days_count_recipients_and_keep_the_mailbox_simulator_apart(store: Store) -> None:
    await send(store, "a@x.test", "b@x.test", "success@simulator.amazonses.com")
    at = store.suppression.now()
    await store.record_events(
        [
            event(0, EventKind.DELIVERY, "a@x.test", at),
            event(1, EventKind.BOUNCE, "b@x.test", at + timedelta(days=1)),
            event(2, EventKind.DELIVERY, "success@simulator.amazonses.com", at),
        ],
        source="t",
    )
    days = await store.completeness.days(at.replace(hour=0, minute=0, second=0))
    first, second = (days[(at + timedelta(days=number)).date()] for number in range(2))
    assert (first.sent, first.told, first.simulated_sent, first.simulated) == (2, {"delivery": 1}, 1, {"delivery": 1})
    assert (second.sent, second.told) == (0, {"bounce": 1})


async def test_the_last_events_come_first_and_foreign_ones_too(store: Store, clock: Clock) -> None:
    await send(store, "a@x.test")
    await store.record_events([event(0, EventKind.DELIVERY, "a@x.test", store.suppression.now())], source="t")
    clock.advance(1)
    foreign = Event(
        id="f", kind=EventKind.BOUNCE, ses_message_id="else", recipient="z@x.test", occurred_at=store.suppression.now()
    )
    await store.record_events([foreign], source="t")
    found = await store.completeness.recent_events(limit=5)
    assert [(one.recipient, one.message_id) for one in found] == [("z@x.test", ""), ("a@x.test", "m0")]
