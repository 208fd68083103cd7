"""One life of a sending process: accepts some messages, sends what waits, and dies at the point it is told.

Run by the tests beside it: DATABASE ENDPOINT POINT VISIT LIFE. Prints one line for each acceptance, after it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sendworthy.audit.profile import Stream
from sendworthy.clients.ses_send import SesSender
from sendworthy.gateway.worker import Limits, Worker
from sendworthy.pacing.governor import UNLIMITED, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import NewDelivery, NewMessage

MESSAGES = 12
LANE = Lane(region="eu-west-1")


@dataclass
class Frozen:
    access_key: str = "AKIATEST"
    secret_key: str = "made-up"
    token: str = ""

    def get_frozen_credentials(self) -> Frozen:
        return self


class Clock:
    """Jumps instead of waiting."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class Death:
    def __init__(self, point: str, visit: int) -> None:
        self._point = point
        self._left = visit

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def accept(store: Store, life: str, number: int) -> None:
    message_id = f"{life}-{number:02}"
    await store.accept(
        NewMessage(
            id=message_id,
            access_key_id="AKSWTEST",
            stream=Stream.TRANSACTIONAL,
            mail_from="shop@example.com",
            subject="Hi",
            raw=b"From: shop@example.com\r\n\r\nHi\r\n",
            deliveries=(NewDelivery(id=message_id, recipient="a@example.org", key="a@example.org"),),
        )
    )
    print(message_id, flush=True)  # noqa: T201 - this is the 200 that the caller sees


async def live(database: str, endpoint: str, death: Death, life: str) -> None:
    clock = Clock()
    ids = itertools.count()
    store = await Store.open(
        f"sqlite:///{database}", now=clock, new_id=lambda: f"{life}-id{next(ids)}", exclusive=True, fault=death
    )
    await store.recover(all_leases=True)
    quota = Quota(
        max_24_hour_send=UNLIMITED,
        max_send_rate=1000,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=0,
    )
    await store.change_governor(LANE, lambda known: known or State(quota=quota))
    await asyncio.gather(*(accept(store, life, number) for number in range(MESSAGES)))
    sender = SesSender(endpoint=endpoint, region="eu-west-1", credentials=Frozen(), now=clock)
    worker = Worker(
        store,
        sender,
        lane=LANE,
        owner=life,
        now=clock,
        sleep=clock.sleep,
        random=lambda: 0.5,
        limits=Limits(batch=4),
        fault=death,
    )
    while (stepped := await worker.step()).idle_until is not None:
        await clock.sleep(max(0.0, (stepped.idle_until - clock()).total_seconds()))
    await sender.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], Death(sys.argv[3], int(sys.argv[4])), sys.argv[5]))
