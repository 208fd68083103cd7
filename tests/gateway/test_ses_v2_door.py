from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sendworthy.errors import (
    ConfigError,
    InvalidMessage,
    SendRefused,
    SendworthyError,
    StoreUnavailable,
    Throttled,
)
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.ses_v2 import told
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import Store
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import Credentials, sign

OpenAccount = Callable[..., Awaitable[State]]
RAW = (
    b"From: Shop <shop@example.com>\r\nTo: Ann <a@example.org>\r\nCc: b@example.org\r\nBcc: c@example.org\r\n"
    b"X-SES-MESSAGE-TAGS: kind=order\r\nSubject: Your order\r\n\r\nThank you.\r\n"
)
SIMPLE: dict[str, Any] = {
    "FromEmailAddress": "Shop <shop@example.com>",
    "Destination": {"ToAddresses": ["Ann <a@example.org>"], "BccAddresses": ["boss@example.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Thank you, Jörg."}}}},
}


def a_client(door: str, key: Key) -> Any:
    return boto3.client(
        "sesv2",
        endpoint_url=door,
        region_name="eu-west-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


async def call(door: str, key: Key, operation: str, **params: Any) -> dict[str, Any]:
    client = a_client(door, key)
    try:
        return dict(await asyncio.to_thread(getattr(client, operation), **params))
    finally:
        client.close()


async def refusal(door: str, key: Key, operation: str, **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        await call(door, key, operation, **params)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def post(door: str, path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection(urlsplit(door).netloc, timeout=10)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.headers.get_content_type()
    finally:
        connection.close()


async def signed(door: str, key: Key, body: bytes, *, service: str = "ses", ahead: float = 0, **more: str) -> Any:
    path = "/v2/email/outbound-emails"
    headers = {"host": urlsplit(door).netloc, "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }
    request = Request(method="POST", path=path, query="", headers=headers, body=body)
    credentials = Credentials(key.access_key_id, key.secret)
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    headers |= sign(request, credentials=credentials, region="eu-west-1", service=service, now=at)
    status, raw, _ = await asyncio.to_thread(post, door, path, body, headers)
    return status, json.loads(raw)


async def test_boto3_sends_a_simple_message_by_endpoint_and_key_alone(door: str, key: Key, store: Store) -> None:
    tags = [{"Name": "kind", "Value": "order"}]
    answer = await call(door, key, "send_email", **SIMPLE, EmailTags=tags, ConfigurationSetName="main")
    message = await store.message(answer["MessageId"])
    assert message is not None
    assert (message.mail_from, message.subject, dict(message.tags)) == ("shop@example.com", "Grüße", {"kind": "order"})
    assert (message.configuration_set, message.access_key_id) == ("main", key.access_key_id)
    found, _ = await store.deliveries(message_id=message.id)
    assert {delivery.recipient for delivery in found} == {"a@example.org", "boss@example.com"}
    raw = await store.body(message.id)
    assert raw is not None
    written = message_from_bytes(raw)
    assert written["To"] == '"Ann" <a@example.org>'
    assert b"boss@example.com" not in raw


async def test_boto3_sends_a_raw_message_with_its_visible_headers_kept(door: str, key: Key, store: Store) -> None:
    answer = await call(door, key, "send_email", Content={"Raw": {"Data": RAW}})
    found, _ = await store.deliveries(message_id=answer["MessageId"])
    assert {delivery.recipient for delivery in found} == {"a@example.org", "b@example.org", "c@example.org"}
    assert await store.body(answer["MessageId"]) == (
        b"From: Shop <shop@example.com>\r\nTo: Ann <a@example.org>\r\nCc: b@example.org\r\n"
        b"Subject: Your order\r\n\r\nThank you.\r\n"
    )
    message = await store.message(answer["MessageId"])
    assert message is not None
    assert dict(message.tags) == {"kind": "order"}


async def test_a_destination_beside_a_raw_message_says_who_gets_it(door: str, key: Key, store: Store) -> None:
    to = {"ToAddresses": ["only@example.org", "Only@example.org"]}
    answer = await call(door, key, "send_email", Content={"Raw": {"Data": RAW}}, Destination=to)
    found, _ = await store.deliveries(message_id=answer["MessageId"])
    assert [delivery.recipient for delivery in found] == ["only@example.org"]


async def test_boto3_reads_the_account_as_the_governor_knows_it(door: str, key: Key, open_account: OpenAccount) -> None:
    assert await refusal(door, key, "get_account") == (
        "ServiceUnavailable",
        503,
        "The account's quota is not known yet.",
    )
    await open_account()
    account = await call(door, key, "get_account")
    assert account["ProductionAccessEnabled"] is True
    assert account["SendQuota"] == {"Max24HourSend": 50_000.0, "MaxSendRate": 100.0, "SentLast24Hours": 7.0}


async def test_the_aws_command_line_sends_and_reads_the_account(
    door: str, key: Key, store: Store, open_account: OpenAccount, tmp_path: Path
) -> None:
    await open_account()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": door,
    }
    program = str(Path(sys.executable).with_name("aws"))

    async def aws(*words: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            program, "sesv2", *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err
        return json.loads(out)

    account = await aws("get-account")
    assert account["SendQuota"]["MaxSendRate"] == 100
    content = json.dumps({"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}})
    words = ["--from-email-address", "shop@example.com", "--destination", "ToAddresses=a@example.org"]
    sent = await aws("send-email", *words, "--content", content)
    assert await store.message(sent["MessageId"])


async def test_an_sdks_own_retry_of_one_call_is_one_message(door: str, key: Key, store: Store) -> None:
    body = json.dumps(SIMPLE).encode()
    first = await signed(door, key, body, amz_sdk_invocation_id="call-1", amz_sdk_request="attempt=1; max=3")
    again = await signed(door, key, body, amz_sdk_invocation_id="call-1", amz_sdk_request="attempt=2; max=3")
    other = await signed(door, key, body, amz_sdk_invocation_id="call-2")
    assert first == again
    assert first[0] == other[0] == 200
    assert other[1]["MessageId"] != first[1]["MessageId"]
    assert len((await store.messages())[0]) == 2


async def test_an_idempotency_key_is_good_for_one_message_only(door: str, key: Key, store: Store) -> None:
    headers = [{"Name": "X-Sendworthy-Idempotency-Key", "Value": "order-7"}]
    simple = SIMPLE["Content"]["Simple"] | {"Headers": headers}
    first = await call(door, key, "send_email", **(SIMPLE | {"Content": {"Simple": simple}}))
    again = await call(door, key, "send_email", **(SIMPLE | {"Content": {"Simple": simple}}))
    assert first["MessageId"] == again["MessageId"]
    raw = await store.body(first["MessageId"])
    assert raw is not None
    assert b"order-7" not in raw
    other = simple | {"Subject": {"Data": "Another"}}
    code, status, _ = await refusal(door, key, "send_email", **(SIMPLE | {"Content": {"Simple": other}}))
    assert (code, status) == ("BadRequestException", 400)


async def test_a_suppressed_recipient_is_accepted_and_marked(door: str, key: Key, store: Store) -> None:
    await store.add_suppression(Address("a", "example.org"), SuppressionReason.COMPLAINT, source="test")
    answer = await call(door, key, "send_email", **SIMPLE)
    found, _ = await store.deliveries(message_id=answer["MessageId"])
    assert {delivery.recipient: delivery.status for delivery in found} == {
        "a@example.org": Status.SUPPRESSED,
        "boss@example.com": Status.ACCEPTED,
    }


async def test_bulk_mail_without_one_click_unsubscribe_is_refused(door: str, bulk_key: Key, store: Store) -> None:
    code, status, message = await refusal(door, bulk_key, "send_email", **SIMPLE)
    assert (code, status) == ("MessageRejected", 400)
    assert "RFC 8058" in message
    headers = [
        {"Name": "List-Unsubscribe", "Value": "<https://example.com/u/1>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]
    simple = SIMPLE["Content"]["Simple"] | {"Headers": headers}
    answer = await call(door, bulk_key, "send_email", **(SIMPLE | {"Content": {"Simple": simple}}))
    assert await store.message(answer["MessageId"])


async def test_only_the_holder_of_a_good_key_gets_in(door: str, key: Key, keys: Keys, store: Store) -> None:
    wrong = Key(access_key_id=key.access_key_id, secret="guess", name="", stream=key.stream)
    assert (await refusal(door, wrong, "send_email", **SIMPLE))[:2] == ("InvalidSignatureException", 403)
    unknown = Key(access_key_id="AKSWNOBODY", secret=key.secret, name="", stream=key.stream)
    assert (await refusal(door, unknown, "send_email", **SIMPLE))[:2] == ("UnrecognizedClientException", 403)
    assert (await signed(door, key, b"{}", ahead=-3600))[0] == 403
    assert (await signed(door, key, b"{}", ahead=3600))[0] == 403
    assert (await signed(door, key, b"{}", service="sqs"))[0] == 403
    assert (await signed(door, key, b"{}"))[0] == 400
    assert await keys.revoke(key.access_key_id)
    assert (await refusal(door, key, "send_email", **SIMPLE))[:2] == ("UnrecognizedClientException", 403)
    assert (await store.messages())[0] == ()


async def test_a_body_altered_on_the_way_is_refused(door: str, key: Key) -> None:
    path = "/v2/email/outbound-emails"
    headers = {"host": urlsplit(door).netloc, "content-type": "application/json"}
    request = Request(method="POST", path=path, query="", headers=headers, body=b'{"a": 1}')
    credentials = Credentials(key.access_key_id, key.secret)
    headers |= sign(request, credentials=credentials, region="eu-west-1", service="ses", now=datetime.now(UTC))
    status, raw, _ = await asyncio.to_thread(post, door, path, b'{"a": 2}', headers)
    assert (status, json.loads(raw)["message"][:21]) == (403, "The request signature")


async def test_what_is_not_offered_is_an_error_of_awss_shape_and_never_a_page(door: str, key: Key) -> None:
    code, status, message = await refusal(door, key, "list_email_identities")
    assert (code, status) == ("NotFoundException", 404)
    assert "ListEmailIdentities" in message
    for method, path in (("GET", "/"), ("POST", "/v2/email/outbound-emails"), ("PUT", "/index.html"), ("GET", "/%ff")):
        status, raw, content_type = await asyncio.to_thread(post, door, path, b"", {}, method)
        assert status == 403
        assert ("xml" if path == "/" else "json") in content_type
        assert b"<Message>" in raw if path == "/" else json.loads(raw)["message"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"Content": {"Raw": {"Data": b"no headers"}}}, "header"),
        ({"Content": {"Raw": {"Data": b"From: a@example.com\r\n\r\n"}}, "Destination": {}}, "recipient"),
        ({"Content": {"Template": {"TemplateContent": {"Subject": "x"}}}}, "Text nor an Html"),
        ({"Content": {"Template": {"TemplateData": "{}"}}}, "TemplateName"),
        ({"Destination": {"ToAddresses": ["nobody"]}}, "domain"),
        ({"Destination": {"ToAddresses": ["jörg@example.org"]}}, "non-ascii"),
        ({"Destination": {"ToAddresses": [f"u{number}@example.org" for number in range(51)]}}, "exceeds 50"),
        ({"FromEmailAddress": "shop@example.com\r\nBcc: x@example.org"}, "line break"),
        ({"EmailTags": [{"Name": "a b", "Value": "1"}]}, "tag"),
        ({"EmailTags": [{"Name": "sendworthy-delivery", "Value": "1"}]}, "tag"),
        ({"TenantName": "x"}, "TenantName"),
        ({"FromEmailAddress": ""}, "FromEmailAddress"),
    ],
)
async def test_a_malformed_message_is_refused_in_one_line_and_not_kept(
    door: str, key: Key, store: Store, change: dict[str, Any], word: str
) -> None:
    code, status, message = await refusal(door, key, "send_email", **(SIMPLE | change))
    assert (code, status) == ("BadRequestException", 400)
    assert word in message
    assert "\n" not in message
    assert (await store.messages())[0] == ()


async def test_a_body_that_is_no_json_is_refused_by_the_model(door: str, key: Key) -> None:
    for body in (b"{", b"[]", b'{"Content": 7}', b"{}"):
        status, answer = await signed(door, key, body)
        assert status == 400
        assert answer["message"]


async def test_an_endless_body_is_cut_off_before_it_fills_the_memory(door: str) -> None:
    headers = {"Content-Length": str(10**10)}
    status, _, content_type = await asyncio.to_thread(post, door, "/v2/email/outbound-emails", b"", headers)
    assert (status, "json" in content_type) == (413, True)


async def test_a_store_that_cannot_keep_the_message_is_a_503_that_sdks_retry(
    door: str, key: Key, store: Store, keys: Keys
) -> None:
    assert await keys.find(key.access_key_id)
    await store.close()
    code, status, _ = await refusal(door, key, "send_email", **SIMPLE)
    assert (code, status) == ("ServiceUnavailable", 503)


async def test_health_is_the_process_and_readiness_the_governor(
    door: str, open_account: OpenAccount, store: Store
) -> None:
    async def look(path: str) -> tuple[int, Any]:
        status, raw, _ = await asyncio.to_thread(post, door, path, b"", {}, "GET")
        return status, json.loads(raw)

    assert (await look("/healthz"))[0] == 200
    assert (await look("/readyz"))[0] == 503
    await open_account()
    assert await look("/readyz") == (200, {"status": "ok", "held": ""})
    await open_account(sending_enabled=False)
    assert await look("/readyz") == (200, {"status": "ok", "held": "paused"})
    await store.close()
    assert (await look("/readyz"))[0] == 503
    assert (await look("/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (WireError("X", "y", 418), ("X", 418)),
        (InvalidMessage("x"), ("BadRequestException", 400)),
        (SendRefused("x"), ("MessageRejected", 400)),
        (StoreUnavailable("x"), ("ServiceUnavailable", 503)),
        (ConfigError("x"), ("InternalServiceErrorException", 500)),
        (Throttled("x"), ("InternalServiceErrorException", 500)),
    ],
)
def test_each_error_has_its_answer(error: SendworthyError, answer: tuple[str, int]) -> None:
    assert told(error) == answer
