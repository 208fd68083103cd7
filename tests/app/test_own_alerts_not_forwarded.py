"""The program's own alert mail is no application's: nobody who names no keys hears of what became of it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from sendworthy.app.alert_targets import alert_targets
from sendworthy.app.alerts import Courier, Told
from sendworthy.audit.profile import Stream
from sendworthy.clients.webhook import Poster
from sendworthy.config import Alerts, Config, Ses
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Store
from sendworthy.store.alerting import Alert, AlertKind
from sendworthy.store.heard import OWN_ALERTS, ForwardTo, Listening
from sendworthy.store.values import Answered, Claim, Lane, NewDelivery, NewMessage
from tests.app.receivers import Time

LANE = Lane(account="111122223333", region="eu-west-1")
OPS = "ops@example.com"
EVERYTHING = ForwardTo(name="all")
BOUNCES = ForwardTo(name="bounces", kinds=frozenset({"bounce"}))
ON_PURPOSE = ForwardTo(name="on-purpose", keys=frozenset({OWN_ALERTS}))
TARGETS = (EVERYTHING, BOUNCES, ON_PURPOSE)
STOPPED = Alert(kind=AlertKind.KEY_STOPPED, subject="shop", happened="The key shop is paused.", to_do="Resume it.")


@pytest.fixture
def time() -> Time:
    return Time()


@asynccontextmanager
async def opened(folder: Path, time: Time) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    store = await Store.open(
        f"sqlite:///{folder / 's.db'}",
        now=time.now,
        new_id=lambda: f"id{next(ids)}",
        listening=Listening(targets=TARGETS),
    )
    quota = Quota(
        max_24_hour_send=1_000,
        max_send_rate=100,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=time.at.timestamp(),
    )
    await store.change_governor(LANE, lambda _: State(quota=quota))
    yield store
    await store.close()


async def tell(store: Store, time: Time) -> Told:
    """Let an alert go to OPS by mail, as a running program does."""
    config = Config(alerts=Alerts(emails=(OPS,)), ses=Ses(domains=("example.com",)))
    async with Poster() as poster:
        targets = {one.name: one for one in alert_targets(config, store, LANE, poster, now=time.now)}
        await store.alerts.see([STOPPED])
        return await Courier(store=store, targets=targets, now=time.now).step()


def of_the_shop() -> NewMessage:
    return NewMessage(
        id="order",
        access_key_id="AKSWSHOP",
        stream=Stream.TRANSACTIONAL,
        mail_from="shop@example.com",
        subject="Your order",
        raw=b"From: shop@example.com\r\n\r\n",
        deliveries=(NewDelivery(id="order-0", recipient="c@example.org", key="c@example.org"),),
    )


def a_bounce(ses_message_id: str, recipient: str, *, tag: str = "") -> Event:
    return Event(
        id=f"bounce-{ses_message_id}",
        kind=EventKind.BOUNCE,
        ses_message_id=ses_message_id,
        recipient=recipient,
        occurred_at=Time().at,
        delivery_id=tag,
        bounce_type="Permanent",
        bounce_subtype="General",
        raw="{}",
    )


async def send(store: Store) -> dict[str, str]:
    """Send all there is; give the delivery ids by recipient. SES's MessageId is `ses-` and the recipient."""
    claim = Claim(lane=LANE, owner="w", limit=10, lease_seconds=60, policy=Policy(burst_seconds=10))
    batch = await store.claim(claim)
    answers = [
        Answered(
            delivery_id=one.delivery_id,
            n=one.n,
            status=Status.SENT,
            kind="sent",
            ses_message_id=f"ses-{one.recipient}",
        )
        for one in batch.outgoing
    ]
    await store.answer(LANE, answers, learnt=lambda state: state)
    return {one.recipient: one.delivery_id for one in batch.outgoing}


async def forwarded(store: Store) -> set[tuple[str, str]]:
    return {(one.target, one.recipient) for one in await store.hearing.forwards()}


@pytest.mark.parametrize("tagged", [True, False])
async def test_a_bounce_of_an_alert_goes_to_nobody_but_who_names_it(tmp_path: Path, time: Time, tagged: bool) -> None:
    async with opened(tmp_path, time) as store:
        assert await tell(store, time) == Told(taken=1)
        await store.accept(of_the_shop())
        ids = await send(store)
        assert set(ids) == {OPS, "c@example.org"}
        events = [a_bounce(f"ses-{to}", to, tag=number if tagged else "") for to, number in ids.items()]
        assert (await store.record_events(events, source="test")).new == 2
        shop = {("all", "c@example.org"), ("bounces", "c@example.org")}
        assert await forwarded(store) == shop | {("on-purpose", OPS)}


async def test_neither_when_the_event_came_before_the_answer(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store:
        await tell(store, time)
        await store.record_events([a_bounce(f"ses-{OPS}", OPS)], source="test")
        await send(store)
        assert await forwarded(store) == {("on-purpose", OPS)}


async def test_neither_when_the_address_of_the_people_is_suppressed(tmp_path: Path, time: Time) -> None:
    async with opened(tmp_path, time) as store:
        await store.add_suppression(parse_address(OPS), SuppressionReason.BOUNCE, source="test")
        assert await tell(store, time) == Told(later=1)
        assert await forwarded(store) == {("on-purpose", OPS)}
        time.at += timedelta(seconds=1)
        await store.add_suppression(parse_address("c@example.org"), SuppressionReason.BOUNCE, source="test")
        await store.accept(of_the_shop())
        assert ("all", "c@example.org") in await forwarded(store)
