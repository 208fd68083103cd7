"""The way of a delivery to the wire and back on SQLite: claim, attempt, answer, recover. Knows no SES.

Claiming, taking the permits and recording the attempts are one transaction: what the worker holds is leased, allowed
and on record, or it is not held.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sendworthy.audit.profile import Stream
from sendworthy.mail.status import Status, after_answer
from sendworthy.pacing.governor import Reason, State
from sendworthy.store.faults import Fault
from sendworthy.store.schema import instant, micros
from sendworthy.store.sqlite import permits
from sendworthy.store.sqlite.accept import suppressed_reason
from sendworthy.store.sqlite.events import INSERT_LEDGER, apply_early
from sendworthy.store.values import Answered, Batch, Claim, Lane, Outgoing

SELECT_DUE = """
SELECT id, message_id, recipient, recipient_key, stream, status, attempts, tries FROM deliveries
WHERE rank = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?"""

NEXT_DUE = "SELECT min(due_at) FROM deliveries WHERE rank = ? AND due_at IS NOT NULL"

LOST_LEASES = "SELECT id, status, tries FROM deliveries WHERE lease_until IS NOT NULL AND lease_until < ?"

_SELECT_MESSAGE = "SELECT mail_from, raw, configuration_set, tags, accepted_at FROM messages WHERE id = ?"

_LEASE = """
UPDATE deliveries SET status = 'sending', reason = '', due_at = NULL, lease_owner = ?, lease_until = ?,
                      tries = tries + 1, changed_at = ?
WHERE id = ?"""

_END = "UPDATE deliveries SET status = ?, reason = ?, due_at = NULL, changed_at = ? WHERE id = ?"

_INSERT_ATTEMPT = """
INSERT INTO attempts (delivery_id, n, started_at, kind, code, text, ses_message_id) VALUES (?, ?, ?, '', '', '', '')"""

_ANSWER_ATTEMPT = """
UPDATE attempts SET answered_at = ?, kind = ?, code = ?, text = ?, ses_message_id = ? WHERE delivery_id = ? AND n = ?
RETURNING started_at"""

_STATUS = "SELECT status, tries FROM deliveries WHERE id = ?"

_ANSWER = """
UPDATE deliveries SET status = ?, reason = ?, due_at = ?, lease_owner = NULL, lease_until = NULL,
                      attempts = attempts + ?, ses_message_id = coalesce(?, ses_message_id), changed_at = ?
