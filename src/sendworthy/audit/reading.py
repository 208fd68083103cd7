"""What came of one look: seen, or unseen and why. Knows neither what was looked at nor what follows from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")


class UnseenKind(StrEnum):
    """How a look failed."""

    DENIED = "denied"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    THROTTLED = "throttled"
    ERROR = "error"
    NOT_READ = "not_read"
    """Nobody looked: outside what was asked for, or a thing this version does not follow."""


class Seen(msgspec.Struct, Generic[T], frozen=True, tag_field="reading", tag="seen"):
    """A look that worked. A value of None means: looked, and it does not exist."""

    value: T


CREDENTIALS = "AWS credentials that work"
"""What a look needs that AWS refused before it came to rights; `reason` then says what to do about them."""


class Unseen(msgspec.Struct, frozen=True, kw_only=True, tag_field="reading", tag="unseen"):
    """A look that failed. `needs` names what would let it work: an IAM action, a DNS name with its type, a URL."""

    kind: UnseenKind
    reason: str
    needs: str = ""


Reading: TypeAlias = Seen[T] | Unseen


def nobody_looked(needs: str) -> Unseen:
    """Give the reading of a look that was never tried; evidence of an earlier version has many."""
    return Unseen(kind=UnseenKind.NOT_READ, reason=f"nobody looked at {needs}", needs=needs)
