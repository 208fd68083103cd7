"""Takes a body apart as far as its envelope; knows neither whether to believe it nor what the event means.

Three shapes come out of a queue or through a door: the SNS envelope, the bare text that a subscription with
RawMessageDelivery leaves (SNS Developer Guide, "Raw message delivery"), and EventBridge's own envelope, unsigned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sendworthy.errors import UntrustedEvent

LONGEST_BODY = 1024 * 1024
"""Octets. The largest message of SQS, and four times the largest of SNS."""

_ENVELOPE_KEYS = ("Type", "MessageId", "TopicArn", "Message", "Timestamp")
"""What every kind of SNS envelope has (SNS Developer Guide, "Parsing message formats")."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An SNS envelope, not yet believed. `fields` holds its textual members as they are after JSON."""

    fields: Mapping[str, str]

    @property
    def type(self) -> str:
        """`Notification`, `SubscriptionConfirmation`, `UnsubscribeConfirmation`, or anything else it claims."""
        return self.fields["Type"]

    @property
    def topic(self) -> str:
        """The TopicArn."""
        return self.fields["TopicArn"]

    @property
    def message(self) -> str:
        """What was published: for SES the JSON of the event, as text."""
        return self.fields["Message"]

    @property
    def timestamp(self) -> str:
        """When SNS took it, in ISO 8601."""
        return self.fields["Timestamp"]


@dataclass(frozen=True, slots=True)
class Bare:
    """A body without an SNS envelope, so without any signature."""

    text: str


@dataclass(frozen=True, slots=True)
class Bridged:
    """An event of EventBridge, not signed by anybody. `text` is the whole of it; `account` whom it says it is of."""

    text: str
    account: str


def unwrap(body: str) -> Envelope | Bridged | Bare:
    """Find the envelope around an event, if there is one.

    Whatever is no whole envelope is bare: raw delivery carries the validation message as plain text too. Raises
    UntrustedEvent when the body is longer than any that SNS or SQS carries.
    """
    if len(body) > LONGEST_BODY or len(body.encode("utf-8", "surrogatepass")) > LONGEST_BODY:
        raise UntrustedEvent("The body is longer than any event.")
    parsed = parse_object(body)
    if parsed is not None and "detail-type" in parsed and "eventType" not in parsed:
        return Bridged(body, str(parsed.get("account") or ""))
    if parsed is None or not all(isinstance(parsed.get(key), str) for key in _ENVELOPE_KEYS):
        return Bare(body)
    return Envelope({key: value for key, value in parsed.items() if isinstance(value, str)})


def parse_object(text: str) -> dict[str, object] | None:
    """Read a JSON object; None for anything else, however it is broken or however deep it goes."""
    try:
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
