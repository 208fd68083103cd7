"""Recording events: once, with all that follows from them. Knows no queue and no signature.

In one transaction an event is kept once, moves its delivery's status, writes the ledger, suppresses the address or
counts a strike against it, and is put on its way to the application that sent the mail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sendworthy.audit.profile import Stream
from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason, is_strike, suppression
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import Status, after_event
from sendworthy.store.columns import instant, micros
from sendworthy.store.heard import ForwardTo, Listening, StoredComplaint
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import ACCOUNT_SCOPE, Recorded

INSERT_EVENT = statement("""
INSERT INTO events (id, delivery_id, tag, ses_message_id, recipient, kind, bounce_type, bounce_subtype, complaint_type,
                    diagnostic, occurred_at, received_at, source, raw, verified)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING""")

_AGAIN = statement("SELECT delivery_id, verified FROM events WHERE id = ? {locked}")
_NOW_VERIFIED = statement("UPDATE events SET verified = TRUE, source = ? WHERE id = ?")
_NOW_OURS = statement("UPDATE events SET delivery_id = ?, tag = ? WHERE id = ?")

INSERT_LEDGER = statement("INSERT INTO ledger (delivery_id, at, was, became, cause) VALUES (?, ?, ?, ?, ?)")

_LOCK = statement("SELECT id FROM deliveries WHERE id {in} ORDER BY id {locked}")
_BY_TAG = statement("SELECT id, status FROM deliveries WHERE id = ? {locked}")
_BY_SES_ID = statement("SELECT id, status FROM deliveries WHERE ses_message_id = ? {locked}")

_APPLY = statement("""
UPDATE deliveries SET status = ?, reason = ?, changed_at = ?, ses_message_id = coalesce(ses_message_id, ?),
                      due_at = NULL, lease_owner = NULL, lease_until = NULL
WHERE id = ?""")

_SUPPRESS = statement("""
INSERT INTO suppressions (address_key, scope, reason, at, source, active) VALUES (?, ?, ?, ?, ?, TRUE)
ON CONFLICT (address_key, scope, reason) DO UPDATE SET at = excluded.at, source = excluded.source, active = TRUE
WHERE NOT suppressions.active""")

_STRIKE = statement("INSERT INTO strikes (address_key, event_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
STRIKES = statement("SELECT at FROM strikes WHERE address_key = ? ORDER BY at")

_SENDER = statement("""
SELECT m.id, m.access_key_id, k.name, m.subject, m.stream, m.configuration_set, m.tags
FROM deliveries d JOIN messages m ON m.id = d.message_id LEFT JOIN keys k ON k.access_key_id = m.access_key_id
WHERE d.id = ?""")
FORWARD = statement("""
INSERT INTO forwards (event_id, message_id, target, created_at, due_at, attempts, error)
VALUES (?, ?, ?, ?, ?, 0, '')""")

EARLY = statement("""
SELECT id, tag, ses_message_id, recipient, kind, bounce_type, bounce_subtype, complaint_type, diagnostic, occurred_at
FROM events WHERE ses_message_id = ? AND delivery_id IS NULL ORDER BY occurred_at, id""")

_CLAIM_EARLY = statement("UPDATE events SET delivery_id = ? WHERE id = ?")

NOTHING_FOLLOWS = Listening()


@dataclass(slots=True)
class _Sum:
    """What has come of the events so far."""

    new: int = 0
    duplicate: int = 0
    suppressed: int = 0
    foreign: int = 0
    complaints: list[StoredComplaint] = field(default_factory=list)


def record(
    own: Own,
    events: Sequence[Event],
    source: str,
    now: datetime,
    listening: Listening = NOTHING_FOLLOWS,
    *,
    verified: bool = True,
) -> Recorded:
    """Record events as the module says; a second record of the same event changes nothing.

    Save that a copy may know more: a copy with our tag finds the delivery that one without it could not, and a verified
    copy vouches for one that was not.
    """
    total = _Sum()
    # In one order whoever records, so that transactions meet in a queue and not crosswise; the result is blind to it.
    in_order = sorted(map(_keepable, events), key=lambda event: event.delivery_id)
    own.all(_LOCK, sorted({event.delivery_id for event in in_order if event.delivery_id}))
    for event in in_order:
        known = _find(own, event)
        if _keep(own, event, known[0] if known else None, source, now, verified=verified):
            total.new += 1
            total.foreign += known is None
            total.suppressed += _suppress(own, event, now, listening, verified=verified)
            _note_complaint(own, event, known[0] if known else "", now, total, verified=verified)
        else:
            total.duplicate += 1
            if not _knows_more(own, event, known[0] if known else None, source, verified=verified):
                continue
        if known:
            apply(own, known[0], Status(known[1]), event, now)
            _forward(own, event, known[0], now, listening.targets)
    return Recorded(
        new=total.new,
        duplicate=total.duplicate,
        suppressed=total.suppressed,
        foreign=total.foreign,
        complaints=tuple(total.complaints),
    )


_TEXTS = tuple(one.name for one in fields(Event) if one.name not in {"kind", "occurred_at"})
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


def _keepable(event: Event) -> Event:
    """Give the event without what no database keeps: parts of it are a stranger's server's words."""
    texts: dict[str, str] = {name: getattr(event, name) for name in _TEXTS}
    wrong: dict[str, Any] = {
        name: _UNKEEPABLE.sub("?", text) for name, text in texts.items() if _UNKEEPABLE.search(text)
    }
    return replace(event, **wrong) if wrong else event


def apply_early(
    own: Own, delivery_id: str, status: Status, ses_message_id: str, now: datetime, targets: Sequence[ForwardTo] = ()
) -> Status:
    """Apply the events that came without our tag before SES's MessageId was known here. Gives the status after them."""
    for row in own.all(EARLY, ses_message_id):
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
        own.run(_CLAIM_EARLY, delivery_id, event.id)
        status = apply(own, delivery_id, status, event, now)
        _forward(own, event, delivery_id, now, targets)
    return status


