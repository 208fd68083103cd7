"""SMTP in, SES HTTP out: the gateway's SMTP door, fed by the sender that Postfix is fed by as well."""

from __future__ import annotations

from bench.gateway_http import through
from bench.gateway_passed import Passed
from bench.gateway_up import Gateway, SesStub


def measure(own: Gateway, ses: SesStub, *, first: int, count: int, size: int, lines: int) -> Passed:
    """Send `count` messages numbered from `first`."""
    settings = {"port": int(own.smtp.rpartition(":")[2]), "user": own.key_id, "password": own.smtp_password}
    return through(
        "bench.stubs.smtp_sender",
        settings | {"first": first, "count": count, "size": size, "lines": lines},
        own=own,
        ses=ses,
    )
