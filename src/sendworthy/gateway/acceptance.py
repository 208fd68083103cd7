"""From the parameters of SendEmail to a message ready to keep. Pure: knows no door, no store and no clock.

What this gateway does not carry yet is refused by name, never left out in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from sendworthy.audit.profile import Stream
from sendworthy.compliance import bulk_mail
from sendworthy.compliance.unsubscribe import TOPIC_TAG
from sendworthy.compliance.way_out import WayOut
from sendworthy.errors import InvalidMessage, SendRefused
from sendworthy.gateway.asked import Asked, read_asked
from sendworthy.mail.address import Address
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
_NOT_CARRIED_HEADERS = (
    "x-ses-source-arn",
    "x-ses-from-arn",
    "x-ses-return-path-arn",
    "x-ses-list-management-options",
    "x-ses-tenant",
)
"""The same, asked for by a header."""

_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a configuration set (CreateConfigurationSet [M])."""

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SET_HEADER = "x-ses-configuration-set"
_TAGS_HEADER = "x-ses-message-tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who sends, and by which call. `message_id` will be the answer; `invocation_id` is the SDK's, empty if none.

    `domains` are those that the From may be in, with their subdomains (any, when empty); `ses_headers` says whether
    X-SES-* and X-Sendworthy-* headers steer anything. They are struck out in any case. `way_out` is written into bulk
    mail that has none. `entry` tells the messages of one call apart that share an idempotency key.
    """

    access_key_id: str
    stream: Stream
    message_id: str
    invocation_id: str
    at: datetime
    domains: tuple[str, ...] = ()
    ses_headers: bool = True
    most_recipients: int = MOST_RECIPIENTS
    most_bytes: int = MOST_BYTES
    way_out: WayOut | None = None
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A message to keep, and what the caller asked beside it."""

    message: NewMessage
    asked: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mime:
    raw: bytes
    sender: Address
    subject: str
    recipients: tuple[Address, ...]
    headers: tuple[tuple[str, str], ...]
    struck: Mapping[str, str]
    authors: tuple[Address, ...]


def read_send_email(params: Mapping[str, Any], origin: Origin, *, mark: str = "", envelope_from: str = "") -> Read:
    """Turn the parameters of SES v2's SendEmail, as `wire.Service.parse` gives them, into a message to keep.

    A template must have become Simple content before. `mark` is the fingerprint of the call that these parameters were
    made from, if it was another; `envelope_from` the MAIL FROM of SMTP. Raises InvalidMessage (the caller's mistake)
    and SendRefused (a rule of ours).
    """
    for name in _NOT_CARRIED:
        if name in params and not _changes_nothing(name, params):
            raise InvalidMessage(f"{name} is not supported by this gateway.", "Leave it out.")
    content = params["Content"]
    kinds = [kind for kind in ("Simple", "Raw", "Template") if kind in content]
    if len(kinds) != 1:
        raise InvalidMessage("Content must hold exactly one of Simple, Raw and Template.", "Give one.")
    mime = _simple(params, content["Simple"], origin) if kinds == ["Simple"] else _raw(params, content["Raw"])
    _check_size(mime, origin)
    authors = (*mime.authors, one_address(envelope_from)[1]) if envelope_from else mime.authors
    _check_authors(authors, origin)
    struck = _steering(mime.struck) if origin.ses_headers else {}
    asked = read_asked(struck, _given_tags(params.get("EmailTags", ()), struck.get(_TAGS_HEADER, "")), origin.at)
    if origin.stream is Stream.MARKETING:
        mime = _with_way_out(mime, origin, asked.topic)
    message = NewMessage(
        id=origin.message_id,
        access_key_id=origin.access_key_id,
        stream=origin.stream,
        mail_from=str(mime.sender),
        subject=mime.subject,
        raw=mime.raw,
        deliveries=_deliveries(mime.recipients, origin.message_id),
        configuration_set=_checked_set(params.get("ConfigurationSetName") or struck.get(_SET_HEADER, "")),
        tags=_checked_tags(asked.tags) | ({TOPIC_TAG: asked.topic} if asked.topic else {}),
        invocation_id=_token(asked.idempotency_key, origin),
        fingerprint=mark or fingerprint(params),
        priority=asked.priority,
        send_at=asked.send_at,
        expires_at=asked.expires_at,
    )
    return Read(message=message, asked=asked)


