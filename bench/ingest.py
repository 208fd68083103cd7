"""How many events a second are verified, decoded, recorded and suppressed, on one core and on SQLite.

`python -m bench ingest`: signed SNS envelopes (version 2, a key of 2,048 bits), each a hard bounce of mail that was
sent from here, in batches of fifty as the queue's consumer gets them. Commits are durable; the queue is left out.
Judged by the time that the one core worked for us, so that what else the machine does is not counted; the time by the
clock is told too.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sendworthy.audit.profile import Stream
from sendworthy.clients.sqs import Received
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.intake import Intake
from sendworthy.ingest.verify import Trust
from sendworthy.store import Store
from sendworthy.store.values import NewDelivery, NewMessage
from sendworthy.wire import sns

WANTED = 5_000.0
"""Events a second."""

EVENTS = 20_000
_AT_ONCE = 50
_TOPIC = "arn:aws:sns:eu-west-1:111122223333:events"
_CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


class _Nowhere:
    """A queue that only forgets."""

    name = "sqs:bench"

    async def receive(self, *, wait_seconds: float) -> Sequence[Received]:
        """Give nothing."""
        del wait_seconds
        return ()

    @asynccontextmanager
    async def holding(self, messages: Sequence[Received]) -> AsyncIterator[None]:
        """Hold nothing."""
        del messages
        yield

    async def delete(self, messages: Sequence[Received]) -> int:
        """Forget."""
        del messages
        return 0


def run(words: Sequence[str]) -> int:
    """Measure; 1 when it is slower than wanted."""
    number = int(words[0]) if words else EVENTS
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rate, by_the_clock, suppressed = asyncio.run(_measure(number))
    found = {
        "benchmark": "ingest",
        "events_per_second_of_one_core": round(rate),
        "by_the_clock": round(by_the_clock),
        "wanted": WANTED,
        "suppressed": suppressed,
    }
    print(json.dumps(found))
    return 0 if rate >= WANTED and suppressed == number else 1


async def _measure(number: int) -> tuple[float, float, int]:
    now = datetime.now(UTC)
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = _certificate(key, now)

    async def source(_: str) -> bytes:
        return pem

    with TemporaryDirectory() as folder:
        ids = count()
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        store = await Store.open(url, now=lambda: datetime.now(UTC), new_id=lambda: f"id{next(ids)}", exclusive=True)
        try:
            for start in range(0, number, 500):
                await asyncio.gather(*(store.accept(_message(n)) for n in range(start, min(start + 500, number))))
            bodies = list(_bodies(number, key, now))
            intake = Intake(
                _Nowhere(),
                store=store,
                trust=Trust(topics=frozenset({_TOPIC})),
                keys=SigningKeys(source),
                now=lambda: datetime.now(UTC),
                sleep=asyncio.sleep,
            )
            batches = [bodies[start : start + _AT_ONCE] for start in range(0, number, _AT_ONCE)]
            began, worked = time.perf_counter(), time.process_time()
            suppressed = sum([(await intake.take(batch)).suppressed for batch in batches])
            worked = time.process_time() - worked
            return number / worked, number / (time.perf_counter() - began), suppressed
        finally:
            await store.close()


def _message(n: int) -> NewMessage:
    address = f"reader{n}@example.net"
    return NewMessage(
        id=f"m{n}",
        access_key_id="AKSWBENCH",
        stream=Stream.MARKETING,
        mail_from="news@example.com",
        subject="News",
        raw=b"From: news@example.com\r\nSubject: News\r\n\r\nNews.\r\n",
        deliveries=(NewDelivery(id=f"m{n}-0", recipient=address, key=address),),
    )


def _bodies(number: int, key: rsa.RSAPrivateKey, now: datetime) -> Iterator[Received]:
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for n in range(number):
        event = {
            "eventType": "Bounce",
            "bounce": {
                "feedbackId": f"0102019aaaaa{n:08d}-1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809-000000",
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {
                        "emailAddress": f"reader{n}@example.net",
                        "action": "failed",
                        "status": "5.1.1",
                        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                    }
                ],
                "timestamp": stamp,
                "reportingMTA": "dns; a10-10.smtp-out.eu-west-1.amazonses.com",
            },
            "mail": {
                "timestamp": stamp,
                "source": "news@example.com",
                "sourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/example.com",
                "sendingAccountId": "111122223333",
                "messageId": f"0102019bbbbb{n:08d}-5d2f3c1e-7b60-4c2f-9a3e-2f1c0d9e8b7a-000000",
                "destination": [f"reader{n}@example.net"],
                "headersTruncated": False,
                "headers": [{"name": "From", "value": "news@example.com"}, {"name": "Subject", "value": "News"}],
                "commonHeaders": {"from": ["news@example.com"], "subject": "News"},
                "tags": {"ses:configuration-set": ["main"], "sendworthy-delivery": [f"m{n}-0"]},
            },
        }
        envelope = {
            "Type": "Notification",
            "MessageId": f"b3f1c2d4-0000-4000-8000-{n:012d}",
            "TopicArn": _TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": json.dumps(event),
            "Timestamp": stamp,
            "SignatureVersion": "2",
            "SigningCertURL": _CERTIFICATE,
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }
        envelope["Signature"] = sns.sign(envelope, private_key=key)
        yield Received(message_id=f"q{n}", receipt=f"r{n}", body=json.dumps(envelope))


def _certificate(key: rsa.RSAPrivateKey, now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
