"""Reads bounce and complaint mail: delivery reports (RFC 3464), feedback reports (RFC 5965). Believes what it is told.

This is the plain alternative to events: SES forwards bounces and complaints to the Return-Path, or where the identity
says. A mail proves nothing of its sender, so that whoever calls this marks its events as unverified. MIME is read by
the standard library's `email`, which knows multipart/report.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Final

from sendworthy.errors import InvalidMessage
from sendworthy.ingest.dates import parse_date
from sendworthy.ingest.decode import DecodeFailure
from sendworthy.mail.address import parse_address
from sendworthy.mail.event import Event, EventKind

LARGEST_REPORT: Final = 1024 * 1024
"""Octets that are read of one mail; what a report says stands at its beginning."""

_SES_ID: Final = re.compile(r"<([0-9A-Za-z-]{30,100})@(?:[a-z0-9-]+\.)?amazonses\.com>")
"""SES's Message-ID holds its MessageId (SES Developer Guide, "Raw email sending")."""

_MOST_RECIPIENTS: Final = 100
_FULL: Final = re.compile(r"\b[245]\.2\.2\b")
"""RFC 3463 section 3.3: mailbox full."""


def read_report(raw: bytes, *, received_at: datetime) -> tuple[Event, ...]:
    """Read one mail: an Event for each recipient it reports on. Raises DecodeFailure when it is no report."""
    mail = message_from_bytes(raw[:LARGEST_REPORT], policy=policy.default)
    assert isinstance(mail, EmailMessage)  # noqa: S101 - that is what policy.default makes
    for part in _parts(mail):
        match part.get_content_type():
            case "message/delivery-status" | "message/global-delivery-status":
                return _delivery_report(mail, part, received_at)
            case "message/feedback-report":
                return _feedback_report(mail, part, received_at)
            case _:
                continue
    raise DecodeFailure("The mail is neither a delivery report (RFC 3464) nor a feedback report (RFC 5965).")


def _parts(mail: Message) -> Iterator[Message]:
    """Walk the parts, but not into the returned message: what a stranger put there is no report of ours."""
    if mail.get_content_type() in {"message/rfc822", "message/global"}:
        return
    yield mail
    if mail.get_content_maintype() == "multipart":
        for part in mail.get_payload() if isinstance(mail.get_payload(), list) else ():
            if isinstance(part, Message):
                yield from _parts(part)


def _delivery_report(mail: Message, part: Message, received_at: datetime) -> tuple[Event, ...]:
    groups = _groups(part)
    ses_message_id, at = _ses_message_id(mail), _date(mail, received_at)
    events: dict[str, Event] = {}
    for group in groups[1:][:_MOST_RECIPIENTS] if len(groups) > 1 else groups:
        recipient = _recipient(_field(group, "Final-Recipient") or _field(group, "Original-Recipient"))
        action, status = _field(group, "Action").lower().split("(")[0].strip(), _field(group, "Status")
        if not recipient or not action:
            continue
        diagnostic = _after_type(_field(group, "Diagnostic-Code"))[:1000]
        kind, bounce_type, subtype = _meaning(action, status.strip())
        if kind is None:
            continue
        id_ = _digest(kind, ses_message_id or _field(mail, "Message-ID"), recipient.lower(), action, status)
        events[id_] = Event(
            id=id_,
            kind=kind,
            ses_message_id=ses_message_id,
            recipient=recipient,
            occurred_at=parse_date(_field(group, "Last-Attempt-Date")) or at,
            bounce_type=bounce_type,
            bounce_subtype=subtype,
            diagnostic=diagnostic or status,
            raw=_told(part),
        )
    if not events:
        raise DecodeFailure("The delivery report names no recipient that it reports on.")
    return tuple(events.values())


