"""DKIM of the pretend SES: the keys behind its tokens, what its DNS publishes, and signatures. Knows no identity.

RFC 6376; SES signs rsa-sha256 with relaxed headers and a simple body [K].
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

# What is signed where it is there. That SES covers List-Unsubscribe and List-Unsubscribe-Post is unconfirmed; RFC 8058
# section 4 wants it.
SIGNED_HEADERS: tuple[str, ...] = (
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Message-ID",
    "Date",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
)
_FIELD = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:((?:.*(?:\r\n[ \t].*)*))\r\n")
_FOLD = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who signs a message: the domain, the selector, and for BYODKIM the private key in base64 as it was given."""

    domain: str
    selector: str
    bits: int = 2048
    private_key: str = ""


def own_signing(region: str) -> Signing:
    """Return the signing that every message of a Region gets as well, as amazonses.com [K]."""
    return Signing(domain="amazonses.com", selector=_selector_of(region))


@functools.lru_cache(maxsize=1024)
def easy_key(token: str, bits: int) -> RSAPrivateKey:
    """Return the key behind a token: made when first signed with or asked for in DNS, since making one takes 30 ms."""
    _ = token
    return generate_private_key(public_exponent=65537, key_size=bits)


def read_private_key(text: str) -> RSAPrivateKey:
    """Read a BYODKIM key: base64 of a DER key, "PKCS #1 or PKCS #8, 1024 to 2048 bits" [D23]. Raises ValueError."""
    try:
        key = serialization.load_der_private_key(base64.b64decode(text, validate=True), password=None)
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no private key in base64") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("it is no RSA key")  # noqa: TRY004 - a value of the wrong kind, not an argument
    if not 1024 <= key.key_size <= 2048:
        raise ValueError(f"it has {key.key_size} bits, and 1024 to 2048 are allowed")
    return key


def public_text(key: RSAPrivateKey) -> str:
    """Return the value of `p=`: the public key in base64 (RFC 6376 section 3.6.1)."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def record(token: str, bits: int) -> str:
    """Return the TXT record of an Easy DKIM token."""
    return f"v=DKIM1; k=rsa; p={public_text(easy_key(token, bits))}"


def own_record(selector: str, regions: Sequence[str]) -> str | None:
    """Return the TXT record of amazonses.com itself for a selector, where it is one of these Regions'."""
    if selector not in {_selector_of(region) for region in regions}:
        return None
    return record(selector, 2048)


def holds(texts: Sequence[str], private_key: str) -> bool:
    """Whether exactly one TXT record is the public half of a BYODKIM key: `p=<public key>` with any other tags."""
    wanted = public_text(read_private_key(private_key))
    tags = [dict(pair for part in text.split(";") if (pair := _tag(part))) for text in texts]
    keys = [found["p"] for found in tags if "p" in found]
    return keys == [wanted]


def signed(message: bytes, signings: Sequence[Signing], at: datetime) -> bytes:
    """Return a message of CRLF lines with a DKIM-Signature in front for each signing, the first one on top."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = [(match[1].lower(), match[2]) for match in _FIELD.finditer(head + b"\r\n")]
    digest = base64.b64encode(hashlib.sha256(_simple_body(body)).digest()).decode()
    lines = [_signature(fields, digest, signing, int(at.timestamp())) for signing in signings]
    return b"".join([*lines, message])


def _signature(fields: Sequence[tuple[bytes, bytes]], digest: str, signing: Signing, at: int) -> bytes:
    present = {name for name, _ in fields}
    names = [name for name in SIGNED_HEADERS if name.lower().encode() in present]
    value = (
        f" v=1; a=rsa-sha256; q=dns/txt; c=relaxed/simple;\r\n\ts={signing.selector}; d={signing.domain};\r\n"
        f"\tt={at};\r\n\th={':'.join(names)};\r\n\tbh={digest};\r\n\tb="
    )
    # Of a header that is there twice the last is signed (RFC 6376 section 5.4.2).
    last = dict(fields)
    data = b"".join(_relaxed(name.lower().encode(), last[name.lower().encode()]) + b"\r\n" for name in names)
    data += _relaxed(b"dkim-signature", value.encode())
    key = read_private_key(signing.private_key) if signing.private_key else easy_key(signing.selector, signing.bits)
    text = base64.b64encode(key.sign(data, PKCS1v15(), hashes.SHA256())).decode()
    rows = "\r\n\t ".join(text[start : start + _FOLD] for start in range(0, len(text), _FOLD))
    return f"DKIM-Signature:{value}{rows}\r\n".encode()


def _relaxed(name: bytes, value: bytes) -> bytes:
    """RFC 6376 section 3.4.2."""
    unfolded = value.replace(b"\r\n", b"")
    return name + b":" + re.sub(rb"[ \t]+", b" ", unfolded).strip(b" \t")


def _simple_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.3: no empty lines at the end but one line end."""
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return body + b"\r\n"


def _tag(part: str) -> tuple[str, str] | None:
    name, equals, value = part.partition("=")
    return (name.strip(), re.sub(r"\s", "", value)) if equals else None


@functools.cache
def _selector_of(region: str) -> str:
    return base64.b32encode(hashlib.sha256(f"amazonses.com {region}".encode()).digest()[:20]).decode().lower()
