"""Events after they are recorded: listed, parked and taken up again, forwarded with retries. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from sendworthy.mail.event import EventKind
from sendworthy.store import schema
from sendworthy.store.columns import instant, micros
from sendworthy.store.engine import Engine
from sendworthy.store.heard import Forwarding, Parked, StoredComplaint, StoredEvent
from sendworthy.store.statement import Own, own, statement

FORWARDS_DUE = statement("""
SELECT d.id FROM forwards d WHERE d.due_at IS NOT NULL AND d.due_at <= ? ORDER BY d.due_at, d.id LIMIT ? {skipping}""")
_LEASE = statement("UPDATE forwards SET due_at = ?, attempts = attempts + 1 WHERE id = ? AND due_at IS NOT NULL")
_ONE = statement("""
SELECT f.id, f.event_id, e.kind, e.recipient, f.message_id, f.target, f.created_at, f.due_at, f.attempts, f.error, e.raw
FROM forwards f JOIN events e ON e.id = f.event_id WHERE f.id = ?""")
_TAKEN = statement("DELETE FROM forwards WHERE id = ? AND attempts = ?")
_LATER = statement("UPDATE forwards SET due_at = ?, error = ? WHERE id = ? AND attempts = ?")
_GIVEN_UP = statement("UPDATE forwards SET due_at = NULL, error = ? WHERE id = ? AND attempts = ?")
_ONCE_MORE = statement("UPDATE forwards SET due_at = ?, attempts = 0 WHERE id = ? AND due_at IS NULL")
_DEAD = statement("SELECT id FROM forwards WHERE due_at IS NULL AND (target = ? OR ? = '') ORDER BY id LIMIT 10000")

_LONGEST_ERROR = 500


class Hearing:
    """What is done with events after the record. Writes return after the commit; all raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def events(
        self, *, kinds: Collection[EventKind] = (), recipient: str = "", foreign: bool = False, limit: int = 50
    ) -> tuple[StoredEvent, ...]:
        """List events, the last received first, all filters given holding."""
        return await self._engine.read(partial(_events, kinds=kinds, recipient=recipient, foreign=foreign, limit=limit))

    async def event_raw(self, event_id: str) -> str | None:
        """Give the whole event as it came, None when there is none of that id."""
        query = select(schema.events.c.raw).where(schema.events.c.id == event_id)
        return await self._engine.read(lambda connection: connection.execute(query).scalar())

    async def complaints(self, since: datetime, *, limit: int = 50) -> tuple[StoredComplaint, ...]:
        """List complaints received since an instant with the mail they are about, the last first."""
        return await self._engine.read(partial(_complaints, since=since, limit=limit))

    async def ours(self, ses_message_ids: Collection[str]) -> frozenset[tuple[str, str]]:
        """Give the pairs of SES MessageId and recipient (lower case) of our deliveries among these ids."""
        table = schema.deliveries.c
        query = select(table.ses_message_id, table.recipient_key).where(table.ses_message_id.in_(list(ses_message_ids)))
        rows = await self._engine.read(lambda connection: connection.execute(query).all())
        return frozenset((str(row[0]), str(row[1])) for row in rows)

    # What is parked

    async def parked(self, *, limit: int = 50) -> tuple[Parked, ...]:
        """List what is parked, the last first, without the bodies."""
        return await self._engine.read(partial(_parked, limit=limit))

    async def parked_one(self, number: int) -> Parked | None:
        """Give one parked body, None when there is none of that number."""
        query = select(schema.parked).where(schema.parked.c.id == number)
        row = await self._engine.read(lambda connection: connection.execute(query).first())
        return None if row is None else _as_parked(row, len(row.raw), bytes(row.raw))

    async def unpark(self, number: int) -> bool:
        """Forget one parked body; say whether there was one."""
        change = delete(schema.parked).where(schema.parked.c.id == number)
        return await self._engine.write("unpark", lambda connection: connection.execute(change).rowcount > 0)

    async def parked_because(self, number: int, reason: str) -> None:
        """Note why a parked body was refused again."""
        change = update(schema.parked).where(schema.parked.c.id == number).values(reason=reason)
        await self._engine.write("park", lambda connection: connection.execute(change))

    # What is forwarded

    async def claim_forwards(self, *, limit: int, lease_seconds: float) -> tuple[Forwarding, ...]:
        """Take what is due, hidden from others for `lease_seconds`; the attempt is counted before it is made."""
        now = self._now()
        return await self._engine.write(
            "forward", lambda connection: _claim(own(connection), now, limit, lease_seconds)
        )

    async def forwarded(self, one: Forwarding) -> None:
        """Forget one that its target has taken."""
        await self._engine.write("forward", lambda connection: own(connection).run(_TAKEN, one.id, one.attempts))

    async def forward_later(self, one: Forwarding, *, due_at: datetime | None, error: str) -> None:
        """Try one that failed again at `due_at`, or give it up (None), which puts it among the dead letters."""
        why = error[:_LONGEST_ERROR]

        def work(connection: Connection) -> int:
            mine = own(connection)
            if due_at is None:
                return mine.run(_GIVEN_UP, why, one.id, one.attempts)
            return mine.run(_LATER, micros(due_at), why, one.id, one.attempts)

        await self._engine.write("forward", work)

    async def forwards(self, *, dead: bool = False, limit: int = 50) -> tuple[Forwarding, ...]:
        """List what is on its way, or (`dead`) what was given up on, oldest first, without the bodies."""
        return await self._engine.read(partial(_forwards, dead=dead, limit=limit))

    async def forward_again(self, *, number: int | None = None, target: str = "") -> int:
        """Take up dead letters again: one, those of one target, or all; give how many."""
        at = micros(self._now())

        def work(connection: Connection) -> int:
            mine = own(connection)
            ids = [number] if number is not None else [row[0] for row in mine.all(_DEAD, target, target)]
            return sum(mine.run(_ONCE_MORE, at, each) for each in ids)

        return await self._engine.write("forward", work)


