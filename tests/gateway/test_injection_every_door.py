"""Header injection and MIME bombs by the doors that test_attacks leaves out: SES v1, templates, bulk and SMTP."""

from __future__ import annotations

import asyncio
import json
import smtplib
import socket
from collections.abc import AsyncIterator
from email import message_from_bytes
from typing import Any

import pytest

from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.smtp import SmtpDoor
from sendworthy.store import Store
from sendworthy.wire.smtp_password import smtp_password
from tests.gateway.calls import REGION, call, refusal

EVIL = "x@example.com\r\nBcc: victim@example.net"
FOLDED = "x\n Bcc: victim@example.net"


def bomb(depth: int = 20_000) -> bytes:
    """Write parts in parts in parts."""
    lines = [b"From: shop@example.com", b"To: a@example.org", b"Content-Type: multipart/mixed; boundary=b0", b""]
    for level in range(depth):
        lines += [b"--b%d" % level, b"Content-Type: multipart/mixed; boundary=b%d" % (level + 1), b""]
    return b"\r\n".join(lines)


TWO_WAYS = [
    b"From: shop@example.com\r\nFrom: boss@example.com\r\nTo: a@example.org\r\n\r\nHi\r\n",
    b"From: shop@example.com, boss@example.com\r\nTo: a@example.org\r\n\r\nHi\r\n",
    b"From: shop@example.com\r\nTo: a@example.org\r\nno header at all\r\n\r\nHi\r\n",
    b"From: shop@example.com\r\nTo: a@example.org\r\nX: " + b"y" * 1_000 + b"\r\n\r\nHi\r\n",
    b"From: shop@example.com\r\nTo: a@example.org\r\nSubject: x\0y\r\n\r\nHi\r\n",
    b"From: shop@example.com\r\nSubject: a\r\nSubject: b\r\nTo: a@example.org\r\n\r\nHi\r\n",
]
"""Messages of which two readers could make two things."""

BARE = b"From: shop@example.com\r\nTo: a@example.org\r\nSubject: x\rBcc: victim@example.net\r\n\r\nHi\r\n"
"""smtplib mends it before it sends; by SMTP tests/gateway/test_smtp_session.py sends it by hand."""


@pytest.fixture
async def smtp(desk: Reception, keys: Keys) -> AsyncIterator[int]:
    door = SmtpDoor(desk, keys, regions=(REGION,), tls=None)
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)
    yield sock.getsockname()[1]
    await door.close(grace_seconds=5)


async def by_smtp(port: int, key: Key, message: bytes) -> int:
    def send() -> int:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.login(key.access_key_id, smtp_password(key.secret, REGION))
            client.mail("shop@example.com")
            client.rcpt("a@example.org")
            return client.data(message)[0]

    return await asyncio.to_thread(send)


async def nothing_kept(store: Store) -> bool:
    return (await store.messages())[0] == ()


@pytest.mark.parametrize("field", ["subject", "source", "to", "cc", "reply", "tag"])
@pytest.mark.parametrize("evil", [EVIL, FOLDED])
async def test_no_field_of_v1_can_bring_a_header(door: str, key: Key, store: Store, field: str, evil: str) -> None:
    subject = evil if field == "subject" else "Hi"
    mail: dict[str, Any] = {
        "Source": evil if field == "source" else "shop@example.com",
        "Destination": {"ToAddresses": [evil if field == "to" else "a@example.org"]},
        "Message": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": "Hello."}}},
    }
    match field:
        case "cc":
            mail["Destination"]["CcAddresses"] = [evil]
        case "reply":
            mail["ReplyToAddresses"] = [evil]
        case "tag":
            mail["Tags"] = [{"Name": "a", "Value": evil}]
        case _:
            pass
    assert (await refusal(door, key, "send_email", api="ses", **mail))[1] == 400
    assert await nothing_kept(store)


