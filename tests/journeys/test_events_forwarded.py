"""Events on their way to the applications that sent the mail, and what those applications make of them."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509

from sendworthy.app.forward import Forwarder, Moved, Target, forwarder, signature, to_queue, to_webhook
from sendworthy.app.parts import Clock, listening
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.clients.own_topic import signing_pair
from sendworthy.clients.sqs import SqsQueue
from sendworthy.clients.webhook import Poster
from sendworthy.config import Config
from sendworthy.config.shape import Forward, ForwardBy, ForwardFormat, Gateway
from sendworthy.ingest.decode import decode
from sendworthy.ingest.onward import onward
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.store import Store
from sendworthy.store.values import NewDelivery, NewMessage
from sendworthy.wire import sns

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SES_ID = "0102019aaaaa0001-5d2f3c1e-7b60-4c2f-9a3e-2f1c0d9e8b7a-000000"


def ses_bounce(delivery_id: str = "m1-0", recipient: str = "gone@example.net", number: int = 1) -> str:
    return json.dumps(
        {
            "eventType": "Bounce",
            "bounce": {
                "feedbackId": f"feedback-{number}",
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": recipient, "status": "5.1.1", "action": "failed"}],
                "timestamp": "2026-11-20T09:15:02.670Z",
                "reportingMTA": "dns; a10-10.smtp-out.eu-west-1.amazonses.com",
            },
            "mail": {
                "timestamp": "2026-11-20T09:15:00.250Z",
                "source": "news@example.com",
                "messageId": SES_ID,
                "destination": [recipient],
                "tags": {"sendworthy-delivery": [delivery_id], "topic": ["news"]},
            },
        }
    )


def test_an_application_sees_the_message_id_it_was_given_and_none_of_our_tags() -> None:
    text = onward(ses_bounce(), message_id="m1", recipient="gone@example.net", kind="bounce", occurred_at=START)
    told = json.loads(text)
    assert (told["eventType"], told["mail"]["messageId"]) == ("Bounce", "m1")
    assert told["mail"]["tags"] == {"topic": ["news"]}
    assert told["bounce"] == json.loads(ses_bounce())["bounce"]
    assert SES_ID not in text
    assert decode(text, received_at=START)[0].recipient == "gone@example.net"


def test_what_eventbridge_brought_goes_on_without_its_envelope() -> None:
    bridged = json.dumps({"detail-type": "Email Bounced", "source": "aws.ses", "detail": json.loads(ses_bounce())})
    text = onward(bridged, message_id="m1", recipient="gone@example.net", kind="bounce", occurred_at=START)
    assert text == onward(ses_bounce(), message_id="m1", recipient="", kind="bounce", occurred_at=START)


def test_the_older_format_is_what_a_feedback_topic_would_have_sent() -> None:
    text = onward(
        ses_bounce(),
        message_id="m1",
        recipient="gone@example.net",
        kind="bounce",
        occurred_at=START,
        as_notification=True,
    )
    told = json.loads(text)
    assert told["notificationType"] == "Bounce"
    assert "eventType" not in told
    assert "tags" not in told["mail"]


@pytest.mark.parametrize("kind", ["bounce", "complaint", "delivery"])
def test_a_report_by_mail_goes_on_as_ses_would_have_told_it(kind: str) -> None:
    text = onward("Final-Recipient: x", message_id="m1", recipient="a@example.net", kind=kind, occurred_at=START)
    [event] = decode(text, received_at=START)
    assert (event.kind, event.ses_message_id, event.recipient) == (kind, "m1", "a@example.net")


@dataclass
class Application:
    """An application's own web server: takes down what is posted, and answers as it is told."""

    url: str = ""
    status: int = 200
    posts: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append((await request.read(), {name.lower(): value for name, value in request.headers.items()}))
        self.came.set()
        return web.Response(status=self.status, headers={"Location": self.url} if self.status == 302 else {})


@asynccontextmanager
async def application() -> AsyncIterator[Application]:
    app = Application()
    server = web.Application()
    server.router.add_post("/hook", app.take)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    app.url = f"http://{host}:{port}/hook"
    try:
        yield app
    finally:
        await runner.cleanup()


@dataclass
class Time:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self.sleep)


@pytest.fixture
def time() -> Time:
    return Time()


