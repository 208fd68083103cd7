"""Accepting a message on SQLite, by hand because it is hot. Knows no door and no MIME."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from sendworthy.audit.profile import Stream
from sendworthy.mail.status import Status
from sendworthy.store.schema import micros
from sendworthy.store.sqlite.events import INSERT_LEDGER
from sendworthy.store.values import ACCOUNT_SCOPE, Accepted, NewMessage

_KNOWN_CALL = "SELECT id, fingerprint FROM messages WHERE access_key_id = ? AND invocation_id = ?"

_INSERT_MESSAGE = """
INSERT INTO messages (id, access_key_id, stream, mail_from, subject, raw, size, configuration_set, tags, invocation_id,
                      fingerprint, accepted_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_INSERT_DELIVERY = """
INSERT INTO deliveries (id, message_id, recipient, recipient_key, stream, rank, status, reason, due_at, attempts, tries,
                        accepted_at, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)"""

_SUPPRESSED = """
SELECT reason FROM suppressions WHERE address_key = ? AND scope IN (?, ?) AND active ORDER BY reason LIMIT 1"""

RANK = {Stream.TRANSACTIONAL: 0, Stream.MARKETING: 1}
"""The order of claiming: a password reset does not wait behind a newsletter."""


def accept(own: sqlite3.Connection, message: NewMessage, now: datetime) -> Accepted:
    """Keep a message and its deliveries; a repeat of the same SDK call gives the first one's id and keeps nothing."""
    if message.invocation_id:
        known = own.execute(_KNOWN_CALL, (message.access_key_id, message.invocation_id)).fetchone()
        if known:
            same = known[1] == message.fingerprint
            return Accepted(message_id=known[0], repeated=same, conflict=not same)
    at = micros(now)
    row = (
        message.id,
        message.access_key_id,
        message.stream,
        message.mail_from,
        message.subject,
        message.raw,
        len(message.raw),
        message.configuration_set,
        msgspec.json.encode(message.tags).decode(),
        message.invocation_id or None,
        message.fingerprint,
        at,
    )
    own.execute(_INSERT_MESSAGE, row)
    count = 0
    rank = RANK[message.stream]
    for delivery in message.deliveries:
        reason = suppressed_reason(own, delivery.key, message.stream)
        status = Status.SUPPRESSED if reason else Status.ACCEPTED
        count += bool(reason)
        due = None if reason else at
        place = (delivery.id, message.id, delivery.recipient, delivery.key, message.stream, rank)
        own.execute(_INSERT_DELIVERY, (*place, status, reason, due, at, at))
        own.execute(INSERT_LEDGER, (delivery.id, at, "", status, f"suppressed: {reason}" if reason else "accepted"))
    return Accepted(message_id=message.id, suppressed=count)


def suppressed_reason(own: sqlite3.Connection, address_key: str, stream: str) -> str:
    """Give the reason why the address gets no mail of the stream, empty when it may."""
    row = own.execute(_SUPPRESSED, (address_key, ACCOUNT_SCOPE, stream)).fetchone()
    return str(row[0]) if row else ""
