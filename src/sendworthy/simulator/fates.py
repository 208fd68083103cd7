"""What becomes of mail by the address it goes to: Amazon's mailbox simulator, and our own made-up accidents."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum

MAILBOX_SIMULATOR = "simulator.amazonses.com"


class Fate(StrEnum):
    """What the far end does with an accepted message."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    BOUNCED_LATER = "bounced_later"
    SOFT_BOUNCED = "soft_bounced"
    COMPLAINED = "complained"
    OUT_OF_OFFICE = "out_of_office"
    DELAYED = "delayed"
    REJECTED = "rejected"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    ON_GLOBAL_LIST = "on_global_list"
    ON_ACCOUNT_LIST = "on_account_list"
    NOT_SUBSCRIBED = "not_subscribed"


# SES Developer Guide, "Using the mailbox simulator" [D23]; a +label may follow each local part.
SIMULATED = {
    "success": Fate.DELIVERED,
    "bounce": Fate.BOUNCED,
    "complaint": Fate.COMPLAINED,
    "ooto": Fate.OUT_OF_OFFICE,
    "suppressionlist": Fate.ON_GLOBAL_LIST,
}


@dataclass(frozen=True, slots=True)
class Word:
    """A beginning of a local part and what it means.

    `detail` is AWS's word for the kind: bounceSubType, complaintFeedbackType or delayType.
    """

    word: str
    fate: Fate
    meaning: str
    detail: str = ""


# Our own, at any domain: `bounce-anything@`, and so on. Longest first, so that none hides another.
WORDS: tuple[Word, ...] = tuple(
    sorted(
        (
            Word("bounce", Fate.BOUNCED, "hard bounce: the mailbox does not exist", "General"),
            Word("bounce-noemail", Fate.BOUNCED, "hard bounce: no address could be read from it", "NoEmail"),
            Word("bounce-undetermined", Fate.SOFT_BOUNCED, "a bounce that says nothing of its cause", "Undetermined"),
            Word("bounce-late", Fate.BOUNCED_LATER, "delivered, and a hard bounce afterwards", "General"),
            Word("softbounce", Fate.SOFT_BOUNCED, "soft bounce: the mailbox is full", "MailboxFull"),
            Word("softbounce-general", Fate.SOFT_BOUNCED, "soft bounce of the general kind", "General"),
            Word("softbounce-mailbox-full", Fate.SOFT_BOUNCED, "soft bounce: the mailbox is full", "MailboxFull"),
            Word("softbounce-too-large", Fate.SOFT_BOUNCED, "soft bounce: too large", "MessageTooLarge"),
            Word("softbounce-content", Fate.SOFT_BOUNCED, "soft bounce: the content is not wanted", "ContentRejected"),
            Word(
                "softbounce-attachment",
                Fate.SOFT_BOUNCED,
                "soft bounce: an attachment is not wanted",
                "AttachmentRejected",
            ),
            Word(
                "softbounce-timeout",
                Fate.SOFT_BOUNCED,
                "soft bounce: MaxDeliverySeconds of the configuration set were over",
                "CustomTimeoutExceeded",
            ),
            Word("complaint", Fate.COMPLAINED, "delivered, then reported as abuse", "abuse"),
            Word("complaint-auth-failure", Fate.COMPLAINED, "reported as failing authentication", "auth-failure"),
            Word("complaint-fraud", Fate.COMPLAINED, "reported as fraud", "fraud"),
            Word("complaint-not-spam", Fate.COMPLAINED, "reported as no spam: no complaint at all", "not-spam"),
            Word("complaint-other", Fate.COMPLAINED, "reported for another reason", "other"),
            Word("complaint-virus", Fate.COMPLAINED, "reported as a virus", "virus"),
            Word("ooto", Fate.OUT_OF_OFFICE, "delivered, and an automatic reply"),
            Word("delay", Fate.DELAYED, "DeliveryDelay, and delivered an hour later", "TransientCommunicationFailure"),
            Word("delay-mailbox-full", Fate.DELAYED, "DeliveryDelay: the mailbox is full", "MailboxFull"),
            Word("delay-spam", Fate.DELAYED, "DeliveryDelay: it is held for spam", "SpamDetected"),
            Word("delay-server", Fate.DELAYED, "DeliveryDelay: their server has a fault", "RecipientServerError"),
            Word("delay-ip", Fate.DELAYED, "DeliveryDelay: the sending address is blocked", "IPFailure"),
            Word("delay-internal", Fate.DELAYED, "DeliveryDelay: a fault inside SES", "InternalFailure"),
            Word("delay-general", Fate.DELAYED, "DeliveryDelay of the general kind", "General"),
            Word("delay-undetermined", Fate.DELAYED, "DeliveryDelay of no known cause", "Undetermined"),
            Word("delay-deferral", Fate.DELAYED, "DeliveryDelay: SES defers its own sending", "SendingDeferral"),
            Word("reject", Fate.REJECTED, "accepted and then rejected for bad content, the whole message"),
            Word("open", Fate.OPENED, "delivered and opened"),
            Word("click", Fate.CLICKED, "delivered, opened, and its first link clicked"),
            Word("unsubscribe", Fate.UNSUBSCRIBED, "delivered, and the link of SES's list management used"),
        ),
        key=lambda each: -len(each.word),
    )
)

_THROTTLE = re.compile(r"throttle-(\d{1,6})(?:\+.*)?")


@dataclass(frozen=True, slots=True)
class Accident:
    """What happens to the call itself: throttled so many times first, or its answer lost after it was accepted."""

    throttles: int = 0
    cut_after_accept: bool = False
    silent_after_accept: bool = False
    error_after_accept: bool = False


@dataclass(frozen=True, slots=True)
class CallWord:
    """A whole local part, a +label aside, that makes an accident of the call itself."""

    word: str
    accident: Accident
    meaning: str


CALL_WORDS = (
    CallWord(
        "timeout-after-data",
        Accident(cut_after_accept=True),
        "accepted, then the connection is closed without an answer: nobody can know that it was sent",
    ),
    CallWord(
        "silence-after-data",
        Accident(silent_after_accept=True),
        "accepted, then nothing is answered for an hour: the client's own time-out ends it",
    ),
    CallWord(
        "error-after-accept",
        Accident(error_after_accept=True),
        "accepted, then answered with HTTP 500 (by SMTP 451): a retry sends it twice",
    ),
)


@functools.lru_cache(maxsize=4096)
def is_mailbox_simulator(address: str) -> bool:
    """Whether this is an address of Amazon's mailbox simulator: no daily quota, no rates, never suppressed [D23]."""
    return address.rpartition("@")[2].lower() == MAILBOX_SIMULATOR


def fate_of(address: str) -> Fate:
    """Return what becomes of mail to an address that is on no suppression list.

    An unknown local part at the mailbox simulator bounces, as at any mail host (unconfirmed).
    """
    local, _, domain = address.lower().rpartition("@")
    if domain == MAILBOX_SIMULATOR:
        return SIMULATED.get(local.partition("+")[0], Fate.BOUNCED)
    word = _word(local)
    return Fate.DELIVERED if word is None else word.fate


def detail_of(address: str) -> str:
    """Return AWS's word for the kind of bounce, complaint or delay that an address asks for; empty for none."""
    local, _, domain = address.lower().rpartition("@")
    word = None if domain == MAILBOX_SIMULATOR else _word(local)
    return "" if word is None else word.detail


def _word(local: str) -> Word | None:
    if local[:1] not in "bscodru":
        return None
    for each in WORDS:
        if local.startswith(each.word):
            rest = local[len(each.word) :]
            # A plain word alone is an ordinary mailbox (`bounce@`): many senders have one.
            if rest.startswith("-") or ("-" in each.word and (not rest or rest.startswith("+"))):
                return each
    return None


def accident_of(address: str) -> Accident | None:
    """Return what happens to a call that goes to `throttle-N@` or to one of the `CALL_WORDS`."""
    local = address.lower().rpartition("@")[0]
    if local[:1] not in "tse":
        return None
    throttle = _THROTTLE.fullmatch(local)
    if throttle:
        return Accident(throttles=int(throttle[1]))
    word = local.partition("+")[0]
    return next((each.accident for each in CALL_WORDS if each.word == word), None)