async def a_store(folder: Path, time: Time, *targets: Forward) -> Store:
    ids = itertools.count(1)
    config = Config(forward=targets)
    url = f"sqlite:///{folder / 'sendworthy.db'}"
    return await Store.open(url, now=time.now, new_id=lambda: f"id{next(ids)}", listening=listening(config))


async def bounced(store: Store, count: int = 1) -> None:
    for n in range(1, count + 1):
        address = f"gone{n}@example.net"
        await store.accept(
            NewMessage(
                id=f"m{n}",
                access_key_id="AKSWTEST",
                stream=Stream.TRANSACTIONAL,
                mail_from="news@example.com",
                subject="News",
                raw=b"Subject: News\r\n\r\nNews",
                deliveries=(NewDelivery(id=f"m{n}-0", recipient=address, key=address),),
            )
        )
        events = decode(ses_bounce(f"m{n}-0", address, n), received_at=START)
        await store.record_events(events, source="test")


HOOK = Forward(name="shop", by=ForwardBy.WEBHOOK, to="http://127.0.0.1/hook", secret="a secret", give_up_hours=1)


async def test_a_webhook_can_be_checked_by_whoever_has_the_secret(tmp_path: Path, time: Time) -> None:
    store = await a_store(tmp_path, time, HOOK)
    await bounced(store)
    async with application() as app, Poster() as poster:
        target = Target(to_webhook(poster, app.url, HOOK.secret, time.now))
        going = Forwarder(store.hearing, {"shop": target}, time.now, time.sleep)
        assert await going.step() == Moved(taken=1)
        assert await going.step() == Moved()
        [(body, headers)] = app.posts
    at, _, code = headers["x-sendworthy-signature"].removeprefix("t=").partition(",v1=")
    assert hmac.compare_digest(code, hmac.new(b"a secret", f"{at}.".encode() + body, sha256).hexdigest())
    assert headers["x-sendworthy-signature"] == signature("a secret", body, at=int(START.timestamp()))
    assert json.loads(body)["mail"]["messageId"] == "m1"
    await store.close()


@pytest.mark.parametrize("status", [500, 503, 404, 401, 429, 302])
async def test_what_is_not_taken_is_tried_again_until_it_is(tmp_path: Path, time: Time, status: int) -> None:
    store = await a_store(tmp_path, time, HOOK)
    await bounced(store)
    async with application() as app, Poster() as poster:
        app.status = status
        target = Target(to_webhook(poster, app.url, "x", time.now), give_up=timedelta(hours=1))
        going = Forwarder(store.hearing, {"shop": target}, time.now, time.sleep)
        assert await going.step() == Moved(later=1)
        assert await going.step() == Moved()
        app.status = 204
        time.at += timedelta(seconds=6)
        assert await going.step() == Moved(taken=1)
        assert len(app.posts) == 2
        assert app.posts[0][1]["x-sendworthy-event-id"] == app.posts[1][1]["x-sendworthy-event-id"]
    assert await store.hearing.forwards() == ()
    await store.close()


async def test_what_is_never_taken_becomes_a_dead_letter_that_can_be_taken_up_again(tmp_path: Path, time: Time) -> None:
    store = await a_store(tmp_path, time, HOOK)
    await bounced(store)
    async with application() as app, Poster() as poster:
        app.status = 500
        target = Target(to_webhook(poster, app.url, "x", time.now), give_up=timedelta(hours=1))
        going = Forwarder(store.hearing, {"shop": target}, time.now, time.sleep)
        passes = 0
        while not await store.hearing.forwards(dead=True):
            await going.step()
            time.at += timedelta(minutes=1)
            passes += 1
            assert passes < 200
        assert 5 < len(app.posts) < 20
        assert "@" not in (await store.hearing.forwards(dead=True))[0].error
        app.status = 200
        time.at += timedelta(hours=2)
        assert await store.hearing.forward_again() == 1
        assert await going.step() == Moved(taken=1)
    await store.close()


async def test_a_target_that_is_down_is_left_alone_and_holds_up_no_other(tmp_path: Path, time: Time) -> None:
    other = Forward(name="other", by=ForwardBy.WEBHOOK, to="http://127.0.0.1/hook", secret="x")
    store = await a_store(tmp_path, time, HOOK, other)
    await bounced(store, 40)
    async with application() as up, application() as down, Poster() as poster:
        down.status = 503
        targets = {
            "shop": Target(to_webhook(poster, down.url, "x", time.now)),
            "other": Target(to_webhook(poster, up.url, "x", time.now)),
        }
        going = Forwarder(store.hearing, targets, time.now, time.sleep)
        assert await going.step() == Moved(taken=40, later=40)
        assert len(down.posts) <= 8
        assert len(up.posts) == 40
        assert "503" in going.problems["shop"]
    await store.close()


