"""Accepting messages: the transaction behind every 200 and 250. Knows no door and no MIME.

Several messages are kept in one transaction, because that is what makes a commit cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sendworthy.compliance.unsubscribe import TOPIC_TAG
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.store import queues, recording
from sendworthy.store.barred import tell_suppressed
from sendworthy.store.columns import micros
from sendworthy.store.heard import ForwardTo
from sendworthy.store.statement import Own, statement
from sendworthy.store.tallies import Tallying
from sendworthy.store.values import ACCOUNT_SCOPE, Accepted, NewMessage, sender_scope

TOKEN_HOURS = 24
"""For so long a repeat of a call gets the first one's answer."""

CHUNK_BYTES = 1024 * 1024
"""Bodies above this are kept in pieces of it: SQLite rewrites, and PostgreSQL and its clients copy, a value whole."""

KNOWN_CALL = statement(
    "SELECT id, fingerprint, accepted_at FROM messages WHERE access_key_id = ? AND invocation_id = ?"
)
_TAGS = statement("SELECT id, tags FROM messages WHERE id {in}")
SUPPRESSED = statement("SELECT address_key, scope, reason FROM suppressions WHERE address_key {in} AND active")

_FORGET_CALL = statement("UPDATE messages SET invocation_id = NULL WHERE id = ?")
_INSERT_MESSAGE = statement("""
INSERT INTO messages (id, access_key_id, stream, mail_from, subject, raw, size, configuration_set, tags, invocation_id,
                      fingerprint, accepted_at, chunks)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""")
_INSERT_CHUNK = statement("INSERT INTO chunks (message_id, n, data) VALUES (?, ?, ?)")
_INSERT_DELIVERY = statement("""
INSERT INTO deliveries (id, message_id, recipient, recipient_key, stream, rank, queue, status, reason, due_at,
                        expires_at, attempts, tries, accepted_at, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)""")


def accept(
    own: Own, messages: Sequence[NewMessage], now: datetime, targets: Sequence[ForwardTo] = ()
) -> tuple[Accepted, ...]:
    """Keep messages and their deliveries; a repeat of the same call gives the first one's id and keeps nothing.

    `targets` hear of the recipients that get nothing, as SES would tell them. What is beyond a cap is not kept.
    """
    at = micros(now)
    answers: list[Accepted] = []
    fresh: list[NewMessage] = []
    known: dict[tuple[str, str], tuple[str, str]] = {}
    reasons = suppressed_reasons(own, {one.key for message in messages for one in message.deliveries})
    tallying = Tallying(own, messages, now)
    for message in messages:
        token = (message.access_key_id, message.invocation_id)
        first = None
        if message.invocation_id:
            first = known.get(token) or _known_call(own, token, now)
        if first:
            same = first[1] == message.fingerprint
            answers.append(Accepted(message_id=first[0], repeated=same, conflict=not same))
            continue
        if full := tallying.take(message):
            answers.append(Accepted(message_id=message.id, beyond=full))
            continue
        known[token] = (message.id, message.fingerprint)
        fresh.append(message)
        topic = message.tags.get(TOPIC_TAG, "")
        held_back = sum(
            bool(reasons.get(one.key, message.stream, topic, message.mail_from)) for one in message.deliveries
        )
        answers.append(Accepted(message_id=message.id, suppressed=held_back))
    tallying.keep()
    tell_suppressed(own, _keep(own, fresh, reasons, at), now, targets)
    return tuple(answers)


def repeated(own: Own, message: NewMessage, now: datetime) -> Accepted | None:
    """Give the first answer to the call that `message` would repeat, None when there was none. Changes nothing."""
    if not message.invocation_id:
        return None
    row = own.one(KNOWN_CALL, message.access_key_id, message.invocation_id)
    if row is None or row[2] <= micros(now - timedelta(hours=TOKEN_HOURS)):
        return None
    same = row[1] == message.fingerprint
    return Accepted(message_id=str(row[0]), repeated=same, conflict=not same)


_LEFT = SuppressionReason.UNSUBSCRIBE.value