WHERE id = ?"""

_UNLEASE = "UPDATE deliveries SET lease_owner = NULL, lease_until = NULL WHERE id = ?"

_RELEASE = "UPDATE deliveries SET due_at = ? WHERE due_at > ? AND status = 'deferred' AND reason = ?"

_UNKNOWN_QUOTA_SECONDS = 5.0


def claim(own: sqlite3.Connection, asked: Claim, now: datetime, fault: Fault) -> Batch:
    """Claim what is due and allowed, urgent mail first; see Batch for what comes back."""
    at = micros(now)
    due: list[list[Any]] = []
    suppressed = 0
    for rank in (0, 1):
        rows = own.execute(SELECT_DUE, (rank, at, asked.limit - sum(map(len, due)))).fetchall()
        clean = [row for row in rows if not _suppress_last_minute(own, row, at)]
        suppressed += len(rows) - len(clean)
        due.append(clean)
    urgent, bulk = due
    if not urgent and not bulk:
        wait = 0.0 if suppressed else _idle_seconds(own, at)
        return Batch(suppressed=suppressed, wait_seconds=wait)
    taken = permits.take(own, asked.lane, urgent=len(urgent), bulk=len(bulk), now=now.timestamp(), policy=asked.policy)
    if taken is None:
        return Batch(suppressed=suppressed, wait_seconds=_UNKNOWN_QUOTA_SECONDS, reason=Reason.UNKNOWN_QUOTA)
    of_urgent, of_bulk, last = taken
    fault("claim.permits_taken")
    outgoing = _start(own, [*urgent[:of_urgent], *bulk[:of_bulk]], asked, now)
    fault("claim.attempts_recorded")
    return Batch(outgoing=outgoing, suppressed=suppressed, wait_seconds=last.wait_seconds, reason=last.reason)


def answer(
    own: sqlite3.Connection, lane: Lane, answers: Sequence[Answered], by: Callable[[State], State], now: datetime
) -> None:
    """Keep what the worker learnt, once for each attempt; `by` is what the governor learns from it."""
    at = micros(now)
    for one in answers:
        started = own.execute(
            _ANSWER_ATTEMPT, (at, one.kind, one.code, one.text, one.ses_message_id, one.delivery_id, one.n)
        ).fetchone()
        if one.returns_permit and started:
            permits.give_back(own, lane, started[0] / 1_000_000)
        row = own.execute(_STATUS, (one.delivery_id,)).fetchone()
        if row is None or row[1] != one.n:  # an older attempt's late answer says nothing about the newer one
            continue
        was = Status(row[0])
        became = after_answer(was, one.status)
        due = micros(one.due_at) if one.due_at and became is one.status else None
        reason = one.reason if became is one.status else ""
        change = (became, reason, due, one.burns, one.ses_message_id or None, at, one.delivery_id)
        own.execute(_ANSWER, change)
        if became is not was:
            own.execute(INSERT_LEDGER, (one.delivery_id, at, was, became, f"answer {one.kind}"))
        if one.ses_message_id:
            apply_early(own, one.delivery_id, became, one.ses_message_id, now)
    permits.change(own, lane, by)


def recover(own: sqlite3.Connection, before: datetime, now: datetime) -> int:
    """Make uncertain what workers left in `sending` whose leases ran out `before`; gives how many."""
    at = micros(now)
    lost = 0
    for delivery_id, word, n in own.execute(LOST_LEASES, (micros(before),)).fetchall():
        if word != Status.SENDING:
            own.execute(_UNLEASE, (delivery_id,))
            continue
        lost += 1
        text = "The worker stopped before it recorded an answer."
        own.execute(_ANSWER_ATTEMPT, (at, "uncertain", "WorkerLost", text, "", delivery_id, n)).fetchone()
        own.execute(_ANSWER, (Status.UNCERTAIN, "worker_lost", None, 1, None, at, delivery_id))
        own.execute(INSERT_LEDGER, (delivery_id, at, Status.SENDING, Status.UNCERTAIN, "worker lost"))
    return lost


def release(own: sqlite3.Connection, reason: str, now: datetime) -> int:
    """Make due at once what was deferred for `reason`; gives how many."""
    at = micros(now)
    return own.execute(_RELEASE, (at, at, reason)).rowcount


def _suppress_last_minute(own: sqlite3.Connection, row: Any, at: int) -> bool:
    reason = suppressed_reason(own, row[3], row[4])
    if reason:
        own.execute(_END, (Status.SUPPRESSED, reason, at, row[0]))
        own.execute(INSERT_LEDGER, (row[0], at, row[5], Status.SUPPRESSED, f"suppressed: {reason}"))
    return bool(reason)


def _start(own: sqlite3.Connection, rows: list[Any], asked: Claim, now: datetime) -> tuple[Outgoing, ...]:
    at = micros(now)
    until = micros(now + timedelta(seconds=asked.lease_seconds))
    bodies: dict[str, Any] = {}
    outgoing = []
    for delivery_id, message_id, recipient, _, stream, status, burnt, tries in rows:
        body = bodies.get(message_id)
        if body is None:
            body = own.execute(_SELECT_MESSAGE, (message_id,)).fetchone()
            bodies[message_id] = body
        mail_from, raw, configuration_set, tags, accepted_at = body
        own.execute(_LEASE, (asked.owner, until, at, delivery_id))
        own.execute(_INSERT_ATTEMPT, (delivery_id, tries + 1, at))
        own.execute(INSERT_LEDGER, (delivery_id, at, status, Status.SENDING, f"attempt {tries + 1}"))
        outgoing.append(
            Outgoing(
                delivery_id=delivery_id,
                message_id=message_id,
                n=tries + 1,
                attempts=burnt,
                recipient=recipient,
                stream=Stream(stream),
                mail_from=mail_from,
                raw=raw,
                configuration_set=configuration_set,
                tags=msgspec.json.decode(tags),
                accepted_at=instant(accepted_at),
            )
        )
    return tuple(outgoing)


def _idle_seconds(own: sqlite3.Connection, at: int) -> float | None:
    dues = [own.execute(NEXT_DUE, (rank,)).fetchone()[0] for rank in (0, 1)]
    known = [due for due in dues if due is not None]
    return max(0.0, (min(known) - at) / 1_000_000) if known else None
