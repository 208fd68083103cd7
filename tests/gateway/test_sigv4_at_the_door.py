"""Signatures at the live door, in the header and in the query string: botocore's are taken, and no other is."""

from __future__ import annotations

import asyncio
import http.client
import inspect
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.clients.models import service_model
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.smtp import SmtpDoor
from sendworthy.store import Store
from sendworthy.wire.http import Request
from sendworthy.wire.service import Service
from sendworthy.wire.sigv4 import Credentials, sign, verify
from tests.gateway.conftest import LANE, Clock

PATH = "/v2/email/outbound-emails"
V2_API, V1_API = Service(service_model("sesv2")), Service(service_model("ses"))
BODY = json.dumps(
    {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": ["a@example.org"]},
        "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}},
    }
).encode()
V1 = urlencode(
    {
        "Action": "SendEmail",
        "Source": "shop@example.com",
        "Destination.ToAddresses.member.1": "a@example.org",
        "Message.Subject.Data": "Hi",
        "Message.Body.Text.Data": "Hello.",
        "Version": "2010-12-01",
    }
)
REGION = "eu-west-1"
Fields = list[tuple[str, str]]


class Wall:
    """Real time, or ahead of it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def door(store: Store, keys: Keys, clock: Clock, desk: Reception, serve: Any, wall: Wall) -> AsyncIterator[str]:
    application = app(
        store,
        keys,
        V2_API,
        lane=LANE,
        now=clock,
        wall=wall,
        v1=V1_API,
        reception=desk,
        regions=(LANE.region,),
    )
    async with serve(application) as url:
        yield url


@pytest.fixture
def refused(door: str, store: Store) -> Callable[..., Any]:
    """Send a request that must be refused, and see that it left nothing behind."""

    async def check(*wanted: int, words: str = "", **request: Any) -> str:
        status, answer = await asyncio.to_thread(exchange, door, **request)
        assert status in wanted, (status, answer)
        assert words in answer
        assert (await store.messages())[0] == ()
        return answer

    return check


def exchange(
    door: str, *, fields: Iterable[tuple[str, str]], path: str = PATH, body: bytes = BODY, method: str = "POST"
) -> tuple[int, str]:
    """Send exactly these header fields, repeated ones too; the length is added."""
    connection = http.client.HTTPConnection(urlsplit(door).netloc, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in [*fields, ("content-length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def by_header(
    door: str, key: Key, *, path: str = PATH, body: bytes = BODY, headers: dict[str, str] | None = None, **given: Any
) -> Fields:
    """Sign as botocore does, in the Authorization header; `region` and `service` may be others."""
    request = AWSRequest("POST", f"{door}{path}", data=body, headers={"Host": urlsplit(door).netloc, **(headers or {})})
    mine = BotocoreCredentials(key.access_key_id, key.secret)
    SigV4Auth(mine, given.get("service", "ses"), given.get("region", REGION)).add_auth(request)
    return list(request.headers.items())


class WithBody(SigV4QueryAuth):  # type: ignore[misc]  # botocore ships no types
    """Botocore's, but for the body, which it moves into the query string of a form: signed as in the header form."""

    def __init__(self, *given: Any, body: bytes, expires: int) -> None:
        super().__init__(*given, expires=expires)
        self._body = body

    def payload(self, _: AWSRequest) -> str:
        return sha256(self._body).hexdigest()


def by_query(
    door: str, key: Key, *, path: str = PATH, body: bytes = BODY, method: str = "POST", expires: int = 60
) -> tuple[str, Fields]:
    """Sign as botocore does, in the query string: a presigned address, and the headers that go with it."""
    request = AWSRequest(method, f"{door}{path}", headers={"Host": urlsplit(door).netloc})
    mine = BotocoreCredentials(key.access_key_id, key.secret)
    WithBody(mine, "ses", REGION, expires=expires, body=body).add_auth(request)
    parts = urlsplit(request.url)
    return f"{parts.path}?{parts.query}", [("Host", parts.netloc)]


def ours(door: str, key: Key, *, ahead: float = 0, headers: dict[str, str] | None = None) -> Fields:
    """Sign with a clock that is wrong by so many seconds, which botocore's cannot be."""
    given = {"host": urlsplit(door).netloc, **(headers or {})}
    request = Request(method="POST", path=PATH, query="", headers=given, body=BODY)
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    mine = Credentials(key.access_key_id, key.secret)
    return list((given | sign(request, credentials=mine, region=REGION, service="ses", now=at)).items())


