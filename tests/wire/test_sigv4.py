"""Our signatures are botocore's, and what botocore signed we verify; what was touched we refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import Credentials, Scope, read_scope, session_token, sign, signing_key, verify

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY_ID = "AKIDEXAMPLE"
OURS = Credentials(KEY_ID, SECRET)
WITH_TOKEN = Credentials(KEY_ID, SECRET, "session/token+with=signs")

SENT = Request(
    method="POST",
    path="/v2/email/outbound-emails",
    query="",
    headers={
        "host": "email.eu-west-1.amazonaws.com",
        "content-type": "application/json",
        "user-agent": "changes/on-the-way",
        "x-amz-target": "  spaced   out ",
    },
    body=b'{"FromEmailAddress":"a@example.com"}',
)


def botocore_signed(
    request: Request, *, service: str, token: str | None = None, presigned_seconds: int | None = None
) -> tuple[Request, datetime]:
    """Sign by botocore, which reads the wall clock; return the request as it would arrive, and its time."""
    url = f"https://{request.headers['host']}{request.path}{'?' if request.query else ''}{request.query}"
    theirs = AWSRequest(method=request.method, url=url, headers=dict(request.headers), data=request.body)
    credentials = botocore.credentials.Credentials(KEY_ID, SECRET, token)
    signer: Any = botocore.auth.SigV4Auth(credentials, service, "eu-west-1")
    if presigned_seconds is not None:
        signer = botocore.auth.SigV4QueryAuth(credentials, service, "eu-west-1", expires=presigned_seconds)
    signer.add_auth(theirs)
    parts = urlsplit(theirs.url)
    headers = {name.lower(): value for name, value in theirs.headers.items()}
    arrived = dataclasses.replace(request, path=parts.path, query=parts.query, headers=headers)
    moment = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return arrived, moment


def signed(request: Request = SENT, *, at: datetime, credentials: Credentials = OURS) -> Request:
    headers = sign(request, credentials=credentials, region="eu-west-1", service="ses", now=at)
    return dataclasses.replace(request, headers={**request.headers, **headers})


NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("service", ["ses", "sqs", "sns", "sts"])
@pytest.mark.parametrize("token", [None, WITH_TOKEN.session_token])
@pytest.mark.parametrize("query", ["", "b=2&a=1&a=0&empty=&flag=%20x%2Fy~"])
@pytest.mark.parametrize("path", ["/", "/v2/email/identities/a%40example.com/dkim", "/a/./b/../c//d/", "/e%2520/~x"])
def test_our_signature_is_botocores(service: str, token: str | None, query: str, path: str) -> None:
    request = dataclasses.replace(SENT, path=path, query=query)
    theirs, moment = botocore_signed(request, service=service, token=token)
    credentials = WITH_TOKEN if token else OURS
    ours = sign(request, credentials=credentials, region="eu-west-1", service=service, now=moment)
    assert ours["authorization"] == theirs.headers["authorization"]
    assert ours["x-amz-date"] == theirs.headers["x-amz-date"]
    assert ours.get("x-amz-security-token") == token


@settings(deadline=None)
@given(
    path=st.text(min_size=1).map(lambda text: "/" + quote(text)),
    query=st.dictionaries(st.text(min_size=1), st.text()).map(
        lambda pairs: "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs.items())
    ),
    body=st.binary(),
)
def test_our_signature_is_botocores_for_any_request(path: str, query: str, body: bytes) -> None:
    request = dataclasses.replace(SENT, path=path, query=query, body=body)
    theirs, moment = botocore_signed(request, service="ses")
    ours = sign(request, credentials=OURS, region="eu-west-1", service="ses", now=moment)
    assert ours["authorization"] == theirs.headers["authorization"]
    assert verify(theirs, secret=SECRET, now=moment) == Scope(KEY_ID, f"{moment:%Y%m%d}", "eu-west-1", "ses")


def test_a_kept_key_signs_alike() -> None:
    kept = signing_key(SECRET, "20261124", "eu-west-1", "ses")
    ours = sign(SENT, credentials=OURS, region="eu-west-1", service="ses", now=NOON, key=kept)
    assert ours == sign(SENT, credentials=OURS, region="eu-west-1", service="ses", now=NOON)
    arrived = dataclasses.replace(SENT, headers={**SENT.headers, **ours})
    assert verify(arrived, secret="not even needed", now=NOON, key=kept).access_key_id == KEY_ID


def test_the_signing_key_is_the_one_of_the_iam_user_guide() -> None:
    # IAM User Guide, "Examples of the derived signing key": 20120215, us-east-1, iam, and the usual example secret.
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    derived = signing_key(secret, "20120215", "us-east-1", "iam")
    assert derived.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_time_in_another_zone_is_the_same_time() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    ours = sign(SENT, credentials=OURS, region="eu-west-1", service="ses", now=elsewhere)
    assert ours["x-amz-date"] == "20261124T120000Z"
    verify(dataclasses.replace(SENT, headers={**SENT.headers, **ours}), secret=SECRET, now=elsewhere)


def test_a_request_without_host_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="host"):
        sign(dataclasses.replace(SENT, headers={}), credentials=OURS, region="eu-west-1", service="ses", now=NOON)


@pytest.mark.parametrize("token", [None, WITH_TOKEN.session_token])
def test_what_botocore_presigned_is_verified(token: str | None) -> None:
    request = dataclasses.replace(
        SENT, method="GET", path="/", query="Action=GetCallerIdentity", headers={"host": "sts.amazonaws.com"}, body=b""
    )
    arrived, moment = botocore_signed(request, service="sts", token=token, presigned_seconds=60)
    assert "X-Amz-Signature" in arrived.query
    wanted = Scope(KEY_ID, f"{moment:%Y%m%d}", "eu-west-1", "sts")
    assert read_scope(arrived) == wanted
    assert session_token(arrived) == (token or "")
    assert verify(arrived, secret=SECRET, now=moment + timedelta(seconds=60)) == wanted
    with pytest.raises(WireError, match="expired"):
        verify(arrived, secret=SECRET, now=moment + timedelta(seconds=61))
    with pytest.raises(WireError, match="not yet current"):
        verify(arrived, secret=SECRET, now=moment - timedelta(seconds=301))
    touched = dataclasses.replace(arrived, query=arrived.query.replace("GetCallerIdentity", "GetSessionToken"))
    with pytest.raises(WireError, match="does not match"):
        verify(touched, secret=SECRET, now=moment)


def test_the_session_token_comes_back_from_the_header() -> None:
    arrived = signed(at=NOON, credentials=WITH_TOKEN)
    assert session_token(arrived) == WITH_TOKEN.session_token
    assert session_token(SENT) == ""
    verify(arrived, secret=SECRET, now=NOON)


Touch = Callable[[Request], Request]


def _with_header(name: str, value: str) -> Touch:
    return lambda request: dataclasses.replace(request, headers={**request.headers, name: value})


TOUCHES: dict[str, Touch] = {
    "method": lambda request: dataclasses.replace(request, method="PUT"),
    "path": lambda request: dataclasses.replace(request, path="/v2/email/outbound-bulk-emails"),
    "query": lambda request: dataclasses.replace(request, query="a=1"),
    "body": lambda request: dataclasses.replace(request, body=request.body + b" "),
    "host": _with_header("host", "email.us-east-1.amazonaws.com"),
    "target": _with_header("x-amz-target", "another"),
    "token": _with_header("x-amz-security-token", "another"),
}


@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES.keys())
def test_what_was_touched_on_the_way_is_refused(touch: Touch) -> None:
    arrived = signed(at=NOON, credentials=WITH_TOKEN)
    with pytest.raises(WireError) as refused:
        verify(touch(arrived), secret=SECRET, now=NOON)
    assert (refused.value.code, refused.value.status) == ("InvalidSignatureException", 403)


def test_another_secret_is_refused() -> None:
    with pytest.raises(WireError, match="does not match") as refused:
        verify(signed(at=NOON), secret=SECRET.lower(), now=NOON)
    assert SECRET not in str(refused.value)


def test_a_token_added_to_a_signed_request_is_refused() -> None:
    touched = _with_header("x-amz-security-token", "smuggled")(signed(at=NOON))
    with pytest.raises(WireError, match="must be a 'SignedHeader'"):
        verify(touched, secret=SECRET, now=NOON)


def test_what_a_proxy_adds_does_no_harm() -> None:
    touched = _with_header("x-forwarded-for", "192.0.2.1")(_with_header("user-agent", "proxy")(signed(at=NOON)))
    assert verify(touched, secret=SECRET, now=NOON).region == "eu-west-1"


@pytest.mark.parametrize(("seconds", "words"), [(301, "Signature expired"), (-301, "Signature not yet current")])
def test_a_signature_is_good_for_five_minutes_either_way(seconds: int, words: str) -> None:
    arrived = signed(at=NOON)
    verify(arrived, secret=SECRET, now=NOON + timedelta(seconds=seconds // 301 * 300))
    with pytest.raises(WireError, match=words) as refused:
        verify(arrived, secret=SECRET, now=NOON + timedelta(seconds=seconds))
    assert refused.value.code == "InvalidSignatureException"


def test_the_date_header_will_do_instead_of_x_amz_date() -> None:
    # What botocore does when the caller set a Date header.
    arrived, moment = botocore_signed(_with_header("date", "any")(SENT), service="ses")
    assert "x-amz-date" not in arrived.headers
    assert verify(arrived, secret=SECRET, now=moment).access_key_id == KEY_ID


def test_no_signature_at_all_is_told_apart() -> None:
    with pytest.raises(WireError) as refused:
        read_scope(SENT)
    assert (refused.value.code, refused.value.status) == ("MissingAuthenticationTokenException", 403)


GOOD = signed(at=NOON).headers["authorization"]


@pytest.mark.parametrize(
    ("authorization", "words"),
    [
        ("", "must begin with"),
        ("Basic dXNlcjpwYXNz", "must begin with"),
        ("AWS4-HMAC-SHA256", "not a list"),
        ("AWS4-HMAC-SHA256 Credential=a", "requires 'Signature' parameter. Authorization header requires 'SignedHead"),
        (GOOD.replace("/eu-west-1", ""), "exactly 5 slash-delimited"),
        (GOOD.replace("aws4_request", "aws5_request"), "exactly 5 slash-delimited"),
        (GOOD.replace("SignedHeaders=content-type;host", "SignedHeaders=host;content-type"), "sorted list"),
        (GOOD.replace("SignedHeaders=content-type;host", "SignedHeaders=content-type"), "'Host'"),
        (GOOD + ", Signature=0", "different key=value"),
        ("AWS4-HMAC-SHA256 " + "a=b," * 3000, "must begin with"),
    ],
)
def test_half_a_signature_is_incomplete(authorization: str, words: str) -> None:
    arrived = _with_header("authorization", authorization)(signed(at=NOON))
    with pytest.raises(WireError, match=words.replace("(", r"\(")) as refused:
        verify(arrived, secret=SECRET, now=NOON)
    assert (refused.value.code, refused.value.status) == ("IncompleteSignatureException", 400)


@pytest.mark.parametrize(
    "date", ["", "2026-11-24T12:00:00Z", "20261324T120000Z", "2026112aT120000Z", "²0261124T120000Z"]
)
def test_a_date_of_another_form_is_incomplete(date: str) -> None:
    with pytest.raises(WireError, match="ISO-8601") as refused:
        read_scope(_with_header("x-amz-date", date)(signed(at=NOON)))
    assert refused.value.code == "IncompleteSignatureException"


def test_the_day_of_the_scope_is_the_day_of_the_request() -> None:
    arrived = _with_header("x-amz-date", "20261125T120000Z")(signed(at=NOON))
    with pytest.raises(WireError, match="Date in Credential scope"):
        verify(arrived, secret=SECRET, now=NOON + timedelta(days=1))


def test_signatures_in_two_places_are_refused() -> None:
    arrived = dataclasses.replace(signed(at=NOON), query="X-Amz-Algorithm=AWS4-HMAC-SHA256")
    with pytest.raises(WireError, match="Only one"):
        read_scope(arrived)


def test_secrets_do_not_show() -> None:
    assert SECRET not in repr(WITH_TOKEN)
    assert WITH_TOKEN.session_token not in repr(WITH_TOKEN)


@settings(deadline=None)
@given(
    authorization=st.one_of(st.none(), st.text(), st.text().map(lambda text: f"AWS4-HMAC-SHA256 {text}")),
    date=st.one_of(st.none(), st.text()),
    other=st.one_of(st.none(), st.text()),
    query=st.one_of(st.text(), st.text().map(lambda text: f"X-Amz-Algorithm={text}&X-Amz-Signature={text}")),
    path=st.text(),
)
def test_whatever_comes_only_a_wire_error_is_raised(
    authorization: str | None, date: str | None, other: str | None, query: str, path: str
) -> None:
    headers = {"authorization": authorization, "x-amz-date": date, "date": other, "host": other}
    present = {name: value for name, value in headers.items() if value is not None}
    request = Request(method="GET", path=path, query=query, headers=present, body=b"")
    with pytest.raises(WireError):
        verify(request, secret=SECRET, now=NOON)


@settings(deadline=None)
@given(path=st.text(st.characters()), query=st.text(st.characters()), host=st.text(st.characters()))
def test_even_a_strange_request_is_verified_once_signed(path: str, query: str, host: str) -> None:
    request = Request(method="GET", path=path, query=query, headers={"host": host}, body=b"")
    if "X-Amz-" not in query:
        assert verify(signed(request, at=NOON), secret=SECRET, now=NOON).access_key_id == KEY_ID
