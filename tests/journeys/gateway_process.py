"""A gateway and its worker in one real process, for the journeys that harm it: DATABASE KEY_ID SECRET [TERMS].

Prints `ready PORT` when its door is open. Told to finish on standard input, it sends what waits, prints `done`, ends.
There are two keys of one secret: KEY_ID for transactional mail, and KEY_ID with BULK behind it. TERMS is JSON with
fields of `Terms`, for journeys that would otherwise take minutes or much memory.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore.session
import uvicorn

from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws
from sendworthy.clients.models import service_model
from sendworthy.clients.ses_send import SesSender
from sendworthy.gateway.account import refresh_account
from sendworthy.gateway.http_body import Bounds
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys, Seal
from sendworthy.gateway.outcome import Retry
from sendworthy.gateway.worker import Limits, Worker
from sendworthy.mail.status import WAITING
from sendworthy.pacing.governor import Policy
from sendworthy.store import Lane, Store
from sendworthy.wire.service import Service

LANE = Lane(region="eu-west-1")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Seconds: for SES to answer, from one try to the next while the account is refused, until doubt is tried again.

    `room` is how many bytes of requests may be in hand at once.
    """

    answer: float = 30.0
    account: float = 60.0
    doubt: float | None = None
    room: int = Bounds().most_bytes_at_once


def now() -> datetime:
    return datetime.now(UTC)


async def settle(store: Store, terms: Terms, worker: Worker) -> None:
    """Try again what was in doubt for long enough, as the periodic job does."""
    while terms.doubt is not None:
        if await store.periodic.try_again(timedelta(seconds=terms.doubt)):
            worker.wake()
        await asyncio.sleep(0.1)


async def main(database: Path, key_id: str, secret: str, terms: Terms) -> None:
    store = await Store.open(f"sqlite:///{database}", now=now, new_id=lambda: uuid.uuid4().hex, exclusive=True)
    await store.recover(all_leases=True)
    keys = Keys(store, Seal(database.with_suffix(".key")), now=now)
    if await keys.find(key_id) is None:
        await keys.add(Key(access_key_id=key_id, secret=secret, name="journey", stream=Stream.TRANSACTIONAL))
        await keys.add(Key(access_key_id=f"{key_id}BULK", secret=secret, name="news", stream=Stream.MARKETING))
    aws = Aws(region=LANE.region, session=botocore.session.Session())
    await refresh_account(aws, store, LANE, now=now)
    sender = SesSender(
        endpoint=aws.endpoint("sesv2"),
        region=LANE.region,
        credentials=aws.credentials(),
        now=now,
        timeout_seconds=terms.answer,
    )
    worker = Worker(
        store,
        sender,
        lane=LANE,
        owner=uuid.uuid4().hex,
        now=now,
        sleep=asyncio.sleep,
        random=random.random,
        policy=Policy(breaker_seconds=terms.account),
        retry=Retry(account_seconds=terms.account),
        limits=Limits(poll_seconds=min(5.0, terms.account)),
    )
    bounds = Bounds(most_bytes_at_once=terms.room)
    door = app(
        store,
        keys,
        Service(service_model("sesv2")),
        lane=LANE,
        now=now,
        wall=now,
        on_accepted=worker.wake,
        bounds=bounds,
    )
    server = uvicorn.Server(uvicorn.Config(door, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    stop = asyncio.Event()
    serving = asyncio.create_task(server.serve())
    sending = asyncio.create_task(worker.run(stop))
    settling = asyncio.create_task(settle(store, terms, worker))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0)
    print("ready", server.servers[0].sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the journey
    await asyncio.to_thread(sys.stdin.readline)
    while (await store.counts()).of(*WAITING):  # noqa: ASYNC110 - nobody tells when the last one went
        await asyncio.sleep(0.05)
    stop.set()
    settling.cancel()
    with suppress(asyncio.CancelledError):
        await settling
    server.should_exit = True
    await asyncio.gather(serving, sending)
    await sender.close()
    await store.close()
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    told = Terms(**json.loads(sys.argv[4])) if len(sys.argv) > 4 else Terms()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], told))
