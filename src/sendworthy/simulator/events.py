"""The JSON of SES's two event formats, for each event that a message causes. Knows no topic and no suppression rule.

Shapes: SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS" and "Amazon SNS
notification contents for Amazon SES" [D23]. What follows from which fate stands in `aftermath`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from html.parser import HTMLParser
from typing import Any, assert_never

from sendworthy.simulator.accepted import OUTGOING_IP, Accepted
from sendworthy.simulator.fates import Fate

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
    OPEN = "OPEN"
    CLICK = "CLICK"
    RENDERING_FAILURE = "RENDERING_FAILURE"
    DELIVERY_DELAY = "DELIVERY_DELAY"
    SUBSCRIPTION = "SUBSCRIPTION"


# eventType, and the member that holds what is special about it [D23].
WORDS = {
    Kind.SEND: ("Send", "send"),
    Kind.REJECT: ("Reject", "reject"),
    Kind.BOUNCE: ("Bounce", "bounce"),
    Kind.COMPLAINT: ("Complaint", "complaint"),
    Kind.DELIVERY: ("Delivery", "delivery"),
    Kind.OPEN: ("Open", "open"),
    Kind.CLICK: ("Click", "click"),
    Kind.RENDERING_FAILURE: ("Rendering Failure", "failure"),
    Kind.DELIVERY_DELAY: ("DeliveryDelay", "deliveryDelay"),
    Kind.SUBSCRIPTION: ("Subscription", "subscription"),
}
NOTIFIED = {Kind.BOUNCE: "Bounce", Kind.COMPLAINT: "Complaint", Kind.DELIVERY: "Delivery"}
"""The kinds that feedback notifications know, and their notificationType."""

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_LONGEST_WAIT = timedelta(seconds=50_400)  # MaxDeliverySeconds at most [M]; AWS's own patience is not published


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event to come: cheap to make when a message is accepted, made into JSON only when somebody reads it."""

    kind: Kind
    message: Accepted
    recipients: tuple[str, ...]
    at: datetime
    feedback_id: str = ""
    fate: Fate = Fate.DELIVERED
    detail: str = ""
    """bounceSubType, complaintFeedbackType, complaintSubType or delayType, where it is not the fate's usual one."""
    facts: Mapping[str, Any] | None = None
    """What else the event tells, under the names it has there: userAgent, link, templateName, contactList …"""

    def text(self) -> str:
        """Return the event as SES publishes it."""
        return json.dumps(event(self), separators=(",", ":"))

    def notification(self) -> str:
        """Return the feedback notification of a Bounce, Complaint or Delivery, without the message's headers."""
        return json.dumps(feedback(self, headers=False), separators=(",", ":"))

    def notification_with_headers(self) -> str:
        """Return the feedback notification with headers, as it is where the identity has them enabled."""
        return json.dumps(feedback(self, headers=True), separators=(",", ":"))


def stamp(at: datetime) -> str:
    """Return a time as SES and SNS write it: milliseconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def event(happening: Happening) -> dict[str, Any]:
    """Return the event as a dictionary: eventType, mail, and the object named by the type."""
    kind, member = WORDS[happening.kind]
    return {"eventType": kind, "mail": _mail(happening), member: detail(happening)}


def feedback(happening: Happening, *, headers: bool) -> dict[str, Any]:
    """Return a feedback notification: as an event, but with notificationType, without tags, headers only if enabled."""
    mail = _mail(happening)
    del mail["tags"]
    if not headers:
        for name in ("headersTruncated", "headers", "commonHeaders"):
            del mail[name]
    kind = NOTIFIED[happening.kind]
    return {"notificationType": kind, "mail": mail, kind.lower(): detail(happening)}


def detail(happening: Happening) -> dict[str, Any]:
    """Return the object that says what is special about an event."""
    facts = dict(happening.facts or {})
    match happening.kind:
        case Kind.SEND | Kind.RENDERING_FAILURE:
            return facts
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
            return _complaint(happening)
        case Kind.OPEN:
            return {"ipAddress": REMOTE_IP, "timestamp": stamp(happening.at), "userAgent": USER_AGENT} | facts
        case Kind.CLICK:
            return _click(happening) | facts
        case Kind.DELIVERY_DELAY:
            return _delay(happening)
        case Kind.SUBSCRIPTION:
            return {"timestamp": stamp(happening.at)} | facts
        case _:
            assert_never(happening.kind)


def _complaint(happening: Happening) -> dict[str, Any]:
    suppressed = happening.fate is Fate.ON_ACCOUNT_LIST
    complaint: dict[str, Any] = {
        "feedbackId": happening.feedback_id,
        "complaintSubType": "OnAccountSuppressionList" if suppressed else None,
        "complainedRecipients": [{"emailAddress": each} for each in happening.recipients],
        "timestamp": stamp(happening.at),
    }
    if suppressed:
        return complaint  # nobody reported anything now, so there is no report to tell of
    return complaint | {
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": happening.detail or "abuse",
        "arrivalDate": stamp(happening.at),
    }


def _click(happening: Happening) -> dict[str, Any]:
    found = links(happening.message.html())
    link, tags = found[0] if found else ("", {})
    return {
        "ipAddress": REMOTE_IP,
        "timestamp": stamp(happening.at),
        "userAgent": USER_AGENT,
        "link": link,
        "linkTags": tags or None,
    }


def _delay(happening: Happening) -> dict[str, Any]:
    kind = happening.detail or "TransientCommunicationFailure"
    code = {"MailboxFull": "452 4.2.2 mailbox full", "SpamDetected": "421 4.7.0 try again later"}.get(
        kind, "450 4.4.1 cannot talk to the host"
    )
    return {
        "delayType": kind,
        "expirationTime": stamp(happening.message.at + _LONGEST_WAIT),
        "delayedRecipients": [
            {"emailAddress": each, "status": code.split()[1], "diagnosticCode": f"smtp; {code}"}
            for each in happening.recipients
        ],
        "reportingMTA": "a10-10.smtp-out.amazonses.com",
        "timestamp": stamp(happening.at),
    }


class _Links(HTMLParser):
    """Collects what <a> elements lead to, with the tags that `ses:tags="name:value;"` gives them [D23]."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, list[str]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and (given.get("href") or "").lower().startswith(("http://", "https://")):
            pairs = (part.partition(":") for part in (given.get("ses:tags") or "").split(";"))
            tags: dict[str, list[str]] = {}
            for name, mark, value in pairs:
                if mark:
                    tags.setdefault(name.strip(), []).append(value.strip())
            self.found.append((str(given["href"]), tags))


