"""A backlog of fifty thousand changes neither the order nor the price of a claim, on both engines."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from statistics import median
from typing import Protocol

import pytest
from sqlalchemy import Connection

from sendworthy.audit.profile import Stream
from sendworthy.pacing.governor import Policy, State
from sendworthy.store import Store
from sendworthy.store.columns import micros
from sendworthy.store.values import Claim, NewMessage

BACKLOG = 50_000
FILL = """
INSERT INTO messages (id, access_key_id, stream, mail_from, subject, raw, size, configuration_set, tags, fingerprint,
                      accepted_at)
VALUES ('backlog', 'AKSWNEWS', '{stream}', 'news@example.com', 'News', {raw}, 2, '', '{{}}', '', {at});
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
INSERT INTO deliveries (id, message_id, recipient, recipient_key, stream, rank, queue, status, reason, due_at, attempts,
                        tries, accepted_at, changed_at)
SELECT 'b' || n, 'backlog', 'r@example.org', 'r' || n, '{stream}', {rank}, 'AKSWNEWS|', 'accepted', '', {at}, 0, 0,
       {at}, {at}
FROM numbers"""


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def fill(stream: Stream, rank: int, at: datetime) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        raw = "x'4869'" if connection.dialect.name == "sqlite" else "'\\x4869'::bytea"
        script = FILL.format(stream=stream, rank=rank, at=micros(at), raw=raw, count=BACKLOG)
        for statement in script.split(";"):
            connection.exec_driver_sql(statement)

    return work


@pytest.mark.parametrize(("stream", "rank"), [(Stream.MARKETING, 40), (Stream.TRANSACTIONAL, 20)])
async def test_a_password_reset_overtakes_a_backlog_of_another_key(
    store: Store,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
    open_account: Callable[..., Awaitable[State]],
    stream: Stream,
    rank: int,
) -> None:
    await open_account(rate=14.0)
    asked = replace(claim, policy=Policy(reserve=0))
    took: list[float] = []

    async def step() -> list[str]:
        began = time.perf_counter()
        batch = await store.claim(asked)
        took.append(time.perf_counter() - began)
        clock.advance(batch.wait_seconds or 0.001)
        return [out.recipient for out in batch.outgoing]

    await store.accept(make_message("warm@example.org"))
    await step()
    await store._engine.write("fill", fill(stream, rank, clock()))
    clock.advance(1)
    for _ in range(20):
        await step()
    for _ in range(5):
        await store.accept(make_message("reset@example.org"))
        accepted = clock()
        while "reset@example.org" not in await step():
            continue
        # At 14 a second: its turn is the next permit but one, whatever else waits.
        assert (clock() - accepted).total_seconds() < 0.5
    assert median(took) < 0.5  # seconds, on a machine that does ten other things
