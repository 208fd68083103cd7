"""SNS's door on the internet: what is ours is recorded, and nobody else gets anything out of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from starlette.types import ASGIApp, Message

from sendworthy.errors import Rejected, Unavailable
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.public import public_app
from sendworthy.ingest.sns_door import LONGEST_POST, SnsDoor
from sendworthy.ingest.verify import Trust
from tests.ingest.conftest import CERT_URL, NOW, TOPIC, RecordInMemory, Sns, bounce_of

SUBSCRIBE = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


@dataclass
class Confirmations:
    """Takes down what would be confirmed."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    fails: Exception | None = None

    async def __call__(self, *, topic: str, token: str, subscribe_url: str) -> None:
        self.asked.append((topic, token, subscribe_url))
        if self.fails:
            raise self.fails


@dataclass
class Outside:
    """The door as the internet sees it."""

    sns: Sns
    record: RecordInMemory
    confirmed: Confirmations
    app: ASGIApp

    def post(self, body: str | bytes) -> int:
        return self.ask("POST", body)

    def ask(self, method: str, body: str | bytes = b"") -> int:
        data = body.encode() if isinstance(body, str) else body
        return asyncio.run(answered(self.app, method, [data[n : n + 65_536] for n in range(0, len(data), 65_536)]))


async def answered(app: ASGIApp, method: str, pieces: list[bytes]) -> int:
    """Ask as a web server does, and give the status."""
    status: list[int] = []
    coming = [*pieces, b""]

    async def receive() -> Message:
        return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    headers = [(b"host", b"mail.example.com"), (b"content-type", b"text/plain; charset=UTF-8")]
    scope = {"type": "http", "method": method, "path": "/events/sns", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    return status[0]


@pytest.fixture
def outside(topic: Sns) -> Outside:
    record, confirmed = RecordInMemory(), Confirmations()
    door = SnsDoor(
        record,
        trust=Trust(topics=frozenset({TOPIC})),
        keys=SigningKeys(topic.source),
        confirm=confirmed,
        now=lambda: NOW,
    )
    return Outside(topic, record, confirmed, public_app(None, {"/events/sns": door}))


def confirmation(sns: Sns, **changed: str) -> str:
    fields = {"Type": "SubscriptionConfirmation", "Token": "t" * 64, "SubscribeURL": SUBSCRIBE} | changed
    envelope = sns.fields("You have chosen to subscribe") | fields
    return json.dumps(envelope | {"Signature": sns.signature(envelope)})


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_event_is_recorded_before_200_is_said(outside: Outside, version: str) -> None:
    assert outside.post(outside.sns.publish(bounce_of("gone@example.net"), version=version)) == 200
    assert outside.record.suppressed == {"gone@example.net"}


def test_the_same_event_again_changes_nothing(outside: Outside) -> None:
    body = outside.sns.publish(bounce_of("gone@example.net"))
    assert [outside.post(body) for _ in range(3)] == [200, 200, 200]
    assert len(outside.record.events) == 1


def test_while_the_store_is_down_sns_is_asked_to_come_again(outside: Outside) -> None:
    outside.record.down = True
    body = outside.sns.publish(bounce_of("gone@example.net"))
    assert outside.post(body) == 503
    outside.record.down = False
    assert outside.post(body) == 200
    assert outside.record.suppressed == {"gone@example.net"}


def test_while_the_certificate_cannot_be_had_sns_is_asked_to_come_again(outside: Outside) -> None:
    outside.sns.down = True
    assert outside.post(outside.sns.publish(bounce_of("gone@example.net"))) == 503


def test_the_subscription_of_our_topic_is_confirmed_once_it_is_verified(outside: Outside) -> None:
    assert outside.post(confirmation(outside.sns)) == 200
    assert outside.confirmed.asked == [(TOPIC, "t" * 64, SUBSCRIBE)]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com.attacker.example/",
        "https://sns.eu-west-1.amazonaws.com@attacker.example/",
        "https://sns.eu-west-1.amazonaws.com:8443/",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.s3-eu-west-1.amazonaws.com/x",
        "https://[::1]/",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_confirmation_that_leads_elsewhere_is_not_followed_though_it_is_signed(outside: Outside, url: str) -> None:
    assert outside.post(confirmation(outside.sns, SubscribeURL=url)) == 403
    assert outside.confirmed.asked == []


def test_a_foreign_topic_is_never_confirmed(outside: Outside) -> None:
    theirs = "arn:aws:sns:eu-west-1:999999999999:theirs"
    assert outside.post(confirmation(outside.sns, TopicArn=theirs)) == 403
    assert outside.confirmed.asked == []


def test_a_confirmation_that_sns_does_not_take_now_comes_again(outside: Outside) -> None:
    for outcome in (Unavailable("SNS does not answer."), Rejected("The token has expired.")):
        outside.confirmed.fails = outcome
        assert outside.post(confirmation(outside.sns)) == 503


def test_the_end_of_a_subscription_is_noted_and_never_undone(outside: Outside) -> None:
    assert outside.post(confirmation(outside.sns, Type="UnsubscribeConfirmation")) == 200
    assert outside.confirmed.asked == []


Attack = Callable[[Sns], str | bytes]


def changed_after_signing(sns: Sns, **changed: str) -> str:
    return json.dumps(sns.fields(bounce_of("victim@example.net")) | changed)


@pytest.mark.parametrize(
    "attack",
    [
        lambda _: bounce_of("victim@example.net"),
        lambda sns: changed_after_signing(sns, Message=bounce_of("other@example.net")),
        lambda sns: changed_after_signing(sns, Timestamp="2026-11-20T10:00:01.000Z"),
        lambda sns: changed_after_signing(sns, SignatureVersion="1"),
        lambda sns: changed_after_signing(sns, SignatureVersion="3"),
        lambda sns: changed_after_signing(sns, Signature=""),
        lambda sns: sns.publish(bounce_of("victim@example.net"), TopicArn="arn:aws:sns:eu-west-1:999999999999:x"),
        lambda sns: sns.publish(bounce_of("v@example.net"), at=NOW.replace(year=2025)),
        lambda sns: sns.publish(bounce_of("v@example.net"), at=NOW.replace(hour=11)),
        lambda sns: sns.publish(bounce_of("v@example.net"), SigningCertURL="https://sns.s3.amazonaws.com/x.pem"),
        lambda sns: sns.publish(
            bounce_of("v@example.net"), SigningCertURL=CERT_URL.replace("amazonaws.com", "amazonaws.com.evil.example")
        ),
        lambda sns: sns.publish(
            bounce_of("v@example.net"), SigningCertURL=CERT_URL.replace("https://", "https://x.example@")
        ),
        lambda sns: sns.publish(bounce_of("v@example.net"), SigningCertURL=CERT_URL.replace("https:", "http:")),
        lambda sns: sns.publish(bounce_of("v@example.net"), SigningCertURL=CERT_URL.replace("eu-west-1", "us-east-1")),
        lambda _: json.dumps({"detail-type": "Email Bounced", "source": "aws.ses", "account": "111122223333"}),
        lambda _: "",
        lambda _: "[" * 100_000,
    ],
)
def test_what_is_not_verified_is_refused_and_nothing_of_it_is_kept(outside: Outside, attack: Attack) -> None:
    assert outside.post(attack(outside.sns)) == 403
    assert (outside.record.events, outside.record.parked, outside.confirmed.asked) == ({}, [], [])
    assert set(outside.sns.asked) <= {CERT_URL}


def test_a_huge_body_is_refused_without_being_read(outside: Outside) -> None:
    assert outside.post(b"x" * (LONGEST_POST + 1)) == 413


def test_what_is_no_utf8_is_refused(outside: Outside) -> None:
    assert outside.post(b"\xff\xfe") == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_posts_are_taken(outside: Outside, method: str) -> None:
    assert outside.ask(method) == 405


def test_what_is_believed_and_not_understood_is_parked(outside: Outside) -> None:
    assert outside.post(outside.sns.publish('{"AlarmName": "BounceRate"}')) == 200
    assert outside.record.reasons == ["The JSON is no event of SES: it has neither eventType nor notificationType."]


def test_the_door_cannot_be_told_to_believe_unsigned_bodies(topic: Sns) -> None:
    for trust in (Trust(topics=frozenset(), raw_delivery=True), Trust(topics=frozenset(), bridge_account="1")):
        with pytest.raises(ValueError, match="vouches"):
            SnsDoor(
                RecordInMemory(),
                trust=trust,
                keys=SigningKeys(topic.source),
                confirm=Confirmations(),
                now=lambda: NOW,
            )