def _steering(struck: Mapping[str, str]) -> Mapping[str, str]:
    """Give the headers that steer, if none of them asks for what is not carried."""
    for name in _NOT_CARRIED_HEADERS:
        if name in struck:
            raise InvalidMessage(f"The header {name} is not supported by this gateway.", "Leave it out.")
    return struck


def _checked_set(name: str) -> str:
    if name and not _SET.fullmatch(name):
        raise InvalidMessage(
            "The name of a configuration set has 1 to 64 letters, digits, '_' and '-'.", "Correct ConfigurationSetName."
        )
    return name


def _changes_nothing(name: str, params: Mapping[str, Any]) -> bool:
    """Say whether a parameter asks for what happens anyhow: feedback goes to the From address by default."""
    if name != "FeedbackForwardingEmailAddress" or not params.get("FromEmailAddress"):
        return False
    return one_address(params[name])[1].key == one_address(params["FromEmailAddress"])[1].key


def _with_way_out(mime: _Mime, origin: Origin, topic: str) -> _Mime:
    """Give bulk mail its way out where we can, and refuse what still has none."""
    if origin.way_out is not None:
        deliveries = _deliveries(mime.recipients, origin.message_id)
        added = origin.way_out.add(
            mime.raw,
            mime.headers,
            addresses=tuple(one.key for one in deliveries),
            stream=origin.stream,
            topic=topic,
            delivery_id=deliveries[0].id,
        )
        if added is not None:
            mime = replace(mime, raw=added.raw, headers=added.headers)
            _check_size(mime, origin)
    if refusal := bulk_mail(mime.headers):
        raise SendRefused(f"{refusal.why} ({refusal.rule})", refusal.fix)
    return mime


def _check_size(mime: _Mime, origin: Origin) -> None:
    if not mime.recipients:
        raise InvalidMessage("The message has no recipient.", "Give a Destination, or To, Cc or Bcc in the message.")
    if len(mime.recipients) > origin.most_recipients:
        raise InvalidMessage(f"Recipient count exceeds {origin.most_recipients}.", "Split the message.")
    if len(mime.raw) > origin.most_bytes:
        raise InvalidMessage(f"Message length is more than {origin.most_bytes} bytes long.", "Send less.")


def _check_authors(authors: Iterable[Address], origin: Origin) -> None:
    for author in authors:
        if not origin.domains or any(_is_within(author.domain, domain) for domain in origin.domains):
            continue
        raise SendRefused(
            f"This key may not send from {author.domain}.", f"It may send from: {', '.join(origin.domains)}."
        )


def _is_within(domain: str, allowed: str) -> bool:
    return domain == allowed or domain.endswith(f".{allowed}")


def fingerprint(params: Mapping[str, Any]) -> str:
    """Give a digest of parsed parameters, by which a repeat of a call is told from another call."""
    try:
        text = msgspec.msgpack.encode(params, order="deterministic")
    except UnicodeEncodeError:  # a lone surrogate: no message will come of it, and yet it is one call and no other
        text = json.dumps(params, sort_keys=True, default=repr).encode()
    return sha256(text).hexdigest()


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
        authors=(sender, *_senders(headers)),
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
        authors=(sender, opened.sender, *_senders(opened.headers)),
    )


def _senders(headers: Iterable[tuple[str, str]]) -> list[Address]:
    """Give whom a Sender header names: it, too, tells readers who wrote (RFC 5322 section 3.6.2)."""
    return [one_address(value)[1] for name, value in headers if name.lower() == "sender"]


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


def _given_tags(given: Iterable[Mapping[str, str]], header: str) -> dict[str, str]:
    """Merge the tags of the header with those of the parameters, which win."""
    return read_tags(header) | {tag["Name"]: tag["Value"] for tag in given}


def _checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    for name, value in tags.items():
        if not _TAG.fullmatch(name) or not _TAG.fullmatch(value):
            raise InvalidMessage(
                "A message tag may hold only letters, digits, '_' and '-', at most 256 of them.", "Change the tag."
            )
    return dict(tags)


def _token(idempotency_key: str, origin: Origin) -> str:
    """Choose what marks a repeat: the caller's own key rather than the SDK's id."""
    if idempotency_key:
        return f"key:{idempotency_key}" + (f"\n{origin.entry}" if origin.entry else "")
    return f"sdk:{origin.invocation_id}" if origin.invocation_id else ""
