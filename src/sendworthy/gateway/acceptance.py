"""From the parameters of SendEmail to a message ready to keep. Pure: knows no door, no store and no clock.

What this gateway does not carry yet is refused by name, never left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sendworthy.audit.profile import Stream
from sendworthy.compliance import bulk_mail
from sendworthy.errors import InvalidMessage, SendRefused
from sendworthy.mail.address import Address
from sendworthy.mail.event import DELIVERY_TAG
from sendworthy.mail.mime import Attachment, Simple, compose, one_address, open_raw, read_tags
from sendworthy.store.values import NewDelivery, NewMessage

MOST_RECIPIENTS = 50
"""Recipients to a message (SES quotas [D23])."""

MOST_BYTES = 40 * 1024 * 1024
"""A message after encoding (SES quotas [D23])."""

_NOT_CARRIED = (
    "FromEmailAddressIdentityArn",
    "FeedbackForwardingEmailAddress",
    "FeedbackForwardingEmailAddressIdentityArn",
    "EndpointId",
    "TenantName",
    "ListManagementOptions",
    "ConfigurationOverrides",
)
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_KEY_HEADER = "x-sendworthy-idempotency-key"
_SET_HEADER = "x-ses-configuration-set"
_TAGS_HEADER = "x-ses-message-tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who sends, and by which call. `message_id` will be the answer; `invocation_id` is the SDK's, empty if none."""

    access_key_id: str
    stream: Stream
    message_id: str
    invocation_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mime:
    raw: bytes
    sender: Address
    subject: str
    recipients: tuple[Address, ...]
    headers: tuple[tuple[str, str], ...]
    struck: Mapping[str, str]


def read_send_email(params: Mapping[str, Any], origin: Origin) -> NewMessage:
    """Turn the parameters of SES v2's SendEmail, as `wire.Service.parse` gives them, into a message to keep.

    Raises InvalidMessage (the caller's mistake) and SendRefused (a rule of ours).
    """
    for name in _NOT_CARRIED:
        if name in params:
            raise InvalidMessage(f"{name} is not supported by this gateway.", "Leave it out.")
    content = params["Content"]
    kinds = [kind for kind in ("Simple", "Raw", "Template") if kind in content]
    if len(kinds) != 1:
        raise InvalidMessage("Content must hold exactly one of Simple, Raw and Template.", "Give one.")
    if kinds == ["Template"]:
        raise InvalidMessage("Template content is not supported by this gateway.", "Send Simple or Raw content.")
    mime = _simple(params, content["Simple"], origin) if kinds == ["Simple"] else _raw(params, content["Raw"])
    if not mime.recipients:
        raise InvalidMessage("The message has no recipient.", "Give a Destination, or To, Cc or Bcc in the message.")
    if len(mime.recipients) > MOST_RECIPIENTS:
        raise InvalidMessage(f"Recipient count exceeds {MOST_RECIPIENTS}.", "Split the message.")
    if len(mime.raw) > MOST_BYTES:
        raise InvalidMessage(f"Message length is more than {MOST_BYTES} bytes long.", "Send less.")
    if origin.stream is Stream.MARKETING and (refusal := bulk_mail(mime.headers)):
        raise SendRefused(f"{refusal.why} ({refusal.rule})", refusal.fix)
    return NewMessage(
        id=origin.message_id,
        access_key_id=origin.access_key_id,
        stream=origin.stream,
        mail_from=str(mime.sender),
        subject=mime.subject,
        raw=mime.raw,
        deliveries=_deliveries(mime.recipients, origin.message_id),
        configuration_set=params.get("ConfigurationSetName") or mime.struck.get(_SET_HEADER, ""),
        tags=_tags(params.get("EmailTags", ()), mime.struck.get(_TAGS_HEADER, "")),
        invocation_id=_invocation(mime.struck, origin),
        fingerprint=fingerprint(params),
    )


def fingerprint(params: Mapping[str, Any]) -> str:
    """Give a digest of parsed parameters, by which a repeat of a call is told from another call."""
    digest = sha256()

    def add(value: Any) -> None:
        match value:
            case Mapping():
                digest.update(b"{")
                for name in sorted(value):
                    add(name)
                    add(value[name])
                digest.update(b"}")
            case list() | tuple():
                digest.update(b"[")
                for each in value:
                    add(each)
                digest.update(b"]")
            case bytes():
                digest.update(b"b%d:" % len(value) + value)
            case _:
                text = repr(value).encode("utf-8", "surrogatepass")
                digest.update(b"v%d:" % len(text) + text)

    add(params)
    return digest.hexdigest()


