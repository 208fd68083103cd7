"""Which of the door's answers each client repeats, counted as they arrive; and that a repeat is never a second message.

The clients that npm and Debian bring are in tests/real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import smtplib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sendworthy.clients.models import service_model
from sendworthy.errors import InvalidMessage, SendRefused, StoreBusy, StoreUnavailable
from sendworthy.gateway.http_body import TooLarge, TooSlow
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.smtp import SmtpDoor, SmtpLimits
from sendworthy.store import Store
from sendworthy.wire.errors import WireError
from sendworthy.wire.service import Service
from sendworthy.wire.smtp_password import smtp_password
from tests.gateway.conftest import LANE, Clock
from tests.gateway.lossy import Failing, Wire, a_wire
from tests.gateway.test_gateway_clients import DJANGO, django_settings

REGION = "eu-west-1"
OpenAccount = Callable[..., Awaitable[object]]
V2_API, V1_API = Service(service_model("sesv2")), Service(service_model("ses"))

ANSWERS: dict[str, tuple[Exception, bool]] = {
    "busy: 503 with Retry-After": (StoreBusy("Too much.", after_seconds=1), True),
    "store unavailable: 503": (StoreUnavailable("Gone."), True),
    "a defect of ours: 500": (RuntimeError("a defect"), True),
    "invalid: 400": (InvalidMessage("No."), False),
    "refused: 400": (SendRefused("No."), False),
    "too large: 413": (TooLarge("No."), False),
    "unknown key: 403": (WireError("UnrecognizedClientException", "No.", 403), False),
    "bad signature: 403": (WireError("InvalidSignatureException", "No.", 403), False),
    "no template: 404": (WireError("NotFoundException", "No.", 404), False),
    "throttled: 429": (WireError("TooManyRequestsException", "Slower.", 429), True),
    "too slow: 408": (TooSlow("Too slow."), True),
}
"""What the door may answer, by the error behind it, and whether the same request can succeed later."""


@pytest.fixture
def desk(store: Store, clock: Clock) -> Failing:
    return Failing(store, now=clock)


@pytest.fixture
async def wire(store: Store, keys: Keys, clock: Clock, desk: Failing, serve: Any) -> AsyncIterator[Wire]:
    application = app(
        store, keys, V2_API, lane=LANE, now=clock, wall=lambda: datetime.now(UTC), v1=V1_API, reception=desk
    )
    async with serve(application) as url, a_wire(url) as laid:
        yield laid


class Boto3:
    """A client that sends the same message with every call."""

    def __init__(self, url: str, key: Key, *, mode: str = "standard", api: str = "sesv2", attempts: int = 2) -> None:
        self._client = boto3.client(
            api,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": attempts, "mode": mode}),
        )
        text = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello."}}}
        self._message: dict[str, object] = {"Destination": {"ToAddresses": ["a@example.org"]}}
        if api == "ses":
            self._message |= {"Source": "shop@example.com", "Message": text}
        else:
            self._message |= {"FromEmailAddress": "shop@example.com", "Content": {"Simple": text}}

    def __call__(self) -> str:
        return str(self._client.send_email(**self._message)["MessageId"])

    def close(self) -> None:
        self._client.close()


def boto3_sends(url: str, key: Key, **settings: Any) -> str:
    client = Boto3(url, key, **settings)
    try:
        return client()
    finally:
        client.close()


def aws_sends(url: str, key: Key, folder: Path, *, attempts: int = 2) -> str:
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "aws", "sesv2", "send-email", "--endpoint-url", url),
            *("--from-email-address", "shop@example.com", "--destination", "ToAddresses=a@example.org"),
            *("--content", "Simple={Subject={Data=Hello},Body={Text={Data=Hello.}}}", "--output", "json"),
        ],
        env={
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_MAX_ATTEMPTS": str(attempts),
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return str(json.loads(done.stdout)["MessageId"]) if done.returncode == 0 else ""


def django_sends(kind: str, url: str, key: Key) -> bool:
    arguments = [sys.executable, "-c", DJANGO, json.dumps(django_settings(kind, url, key))]
    return subprocess.run(arguments, capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(("mode", "too_slow"), [("legacy", 1), ("standard", 2), ("adaptive", 2)])
async def test_boto3_repeats_what_may_succeed_later_and_nothing_else(
    wire: Wire, desk: Failing, key: Key, store: Store, mode: str, too_slow: int
) -> None:
    sending = Boto3(wire.url, key, mode=mode)
    sent = []
    for error, _ in ANSWERS.values():
        desk.failures = [error]
        with contextlib.suppress(ClientError):
            sent.append(await asyncio.to_thread(sending))
    expected = {name: 2 if later else 1 for name, (_, later) in ANSWERS.items()}
    # RequestTimeout is a code that the newer modes know.
    assert dict(zip(ANSWERS, wire.calls, strict=True)) == expected | {"too slow: 408": too_slow}
    assert sorted(one.id for one in (await store.messages())[0]) == sorted(sent)
    sending.close()


@pytest.mark.parametrize("answer", ["busy: 503 with Retry-After", "a defect of ours: 500", "refused: 400"])
async def test_boto3_for_v1_repeats_alike(wire: Wire, desk: Failing, key: Key, answer: str) -> None:
    error, later = ANSWERS[answer]
    desk.failures = [error]
    if later:
        assert await asyncio.to_thread(boto3_sends, wire.url, key, api="ses")
    else:
        with pytest.raises(ClientError):
            await asyncio.to_thread(boto3_sends, wire.url, key, api="ses")
    assert wire.calls == [2 if later else 1]


@pytest.mark.parametrize("answer", ["busy: 503 with Retry-After", "refused: 400", "unknown key: 403"])
async def test_aws_cli_repeats_what_may_succeed_later_and_nothing_else(
    wire: Wire, desk: Failing, key: Key, tmp_path: Path, answer: str
) -> None:
    error, later = ANSWERS[answer]
    desk.failures = [error]
    assert bool(await asyncio.to_thread(aws_sends, wire.url, key, tmp_path)) is later
    assert wire.calls == [2 if later else 1]


@pytest.mark.parametrize("kind", ["anymail", "django-ses v1", "django-ses v2"])
@pytest.mark.parametrize("answer", ["busy: 503 with Retry-After", "refused: 400"])
async def test_django_repeats_what_may_succeed_later_and_nothing_else(
    wire: Wire, desk: Failing, key: Key, store: Store, open_account: OpenAccount, kind: str, answer: str
) -> None:
    await open_account()
    error, later = ANSWERS[answer]
    desk.failures = [error]
    assert await asyncio.to_thread(django_sends, kind, wire.url, key) is later
    # django-ses asks for the quota beside: a call of its own.
    assert wire.calls.count(2) == (1 if later else 0)
    assert set(wire.calls) <= {1, 2}
    assert len((await store.messages())[0]) == (1 if later else 0)


@pytest.mark.parametrize("client", ["legacy", "standard", "adaptive", "v1", "aws-cli"])
async def test_a_repeat_after_a_lost_answer_is_given_the_first_answer_and_sends_nothing(
    wire: Wire, key: Key, store: Store, tmp_path: Path, client: str
) -> None:
    wire.lose = 2
    if client == "aws-cli":
        message_id = await asyncio.to_thread(aws_sends, wire.url, key, tmp_path, attempts=3)
    elif client == "v1":
        message_id = await asyncio.to_thread(boto3_sends, wire.url, key, api="ses", attempts=3)
    else:
        message_id = await asyncio.to_thread(boto3_sends, wire.url, key, mode=client, attempts=3)
    assert wire.calls == [3]
    assert [one.id for one in (await store.messages())[0]] == [message_id]
    assert len((await store.deliveries())[0]) == 1


@pytest.mark.parametrize("kind", ["anymail", "django-ses v1", "django-ses v2"])
async def test_a_repeat_of_djangos_is_no_second_message_either(
    wire: Wire, key: Key, store: Store, open_account: OpenAccount, kind: str
) -> None:
    await open_account()
    if kind.startswith("django-ses"):
        # It asks for the quota first: that answer comes, and the one to the message is lost.
        wire.spare = 1
    wire.lose = 1
    assert await asyncio.to_thread(django_sends, kind, wire.url, key)
    assert wire.arrived[-1] == wire.arrived[-2]
    assert wire.calls.count(2) == 1
    assert len((await store.messages())[0]) == 1


async def test_two_calls_alike_are_two_messages(wire: Wire, key: Key, store: Store) -> None:
    first = await asyncio.to_thread(boto3_sends, wire.url, key)
    assert await asyncio.to_thread(boto3_sends, wire.url, key) != first
    assert wire.calls == [1, 1]
    assert len((await store.messages())[0]) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreBusy("Too much."), 451), (StoreUnavailable("Gone."), 451), (SendRefused("No."), 554), (None, 421)],
)
async def test_smtplib_repeats_nothing_and_is_told_whether_it_should(
    desk: Failing, keys: Keys, key: Key, store: Store, error: Exception | None, code: int
) -> None:
    desk.failures = [error] if error else []
    limits = SmtpLimits(connections=5 if error else 0)
    door = SmtpDoor(desk, keys, regions=(REGION,), tls=None, limits=limits)
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)
    port = sock.getsockname()[1]

    def send() -> int:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
                smtp.login(key.access_key_id, smtp_password(key.secret, REGION))
                smtp.sendmail("shop@example.com", ["a@example.org"], b"From: shop@example.com\r\n\r\nHi\r\n")
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code
        return 250

    try:
        answers = [await asyncio.to_thread(send)]
        if error:  # trying again by hand helps where 4xx said so, and here the fault was for once
            answers.append(await asyncio.to_thread(send))
    finally:
        await door.close(grace_seconds=5)
    assert answers == ([code, 250] if error else [code])
    assert len((await store.messages())[0]) == answers.count(250)
