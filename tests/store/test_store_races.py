"""Several processes' stores on one database at the same time, on both engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import pytest
from sqlalchemy import Connection, select

from sendworthy.audit.profile import Stream
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Store, schema
from sendworthy.store.values import Answered, Claim, NewMessage, Outgoing, StoredKey

Make = Callable[..., NewMessage]
NONE_TO_SPARE = Policy(burst_seconds=0.2, reserve=0)


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


@pytest.fixture
async def stores(url: str, clock: Clock, claim: Claim) -> AsyncIterator[list[Store]]:
    opened = [await Store.open(url, now=clock, new_id=lambda: "id") for _ in range(4)]
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=50,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    await opened[0].change_governor(claim.lane, lambda _: State(quota=quota))
    yield opened
    await asyncio.gather(*(store.close() for store in opened))


async def claim_by_all(stores: list[Store], claim: Claim) -> list[Outgoing]:
    batches = await asyncio.gather(
        *(store.claim(replace(claim, owner=f"w{number}")) for number, store in enumerate(stores))
    )
    return [out for batch in batches for out in batch.outgoing]


async def test_claims_at_once_give_each_delivery_to_one_and_keep_the_rate(
    stores: list[Store], claim: Claim, clock: Clock, make_message: Make
) -> None:
    await asyncio.gather(*(stores[n % 4].accept(make_message(f"u{n}@example.org")) for n in range(300)))
    taken: list[str] = []
    for tick in range(50):
        taken += [out.delivery_id for out in await claim_by_all(stores, replace(claim, policy=NONE_TO_SPARE))]
        assert len(taken) <= 50 * tick * 0.1 + 1 + 50 * 0.2
        clock.advance(0.1)
    assert len(taken) == len(set(taken))
    assert len(taken) >= 0.99 * 50 * 49 * 0.1


async def test_a_keys_cap_holds_among_all(stores: list[Store], claim: Claim, clock: Clock, make_message: Make) -> None:
    key = StoredKey(
        access_key_id="AKSWCAP",
        name="cap",
        stream=Stream.TRANSACTIONAL,
        sealed_secret=b"x",
        created_at=clock(),
        daily_cap=7,
    )
    await stores[0].add_key(key)
    for _ in range(20):
        await stores[0].accept(make_message(access_key_id="AKSWCAP"))
    assert len(await claim_by_all(stores, claim)) == 7
    assert await claim_by_all(stores, claim) == []


async def test_answers_events_and_lost_leases_that_cross_end_alike_in_any_order(
    stores: list[Store], claim: Claim, clock: Clock, make_message: Make
) -> None:
    for number in range(60):
        await stores[number % 4].accept(make_message(f"u{number}@example.org"))
    outgoing: list[Outgoing] = []
    while len(outgoing) < 60:
        outgoing += await claim_by_all(stores, claim)
        clock.advance(1)
    clock.advance(61)

    def an_event(out: Outgoing, kind: EventKind, **fields: str) -> Event:
        return Event(
            id=f"{out.delivery_id}-{kind}",
            kind=kind,
            delivery_id=out.delivery_id,
            ses_message_id=f"ses-{out.delivery_id}",
            recipient=out.recipient,
            occurred_at=clock(),
            **fields,
        )

    sent = [
        Answered(
            delivery_id=out.delivery_id,
            n=out.n,
            status=Status.SENT,
            kind="sent",
            ses_message_id=f"ses-{out.delivery_id}",
            returns_permit=True,
        )
        for out in outgoing
    ]
    at = clock().timestamp()

    def learnt(state: State) -> State:
        return governor.throttled(state, at, NONE_TO_SPARE)

    delivered = [an_event(out, EventKind.DELIVERY) for out in outgoing]
    bounced = [an_event(out, EventKind.BOUNCE, bounce_type="Permanent") for out in outgoing]
    await asyncio.gather(
        *(stores[0].answer(claim.lane, sent[n : n + 7], learnt=learnt) for n in range(0, 60, 7)),
        *(stores[1].record_events(delivered[n : n + 11][::-1], source="a") for n in range(0, 60, 11)),
        *(stores[2].record_events(bounced[n : n + 13], source="b") for n in range(0, 60, 13)),
        *(store.recover() for store in stores),
        *(store.claim(claim) for store in stores),
    )
    found, _ = await stores[3].deliveries(limit=100)
    assert Counter(delivery.status for delivery in found) == {Status.BOUNCED: 60}

    def ledger(connection: Connection) -> list[tuple[str, str, str]]:
        of = schema.ledger.c
        rows = connection.execute(select(of.delivery_id, of.was, of.became).order_by(of.id))
        return [(row[0], row[1], row[2]) for row in rows]

    last: dict[str, str] = {}
    for name, was, became in await stores[3]._engine.read(ledger):
        assert last.get(name, "") == was
        last[name] = became
    assert set(last.values()) == {"bounced"}
