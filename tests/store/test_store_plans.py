"""The hot statements search an index, whatever the tables hold, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from sendworthy.store import Store
from sendworthy.store.accepting import KNOWN_CALL, SUPPRESSED
from sendworthy.store.alerts import NOTICES_DUE
from sendworthy.store.bodies import MESSAGES
from sendworthy.store.feedback import AHEAD, HEARD
from sendworthy.store.hearing import FORWARDS_DUE
from sendworthy.store.outgoing import LOST_LEASES
from sendworthy.store.queues import (
    FIRST_OF_QUEUE,
    NEXT_QUEUE,
    NEXT_QUEUE_BEFORE,
    NEXT_QUEUE_BETWEEN,
    SELECT_DUE,
    SELECT_INSTEAD,
)
from sendworthy.store.recording import EARLY, STRIKES
from sendworthy.store.standstill import COUNT, COUNT_INSTEAD, FIRST_PUT_OFF, FIRST_REST
from sendworthy.store.statement import Statement, own
from sendworthy.store.tallies import COUNTED, FORGET
from sendworthy.store.upkeep import IN_DOUBT, TOO_LATE, WAITING_OF

HOT: list[tuple[Statement, tuple[Any, ...], str]] = [
    (NEXT_QUEUE, (1, "a"), "ix_deliveries_queue"),
    (NEXT_QUEUE_BEFORE, (1, "a", 20, 20, "a|b"), "ix_deliveries_queue"),
    (NEXT_QUEUE_BETWEEN, (20, "a", "b"), "ix_deliveries_queue"),
    (FIRST_OF_QUEUE, (20, "a|b", 1), "ix_deliveries_queue"),
    (SELECT_DUE, (20, "a|b", 0, 1, 100), "ix_deliveries_queue"),
    (SELECT_INSTEAD, (20, "a|b", 0, "%@x", 1, 100), "ix_deliveries_queue"),
    (COUNT, (20, "a|b", 100), "ix_deliveries_queue"),
    (COUNT_INSTEAD, (20, "a|b", 0, "%@x", 1, 100), "ix_deliveries_queue"),
    (FIRST_REST, (20, "a|b", 0, "%@x", 1), "ix_deliveries_queue"),
    (FIRST_PUT_OFF, (20, "a|b", 1), "ix_deliveries_queue"),
    (LOST_LEASES, (1, 10**12), "ix_deliveries_lease"),
    (EARLY, ("x",), "ix_events_unmatched"),
    (FORWARDS_DUE, (1, 100), "ix_forwards_due"),
    (NOTICES_DUE, (1, 100), "ix_notices_due"),
    (STRIKES, ("x",), "strikes"),
    (KNOWN_CALL, ("a", "b"), "uq_messages_invocation"),
    (SUPPRESSED, (["a", "b"],), "suppressions"),
    (MESSAGES, (["a", "b"],), "messages"),
    (TOO_LATE, (1, 100), "ix_deliveries_expires"),
    (IN_DOUBT, (1, "transactional", 100), "ix_deliveries_uncertain"),
    (WAITING_OF, ("m",), "ix_deliveries_message_id"),
    (HEARD, (7_990, 7_990, "x"), "ix_events_received_at"),
    (COUNTED, (["x1", "x2"], 1, 61), "tallies"),
    (FORGET, (2, 100), "ix_tallies_minute"),
    (AHEAD, (20, 20, 100, 1_000), "ix_deliveries_queue"),
]

FILL = """
INSERT INTO messages (id, access_key_id, stream, mail_from, subject, size, configuration_set, tags, invocation_id,
                      fingerprint, accepted_at)
SELECT 'm' || n, 'k' || n % 2, 'transactional', 'a@example.com', '', 1, '', '{}', 'i' || n, '', n FROM numbers;
INSERT INTO deliveries (id, message_id, recipient, recipient_key, stream, rank, queue, status, reason, due_at,
                        lease_until, expires_at, attempts, tries, ses_message_id, accepted_at, changed_at)
SELECT 'd' || n, 'm' || n, 'a@example.org', 'a@example.org', 'transactional', 20, 'k' || n % 2 || '|',
       CASE WHEN n % 50 = 1 THEN 'uncertain' ELSE 'sent' END, '', CASE WHEN n % 3 = 0 THEN n END,
       CASE WHEN n % 50 = 2 THEN n END, CASE WHEN n % 50 = 0 THEN n END, 0, 0, 's' || n, n, n FROM numbers;
