"""One process of the backlog's rig: claims and answers by turns in an empty and in a full database, and tells the cost.

`python -m bench.gateway_claimer '{"empty": URL, "full": URL, "rounds": 6, "each": 500, "server": PID or 0}'`
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import uvloop

from bench.gateway_processes import processor_seconds, resident_megabytes
from bench.stubs.mail import SENDER, message, recipient
from sendworthy.app.parts import new_id
from sendworthy.audit.profile import Stream
from sendworthy.clients.answer import Answer, AnswerKind
from sendworthy.gateway.outcome import Retry, answered, learn
from sendworthy.pacing.governor import UNLIMITED, Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Claim, NewDelivery, NewMessage

LANE = Lane(account="111122223333", region="eu-west-1")
BATCH = 100
SIZE = 600
"""Bytes of a waiting message: what a backlog of a million costs to claim hardly depends on it, its disk space does."""


@dataclass
class Measure:
    """Seconds a message, one figure for each round."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def now() -> datetime:
    return datetime.now(UTC)


def newsletter(number: int) -> NewMessage:
    """Give one message of bulk mail."""
    to = recipient(number)
    return NewMessage(
        id=new_id(),
        access_key_id="AKSWBENCH",
        stream=Stream.MARKETING,
        mail_from=SENDER,
        subject=f"Your order {number}",
        raw=message(number, SIZE),
        deliveries=(NewDelivery(id=new_id(), recipient=to, key=to),),
    )


async def opened(url: str) -> Store:
    """Open a store whose account may send as much as it likes."""
    store = await Store.open(url, now=now, new_id=new_id)
    quota = Quota(
        max_24_hour_send=UNLIMITED,
        max_send_rate=1e6,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=now().timestamp(),
    )
    await store.change_governor(LANE, lambda known: known or State(quota=quota))
    return store


async def claimed(store: Store, wanted: int) -> int:
    """Claim and answer until so many are done or none is left; how many there were."""
    asked = Claim(lane=LANE, owner="bench", limit=BATCH, lease_seconds=300.0, policy=Policy())
    done = 0
    while done < wanted:
        batch = await store.claim(asked)
        if not batch.outgoing:
            if batch.wait_seconds is None:
                break
            await asyncio.sleep(batch.wait_seconds)
            continue
        done += len(batch.outgoing)
        at = now()
        sent = [Answer(kind=AnswerKind.SENT, ses_message_id=new_id()) for _ in batch.outgoing]
        pairs = zip(batch.outgoing, sent, strict=True)
        answers = [answered(out, answer, now=at, retry=Retry(), random=lambda: 0.5) for out, answer in pairs]
        await store.answer(LANE, answers, learnt=learn(sent, now=at, policy=Policy()))
    return done


async def take(store: Store, measure: Measure, *, each: int, server: int) -> int:
    """Measure one turn."""
    began, used = time.monotonic(), _used(server)
    done = await claimed(store, each)
    measure.wall.append((time.monotonic() - began) / max(1, done))
    measure.processor.append((_used(server) - used) / max(1, done))
    return done


def _used(server: int) -> float:
    return time.process_time() + (processor_seconds(server) if server else 0.0)


async def main(*, empty: str, full: str, rounds: int, each: int, server: int) -> None:
    """Measure by turns and print it."""
    stores = {"empty": await opened(empty), "full": await opened(full)}
    found = {name: Measure() for name in stores}
    done = dict.fromkeys(stores, 0)
    megabytes = 0.0
    for turn in range(rounds + 1):
        for start in range(0, each, BATCH):
            await asyncio.gather(*(stores["empty"].accept(newsletter(start + n)) for n in range(BATCH)))
        for name, store in stores.items():
            # The first turn warms up: statements are prepared and pages read in it.
            done[name] += await take(store, found[name] if turn else Measure(), each=each, server=server)
        megabytes = max(megabytes, resident_megabytes(os.getpid()))
    for store in stores.values():
        await store.close()
    figures: Mapping[str, object] = {
        name: {"wall": one.wall, "processor": one.processor, "done": done[name]} for name, one in found.items()
    }
    print(json.dumps({**figures, "megabytes": megabytes, "wanted": (rounds + 1) * each}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(**json.loads(sys.argv[1])))
