"""One process of bench.store_rate: accepts its mail, says ready, and sends when told."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import uvloop

from sendworthy.audit.profile import Stream
from sendworthy.clients.ses_send import SesSender
from sendworthy.gateway.worker import Worker
from sendworthy.pacing.governor import UNLIMITED, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import NewDelivery, NewMessage

LANE = Lane(region="eu-west-1")
RAW = b"From: shop@example.com\r\nTo: a@example.org\r\nSubject: Your order\r\n\r\n" + b"Thank you.\r\n" * 80


@dataclass
class Frozen:
    """Made-up credentials that never change."""

    access_key: str = "AKIATEST"
    secret_key: str = "made-up"  # noqa: S105 - made up
    token: str = ""

    def get_frozen_credentials(self) -> Frozen:
        """Give them as botocore would."""
        return self


def now() -> datetime:
    return datetime.now(UTC)


async def accept(store: Store, owner: str, number: int) -> None:
    name = f"{owner}-{number}"
    message = NewMessage(
        id=name,
        access_key_id=owner,
        stream=Stream.TRANSACTIONAL,
        mail_from="shop@example.com",
        subject="Your order",
        raw=RAW,
        deliveries=(NewDelivery(id=name, recipient="a@example.org", key=f"{name}@example.org"),),
    )
    await store.accept(message)


async def main(url: str, endpoint: str, rate: float, messages: int) -> None:
    owner = f"p{os.getpid()}"
    store = await Store.open(url, now=now, new_id=lambda: uuid.uuid4().hex)
    quota = Quota(
        max_24_hour_send=UNLIMITED,
        max_send_rate=rate,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=0,
    )
    await store.change_governor(LANE, lambda known: known or State(quota=quota))
    for start in range(0, messages, 500):
        await asyncio.gather(*(accept(store, owner, n) for n in range(start, min(messages, start + 500))))
    sender = SesSender(endpoint=endpoint, region="eu-west-1", credentials=Frozen(), now=now)
    worker = Worker(store, sender, lane=LANE, owner=owner, now=now, sleep=asyncio.sleep, random=random.random)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await asyncio.to_thread(sys.stdin.readline)
    stop.set()
    await running
    await sender.close()
    await store.close()


if __name__ == "__main__":
    uvloop.run(main(**json.loads(sys.argv[1])))
