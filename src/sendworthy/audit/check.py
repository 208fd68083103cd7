"""What a check is, and what it finds. The output schema of `sendworthy audit --format json` is defined here."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeVar

import msgspec

from sendworthy.audit.evidence import Evidence, Seen, Unseen, UnseenKind
from sendworthy.audit.waivers import Waived

T = TypeVar("T")


class Verdict(StrEnum):
    """The four verdicts. A failure to look is `unknown`, never pass or fail."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Severity(StrEnum):
    """How much a failing check stands in the way; `blocker`s of the request are at least `high`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low to 3 for critical."""
        return tuple(Severity).index(self)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a file, relative to the tree that was looked at; lines count from 1."""

    file: str
    line: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one check on one subject.

    `check` is the id, such as `dkim.verified`; `subject` is what was judged, such as `example.com` or
    `eu-west-1`; `what` is one sentence of what was seen; `evidence` quotes it; `why` says why it matters; `fix`
    says what to do (empty on pass); `needs` names what could not be read when the verdict is unknown (IAM actions,
    DNS names); `blocks_request` is true where AWS is known to refuse over it. `page` is the page of the check in the
    documentation; `places` are lines of a source tree; `waived` is there while somebody has decided to live with it.
    """

    check: str
    title: str
    severity: Severity
    verdict: Verdict
    subject: str
    region: str = ""
    what: str
    evidence: tuple[str, ...] = ()
    why: str = ""
    fix: str = ""
    needs: tuple[str, ...] = ()
    source: str = ""
    blocks_request: bool = False
    page: str = ""
    places: tuple[Place, ...] = ()
    waived: Waived | None = None


class Topic(StrEnum):
    """What a check is about, in the order in which a reader goes through them."""

    ACCOUNT = "account"
    IDENTITY = "identity"
    AUTHENTICATION = "authentication"
    DNS = "dns"
    EVENTS = "events"
    WEBSITE = "website"
    PROFILE = "profile"
    SENDING = "sending"
    SOURCE = "source"
    MONITORING = "monitoring"
    PERMISSIONS = "permissions"


_TOPICS = {
    "dkim": Topic.AUTHENTICATION,
    "mailfrom": Topic.AUTHENTICATION,
    "spf": Topic.AUTHENTICATION,
    "dmarc": Topic.AUTHENTICATION,
    "unsubscribe": Topic.SENDING,
    "alarms": Topic.MONITORING,
    "logs": Topic.MONITORING,
    "suppression": Topic.MONITORING,
}


def topic_of(check_id: str) -> Topic:
    """Give the topic of a check by its id. Raises ValueError for an id that begins with no topic."""
    word = check_id.partition(".")[0]
    return _TOPICS.get(word) or Topic(word)


class Scope(StrEnum):
    """What a check is run once for."""

    REGION = "region"
    IDENTITY = "identity"
    """Each domain in each Region."""
    DOMAIN = "domain"
    SENDER = "sender"
    """The sender as a whole: its website, its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What one run of a check judges; a field that its scope does not use is empty."""

    region: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    """A check's author saw that all is well: one sentence, and what was read."""

    what: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A check's author saw that something is wrong. `fix` overrides the card's, where the case has its own."""

    what: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    places: tuple[Place, ...] = ()


class NotSeen(Exception):
    """Raised by `see` within a check; the runner turns it into `unknown`. Never leaves the audit."""

    def __init__(self, unseen: Sequence[Unseen]) -> None:
        super().__init__("; ".join(one.reason for one in unseen))
        self.unseen = tuple(unseen)


class NotApplicable(Exception):
    """Raised by a check that has nothing to judge; its text says why. Never leaves the audit."""


Judge = Callable[[Evidence, Subject], Passed | Failed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The card of a check and the function that judges.

    `needs` lists every IAM action and kind of look-up it may read; `why` and `source` are printed in its page of the
    documentation; `fix` is one sentence, `run` gives Passed or Failed and reads through `see`.
    """

    id: str
    title: str
    severity: Severity
    scope: Scope
    needs: tuple[str, ...]
    why: str
    fix: str
    source: str
    blocks_request: bool
    run: Judge


def see(reading: Seen[T] | Unseen) -> T:
    """Give the value of a reading that worked; any other ends the check as `unknown`."""
    if isinstance(reading, Unseen):
        raise NotSeen((reading,))
    return reading.value


def counted(things: Sized, noun: str) -> str:
    """Count things in words: `1 queue`, `3 queues`."""
    number = len(things)
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def not_followed(what: str, needs: str = "") -> NoReturn:
    """End the check as `unknown`: `what` names something that this version cannot follow to its end."""
    raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason=what, needs=needs),))
