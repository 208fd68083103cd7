"""Attacks on the HTTP door: each is refused with an answer, and none of them leaves anything behind."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Message, Scope

from sendworthy.audit.profile import Stream
from sendworthy.clients.models import service_model
from sendworthy.errors import StoreBusy
from sendworthy.gateway import handlebars
from sendworthy.gateway.handlebars import TemplateError
from sendworthy.gateway.http_body import Bodies, Bounds, TooLarge, TooSlow
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys
from sendworthy.store import Store
from sendworthy.wire.service import Service
from tests.gateway.calls import call, refusal, signed
from tests.gateway.conftest import LANE, Clock

PATH = "/v2/email/outbound-emails"
SIMPLE: dict[str, Any] = {
    "FromEmailAddress": "shop@example.com",
    "Destination": {"ToAddresses": ["a@example.org"]},
    "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}},
}


def raw(*lines: bytes) -> dict[str, Any]:
    return {"Content": {"Raw": {"Data": b"\r\n".join([*lines, b"", b"Hello."])}}}


@pytest.mark.parametrize(
    "mail",
    [
        raw(b"From: a@example.com", b"From: boss@example.com", b"To: b@example.org"),
        raw(b"From: a@example.com, b@example.com", b"To: b@example.org"),
        raw(b"From: a@example.com", b"To: b@example.org", b"Subject: x\rBcc: c@example.org"),
        raw(b"From: a@example.com", b"To: b@example.org", b"Subject: x\0"),
        raw(b"From: a@example.com", b"To: b@example.org", b"no header at all"),
        raw(b"From: a@example.com", b"To: b@example.org", b"X: " + b"y" * 1000),
        raw(b"From: a@example.com", b"To: b@example.org", *[b"X: y"] * 60_000),
        raw(b"From: " + b"(" * 900 + b"a@example.com", b"To: b@example.org"),
        raw(b"From: a@example.com", b"To: " + b",\r\n ".join([b"<" * 300] * 800)),
        raw(b"From: a@example.com", b"To: b@example.org", b"Sender: x@example.com, y@example.com"),
    ],
)
async def test_a_message_that_could_be_read_in_two_ways_is_refused(
    door: str, key: Key, store: Store, mail: dict[str, Any]
) -> None:
    code, status, _ = await refusal(door, key, "send_email", **mail)
    assert (code, status) == ("BadRequestException", 400)
    assert (await store.messages())[0] == ()


@pytest.mark.parametrize(
    "field", ["subject", "from", "to", "reply", "name", "value", "filename", "content_type", "cid", "tag"]
)
async def test_no_field_of_a_simple_message_can_bring_a_header(door: str, key: Key, store: Store, field: str) -> None:
    evil = "x@example.com\r\nBcc: victim@example.net"
    simple: dict[str, Any] = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}
    mail: dict[str, Any] = {**SIMPLE, "Content": {"Simple": simple}}
    match field:
        case "subject":
            simple["Subject"] = {"Data": evil}
        case "from":
            mail["FromEmailAddress"] = evil
        case "to":
            mail["Destination"] = {"ToAddresses": [evil]}
        case "reply":
            mail["ReplyToAddresses"] = [evil]
        case "name":
            simple["Headers"] = [{"Name": "X\r\nBcc", "Value": "victim@example.net"}]
        case "value":
            simple["Headers"] = [{"Name": "X", "Value": evil}]
        case "tag":
            mail["EmailTags"] = [{"Name": "a", "Value": evil}]
        case _:
            file = {"FileName": "a.txt", "RawContent": b"x"}
            names = {"filename": "FileName", "content_type": "ContentType", "cid": "ContentId"}
            simple["Attachments"] = [file | {names[field]: evil}]
    assert (await refusal(door, key, "send_email", **mail))[1] == 400
    assert (await store.messages())[0] == ()


async def test_parts_in_parts_in_parts_cost_nothing(door: str, key: Key) -> None:
    """A MIME bomb: bodies are carried, not opened, so that their depth does not matter."""
    lines = [b"From: a@example.com", b"To: b@example.org", b"Content-Type: multipart/mixed; boundary=b0", b""]
    for depth in range(20_000):
        lines += [b"--b%d" % depth, b"Content-Type: multipart/mixed; boundary=b%d" % (depth + 1), b""]
    assert (await call(door, key, "send_email", Content={"Raw": {"Data": b"\r\n".join(lines)}}))["MessageId"]


async def test_a_from_that_the_key_may_not_use_is_refused(door: str, keys: Keys, store: Store) -> None:
    key = await keys.create("shop", stream=Stream.TRANSACTIONAL, domains=("shop.example.com",))
    for author in ("ceo@example.com", "x@notshop.example.com", "x@shop.example.com.example.net"):
        code, status, words = await refusal(door, key, "send_email", **(SIMPLE | {"FromEmailAddress": author}))
        assert (code, status) == ("MessageRejected", 400)
        assert "may not send from" in words
    disguised = raw(b"From: ceo@example.com", b"To: b@example.org") | {"FromEmailAddress": "x@shop.example.com"}
    assert (await refusal(door, key, "send_email", **disguised))[0] == "MessageRejected"
    sender = raw(b"From: x@shop.example.com", b"Sender: ceo@example.com", b"To: b@example.org")
    assert (await refusal(door, key, "send_email", **sender))[0] == "MessageRejected"
    assert (await store.messages())[0] == ()
    await call(door, key, "send_email", **(SIMPLE | {"FromEmailAddress": "X <x@a.shop.example.com>"}))


@pytest.mark.parametrize("path", ["/", PATH])
async def test_a_signature_is_good_for_its_body_its_time_and_its_key_alone(door: str, key: Key, path: str) -> None:
    body = json.dumps(SIMPLE).encode()
    unknown = Key(access_key_id="AKSWNOBODY", secret=key.secret, name="", stream=key.stream)
    wrong = Key(access_key_id=key.access_key_id, secret="x" * 60, name="", stream=key.stream)
    for who, ahead in ((unknown, 0), (wrong, 0), (key, -360), (key, 360)):
        assert (await signed(door, who, "POST", path, body, ahead=ahead))[0] == 403
    assert (await signed(door, key, "POST", path, b"{}", ahead=240))[0] != 403


async def test_an_unknown_key_is_told_the_same_whatever_is_wrong_with_it(door: str, key: Key) -> None:
    unknown = Key(access_key_id="AKSWNOBODY", secret="y", name="", stream=key.stream)
    stale = await signed(door, unknown, "POST", PATH, b"{}", ahead=-9_000)
    fresh = await signed(door, unknown, "POST", PATH, b"{}")
    assert stale[:2] == fresh[:2]


class Pieces:
    """A request body that comes in pieces, and stops for ever after the last unless it is the end."""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self._pieces = list(pieces)
        self._ends = ends

    async def __call__(self) -> Message:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._ends}
        await asyncio.Event().wait()
        raise AssertionError


def scope(**headers: str) -> Scope:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": given}


async def test_a_body_larger_than_any_message_is_not_read_to_its_end() -> None:
    bodies = Bodies(Bounds(most_bytes=100))
    with bodies.room() as room, pytest.raises(TooLarge):
        await room.read(scope(content_length="101"), Pieces(ends=False))
    with bodies.room() as room, pytest.raises(TooLarge):
        await room.read(scope(), Pieces(b"x" * 60, b"x" * 60, ends=False))


async def test_bodies_together_stay_within_a_budget_which_is_given_back() -> None:
    bodies = Bodies(Bounds(most_bytes=100, most_bytes_at_once=150))
    with bodies.room() as first:
        await first.read(scope(content_length="90"), Pieces(b"x" * 90))
        with bodies.room() as second, pytest.raises(StoreBusy):
            await second.read(scope(content_length="90"), Pieces(b"x" * 90))
        with bodies.room() as third, pytest.raises(StoreBusy):
            await third.read(scope(), Pieces(b"x" * 40, b"x" * 40))
    with bodies.room() as fourth:
        assert len((await fourth.read(scope(content_length="90"), Pieces(b"x" * 90))).body) == 90


async def test_a_body_that_stops_coming_is_let_go() -> None:
    bodies = Bodies(Bounds(idle_seconds=0.02))
    with bodies.room() as room, pytest.raises(TooSlow):
        await room.read(scope(content_length="90"), Pieces(b"x", ends=False))


@pytest.fixture
async def impatient(store: Store, keys: Keys, clock: Clock, serve: Any) -> AsyncIterator[str]:
    application = app(
        store,
        keys,
        Service(service_model("sesv2")),
        lane=LANE,
        now=clock,
        wall=clock,
        bounds=Bounds(idle_seconds=0.1),
    )
    async with serve(application) as url:
        yield url


async def test_a_client_that_dribbles_its_body_is_answered_408(impatient: str) -> None:
    where = urlsplit(impatient)

    def dribble() -> bytes:
        with socket.create_connection((where.hostname, where.port), timeout=10) as client:
            client.sendall(b"POST /v2/email/outbound-emails HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nx")
            return client.recv(4_000)

    assert b" 408 " in (await asyncio.to_thread(dribble)).split(b"\r\n")[0]


async def test_a_store_that_is_busy_is_a_503_that_says_when_to_come_back(door: str, key: Key, store: Store) -> None:
    store._budget = type(store._budget)(most_bytes=1, most_messages=0)
    body = json.dumps(SIMPLE).encode()
    answers = await asyncio.gather(*(signed(door, key, "POST", PATH, body) for _ in range(8)))
    busy = [headers for status, _, headers in answers if status == 503]
    assert busy, "eight at once into a budget of one must be too many"
    assert all(int(headers["retry-after"]) >= 1 for headers in busy)
    kept = (await store.messages())[0]
    assert len(kept) == sum(status == 200 for status, _, _ in answers)


@pytest.mark.parametrize(
    ("template", "data"),
    [
        ("{{#each a}}{{#each ../a}}{{/each}}{{/each}}", {"a": [1] * 20_000}),
        ("{{!--" * 80_000, {}),
        ("{{!--}}" * 50_000 + "{{", {}),
        ("{{!-- a }}" * 40_000 + "{{", {}),
        ("{{{" * 100_000, {}),
        ("\\{{" * 100_000, {}),
        ("{{a}}", {"a": json.loads("[" * 900 + "]" * 900)}),
    ],
)
def test_no_template_holds_the_gateway_up(template: str, data: dict[str, Any]) -> None:
    began = time.process_time()
    with pytest.raises(TemplateError):
        handlebars.read(template).render(data)
    assert time.process_time() - began < 3


def test_templates_that_were_read_are_kept_within_bounds() -> None:
    """Each call may bring a template of its own; 256 of the largest would take gigabytes."""
    for number in range(12):
        handlebars.read(f"{number}" + "x" * 300_000)
    assert handlebars.read("11" + "x" * 300_000) is handlebars.read("11" + "x" * 300_000)
    assert sum(map(len, handlebars._kept._templates)) <= 1024 * 1024
