from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError

from sendworthy.errors import ConfigError
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER, Caller
from tests.simulator.conftest import START, Desk, Start

MISMATCH = "The request signature we calculated does not match the signature you provided."


def refusal(call: Any, **params: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def fetch(request: urllib.request.Request) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http to 127.0.0.1
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def signed(
    desk: Desk, method: str, path: str, body: bytes = b"", *, service: str = "ses", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request signed by botocore but made by nobody's SDK: for what no client would send."""
    url = f"{desk.at.http}{path}"
    request = AWSRequest(method=method, url=url, data=body or None, headers=headers)
    SigV4Auth(Credentials(desk.access_key, desk.secret_key), service, desk.region).add_auth(request)
    plain = urllib.request.Request(url, data=body or None, headers=dict(request.headers), method=method)  # noqa: S310
    return fetch(plain)


def exchange(at: str, sent: bytes) -> bytes:
    """What comes back for raw bytes until the other side closes."""
    parts = urlsplit(at)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := line.recv(65_536):
            got += chunk
        return got


def test_both_generations_of_list_routes_answer(desk: Desk) -> None:
    desk.verified_domain()
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    status, _, body = signed(desk, "GET", "/v2/email/identities?PageSize=10")
    assert status == 200
    assert [each["IdentityName"] for each in json.loads(body)["EmailIdentities"]] == ["fernhill.test"]
    status, _, body = signed(desk, "GET", "/v2/email/configuration-sets")
    assert (status, json.loads(body)["ConfigurationSets"]) == (200, ["main"])
    status, _, body = signed(desk, "POST", "/v2/email/list-identities", b"{}")
    assert (status, len(json.loads(body)["EmailIdentities"])) == (200, 1)


def test_a_wrong_secret_is_told_in_the_words_of_each_protocol(desk: Desk) -> None:
    wrong = desk.elsewhere(secret_key="not/the/secret")
    assert refusal(wrong.ses.get_account)[0] == "InvalidSignatureException"
    assert refusal(wrong.sqs.list_queues)[0] == "InvalidSignatureException"
    code, text, status = refusal(wrong.sns.list_topics)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert text.startswith(MISMATCH)


def test_an_unknown_key_is_told_in_the_words_of_each_protocol(desk: Desk) -> None:
    nobody = desk.elsewhere(access_key="AKIANOBODY0000000001")
    text = "The security token included in the request is invalid."
    assert refusal(nobody.ses.get_account) == ("UnrecognizedClientException", text, 403)
    assert refusal(nobody.sqs.list_queues) == ("UnrecognizedClientException", text, 403)
    assert refusal(nobody.client("sts").get_caller_identity) == ("InvalidClientTokenId", text, 403)


def test_a_request_without_a_signature_or_for_another_service_is_refused(desk: Desk) -> None:
    url = f"{desk.at.http}/v2/email/account"
    status, headers, body = fetch(urllib.request.Request(url))  # noqa: S310
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    assert json.loads(body)["message"]
    status, headers, _ = signed(desk, "GET", "/bucket", service="s3")
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_signatures_keep_wall_time_whatever_the_clock_says(desk: Desk) -> None:
    desk.admin("POST", "clock", {"set": "2031-01-01T00:00:00Z"})
    assert desk.ses.get_account()["EnforcementStatus"] == "HEALTHY"


def test_each_key_has_its_own_account(desks: Start) -> None:
    other = Caller(access_key_id="AKIAOTHER00000000001", secret_access_key="other", account_id="444455556666")
    desk = desks(Settings(clock_factor=0.0, callers=(DEFAULT_CALLER, other)))
    desk.verified_domain()
    second = desk.elsewhere(access_key=other.access_key_id, secret_key="other")
    assert second.client("sts").get_caller_identity()["Account"] == "444455556666"
    assert second.ses.list_email_identities()["EmailIdentities"] == []


def test_faults_fail_as_often_as_they_were_told(desk: Desk) -> None:
    desk.verified_domain()
    desk.admin("POST", "faults", {"operation": "SendEmail", "kind": "throttle", "times": 2})
    desk.admin("POST", "faults", {"operation": "*", "kind": "error"})
    to = {"to": "success@simulator.amazonses.com"}
    assert refusal(desk.ses.get_account)[::2] == ("InternalServiceErrorException", 500)
    for _ in range(2):
        assert refusal(desk.send, **to)[::2] == ("TooManyRequestsException", 429)
    desk.send(**to)
    assert desk.admin("GET", "faults") == []


@pytest.mark.parametrize(
    ("service", "operation", "kind", "expected"),
    [
        ("sesv2", "get_account", "expired", ("ExpiredTokenException", 403)),
        ("sqs", "list_queues", "expired", ("ExpiredTokenException", 403)),
        ("sns", "list_topics", "expired", ("ExpiredToken", 403)),
        ("sesv2", "get_account", "denied", ("AccessDeniedException", 403)),
        ("sns", "list_topics", "denied", ("AccessDenied", 403)),
        ("sqs", "list_queues", "throttle", ("Throttling", 400)),
        ("sts", "get_caller_identity", "error", ("InternalFailure", 500)),
    ],
)
def test_each_fault_speaks_the_protocol_of_its_service(
    desk: Desk, service: str, operation: str, kind: str, expected: tuple[str, int]
) -> None:
    desk.admin("POST", "faults", {"operation": "*", "kind": kind, "times": -1})
    for _ in range(2):
        assert refusal(getattr(desk.client(service), operation))[::2] == expected
    desk.admin("DELETE", "faults")
    getattr(desk.client(service), operation)()


def test_a_fault_may_have_words_of_its_own(desk: Desk) -> None:
    fault = {"operation": "GetAccount", "kind": "error", "code": "ServiceUnavailable", "message": "no", "status": 503}
    desk.admin("POST", "faults", fault)
    assert refusal(desk.ses.get_account) == ("ServiceUnavailable", "no", 503)


def test_a_lost_answer_is_one_after_the_work_and_a_lost_request_one_before(desk: Desk) -> None:
    for kind, made in (("cut_before_work", False), ("cut_before_answer", True), ("error_after_work", True)):
        desk.admin("POST", "faults", {"operation": "CreateConfigurationSet", "kind": kind})
        with pytest.raises((ConnectionClosedError, ClientError)):
            desk.ses.create_configuration_set(ConfigurationSetName=kind)
        assert (kind in desk.ses.list_configuration_sets()["ConfigurationSets"]) is made


def test_latency_delays_the_answer_and_nothing_else(desk: Desk) -> None:
    desk.admin("POST", "faults", {"operation": "GetAccount", "kind": "latency", "seconds": 0.05})
    before = datetime.now(UTC)
    desk.ses.get_account()
    assert (datetime.now(UTC) - before).total_seconds() >= 0.05


def test_the_clock_is_read_advanced_set_and_sped_up(desk: Desk) -> None:
    assert desk.admin("GET", "clock") == {"now": START.isoformat(), "factor": 0.0}
    assert desk.admin("POST", "clock", {"advance_seconds": 90})["now"] == "2026-11-02T09:01:30+00:00"
    assert desk.admin("POST", "clock", {"set": "2027-01-01T00:00:00+01:00"})["now"] == "2026-12-31T23:00:00+00:00"
    assert desk.admin("POST", "clock", {"factor": 60})["factor"] == 60
    assert desk.admin("GET", "clock")["now"] > "2026-12-31T23:00:00+00:00"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "clock", b"not json"),
        ("POST", "clock", {"advance_seconds": -1}),
        ("POST", "clock", {"advance_seconds": 1e300}),
        ("POST", "clock", {"set": "2027-01-01T00:00:00"}),
        ("POST", "clock", {"set": "9999-12-31T23:59:59Z", "advance_seconds": 9e9}),
        ("POST", "clock", {"factor": -1}),
        ("POST", "clock", {"speed": 3}),
        ("POST", "review", {"script": [{"status": "MAYBE"}]}),
        ("POST", "faults", {"operation": "SendEmail", "kind": "earthquake"}),
        ("POST", "verify", {"identity": "nobody@example.com"}),
        ("POST", "verify", {"identity": "nonsense"}),
        ("POST", "enforcement", {"status": "FINE"}),
        ("GET", "outbox?limit=many", None),
        ("GET", "outbox?limit=0", None),
        ("PUT", "world/zones/example.com", b"www IN A nowhere"),
        ("PUT", "world/zones/example.com", b"\xff"),
        ("POST", "world/troubles", {"name": "example.com", "trouble": "flood"}),
    ],
)
def test_the_admin_door_says_in_one_sentence_what_is_wrong(desk: Desk, method: str, path: str, body: object) -> None:
    status, sentence = desk.refused(method, path, body)
    assert status == 400
    assert sentence
    assert "Traceback" not in sentence


