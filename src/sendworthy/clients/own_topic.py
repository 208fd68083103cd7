"""A topic of our own making: envelopes signed as SNS signs, with a key and certificate that lie beside the database.

An application's handler written for SNS fetches the certificate from the outside door and checks the signature with it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sendworthy.errors import ConfigError
from sendworthy.wire import sns

_GOOD_FOR: Final = timedelta(days=825)
_RENEW_BEFORE: Final = timedelta(days=30)
_SUBJECT: Final = "Amazon SES Email Event Notification"
"""What SES itself puts there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningPair:
    """A key and its certificate. `name` changes with the certificate, since those who verify keep them by URL."""

    key: rsa.RSAPrivateKey
    pem: bytes

    @property
    def name(self) -> str:
        """The name of the certificate's file, in the shape of SNS's own."""
        return f"SimpleNotificationService-{sha256(self.pem).hexdigest()[:32]}.pem"

    @property
    def renew_at(self) -> datetime:
        """When a new pair is to take its place, since its certificate ends soon after."""
        return x509.load_pem_x509_certificate(self.pem).not_valid_after_utc - _RENEW_BEFORE

    def __repr__(self) -> str:
        return f"SigningPair({self.name!r})"


def signing_pair(path: Path, *, host: str, now: datetime) -> SigningPair:
    """Read the pair, or make it (for its owner's eyes alone) when there is none or it ends soon. Raises ConfigError."""
    try:
        if path.exists():
            found = _read(path.read_bytes())
            if found.renew_at > now:
                return found
        made = _made(host, now)
        private = made.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        fresh = path.with_name(f"{path.name}.new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(made.pem + private)
        fresh.replace(path)
    except (OSError, ValueError, TypeError) as error:
        raise _not_used(path, error) from error
    return made


def read_pair(path: Path) -> SigningPair:
    """Read the pair as it is. Raises ConfigError."""
    try:
        return _read(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise _not_used(path, error) from error


def _not_used(path: Path, error: Exception) -> ConfigError:
    why = error.strerror if isinstance(error, OSError) else "it does not hold a key and its certificate"
    return ConfigError(f"The file {path.name} cannot be used: {why}.", "Remove it; it is made anew.")


def _read(data: bytes) -> SigningPair:
    certificate = x509.load_pem_x509_certificate(data)
    key = serialization.load_pem_private_key(data, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError
    return SigningPair(key=key, pem=certificate.public_bytes(serialization.Encoding.PEM))


def _made(host: str, now: datetime) -> SigningPair:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (host or "sendworthy")[:64])])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _GOOD_FOR)
    )
    pem = built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return SigningPair(key=key, pem=pem)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTopic:
    """One topic. `certificate_url` is where the certificate can be fetched."""

    arn: str
    pair: SigningPair
    certificate_url: str

    def envelope(self, message: str, *, about: str, now: datetime) -> tuple[bytes, Mapping[str, str]]:
        """Give the body and headers of SNS's POST. `about` decides the MessageId: the same again on a retry, as SNS's.

        Signature version 1 (SHA-1), which is SNS's default and the only one that some handlers know.
        """
        fields = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.arn}/{about}")),
            "TopicArn": self.arn,
            "Subject": _SUBJECT,
            "Message": message,
            "Timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SignatureVersion": "1",
            "SigningCertURL": self.certificate_url,
        }
        fields["Signature"] = sns.sign(fields, private_key=self.pair.key)
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": fields["MessageId"],
            "x-amz-sns-topic-arn": self.arn,
        }
        return msgspec.json.encode(fields), headers