def suppressed_reasons(own: Own, address_keys: set[str]) -> Reasons:
    """Look up which addresses get no mail, of which stream, and why.

    Those of SES's mailbox simulator only where their way out was used, as the drill of it does.
    """
    rows = own.all(SUPPRESSED, sorted(address_keys)) if address_keys else ()
    return Reasons([row for row in rows if row[2] == _LEFT or not row[0].endswith(f"@{SIMULATOR_DOMAIN}")])


def topics(own: Own, message_ids: set[str]) -> dict[str, str]:
    """Look up what messages are about; those that do not say are left out."""
    rows = own.all(_TAGS, sorted(message_ids)) if message_ids else ()
    found = {str(row[0]): str(msgspec.json.decode(row[1]).get(TOPIC_TAG, "")) for row in rows}
    return {message_id: topic for message_id, topic in found.items() if topic}


class Reasons:
    """Why addresses get no mail: `get(address_key, stream, topic, sender)` is empty when it may go."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._reasons: dict[tuple[str, str], str] = {}
        for key, scope, reason in sorted(map(tuple, rows), reverse=True):
            self._reasons[key, scope] = reason

        self._narrow = {key for key, scope in self._reasons if "/" in scope}

    def get(self, address_key: str, stream: str, topic: str = "", sender: str = "") -> str:
        """Give the reason: the account's, then the stream's, the topic's, and that of mail from one address."""
        for scope in (ACCOUNT_SCOPE, stream, f"{stream}/{topic}", sender_scope(sender)):
            if reason := self._reasons.get((address_key, scope)):
                return reason
        return ""

    def need_topic(self, address_key: str) -> bool:
        """Say whether an address has left a topic, so that it matters what a message is about."""
        return address_key in self._narrow


def _known_call(own: Own, token: tuple[str, str], now: datetime) -> tuple[str, str] | None:
    row = own.one(KNOWN_CALL, *token)
    if row is None:
        return None
    if row[2] <= micros(now - timedelta(hours=TOKEN_HOURS)):
        own.run(_FORGET_CALL, row[0])
        return None
    return str(row[0]), str(row[1])


def _keep(own: Own, messages: Sequence[NewMessage], reasons: Reasons, at: int) -> list[tuple[str, str, str, str]]:
    """Write the rows; give the suppressed deliveries, as `tell_suppressed` takes them."""
    rows, pieces, deliveries, ledger, barred = [], [], [], [], []
    for message in messages:
        chunks = _chunks(message)
        pieces += [(message.id, n, chunk) for n, chunk in enumerate(chunks)]
        rows.append(_message_row(message, at, len(chunks)))
        place = (message.stream, queues.rank(message.stream, message.priority), queues.queue(message))
        due = micros(message.send_at) if message.send_at else at
        expires = micros(message.expires_at) if message.expires_at else None
        for one in message.deliveries:
            reason = reasons.get(one.key, message.stream, message.tags.get(TOPIC_TAG, ""), message.mail_from)
            status = Status.ACCEPTED
            if reason:
                status = Status.SUPPRESSED
                barred.append((one.id, message.id, one.recipient, reason))
            end = (status, reason, None if reason else due, expires, at, at)
            deliveries.append((one.id, message.id, one.recipient, one.key, *place, *end))
            ledger.append((one.id, at, "", status, f"suppressed: {reason}" if reason else "accepted"))
    own.many(_INSERT_MESSAGE, rows)
    for piece in pieces:  # one at a time: the driver would hold every piece twice
        own.run(_INSERT_CHUNK, *piece)
    own.many(_INSERT_DELIVERY, deliveries)
    own.many(recording.INSERT_LEDGER, ledger)
    return barred


def _message_row(message: NewMessage, at: int, chunks: int) -> tuple[Any, ...]:
    return (
        message.id,
        message.access_key_id,
        message.stream,
        message.mail_from,
        message.subject,
        None if chunks else message.raw,
        len(message.raw),
        message.configuration_set,
        msgspec.json.encode(message.tags).decode(),
        message.invocation_id or None,
        message.fingerprint,
        at,
        chunks,
    )


def _chunks(message: NewMessage) -> list[bytes]:
    raw = message.raw
    if len(raw) <= CHUNK_BYTES:
        return []
    return [raw[start : start + CHUNK_BYTES] for start in range(0, len(raw), CHUNK_BYTES)]
