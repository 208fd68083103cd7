from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sendworthy.clients.sqs import Received
from sendworthy.errors import InvalidMessage, StoreUnavailable, Unavailable, UntrustedEvent
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.intake import Intake
from sendworthy.ingest.verify import Trust
from sendworthy.mail.bounce import suppression
from sendworthy.mail.event import Event
from sendworthy.wire import sns

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:111122223333:ses-events"
CERT_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"


def certificate_for(
    key: rsa.RSAPrivateKey, *, good_from: datetime = NOW - timedelta(days=100), days: int = 400
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(good_from)
        .not_valid_after(good_from + timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass
class Sns:
    """A topic that signs, and the place where its certificate stands."""

    key: rsa.RSAPrivateKey
    certificates: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    async def source(self, url: str) -> bytes:
        self.asked.append(url)
        if self.down:
            raise Unavailable("The certificate host does not answer.")
        if url not in self.certificates:
            raise UntrustedEvent("There is no certificate.")
        return self.certificates[url]

    def fields(self, message: str, *, version: str = "2", at: datetime = NOW, **changed: str) -> dict[str, str]:
        envelope = {
            "Type": "Notification",
            "MessageId": "b3f1c2d4-0000-4000-8000-000000000001",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": message,
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
            "SignatureVersion": version,
            "SigningCertURL": CERT_URL,
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
            **changed,
        }
        envelope["Signature"] = self.signature(envelope)
        return envelope

    def signature(self, envelope: dict[str, str]) -> str:
        return sns.sign(envelope, private_key=self.key)

    def publish(self, message: str, *, version: str = "2", at: datetime = NOW, **changed: str) -> str:
        return json.dumps(self.fields(message, version=version, at=at, **changed))


@dataclass
class QueueInMemory:
    """A queue that gives every message again until it is deleted; visibility is over when `reappear` is called."""

    bodies: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    fails: Exception | None = None
    delete_fails: Exception | None = None
    name: str = "sqs:ses-events"
    receives: int = 0
    for_ever: bool = False
    """Whether a receive waits until it is given up."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    held: list[int] = field(default_factory=list)

    def put(self, *bodies: str) -> None:
        for body in bodies:
            self.bodies[f"m{len(self.bodies) + 1}"] = body

    def reappear(self) -> None:
        self.hidden.clear()

    async def receive(self, *, wait_seconds: float) -> Sequence[Received]:
        assert wait_seconds >= 0
        self.receives += 1
        if self.fails:
            raise self.fails
        if self.for_ever:
            self.waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        visible = [each for each in self.bodies if each not in self.hidden][:10]
        self.hidden.update(visible)
        return [Received(message_id=each, receipt=each, body=self.bodies[each]) for each in visible]

    @asynccontextmanager
    async def holding(self, messages: Sequence[Received]) -> AsyncIterator[None]:
        self.held.append(len(messages))
        yield

    async def delete(self, messages: Sequence[Received]) -> int:
        if self.delete_fails:
            raise self.delete_fails
        for message in messages:
            del self.bodies[message.receipt]
        if not self.bodies:
            self.emptied.set()
        return 0


@dataclass(frozen=True)
class Counts:
    new: int = 0
    duplicate: int = 0
    suppressed: int = 0
    foreign: int = 0


@dataclass
class RecordInMemory:
    """A record of events that is all or nothing, as the store's transaction is."""

    events: dict[str, Event] = field(default_factory=dict)
    parked: list[tuple[bytes, str]] = field(default_factory=list)
    suppressed: set[str] = field(default_factory=set)
    down: bool = False
    no_room_to_park: bool = False
    refuses: str = ""
    breaks_on: str = ""

    async def record_events(self, events: Sequence[Event], *, source: str) -> Counts:
        assert source
        if self.down:
            raise StoreUnavailable("The store is down.")
        if any(event.recipient == self.refuses for event in events):
            raise InvalidMessage("This recipient cannot be recorded.")
        if any(event.recipient == self.breaks_on for event in events):
            raise ZeroDivisionError
        fresh: dict[str, Event] = {}
        for event in events:
            if event.id not in self.events:
                fresh.setdefault(event.id, event)
        self.events |= fresh
        gone = {event.recipient for event in fresh.values() if suppression(event)}
        new = gone - self.suppressed
        self.suppressed |= gone
        return Counts(new=len(fresh), duplicate=len(events) - len(fresh), suppressed=len(new))

    async def park(self, raw: bytes, *, reason: str, source: str) -> None:
        assert source
        if self.down or self.no_room_to_park:
            raise StoreUnavailable("The store is down.")
        self.parked.append((raw, reason))

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.parked]


@dataclass
class Place:
    """An intake with its neighbours."""

    sns: Sns
    queue: QueueInMemory
    record: RecordInMemory
    intake: Intake
    slept: list[float]


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def topic(signing_key: rsa.RSAPrivateKey) -> Sns:
    return Sns(signing_key, {CERT_URL: certificate_for(signing_key)})


@pytest.fixture
def place(topic: Sns) -> Place:
    return place_with(topic)


def place_with(topic: Sns, *, raw_delivery: bool = False, topics: Iterable[str] = (TOPIC,)) -> Place:
    queue, record, slept = QueueInMemory(), RecordInMemory(), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    intake = Intake(
        queue,
        store=record,
        trust=Trust(topics=frozenset(topics), raw_delivery=raw_delivery),
        keys=SigningKeys(topic.source),
        now=lambda: NOW,
        sleep=sleep,
    )
    return Place(topic, queue, record, intake, slept)


def bounce_of(recipient: str, *, number: int = 1, kind: str = "Permanent") -> str:
    return json.dumps(
        {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": kind,
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": recipient}],
                "timestamp": "2026-11-20T09:15:02.670Z",
                "feedbackId": f"feedback-{number}",
            },
            "mail": {
                "timestamp": "2026-11-20T09:15:00.250Z",
                "messageId": f"message-{number}",
                "destination": [recipient],
                "tags": {"sendworthy-delivery": [f"d-{number}"]},
            },
        }
    )


def shuffled(items: Sequence[str], seed: int) -> list[str]:
    mixed = list(items)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - an order, not a secret
    return mixed
