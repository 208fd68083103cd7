"""Tells applications of mail that was accepted for a suppressed address: the bounce that SES would have sent.

It is kept and put on its way in the transaction that suppressed the delivery, and moves no status, counts in no rate
and suppresses nobody. Nothing is written where no application wants it. Knows no door and no target.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from sendworthy.mail.event import EventKind
from sendworthy.mail.suppressed import HEAD_BYTES, Barred, suppressed_bounce
from sendworthy.store.columns import instant, micros
from sendworthy.store.heard import ForwardTo
from sendworthy.store.recording import FORWARD, INSERT_EVENT
from sendworthy.store.statement import Own, statement

SOURCE = "gateway"
"""The source of events that we wrote ourselves; no other has this name, and whoever compares with AWS leaves it out."""

_MESSAGES = statement(f"""
SELECT m.id, m.access_key_id, k.name, m.mail_from, m.accepted_at, m.configuration_set, m.tags,
       coalesce(substr(m.raw, 1, {HEAD_BYTES + 4}), (
           SELECT substr(c.data, 1, {HEAD_BYTES + 4}) FROM chunks c WHERE c.message_id = m.id AND c.n = 0))
FROM messages m LEFT JOIN keys k ON k.access_key_id = m.access_key_id WHERE m.id {{in}}""")  # noqa: S608 - a constant


def tell_suppressed(
    own: Own, barred: Sequence[tuple[str, str, str, str]], now: datetime, targets: Sequence[ForwardTo]
) -> None:
    """Tell of deliveries that were suppressed, each as (delivery id, message id, recipient, reason)."""
    if not barred:
        return
    wanting = [one for one in targets if one.hears(EventKind.BOUNCE)]
    if not wanting:
        return
    at = micros(now)
    messages = {row[0]: row for row in own.all(_MESSAGES, sorted({one[1] for one in barred}))}
    events, forwards = [], []
    for delivery_id, message_id, recipient, reason in barred:
        _, key, name, mail_from, accepted_at, configuration_set, tags, head = messages[message_id]
        names = [one.name for one in wanting if one.sent(key, name)]
        if not names:
            continue
        event = suppressed_bounce(
            Barred(
                delivery_id=delivery_id,
                message_id=message_id,
                recipient=recipient,
                reason=reason,
                mail_from=mail_from,
                accepted_at=instant(accepted_at),
                at=now,
                configuration_set=configuration_set,
                tags=msgspec.json.decode(tags),
                head=bytes(head or b""),
            )
        )
        words = (event.bounce_type, event.bounce_subtype, "", event.diagnostic)
        about = (event.id, delivery_id, delivery_id, "", recipient, event.kind)
        events.append((*about, *words, at, at, SOURCE, event.raw, True))
        forwards += [(event.id, message_id, target, at, at) for target in names]
    own.many(INSERT_EVENT, events)
    own.many(FORWARD, forwards)
