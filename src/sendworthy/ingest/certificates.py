"""The keys that SNS signs with, by the URL of their certificate; knows no message and downloads nothing itself.

Trust comes from the place: the URL was judged to be SNS's own before it gets here, and the download is over HTTPS with
the host checked. The certificate itself is then held to its dates and to an RSA key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sendworthy.errors import UntrustedEvent

CertificateSource = Callable[[str], Awaitable[bytes]]
"""Gives the PEM that stands at a URL. Raises Unavailable when it cannot be had, UntrustedEvent when there is none."""

_SMALLEST_KEY_BITS: Final = 2048
_MOST_KEPT: Final = 64
"""SNS has one or two certificates a Region; whoever names more is wrong or hostile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The public key of one certificate and the span in which the certificate is good."""

    key: RSAPublicKey
    good_from: datetime
    good_until: datetime


class SigningKeys:
    """The keys seen so far. Each certificate is downloaded once, however many messages name it at the same time."""

    def __init__(self, source: CertificateSource) -> None:
        self._source = source
        self._known: dict[str, SigningKey] = {}
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"SigningKeys({len(self._known)} known)"

    async def key(self, url: str, *, at: datetime) -> RSAPublicKey:
        """Give the key whose certificate stands at `url` and was good at `at`, the moment of signing.

        Raises UntrustedEvent when there is no such certificate, Unavailable when it could not be looked at.
        """
        found = self._known.get(url)
        if found is None:
            async with self._lock:
                found = self._known.get(url) or read_certificate(await self._source(url))
                if len(self._known) >= _MOST_KEPT:
                    self._known.clear()
                self._known[url] = found
        if not found.good_from <= at <= found.good_until:
            raise UntrustedEvent("The SNS envelope was signed when its certificate was not valid.")
        return found.key


def read_certificate(pem: bytes) -> SigningKey:
    """Read the first certificate of a PEM file. Raises UntrustedEvent unless it is one with an RSA key long enough."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        good_from, good_until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception as error:  # cryptography lets ValueError, TypeError and its own UnsupportedAlgorithm out
        raise UntrustedEvent("The SNS signing certificate cannot be read.") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_KEY_BITS:
        raise UntrustedEvent("The SNS signing certificate has no RSA key of 2,048 bits or more.")
    return SigningKey(key=key, good_from=good_from, good_until=good_until)
