"""Decides whether an envelope comes from one of our own SNS topics; knows nothing of what it carries.

The order is cheap before dear, and nothing is downloaded for a message that is refused anyway: topic, age, host of the
certificate, signature (SNS Developer Guide, "Verifying the signatures of Amazon SNS messages").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sendworthy.errors import UntrustedEvent
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.dates import parse_date
from sendworthy.ingest.unwrap import Bare, Bridged, Envelope
from sendworthy.wire import sns


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What one source is believed.

    `topics` are the TopicArns that may speak through it; an empty set admits none. `raw_delivery` says that bodies
    without an envelope are believed because the queue's own policy admits only those topics; never set it for a door
    that others can reach. `bridge_account` is the account whose EventBridge events are believed, for the like reason;
    empty for none. `oldest` is how long after signing a message is still taken: SNS retries a queue for up to
    23 days [D26] and a queue keeps for up to 14, and an event does no harm twice, so it is generous by default.
    `ahead` is how far the clocks may differ.
    """

    topics: frozenset[str]
    raw_delivery: bool = False
    bridge_account: str = ""
    oldest: timedelta = timedelta(days=37)
    ahead: timedelta = timedelta(minutes=15)


async def verify(body: Envelope | Bridged | Bare, *, trust: Trust, keys: SigningKeys, now: datetime) -> None:
    """Return when `body` may be believed.

    Raises UntrustedEvent when it may not, and Unavailable when that could not be found out (the certificate could not
    be fetched), which says nothing about the message.
    """
    if isinstance(body, Bridged):
        if not trust.bridge_account or body.account != trust.bridge_account:
            raise UntrustedEvent(
                "The event comes as if by EventBridge, and nothing vouches for it.",
                "Let the queue's policy admit only EventBridge rules of your own account, and your topics.",
            )
        return
    if isinstance(body, Bare):
        if not trust.raw_delivery:
            raise UntrustedEvent(
                "The body has no SNS envelope, so nothing vouches for it.",
                "Turn RawMessageDelivery off for the subscription, or let the queue's policy admit only the topic.",
            )
        return
    if body.topic not in trust.topics:
        raise UntrustedEvent(
            "The SNS topic is not one of ours.",
            "Add its ARN to the topics of this event source if it is.",
        )
    signed_at = parse_date(body.timestamp)
    if signed_at is None:
        raise UntrustedEvent("The SNS envelope has no readable Timestamp.")
    if signed_at < now - trust.oldest:
        raise UntrustedEvent("The SNS envelope is too old.")
    if signed_at > now + trust.ahead:
        raise UntrustedEvent("The SNS envelope was signed in the future.", "Check the clock of this machine.")
    url = body.fields.get("SigningCertURL", "")
    if not sns.cert_url_trusted(url) or not same_region(url, body.topic):
        raise UntrustedEvent("The SNS envelope names a certificate that is not its Region's own.")
    sns.verify(body.fields, public_key=await keys.key(url, at=signed_at))


def same_region(url: str, topic: str) -> bool:
    """Whether a URL of an SNS host (see `wire.sns`) leads to the topic's own Region.

    AWS's host pattern alone also fits a bucket called `sns` at S3's older Regional names
    (`sns.s3-eu-west-1.amazonaws.com`). The topic comes from our own list, so its Region is ours too.
    """
    region = topic.split(":")[3] if topic.count(":") == 5 else ""
    return bool(region) and (urlsplit(url).hostname or "").split(".")[1] == region.lower()
