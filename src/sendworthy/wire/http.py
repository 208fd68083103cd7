"""An HTTP request and response as plain values; knows no socket, no framework and no AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request as it came, or as it is about to go out.

    `path` is the raw path, still percent-encoded; `query` the raw query string without its "?". Header names are
    lower-case; a header that came more than once has its values joined by commas (RFC 9110 section 5.3).
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response, complete. Header names are lower-case; Content-Length is left to the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes
