"""What a caller asks of us beside the message: when, how urgently, until when, and once only. Pure; knows no door.

It comes as X-Sendworthy-… headers or as message tags named sendworthy-…; neither goes on to SES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sendworthy.compliance.unsubscribe import is_topic
from sendworthy.errors import InvalidMessage
from sendworthy.store.values import Priority

HEADER = "x-sendworthy-"
TAG = "sendworthy-"

FURTHEST = timedelta(days=90)
"""Nothing is scheduled further ahead: who would still know of it?"""

_WORDS = frozenset({"idempotency-key", "send-at", "expires-at", "expires-in", "priority", "ip", "topic"})
_DURATION = re.compile(r"([0-9]{1,7})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked; `tags` are the caller's own that are left. `ip` says on whose behalf the application writes.

    `topic` is what the mail is about, so that a reader can leave that alone; empty where it was not said.
    """

    idempotency_key: str = ""
    send_at: datetime | None = None
    expires_at: datetime | None = None
    priority: Priority = Priority.NORMAL
    ip: str = ""
    topic: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def read_asked(headers: Mapping[str, str], tags: Mapping[str, str], at: datetime) -> Asked:
    """Read what is asked at an instant; `headers` in lower case. A header wins over a tag. Raises InvalidMessage.

    What has expired by now is no mistake here: it may be the repeat of a call that was in time.
    """
    words = {name.removeprefix(TAG): value for name, value in tags.items() if name.startswith(TAG)}
    words |= {name.removeprefix(HEADER): value for name, value in headers.items() if name.startswith(HEADER)}
    for word in words:
        if word not in _WORDS:
            how = "header" if HEADER + word in headers else "message tag"
            name = (HEADER if how == "header" else TAG) + word
            raise InvalidMessage(f"The {how} {name} is not supported by this gateway.", "Leave it out.")
    token = words.get("idempotency-key", "")
    if len(token) > 256 or not token.isprintable():
        raise InvalidMessage("The idempotency key is longer than 256 characters, or cannot be printed.", "Change it.")
    topic = words.get("topic", "")
    if topic and not is_topic(topic):
        raise InvalidMessage("The topic is not a name.", "Use 1 to 64 letters, digits, '_' and '-'.")
    send_at = _instant("send-at", words["send-at"]) if "send-at" in words else None
    if send_at is not None and send_at > at + FURTHEST:
        raise InvalidMessage(f"send-at is more than {FURTHEST.days} days ahead.", "Hand the message over later.")
    return Asked(
        idempotency_key=token,
        send_at=send_at if send_at is None or send_at > at else None,
        expires_at=_expiry(words, send_at, at),
        priority=_priority(words.get("priority", Priority.NORMAL)),
        ip=words.get("ip", "")[:64],
        topic=topic,
        tags={name: value for name, value in tags.items() if not name.startswith(TAG)},
    )


def _expiry(words: Mapping[str, str], send_at: datetime | None, at: datetime) -> datetime | None:
    if "expires-at" in words and "expires-in" in words:
        raise InvalidMessage("Both expires-at and expires-in are given.", "Give one.")
    if "expires-in" in words:
        match = _DURATION.fullmatch(words["expires-in"])
        if not match:
            raise InvalidMessage("expires-in is not a duration.", "Write it as 90s, 15m, 12h or 2d.")
        try:
            return max(send_at or at, at) + timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        except OverflowError:
            raise InvalidMessage("expires-in is too long.", "Leave it out: nothing expires by itself.") from None
    if "expires-at" not in words:
        return None
    ends = _instant("expires-at", words["expires-at"])
    if send_at is not None and ends <= send_at:
        raise InvalidMessage("The message would expire before it may go.", "Set expires-at later.")
    return ends


def _instant(word: str, text: str) -> datetime:
    """Read seconds since 1970, 20260504T093000Z (which a message tag can hold), or ISO 8601 with its offset."""
    try:
        if text.isascii() and text.isdigit() and 9 <= len(text) <= 11:  # 20260504 is a day and no number of seconds
            return datetime.fromtimestamp(int(text), UTC)
        if compact := _COMPACT.fullmatch(text):
            return datetime(*map(int, compact.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]  # six numbers
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidMessage(f"{word} is not an instant.", "Write it as 2026-05-04T09:30:00Z or 20260504T093000Z.")


def _priority(text: str) -> Priority:
    try:
        return Priority(text.lower())
    except ValueError:
        raise InvalidMessage("The priority is none of high, normal and low.", "Write one of them.") from None
