"""SNS topics, their subscriptions, and the signed envelope. Knows no SES: a message is text with a subject."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sendworthy.simulator.events import stamp
from sendworthy.wire.sns import sign


@dataclass(slots=True, eq=False, kw_only=True)
class Subscription:
    """A subscription; attributes are strings, as SNS gives them back. `token` confirms one that is not yet."""

    arn: str
    protocol: str
    endpoint: str
    attributes: dict[str, str] = field(default_factory=dict)
    confirmed: bool = True
    token: str = ""
    asked_at: datetime | None = None
    with_signature: bool = True
    """Whether it was confirmed by a signed call (ConfirmationWasAuthenticated)."""

    @property
    def raw(self) -> bool:
        """Whether the bare message is delivered, without an envelope and without a signature."""
        return self.attributes.get("RawMessageDelivery", "false").lower() == "true"

    @property
    def topic_arn(self) -> str:
        """The topic's ARN."""
        return self.arn.rpartition(":")[0]


@dataclass(slots=True, eq=False, kw_only=True)
class Topic:
    """A standard topic."""

    arn: str
    attributes: dict[str, str]
    tags: list[dict[str, str]] = field(default_factory=list)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)

    @property
    def signature_version(self) -> str:
        """The version that its messages are signed by: 1 unless set to 2."""
        return self.attributes.get("SignatureVersion", "1")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Envelope:
    """A notification on its way to one subscription. Called, it is written and signed: only when somebody reads it.

    `attributes` are the MessageAttributes as Publish had them.
    """

    topic_arn: str
    subscription_arn: str
    message_id: str
    at: datetime
    signature_version: str
    message: str | Callable[[], str]
    subject: str = ""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __call__(self) -> str:
        """Return the JSON text that SQS and HTTP carry (SNS Developer Guide, "Amazon SNS message formats")."""
        host = sns_host(self.topic_arn)
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
        if self.attributes:
            shown = {name: _attribute(value) for name, value in self.attributes.items()}
            return json.dumps({**envelope, "MessageAttributes": shown}, indent=2)
        return json.dumps(envelope, indent=2)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Confirmation:
    """A SubscriptionConfirmation or UnsubscribeConfirmation, signed when called."""

    kind: str
    topic_arn: str
    message_id: str
    token: str
    at: datetime
    signature_version: str

    def __call__(self) -> str:
        """Return the JSON text that HTTP carries (SNS Developer Guide, "Amazon SNS message formats")."""
        host = sns_host(self.topic_arn)
        what = "to the topic" if self.kind == "SubscriptionConfirmation" else "from the topic"
        verb = "chosen to subscribe" if self.kind == "SubscriptionConfirmation" else "chosen to deactivate subscription"
        envelope = {
            "Type": self.kind,
            "MessageId": self.message_id,
            "Token": self.token,
            "TopicArn": self.topic_arn,
            "Message": f"You have {verb} {what} {self.topic_arn}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
            "SubscribeURL": f"{host}/?Action=ConfirmSubscription&TopicArn={self.topic_arn}&Token={self.token}",
            "Timestamp": stamp(self.at),
            "SignatureVersion": self.signature_version,
        }
        envelope["Signature"] = sign(envelope, private_key=_key())
        envelope["SigningCertURL"] = f"{host}/{certificate_name()}"
        return json.dumps(envelope, indent=2)


def sns_host(topic_arn: str) -> str:
    """Return the URL of SNS in a topic's Region, without a path."""
    return f"https://sns.{topic_arn.split(':')[3]}.amazonaws.com"


def _attribute(value: Mapping[str, Any]) -> dict[str, str]:
    binary = value.get("BinaryValue")
    text = base64.b64encode(binary).decode() if binary is not None else str(value.get("StringValue", ""))
    return {"Type": str(value["DataType"]), "Value": text}


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
