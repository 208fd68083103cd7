"""The certificate for STARTTLS: the configured one, or one of our own making that lies beside the database."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sendworthy.errors import ConfigError

_GOOD_FOR = timedelta(days=825)
_RENEW_BEFORE = timedelta(days=30)


def context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """Give the server side of TLS, at least 1.2 (RFC 8996). `key` None means that it is in the same file."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"The certificate {certificate.name} cannot be used: {error.strerror or 'it is no PEM file'}.",
            "Set gateway.tls_certificate and gateway.tls_key to a PEM certificate and its key, or to nothing.",
        ) from error
    return made


def fingerprint(certificate: Path) -> str:
    """Give the SHA-256 fingerprint of a PEM certificate, as clients pin it."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.fingerprint(hashes.SHA256()).hex(":").upper()


def own_certificate(path: Path, *, names: Iterable[str], now: datetime) -> Path:
    """Make a certificate and key in one file (readable by its owner alone), unless a good one is there already.

    Raises ConfigError when the file can be neither read nor written.
    """
    try:
        if path.exists():
            ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
            if ends > now + _RENEW_BEFORE:
                return path
        fresh = path.with_name(f"{path.name}.new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_made(tuple(names), now))
        fresh.replace(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no PEM file"
        raise ConfigError(
            f"The certificate {path.name} cannot be made: {why}.", "Remove it, or name another."
        ) from error
    return path


def _made(names: tuple[str, ...], now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _GOOD_FOR)
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return built.public_bytes(serialization.Encoding.PEM) + private


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
