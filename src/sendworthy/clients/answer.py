"""What becomes of one message on its way out, whatever the wire: the parcel, the answer, and what SES's errors mean.

Knows no connection and no retry. Every wire (SES v2, SES SMTP, a relay) answers in these words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sendworthy.clients.denied import DENIED


class AnswerKind(StrEnum):
    """What became of one call, which is all that the worker needs to know of SES."""

    SENT = "sent"
    REJECTED = "rejected"
    """No, for good."""
    THROTTLED_RATE = "throttled_rate"
    THROTTLED_DAY = "throttled_day"
    PAUSED = "paused"
    SANDBOXED = "sandboxed"
    """The recipient is not verified, and the account may mail only those that are."""
    UNAVAILABLE = "unavailable"
    """Certainly not taken; may be tried again."""
    DENIED = "denied"
    UNCERTAIN = "uncertain"
    """SES may have taken it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome of one call: SES's id when sent, else SES's code and words (ours when nobody answered)."""

    kind: AnswerKind
    ses_message_id: str = ""
    code: str = ""
    text: str = ""
    whole_account: bool = False
    """Whether the cause lies with the account or the way to it, so that every other message would meet it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One message to one recipient, ready for the wire."""

    delivery_id: str
    recipient: str
    mail_from: str
    raw: bytes = field(repr=False)
    configuration_set: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


_PAUSED = frozenset(
    {
        "AccountSendingPausedException",
        "AccountSuspendedException",
        "ConfigurationSetSendingPausedException",
        "SendingPausedException",
    }
)
_THROTTLED = frozenset({"LimitExceededException", "Throttling", "ThrottlingException", "TooManyRequestsException"})


def classify(status: int, code: str, text: str, *, recipient: str) -> Answer:
    """Say what an error answer of SES means. Codes decide before statuses; texts only where AWS gives no code.

    Sources: the model's exceptions [M], the texts of the SES Developer Guide [D23] and those seen by others [C].
    """
    words = text.lower()

    def told(kind: AnswerKind, *, whole_account: bool = False) -> Answer:
        return Answer(kind=kind, code=code or f"HTTP{status}", text=text, whole_account=whole_account)

    if code in _THROTTLED or status == 429:
        # LimitExceededException is SES v2's word for a full day; with another text it is still a limit of ours there.
        day = "daily" in words or (code == "LimitExceededException" and "rate" not in words)
        return told(AnswerKind.THROTTLED_DAY if day else AnswerKind.THROTTLED_RATE)
    if code in _PAUSED or (code == "MessageRejected" and ("sending paused" in words or "suspended" in words)):
        return told(AnswerKind.PAUSED, whole_account=code.startswith("Account") or "account" in words)
    if code == "MessageRejected" and "not verified" in words:
        return told(AnswerKind.SANDBOXED if _names(words, recipient.lower()) else AnswerKind.REJECTED)
    if code == "MailFromDomainNotVerifiedException":  # SES did not find the MX record: DNS may yet answer
        return told(AnswerKind.UNAVAILABLE)
    if code in DENIED or status in (401, 403):
        return told(AnswerKind.DENIED, whole_account=True)
    if status in (408, 503) or 300 <= status < 400:
        return told(AnswerKind.UNAVAILABLE, whole_account=True)
    if 400 <= status < 500:
        return told(AnswerKind.REJECTED)
    # 500, 502, 504: something behind the door failed after it took the request, and it may have failed after sending.
    return told(AnswerKind.UNCERTAIN)


def _names(words: str, recipient: str) -> bool:
    """Whether the list of identities that failed the check names the recipient; a cut list may ("...") [D23]."""
    failed = {identity.strip(" .") for identity in words.rpartition(":")[2].split(",")}
    return recipient in failed or recipient.rpartition("@")[2] in failed or words.rstrip().endswith("...")
