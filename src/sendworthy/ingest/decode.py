"""Reads SES's JSON into Events, one for each recipient; knows no envelope, and believes whatever it is given.

Two formats carry the same objects [D23]: event publishing (`eventType`, with `mail.tags`) and feedback notifications
(`notificationType`, without). Both are read here, leniently: AWS adds fields and types without notice, and one odd
member must not cost a bounce. Sources: SES Developer Guide, "Contents of event data that Amazon SES publishes to
Amazon SNS" and "Amazon SNS notification contents for Amazon SES".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never

import msgspec

from sendworthy.errors import InvalidMessage, SendworthyError
from sendworthy.ingest.dates import parse_date
from sendworthy.ingest.unwrap import parse_object
from sendworthy.mail.address import parse_address
from sendworthy.mail.event import DELIVERY_TAG, Event, EventKind


class DecodeFailure(SendworthyError):
    """A body that is not an event of SES, or one that lacks what makes it useful. It never quotes the body."""


VALIDATION: Final = "Successfully validated SNS topic for Amazon SES event publishing."
"""The first message of a new SES event destination: plain text, to be acknowledged and nothing else [C]."""

_SUBSCRIBED: Final = "AmazonSnsSubscriptionSucceeded"
"""The first notification of a topic set on an identity: it has a notificationType and nothing to tell [C]."""

_LONGEST_DIAGNOSTIC: Final = 1000


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where one type of event keeps its object, and the list of whom it concerns (empty: the whole message)."""

    kind: EventKind
    key: str
    recipients: str = ""


_KINDS: Final[Mapping[str, _Kind]] = {
    "send": _Kind(EventKind.SEND, "send"),
    "delivery": _Kind(EventKind.DELIVERY, "delivery", "recipients"),
    "bounce": _Kind(EventKind.BOUNCE, "bounce", "bouncedRecipients"),
    "complaint": _Kind(EventKind.COMPLAINT, "complaint", "complainedRecipients"),
    "reject": _Kind(EventKind.REJECT, "reject"),
    "deliverydelay": _Kind(EventKind.DELIVERY_DELAY, "deliveryDelay", "delayedRecipients"),
    # The one type with a space in its name, and the one object not called after its type [D23].
    "renderingfailure": _Kind(EventKind.RENDERING_FAILURE, "failure"),
    "open": _Kind(EventKind.OPEN, "open"),
    "click": _Kind(EventKind.CLICK, "click"),
    "subscription": _Kind(EventKind.SUBSCRIPTION, "subscription"),
}
"""By the type in lower case without its spaces."""

_BY_ONE_PERSON: Final = frozenset({EventKind.OPEN, EventKind.CLICK, EventKind.SUBSCRIPTION})
"""Done by one recipient whom the event does not name; among several it stays open who."""

_Object = Mapping[str, Any]
_NOTHING: Final[_Object] = {}


def decode(text: str, *, received_at: datetime) -> tuple[Event, ...]:
    """Read one event of SES as it was published: one Event for each recipient, none for a setup message.

    `received_at` (aware UTC) stands in where the event has no readable date. Raises DecodeFailure.
    """
    if text.strip() == VALIDATION:
        return ()
    body = parse_object(text)
    if body is None:
        raise DecodeFailure("The message is not a JSON object.")
    if "detail-type" in body and "eventType" not in body:
        return _bridged(body, text, received_at)
    return _published(body, raw=text, received_at=received_at)


def _published(body: _Object, *, raw: str, received_at: datetime) -> tuple[Event, ...]:
    type_ = _text(body, "eventType") or _text(body, "notificationType")
    if not type_:
        raise DecodeFailure("The JSON is no event of SES: it has neither eventType nor notificationType.")
    if type_ == _SUBSCRIBED:
        return ()
    mail = _object(body, "mail")
    known = _KINDS.get(type_.replace(" ", "").lower())
    if known is None:
        return _unknown(type_, body, mail, raw=raw, received_at=received_at)
    detail = _object(body, known.key)
    if not _text(mail, "messageId"):
        raise DecodeFailure(f"The {known.kind} event names no message.")
    if not detail and known.kind is not EventKind.SEND:
        raise DecodeFailure(f"The {known.kind} event has no `{known.key}` object.")
    return _known(known, detail, mail, raw=raw, received_at=received_at)


def _bridged(body: _Object, text: str, received_at: datetime) -> tuple[Event, ...]:
    """Read what EventBridge brings: the same object in `detail`; without an eventType it is news of the account."""
    if _text(body, "source") != "aws.ses":
        raise DecodeFailure("The event comes from another service than SES.")
    detail = _object(body, "detail")
    if _text(detail, "eventType"):
        return _published(detail, raw=text, received_at=received_at)
    news = {"mail": {"timestamp": _text(body, "time")}, "id": _text(body, "id"), "detail": detail}
    return _unknown(_text(body, "detail-type"), news, _object(news, "mail"), raw=text, received_at=received_at)


def _known(known: _Kind, detail: _Object, mail: _Object, *, raw: str, received_at: datetime) -> tuple[Event, ...]:
    stamp = _text(detail, "timestamp") or _text(mail, "timestamp")
    message_id = _text(mail, "messageId")
    told_apart_by = _told_apart_by(known.kind, detail, stamp)
    events: dict[str, Event] = {}
    for recipient, entry in _concerned(known, detail, mail):
        id_ = _digest(known.kind, message_id, recipient.lower(), *told_apart_by)
        events.setdefault(
            id_,
            Event(
                id=id_,
                kind=known.kind,
                ses_message_id=message_id,
                recipient=recipient,
                occurred_at=parse_date(stamp) or parse_date(mail.get("timestamp")) or received_at,
                delivery_id=_delivery_id(mail),
                bounce_type=_text(detail, "bounceType"),
                bounce_subtype=_text(detail, "bounceSubType"),
                complaint_type=_text(detail, "complaintFeedbackType"),
                diagnostic=_diagnostic(known.kind, detail, entry)[:_LONGEST_DIAGNOSTIC],
                raw=raw,
            ),
        )
    return tuple(events.values())


