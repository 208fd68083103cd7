"""What the record says about itself: does the ledger add up, what has no end yet, and what there was on each day.

Judges nothing and calls nobody. All looks go by the day of acceptance, which is indexed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select

from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.store import schema
from sendworthy.store.barred import SOURCE
from sendworthy.store.columns import instant, micros
from sendworthy.store.engine import Engine
from sendworthy.store.statement import Own, Statement, own, statement


class Rule(StrEnum):
    """What must hold of every message, at any time and after any crash."""

    STATUS = "status"
    """The status of a delivery is what the ledger last says."""
    CHAIN = "chain"
    """Each line of the ledger begins where the one before it ended, and the first one with nothing."""
    DELIVERIES = "deliveries"
    """An accepted message has at least one delivery."""
    WITNESS = "witness"
    """What counts as taken has SES's MessageId, an event of SES, or the word of the relay that took it."""
    DUE = "due"
    """What waits has a time, and what has ended has none."""


_BROKEN: dict[Rule, Statement] = {
    Rule.STATUS: statement("""
SELECT d.id FROM messages m JOIN deliveries d ON d.message_id = m.id
WHERE m.accepted_at >= ? AND d.status <> coalesce(
    (SELECT l.became FROM ledger l WHERE l.delivery_id = d.id ORDER BY l.id DESC LIMIT 1), '')
ORDER BY d.id LIMIT ?"""),
    Rule.CHAIN: statement("""
SELECT DISTINCT x.delivery_id FROM (
    SELECT l.delivery_id, l.was, lag(l.became, 1, '') OVER (PARTITION BY l.delivery_id ORDER BY l.id) AS before
    FROM messages m JOIN deliveries d ON d.message_id = m.id JOIN ledger l ON l.delivery_id = d.id
    WHERE m.accepted_at >= ?) x
WHERE x.was <> x.before ORDER BY x.delivery_id LIMIT ?"""),
    Rule.DELIVERIES: statement("""
SELECT m.id FROM messages m WHERE m.accepted_at >= ?
AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.id) ORDER BY m.id LIMIT ?"""),
    Rule.WITNESS: statement("""
SELECT d.id FROM messages m JOIN deliveries d ON d.message_id = m.id
WHERE m.accepted_at >= ? AND d.status IN ('sent', 'soft_bounced', 'delivered', 'bounced', 'complained')
AND d.ses_message_id IS NULL AND NOT EXISTS (SELECT 1 FROM events e WHERE e.delivery_id = d.id)
AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = d.id AND a.kind = 'sent' AND a.code = 'relay')
ORDER BY d.id LIMIT ?"""),
    Rule.DUE: statement("""
SELECT d.id FROM messages m JOIN deliveries d ON d.message_id = m.id
WHERE m.accepted_at >= ? AND ((d.status IN ('accepted', 'deferred') AND d.due_at IS NULL)
OR (d.status NOT IN ('accepted', 'deferred', 'held', 'sending') AND d.due_at IS NOT NULL))
ORDER BY d.id LIMIT ?"""),
}

_UNFINISHED = statement("""
SELECT d.id, d.message_id, d.recipient, d.status, d.changed_at FROM messages m
JOIN deliveries d ON d.message_id = m.id
WHERE m.accepted_at >= ? AND d.status IN ('sent', 'uncertain') AND d.changed_at < ?
AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = d.id AND a.kind = 'sent' AND a.code = 'relay')
ORDER BY d.changed_at, d.id LIMIT ?""")

_HANDED_OVER = statement("""
SELECT a.answered_at / 86400000000, CASE WHEN d.recipient_key LIKE ? THEN 1 ELSE 0 END, count(*) FROM messages m
JOIN deliveries d ON d.message_id = m.id JOIN attempts a ON a.delivery_id = d.id
WHERE m.accepted_at >= ? AND a.answered_at >= ? AND a.ses_message_id <> '' GROUP BY 1, 2""")

_TOLD = statement("""
SELECT e.occurred_at / 86400000000, e.kind, CASE WHEN lower(e.recipient) LIKE ? THEN 1 ELSE 0 END, count(*)
FROM events e WHERE e.received_at >= ? AND e.occurred_at >= ? AND e.source <> ?
GROUP BY 1, 2, 3""")

_IN_DOUBT = statement("""
SELECT d.changed_at / 86400000000, count(*) FROM deliveries d
WHERE d.status = 'uncertain' AND d.changed_at >= ? GROUP BY 1""")

