"""Mail to SES's own name, through a proxy that alone knows the way, to the simulator."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.credentials import Credentials

from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.clients.http1_proxy import read_proxy
from sendworthy.clients.ses_send import SesSender
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from tests.clients.small_proxy import SmallProxy, onward_to, serving, small_proxy
from tests.clients.smtp_peer import a_certificate, server_side

SES = "email.eu-west-1.amazonaws.com"
PARCEL = Parcel(
    delivery_id="m1-0",
    recipient="success@simulator.amazonses.com",
    mail_from="shop@example.com",
    raw=b"From: shop@example.com\r\nTo: success@simulator.amazonses.com\r\nSubject: Hi\r\n\r\nHi\r\n",
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Endpoints]:
    with running(Settings(clock_factor=0, start=datetime(2026, 5, 4, 9, 30, tzinfo=UTC), world=False)) as endpoints:
        client = boto3.client(
            "sesv2",
            endpoint_url=endpoints.http,
            region_name="eu-west-1",
            aws_access_key_id=DEFAULT_CALLER.access_key_id,
            aws_secret_access_key=DEFAULT_CALLER.secret_access_key,
        )
        client.create_email_identity(EmailIdentity="shop@example.com")
        client.close()
        admin(endpoints, "verify", {"identity": "shop@example.com"})
        yield endpoints


def admin(simulator: Endpoints, path: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@dataclass
class Office:
    """A network from which nothing leads out but the proxy."""

    proxy: SmallProxy
    certificate: Path

    @asynccontextmanager
    async def sender(self, user: str = "") -> AsyncIterator[SesSender]:
        made = SesSender(
            endpoint=f"https://{SES}",
            region="eu-west-1",
            credentials=Credentials(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key),
            now=lambda: datetime.now(UTC),
            ca_file=str(self.certificate),
            proxy=read_proxy(f"http://{user}127.0.0.1:{self.proxy.at[1]}"),
        )
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
async def office(tmp_path: Path, simulator: Endpoints) -> AsyncIterator[Office]:
    certificate = a_certificate(tmp_path, SES)
    there = urlsplit(simulator.http)
    async with AsyncExitStack() as stack:
        front = serving(onward_to(str(there.hostname), there.port or 80), server_side(certificate))
        proxy = SmallProxy(to=await stack.enter_async_context(front), wants="jo:p@w")
        yield Office(await stack.enter_async_context(small_proxy(proxy)), certificate)


async def test_mail_reaches_ses_signed_for_its_own_name(office: Office, simulator: Endpoints) -> None:
    async with office.sender("jo:p%40w@") as wire:
        answers = []
        for _ in range(2):
            await asyncio.to_thread(admin, simulator, "clock", {"advance_seconds": 2})  # the sandbox takes one a second
            answers.append(await wire.send(PARCEL))
    assert [answer.kind for answer in answers] == [AnswerKind.SENT] * 2
    outbox = json.dumps(await asyncio.to_thread(admin, simulator, "outbox"))
    assert all(answer.ses_message_id in outbox for answer in answers)
    assert [head.split(b"\r\n")[0] for head in office.proxy.heads] == [f"CONNECT {SES}:443 HTTP/1.1".encode()]


async def test_a_proxy_that_refuses_holds_the_whole_account_and_says_what_to_do(office: Office) -> None:
    async with office.sender() as wire:
        answer = await wire.send(PARCEL)
    assert answer == Answer(
        kind=AnswerKind.UNAVAILABLE,
        code="Proxy407",
        text=(
            f"The proxy 127.0.0.1:{office.proxy.at[1]} answered 407, so nothing was sent to {SES}:443. "
            "Put a user name and password into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT."
        ),
        whole_account=True,
    )


async def test_a_proxy_that_comes_back_is_used_again(office: Office, simulator: Endpoints) -> None:
    await asyncio.to_thread(admin, simulator, "clock", {"advance_seconds": 2})
    async with office.sender("jo:p%40w@") as wire:
        office.proxy.says = (b"HTTP/1.1 503 Service Unavailable\r\n\r\n",)
        assert (await wire.send(PARCEL)).code == "Proxy503"
        office.proxy.says = None
        assert (await wire.send(PARCEL)).kind is AnswerKind.SENT