INSERT INTO attempts (delivery_id, n, started_at, kind, code, text, ses_message_id)
SELECT 'd' || n, 1, n, 'sent', '', '', '' FROM numbers;
INSERT INTO events (id, delivery_id, tag, ses_message_id, recipient, kind, bounce_type, bounce_subtype, complaint_type,
                    diagnostic, occurred_at, received_at, source, raw)
SELECT 'e' || n, CASE WHEN n % 10 > 0 THEN 'd' || n END, '', 's' || n, '', 'send', '', '', '', '', n, n, '', ''
FROM numbers;
INSERT INTO forwards (event_id, message_id, target, created_at, due_at, attempts, error)
SELECT 'e' || n, 'm' || n, 'shop', n, CASE WHEN n % 50 = 0 THEN n END, 0, '' FROM numbers;
INSERT INTO alerts (kind, subject, level, happened, to_do, opened_at, seen_at)
SELECT 'drift', 's' || n, 'warning', '', '', n, n FROM numbers;
INSERT INTO notices (alert_id, target, what, state, created_at, due_at, attempts, error)
SELECT min(a.id), 'x' || n, 'opened', 'taken', n, CASE WHEN n % 50 = 0 THEN n END, 0, '' FROM numbers, alerts a
WHERE a.subject = 's1' GROUP BY n;
INSERT INTO strikes (address_key, event_id, at) SELECT 'x' || n % 500, 'e' || n, n FROM numbers;
INSERT INTO tallies (name, minute, counted) SELECT 'x' || n, n, 1 FROM numbers;
INSERT INTO suppressions (address_key, scope, reason, at, source, active)
SELECT 'x' || n, 'account', 'bounce', n, '', TRUE FROM numbers;
"""
NUMBERS = {
    "sqlite": "CREATE TEMP TABLE numbers AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 8000) "
    "SELECT n FROM c",
    "postgresql": "CREATE TEMP TABLE numbers AS SELECT n FROM generate_series(1, 8000) AS n",
}


@pytest.fixture
async def filled(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url, now=lambda: datetime(2026, 5, 4, tzinfo=UTC), new_id=lambda: "id")

    def fill(connection: Connection) -> None:
        for text in (NUMBERS[connection.dialect.name], *FILL.split(";")[:-1], "ANALYZE"):
            connection.exec_driver_sql(text)

    await store._engine.write("fill", fill)
    yield store
    await store.close()


async def test_the_hot_statements_search_their_index(filled: Store) -> None:
    def plans(connection: Connection) -> list[str]:
        mine = own(connection)
        if connection.dialect.name == "sqlite":
            return [
                "; ".join(str(row[3]) for row in mine.all(Statement(f"EXPLAIN QUERY PLAN {one.sqlite}", ""), *values))
                for one, values, _ in HOT
            ]
        return [
            "; ".join(str(row[0]) for row in mine.all(Statement("", f"EXPLAIN {one.postgresql}"), *values))
            for one, values, _ in HOT
        ]

    found = await filled._engine.read(plans)
    for (one, _, index), plan in zip(HOT, found, strict=True):
        assert index in plan, (one.sqlite, plan)
        for scan in (
            "SCAN deliveries",
            "SCAN messages",
            "SCAN d",
            "SCAN m",
            "SCAN events",
            "SCAN suppressions",
            "SCAN tallies",
        ):
            assert scan not in plan, plan
        assert "Seq Scan" not in plan, plan


async def test_the_claim_needs_no_sorting(filled: Store) -> None:
    def plans(connection: Connection) -> str:
        mine, values = own(connection), (20, "k1|", 0, 9_000, 20)
        if connection.dialect.name == "sqlite":
            return str([row[3] for row in mine.all(Statement(f"EXPLAIN QUERY PLAN {SELECT_DUE.sqlite}", ""), *values)])
        return "; ".join(str(row[0]) for row in mine.all(Statement("", f"EXPLAIN {SELECT_DUE.postgresql}"), *values))

    plan = await filled._engine.read(plans)
    assert "B-TREE" not in plan
    assert "Sort" not in plan