def _meaning(action: str, status: str) -> tuple[EventKind | None, str, str]:
    """Read Action (RFC 3464 section 2.3.3) and Status (RFC 3463) in SES's words."""
    match action:
        case "failed":
            if status.startswith("5") and not _FULL.search(status):
                return EventKind.BOUNCE, "Permanent", "NoEmail" if status.startswith("5.1.1") else "General"
            if status.startswith(("4", "5")):
                return EventKind.BOUNCE, "Transient", "MailboxFull" if _FULL.search(status) else "General"
            return EventKind.BOUNCE, "Undetermined", "Undetermined"
        case "delayed":
            return EventKind.DELIVERY_DELAY, "", ""
        case "delivered" | "relayed" | "expanded":
            return EventKind.DELIVERY, "", ""
        case _:
            return None, "", ""


def _feedback_report(mail: Message, part: Message, received_at: datetime) -> tuple[Event, ...]:
    groups = _groups(part)
    report = groups[0] if groups else Message()
    kind = _field(report, "Feedback-Type").lower()
    if not kind:
        raise DecodeFailure("The feedback report has no Feedback-Type.")
    ses_message_id = _ses_message_id(mail)
    recipients = [_recipient(str(one)) for one in report.get_all("Original-Rcpt-To", [])]
    original = _returned(mail)
    if not any(recipients) and original is not None:
        recipients = [_recipient(_field(original, "To"))]
    events: dict[str, Event] = {}
    for recipient in [one for one in recipients if one][:_MOST_RECIPIENTS]:
        id_ = _digest(EventKind.COMPLAINT, ses_message_id or _field(mail, "Message-ID"), recipient.lower(), kind)
        events[id_] = Event(
            id=id_,
            kind=EventKind.COMPLAINT,
            ses_message_id=ses_message_id,
            recipient=recipient,
            occurred_at=parse_date(_field(report, "Arrival-Date")) or _date(mail, received_at),
            complaint_type=kind,
            diagnostic=_field(report, "User-Agent")[:1000],
            raw=_told(part),
        )
    if not events:
        raise DecodeFailure("The feedback report does not say who complained; many providers leave that out.")
    return tuple(events.values())


def _groups(part: Message) -> list[Message]:
    """Give the groups of fields of a report; the parser makes a message of each."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [one for one in payload if isinstance(one, Message)]
    text = payload if isinstance(payload, str) else ""
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").strip())
    return [message_from_bytes(block.encode("utf-8", "replace")) for block in blocks if block.strip()]


def _returned(mail: Message) -> Message | None:
    """Give the headers of the mail that the report is about, where it brings them."""
    for part in mail.walk():
        if part.get_content_type() in {"message/rfc822", "message/global"}:
            payload = part.get_payload()
            return payload[0] if isinstance(payload, list) and payload and isinstance(payload[0], Message) else None
        if part.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            content = part.get_payload(decode=True)
            return message_from_bytes(content) if isinstance(content, bytes) else None
    return None


def _ses_message_id(mail: Message) -> str:
    original = _returned(mail)
    found = _SES_ID.search(_field(original, "Message-ID")) if original is not None else None
    return found[1] if found else ""


def _date(mail: Message, received_at: datetime) -> datetime:
    """Give the date of the report, unless it lies in the future."""
    stated = parse_date(_field(mail, "Date"))
    return stated if stated is not None and stated <= received_at else received_at


def _field(message: Message, name: str) -> str:
    try:
        return str(message.get(name) or "").replace("\0", "").strip()
    except (ValueError, IndexError, AttributeError, TypeError):  # the library's parser of structured fields, on junk
        return ""


def _after_type(text: str) -> str:
    """Take the type off a typed field: `rfc822; someone@example.com`."""
    return text.partition(";")[2].strip() if ";" in text else text.strip()


def _recipient(text: str) -> str:
    bare = _after_type(text).strip().strip("<>")
    try:
        return str(parse_address(bare))
    except InvalidMessage:
        return ""


def _told(part: Message) -> str:
    """Keep the report itself and not the returned mail, which may be of any size and is not ours to keep."""
    try:
        return part.as_bytes().decode("utf-8", "replace").replace("\0", "")[:65_536]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _digest(*parts: str | Iterable[str]) -> str:
    return hashlib.sha256("\0".join(["mail", *map(str, parts)]).encode("utf-8", "replace")).hexdigest()
