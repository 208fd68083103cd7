"""AWS Signature Version 4, both sides: sign what goes out, verify what comes in. Knows no clock and no key store.

The rules are those of the IAM User Guide, "Create a signed AWS API request"; where it leaves room, botocore decides,
which is the independent check of this module. The body is always part of the signature: `UNSIGNED-PAYLOAD` is for S3.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote_to_bytes

from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request

ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_LONGEST_EXPIRY_SECONDS = 604_800
"""Seven days, the longest life of a presigned request (IAM User Guide, "X-Amz-Expires")."""

_LONGEST_AUTHORIZATION = 8_192
_MOST_SIGNED_HEADERS = 100

_UNSIGNED_HEADERS = frozenset(
    {
        "authorization",
        "baggage",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    }
)
"""Headers that a proxy may change on the way (the list botocore leaves out)."""

_MUST_BE_SIGNED = ("x-amz-date", "x-amz-security-token", "x-amz-target")
"""Headers that decide what a request means: whoever could change one could change the request."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key to sign with. `session_token` is empty for long-term keys."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a signature names and where it is good: one key, one day (YYYYMMDD, UTC), one Region, one service."""

    access_key_id: str
    date: str
    region: str
    service: str

    def __str__(self) -> str:
        """Give the credential scope as it goes into the string to sign."""
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a request says about its own signature."""

    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    signed_at: datetime
    expires_seconds: int | None
    query: str


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the key of one day (`date` as YYYYMMDD, UTC), Region and service. Good to keep for that day."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, _TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(
    request: Request, *, credentials: Credentials, region: str, service: str, now: datetime, key: bytes | None = None
) -> dict[str, str]:
    """Sign `request` and return the headers to add: authorization, x-amz-date and, with a token, its own.

    Every header of the request is signed except those a proxy may change; `host` must be among them. `now` is aware.
    `key` is a kept `signing_key` of the same secret, UTC day, Region and service. Raises ValueError without a host.
    """
    if "host" not in request.headers:
        raise ValueError("A request needs its host header to be signed.")
    timestamp = now.astimezone(UTC).strftime(_TIMESTAMP)
    scope = Scope(credentials.access_key_id, timestamp[:8], region, service)
    added = {"x-amz-date": timestamp}
    if credentials.session_token:
        added["x-amz-security-token"] = credentials.session_token
    headers = {**request.headers, **added}
    names = tuple(sorted(headers.keys() - _UNSIGNED_HEADERS))
    text = _string_to_sign(request, headers=headers, names=names, query=request.query, timestamp=timestamp, scope=scope)
    key = key or signing_key(credentials.secret_access_key, scope.date, region, service)
    signature = hmac.digest(key, text, "sha256").hex()
    added["authorization"] = (
        f"{ALGORITHM} Credential={scope.access_key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


def read_scope(request: Request) -> Scope:
    """Say whom the request claims to come from, before anything is proven: which key and service to look up.

    Raises WireError MissingAuthenticationTokenException (403) without any signature, IncompleteSignatureException
    (400) with one that is not whole.
    """
    return _read_claim(request).scope


def session_token(request: Request) -> str:
    """Return the session token that came with the request, in a header or the query string; empty without one."""
    header = request.headers.get("x-amz-security-token")
    return header if header is not None else _query_fields(request.query).get("X-Amz-Security-Token", "")


def verify(request: Request, *, secret: str, now: datetime, skew_seconds: int = 300, key: bytes | None = None) -> Scope:
    """Check that the holder of `secret` signed this very request within `skew_seconds` of `now` (aware).

    A presigned request is good from its date for `X-Amz-Expires` seconds. `key` is a kept `signing_key`. Raises
    WireError InvalidSignatureException (403), and what `read_scope` raises.
    """
    claim = _read_claim(request)
    _check_time(claim, now.astimezone(UTC), timedelta(seconds=skew_seconds))
    if "host" not in claim.signed_headers:
        raise _incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in _MUST_BE_SIGNED:
        if name in request.headers and name not in claim.signed_headers:
            raise _incomplete(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    scope = claim.scope
    text = _string_to_sign(
        request,
        headers=request.headers,
        names=claim.signed_headers,
        query=claim.query,
        timestamp=claim.timestamp,
        scope=scope,
    )
    key = key or signing_key(secret, scope.date, scope.region, scope.service)
    expected = hmac.digest(key, text, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "surrogatepass")):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )
    return scope


