from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from botocore.credentials import Credentials

from sendworthy.clients.answer import Answer, AnswerKind, Parcel, classify
from sendworthy.clients.ses_send import SesSender, read_answer
from sendworthy.errors import ConfigError
from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import verify

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SECRET = "made-up"
PARCEL = Parcel(
    delivery_id="m1-0",
    recipient="a@example.org",
    mail_from="shop@example.com",
    raw=b"From: shop@example.com\r\n\r\nHi\r\n",
    configuration_set="main",
    tags={"kind": "order"},
)
UNVERIFIED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "

Reply = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


def answering(status: int, body: bytes, *headers: str) -> Reply:
    async def reply(writer: asyncio.StreamWriter, _: bytes) -> None:
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return reply


@asynccontextmanager
async def ses(reply: Reply) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes requests and answers as scripted; closes the connection when the script does not answer."""
    requests: list[bytes] = []
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(length))
                await reply(writer, requests[-1])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        server.close()
        await asyncio.gather(*filter(None, serving))
        await server.wait_closed()


@asynccontextmanager
async def sender(endpoint: str, **settings: float) -> AsyncIterator[SesSender]:
    made = SesSender(
        endpoint=endpoint,
        region="eu-west-1",
        credentials=Credentials("AKIATEST", SECRET, "token"),
        now=lambda: NOW,
        timeout_seconds=settings.get("timeout_seconds", 10),
    )
    try:
        yield made
    finally:
        await made.close()


def as_request(raw: bytes) -> Request:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Request(method=method, path=path, query="", headers=headers, body=body)


async def test_a_call_is_signed_tagged_and_names_one_recipient() -> None:
    async with ses(answering(200, b'{"MessageId": "ses-1"}')) as (endpoint, requests), sender(endpoint) as wire:
        assert await wire.send(PARCEL) == Answer(kind=AnswerKind.SENT, ses_message_id="ses-1")
        assert (await wire.send(PARCEL)).kind is AnswerKind.SENT
    request = as_request(requests[0])
    assert (request.method, request.path) == ("POST", "/v2/email/outbound-emails")
    assert verify(request, secret=SECRET, now=NOW).access_key_id == "AKIATEST"
    assert request.headers["x-amz-security-token"] == "token"
    body = json.loads(request.body)
    assert base64.b64decode(body.pop("Content")["Raw"]["Data"]) == PARCEL.raw
    assert body == {
        "FromEmailAddress": "shop@example.com",
        "Destination": {"ToAddresses": ["a@example.org"]},
        "ConfigurationSetName": "main",
        "EmailTags": [
            {"Name": "kind", "Value": "order"},
            {"Name": "sendworthy-delivery", "Value": "m1-0"},
        ],
    }


async def test_a_refusal_is_told_with_code_and_words() -> None:
    reply = answering(400, b'{"message": "Bad words."}', "x-amzn-ErrorType: MessageRejected:http://internal/")
    async with ses(reply) as (endpoint, requests), sender(endpoint) as wire:
        answer = await wire.send(PARCEL)
    assert answer == Answer(kind=AnswerKind.REJECTED, code="MessageRejected", text="Bad words.")
    assert len(requests) == 1


async def test_no_door_to_knock_on_is_certainly_not_taken() -> None:
    async with ses(answering(200, b"{}")) as (endpoint, _):
        pass
    async with sender(endpoint) as wire:
        answer = await wire.send(PARCEL)
    assert (answer.kind, answer.code, answer.whole_account) == (AnswerKind.UNAVAILABLE, "Unreachable", True)


async def test_a_connection_cut_before_the_answer_is_uncertain_and_not_repeated() -> None:
    async def cut(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.close()

    async with ses(cut) as (endpoint, requests), sender(endpoint) as wire:
        assert (await wire.send(PARCEL)).kind is AnswerKind.UNCERTAIN
        assert (await wire.send(PARCEL)).kind is AnswerKind.UNCERTAIN
    assert len(requests) == 2


async def test_an_answer_cut_short_is_uncertain() -> None:
    async def half(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"Mess')
        await writer.drain()
        writer.close()

    async with ses(half) as (endpoint, _), sender(endpoint) as wire:
        assert (await wire.send(PARCEL)).kind is AnswerKind.UNCERTAIN


async def test_a_server_that_never_answers_leaves_it_uncertain() -> None:
    asked = asyncio.Event()

    async def silent(_: asyncio.StreamWriter, __: bytes) -> None:
        asked.set()

    async with ses(silent) as (endpoint, _), sender(endpoint, timeout_seconds=0.2) as wire:
        answer = await wire.send(PARCEL)
        assert asked.is_set()
    assert (answer.kind, answer.code) == (AnswerKind.UNCERTAIN, "Timeout")


async def test_something_that_speaks_no_http_leaves_it_uncertain() -> None:
    async def noise(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(b"220 smtp.example.com ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with ses(noise) as (endpoint, _), sender(endpoint) as wire:
        assert (await wire.send(PARCEL)).kind is AnswerKind.UNCERTAIN


async def test_credentials_that_cannot_be_read_deny_and_nothing_goes_out() -> None:
    class Expired:
        def get_frozen_credentials(self) -> None:
            raise RuntimeError("no token")

    async with ses(answering(200, b"{}")) as (endpoint, requests):
        wire = SesSender(endpoint=endpoint, region="eu-west-1", credentials=Expired(), now=lambda: NOW)
        answer = await wire.send(PARCEL)
        await wire.close()
    assert (answer.kind, answer.whole_account, requests) == (AnswerKind.DENIED, True, [])
    assert "no token" not in answer.text


@pytest.mark.parametrize("endpoint", ["", "email.eu-west-1.amazonaws.com", "ftp://example.com", "http://"])
async def test_an_endpoint_that_is_no_address_is_a_configuration_error(endpoint: str) -> None:
    with pytest.raises(ConfigError):
        SesSender(endpoint=endpoint, region="eu-west-1", credentials=None, now=lambda: NOW)


@pytest.mark.parametrize(
    ("status", "code", "text", "kind", "whole_account"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", AnswerKind.THROTTLED_RATE, False),
        (400, "Throttling", "Maximum sending rate exceeded.", AnswerKind.THROTTLED_RATE, False),
        (400, "ThrottlingException", "Maximum sending rate exceeded", AnswerKind.THROTTLED_RATE, False),
        (400, "ThrottlingException", "Daily message quota exceeded", AnswerKind.THROTTLED_DAY, False),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", AnswerKind.THROTTLED_DAY, False),
        (400, "LimitExceededException", "Daily message quota exceeded.", AnswerKind.THROTTLED_DAY, False),
        (400, "LimitExceededException", "", AnswerKind.THROTTLED_DAY, False),
        (400, "LimitExceededException", "Maximum sending rate exceeded.", AnswerKind.THROTTLED_RATE, False),
        (429, "", "", AnswerKind.THROTTLED_RATE, False),
        (400, "MessageRejected", UNVERIFIED + "a@example.org", AnswerKind.SANDBOXED, False),
        (400, "MessageRejected", UNVERIFIED + "shop@example.com, A@Example.org", AnswerKind.SANDBOXED, False),
        (400, "MessageRejected", UNVERIFIED + "shop@example.com, other@...", AnswerKind.SANDBOXED, False),
        (400, "MessageRejected", UNVERIFIED + "shop@example.com", AnswerKind.REJECTED, False),
        (400, "MessageRejected", "Email address is not verified.", AnswerKind.REJECTED, False),
        (400, "MessageRejected", "Illegal attachment.", AnswerKind.REJECTED, False),
        (400, "MessageRejected", "Sending paused for this account.", AnswerKind.PAUSED, True),
        (400, "MessageRejected", "Sending suspended for this account", AnswerKind.PAUSED, True),
        (400, "SendingPausedException", "Sending paused for this account. For more", AnswerKind.PAUSED, True),
        (400, "SendingPausedException", "Sending paused for configuration set main.", AnswerKind.PAUSED, False),
        (400, "AccountSendingPausedException", "Account is paused", AnswerKind.PAUSED, True),
        (400, "ConfigurationSetSendingPausedException", "paused", AnswerKind.PAUSED, False),
        (400, "AccountSuspendedException", "", AnswerKind.PAUSED, True),
        (400, "MailFromDomainNotVerifiedException", "", AnswerKind.UNAVAILABLE, False),
        (404, "NotFoundException", "Configuration set <main> does not exist.", AnswerKind.REJECTED, False),
        (400, "BadRequestException", "Missing final '@domain'", AnswerKind.REJECTED, False),
        (403, "AccessDeniedException", "not authorized to perform: ses:SendEmail", AnswerKind.DENIED, True),
        (400, "UnrecognizedClientException", "", AnswerKind.DENIED, True),
        (403, "ExpiredTokenException", "", AnswerKind.DENIED, True),
        (403, "SignatureDoesNotMatch", "", AnswerKind.DENIED, True),
        (403, "InvalidSignatureException", "", AnswerKind.DENIED, True),
        (403, "", "<html>Forbidden by the proxy</html>", AnswerKind.DENIED, True),
        (503, "ServiceUnavailable", "", AnswerKind.UNAVAILABLE, True),
        (302, "", "", AnswerKind.UNAVAILABLE, True),
        (500, "InternalServiceErrorException", "", AnswerKind.UNCERTAIN, False),
        (500, "InternalFailure", "", AnswerKind.UNCERTAIN, False),
        (502, "", "", AnswerKind.UNCERTAIN, False),
        (504, "", "", AnswerKind.UNCERTAIN, False),
        (413, "", "", AnswerKind.REJECTED, False),
    ],
)
def test_each_error_of_ses_means_one_thing(
    status: int, code: str, text: str, kind: AnswerKind, whole_account: bool
) -> None:
    answer = classify(status, code, text, recipient="a@example.org")
    assert (answer.kind, answer.whole_account) == (kind, whole_account)
    assert answer.code


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"[1]", b'{"MessageId": ""}', b'{"MessageId": 7}'])
def test_a_success_without_an_id_is_uncertain(body: bytes) -> None:
    assert read_answer(200, "", body, recipient="a@example.org").kind is AnswerKind.UNCERTAIN


@pytest.mark.parametrize(
    ("header", "body", "code"),
    [
        ("MessageRejected", b'{"message": "x"}', "MessageRejected"),
        ("", b'{"__type": "com.amazonaws.ses#MessageRejected", "Message": "x"}', "MessageRejected"),
        ("", b'{"code": "MessageRejected"}', "MessageRejected"),
        ("", b"<html>", "HTTP400"),
    ],
)
def test_the_code_is_found_wherever_aws_puts_it(header: str, body: bytes, code: str) -> None:
    assert read_answer(400, header, body, recipient="a@example.org").code == code
