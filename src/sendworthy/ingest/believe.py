"""From a body to its events: unwrapped, verified, decoded. Knows no queue, no door and no record."""

from __future__ import annotations

from datetime import datetime

from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.decode import DecodeFailure, decode
from sendworthy.ingest.unwrap import Bare, Bridged, Envelope, unwrap
from sendworthy.ingest.verify import Trust, verify
from sendworthy.mail.event import Event


async def believed(text: str, *, trust: Trust, keys: SigningKeys, now: datetime) -> tuple[Event, ...] | Envelope:
    """Give the events of a body, or the confirmation that it is, once it is verified.

    Raises UntrustedEvent, DecodeFailure (believed, and not understood), or Unavailable (it could not be judged now).
    """
    body = unwrap(text)
    await verify(body, trust=trust, keys=keys, now=now)
    if isinstance(body, Envelope):
        return decode(body.message, received_at=now) if body.type == "Notification" else body
    return decode(body.text, received_at=now)


async def events_of(text: str, *, trust: Trust, keys: SigningKeys, now: datetime) -> tuple[Event, ...]:
    """Give the events of a body from where confirmations have no business. Raises as `believed` does."""
    found = await believed(text, trust=trust, keys=keys, now=now)
    if isinstance(found, Envelope):
        # Never followed: whoever can write to the queue could have us confirm a subscription of theirs.
        raise DecodeFailure(f"SNS sent a {found.type} for {found.topic}; confirm or renew it through the SNS API.")
    return found


def unverified(text: str, *, now: datetime) -> tuple[Event, ...]:
    """Give the events of a body that nobody vouches for: out of its envelope, if it has one. Raises DecodeFailure."""
    body = unwrap(text)
    match body:
        case Envelope():
            return decode(body.message, received_at=now) if body.type == "Notification" else ()
        case Bridged() | Bare():
            return decode(body.text, received_at=now)
