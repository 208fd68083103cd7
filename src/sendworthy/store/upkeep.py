"""What time alone brings about: mail expires or is called off, doubt is settled, old bodies and records go.

Each piece of work is bounded, so that no transaction holds the database for long; callers repeat it until it gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendworthy.audit.profile import Stream
from sendworthy.mail.status import Status, unsent
from sendworthy.store.columns import micros
from sendworthy.store.heard import ForwardTo
from sendworthy.store.outgoing import END
from sendworthy.store.recording import INSERT_LEDGER, apply_early
from sendworthy.store.statement import Own, statement

BATCH = 500
"""The most rows that one transaction touches."""

WAITING_OF = statement("""
SELECT d.id, d.status, d.again FROM deliveries d
WHERE d.message_id = ? AND d.due_at IS NOT NULL ORDER BY d.id {locked}""")
TOO_LATE = statement("""
SELECT d.id, d.status, d.again FROM deliveries d
WHERE d.due_at IS NOT NULL AND d.expires_at IS NOT NULL AND d.expires_at <= ? ORDER BY d.expires_at LIMIT ? {skipping}
""")
IN_DOUBT = statement("""
SELECT d.id FROM deliveries d JOIN messages m ON m.id = d.message_id
WHERE d.status = 'uncertain' AND d.changed_at <= ? AND d.stream = ? AND d.again = 0 AND m.bodied
ORDER BY d.changed_at LIMIT ? {skipping}""")
_TRY_AGAIN = statement("""
UPDATE deliveries SET status = 'deferred', reason = 'tried_again', due_at = ?, again = again + 1, changed_at = ?
WHERE id = ?""")

UNMATCHED = statement("""
SELECT d.id, d.status, e.ses_message_id FROM events e JOIN deliveries d ON d.ses_message_id = e.ses_message_id
WHERE e.delivery_id IS NULL AND e.ses_message_id > '' AND e.received_at > ? ORDER BY d.id LIMIT ? {skipping}""")

_CROSSING = timedelta(hours=1)
"""Longer than any two transactions can pass each other unseen; older events are known to be foreign."""

_OLD_BODIES = statement("""
SELECT m.id FROM messages m WHERE m.bodied AND m.accepted_at < ? AND NOT EXISTS (
    SELECT 1 FROM deliveries d WHERE d.message_id = m.id AND (d.due_at IS NOT NULL OR d.status IN ('sending', 'held')))
ORDER BY m.accepted_at LIMIT ?""")
_DROP_CHUNKS = statement("DELETE FROM chunks WHERE message_id {in}")
_DROP_BODIES = statement("UPDATE messages SET raw = NULL, chunks = 0, bodied = FALSE WHERE id {in}")

_OLD_MESSAGES = statement("""
SELECT m.id FROM messages m WHERE m.accepted_at < ? AND NOT EXISTS (
    SELECT 1 FROM deliveries d WHERE d.message_id = m.id AND (d.due_at IS NOT NULL OR d.status IN ('sending', 'held')))
ORDER BY m.accepted_at LIMIT ?""")
_DROP_MESSAGES = (
    _DROP_CHUNKS,
    statement("DELETE FROM ledger WHERE delivery_id IN (SELECT id FROM deliveries WHERE message_id {in})"),
    statement("DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE message_id {in})"),
    statement("DELETE FROM events WHERE delivery_id IN (SELECT id FROM deliveries WHERE message_id {in})"),
    statement("DELETE FROM deliveries WHERE message_id {in}"),
    statement("DELETE FROM messages WHERE id {in}"),
)
_OLD_EVENTS = statement("""
SELECT id FROM events WHERE delivery_id IS NULL AND received_at < ? ORDER BY received_at LIMIT ?""")
_DROP_EVENTS = statement("DELETE FROM events WHERE id {in}")
_OLD_PARKED = statement("DELETE FROM parked WHERE at < ?")
_OLD_FORWARDS = statement("DELETE FROM forwards WHERE created_at < ?")
_OLD_STRIKES = statement("DELETE FROM strikes WHERE at < ?")
_OLD_NOTICES = statement("DELETE FROM notices WHERE created_at < ? AND due_at IS NULL")
_OLD_ALERTS = statement("""
DELETE FROM alerts WHERE cleared_at < ? AND closed
AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.alert_id = alerts.id)""")
_OLD_REST = (_OLD_PARKED, _OLD_FORWARDS, _OLD_STRIKES, _OLD_NOTICES, _OLD_ALERTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is kept. Events that belong to no message, and parked ones, go with the records."""

    bodies: timedelta = timedelta(days=7)
    records: timedelta = timedelta(days=400)


def cancel(own: Own, message_id: str, cause: str, now: datetime) -> int:
    """Call off what of a message has not gone; gives how many deliveries. What is on the wire cannot be called back."""
    rows = own.all(WAITING_OF, message_id)
    at = micros(now)
    for delivery_id, status, again in rows:
        became = unsent(Status.CANCELLED, again)
        own.run(END, became, "cancelled", at, delivery_id)
        own.run(INSERT_LEDGER, delivery_id, at, status, became, cause)
    return len(rows)


def expire(own: Own, now: datetime) -> int:
    """End what waits beyond its time; gives how many."""
    at = micros(now)
    rows = own.all(TOO_LATE, at, BATCH)
    for delivery_id, status, again in rows:
        became = unsent(Status.EXPIRED, again)
        own.run(END, became, "expired", at, delivery_id)
        own.run(INSERT_LEDGER, delivery_id, at, status, became, "too late")
    return len(rows)


def try_again(own: Own, after: timedelta, now: datetime) -> int:
    """Send once more, marked, transactional mail that has been uncertain for `after` without an event; gives how many.

    Bulk mail stays uncertain: a newsletter that comes twice does more harm than one that does not come.
    """
    at = micros(now)
    rows = own.all(IN_DOUBT, micros(now - after), Stream.TRANSACTIONAL, BATCH)
    for (delivery_id,) in rows:
        own.run(_TRY_AGAIN, at, at, delivery_id)
        seconds = int(after.total_seconds())
        cause = f"tried again: no event in {seconds} s"
        own.run(INSERT_LEDGER, delivery_id, at, Status.UNCERTAIN, Status.DEFERRED, cause)
    return len(rows)


def match_early(own: Own, now: datetime, targets: Sequence[ForwardTo] = ()) -> int:
    """Apply events that were recorded while another process recorded their SES MessageId; gives how many deliveries."""
    rows = own.all(UNMATCHED, micros(now - _CROSSING), BATCH)
    for delivery_id, status, ses_message_id in rows:
        apply_early(own, delivery_id, Status(status), ses_message_id, now, targets)
    return len(rows)


def drop_bodies(own: Own, before: datetime) -> int:
    """Delete the bodies of messages accepted before an instant that nobody will send any more; gives how many."""
    ids = [row[0] for row in own.all(_OLD_BODIES, micros(before), BATCH)]
    if ids:
        own.run(_DROP_CHUNKS, ids)
        own.run(_DROP_BODIES, ids)
    return len(ids)


def drop_records(own: Own, before: datetime) -> int:
    """Delete all that is kept of messages accepted before an instant, and of events that belong to none."""
    ids = [row[0] for row in own.all(_OLD_MESSAGES, micros(before), BATCH)]
    if ids:
        for each in _DROP_MESSAGES:
            own.run(each, ids)
    events = [row[0] for row in own.all(_OLD_EVENTS, micros(before), BATCH)]
    if events:
        own.run(_DROP_EVENTS, events)
    rest = sum(own.run(each, micros(before)) for each in _OLD_REST)
    return len(ids) + len(events) + rest