def _string_to_sign(
    request: Request,
    *,
    headers: Mapping[str, str],
    names: Iterable[str],
    query: str,
    timestamp: str,
    scope: Scope,
) -> bytes:
    lines = [request.method.upper(), _canonical_path(request.path), _canonical_query(query) if query else ""]
    lines.extend([f"{name}:{' '.join(headers.get(name, '').split())}" for name in names])
    lines += ("", ";".join(names), hashlib.sha256(request.body).hexdigest())
    digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}".encode("utf-8", "surrogatepass")


def _canonical_path(path: str) -> str:
    """Normalise the raw path (RFC 3986 section 5.2.4, and no empty segments) and encode it once more."""
    if "//" in path or "/." in path or not path.startswith("/"):
        kept: list[str] = []
        for segment in path.split("/"):
            if segment == "..":
                del kept[-1:]
            elif segment not in {"", "."}:
                kept.append(segment)
        path = f"/{'/'.join(kept)}{'/' if kept and path.endswith('/') else ''}"
    return quote(path, safe="/~", errors="surrogatepass")


def _canonical_query(query: str) -> str:
    pairs = []
    for field_text in query.split("&"):
        if field_text:
            name, _, value = field_text.partition("=")
            pairs.append((_encoded_once(name), _encoded_once(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded_once(text: str) -> str:
    return quote(_unquoted(text), safe="-_.~")


def _unquoted(text: str) -> bytes:
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass"))


def _query_fields(query: str) -> dict[str, str]:
    """Read the X-Amz-… fields of a query string; the first of a repeated name wins."""
    fields: dict[str, str] = {}
    for field_text in query.split("&"):
        name, _, value = field_text.partition("=")
        if name.startswith("X-Amz-"):
            fields.setdefault(name, _unquoted(value).decode("utf-8", "replace"))
    return fields


def _read_claim(request: Request) -> _Claim:
    header = request.headers.get("authorization")
    presigned = "X-Amz-Signature=" in request.query or "X-Amz-Algorithm=" in request.query
    if header is not None and presigned:
        raise _incomplete("Only one of the Authorization header and the query string may carry a signature.")
    if header is not None:
        return _claim_from_header(header, request)
    if presigned:
        return _claim_from_query(request)
    raise WireError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)


def _claim_from_header(header: str, request: Request) -> _Claim:
    parts = _authorization(header)
    timestamp, signed_at = _header_date(request.headers)
    return _Claim(
        scope=_read_credential(parts["Credential"], timestamp),
        signed_headers=_read_signed_headers(parts["SignedHeaders"]),
        signature=parts["Signature"],
        timestamp=timestamp,
        signed_at=signed_at,
        expires_seconds=None,
        query=request.query,
    )


@functools.lru_cache(maxsize=16)  # whose signature it is and whether it is right are asked one after the other
def _authorization(header: str) -> Mapping[str, str]:
    algorithm, _, rest = header.strip().partition(" ")
    if len(header) > _LONGEST_AUTHORIZATION or algorithm != ALGORITHM:
        raise _incomplete(f"The Authorization header must begin with '{ALGORITHM}'.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in parts:
            raise _incomplete("The Authorization header is not a list of different key=value pairs.")
        parts[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if missing:
        raise _incomplete(" ".join(f"Authorization header requires '{name}' parameter." for name in missing))
    return parts


def _claim_from_query(request: Request) -> _Claim:
    fields = _query_fields(request.query)
    wanted = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")
    missing = [name for name in wanted if not fields.get(name)]
    if missing:
        raise _incomplete(" ".join(f"AWS query-string parameters must include '{name}'." for name in missing))
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"'X-Amz-Algorithm' must be '{ALGORITHM}'.")
    expires = fields.get("X-Amz-Expires", "")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 6) or int(expires) > _LONGEST_EXPIRY_SECONDS:
        raise _incomplete(f"'X-Amz-Expires' must be a number of seconds up to {_LONGEST_EXPIRY_SECONDS}.")
    timestamp = fields["X-Amz-Date"]
    others = (text for text in request.query.split("&") if text.partition("=")[0] != "X-Amz-Signature")
    return _Claim(
        scope=_read_credential(fields["X-Amz-Credential"], timestamp),
        signed_headers=_read_signed_headers(fields["X-Amz-SignedHeaders"]),
        signature=fields["X-Amz-Signature"],
        timestamp=timestamp,
        signed_at=_read_timestamp(timestamp),
        expires_seconds=int(expires),
        query="&".join(others),
    )


@functools.lru_cache(maxsize=64)
def _read_credential(text: str, timestamp: str) -> Scope:
    # An access key id never contains a slash; the scope is its last four parts.
    parts = text.split("/")
    if len(parts) != 5 or parts[4] != _TERMINATOR or not all(parts):
        raise _incomplete(
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/{_TERMINATOR}."
        )
    if parts[1] != timestamp[:8]:
        raise _invalid("Date in Credential scope does not match YYYYMMDD from the date of the request.")
    return Scope(*parts[:4])


@functools.lru_cache(maxsize=64)
def _read_signed_headers(text: str) -> tuple[str, ...]:
    names = tuple(text.lower().split(";"))
    if len(names) > _MOST_SIGNED_HEADERS or not all(names) or list(names) != sorted(set(names)):
        raise _incomplete("'SignedHeaders' must be a sorted list of different header names.")
    return names


def _header_date(headers: Mapping[str, str]) -> tuple[str, datetime]:
    """Return the time of signing, as it goes into the string to sign and as a moment."""
    timestamp = headers.get("x-amz-date")
    if timestamp is not None:
        return timestamp, _read_timestamp(timestamp)
    try:
        moment = parsedate_to_datetime(headers["date"])
    except KeyError:
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ) from None
    except (ValueError, IndexError, TypeError, OverflowError):
        raise _incomplete("The 'Date' header is not a date of RFC 9110.") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _incomplete("The 'Date' header is not a date of RFC 9110.") from None
    return moment.strftime(_TIMESTAMP), moment


@functools.lru_cache(maxsize=64)  # a busy client signs many requests in one second
def _read_timestamp(text: str) -> datetime:
    well_formed = len(text) == 16 and text[8] == "T" and text[15] == "Z" and (text[:8] + text[9:15]).isdecimal()
    try:
        if well_formed and text.isascii():
            return datetime.strptime(text, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise _incomplete("Date must be in ISO-8601 'basic format', such as 20301231T235959Z.")


def _check_time(claim: _Claim, now: datetime, skew: timedelta) -> None:
    if claim.signed_at > now + skew:
        raise _invalid(
            f"Signature not yet current: {claim.timestamp} is still later than {(now + skew).strftime(_TIMESTAMP)}"
        )
    life = skew if claim.expires_seconds is None else timedelta(seconds=claim.expires_seconds)
    if claim.signed_at < now - life:
        raise _invalid(f"Signature expired: {claim.timestamp} is now earlier than {(now - life).strftime(_TIMESTAMP)}")


def _incomplete(message: str) -> WireError:
    return WireError("IncompleteSignatureException", message, 400)


def _invalid(message: str) -> WireError:
    return WireError("InvalidSignatureException", message, 403)
