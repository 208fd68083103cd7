"""Writes an event as the application that sent the mail would have had it from SES. Knows no target and sends nothing.

The application was given the gateway's MessageId and knows no other, so that is the one it finds; our own tag is taken
out. What came as a report by mail is written as SES writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sendworthy.ingest.unwrap import parse_object
from sendworthy.mail.event import DELIVERY_TAG

_OWN_TAGS: Final = frozenset({DELIVERY_TAG, "sendworthy-again"})
_NOTIFIED: Final = frozenset({"Bounce", "Complaint", "Delivery"})
"""The types that SES's older format has."""


def onward(
    raw: str, *, message_id: str, recipient: str, kind: str, occurred_at: datetime, as_notification: bool = False
) -> str:
    """Give SES's JSON under the gateway's `message_id`, in the format of event publishing or of notifications."""
    body = parse_object(raw)
    if body is not None and isinstance(body.get("detail"), dict) and "eventType" not in body:
        body = dict(_dict(body["detail"]))  # EventBridge's envelope
    if body is None or not isinstance(body.get("mail"), dict):
        body = _as_ses(kind, recipient, occurred_at)
    mail: dict[str, Any] = dict(_dict(body.get("mail")))
    mail["messageId"] = message_id
    tags = {name: value for name, value in _dict(mail.get("tags")).items() if name not in _OWN_TAGS}
    if "tags" in mail:
        mail["tags"] = tags
    kind_word = body.get("eventType") or body.get("notificationType")
    rest = {name: value for name, value in body.items() if name not in {"eventType", "notificationType", "mail"}}
    if as_notification and kind_word in _NOTIFIED:
        mail.pop("tags", None)
        return _text({"notificationType": kind_word, "mail": mail, **rest})
    return _text({"eventType": kind_word, "mail": mail, **rest})


def _as_ses(kind: str, recipient: str, at: datetime) -> dict[str, Any]:
    """Write what a report by mail told; what it left open stays open."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    mail = {"timestamp": stamp, "destination": [recipient], "tags": {}}
    entry = {"emailAddress": recipient}
    match kind:
        case "bounce":
            detail = {
                "bounceType": "Undetermined",
                "bounceSubType": "Undetermined",
                "bouncedRecipients": [entry],
                "timestamp": stamp,
                "feedbackId": "",
            }
            return {"eventType": "Bounce", "mail": mail, "bounce": detail}
        case "complaint":
            complaint = {"complainedRecipients": [entry], "timestamp": stamp, "feedbackId": ""}
            return {"eventType": "Complaint", "mail": mail, "complaint": complaint}
        case "delivery":
            return {"eventType": "Delivery", "mail": mail, "delivery": {"timestamp": stamp, "recipients": [recipient]}}
        case _:
            return {"eventType": kind, "mail": mail}


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