def altered(fields: Fields, name: str, change: Callable[[str], str]) -> Fields:
    assert any(one.lower() == name for one, _ in fields)
    return [(one, change(value) if one.lower() == name else value) for one, value in fields]


async def test_botocores_signature_is_taken_in_the_header(door: str, key: Key, store: Store) -> None:
    headers = {"Content-Type": "application/json", "Amz-Sdk-Invocation-Id": "one"}
    assert (await asyncio.to_thread(exchange, door, fields=by_header(door, key, headers=headers)))[0] == 200
    assert len((await store.messages())[0]) == 1


async def test_botocores_signature_is_taken_in_the_query_string(door: str, key: Key, store: Store) -> None:
    path, fields = by_query(door, key)
    assert (await asyncio.to_thread(exchange, door, path=path, fields=fields))[0] == 200
    assert len((await store.messages())[0]) == 1


async def test_a_presigned_address_of_v1_is_taken_as_a_get(door: str, key: Key, store: Store) -> None:
    path, fields = by_query(door, key, path=f"/?{V1}", body=b"", method="GET")
    status, answer = await asyncio.to_thread(exchange, door, path=path, fields=fields, body=b"", method="GET")
    assert (status, "<MessageId>" in answer) == (200, True), answer
    assert len((await store.messages())[0]) == 1


@pytest.mark.parametrize("form", ["header", "query"])
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (f"/{REGION}/", "/us-east-1/"),
        ("/ses/", "/s3/"),
        ("/aws4_request", "/aws4_reques"),
        ("/aws4_request", "/aws5_request"),
        (f"/{datetime.now(UTC):%Y}", "/1999"),
    ],
)
async def test_a_scope_changed_on_the_way_is_refused(
    refused: Any, door: str, key: Key, form: str, was: str, becomes: str
) -> None:
    if form == "header":
        fields = altered(by_header(door, key), "authorization", lambda text: text.replace(was, becomes, 1))
        await refused(400, 403, fields=fields)
    else:
        path, fields = by_query(door, key)
        was, becomes = quote(was, safe=""), quote(becomes, safe="")
        assert was in path
        await refused(400, 403, path=path.replace(was, becomes, 1), fields=fields)


async def test_a_scope_for_another_region_or_service_is_refused_though_rightly_signed(
    refused: Any, door: str, key: Key
) -> None:
    elsewhere = by_header(door, key, region="ap-south-1")
    await refused(403, words="scoped to a valid region: eu-west-1", fields=elsewhere)
    await refused(403, words="scoped to correct service: 'ses'", fields=by_header(door, key, service="s3"))


@pytest.mark.parametrize(("ahead", "words"), [(-301, "Signature expired"), (302, "Signature not yet current")])
async def test_a_stale_or_future_date_is_refused_and_one_within_five_minutes_taken(
    refused: Any, door: str, key: Key, ahead: float, words: str
) -> None:
    await refused(403, words=words, fields=ours(door, key, ahead=ahead))
    within = ahead / abs(ahead) * 290
    assert (await asyncio.to_thread(exchange, door, fields=ours(door, key, ahead=within)))[0] == 200


async def test_a_presigned_address_ends_when_it_says_and_no_later_than_in_a_week(
    refused: Any, door: str, key: Key, wall: Wall
) -> None:
    path, fields = by_query(door, key, expires=600)
    wall.ahead = timedelta(seconds=605)
    await refused(403, words="Signature expired", path=path, fields=fields)
    wall.ahead = timedelta(seconds=-400)
    await refused(403, words="Signature not yet current", path=path, fields=fields)
    wall.ahead = timedelta(seconds=590)
    longer = path.replace("X-Amz-Expires=600", "X-Amz-Expires=900")
    await refused(403, words="does not match", path=longer, fields=fields)
    eternal, fields_of_it = by_query(door, key, expires=604_801)
    await refused(400, words="X-Amz-Expires", path=eternal, fields=fields_of_it)
    assert (await asyncio.to_thread(exchange, door, path=path, fields=fields))[0] == 200


