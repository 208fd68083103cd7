"""The JSON of SES event publishing, for each event that a message causes. Knows no topic and no suppression rule.

Shapes: SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS" [D23].
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.fates import Fate

OUTGOING_IP = "192.0.2.10"
REMOTE_IP = "192.0.2.25"
SUBJECT = "Amazon SES Email Event Notification"

_HEADERS_LIMIT = 10 * 1024  # headersTruncated: headers of 10 KB or more [D23]
_ON_ACCOUNT_LIST = (
    "Amazon SES did not send the message to this address because it is on the suppression list for your account. For "
    "more information about removing addresses from the suppression list, see the Amazon SES Developer Guide at "
    "https://docs.aws.amazon.com/ses/latest/DeveloperGuide/sending-email-suppression-list.html"
)
_ON_GLOBAL_LIST = (
    "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid "
    "address. For more information about how to remove an address from the suppression list, see the Amazon SES "
    "Developer Guide: http://docs.aws.amazon.com/ses/latest/DeveloperGuide/remove-from-suppressionlist.html"
)


class Kind(StrEnum):
    """Event types as MatchingEventTypes has them [M]."""

    SEND = "SEND"
    REJECT = "REJECT"
    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"
    DELIVERY = "DELIVERY"


_EVENT_TYPE = {
    Kind.SEND: "Send",
    Kind.REJECT: "Reject",
    Kind.BOUNCE: "Bounce",
    Kind.COMPLAINT: "Complaint",
    Kind.DELIVERY: "Delivery",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event to come: cheap to make when a message is accepted, made into JSON only when somebody reads it."""

    kind: Kind
    message: Accepted
    recipients: tuple[str, ...]
    at: datetime
    feedback_id: str = ""
    fate: Fate = Fate.DELIVERED

    def text(self) -> str:
        """Return the event as SES publishes it."""
        return json.dumps(event(self), separators=(",", ":"))


