"""Refuses to send to ourselves: a gateway whose SES endpoint is its own door would fill its disk with one message."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from sendworthy.errors import ConfigError

_HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to
_DEFAULT_PORT = {"http": 80, "https": 443}


def check_endpoint(endpoint: str, listening: Iterable[tuple[str, int]]) -> None:
    """Raise ConfigError when `endpoint` is one of the addresses (host, port) that we listen on."""
    parts = urlsplit(endpoint)
    port = parts.port or _DEFAULT_PORT.get(parts.scheme, 0)
    host = (parts.hostname or "").lower()
    for own_host, own_port in listening:
        if port == own_port and (host == own_host.lower() or (host in _HERE and own_host in _HERE)):
            raise ConfigError(
                "The SES endpoint is this gateway's own door.",
                "Point AWS_ENDPOINT_URL at SES or at the simulator; only your applications use the gateway's address.",
            )
