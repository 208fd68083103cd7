"""A gateway and its worker in one real process, for the journeys that kill it: DATABASE KEY_ID SECRET.

Prints `ready PORT` when its door is open. Told to finish on standard input, it sends what waits, prints `done`, ends.
"""

from __future__ import annotations

import asyncio
import random
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import botocore.session
import uvicorn

from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.clients.models import service_model
from sendworthy.clients.ses_send import SesSender
from sendworthy.gateway.account import refresh_account
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys, Seal
from sendworthy.gateway.worker import Worker
from sendworthy.mail.status import WAITING
from sendworthy.store import Lane, Store
from sendworthy.wire.service import Service

LANE = Lane(region="eu-west-1")


def now() -> datetime:
    return datetime.now(UTC)


async def main(database: Path, key_id: str, secret: str) -> None:
    store = await Store.open(f"sqlite:///{database}", now=now, new_id=lambda: uuid.uuid4().hex, exclusive=True)
    await store.recover(all_leases=True)
    keys = Keys(store, Seal(database.with_suffix(".key")), now=now)
    if await keys.find(key_id) is None:
        await keys.add(Key(access_key_id=key_id, secret=secret, name="journey", stream=Stream.TRANSACTIONAL))
    aws = Aws(region=LANE.region, session=botocore.session.Session())
    await refresh_account(aws, store, LANE, now=now)
    sender = SesSender(endpoint=aws.endpoint("sesv2"), region=LANE.region, credentials=aws.credentials(), now=now)
    worker = Worker(
        store, sender, lane=LANE, owner=uuid.uuid4().hex, now=now, sleep=asyncio.sleep, random=random.random
    )
    door = app(store, keys, Service(service_model("sesv2")), lane=LANE, now=now, wall=now, on_accepted=worker.wake)
    server = uvicorn.Server(uvicorn.Config(door, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    stop = asyncio.Event()
    serving = asyncio.create_task(server.serve())
    sending = asyncio.create_task(worker.run(stop))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0)
    print("ready", server.servers[0].sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the journey
    await asyncio.to_thread(sys.stdin.readline)
    while (await store.counts()).of(*WAITING):  # noqa: ASYNC110 - nobody tells when the last one went
        await asyncio.sleep(0.05)
    stop.set()
    server.should_exit = True
    await asyncio.gather(serving, sending)
    await sender.close()
    await store.close()
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
