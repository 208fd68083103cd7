"""Clients that dribble: at each stage of HTTP and SMTP they are let go in bounded time, and others are served."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from sendworthy.app.doors import bound, serving_http
from sendworthy.app.patient_http import Heads
from sendworthy.clients.models import service_model
from sendworthy.gateway.http_body import Bounds
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.smtp import SmtpDoor, SmtpLimits
from sendworthy.store import Store
from sendworthy.wire.service import Service
from sendworthy.wire.smtp_password import smtp_password
from tests.gateway.calls import signed
from tests.gateway.conftest import LANE, Clock

V2_API = Service(service_model("sesv2"))
REGION = "eu-west-1"
PATIENCE = 0.4
"""Seconds that the doors under test wait; in earnest it is 20 and more."""

LONG = 20 * PATIENCE
"""Bounds that must not be what ends a connection here."""

HEAD = b"POST /v2/email/outbound-emails HTTP/1.1\r\nhost: x\r\n"


@asynccontextmanager
async def serving(application: Any, heads: Heads) -> AsyncIterator[str]:
    door = bound("127.0.0.1:0", "gateway.http")
    async with serving_http(application, door, heads=heads):
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    door.close()


@pytest.fixture
async def url(store: Store, keys: Keys, clock: Clock) -> AsyncIterator[str]:
    """The door as the program opens it, and less patient."""
    bounds = Bounds(idle_seconds=PATIENCE, body_seconds=LONG, slowest_bytes_per_second=1_000)
    application = app(store, keys, V2_API, lane=LANE, now=clock, wall=lambda: datetime.now(UTC), bounds=bounds)
    async with serving(application, Heads(seconds=PATIENCE, most_bytes=8_192)) as opened:
        yield opened


class Dribble:
    """One byte after another, each well within the patience of whoever waits for the next."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __call__(self, first: bytes, drip: bytes) -> tuple[bytes, float]:
        """Send `first`, then `drip` over and over; gives what was answered, and after how many seconds it was over.

        The answer is empty where bytes of ours crossed with it: TCP then takes back what was not read yet.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        clock = asyncio.get_running_loop().time
        began = clock()
        answered = asyncio.create_task(reader.read())
        writer.write(first)
        with suppress(ConnectionError):
            while not answered.done():
                writer.write(drip)
                await writer.drain()
                await asyncio.wait({answered}, timeout=PATIENCE / 8)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        seconds = clock() - began
        try:
            return await answered, seconds
        except ConnectionError:
            assert drip, "an answer to who is silent cannot cross with anything"
            return b"", seconds


def dribble(url: str) -> Dribble:
    port = urlsplit(url).port
    assert port
    return Dribble(port)


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"P", b""),
        (b"POST /", b"a"),
        (HEAD, b"x-a: b\r\n"),
        (HEAD + b"x: ", b"y"),
    ],
)
async def test_a_head_that_never_ends_is_let_go(url: str, first: bytes, drip: bytes) -> None:
    answer, seconds = await dribble(url)(first, drip)
    assert not answer or answer.startswith(b"HTTP/1.1 408 ")
    assert PATIENCE * 0.9 < seconds < LONG / 2


async def test_the_head_of_a_second_request_on_a_connection_is_waited_for_no_longer(url: str) -> None:
    answer, seconds = await dribble(url)(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + HEAD, b"y")
    first, _, second = answer.partition(b"}")
    assert not answer or (first[:13], second[:13]) == (b"HTTP/1.1 200 ", b"HTTP/1.1 408 ")
    assert seconds < LONG / 2


@pytest.mark.parametrize("drip", [b"x-a: " + b"b" * 2_500 + b"\r\n", b"y" * 3_000])
async def test_a_head_that_grows_and_grows_is_cut_before_memory_is_at_risk(url: str, drip: bytes) -> None:
    answer, seconds = await dribble(url)(HEAD + b"x: ", drip)
    assert seconds < PATIENCE * 0.9
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")


async def test_a_body_that_dribbles_gives_its_room_back_long_before_all_of_its_time(url: str) -> None:
    answer, seconds = await dribble(url)(HEAD + b"content-length: 1000000\r\n\r\n", b"x")
    assert not answer or answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < LONG / 2


async def test_what_was_answered_before_its_end_cannot_hold_the_connection_with_the_rest(url: str) -> None:
    answer, seconds = await dribble(url)(HEAD + b"content-length: 99999999\r\n\r\n", b"x" * 100)
    assert not answer or answer.startswith(b"HTTP/1.1 413 ")
    assert PATIENCE * 0.9 < seconds < LONG / 2


async def test_a_large_head_and_a_quick_body_are_served_meanwhile(url: str, key: Key) -> None:
    slow = [asyncio.create_task(dribble(url)(HEAD, b"")) for _ in range(20)]
    body = json.dumps(
        {
            "FromEmailAddress": "shop@example.com",
            "Destination": {"ToAddresses": ["a@example.org"]},
            "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "x" * 500_000}}}},
        }
    ).encode()
    for _ in range(5):
        status, _, _ = await signed(url, key, "POST", "/v2/email/outbound-emails", body, headers={"x-a": "b" * 7_000})
        assert status == 200
    assert {answer[:12] for answer, _ in await asyncio.gather(*slow)} == {b"HTTP/1.1 408"}


@pytest.fixture
async def smtp(store: Store, keys: Keys, clock: Clock) -> AsyncIterator[Dribble]:
    limits = SmtpLimits(idle_seconds=PATIENCE, message_seconds=3 * PATIENCE, sign_in_seconds=2 * PATIENCE)
    door = SmtpDoor(Reception(store, now=clock), keys, regions=(REGION,), tls=None, limits=limits)
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)
    yield Dribble(sock.getsockname()[1])
    await door.close(grace_seconds=5)


def signed_in(key: Key, *lines: bytes) -> bytes:
    login = base64.b64encode(f"\0{key.access_key_id}\0{smtp_password(key.secret, REGION)}".encode())
    return b"".join(line + b"\r\n" for line in (b"EHLO x", b"AUTH PLAIN " + login, *lines))


@pytest.mark.parametrize(
    ("first", "drip", "patiences"),
    [
        (b"", b"", 1),
        (b"EHLO ", b"x", 1),
        (b"EHLO x\r\nAUTH LOGIN\r\n", b"", 1),
        (b"EHLO x\r\n", b"NOOP\r\n", 2),
    ],
)
async def test_who_does_not_sign_in_is_let_go_however_busy(
    smtp: Dribble, first: bytes, drip: bytes, patiences: int
) -> None:
    answer, seconds = await smtp(first, drip)
    assert not answer or answer.endswith(b"451 4.4.2 Timeout waiting for data from client.\r\n")
    assert PATIENCE * 0.9 * patiences < seconds < LONG / 2


@pytest.mark.parametrize("drip", [b"", b"M"])
async def test_a_command_that_never_ends_is_let_go_after_signing_in_too(smtp: Dribble, key: Key, drip: bytes) -> None:
    answer, seconds = await smtp(signed_in(key), drip)
    assert not answer or b"235 2.7.0" in answer
    assert not answer or answer.endswith(b"451 4.4.2 Timeout waiting for data from client.\r\n")
    assert seconds < LONG / 2


async def test_a_message_that_dribbles_is_let_go_and_leaves_nothing(smtp: Dribble, key: Key, store: Store) -> None:
    opened = signed_in(key, b"MAIL FROM:<shop@example.com>", b"RCPT TO:<a@example.org>", b"DATA", b"From: x")
    answer, seconds = await smtp(opened, b"y")
    assert not answer or b"354 " in answer
    assert not answer or answer.endswith(b"451 4.4.2 Timeout waiting for data from client.\r\n")
    assert PATIENCE * 2 < seconds < LONG / 2
    assert (await store.messages())[0] == ()


async def test_who_has_signed_in_may_stay_as_long_as_it_says_something(smtp: Dribble, key: Key) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", smtp.port)
    clock = asyncio.get_running_loop().time
    began = clock()
    writer.write(signed_in(key))
    while clock() - began < 3 * PATIENCE:
        writer.write(b"NOOP\r\n")
        answer = await reader.readline()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE / 4):
                answer += await reader.read(1_000)
        assert answer, "the connection was closed"
    writer.write(b"QUIT\r\n")
    assert (await reader.read()).endswith(b"221 2.0.0 Bye\r\n")
    writer.close()
    await writer.wait_closed()