def test_a_door_that_is_not_there_is_a_404(desk: Desk) -> None:
    for method, path in (("GET", "nothing"), ("DELETE", "clock"), ("GET", "world/zones/example.com"), ("PUT", "world")):
        assert desk.refused(method, path)[0] == 404


def test_a_reset_forgets_everything_but_the_clock_and_the_keys(desk: Desk) -> None:
    desk.events_wired()
    desk.verified_domain()
    desk.send("success@simulator.amazonses.com")
    desk.advance(60)
    now = desk.admin("GET", "clock")
    desk.admin("PUT", "world/zones/example.com", b"@ 60 IN SOA a b 1 1 1 1 1\n@ 60 IN NS a\n")
    desk.admin("POST", "reset")
    assert desk.ses.list_email_identities()["EmailIdentities"] == []
    assert desk.sqs.list_queues().get("QueueUrls", []) == []
    assert desk.sns.list_topics()["Topics"] == []
    assert desk.admin("GET", "outbox") == []
    assert desk.admin("GET", "world/zones") == ["amazonses.com.", "fernhill.test."]
    assert "_domainkey" not in desk.admin("GET", "world/zones/fernhill.test")
    assert desk.admin("GET", "clock") == now


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://example.com"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_page_of_another_origin_is_turned_away(desk: Desk, headers: dict[str, str]) -> None:
    url = f"{desk.at.http}/_sim/reset"
    desk.ses.create_email_identity(EmailIdentity="example.com")
    status, _, _ = fetch(urllib.request.Request(url, data=b"", headers=headers))  # noqa: S310
    assert status == 403
    assert len(desk.ses.list_email_identities()["EmailIdentities"]) == 1
    own = {"Origin": desk.at.http, "Sec-Fetch-Site": "same-origin"}
    assert fetch(urllib.request.Request(url, data=b"", headers=own))[0] == 200  # noqa: S310