@pytest.mark.parametrize("form", ["header", "query"])
async def test_an_altered_body_path_or_query_is_refused(refused: Any, door: str, key: Key, form: str) -> None:
    path, fields = (PATH, by_header(door, key)) if form == "header" else by_query(door, key)
    join = "&" if "?" in path else "?"
    await refused(403, path=path, fields=fields, body=BODY.replace(b"a@example.org", b"b@example.org"))
    await refused(403, path=path, fields=fields, body=b"")
    await refused(403, path=path.replace("outbound-emails", "outbound-bulk-emails"), fields=fields)
    await refused(403, path=f"{path}{join}Action=SendRawEmail", fields=fields)


async def test_an_altered_header_is_refused(refused: Any, door: str, key: Key) -> None:
    headers = {"Content-Type": "application/json", "Amz-Sdk-Invocation-Id": "one"}
    fields = by_header(door, key, headers=headers)
    for name in ("content-type", "amz-sdk-invocation-id", "host", "x-amz-date"):
        await refused(400, 403, fields=altered(fields, name, lambda text: f"{text}x"))
        await refused(400, 403, fields=[(one, value) for one, value in fields if one.lower() != name])


@pytest.mark.parametrize("name", ["x-amz-date", "x-amz-security-token", "x-amz-target"])
async def test_a_header_that_decides_what_is_meant_cannot_be_slipped_in_unsigned(
    refused: Any, door: str, key: Key, name: str
) -> None:
    path, fields = by_query(door, key)
    value = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}" if name == "x-amz-date" else "x"
    await refused(400, words="must be a 'SignedHeader'", path=path, fields=[*fields, (name, value)])


@pytest.mark.parametrize("name", ["authorization", "x-amz-date", "host", "amz-sdk-invocation-id"])
@pytest.mark.parametrize("first", [True, False])
async def test_a_header_sent_twice_is_never_read_as_the_signed_one(
    refused: Any, door: str, key: Key, name: str, first: bool
) -> None:
    fields = by_header(door, key, headers={"Amz-Sdk-Invocation-Id": "one"})
    given = next(value for one, value in fields if one.lower() == name)
    evil = (name, given.replace(key.access_key_id, "AKSWNOBODY") if name == "authorization" else "evil")
    await refused(400, 403, fields=[evil, *fields] if first else [*fields, evil])
    await refused(400, 403, fields=[(name, given), *fields])


async def test_a_field_of_the_query_sent_twice_is_never_read_as_the_signed_one(
    refused: Any, door: str, key: Key
) -> None:
    path, fields = by_query(door, key)
    evil = (
        "X-Amz-Expires=604800",
        "X-Amz-Credential=AKSWNOBODY",
        "X-Amz-Algorithm=none",
        "X-Amz-Date=20200101T000000Z",
    )
    for one in evil:
        await refused(400, 403, path=f"{path}&{one}", fields=fields)
        await refused(400, 403, path=path.replace("?", f"?{one}&"), fields=fields)
    await refused(403, path=path.replace("?", f"?X-Amz-Signature={'0' * 64}&"), fields=fields)


@pytest.mark.parametrize("claim", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64])
async def test_what_a_header_claims_of_the_body_is_not_believed(refused: Any, door: str, key: Key, claim: str) -> None:
    # botocore puts the claim in place of the body's digest, and signs it: the signature is right by that rule.
    fields = by_header(door, key, headers={"X-Amz-Content-SHA256": claim})
    await refused(403, words="does not match", fields=fields)


async def test_both_places_at_once_are_refused(refused: Any, door: str, key: Key) -> None:
    path, _ = by_query(door, key)
    await refused(400, words="Only one of", path=path, fields=by_header(door, key))


