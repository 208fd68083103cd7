"""How an SNS message proves where it comes from; knows no HTTP client, so it never fetches the certificate it names.

The rules are those of the SNS Developer Guide, "Verifying the signatures of Amazon SNS messages". A valid signature
proves only that some SNS topic sent it: which topics are ours is the caller's question.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from sendworthy.errors import UntrustedEvent

CERT_HOST: Final = re.compile(r"sns\.(?!s3[-.])[a-zA-Z0-9\-]{3,}\.amazonaws\.com(\.cn)?")
"""Hosts that may serve SNS certificates and confirmations (AWS's own message validator). Match it whole, because S3
buckets live under amazonaws.com too: `sns.s3-eu-west-1.amazonaws.com` is a bucket named sns, and no Region is so
named."""

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED_KEYS: Final = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_OPTIONAL = frozenset({"Subject"})


def string_to_sign(envelope: Mapping[str, str]) -> bytes:
    r"""Return what SNS signs: `key\nvalue\n` for each signed key, in order. The values are those after JSON.

    Raises UntrustedEvent for an unknown Type or a missing or non-string value.
    """
    keys = _SIGNED_KEYS.get(str(envelope.get("Type")))
    if keys is None:
        raise UntrustedEvent("The SNS envelope has an unknown Type.")
    lines: list[str] = []
    for key in keys:
        value: object = envelope.get(key)
        if value is None and key in _OPTIONAL:
            continue
        if not isinstance(value, str):
            raise UntrustedEvent(f"The SNS envelope has no {key}, which its signature covers.")
        lines += (key, value)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def digest_for(version: str) -> hashes.HashAlgorithm:
    """Return the digest of a SignatureVersion: SHA-1 for "1", SHA-256 for "2". Raises UntrustedEvent for others."""
    if version == "1":
        return hashes.SHA1()  # noqa: S303 - SNS signs version 1 with it, and topics still default to version 1
    if version == "2":
        return hashes.SHA256()
    raise UntrustedEvent("The SNS envelope has an unknown SignatureVersion.")


def sign(envelope: Mapping[str, str], *, private_key: RSAPrivateKey) -> str:
    """Return the base64 Signature for an envelope that has everything but Signature; SignatureVersion decides how."""
    digest = digest_for(envelope.get("SignatureVersion", ""))
    return base64.b64encode(private_key.sign(string_to_sign(envelope), PKCS1v15(), digest)).decode("ascii")


def verify(envelope: Mapping[str, str], *, public_key: RSAPublicKey) -> None:
    """Check the envelope's Signature with the public key of its certificate. Raises UntrustedEvent."""
    digest = digest_for(envelope.get("SignatureVersion", ""))
    try:
        signature = base64.b64decode(envelope.get("Signature", ""), validate=True)
        public_key.verify(signature, string_to_sign(envelope), PKCS1v15(), digest)
    except (binascii.Error, ValueError, TypeError, InvalidSignature):
        raise UntrustedEvent("The signature of the SNS envelope is wrong.") from None


def cert_url_trusted(url: str) -> bool:
    """Whether a SigningCertURL is SNS's own: https, an SNS host, the default port, a path that ends in .pem."""
    return url_trusted(url) and urlsplit(url).path.endswith(".pem")


def url_trusted(url: str) -> bool:
    """Whether a URL (SubscribeURL, UnsubscribeURL) leads to SNS: https, an SNS host, no user and the default port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    host = parts.netloc.removesuffix(":443")
    return plain and parts.scheme == "https" and port in {None, 443} and CERT_HOST.fullmatch(host) is not None