def apply(own: Own, delivery_id: str, was: Status, event: Event, now: datetime) -> Status:
    """Move one delivery by one event and give its new status."""
    became = after_event(was, event)
    changed = micros(now)
    if became is not was:
        reason = event.bounce_subtype or event.complaint_type or ""
        own.run(_APPLY, became, reason, changed, event.ses_message_id or None, delivery_id)
        own.run(INSERT_LEDGER, delivery_id, changed, was, became, f"event {event.kind}")
    return became


def address_key(recipient: str) -> str:
    """Give the form by which a recipient is suppressed, whatever SES wrote."""
    try:
        return parse_address(recipient).key
    except InvalidMessage:  # SES bounced to it, so SES took it for an address: keep it as it is told
        return recipient.strip().lower()


def _find(own: Own, event: Event) -> tuple[str, str] | None:
    """Find the delivery by our tag, else by SES's MessageId. A tag that we do not know is another program's."""
    query, value = (_BY_TAG, event.delivery_id) if event.delivery_id else (_BY_SES_ID, event.ses_message_id)
    row = own.one(query, value) if value else None
    return (str(row[0]), str(row[1])) if row else None


def _keep(own: Own, event: Event, delivery_id: str | None, source: str, now: datetime, *, verified: bool) -> bool:
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
        verified,
    )
    return own.run(INSERT_EVENT, *row) > 0


def _knows_more(own: Own, event: Event, delivery_id: str | None, source: str, *, verified: bool) -> bool:
    """Let a second copy add what the first did not know; say whether the event is only now known to be ours."""
    if not verified and delivery_id is None:
        return False
    row = own.one(_AGAIN, event.id)
    if row is None:
        return False
    if verified and not row[1]:
        own.run(_NOW_VERIFIED, source, event.id)
    if delivery_id is None or row[0] is not None:
        return False
    own.run(_NOW_OURS, delivery_id, event.delivery_id, event.id)
    return True


def _suppress(own: Own, event: Event, now: datetime, listening: Listening, *, verified: bool) -> bool:
    reason = suppression(event)
    source = f"event {event.id}" if verified else f"unverified event {event.id}"
    if reason is not None:
        scope = Stream.MARKETING.value if reason is SuppressionReason.UNSUBSCRIBE else ACCOUNT_SCOPE
        return own.run(_SUPPRESS, address_key(event.recipient), scope, reason, micros(now), source) > 0
    if listening.strikes and is_strike(event) and _struck_out(own, event, listening):
        source = f"{listening.strikes} soft bounces, the last {source}"
        key = address_key(event.recipient)
        return own.run(_SUPPRESS, key, ACCOUNT_SCOPE, SuppressionReason.BOUNCE, micros(now), source) > 0
    return False


def _struck_out(own: Own, event: Event, listening: Listening) -> bool:
    """Count a strike and say whether enough of them fell within the days, whichever came here first."""
    key = address_key(event.recipient)
    own.run(_STRIKE, key, event.id, micros(event.occurred_at))
    at = [int(row[0]) for row in own.all(STRIKES, key)]
    span = timedelta(days=listening.strike_days) // timedelta(microseconds=1)
    return any(last - first <= span for first, last in zip(at, at[listening.strikes - 1 :], strict=False))


def _note_complaint(own: Own, event: Event, delivery_id: str, now: datetime, total: _Sum, *, verified: bool) -> None:
    if event.kind is not EventKind.COMPLAINT or event.complaint_type == "not-spam":
        return
    row = own.one(_SENDER, delivery_id) if delivery_id else None
    total.complaints.append(
        StoredComplaint(
            event_id=event.id,
            at=event.occurred_at,
            received_at=now,
            recipient=event.recipient,
            complaint_type=event.complaint_type,
            ses_message_id=event.ses_message_id,
            message_id=row[0] if row else "",
            subject=row[3] if row else "",
            key=(row[2] or row[1]) if row else "",
            stream=row[4] if row else "",
            configuration_set=row[5] if row else "",
            tags=msgspec.json.decode(row[6]) if row else {},
            verified=verified,
        )
    )


def _forward(own: Own, event: Event, delivery_id: str, now: datetime, targets: Sequence[ForwardTo]) -> None:
    """Put an event that is known to be ours on its way to the applications that want it, once."""
    wanting = [one for one in targets if one.hears(event.kind)]
    if not wanting or (row := own.one(_SENDER, delivery_id)) is None:
        return
    at = micros(now)
    for one in wanting:
        if one.sent(row[1], row[2]):
            own.run(FORWARD, event.id, row[0], one.name, at, at)