_LONGEST_WAIT = timedelta(days=90)
"""How long before the first day that is asked for a message may have been accepted (the furthest send-at)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that does not hold, and for which messages or deliveries: the first of them."""

    rule: Rule
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A delivery that SES has taken, or may have, and of which nothing final was heard."""

    delivery_id: str
    message_id: str
    recipient: str
    status: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What our record holds of one UTC day, in recipients.

    `told` are the events by kind, foreign ones too. What went to the mailbox simulator is counted in `simulated_sent`
    and `simulated` beside the rest, never in it. `in_doubt` may or may not have been taken by SES.
    """

    sent: int = 0
    told: dict[str, int]
    simulated_sent: int = 0
    simulated: dict[str, int]
    in_doubt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """One event as it came in; `delivery_id` is empty when it is not of our mail."""

    received_at: datetime
    kind: str
    recipient: str
    delivery_id: str
    message_id: str
    detail: str
    source: str


class Completeness:
    """Looks at one store as a whole. All raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def broken(self, since: datetime, *, limit: int = 20) -> tuple[Broken, ...]:
        """Give the rules that do not hold for messages accepted since an instant; empty is how it should be."""

        def work(connection: Connection) -> tuple[Broken, ...]:
            mine = own(connection)
            found = {rule: mine.all(query, micros(since), limit) for rule, query in _BROKEN.items()}
            return tuple(
                Broken(rule=rule, ids=tuple(str(row[0]) for row in rows)) for rule, rows in found.items() if rows
            )

        return await self._engine.read(work)

    async def unfinished(self, before: datetime, since: datetime, *, limit: int = 1_000) -> tuple[Unfinished, ...]:
        """List what was taken by SES before one instant and accepted since another, and has no end; oldest first."""

        def work(connection: Connection) -> tuple[Unfinished, ...]:
            rows = own(connection).all(_UNFINISHED, micros(since), micros(before), limit)
            return tuple(
                Unfinished(
                    delivery_id=row[0], message_id=row[1], recipient=row[2], status=row[3], since=instant(row[4])
                )
                for row in rows
            )

        return await self._engine.read(work)

    async def days(self, first: datetime) -> dict[date, Day]:
        """Give what there was on each UTC day from `first` on, which is the beginning of one."""
        return await self._engine.read(lambda connection: _days(own(connection), first))

    async def recent_events(self, *, limit: int = 20) -> tuple[SeenEvent, ...]:
        """Give the last events that came in, newest first."""
        events, deliveries = schema.events, schema.deliveries
        columns = (events.c.received_at, events.c.kind, events.c.recipient, events.c.delivery_id, events.c.source)
        details = (events.c.bounce_type, events.c.bounce_subtype, events.c.complaint_type, deliveries.c.message_id)
        query = (
            select(*columns, *details)
            .select_from(events.outerjoin(deliveries, deliveries.c.id == events.c.delivery_id))
            .order_by(events.c.received_at.desc(), events.c.id)
            .limit(limit)
        )

        def work(connection: Connection) -> tuple[SeenEvent, ...]:
            return tuple(
                SeenEvent(
                    received_at=row.received_at,
                    kind=row.kind,
                    recipient=row.recipient,
                    delivery_id=row.delivery_id or "",
                    message_id=row.message_id or "",
                    detail=" ".join(filter(None, (row.bounce_type, row.bounce_subtype, row.complaint_type))),
                    source=row.source,
                )
                for row in connection.execute(query)
            )

        return await self._engine.read(work)


def _days(mine: Own, first: datetime) -> dict[date, Day]:
    accepted, at = micros(first - _LONGEST_WAIT), micros(first)
    simulator = f"%@{SIMULATOR_DOMAIN}"
    sent: dict[tuple[date, int], int] = {}
    for number, simulated, count in mine.all(_HANDED_OVER, simulator, accepted, at):
        sent[_date(number), int(simulated)] = int(count)
    told: dict[tuple[date, int], dict[str, int]] = {}
    for number, kind, simulated, count in mine.all(_TOLD, simulator, at, at, SOURCE):
        told.setdefault((_date(number), int(simulated)), {})[str(kind)] = int(count)
    doubt = {_date(number): int(count) for number, count in mine.all(_IN_DOUBT, at)}
    return {
        day: Day(
            sent=sent.get((day, 0), 0),
            told=told.get((day, 0), {}),
            simulated_sent=sent.get((day, 1), 0),
            simulated=told.get((day, 1), {}),
            in_doubt=doubt.get(day, 0),
        )
        for day in sorted({day for day, _ in (*sent, *told)} | set(doubt))
    }


def _date(number: int) -> date:
    return datetime.fromtimestamp(int(number) * 86_400, UTC).date()
