"""Processor time of one message out, signing and TLS included: our sender beside one kept boto3 client."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.gateway_processes import stub, told

ROUNDS = 3
BOTO3_SHARE = 4
"""boto3 is slower by so much, and sends so many fewer."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Microseconds of the client's own processor time a message, of `sent` messages out of `count`."""

    ours: float
    boto3: float
    sent: int
    count: int

    @property
    def times(self) -> float:
        """How many of our messages one of boto3's is worth."""
        return self.boto3 / self.ours


def measure(folder: Path, *, count: int, size: int, rounds: int = ROUNDS) -> Cost:
    """Send by turns, so that whatever else the machine does falls on both."""
    counts = {"ours": max(1, count // rounds), "boto3": max(1, count // rounds // BOTO3_SHARE)}
    used, sent = dict.fromkeys(counts, 0.0), dict.fromkeys(counts, 0)
    with tls_stub(folder) as (url, ca_file):
        for _ in range(rounds):
            for client, each in counts.items():
                settings = {"client": client, "url": url, "ca_file": str(ca_file), "count": each, "size": size}
                with stub("bench.stubs.out_client", **settings) as process:
                    found = told(process)
                used[client] += found["processor_seconds"]
                sent[client] += found["sent"]
    return Cost(
        ours=used["ours"] * 1e6 / max(1, sent["ours"]),
        boto3=used["boto3"] * 1e6 / max(1, sent["boto3"]),
        sent=sum(sent.values()),
        count=rounds * sum(counts.values()),
    )


@contextmanager
def tls_stub(folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve the stub SES over TLS; gives its address and the file of the one authority to trust."""
    certificate, key = own_certificate(folder)
    with stub("bench.stubs.ses", certificate=str(certificate), key=str(key)) as process:
        yield f"https://127.0.0.1:{told(process)['port']}", certificate


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself."""
    folder.mkdir(parents=True, exist_ok=True)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "ses.pem", folder / "ses.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
