"""The gateway process beside it, started by a test, and its database seen from another process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.gateway.keys import Key
from sendworthy.ingest.decode import decode
from sendworthy.mail.status import Status
from sendworthy.store import Lane, Store
from sendworthy.store.values import StoredDelivery
from tests.gateway.calls import call
from tests.journeys.stub_ses import StubSes

PROGRAM = Path(__file__).with_name("gateway_process.py")
LANE = Lane(region="eu-west-1")
KEY_ID, SECRET = "AKSWJOURNEY", "made-up"
TRANSACTIONAL = Key(access_key_id=KEY_ID, secret=SECRET, name="", stream=Stream.TRANSACTIONAL)
BULK = Key(access_key_id=f"{KEY_ID}BULK", secret=SECRET, name="", stream=Stream.MARKETING)
WAY_OUT = [
    {"Name": "List-Unsubscribe", "Value": "<https://example.com/u/1>"},
    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
]


@dataclass
class Gateway:
    """A running gateway process, and its database seen from another one."""

    url: str
    process: Process
    store: Store

    async def send(self, recipient: str, key: Key = TRANSACTIONAL) -> str:
        simple = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}, "Headers": WAY_OUT}
        answer = await call(
            self.url,
            key,
            "send_email",
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": [recipient]},
            Content={"Simple": simple},
        )
        return str(answer["MessageId"])

    async def hear(self, event: str) -> None:
        """Record an event, as the process that takes them in does."""
        events = decode(event, received_at=datetime.now(UTC))
        await self.store.record_events(events, source="queue")

    async def delivery(self, message_id: str) -> StoredDelivery:
        [found] = (await self.store.deliveries(message_id=message_id))[0]
        return found

    async def until(self, message_id: str, *statuses: Status) -> StoredDelivery:
        """Look until the delivery has one of these statuses; each look goes to the database and so takes its time."""
        async with asyncio.timeout(20):
            while (found := await self.delivery(message_id)).status not in statuses:
                continue
        return found

    async def finish(self) -> None:
        out, _ = await asyncio.wait_for(self.process.communicate(b"finish\n"), 30)
        assert (self.process.returncode, out.decode().strip()) == (0, "done")


Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start gateway processes in front of a stub, one after another on one database; ended whatever happens."""
    running: list[Gateway] = []

    async def begin(ses: StubSes, environ: dict[str, str] | None = None, **terms: float) -> Gateway:
        given = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "made-up"} if environ is None else environ
        mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAM), str(tmp_path / "s.db"), KEY_ID, SECRET, json.dumps(terms)),
            stdin=PIPE,
            stdout=PIPE,
            env=mine | {"AWS_ENDPOINT_URL": ses.endpoint, "AWS_EC2_METADATA_DISABLED": "true"} | given,
        )
        assert process.stdout is not None
        word, port = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
        assert word == "ready"
        store = await Store.open(
            f"sqlite:///{tmp_path / 's.db'}", now=lambda: datetime.now(UTC), new_id=lambda: uuid.uuid4().hex
        )
        running.append(Gateway(f"http://127.0.0.1:{port}", process, store))
        return running[-1]

    yield begin
    for one in running:
        await one.store.close()
        if one.process.returncode is None:
            one.process.kill()
            await one.process.communicate()