@pytest.mark.parametrize("message", [*TWO_WAYS, BARE])
async def test_a_raw_message_that_could_be_read_in_two_ways_is_refused_by_v1(
    door: str, key: Key, store: Store, message: bytes
) -> None:
    assert (await refusal(door, key, "send_raw_email", api="ses", RawMessage={"Data": message}))[1] == 400
    assert await nothing_kept(store)


@pytest.mark.parametrize("message", TWO_WAYS)
async def test_a_message_that_could_be_read_in_two_ways_is_refused_by_smtp(
    smtp: int, key: Key, store: Store, message: bytes
) -> None:
    assert await by_smtp(smtp, key, message) == 554
    assert await nothing_kept(store)


async def headers_kept(store: Store) -> list[list[str]]:
    kept = []
    for message in (await store.messages())[0]:
        raw = await store.body(message.id)
        assert raw is not None
        kept.append([name.lower() for name in message_from_bytes(raw).keys()])  # noqa: SIM118 - names come twice, too
    return kept


@pytest.mark.parametrize("evil", [EVIL, FOLDED])
async def test_the_data_of_a_template_brings_no_header_by_any_call(
    door: str, key: Key, store: Store, evil: str
) -> None:
    content = {"Subject": "Hi {{x}}", "Text": "{{x}}"}
    await call(door, key, "create_email_template", TemplateName="hi", TemplateContent=content)
    data = json.dumps({"x": evil})
    to = {"ToAddresses": ["a@example.org"]}
    entry = {"Destination": to, "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}}}
    default = {"Template": {"TemplateName": "hi", "TemplateData": "{}"}}
    bulk: dict[str, Any] = {
        "FromEmailAddress": "shop@example.com",
        "DefaultContent": default,
        "BulkEmailEntries": [entry],
    }
    assert (await call(door, key, "send_bulk_email", **bulk))["BulkEmailEntryResults"][0]["Status"] == "SUCCESS"
    v1 = {"Source": "shop@example.com", "Destination": to, "Template": "hi", "TemplateData": data}
    await call(door, key, "send_templated_email", api="ses", **v1)
    entries = [{"Destination": to, "ReplacementTemplateData": data}]
    many = {"Source": "shop@example.com", "Template": "hi", "DefaultTemplateData": "{}", "Destinations": entries}
    answer = await call(door, key, "send_bulk_templated_email", api="ses", **many)
    assert answer["Status"][0]["Status"] == "Success"
    kept = await headers_kept(store)
    assert len(kept) == 3
    assert not any("bcc" in names for names in kept)
    assert {one.recipient for one in (await store.deliveries())[0]} == {"a@example.org"}


@pytest.mark.parametrize("headers", [[{"Name": "X", "Value": EVIL}], [{"Name": "X\r\nBcc", "Value": "v@example.net"}]])
async def test_the_headers_of_a_bulk_entry_bring_no_other_header(
    door: str, key: Key, store: Store, headers: list[dict[str, str]]
) -> None:
    inline = {"TemplateContent": {"Subject": "Hi", "Text": "Hello."}, "TemplateData": "{}"}
    entry = {"Destination": {"ToAddresses": ["a@example.org"]}, "ReplacementHeaders": headers}
    bulk: dict[str, Any] = {
        "FromEmailAddress": "shop@example.com",
        "DefaultContent": {"Template": inline},
        "BulkEmailEntries": [entry],
    }
    code, status, words = await refusal(door, key, "send_bulk_email", **bulk)
    assert (code, status) == ("BadRequestException", 400)
    assert "replacementHeaders" in words
    assert await nothing_kept(store)


async def test_parts_in_parts_cost_nothing_by_v1_or_smtp(door: str, smtp: int, key: Key, store: Store) -> None:
    await call(door, key, "send_raw_email", api="ses", RawMessage={"Data": bomb()})
    assert await by_smtp(smtp, key, bomb()) == 250
    kept = (await store.messages())[0]
    assert len(kept) == 2
    for message in kept:
        raw = await store.body(message.id)
        assert raw is not None
        assert raw.count(b"boundary=") == 20_001
