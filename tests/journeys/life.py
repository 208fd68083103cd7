"""One life of a sending process: accepts some mail, sends what waits, and dies at the point it is told.

Run by the journeys beside it: URL ENDPOINT POINT VISIT LIFE PART. Prints a line for each acceptance, after it. PART is
`both`; or `doors`, which only accepts, or `worker`, which sends until its standard input ends and nothing waits any
more. The last life (POINT `never`, but for `doors`) also settles what is in doubt: it sends it once more, marked.
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
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.pacing.governor import UNLIMITED, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import NewDelivery, NewMessage

MESSAGES = 12
LANE = Lane(region="eu-west-1")
FATES = {0: "suppressed", 1: "rejected", 2: "expired", 3: "cancelled", 4: "waiting"}


@dataclass
class Frozen:
    access_key: str = "AKIATEST"
    secret_key: str = "made-up"
    token: str = ""

    def get_frozen_credentials(self) -> Frozen:
        return self


class Clock:
    """Jumps instead of waiting."""

    def __init__(self, ahead: float) -> None:
        self.ahead = timedelta(seconds=ahead)

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


async def accept(store: Store, life: int, number: int, now: datetime) -> None:
    message_id = f"life{life}-{number:02}"
    fate = FATES.get(number, "sent")
    await store.accept(
        NewMessage(
            id=message_id,
            access_key_id="AKSWTEST",
            stream=Stream.TRANSACTIONAL,
            mail_from="shop@example.com",
            subject="Hi",
            raw=b"From: shop@example.com\r\n\r\nHi\r\n",
            deliveries=(NewDelivery(id=message_id, recipient=f"{fate}@example.org", key=f"{fate}@example.org"),),
            send_at=now + timedelta(days=2000) if fate == "waiting" else None,
            expires_at=now - timedelta(seconds=1) if fate == "expired" else None,
        )
    )
    print(message_id, flush=True)  # noqa: T201 - this is the 200 that the caller sees
    if fate == "cancelled":
        await store.cancel(message_id)


async def live(url: str, endpoint: str, death: Death, life: int, *, part: str, last: bool) -> None:
    # Each life begins later than any lease of the one before it ends.
    clock = Clock(ahead=life * 10_000)
    ids = itertools.count()
    alone = part == "both"
    store = await Store.open(url, now=clock, new_id=lambda: f"{life}-id{next(ids)}", exclusive=alone, fault=death)
    if part != "doors":
        await store.recover(all_leases=True)
    await store.add_suppression(Address("suppressed", "example.org"), SuppressionReason.MANUAL, source="test")
    quota = Quota(
        max_24_hour_send=UNLIMITED,
        max_send_rate=1000,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=0,
    )
    await store.change_governor(LANE, lambda known: known or State(quota=quota))
    if part != "worker":
        for wave in range(0, MESSAGES, 3):
            await asyncio.gather(*(accept(store, life, number, clock()) for number in range(wave, wave + 3)))
    if part != "doors":
        await send(store, endpoint, death, clock, life=life, last=last, accepting=part == "worker")
    await store.close()


async def send(
    store: Store, endpoint: str, death: Death, clock: Clock, *, life: int, last: bool, accepting: bool
) -> None:
    sender = SesSender(endpoint=endpoint, region="eu-west-1", credentials=Frozen(), now=clock)
    worker = Worker(
        store,
        sender,
        lane=LANE,
        owner=f"life{life}",
        now=clock,
        sleep=clock.sleep,
        random=lambda: 0.5,
        limits=Limits(batch=4),
        fault=death,
    )
    if accepting:
        done = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
        while not done.done():
            await worker.step()
    await drain(worker, clock)
    if last and await store.periodic.try_again(timedelta()):
        await drain(worker, clock)
    await sender.close()


async def drain(worker: Worker, clock: Clock) -> None:
    while (stepped := await worker.step()).idle_until is not None:
        seconds = max(0.0, (stepped.idle_until - clock()).total_seconds())
        if seconds > 86_400:  # only what is scheduled for another year is left
            return
        await clock.sleep(seconds)


if __name__ == "__main__":
    told_url, told_endpoint, told_point, told_visit, told_life, told_part = sys.argv[1:]
    asyncio.run(
        live(
            told_url,
            told_endpoint,
            Death(told_point, int(told_visit)),
            int(told_life),
            part=told_part,
            last=told_point == "never",
        )
    )