def _simple(params: Mapping[str, Any], content: Mapping[str, Any], origin: Origin) -> _Mime:
    if not params.get("FromEmailAddress"):
        raise InvalidMessage("FromEmailAddress is missing.", "Give it.")
    _, sender = one_address(params["FromEmailAddress"])
    destination = params.get("Destination", {})
    body = content["Body"]
    # What begins with X-SES- or X-Sendworthy- speaks to SES and to us, not to the reader.
    given = [(header["Name"], header["Value"]) for header in content.get("Headers", ())]
    struck = {name.lower(): value for name, value in given if _is_ours(name)}
    headers = [(name, value) for name, value in given if not _is_ours(name)]
    simple = Simple(
        mail_from=params["FromEmailAddress"],
        to=destination.get("ToAddresses", ()),
        cc=destination.get("CcAddresses", ()),
        reply_to=params.get("ReplyToAddresses", ()),
        subject=content["Subject"]["Data"],
        text=body["Text"]["Data"] if "Text" in body else None,
        html=body["Html"]["Data"] if "Html" in body else None,
        headers=headers,
        attachments=tuple(map(_attachment, content.get("Attachments", ()))),
    )
    token = sha256(origin.message_id.encode()).hexdigest()[:32]
    raw = compose(simple, message_id=f"{token}@{sender.domain}", date=origin.at, boundary=token)
    return _Mime(
        raw=raw,
        sender=sender,
        subject=simple.subject,
        recipients=_destination(destination),
        headers=tuple(headers),
        struck=struck,
    )


def _raw(params: Mapping[str, Any], content: Mapping[str, Any]) -> _Mime:
    opened = open_raw(content["Data"])
    sender = one_address(params["FromEmailAddress"])[1] if params.get("FromEmailAddress") else opened.sender
    return _Mime(
        raw=opened.raw,
        sender=sender,
        subject=opened.subject,
        recipients=_destination(params.get("Destination", {})) or opened.recipients,
        headers=opened.headers,
        struck=opened.struck,
    )


def _destination(destination: Mapping[str, Any]) -> tuple[Address, ...]:
    lists = (destination.get(name, ()) for name in ("ToAddresses", "CcAddresses", "BccAddresses"))
    return tuple(one_address(text)[1] for texts in lists for text in texts)


def _deliveries(recipients: Iterable[Address], message_id: str) -> tuple[NewDelivery, ...]:
    """Make one delivery for each address, however often and in whatever case it was named."""
    by_key = {address.key: address for address in reversed(tuple(recipients))}
    once = reversed(by_key.items())
    return tuple(
        NewDelivery(id=f"{message_id}-{number}", recipient=str(address), key=key)
        for number, (key, address) in enumerate(once)
    )


def _attachment(given: Mapping[str, Any]) -> Attachment:
    return Attachment(
        name=given["FileName"],
        content=given["RawContent"],
        media_type=given.get("ContentType", "application/octet-stream"),
        inline=given.get("ContentDisposition") == "INLINE",
        content_id=given.get("ContentId", ""),
        description=given.get("ContentDescription", ""),
    )


def _is_ours(name: str) -> bool:
    return name.lower().startswith(("x-ses-", "x-sendworthy-"))


def _tags(given: Iterable[Mapping[str, str]], header: str) -> dict[str, str]:
    tags = read_tags(header) | {tag["Name"]: tag["Value"] for tag in given}
    for name, value in tags.items():
        if not _TAG.fullmatch(name) or not _TAG.fullmatch(value):
            raise InvalidMessage(
                "A message tag may hold only letters, digits, '_' and '-', at most 256 of them.", "Change the tag."
            )
        if name == DELIVERY_TAG:
            raise InvalidMessage(f"The message tag {DELIVERY_TAG} is set by this gateway.", "Leave it out.")
    return tags


def _invocation(struck: Mapping[str, str], origin: Origin) -> str:
    """Choose what marks a repeat: the caller's own key rather than the SDK's id."""
    for name in struck:
        if name.startswith("x-sendworthy-") and name != _KEY_HEADER:
            raise InvalidMessage(f"The header {name} is not supported by this gateway.", "Leave it out.")
    chosen = struck.get(_KEY_HEADER, "")
    if len(chosen) > 256:
        raise InvalidMessage("The idempotency key is longer than 256 characters.", "Shorten it.")
    if chosen:
        return f"key:{chosen}"
    return f"sdk:{origin.invocation_id}" if origin.invocation_id else ""