def links(html: str) -> list[tuple[str, dict[str, list[str]]]]:
    """Return the web links of an HTML body in order, each with its link tags."""
    reader = _Links()
    reader.feed(html)
    reader.close()
    return reader.found


def _bounce(happening: Happening) -> dict[str, Any]:
    words = _bounce_words(happening.fate, happening.detail)
    recipients: list[dict[str, str]] = []
    for address in happening.recipients:
        recipient = {"emailAddress": address}
        if words.status:
            recipient |= {"action": "failed", "status": words.status, "diagnosticCode": words.diagnostic}
        recipients.append(recipient)
    bounce = {
        "feedbackId": happening.feedback_id,
        "bounceType": words.kind,
        "bounceSubType": words.subtype,
        "bouncedRecipients": recipients,
        "timestamp": stamp(happening.at),
    }
    if words.reporter:
        bounce["reportingMTA"] = words.reporter
    if words.reporter == _REMOTE:
        bounce["remoteMtaIp"] = REMOTE_IP
    return bounce


@dataclass(frozen=True, slots=True)
class _BounceWords:
    """bounceType, bounceSubType, enhanced status, diagnosticCode, reportingMTA."""

    kind: str
    subtype: str
    status: str = ""
    diagnostic: str = ""
    reporter: str = ""


_REMOTE, _OWN = "dns; a10-10.smtp-out.amazonses.com", "dns; amazonses.com"
_SOFT = {
    "MailboxFull": ("4.2.2", "452 4.2.2 mailbox full"),
    "MessageTooLarge": ("5.3.4", "552 5.3.4 message too large"),
    "ContentRejected": ("5.6.0", "554 5.6.0 content not accepted"),
    "AttachmentRejected": ("5.7.1", "552 5.7.1 attachment not accepted"),
    "CustomTimeoutExceeded": ("4.4.7", "450 4.4.7 message expired: maximum delivery time exceeded"),
    "General": ("4.0.0", "450 4.0.0 try again later"),
}


def bounce_kind(happening: Happening) -> tuple[str, str]:
    """Return bounceType and bounceSubType of a bounce."""
    words = _bounce_words(happening.fate, happening.detail)
    return words.kind, words.subtype


def _bounce_words(fate: Fate, detail: str) -> _BounceWords:
    match fate:
        case Fate.BOUNCED | Fate.BOUNCED_LATER:
            said = "smtp; 550 5.1.1 user unknown"
            return _BounceWords("Permanent", detail or "General", "5.1.1", said, _REMOTE)
        case Fate.SOFT_BOUNCED if detail == "Undetermined":
            return _BounceWords("Undetermined", "Undetermined", reporter=_REMOTE)
        case Fate.SOFT_BOUNCED:
            status, said = _SOFT[detail or "MailboxFull"]
            return _BounceWords("Transient", detail or "MailboxFull", status, f"smtp; {said}", _REMOTE)
        case Fate.OUT_OF_OFFICE:
            # Automatic replies arrive as Bounce/Transient/General and are not counted [D23].
            return _BounceWords("Transient", "General")
        case Fate.ON_GLOBAL_LIST:
            return _BounceWords("Permanent", "Suppressed", "5.1.1", _ON_GLOBAL_LIST, _OWN)
        case Fate.ON_ACCOUNT_LIST:
            return _BounceWords("Permanent", "OnAccountSuppressionList", "5.1.1", _ON_ACCOUNT_LIST, _OWN)
        case Fate.NOT_SUBSCRIBED:
            # The subtype is seen in the wild, its bounceType is not [C]; the words are ours.
            said = "Amazon SES did not send the message to this address because it is unsubscribed from the topic."
            return _BounceWords("Permanent", "UnsubscribedRecipient", "5.1.1", said, _OWN)
        case _:
            raise ValueError(f"{fate} is no bounce")


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