def test_it_stops_at_once_even_when_the_clock_has_just_moved() -> None:
    for _ in range(20):
        with running(Settings(clock_factor=0.0)) as at:
            url = f"{at.http}/_sim/clock"
            assert fetch(urllib.request.Request(url, data=b'{"advance_seconds": 1}'))[0] == 200  # noqa: S310


def test_health_names_the_ports(desk: Desk) -> None:
    found = desk.admin("GET", "healthz")
    places = {"http": desk.at.http, "smtp": desk.at.smtp, "dns": desk.at.dns, "web": desk.at.web}
    assert found == {"status": "ok"} | places


def test_a_port_that_is_taken_and_a_naive_start_are_told_to_the_caller(desk: Desk) -> None:
    port = urlsplit(desk.at.http).port
    assert port is not None
    with pytest.raises(ConfigError, match=f"Cannot listen on 127.0.0.1:{port}"):
        running(Settings(port=port)).__enter__()
    with pytest.raises(ValueError, match="aware"):
        running(Settings(start=datetime(2026, 1, 1))).__enter__()  # noqa: DTZ001 - naive on purpose


def test_the_line_survives_pipelining_and_answers_in_order(desk: Desk) -> None:
    get = b"GET /_sim/%s HTTP/1.1\r\nHost: x\r\n\r\n"
    got = exchange(desk.at.http, get % b"healthz" + get % b"nothing" + get % b"clock")
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"404", b"200"]


def test_an_offer_to_upgrade_is_ignored(desk: Desk) -> None:
    get = b"GET /_sim/healthz HTTP/1.1\r\nHost: x\r\n%s\r\n"
    got = exchange(desk.at.http, get % b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + get % b"")
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"200"]


def test_chunks_and_expectations_are_understood(desk: Desk) -> None:
    head = b"POST /_sim/clock HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    got = exchange(desk.at.http, head + b'5\r\n{"adv\r\n10\r\nance_seconds": 5\r\n1\r\n}\r\n0\r\n\r\n')
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert desk.admin("GET", "clock")["now"] == "2026-11-02T09:00:05+00:00"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused_in_json(desk: Desk, sent: bytes, status: bytes) -> None:
    got = exchange(desk.at.http, sent)
    assert got.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: application/json" in got
    assert json.loads(got.partition(b"\r\n\r\n")[2])["message"]
