"""Reads the public keys that DNS publishes for DKIM (RFC 6376 section 3.6.1). Asks no server."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One key record. `bits` is the length of an RSA key, 0 where it cannot be read; `problem` is empty when usable."""

    algorithm: str
    bits: int = 0
    problem: str = ""
    testing: bool = False


def read_dkim_key(text: str) -> DkimKey:
    """Read a key record; mistakes are told in `problem`, nothing is raised."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            tags[name.strip().lower()] = "".join(value.split())
    algorithm = tags.get("k", "rsa").lower()
    testing = "y" in tags.get("t", "").lower().split(":")
    if tags.get("v", "DKIM1") != "DKIM1":
        return DkimKey(algorithm, problem=f"v={tags['v']} is not DKIM1", testing=testing)
    if "p" not in tags:
        return DkimKey(algorithm, problem="it has no p=", testing=testing)
    if not tags["p"]:
        return DkimKey(algorithm, problem="its p= is empty, which revokes the key", testing=testing)
    try:
        data = base64.b64decode(tags["p"], validate=True)
    except (binascii.Error, ValueError):
        return DkimKey(algorithm, problem="its p= is not base64", testing=testing)
    if algorithm == "ed25519":
        return DkimKey(algorithm, bits=8 * len(data), problem="SES signs with RSA keys only", testing=testing)
    bits = _rsa_bits(data)
    return DkimKey(algorithm, bits=bits, problem="" if bits else "its p= is not an RSA public key", testing=testing)


def _rsa_bits(data: bytes) -> int:
    # Imported here: loading it takes a tenth of a second, and most runs of the program read no key.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0
