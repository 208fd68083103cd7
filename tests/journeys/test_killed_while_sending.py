"""SIGKILL while real clients send through the gateway and the gateway sends to SES; then start again, and count."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER

PROGRAM = Path(__file__).with_name("gateway_process.py")
REGION, KEY_ID, SECRET, FROM = "eu-west-1", "AKSWJOURNEY", "made-up", "shop@example.com"


def admin(simulator: Endpoints, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator.http}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def a_client(endpoint: str, key_id: str, secret: str) -> Any:
    return boto3.client(
        "sesv2",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(max_pool_connections=8, connect_timeout=2, read_timeout=10),
    )


def put_in_production(simulator: Endpoints) -> None:
    step = {"status": "GRANTED", "after_seconds": 0, "max_24_hour_send": 50_000, "max_send_rate": 200}
    client = a_client(simulator.http, DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key)
    client.create_email_identity(EmailIdentity=FROM)
    admin(simulator, "verify", {"identity": FROM})
    admin(simulator, "review", {"script": [step]})
    client.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://example.com", ProductionAccessEnabled=True)
    client.close()


async def start(database: Path, simulator: Endpoints) -> tuple[Process, str]:
    environment = os.environ | {
        "AWS_ENDPOINT_URL": simulator.http,
        "AWS_ACCESS_KEY_ID": DEFAULT_CALLER.access_key_id,
        "AWS_SECRET_ACCESS_KEY": DEFAULT_CALLER.secret_access_key,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(database), KEY_ID, SECRET, stdin=PIPE, stdout=PIPE, env=environment
    )
    assert process.stdout is not None
    word, port = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
    assert word == "ready"
    return process, f"http://127.0.0.1:{port}"


class Customers:
    """Eight threads of unmodified boto3, retries and all, that keep what they were answered."""

    def __init__(self, endpoint: str, first: int) -> None:
        self._client = a_client(endpoint, KEY_ID, SECRET)
        self._first = first
        self.answered: set[str] = set()
        self.cut = 0
        self.reached = asyncio.Event()

    async def send(self, count: int, *, kill_after: int) -> None:
        gate = asyncio.Semaphore(8)

        async def one(number: int) -> None:
            async with gate:
                try:
                    message_id = await asyncio.to_thread(self._send, f"u{number}@example.org")
                except (BotoCoreError, ClientError):
                    return  # no answer, no promise
                if not message_id:
                    self.cut += 1
                    return
                self.answered.add(message_id)
                if len(self.answered) >= kill_after:
                    self.reached.set()

        await asyncio.gather(*(one(self._first + number) for number in range(count)))
        self._client.close()

    def _send(self, recipient: str) -> str:
        answer = self._client.send_email(
            FromEmailAddress=FROM,
            Destination={"ToAddresses": [recipient]},
            Content={"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}},
        )
        # An answer cut off within its head reads as a 200 without content to boto3: no id, no promise.
        return str(answer.get("MessageId", ""))


def read_back(database: Path) -> tuple[dict[str, str], set[str]]:
    left = sqlite3.connect(database)
    try:
        return dict(left.execute("SELECT id, status FROM deliveries")), {
            row[0] for row in left.execute("SELECT id FROM messages")
        }
    finally:
        left.close()


async def test_killed_while_sending_nothing_is_lost_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    database = tmp_path / "sendworthy.db"
    answered: set[str] = set()
    with running(Settings(world=False)) as simulator:
        await asyncio.to_thread(put_in_production, simulator)
        for life, kill_after in enumerate((15, 40, 70)):
            process, endpoint = await start(database, simulator)
            customers = Customers(endpoint, first=life * 1000)
            sending = asyncio.create_task(customers.send(80, kill_after=kill_after))
            await asyncio.wait_for(customers.reached.wait(), 30)
            process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
            await sending
            assert customers.cut <= 8, "only what was on the wire at the kill may lack its id"
            answered |= customers.answered
        process, _ = await start(database, simulator)
        out, _ = await asyncio.wait_for(process.communicate(b"finish\n"), 60)
        assert (process.returncode, out.decode().strip()) == (0, "done")
        outbox = await asyncio.to_thread(admin, simulator, "outbox?limit=10000")
    status, messages = read_back(database)
    times = Counter(message["tags"]["sendworthy-delivery"][0] for message in outbox)
    assert answered <= messages
    assert len(answered) >= 15 + 40 + 70
    assert set(status.values()) <= {"sent", "uncertain"}
    assert max(times.values()) == 1
    assert {delivery for delivery, word in status.items() if word == "sent"} <= set(times)
    assert set(times) <= set(status)
    assert Counter(status.values())["sent"] > 50
