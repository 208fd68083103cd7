"""What a bounce or complaint means for the address: AWS's types and subtypes, and whether they suppress. No I/O."""

from __future__ import annotations

from enum import StrEnum

from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.event import Event, EventKind


class SuppressionReason(StrEnum):
    """Why an address gets no mail. SES itself knows only bounce and complaint (PutSuppressedDestination)."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"
    IMPORTED = "imported"


class BounceClass(StrEnum):
    """Our reading of bounceType and bounceSubType."""

    HARD = "hard"
    SOFT = "soft"
    OPTED_OUT = "opted_out"
    POLICY = "policy"


_PERMANENT_BY_SUBTYPE = {
    "UnsubscribedRecipient": BounceClass.OPTED_OUT,
    "EmailValidationSuppressed": BounceClass.POLICY,
    "OnTenantSuppressionList": BounceClass.POLICY,
}
"""Permanent bounces that do not prove a dead mailbox: a topic opt-out, Auto Validation, another tenant's list."""


def bounce_class(bounce_type: str, bounce_subtype: str) -> BounceClass:
    """Classify a bounce by AWS's words (SES Developer Guide, "Bounce types").

    An unknown type is soft: it ends the message and proves nothing about the mailbox. `UnsubscribedRecipient` is an
    opt-out whichever type it comes under, since AWS does not document the pairing.
    """
    if bounce_subtype == "UnsubscribedRecipient":
        return BounceClass.OPTED_OUT
    if bounce_type == "Permanent":
        return _PERMANENT_BY_SUBTYPE.get(bounce_subtype, BounceClass.HARD)
    return BounceClass.SOFT


def suppression(event: Event) -> SuppressionReason | None:
    """Say whether the recipient of `event` must get no further mail, and why.

    Hard bounces and complaints suppress; `not-spam` feedback is the opposite of a complaint; mailbox-simulator
    addresses are never suppressed (the real ones are not either).
    """
    if event.recipient.lower().endswith("@" + SIMULATOR_DOMAIN):
        return None
    if event.kind is EventKind.BOUNCE:
        match bounce_class(event.bounce_type, event.bounce_subtype):
            case BounceClass.HARD:
                return SuppressionReason.BOUNCE
            case BounceClass.OPTED_OUT:
                return SuppressionReason.UNSUBSCRIBE
            case BounceClass.SOFT | BounceClass.POLICY:
                return None
    if event.kind is EventKind.COMPLAINT and event.complaint_type != "not-spam":
        return SuppressionReason.COMPLAINT
    return None


_STRIKES_ANYWAY = frozenset({"MailboxFull"})
_STRIKES_WHEN_EXPLAINED = frozenset({"General", "Undetermined"})


def is_strike(event: Event) -> bool:
    """Say whether a soft bounce counts against the mailbox, so that several of them suppress.

    A full mailbox does. A general one does where a receiving server's own words came with it: an out-of-office reply
    comes as Transient/General too, and without any. Size, content and our own time limit say nothing of the mailbox.
    """
    if event.kind is not EventKind.BOUNCE or event.recipient.lower().endswith("@" + SIMULATOR_DOMAIN):
        return False
    if bounce_class(event.bounce_type, event.bounce_subtype) is not BounceClass.SOFT:
        return False
    return event.bounce_subtype in _STRIKES_ANYWAY or (
        event.bounce_subtype in _STRIKES_WHEN_EXPLAINED and bool(event.diagnostic)
    )
