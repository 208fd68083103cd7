"""SES's own unsubscribe: headers and links that ListManagementOptions put into a message. Knows no contact list.

Only for messages with exactly one recipient; List-Unsubscribe headers of the author are overridden; a placeholder is
filled in at most twice ("Using list management" [D23]; that twice is meant for each body is our reading).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from typing import Any

PLACEHOLDER = "{{amazonSESUnsubscribeUrl}}"
PATH = "/_track/unsubscribe/"
_OVERRIDDEN = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
_MOST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What an unsubscribe link means. It holds all it needs, so that it works as long as the list is there."""

    account_id: str
    region: str
    contact_list: str
    topic: str
    address: str
    message_id: str

    def url(self, http: str) -> str:
        """Return the link at this simulator. AWS's leads to a page of its own; its form is not documented."""
        fields = [self.account_id, self.region, self.contact_list, self.topic, self.address, self.message_id]
        text = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
        return f"{http}{PATH}{text}"


def read_link(text: str) -> Link | None:
    """Read the last part of a link's path; None for one that none of ours is."""
    try:
        fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(fields, list) or len(fields) != 6 or not all(isinstance(each, str) for each in fields):
        return None
    account_id, region, contact_list, topic, address, message_id = fields
    return Link(
        account_id=account_id,
        region=region,
        contact_list=contact_list,
        topic=topic,
        address=address,
        message_id=message_id,
    )


def manage_simple(simple: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return Simple content with the headers and the link put in."""
    headers = [each for each in simple.get("Headers") or () if each["Name"].lower() not in _OVERRIDDEN]
    body = {
        part: content | {"Data": str(content.get("Data", "")).replace(PLACEHOLDER, url, _MOST)}
        for part, content in (simple.get("Body") or {}).items()
    }
    own = [{"Name": name, "Value": value} for name, value in _headers(url)]
    return {**simple, "Body": body, "Headers": [*headers, *own]}


def manage_raw(raw: bytes, url: str) -> bytes:
    """Return a raw message with the headers and the link put in; texts in a charset nobody knows stay as they are."""
    message = BytesParser(policy=SMTP).parsebytes(raw)
    for name in _OVERRIDDEN:
        del message[name]
    for name, value in _headers(url):
        message[name] = value
    for part in message.walk():
        if part.get_content_maintype() == "text" and not part.is_attachment():
            _fill(part, url)
    try:
        return message.as_bytes()
    except (MessageError, UnicodeError, LookupError):
        return raw


def _fill(part: EmailMessage, url: str) -> None:
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError, ValueError):
        return
    if PLACEHOLDER in text:
        part.set_content(text.replace(PLACEHOLDER, url, _MOST), subtype=part.get_content_subtype())


def _headers(url: str) -> tuple[tuple[str, str], ...]:
    return ("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
