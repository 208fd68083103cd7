"""Recording events on SQLite, by hand because it is hot. Knows no queue and no signature.

In one transaction an event is kept once, moves its delivery's status, writes the ledger and suppresses the address.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from sendworthy.audit.profile import Stream
from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason, suppression
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status, after_event
from sendworthy.store.schema import instant, micros
from sendworthy.store.values import ACCOUNT_SCOPE, Recorded

INSERT_EVENT = """
INSERT INTO events (id, delivery_id, tag, ses_message_id, recipient, kind, bounce_type, bounce_subtype, complaint_type,
                    diagnostic, occurred_at, received_at, source, raw)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""

INSERT_LEDGER = "INSERT INTO ledger (delivery_id, at, was, became, cause) VALUES (?, ?, ?, ?, ?)"

_BY_TAG = "SELECT id, status FROM deliveries WHERE id = ?"
_BY_SES_ID = "SELECT id, status FROM deliveries WHERE ses_message_id = ?"

_APPLY = """
UPDATE deliveries SET status = ?, reason = ?, changed_at = ?, ses_message_id = coalesce(ses_message_id, ?),
                      due_at = NULL, lease_owner = NULL, lease_until = NULL
WHERE id = ?"""

_SUPPRESS = """
INSERT INTO suppressions (address_key, scope, reason, at, source, active) VALUES (?, ?, ?, ?, ?, 1)
ON CONFLICT (address_key, scope, reason) DO UPDATE SET at = excluded.at, source = excluded.source, active = 1
WHERE NOT suppressions.active"""

EARLY = """
SELECT id, tag, ses_message_id, recipient, kind, bounce_type, bounce_subtype, complaint_type, diagnostic, occurred_at
FROM events WHERE ses_message_id = ? AND delivery_id IS NULL ORDER BY occurred_at, id"""

_CLAIM_EARLY = "UPDATE events SET delivery_id = ? WHERE id = ?"


def record(own: sqlite3.Connection, events: Sequence[Event], source: str, now: datetime) -> Recorded:
    """Record events as the module says; a second record of the same event changes nothing."""
    new = duplicate = newly_suppressed = foreign = 0
    for event in events:
        known = _find(own, event)
        if not _keep(own, event, known[0] if known else None, source, now):
            duplicate += 1
            continue
        new += 1
        if known:
            apply(own, known[0], Status(known[1]), event, now)
        else:
            foreign += 1
        newly_suppressed += _suppress(own, event, now)
    return Recorded(new=new, duplicate=duplicate, suppressed=newly_suppressed, foreign=foreign)


def apply_early(
    own: sqlite3.Connection, delivery_id: str, status: Status, ses_message_id: str, now: datetime
) -> Status:
    """Apply the events that came without our tag before SES's MessageId was known here. Gives the status after them."""
    for row in own.execute(EARLY, (ses_message_id,)).fetchall():
        event = Event(
            id=row[0],
            delivery_id=row[1],
            ses_message_id=row[2],
            recipient=row[3],
            kind=EventKind(row[4]),
            bounce_type=row[5],
            bounce_subtype=row[6],
            complaint_type=row[7],
            diagnostic=row[8],
            occurred_at=instant(row[9]),
        )
        own.execute(_CLAIM_EARLY, (delivery_id, event.id))
        status = apply(own, delivery_id, status, event, now)
    return status


def apply(own: sqlite3.Connection, delivery_id: str, was: Status, event: Event, now: datetime) -> Status:
    """Move one delivery by one event and give its new status."""
    became = after_event(was, event)
    changed = micros(now)
    if became is not was:
        reason = event.bounce_subtype or event.complaint_type or ""
        own.execute(_APPLY, (became, reason, changed, event.ses_message_id or None, delivery_id))
        own.execute(INSERT_LEDGER, (delivery_id, changed, was, became, f"event {event.kind}"))
    return became


def _find(own: sqlite3.Connection, event: Event) -> tuple[str, str] | None:
    """Find the delivery by our tag, else by SES's MessageId. A tag that we do not know is another program's."""
    query, value = (_BY_TAG, event.delivery_id) if event.delivery_id else (_BY_SES_ID, event.ses_message_id)
    row: tuple[str, str] | None = own.execute(query, (value,)).fetchone() if value else None
    return row


def _keep(own: sqlite3.Connection, event: Event, delivery_id: str | None, source: str, now: datetime) -> bool:
    row = (
        event.id,
        delivery_id,
        event.delivery_id,
        event.ses_message_id,
        event.recipient,
        event.kind,
        event.bounce_type,
        event.bounce_subtype,
        event.complaint_type,
        event.diagnostic,
        micros(event.occurred_at),
        micros(now),
        source,
        event.raw,
    )
    return own.execute(INSERT_EVENT, row).rowcount > 0


def _suppress(own: sqlite3.Connection, event: Event, now: datetime) -> bool:
    reason = suppression(event)
    if reason is None:
        return False
    try:
        key = parse_address(event.recipient).key
    except InvalidMessage:  # SES bounced to it, so SES took it for an address: keep it as it is told
        key = event.recipient.strip().lower()
    scope = Stream.MARKETING.value if reason is SuppressionReason.UNSUBSCRIBE else ACCOUNT_SCOPE
    return own.execute(_SUPPRESS, (key, scope, reason, micros(now), f"event {event.id}")).rowcount > 0