def _claim(own: Own, now: datetime, limit: int, lease_seconds: float) -> tuple[Forwarding, ...]:
    until = micros(now + timedelta(seconds=lease_seconds))
    found: list[Forwarding] = []
    for (number,) in own.all(FORWARDS_DUE, micros(now), limit):
        own.run(_LEASE, until, number)
        row = own.one(_ONE, number)
        if row is not None:
            found.append(_as_forwarding(row))
    return tuple(found)


def _as_forwarding(row: Sequence[Any]) -> Forwarding:
    return Forwarding(
        id=row[0],
        event_id=row[1],
        kind=row[2],
        recipient=row[3],
        message_id=row[4],
        target=row[5],
        created_at=instant(row[6]),
        due_at=None if row[7] is None else instant(row[7]),
        attempts=row[8],
        error=row[9],
        raw=row[10],
    )


def _forwards(connection: Connection, *, dead: bool, limit: int) -> tuple[Forwarding, ...]:
    forwards, events = schema.forwards.c, schema.events.c
    query = (
        select(schema.forwards, events.kind, events.recipient)
        .select_from(schema.forwards.join(schema.events, events.id == forwards.event_id))
        .where(forwards.due_at.is_(None) if dead else forwards.due_at.is_not(None))
        .order_by(forwards.id)
        .limit(limit)
    )
    return tuple(Forwarding(**row, raw="") for row in connection.execute(query).mappings())


def _events(
    connection: Connection, *, kinds: Collection[EventKind], recipient: str, foreign: bool, limit: int
) -> tuple[StoredEvent, ...]:
    table = schema.events.c
    query = select(schema.events).order_by(table.received_at.desc(), table.id).limit(limit)
    if kinds:
        query = query.where(table.kind.in_([kind.value for kind in kinds]))
    if recipient:
        query = query.where(func.lower(table.recipient) == recipient.lower())
    if foreign:
        query = query.where(table.delivery_id.is_(None))
    return tuple(
        StoredEvent(
            **{name: row[name] or "" for name in _AS_THEY_ARE},
            occurred_at=row["occurred_at"],
            received_at=row["received_at"],
            verified=bool(row["verified"]),
            foreign=row["delivery_id"] is None,
        )
        for row in connection.execute(query).mappings()
    )


_AS_THEY_ARE = (
    "id",
    "kind",
    "recipient",
    "ses_message_id",
    "delivery_id",
    "bounce_type",
    "bounce_subtype",
    "complaint_type",
    "diagnostic",
    "source",
)


def _complaints(connection: Connection, *, since: datetime, limit: int) -> tuple[StoredComplaint, ...]:
    events, deliveries, messages, keys = schema.events.c, schema.deliveries.c, schema.messages.c, schema.keys.c
    query = (
        select(
            schema.events,
            messages.id.label("message_id"),
            messages.subject,
            messages.access_key_id,
            messages.stream,
            messages.configuration_set,
            messages.tags,
            keys.name,
        )
        .select_from(
            schema.events.outerjoin(schema.deliveries, deliveries.id == events.delivery_id)
            .outerjoin(schema.messages, messages.id == deliveries.message_id)
            .outerjoin(schema.keys, keys.access_key_id == messages.access_key_id)
        )
        .where(events.received_at >= since, events.kind == EventKind.COMPLAINT.value)
        .where(events.complaint_type != "not-spam")
        .order_by(*(column.desc() for column in (events.received_at, events.id)))
        .limit(limit)
    )
    return tuple(
        StoredComplaint(
            event_id=row.id,
            at=row.occurred_at,
            received_at=row.received_at,
            recipient=row.recipient,
            complaint_type=row.complaint_type,
            ses_message_id=row.ses_message_id,
            message_id=row.message_id or "",
            subject=row.subject or "",
            key=row.name or row.access_key_id or "",
            stream=row.stream or "",
            configuration_set=row.configuration_set or "",
            tags=row.tags or {},
            verified=bool(row.verified),
        )
        for row in connection.execute(query)
    )


def _parked(connection: Connection, *, limit: int) -> tuple[Parked, ...]:
    table = schema.parked.c
    size = func.length(table.raw).label("size")
    query = select(table.id, table.at, table.source, table.reason, size).order_by(table.id.desc()).limit(limit)
    return tuple(
        Parked(id=row.id, at=row.at, source=row.source, reason=row.reason, size=int(row.size))
        for row in connection.execute(query)
    )


def _as_parked(row: Row[Any], size: int, raw: bytes) -> Parked:
    return Parked(id=row.id, at=row.at, source=row.source, reason=row.reason, size=size, raw=raw)