async def test_a_target_that_is_configured_no_more_makes_dead_letters(tmp_path: Path, time: Time) -> None:
    store = await a_store(tmp_path, time, HOOK)
    await bounced(store)
    assert await Forwarder(store.hearing, {}, time.now, time.sleep).step() == Moved(dead=1)
    assert [one.target for one in await store.hearing.forwards(dead=True)] == ["shop"]
    await store.close()


@pytest.fixture
def simulator() -> Iterator[Endpoints]:
    with running(Settings(world=False, clock_factor=0, queues_on_wall_time=True)) as endpoints:
        yield endpoints


async def test_events_go_to_a_queue_as_with_raw_delivery(
    tmp_path: Path, time: Time, simulator: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await a_store(tmp_path, time, HOOK)
    await bounced(store)
    for name, value in (
        ("AWS_ENDPOINT_URL", simulator.http),
        ("AWS_ACCESS_KEY_ID", "AKIASIMULATOR0000001"),
        ("AWS_SECRET_ACCESS_KEY", "simulator/secret/key/for/loopback/only00"),
    ):
        monkeypatch.setenv(name, value)
    aws = Aws(region="eu-west-1")
    made = await aws.call("sqs", "CreateQueue", QueueName="shop-events")
    async with SqsQueue(str(made["QueueUrl"]), aws=aws) as queue:
        going = Forwarder(store.hearing, {"shop": Target(to_queue(queue))}, time.now, time.sleep)
        assert await going.step() == Moved(taken=1)
        [message] = await queue.receive(wait_seconds=1)
    assert json.loads(message.body)["mail"]["messageId"] == "m1"
    await store.close()


async def test_as_sns_posts_it_is_signed_and_the_same_message_on_a_retry(tmp_path: Path, time: Time) -> None:
    async with application() as app:
        shop = Forward(name="shop", by=ForwardBy.SNS, to=app.url, format=ForwardFormat.NOTIFICATION)
        url = f"sqlite:///{tmp_path / 'sendworthy.db'}"
        config = Config(gateway=Gateway(public_url="https://mail.example.com"), forward=(shop,))
        config = Config(gateway=config.gateway, forward=(shop,), store=type(config.store)(url=url))
        store = await a_store(tmp_path, time, shop)
        await bounced(store)
        app.status = 500
        going = forwarder(config, store.hearing, Aws(region="eu-west-1"), account="111122223333", clock=time.clock)
        async with going as moving:
            await moving.step()
            app.status = 200
            time.at += timedelta(seconds=6)
            assert await moving.step() == Moved(taken=1)
        envelopes = [json.loads(body) for body, _ in app.posts]
        assert envelopes[0]["MessageId"] == envelopes[1]["MessageId"] == app.posts[1][1]["x-amz-sns-message-id"]
        pair = signing_pair(tmp_path / "sendworthy.db.sns.pem", host="", now=START)
        assert envelopes[1]["SigningCertURL"] == f"https://mail.example.com/events/certificate/{pair.name}"
        key: Any = x509.load_pem_x509_certificate(pair.pem).public_key()
        sns.verify(envelopes[1], public_key=key)
        assert json.loads(envelopes[1]["Message"])["notificationType"] == "Bounce"
        assert (tmp_path / "sendworthy.db.sns.pem").stat().st_mode & 0o077 == 0
        await store.close()


def test_two_processes_that_forward_at_once_bring_each_event_once(tmp_path: Path, time: Time) -> None:
    async def both() -> list[str]:
        store = await a_store(tmp_path, time, HOOK)
        await bounced(store, 60)
        async with application() as app, Poster() as poster:
            pair = [
                Forwarder(
                    store.hearing, {"shop": Target(to_webhook(poster, app.url, "x", time.now))}, time.now, time.sleep
                )
                for _ in range(2)
            ]
            await asyncio.gather(*(one.step() for one in pair * 2))
            found = [headers["x-sendworthy-event-id"] for _, headers in app.posts]
        await store.close()
        return found

    found = asyncio.run(both())
    assert len(found) == len(set(found)) == 60
