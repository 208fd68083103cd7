"""Looking at messages and what became of them, in SQLAlchemy Core for both engines. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, func, select, tuple_

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.status import Status
from sendworthy.store import schema
from sendworthy.store.bodies import joined
from sendworthy.store.columns import micros
from sendworthy.store.outgoing import BY_RELAY
from sendworthy.store.statement import own
from sendworthy.store.values import Counts, Moment, StoredDelivery, StoredMessage

Cursor = tuple[datetime, str]
"""Where a listing goes on: the instant and id of the last row seen."""

_messages = schema.messages.c
_MESSAGE = (
    _messages.id,
    _messages.access_key_id,
    _messages.stream,
    _messages.mail_from,
    _messages.subject,
    _messages.size,
    _messages.configuration_set,
    _messages.tags,
    _messages.accepted_at,
)


def message(connection: Connection, message_id: str) -> StoredMessage | None:
    """Give one message, None when there is none of that id."""
    row = connection.execute(select(*_MESSAGE).where(_messages.id == message_id)).mappings().first()
    return _as_message(row) if row else None


def body(connection: Connection, message_id: str) -> bytes | None:
    """Give the MIME text of a message, None when it is not kept (any more)."""
    query = select(_messages.raw, _messages.chunks).where(_messages.id == message_id)
    row = connection.execute(query).first()
    if row is None or (row.raw is None and not row.chunks):
        return None
    return joined(own(connection), message_id) if row.chunks else bytes(row.raw)


def messages(
    connection: Connection, limit: int, after: Cursor | None
) -> tuple[tuple[StoredMessage, ...], Cursor | None]:
    """List messages, newest first; the second value is the next page's `after`, None at the end."""
    order = (_messages.accepted_at, _messages.id)
    query = select(*_MESSAGE).order_by(*(column.desc() for column in order)).limit(limit)
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(micros(after[0]), after[1]))
    found = tuple(_as_message(row) for row in connection.execute(query).mappings())
    return found, ((found[-1].accepted_at, found[-1].id) if len(found) == limit else None)


def deliveries(
    connection: Connection,
    message_id: str | None,
    recipient_key: str | None,
    statuses: Collection[Status],
    limit: int,
    after: Cursor | None,
) -> tuple[tuple[StoredDelivery, ...], Cursor | None]:
    """List deliveries, newest first, all filters given holding; the second value is the next page's `after`."""
    table = schema.deliveries.c
    order = (table.accepted_at, table.id)
    query = select(schema.deliveries).order_by(*(column.desc() for column in order)).limit(limit)
    if message_id is not None:
        query = query.where(table.message_id == message_id)
    if recipient_key is not None:
        query = query.where(table.recipient_key == recipient_key)
    if statuses:
        query = query.where(table.status.in_([status.value for status in statuses]))
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(micros(after[0]), after[1]))
    found = tuple(_as_delivery(row) for row in connection.execute(query).mappings())
    return found, ((found[-1].accepted_at, found[-1].id) if len(found) == limit else None)


def timeline(connection: Connection, message_id: str) -> tuple[Moment, ...]:
    """Tell the story of a message: every change of status, attempt and event, oldest first.

    What shares an instant is told as it must have come: acceptance, the claim, its attempt, and what each led to.
    """
    ids = select(schema.deliveries.c.id).where(schema.deliveries.c.message_id == message_id)
    ledger, attempts, events = schema.ledger.c, schema.attempts.c, schema.events.c
    changes = connection.execute(select(schema.ledger).where(ledger.delivery_id.in_(ids)).order_by(ledger.id)).all()
    order = _Order(changes)
    moments = [(order.of_change(row), _moment(row.at, row.delivery_id, row.became, row.cause)) for row in changes]
    for row in connection.execute(select(schema.attempts).where(attempts.delivery_id.in_(ids))):
        at = row.answered_at or row.started_at
        detail = " ".join(word for word in (row.kind or "no answer yet", row.code, row.text) if word)
        moments.append((order.of_attempt(row, at), _moment(at, row.delivery_id, f"attempt {row.n}", detail)))
    heard = select(schema.events).where(events.delivery_id.in_(ids)).order_by(events.occurred_at, events.id)
    for row in connection.execute(heard):
        detail = " ".join(word for word in (row.bounce_type, row.bounce_subtype, row.diagnostic) if word)
        moments.append((order.of_event(row), _moment(row.received_at, row.delivery_id, row.kind, detail)))
    return tuple(moment for _, moment in sorted(moments, key=itemgetter(0)))


_Place = tuple[datetime, int, int]
"""The instant, the line of the ledger beside which something stands, and whether before (-1) or after it (1)."""


class _Order:
    """Finds what must come first among what shares an instant, by the ledger, whose lines have an order of their own.

    An attempt follows the claim that began it, an event comes before the change that it caused; an event that changed
    nothing comes last.
    """

    def __init__(self, changes: Iterable[Row[Any]]) -> None:
        self._lines: dict[tuple[str, datetime, str], int] = {}
        self._last = 0
        for row in changes:
            self._last = row.id
            self._lines[row.delivery_id, row.at, row.cause.removesuffix(BY_RELAY)] = row.id

    def of_change(self, row: Row[Any]) -> _Place:
        return row.at, row.id, 0

    def of_attempt(self, row: Row[Any], at: datetime) -> _Place:
        return at, self._lines.get((row.delivery_id, row.started_at, f"attempt {row.n}"), self._last), 1

    def of_event(self, row: Row[Any]) -> _Place:
        line = self._lines.get((row.delivery_id, row.received_at, f"event {row.kind}"))
        return (row.received_at, self._last, 1) if line is None else (row.received_at, line, -1)


def counts(connection: Connection, since: datetime | None) -> Counts:
    """Count deliveries by stream and status, of messages accepted since an instant (all, when None)."""
    table = schema.deliveries.c
    simulated = is_simulated().label("simulated")
    query = select(table.stream, table.status, simulated, func.count()).group_by(table.stream, table.status, simulated)
    if since is not None:
        query = query.where(table.accepted_at >= since)
    return counted(connection.execute(query).all())


def is_simulated() -> ColumnElement[bool]:
    """Give the condition that a delivery goes to Amazon's mailbox simulator."""
    return schema.deliveries.c.recipient_key.like(f"%@{SIMULATOR_DOMAIN}")


def counted(rows: Iterable[Sequence[Any]]) -> Counts:
    """Add up rows of stream, status, whether to the simulator, and number."""
    everything: dict[Stream, dict[Status, int]] = {}
    simulated: dict[Stream, dict[Status, int]] = {}
    for stream, status, to_simulator, number in rows:
        for kept in (everything, simulated) if to_simulator else (everything,):
            by_status = kept.setdefault(Stream(stream), {})
            by_status[Status(status)] = by_status.get(Status(status), 0) + number
    return Counts(by_stream=everything, simulated=simulated)


def _moment(at: datetime, delivery_id: str, what: str, detail: str) -> Moment:
    return Moment(at=at, delivery_id=delivery_id, what=what, detail=detail)


def _as_message(row: RowMapping) -> StoredMessage:
    return StoredMessage(**{**row, "stream": Stream(row["stream"])})


def _as_delivery(row: RowMapping) -> StoredDelivery:
    kept: dict[str, Any] = {name: row[name] for name in StoredDelivery.__slots__}
    kept |= {
        "stream": Stream(row["stream"]),
        "status": Status(row["status"]),
        "ses_message_id": row["ses_message_id"] or "",
    }
    return StoredDelivery(**kept)
