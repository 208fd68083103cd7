"""Writes the bounce by which SES tells that it took a message for a suppressed address and did not send it. No I/O.

The gateway answers such mail as SES does, with a MessageId; this is what the application would have heard after it.
Shape: SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS" [D23].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from sendworthy.errors import InvalidMessage
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.mime import open_raw

HEAD_BYTES: Final = 10 * 1024
"""An event carries this much of a message's headers, and says when it left some out (headersTruncated [D23])."""

_ON_LIST: Final = "OnAccountSuppressionList"
_OPTED_OUT: Final = "UnsubscribedRecipient"
"""SES's subtype for whoever left a contact list; which bounceType it comes under is not documented [C]."""

_SAID: Final = {
    _ON_LIST: (
        "The message was not sent to this address because it is on the suppression list of this account. "
        "The list is kept by the gateway: sendworthy suppressions list"
    ),
    _OPTED_OUT: "The message was not sent to this address because its owner unsubscribed from this mail.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """One recipient of an accepted message who gets nothing. `reason` is a SuppressionReason's word.

    `head` is how the MIME text begins, at least HEAD_BYTES of it where it is longer; `at` is when it was held back.
    """

    delivery_id: str
    message_id: str
    recipient: str
    reason: str
    mail_from: str
    accepted_at: datetime
    at: datetime
    configuration_set: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    head: bytes = field(default=b"", repr=False)


def suppressed_bounce(barred: Barred) -> Event:
    """Give the event, always the same one for the same delivery.

    It is a bounce for every reason, as SES's for its own list, save for who unsubscribed. Nobody complained now, so
    there is no complaint to tell of; and such a bounce counts in no rate [D23].
    """
    subtype = _OPTED_OUT if barred.reason == SuppressionReason.UNSUBSCRIBE else _ON_LIST
    digest = sha256(f"suppressed\0{barred.delivery_id}".encode("utf-8", "surrogatepass")).hexdigest()
    stamp = _stamp(barred.at)
    entry = {"emailAddress": barred.recipient, "action": "failed", "status": "5.1.1", "diagnosticCode": _SAID[subtype]}
    body = {
        "eventType": "Bounce",
        "bounce": {
            "feedbackId": f"{digest[:16]}-{barred.delivery_id}",
            "bounceType": "Permanent",
            "bounceSubType": subtype,
            "bouncedRecipients": [entry],
            "timestamp": stamp,
            "reportingMTA": "dns; amazonses.com",
        },
        "mail": _mail(barred),
    }
    return Event(
        id=digest[:32],
        kind=EventKind.BOUNCE,
        ses_message_id="",
        recipient=barred.recipient,
        occurred_at=barred.at,
        delivery_id=barred.delivery_id,
        bounce_type="Permanent",
        bounce_subtype=subtype,
        diagnostic=_SAID[subtype],
        raw=msgspec.json.encode(body).decode(),
    )


def _mail(barred: Barred) -> dict[str, Any]:
    headers, truncated = _headers(barred.head)
    named = {name.lower(): value for name, value in headers}
    common: dict[str, Any] = {"from": [named.get("from", barred.mail_from)]}
    for name, member in (("to", "to"), ("cc", "cc"), ("reply-to", "replyTo")):
        if name in named:
            common[member] = [one.strip() for one in named[name].split(",")]
    if "date" in named:
        common["date"] = named["date"]
    common |= {"messageId": barred.message_id, "subject": named.get("subject", "")}
    tags = {name: [value] for name, value in barred.tags.items()}
    if barred.configuration_set:
        tags["ses:configuration-set"] = [barred.configuration_set]
    tags["ses:from-domain"] = [barred.mail_from.rpartition("@")[2]]
    return {
        "timestamp": _stamp(barred.accepted_at),
        "source": barred.mail_from,
        "messageId": barred.message_id,
        "destination": [barred.recipient],
        "headersTruncated": truncated,
        "headers": [{"name": name, "value": value} for name, value in headers],
        "commonHeaders": common,
        "tags": tags,
    }


def _headers(head: bytes) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Give the headers that fit, and whether some were left out."""
    ends = [at for at in (head.find(b"\r\n\r\n"), head.find(b"\n\n")) if at >= 0]
    whole = bool(ends) and min(ends) < HEAD_BYTES
    text = head[: min(ends)] if whole else head[:HEAD_BYTES].rpartition(b"\n")[0].rstrip(b"\r")
    try:
        return open_raw(text + b"\r\n\r\n").headers if text else (), not whole
    except InvalidMessage:  # cut within what must be whole
        return (), True


def _stamp(at: datetime) -> str:
    moment = at.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
