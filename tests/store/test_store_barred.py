"""What an application hears of mail that was accepted for a suppressed address, on both engines."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.ingest.decode import decode
from sendworthy.ingest.onward import onward
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Store
from sendworthy.store.heard import Forwarding, ForwardTo, Listening
from sendworthy.store.values import Claim, NewDelivery, NewMessage, StoredKey

GONE = parse_address("gone@example.org")
RAW = (
    b"From: Shop <shop@example.com>\r\nTo: gone@example.org, here@example.org\r\nX-Order: 7\r\n"
    b"Subject: Your order\r\n\r\nThank you.\r\n"
)


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_store(url: str, clock: Clock) -> AsyncIterator[OpenStore]:
    ids, opened = itertools.count(1), []

    async def opening(*targets: ForwardTo) -> Store:
        store = await Store.open(
            url,
            now=clock,
            new_id=lambda: f"id{next(ids)}",
            listening=Listening(targets=targets or (ForwardTo(name="app"),)),
        )
        opened.append(store)
        return store

    yield opening
    for store in opened:
        await store.close()


async def told(store: Store) -> tuple[Forwarding, ...]:
    return await store.hearing.claim_forwards(limit=100, lease_seconds=60)


def as_heard(one: Forwarding, *, as_notification: bool = False) -> dict[str, Any]:
    body = onward(
        one.raw,
        message_id=one.message_id,
        recipient=one.recipient,
        kind=one.kind,
        occurred_at=one.created_at,
        as_notification=as_notification,
    )
    return dict(json.loads(body))


async def test_the_suppressed_bounce_and_the_others_get_the_mail(
    open_store: OpenStore, make_message: Callable[..., NewMessage]
) -> None:
    store = await open_store()
    await store.add_suppression(GONE, SuppressionReason.BOUNCE, source="test")
    message = make_message(
        "Gone@example.org", "here@example.org", raw=RAW, configuration_set="receipts", tags={"order": "7"}
    )
    assert (await store.accept(message)).suppressed == 1
    [one] = await told(store)
    assert (one.target, one.kind, one.recipient, one.message_id) == ("app", "bounce", "Gone@example.org", message.id)
    body = as_heard(one)
    assert body["eventType"] == "Bounce"
    assert body["bounce"]["bounceType"] == "Permanent"
    assert body["bounce"]["bounceSubType"] == "OnAccountSuppressionList"
    assert body["bounce"]["timestamp"] == "2026-05-04T09:30:00.000Z"
    [entry] = body["bounce"]["bouncedRecipients"]
    assert (entry["emailAddress"], entry["action"], entry["status"]) == ("Gone@example.org", "failed", "5.1.1")
    assert "suppression list" in entry["diagnosticCode"]
    mail = body["mail"]
    assert (mail["messageId"], mail["source"], mail["timestamp"]) == (
        message.id,
        "shop@example.com",
        "2026-05-04T09:30:00.000Z",
    )
    assert mail["destination"] == ["Gone@example.org"]
    assert mail["tags"] == {
        "order": ["7"],
        "ses:configuration-set": ["receipts"],
        "ses:from-domain": ["example.com"],
    }
    assert {"name": "X-Order", "value": "7"} in mail["headers"]
    assert mail["headersTruncated"] is False
    assert mail["commonHeaders"]["to"] == ["gone@example.org", "here@example.org"]
    assert mail["commonHeaders"]["subject"] == "Your order"
    [event] = decode(json.dumps(body), received_at=datetime(2026, 5, 4, tzinfo=UTC))
    assert (event.kind, event.recipient, event.ses_message_id) == (EventKind.BOUNCE, "Gone@example.org", message.id)
    assert (event.bounce_type, event.bounce_subtype) == ("Permanent", "OnAccountSuppressionList")


async def test_the_older_format_tells_it_too(open_store: OpenStore, make_message: Callable[..., NewMessage]) -> None:
    store = await open_store()
    await store.add_suppression(GONE, SuppressionReason.MANUAL, source="test")
    await store.accept(make_message("gone@example.org", raw=RAW))
    body = as_heard((await told(store))[0], as_notification=True)
    assert body["notificationType"] == "Bounce"
    assert "eventType" not in body
    assert "tags" not in body["mail"]


@pytest.mark.parametrize(
    ("reason", "subtype"),
    [
        (SuppressionReason.BOUNCE, "OnAccountSuppressionList"),
        (SuppressionReason.COMPLAINT, "OnAccountSuppressionList"),
        (SuppressionReason.IMPORTED, "OnAccountSuppressionList"),
        (SuppressionReason.UNSUBSCRIBE, "UnsubscribedRecipient"),
    ],
)
async def test_who_unsubscribed_is_told_apart(
    open_store: OpenStore, make_message: Callable[..., NewMessage], reason: SuppressionReason, subtype: str
) -> None:
    store = await open_store()
    await store.add_suppression(GONE, reason, source="test")
    await store.accept(make_message("gone@example.org"))
    assert as_heard((await told(store))[0])["bounce"]["bounceSubType"] == subtype


async def test_what_is_suppressed_just_before_the_wire_is_told_as_well(
    open_store: OpenStore,
    make_message: Callable[..., NewMessage],
    claim: Claim,
    clock: Clock,
) -> None:
    store = await open_store()
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=100,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    await store.change_governor(claim.lane, lambda _: State(quota=quota))
    message = make_message("gone@example.org", "here@example.org", raw=RAW, tags={"order": "7"})
    await store.accept(message)
    assert await told(store) == ()
    await store.add_suppression(GONE, SuppressionReason.COMPLAINT, source="test")
    clock.advance(90)
    batch = await store.claim(claim)
    assert ([out.recipient for out in batch.outgoing], batch.suppressed) == (["here@example.org"], 1)
    [one] = await told(store)
    body = as_heard(one)
    assert body["mail"]["timestamp"] == "2026-05-04T09:30:00.000Z"
    assert body["bounce"]["timestamp"] == "2026-05-04T09:31:30.000Z"
    assert body["mail"]["tags"]["order"] == ["7"]
    assert (await store.claim(claim)).suppressed == 0
    assert len(await store.hearing.events()) == 1


async def test_a_repeat_of_the_call_tells_nothing_again(
    open_store: OpenStore, make_message: Callable[..., NewMessage]
) -> None:
    store = await open_store()
    await store.add_suppression(GONE, SuppressionReason.BOUNCE, source="test")
    message = make_message("gone@example.org", invocation_id="call", fingerprint="x")
    await store.accept(message)
    assert (await store.accept(message)).repeated
    assert len(await told(store)) == 1


async def test_it_counts_nowhere_and_suppresses_nobody(
    open_store: OpenStore, make_message: Callable[..., NewMessage], clock: Clock
) -> None:
    store = await open_store()
    await store.add_suppression(GONE, SuppressionReason.UNSUBSCRIBE, source="test", stream=Stream.MARKETING)
    await store.accept(make_message("gone@example.org", stream=Stream.MARKETING))
    assert len(await told(store)) == 1
    assert (await store.suppression.of("gone@example.org"))[0].scope == Stream.MARKETING
    assert len(await store.suppression.of("gone@example.org")) == 1
    counts = await store.counts()
    assert counts.of(Status.SUPPRESSED) == 1
    assert counts.tally().hard_bounces == 0
    assert await store.completeness.broken(clock() - timedelta(days=1)) == ()
    today = clock().replace(hour=0, minute=0)
    assert await store.completeness.days(today) == {}, "AWS counted no bounce, so neither do we"
    moments = [moment.what for moment in await store.timeline("m1")]
    assert moments.count("suppressed") == 1
    assert "bounced" not in moments


async def test_only_who_wants_bounces_of_this_key_hears_of_it(
    open_store: OpenStore, make_message: Callable[..., NewMessage], clock: Clock
) -> None:
    store = await open_store(
        ForwardTo(name="by-name", keys=frozenset({"shop"})),
        ForwardTo(name="by-id", keys=frozenset({"AKSWTEST"}), kinds=frozenset({"bounce"})),
        ForwardTo(name="another", keys=frozenset({"news"})),
        ForwardTo(name="opens", kinds=frozenset({"open"})),
    )
    key = StoredKey(
        access_key_id="AKSWTEST", name="shop", stream=Stream.TRANSACTIONAL, sealed_secret=b"", created_at=clock()
    )
    await store.add_key(key)
    await store.add_suppression(GONE, SuppressionReason.BOUNCE, source="test")
    await store.accept(make_message("gone@example.org"))
    assert {one.target for one in await told(store)} == {"by-name", "by-id"}
    assert len(await store.hearing.events()) == 1


async def test_where_nobody_wants_it_nothing_is_written(
    open_store: OpenStore, make_message: Callable[..., NewMessage]
) -> None:
    store = await open_store(ForwardTo(name="another", keys=frozenset({"news"})))
    await store.add_suppression(GONE, SuppressionReason.BOUNCE, source="test")
    await store.accept(make_message("gone@example.org"))
    assert await store.hearing.events() == ()


@pytest.mark.parametrize("length", [9_000, 11_000, 1_500_000])
async def test_long_headers_and_large_bodies_are_told_as_far_as_ses_tells_them(
    open_store: OpenStore, make_message: Callable[..., NewMessage], length: int
) -> None:
    store = await open_store()
    await store.add_suppression(GONE, SuppressionReason.BOUNCE, source="test")
    many = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 90) for n in range(length // 100)) if length < 20_000 else b""
    body = b"x" * length if length > 20_000 else b"Hi"
    raw = b"From: shop@example.com\r\nSubject: Hi\r\n" + many + b"\r\n" + body
    await store.accept(make_message("gone@example.org", raw=raw))
    mail = as_heard((await told(store))[0])["mail"]
    assert mail["headersTruncated"] is (length == 11_000)
    assert mail["commonHeaders"]["subject"] == "Hi"
    assert len(json.dumps(mail)) < 30_000


async def test_many_recipients_of_one_message_each_have_their_own_event(
    open_store: OpenStore, make_message: Callable[..., NewMessage]
) -> None:
    store = await open_store()
    people = [f"gone{n}@example.org" for n in range(50)]
    for one in people:
        await store.add_suppression(parse_address(one), SuppressionReason.BOUNCE, source="test")
    deliveries = tuple(NewDelivery(id=f"big-{n}", recipient=one, key=one) for n, one in enumerate(people))
    await store.accept(make_message(id="big", deliveries=deliveries))
    found = await told(store)
    assert sorted(one.recipient for one in found) == sorted(people)
    assert len({as_heard(one)["bounce"]["feedbackId"] for one in found}) == 50