def _unknown(type_: str, body: _Object, mail: _Object, *, raw: str, received_at: datetime) -> tuple[Event, ...]:
    """Keep an event of a type that AWS has added since: whole, and for each recipient of its message."""
    try:
        content = hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
    except (RecursionError, ValueError) as error:
        raise DecodeFailure("The event goes too deep.") from error
    message_id = _text(mail, "messageId")
    return tuple(
        Event(
            id=_digest(EventKind.UNKNOWN, message_id, recipient.lower(), content),
            kind=EventKind.UNKNOWN,
            ses_message_id=message_id,
            recipient=recipient,
            occurred_at=parse_date(mail.get("timestamp")) or received_at,
            delivery_id=_delivery_id(mail),
            diagnostic=type_[:_LONGEST_DIAGNOSTIC],
            raw=raw,
        )
        for recipient in dict.fromkeys(_destination(mail)) or ("",)
    )


def _told_apart_by(kind: EventKind, detail: _Object, stamp: str) -> tuple[str, ...]:
    """Say what sets two events of one kind, message and recipient apart, in whichever format they come.

    The feedback id where there is one [D23], else the moment. Clicks and opens of one moment differ by link and agent.
    """
    feedback_id = _text(detail, "feedbackId")
    if feedback_id:
        return (feedback_id,)
    moment = parse_date(stamp)
    first = moment.isoformat(timespec="milliseconds") if moment else stamp
    match kind:
        case EventKind.OPEN | EventKind.CLICK:
            return (first, _text(detail, "link"), _text(detail, "ipAddress"), _text(detail, "userAgent"))
        case EventKind.DELIVERY_DELAY:
            return (first, _text(detail, "delayType"))
        case _:
            return (first,)


def _concerned(known: _Kind, detail: _Object, mail: _Object) -> Iterable[tuple[str, _Object]]:
    """List whom the event concerns, each with what is said of that recipient alone.

    A provider may redact the complainer; where the message went to one address, that was the one. An event that must
    name somebody and names nobody is a failure, since nothing could follow from it.
    """
    destination = _destination(mail)
    if not known.recipients:
        if known.kind in _BY_ONE_PERSON and len(destination) != 1:
            return [("", _NOTHING)]
        return [(recipient, _NOTHING) for recipient in destination] or [("", _NOTHING)]
    listed = detail.get(known.recipients)
    named: list[tuple[str, _Object]] = []
    for entry in listed if isinstance(listed, list) else ():
        entry_object: _Object = entry if isinstance(entry, dict) else {"emailAddress": entry}
        recipient = _recipient(_text(entry_object, "emailAddress"))
        if "@" in recipient:
            named.append((recipient, entry_object))
        elif len(destination) == 1:
            named.append((destination[0], entry_object))
    if not named and len(destination) == 1:
        named = [(destination[0], _NOTHING)]
    if not named:
        raise DecodeFailure(f"The {known.kind} event names no recipient.")
    return named


def _diagnostic(kind: EventKind, detail: _Object, entry: _Object) -> str:
    match kind:
        case EventKind.BOUNCE:
            return _text(entry, "diagnosticCode") or _text(entry, "status")
        case EventKind.DELIVERY_DELAY:
            return _joined(_text(detail, "delayType"), _text(entry, "diagnosticCode") or _text(entry, "status"))
        case EventKind.COMPLAINT:
            return _joined(_text(detail, "complaintSubType"), _text(detail, "userAgent"))
        case EventKind.DELIVERY:
            return _text(detail, "smtpResponse")
        case EventKind.REJECT:
            return _text(detail, "reason")
        case EventKind.RENDERING_FAILURE:
            return _joined(_text(detail, "templateName"), _text(detail, "errorMessage"))
        case EventKind.CLICK:
            return _text(detail, "link")
        case EventKind.SUBSCRIPTION:
            return _text(detail, "contactList")
        case EventKind.SEND | EventKind.OPEN | EventKind.UNKNOWN:
            return ""
        case _:
            assert_never(kind)


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _delivery_id(mail: _Object) -> str:
    values = _object(mail, "tags").get(DELIVERY_TAG)
    return _clean(values[0]) if isinstance(values, list) and values and isinstance(values[0], str) else ""


def _destination(mail: _Object) -> list[str]:
    listed = mail.get("destination")
    return [_recipient(_clean(each)) for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def _recipient(text: str) -> str:
    """Give the bare address where there is one, else the text itself: what SES wrote is better than nothing."""
    try:
        return str(parse_address(text))
    except InvalidMessage:
        return text.strip()


def _object(parent: _Object, key: str) -> _Object:
    value = parent.get(key)
    return value if isinstance(value, dict) else _NOTHING


def _text(parent: _Object, key: str) -> str:
    value = parent.get(key)
    return _clean(value) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Drop NUL, which PostgreSQL's text cannot hold; the raw event keeps it as an escape."""
    return text.replace("\0", "") if "\0" in text else text


def _digest(*parts: str) -> str:
    """Digest the parts, each with its length, so that no two lists of parts run into one another."""
    digest = hashlib.sha256()
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(octets) + octets)
    return digest.hexdigest()[:32]
