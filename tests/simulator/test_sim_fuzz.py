"""Whatever is sent, the answer is one of AWS's: a code, a sentence, and never a 500."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendworthy.simulator.doors.models import service
from sendworthy.simulator.operations import RULES
from sendworthy.simulator.serve import Settings, running
from tests.simulator.conftest import START, Desk
from tests.simulator.smtp_client import signed_in

FORM = "application/x-www-form-urlencoded; charset=utf-8"
CODE = re.compile(r"[A-Za-z.]{3,60}")
fuzzed = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    with running(Settings(clock_factor=0.0, start=START, outbox_limit=50)) as at:
        desk = Desk(at=at)
        desk.verified_domain()
        desk.in_production(quota=-1, rate=1e6)
        yield desk
        desk.close()


def asked(
    desk: Desk, method: str, path: str, body: bytes, *, signed_for: str = "ses", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request with a good signature over whatever it holds."""
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method=method, url=f"{desk.at.http}{path}", data=body, headers=given_headers)
    SigV4Auth(Credentials(desk.access_key, desk.secret_key), signed_for, desk.region).add_auth(request)
    return sent(desk, method, path, body, dict(request.headers))


def sent(desk: Desk, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    at = urlsplit(desk.at.http)
    assert at.hostname is not None
    line = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    try:
        line.request(method, path, body=body, headers=headers)
        answer = line.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        line.close()


def check_json(answer: tuple[int, dict[str, str], bytes]) -> None:
    status, headers, body = answer
    assert status < 500, body
    found = json.loads(body or b"{}")
    if status >= 400:
        assert CODE.fullmatch(headers["x-amzn-errortype"])
        assert isinstance(found.get("message", found.get("Message")), str)


def check_xml(answer: tuple[int, dict[str, str], bytes]) -> None:
    status, _, body = answer
    assert status < 500, body
    found = ET.fromstring(body)  # noqa: S314 - our own simulator's answer
    if status >= 400:
        code = next(each.text for each in found.iter() if each.tag.endswith("Code"))
        assert CODE.fullmatch(code or "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=10,
)
ROUTES = sorted(
    (model.http["method"], re.sub(r"\{[^}]*\}", "thing", model.http["requestUri"]), name)
    for name in service("sesv2")._model.operation_names
    for model in [service("sesv2")._model.operation_model(name)]
)
SHAPES = {name: service("sesv2")._model.operation_model(name).input_shape for name in RULES["sesv2"]}


def of_shape(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that mostly look like what the model wants, and now and then do not."""
    wrong: st.SearchStrategy[Any] = st.sampled_from([None, 0, -1, "", "x" * 3000, [], {}, "é\ud800", True, 1e308])
    match shape.type_name:
        case "structure":
            members = {name: of_shape(member, depth + 1) for name, member in shape.members.items()} if depth < 5 else {}
            needed = {name: members.pop(name) for name in shape.required_members if name in members}
            right: st.SearchStrategy[Any] = st.fixed_dictionaries(needed, optional=members)
        case "list":
            right = st.lists(of_shape(shape.member, depth + 1), max_size=3) if depth < 5 else st.just([])
        case "map":
            right = st.dictionaries(st.text(max_size=5), of_shape(shape.value, depth + 1), max_size=2)
        case "boolean":
            right = st.booleans()
        case "integer" | "long" | "float" | "double":
            right = st.integers(-10, 100_000)
        case "timestamp":
            right = st.integers(0, 2**33)
        case "blob":
            right = st.sampled_from(["", "aGVsbG8=", "!!!", "RnJvbTogc2hvcEBmZXJuaGlsbC50ZXN0DQoNCng=", "AAECAw=="])
        case _:
            known = list(shape.enum or []) or [
                "shop@fernhill.test",
                "main",
                "fernhill.test",
                "thing",
                "a",
                "{{x",
                "ü@ü",
            ]
            right = st.sampled_from(known)
    return st.one_of(*[right] * 12, wrong)


@settings(fuzzed, max_examples=250)
@given(data=st.data())
def test_v2_answers_whatever_a_well_formed_request_holds(shared: Desk, data: st.DataObject) -> None:
    method, path, name = data.draw(st.sampled_from(ROUTES))
    shape = SHAPES.get(name)
    body = data.draw(of_shape(shape) if shape is not None else JSON)
    text = json.dumps(body).encode() if method in {"POST", "PUT"} else b""
    if name == "SendEmail" and b"-after-" in text:
        return
    check_json(asked(shared, method, path, text, content_type="application/json"))


@fuzzed
@given(
    body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | JSON.map(lambda v: json.dumps(v).encode())
)
def test_v2_answers_whatever_the_body_is(shared: Desk, body: bytes) -> None:
    check_json(asked(shared, "POST", "/v2/email/outbound-emails", body, content_type="application/json"))


@fuzzed
@given(
    raw=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                b"From: ",
                b"shop@fernhill.test",
                b"\r\n",
                b"\n",
                b"To: ",
                b"<a@b.c>",
                b"Subject: =?utf-8?B?!?=",
                b"\r\n\r\n",
                b"\xff",
                b"\0",
                b"Content-Type: multipart/mixed; boundary=",
                b":",
                b"X-SES-MESSAGE-TAGS: a=b",
                b" ",
            ]
        ),
        max_size=12,
    ).map(b"".join)
)
def test_v2_takes_or_refuses_any_mime_and_shows_what_it_took(shared: Desk, raw: bytes) -> None:
    send = {
        "FromEmailAddress": "shop@fernhill.test",
        "Destination": {"ToAddresses": ["ann@example.org"]},
        "Content": {"Raw": {"Data": base64.b64encode(raw).decode()}},
    }
    status, headers, body = asked(
        shared, "POST", "/v2/email/outbound-emails", json.dumps(send).encode(), content_type="application/json"
    )
    check_json((status, headers, body))
    if status == 200:
        message_id = json.loads(body)["MessageId"]
        for view in ("", "/html", "/source", "/eml", "?view=text", "?view=headers", "?view=attachments"):
            found = sent(shared, "GET", f"/_sim/outbox/{message_id}{view}", b"", {"accept": "text/html"})
            assert found[0] == 200


MEMBERS = {name: service("ses")._model.operation_model(name).input_shape for name in RULES["ses"]}
NAMES = sorted(
    {member for shape in MEMBERS.values() if shape is not None for member in shape.members}
    | {"Destination.ToAddresses.member.1", "Message.Subject.Data", "Message.Body.Text.Data", "RawMessage.Data"}
    | {"Destinations.member.1", "Destinations.entry", "Identities.member.999999999", "Tags.member.1", "."}
    | {
        "ConfigurationSet.Name",
        "Template.TemplateName",
        "EventDestination.Name",
        "TrackingOptions.CustomRedirectDomain",
    }
)
VALUES = ("shop@fernhill.test", "true", "12", "-1", "aGVsbG8=", "fernhill.test", "main")
FIELDS = st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20) | st.sampled_from(VALUES), max_size=6)


@settings(fuzzed, max_examples=250)
@given(operation=st.sampled_from(sorted(RULES["ses"])) | st.text(max_size=10), fields=FIELDS)
def test_v1_answers_whatever_the_form_holds(shared: Desk, operation: str, fields: dict[str, str]) -> None:
    form = {"Action": operation.encode("utf-8", "replace"), "Version": "2010-12-01"}
    body = urlencode(form | {name: value.encode("utf-8", "replace") for name, value in fields.items()}).encode()
    check_xml(asked(shared, "POST", "/", body, content_type=FORM))


def flat(prefix: str, value: Any) -> Iterator[tuple[str, bytes]]:
    """A value as the fields of a form: members by name, elements by number."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(f"{prefix}.{name}" if prefix else name, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from flat(f"{prefix}.member.{number}", inner)
    elif value is not None:
        yield prefix, str(value).encode("utf-8", "replace")


@settings(fuzzed, max_examples=250)
@given(data=st.data())
def test_v1_answers_whatever_a_well_formed_request_holds(shared: Desk, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(sorted(MEMBERS)))
    shape = MEMBERS[operation]
    params = data.draw(of_shape(shape)) if shape is not None else {}
    fields = dict(flat("", params)) if isinstance(params, dict) else {}
    body = urlencode({"Action": operation, "Version": "2010-12-01"} | fields).encode()
    check_xml(asked(shared, "POST", "/", body, content_type=FORM))


@fuzzed
@given(body=st.binary(max_size=200) | st.text(alphabet="=&%+.Action0123456789", max_size=100).map(str.encode))
def test_v1_answers_whatever_the_body_is(shared: Desk, body: bytes) -> None:
    check_xml(asked(shared, "POST", "/", b"Version=2010-12-01&" + body, content_type=FORM))


SIGNATURES = st.sampled_from(
    [
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=AKIASIMULATOR0000001/20261102/us-east-1/ses/aws4_request, Signature=00",
        (
            "AWS4-HMAC-SHA256 Credential=AKIASIMULATOR0000001/99999999/us-east-1/ses/aws4_request, SignedHeaders=;;, "
            "Signature=zz"
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AKIASIMULATOR0000001/20261102/us-east-1/s3/aws4_request, SignedHeaders=host, "
            "Signature=00"
        ),
        "Basic YTpi",
        "AWS AKIA:sig",
    ]
) | st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=80)


@fuzzed
@given(
    header=SIGNATURES,
    date=st.sampled_from(["", "20261102T090000Z", "99999999T999999Z", "yesterday", "20260230T000000Z"]),
    path=st.sampled_from(["/v2/email/account", "/", "/v2/%", "/%zz", "/v2/email/identities/%00"]),
)
def test_no_signature_is_too_strange_to_be_refused(shared: Desk, header: str, date: str, path: str) -> None:
    headers = {"authorization": header, "x-amz-date": date, "content-type": "application/json"}
    status, _, body = sent(shared, "POST", path, b"{}", headers)
    assert 400 <= status < 500
    assert body


@fuzzed
@given(data=st.binary(max_size=200))
def test_the_smtp_door_survives_whatever_is_said_before_tls(shared: Desk, data: bytes) -> None:
    host, _, port = shared.at.smtp.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(data + b"\r\nQUIT\r\n")
        line.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := line.recv(65_536):
            got += chunk
    for reply in got.split(b"\r\n")[:-1]:
        assert reply[:3].isdigit(), reply


def test_the_smtp_door_takes_or_refuses_any_message(shared: Desk) -> None:
    with signed_in(shared) as client:
        client.ehlo_or_helo_if_needed()

        @settings(fuzzed, max_examples=80)
        @given(
            data=st.binary(max_size=200)
            | st.text(max_size=100).map(lambda v: b"From: shop@fernhill.test\r\n" + v.encode())
        )
        def talk(data: bytes) -> None:
            assert client.mail("shop@fernhill.test")[0] == 250
            assert client.rcpt("ann@example.org")[0] == 250
            code, _ = client.data(data)
            assert code in {250, 554}

        talk()


ADMIN = (
    "clock",
    "review",
    "verify",
    "enforcement",
    "faults",
    "callers",
    "world/troubles",
    "outbox",
    "reset",
    "nothing",
)


@fuzzed
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    path=st.sampled_from(ADMIN) | st.text(alphabet="abc/%.?=&", max_size=12),
    body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_the_admin_door_answers_whatever_it_is_asked(method: str, path: str, body: bytes, shared: Desk) -> None:
    if path == "reset" or (path, method) == ("outbox", "DELETE"):
        return  # the other tests of this file go on with what is there
    try:
        status, _, _ = sent(shared, method, f"/_sim/{path}", body, {})
    except ValueError:  # a target that http.client itself does not send
        return
    assert status < 500
    shared.admin("DELETE", "faults")


@pytest.mark.parametrize("body", [b'{"PageSize": -1}', '{"NextToken": "\x80"}'.encode(), b'{"NextToken": "/w=="}'])
def test_what_the_fuzz_has_found_stays_found(shared: Desk, body: bytes) -> None:
    for path in ("list-identities", "list-configuration-sets", "import-jobs/list"):
        answer = asked(shared, "POST", f"/v2/email/{path}", body, content_type="application/json")
        check_json(answer)
        assert answer[0] == 400
