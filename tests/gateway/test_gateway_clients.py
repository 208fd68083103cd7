"""django-ses, anymail and boto3's own retries, unmodified, at the doors: an address and a key are all they need."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sendworthy.gateway.keys import Key
from sendworthy.store import Store

DJANGO = """
import django, json, sys
from django.conf import settings
given = json.loads(sys.argv[1])
settings.configure(**given)
django.setup()
from django.core.mail import EmailMultiAlternatives
mail = EmailMultiAlternatives("Grüße", "Hello.", "Shop <shop@example.com>", ["a@example.org"], bcc=["b@example.org"])
mail.attach_alternative("<p>Hello.</p>", "text/html")
mail.attach("a.txt", b"file", "text/plain")
assert mail.send() == 1
"""


def django_settings(kind: str, door: str, key: Key) -> dict[str, Any]:
    access = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret}
    if kind == "anymail":
        client = {
            "endpoint_url": door,
            "region_name": "eu-west-1",
            "aws_access_key_id": key.access_key_id,
            "aws_secret_access_key": key.secret,
        }
        backend = "anymail.backends.amazon_ses.EmailBackend"
        return {"EMAIL_BACKEND": backend, "ANYMAIL": {"AMAZON_SES_CLIENT_PARAMS": client}}
    common = {"EMAIL_BACKEND": "django_ses.SESBackend", **access, "AWS_SES_REGION_ENDPOINT_URL": door}
    return {**common, "AWS_SES_REGION_NAME": "eu-west-1", "USE_SES_V2": kind == "django-ses v2"}


@pytest.mark.parametrize("kind", ["anymail", "django-ses v1", "django-ses v2"])
async def test_django_sends_by_its_settings_alone(
    door: str, key: Key, store: Store, open_account: Callable[..., Awaitable[object]], kind: str
) -> None:
    await open_account()
    arguments = [sys.executable, "-c", DJANGO, json.dumps(django_settings(kind, door, key))]
    done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (message,) = (await store.messages())[0]
    assert (message.mail_from, message.subject) == ("shop@example.com", "Grüße")
    found, _ = await store.deliveries(message_id=message.id)
    assert {one.recipient for one in found} == {"a@example.org", "b@example.org"}
    raw = await store.body(message.id)
    assert raw is not None
    assert b"b@example.org" not in raw


class Stub:
    """Answers every call with one status, and counts the calls by their invocation id."""

    def __init__(self, status: int, code: str) -> None:
        self.calls: Counter[str] = Counter()
        self._status = status
        self._code = code

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        while (await receive()).get("more_body"):
            pass
        self.calls[headers["amz-sdk-invocation-id"]] += 1
        error = [(b"x-amzn-errortype", self._code.encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self._status, "headers": error})
        await send({"type": "http.response.body", "body": b'{"message":"no"}'})


@pytest.mark.parametrize("mode", ["standard", "legacy"])
@pytest.mark.parametrize(
    ("status", "code", "retried"),
    [
        (503, "ServiceUnavailable", True),
        (500, "InternalServiceErrorException", True),
        (400, "BadRequestException", False),
        (400, "MessageRejected", False),
        (403, "UnrecognizedClientException", False),
        (404, "NotFoundException", False),
        (413, "BadRequestException", False),
    ],
)
async def test_boto3_repeats_exactly_what_may_succeed_later_under_one_invocation_id(
    serve: Any, mode: str, status: int, code: str, retried: bool
) -> None:
    stub = Stub(status, code)
    async with serve(stub) as url:
        ses = boto3.client(
            "sesv2",
            endpoint_url=url,
            region_name="eu-west-1",
            aws_access_key_id="AKSWX",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 2, "mode": mode}),
        )
        with pytest.raises(ClientError):
            await asyncio.to_thread(ses.get_account)
        ses.close()
    assert list(stub.calls.values()) == [2 if retried else 1]
