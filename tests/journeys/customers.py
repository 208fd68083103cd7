"""Customers of a gateway: threads of unmodified boto3 that keep what they were answered, and what is on record then."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sendworthy.simulator.state import DEFAULT_CALLER

REGION, FROM = "eu-west-1", "shop@example.com"


def admin(simulator: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{simulator}/_sim/{path}", data=data, timeout=10) as answer:  # noqa: S310 - loopback
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


def put_in_production(simulator: str) -> None:
    step = {"status": "GRANTED", "after_seconds": 0, "max_24_hour_send": 50_000, "max_send_rate": 200}
    client = a_client(simulator, DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key)
    client.create_email_identity(EmailIdentity=FROM)
    admin(simulator, "verify", {"identity": FROM})
    admin(simulator, "review", {"script": [step]})
    client.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://example.com", ProductionAccessEnabled=True)
    client.close()


class Customers:
    """Eight threads of unmodified boto3, retries and all, that keep what they were answered."""

    def __init__(self, endpoint: str, key_id: str, secret: str, *, first: int, text: str = "Hello") -> None:
        self._client = a_client(endpoint, key_id, secret)
        self._first = first
        self._text = text
        self.answered: set[str] = set()
        self.refused: list[str] = []
        self.cut = 0
        self.reached = asyncio.Event()
        self.turned_away = asyncio.Event()

    async def send(self, count: int, *, kill_after: int) -> None:
        gate = asyncio.Semaphore(8)

        async def one(number: int) -> None:
            async with gate:
                try:
                    message_id = await asyncio.to_thread(self._send, f"u{number}@example.org")
                except (BotoCoreError, ClientError) as error:
                    self.refused.append(str(error))
                    self.turned_away.set()
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
            Content={"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": self._text}}}},
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
