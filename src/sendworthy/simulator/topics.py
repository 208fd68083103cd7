"""SNS topics, their subscriptions, and the signed envelope. Knows no SES: a message is text with a subject."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sendworthy.simulator.events import stamp
from sendworthy.wire.sns import sign


@dataclass(slots=True, eq=False, kw_only=True)
class Subscription:
    """A confirmed subscription; attributes are strings, as SNS gives them back."""

    arn: str
    protocol: str
    endpoint: str
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bool:
        """Whether the bare message is delivered, without an envelope and without a signature."""
        return self.attributes.get("RawMessageDelivery", "false").lower() == "true"


@dataclass(slots=True, eq=False, kw_only=True)
class Topic:
    """A standard topic."""

    arn: str
    attributes: dict[str, str]
    tags: list[dict[str, str]] = field(default_factory=list)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Envelope:
    """A notification on its way to one subscription. Called, it is written and signed: only when somebody reads it."""

    topic_arn: str
    subscription_arn: str
    message_id: str
    at: datetime
    signature_version: str
    message: str | Callable[[], str]
    subject: str = ""

    def __call__(self) -> str:
        """Return the JSON text that SQS carries (SNS Developer Guide, "Amazon SNS message formats")."""
        region = self.topic_arn.split(":")[3]
        host = f"https://sns.{region}.amazonaws.com"
        envelope = {
            "Type": "Notification",
            "MessageId": self.message_id,
            "TopicArn": self.topic_arn,
            "Message": self.message if isinstance(self.message, str) else self.message(),
            "Timestamp": stamp(self.at),
            "SignatureVersion": self.signature_version,
        }
        if self.subject:
            envelope["Subject"] = self.subject
        envelope["Signature"] = sign(envelope, private_key=_key())
        envelope["SigningCertURL"] = f"{host}/{certificate_name()}"
        envelope["UnsubscribeURL"] = f"{host}/?Action=Unsubscribe&SubscriptionArn={self.subscription_arn}"
        return json.dumps(envelope, indent=2)


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    # One key per process, made when the first message is read: it takes a tenth of a second.
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def certificate() -> bytes:
    """Return the certificate of the signing key, in PEM. Its dates span any simulated time."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 12, 31, tzinfo=UTC))
        .sign(_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


@functools.cache
def certificate_name() -> str:
    """Return the file name in SigningCertURL, in AWS's form; it is another for every certificate."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(base64.b64encode(certificate()))
    return f"SimpleNotificationService-{digest.finalize().hex()[:32]}.pem"