@pytest.mark.parametrize("form", ["header", "query"])
async def test_an_unknown_key_and_a_revoked_one_are_told_the_same(
    refused: Any, door: str, keys: Keys, key: Key, form: str
) -> None:
    revoked = await keys.create("old", stream=key.stream)
    await keys.revoke(revoked.access_key_id)
    unknown = Key(access_key_id="AKSWNOBODY", secret="x" * 60, name="", stream=key.stream)
    told = set()
    for one in (revoked, unknown):
        path, fields = (PATH, by_header(door, one)) if form == "header" else by_query(door, one)
        told.add(
            await refused(403, words="security token included in the request is invalid", path=path, fields=fields)
        )
    assert len(told) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic QUtTVzp4",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA1 Credential={id}/{day}/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential={id}/{day}/eu-west-1/ses/aws4_request, SignedHeaders=host;x-amz-date, Signature=",
        "AWS4-HMAC-SHA256 Credential={id}/{day}/eu-west-1/ses/aws4_request, SignedHeaders=x-amz-date, Signature=0",
        "AWS4-HMAC-SHA256 Credential={id}/{day}/ses/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
        "AWS4-HMAC-SHA256 Credential={id}/{day}/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=\xe9",
        "AWS4-HMAC-SHA256 " + "," * 9000,
    ],
)
async def test_what_is_no_signature_is_an_answer_and_not_a_failure(
    refused: Any, door: str, key: Key, authorization: str
) -> None:
    now = datetime.now(UTC)
    given = authorization.format(id=key.access_key_id, day=f"{now:%Y%m%d}")
    fields = [("host", urlsplit(door).netloc), ("x-amz-date", f"{now:%Y%m%dT%H%M%SZ}"), ("authorization", given)]
    await refused(400, 403, fields=fields)


def test_signatures_and_passwords_are_compared_in_constant_time() -> None:
    """What no test can time: beside the answers above, which are alike whoever asks."""
    for compares in (verify, SmtpDoor.sign_in):
        assert "hmac.compare_digest(" in inspect.getsource(compares)


def raw_status(door: str, request: bytes) -> int:
    where = urlsplit(door)
    with socket.create_connection((where.hostname, where.port), timeout=10) as client:
        client.sendall(request)
        answer = client.recv(64)
    return int(answer.split()[1])


async def test_any_one_byte_changed_in_a_signed_part_is_refused(door: str, key: Key, store: Store) -> None:
    fields = by_header(door, key, headers={"Content-Type": "application/json", "Amz-Sdk-Invocation-Id": "one-id"})
    parts: dict[str, bytes] = {"method": b"POST", "path": PATH.encode(), "body": BODY}
    parts |= {name.lower(): value.encode() for name, value in fields if name.lower() != "authorization"}
    credential, _, signature = next(v for n, v in fields if n == "Authorization").rpartition("Signature=")
    parts |= {"credential": credential.partition("Credential=")[2].partition(",")[0].encode()}
    parts |= {"signature": signature.encode()}
    signed_headers = credential.partition("SignedHeaders=")[2].partition(",")[0]

    def written(changed: dict[str, bytes]) -> bytes:
        authorization = b"AWS4-HMAC-SHA256 Credential=%b, SignedHeaders=%b, Signature=%b" % (
            changed["credential"],
            signed_headers.encode(),
            changed["signature"],
        )
        lines = [b"%b %b HTTP/1.1" % (changed["method"], changed["path"])]
        lines += [b"%b: %b" % (name.encode(), changed[name]) for name in signed_headers.split(";")]
        lines += [b"authorization: " + authorization, b"content-length: %d" % len(changed["body"])]
        return b"\r\n".join([*lines, b"connection: close", b"", changed["body"]])

    def attack() -> int:
        @settings(max_examples=150, database=None)
        @given(part=st.sampled_from(sorted(parts)), at=st.integers(0, 1_000), other=st.integers(0x21, 0x7E))
        def one(part: str, at: int, other: int) -> None:
            was = parts[part]
            at %= len(was)
            if was[at] != other:
                changed = parts | {part: was[:at] + bytes([other]) + was[at + 1 :]}
                assert 400 <= raw_status(door, written(changed)) < 500

        one()
        return raw_status(door, written(parts))

    status = await asyncio.to_thread(attack)
    assert status == 200, "the request as it was signed must be right, or nothing was shown"
    assert len((await store.messages())[0]) == 1


async def test_a_key_of_aws_is_told_whose_keys_are_good_here_and_the_log_whose_was_not(
    refused: Any, door: str, key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    of_aws = Key(access_key_id="AKIAIOSFODNN7EXAMPLE", secret="x" * 60, name="", stream=key.stream)
    await refused(403, words="Keys of this gateway begin with AKSW", fields=by_header(door, of_aws))
    assert [record.getMessage() for record in caplog.records] == [
        "ses_v2: key AKIAIOSFODNN7EXAMPLE was refused (UnrecognizedClientException)"
    ]