def stamp(at: datetime) -> str:
    """Return a time as SES and SNS write it: milliseconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def event(happening: Happening) -> dict[str, Any]:
    """Return the event as a dictionary: eventType, mail, and the object named by the type."""
    kind = happening.kind
    return {
        "eventType": _EVENT_TYPE[kind],
        "mail": _mail(happening),
        kind.value.lower(): _detail(happening),
    }


def _detail(happening: Happening) -> dict[str, Any]:
    match happening.kind:
        case Kind.SEND:
            return {}
        case Kind.REJECT:
            return {"reason": "Bad content"}
        case Kind.DELIVERY:
            return {
                "timestamp": stamp(happening.at),
                "processingTimeMillis": _milliseconds(happening.at - happening.message.at),
                "recipients": list(happening.recipients),
                "smtpResponse": "250 2.6.0 Message received",
                "remoteMtaIp": REMOTE_IP,
                "reportingMTA": "a10-10.smtp-out.amazonses.com",
            }
        case Kind.BOUNCE:
            return _bounce(happening)
        case Kind.COMPLAINT:
            return {
                "feedbackId": happening.feedback_id,
                "complaintSubType": None,
                "complainedRecipients": [{"emailAddress": each} for each in happening.recipients],
                "timestamp": stamp(happening.at),
                "userAgent": "Amazon SES Mailbox Simulator",
                "complaintFeedbackType": "abuse",
                "arrivalDate": stamp(happening.at),
            }
        case _:
            assert_never(happening.kind)


def _bounce(happening: Happening) -> dict[str, Any]:
    kind, subtype, status, diagnostic, reporter = _bounce_words(happening.fate)
    recipients: list[dict[str, str]] = []
    for address in happening.recipients:
        recipient = {"emailAddress": address}
        if status:
            recipient |= {"action": "failed", "status": status, "diagnosticCode": diagnostic}
        recipients.append(recipient)
    bounce = {
        "feedbackId": happening.feedback_id,
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": recipients,
        "timestamp": stamp(happening.at),
    }
    if reporter:
        bounce["reportingMTA"] = reporter
    if happening.fate in {Fate.BOUNCED, Fate.SOFT_BOUNCED}:
        bounce["remoteMtaIp"] = REMOTE_IP
    return bounce


def _bounce_words(fate: Fate) -> tuple[str, str, str, str, str]:
    """bounceType, bounceSubType, enhanced status, diagnosticCode, reportingMTA."""
    remote, own = "dns; a10-10.smtp-out.amazonses.com", "dns; amazonses.com"
    match fate:
        case Fate.BOUNCED:
            return "Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown", remote
        case Fate.SOFT_BOUNCED:
            return "Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full", remote
        case Fate.OUT_OF_OFFICE:
            # Automatic replies arrive as Bounce/Transient/General and are not counted [D23].
            return "Transient", "General", "", "", ""
        case Fate.ON_GLOBAL_LIST:
            return "Permanent", "Suppressed", "5.1.1", _ON_GLOBAL_LIST, own
        case Fate.ON_ACCOUNT_LIST:
            return "Permanent", "OnAccountSuppressionList", "5.1.1", _ON_ACCOUNT_LIST, own
        case Fate.DELIVERED | Fate.COMPLAINED:
            raise ValueError(f"{fate} is no bounce")
        case _:
            assert_never(fate)


def _mail(happening: Happening) -> dict[str, Any]:
    message = happening.message
    headers, truncated = _within_limit(message.headers())
    tags = {name: list(values) for name, values in message.tags.items()}
    if happening.kind is Kind.DELIVERY:
        tags["ses:outgoing-ip"] = [OUTGOING_IP]
    by_name = {name.lower(): value for name, value in headers}
    common: dict[str, Any] = {"from": [message.from_header]}
    for name, values in (("to", message.to), ("cc", message.cc), ("replyTo", message.reply_to)):
        if values:
            common[name] = list(values)
    if "date" in by_name:
        common["date"] = by_name["date"]
    common["messageId"] = message.message_id
    common["subject"] = message.subject
    return {
        "timestamp": stamp(message.at),
        "source": message.from_header,
        "sourceArn": message.identity_arn,
        "sourceIp": message.source_ip,
        "callerIdentity": message.caller_arn.rpartition("/")[2],
        "sendingAccountId": message.account_id,
        "messageId": message.message_id,
        "destination": list(message.recipients),
        "headersTruncated": truncated,
        "headers": [{"name": name, "value": value} for name, value in headers],
        "commonHeaders": common,
        "tags": tags,
    }


def _within_limit(headers: Sequence[tuple[str, str]]) -> tuple[Sequence[tuple[str, str]], bool]:
    size = 0
    kept: list[tuple[str, str]] = []
    for name, value in headers:
        size += len(name) + len(value) + 4
        if size >= _HEADERS_LIMIT:
            return kept, True
        kept.append((name, value))
    return kept, False


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


def happenings(
    message: Accepted,
    fates: Mapping[str, Fate],
    feedback_ids: Mapping[str, str],
    *,
    rejected: bool = False,
) -> list[Happening]:
    """Everything that follows from accepting a message, in order of time; one event names one recipient.

    AWS makes no promise about batching; the Send event is one for the whole call. A rejected message has Send and
    Reject only.
    """

    def one(kind: Kind, address: str, after_ms: int) -> Happening:
        feedback = feedback_ids.get(address, "") if kind in {Kind.BOUNCE, Kind.COMPLAINT} else ""
        return Happening(
            kind=kind,
            message=message,
            recipients=(address,),
            at=message.at + timedelta(milliseconds=after_ms),
            feedback_id=feedback,
            fate=fates[address],
        )

    everyone = tuple(fates)
    found = [Happening(kind=Kind.SEND, message=message, recipients=everyone, at=message.at)]
    if rejected:
        return [*found, Happening(kind=Kind.REJECT, message=message, recipients=everyone, at=message.at)]
    for address, fate in fates.items():
        match fate:
            case Fate.DELIVERED:
                found.append(one(Kind.DELIVERY, address, 620))
            case Fate.BOUNCED | Fate.SOFT_BOUNCED:
                found.append(one(Kind.BOUNCE, address, 840))
            case Fate.ON_GLOBAL_LIST | Fate.ON_ACCOUNT_LIST:
                found.append(one(Kind.BOUNCE, address, 90))
            case Fate.COMPLAINED:
                found += (one(Kind.DELIVERY, address, 620), one(Kind.COMPLAINT, address, 3_900))
            case Fate.OUT_OF_OFFICE:
                found += (one(Kind.DELIVERY, address, 620), one(Kind.BOUNCE, address, 2_700))
            case _:
                assert_never(fate)
    return found
