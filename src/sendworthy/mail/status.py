"""The ladder of a delivery's status: which status follows from an event or an answer. Total, and blind to order.

Each delivery (one message to one recipient) has a status. Statuses before the wire are ours to set; statuses that SES
tells of outrank them and one another in a fixed order, so that any repetition and any order of events ends the same.
"""

from __future__ import annotations

from enum import StrEnum

from sendworthy.mail.bounce import BounceClass, bounce_class
from sendworthy.mail.event import Event, EventKind


class Status(StrEnum):
    """Where a delivery stands."""

    ACCEPTED = "accepted"
    """Committed; waiting for its turn."""
    DEFERRED = "deferred"
    """Waiting for a time: quota, rate, a retry, a pause or the sandbox. The reason is beside it."""
    HELD = "held"
    """Waiting for a person."""
    SENDING = "sending"
    """An attempt is recorded and its answer is not."""
    UNCERTAIN = "uncertain"
    """The answer was lost. Only an event of SES can settle it."""
    SUPPRESSED = "suppressed"
    """Not sent: the address must get no mail."""
    REFUSED = "refused"
    """Not sent: SES, or a rule of ours, said no for good."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SENT = "sent"
    """SES has taken it and given it a MessageId."""
    SOFT_BOUNCED = "soft_bounced"
    """SES gave up after transient failures."""
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


_TOLD_BY_SES: dict[Status, int] = {
    Status.SENT: 1,
    Status.REFUSED: 2,
    Status.SOFT_BOUNCED: 3,
    Status.DELIVERED: 4,
    Status.BOUNCED: 5,
    Status.COMPLAINED: 6,
}
"""Rank among what SES tells. A Delivery may be followed by a Bounce for the same message (SES Developer Guide), and an
out-of-office reply comes as a transient Bounce after the Delivery: hence soft below delivered below bounced."""

WAITING = frozenset({Status.ACCEPTED, Status.DEFERRED, Status.HELD, Status.SENDING})
"""Not ended yet and not handed to SES."""

FINAL_FOR_US = frozenset(Status) - WAITING
"""Never to be sent again by us."""


def told(event: Event) -> Status | None:
    """Say which status `event` tells of, or None when it tells of none (an unknown event, a subscription)."""
    match event.kind:
        case EventKind.SEND | EventKind.DELIVERY_DELAY | EventKind.OPEN | EventKind.CLICK:
            return Status.SENT
        case EventKind.DELIVERY:
            return Status.DELIVERED
        case EventKind.BOUNCE:
            hard = bounce_class(event.bounce_type, event.bounce_subtype) is not BounceClass.SOFT
            return Status.BOUNCED if hard else Status.SOFT_BOUNCED
        case EventKind.COMPLAINT:
            return Status.DELIVERED if event.complaint_type == "not-spam" else Status.COMPLAINED
        case EventKind.REJECT | EventKind.RENDERING_FAILURE:
            return Status.REFUSED
        case EventKind.SUBSCRIPTION | EventKind.UNKNOWN:
            return None


def after_event(current: Status, event: Event) -> Status:
    """Give the status after `event`. Applying any multiset of events in any order gives one result.

    A status of ours (accepted to cancelled) yields to whatever SES tells: if SES bears witness to a message, it was
    sent. Our own `refused` shares its rank with SES's Reject and so yields to everything but Send.
    """
    wanted = told(event)
    if wanted is None:
        return current
    return wanted if _TOLD_BY_SES[wanted] > _TOLD_BY_SES.get(current, 0) else current


def after_answer(current: Status, wanted: Status) -> Status:
    """Give the status after the worker learnt `wanted` from the wire; what an event told before it stays.

    That goes for a Reject too: SES takes such a message, answers with its MessageId, and may tell of the Reject before
    our answer is recorded. A delivery that we refused ourselves is never on the wire, so no answer comes for it.
    """
    return current if current in _TOLD_BY_SES else wanted


def unsent(wanted: Status, in_doubt: int) -> Status:
    """Give the status of a delivery that is ended (`wanted`) without being sent, after `in_doubt` attempts in doubt.

    Whoever says that a message was not sent must know it: an earlier attempt may have brought it to SES. What was
    certainly sent, and what waits on, is as wanted.
    """
    return Status.UNCERTAIN if in_doubt and wanted in _UNSENT else wanted


_UNSENT = frozenset({Status.REFUSED, Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED})
