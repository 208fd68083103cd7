"""What SES tells about one message to one recipient. Knows no envelope, and not what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    """The event types of SES event publishing (SES Developer Guide, "Contents of event data")."""

    SEND = "send"
    DELIVERY = "delivery"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    REJECT = "reject"
    DELIVERY_DELAY = "delivery_delay"
    RENDERING_FAILURE = "rendering_failure"
    OPEN = "open"
    CLICK = "click"
    SUBSCRIPTION = "subscription"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event for one recipient.

    `id` is a digest of the content (kind, SES MessageId, recipient, feedback id or timestamp), so that the same event
    in another envelope has the same id. `delivery_id` is the value of our own message tag, empty when the message did
    not pass the gateway. `bounce_type`, `bounce_subtype` and `complaint_type` are AWS's words, empty where absent.
    `occurred_at` is aware UTC. `raw` is the JSON of the whole event as it came.
    """

    id: str
    kind: EventKind
    ses_message_id: str
    recipient: str
    occurred_at: datetime
    delivery_id: str = ""
    bounce_type: str = ""
    bounce_subtype: str = ""
    complaint_type: str = ""
    diagnostic: str = ""
    raw: str = ""


DELIVERY_TAG = "sendworthy-delivery"
"""The SES message tag that carries our delivery id on every outgoing message."""
