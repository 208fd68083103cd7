"""A claim goes straight to where a busy queue begins, finds all that waits, and steps over nothing that has gone."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from sendworthy.audit.profile import Stream
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Store, queues
from sendworthy.store.columns import micros
from sendworthy.store.fronts import BUSY, MOST, Fronts
from sendworthy.store.queues import FIRST_OF_QUEUE, NEXT_QUEUE, NEXT_QUEUE_BEFORE, NEXT_QUEUE_BETWEEN, SELECT_DUE
from sendworthy.store.statement import Statement, own
from sendworthy.store.values import Claim, NewMessage
from tests.postgres import Server, a_database
from tests.store.conftest import LANE, Clock

Make = Callable[..., NewMessage]

GONE = 20_000
MANY = """
INSERT INTO deliveries (id, message_id, recipient, recipient_key, stream, rank, queue, status, reason, due_at, attempts,
                        tries, accepted_at, changed_at)
SELECT 'd' || n, '{message}', 'a', 'a', 'transactional', 20, 'busy|', 'accepted', '', n, 0, 0, n, n
FROM generate_series(1, {most}) AS n"""

NAMES = ("AKSW1|", "aksw1|", "AKSW2|", "b|x", "B|", "é|news", "|", "a_b|", "a-b|")
"""Databases order these as their collation says, and not as Python does."""


def walked(connection: Connection, fronts: Fronts | None, at: int) -> list[queues.Queue]:
    return queues.waiting(own(connection), fronts=fronts, at=at)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_comes_and_goes_the_walk_finds_what_a_walk_over_everything_finds(
    store: Store, clock: Clock, make_message: Make, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - no secret
    fronts = Fronts()
    for name in draw.sample(NAMES, 5):
        for rank in (10, 20, 30, 40):
            fronts.claimed(rank, name, draw.choice((BUSY - 1, BUSY, 2 * BUSY)))
    for _ in range(14):
        for _ in range(draw.randrange(6)):
            key, _, configuration_set = draw.choice(NAMES).partition("|")
            stream = draw.choice((Stream.TRANSACTIONAL, Stream.MARKETING))
            later = clock() + timedelta(minutes=5) if draw.random() < 0.3 else None
            made = make_message(access_key_id=key, configuration_set=configuration_set, stream=stream, send_at=later)
            await store.accept(made)
        if draw.random() < 0.5:
            await store._engine.write("go", lambda connection: some_go(connection, draw))
        clock.advance(draw.choice((1, 30, 200, 2_000)))
        at = micros(clock())
        found = await store._engine.read(partial(walked, fronts=fronts, at=at))
        assert found == await store._engine.read(partial(walked, fronts=None, at=at))


def some_go(connection: Connection, draw: random.Random) -> None:
    """Take the front of some queues away, as claims do."""
    for rank, name in itertools.product((10, 20, 30, 40), draw.sample(NAMES, 3)):
        connection.exec_driver_sql(
            "UPDATE deliveries SET due_at = NULL, status = 'sent' WHERE id IN (SELECT id FROM deliveries "  # noqa: S608
            f"WHERE rank = {rank} AND queue = '{name}' AND due_at IS NOT NULL ORDER BY due_at LIMIT 2)"
        )


def test_what_a_rule_should_have_missed_is_found_within_a_minute() -> None:
    fronts, second = Fronts(), 1_000_000
    fronts.claimed(20, "a|", BUSY)
    at = 10_000 * second
    assert fronts.begin(at) == []
    fronts.learn([(20, "a|", at)], at)
    assert fronts.begin(at + second) == [(20, "a|", at - 120 * second)]
    assert fronts.begin(at + 59 * second)[0][2] > 0
    assert fronts.begin(at + 60 * second) == [(20, "a|", 0)]


def test_a_clock_that_was_set_back_hides_no_mail() -> None:
    fronts, second = Fronts(), 1_000_000
    fronts.claimed(20, "a|", BUSY)
    at = 10_000 * second
    fronts.begin(at)
    fronts.learn([(20, "a|", None)], at)
    assert fronts.begin(at - 5_000 * second) == [(20, "a|", 0)]
    assert fronts.begin(at - 4_990 * second)[0][2] < at - 5_000 * second


def test_only_the_busiest_queues_are_remembered_and_quiet_ones_cost_nothing() -> None:
    fronts = Fronts()
    for number in range(2_000):
        fronts.claimed(20, f"quiet{number}|", 1)
        fronts.claimed(20, f"busy{number % 20:02}|", BUSY + number % 20)
    every = [(20, f"busy{number:02}|", 5) for number in range(20)] + [(20, "quiet1|", 5)]
    fronts.begin(10**12)
    fronts.learn(every, 10**12)
    assert [name for _, name, _ in fronts.begin(10**12)] == [f"busy{number:02}|" for number in range(20 - MOST, 20)]


@pytest.fixture
async def behind(postgres: Server, clock: Clock, make_message: Make) -> Any:
    """A queue whose first twenty thousand have gone and are not vacuumed away; the next three thousand wait."""
    store = await Store.open(await a_database(postgres), now=clock, new_id=lambda: "id")
    message = make_message()
    await store.accept(message)

    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE deliveries SET (autovacuum_enabled = off)")
        connection.exec_driver_sql("UPDATE deliveries SET due_at = NULL")
        connection.exec_driver_sql(MANY.format(message=message.id, most=GONE + 3_000))

    def go(connection: Connection) -> None:
        connection.exec_driver_sql(f"UPDATE deliveries SET due_at = NULL WHERE due_at <= {GONE}")  # noqa: S608 - ours

    for work in (fill, go):
        await store._engine.write("fill", work)
    await store._engine.write("analyze", lambda connection: connection.exec_driver_sql("ANALYZE"))
    yield store
    await store.close()


async def buffers(store: Store, one: Statement, *values: Any) -> int:
    """Count the pages that a statement touches when it is run a second time."""
    asked = Statement("", f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {one.postgresql}")
    await store._engine.write("explain", lambda connection: own(connection).all(asked, *values))
    told = await store._engine.write("explain", lambda connection: own(connection).all(asked, *values))
    return sum(map(int, re.findall(r"Buffers: shared hit=(\d+)", str(told[1][0]))))


async def test_what_was_claimed_and_not_vacuumed_is_not_stepped_over(behind: Store) -> None:
    assert await buffers(behind, NEXT_QUEUE, -1, "") > 100
    assert await buffers(behind, FIRST_OF_QUEUE, 20, "busy|", GONE + 1) < 10
    assert await buffers(behind, SELECT_DUE, 20, "busy|", GONE + 1, 10**15, 1) < 20
    assert await buffers(behind, NEXT_QUEUE_BEFORE, -1, "", 20, 20, "busy|") < 10
    assert await buffers(behind, NEXT_QUEUE_BETWEEN, 20, "a|", "busy|") < 10


async def test_claim_after_claim_goes_to_the_front(
    behind: Store, open_account_of: Callable[[Store], Any], claim: Claim
) -> None:
    await open_account_of(behind)
    taken: list[str] = []
    while len(taken) < 300:
        taken += [out.delivery_id for out in (await behind.claim(claim)).outgoing]
    assert taken[:300] == [f"d{number}" for number in range(GONE + 1, GONE + 301)]


async def test_a_worker_steps_over_nothing_once_it_has_claimed_for_a_while(
    behind: Store, open_account_of: Callable[[Store], Any], claim: Claim, clock: Clock
) -> None:
    """By the server's own count of the pages of the queue's index that were asked for."""
    await open_account_of(behind)
    at_first = await pages_of_a_claim(behind, claim)
    for _ in range(BUSY // claim.limit + 2):
        await behind.claim(claim)
        clock.advance(1)
    assert at_first > 100
    assert await pages_of_a_claim(behind, claim) < 30
    clock.advance(60)
    assert await pages_of_a_claim(behind, claim) > 100, "once a minute all is looked at"
    assert await pages_of_a_claim(behind, claim) < 30


async def pages_of_a_claim(store: Store, claim: Claim) -> int:
    before = await pages(store)
    assert (await store.claim(claim)).outgoing
    return await pages(store) - before


async def pages(store: Store) -> int:
    def look(connection: Connection) -> int:
        connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        told = connection.exec_driver_sql(
            "SELECT idx_blks_read + idx_blks_hit FROM pg_statio_user_indexes WHERE indexrelname = 'ix_deliveries_queue'"
        )
        return int(told.scalar_one())

    await store._engine.write("f", lambda connection: connection.exec_driver_sql("SELECT pg_stat_force_next_flush()"))
    return await store._engine.write("look", look)


@pytest.fixture
def open_account_of(clock: Clock) -> Callable[[Store], Any]:
    async def put(store: Store) -> State:
        quota = Quota(
            max_24_hour_send=-1,
            max_send_rate=1e6,
            sent_last_24_hours=0,
            production=True,
            sending_enabled=True,
            read_at=clock().timestamp(),
        )
        return await store.change_governor(LANE, lambda _: State(quota=quota))

    return put
