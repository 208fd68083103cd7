"""What a check is, and what it finds. The output schema of `sendworthy audit --format json` is defined here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeVar

import msgspec

from sendworthy.audit.evidence import Evidence, Seen, Unseen, UnseenKind

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


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one check on one subject.

    `check` is the id, such as `dkim.verified`; `subject` is what was judged, such as `example.com` or
    `eu-west-1`; `what` is one sentence of what was seen; `evidence` quotes it; `why` says why it matters; `fix`
    says what to do (empty on pass); `needs` names what could not be read when the verdict is unknown (IAM actions,
    DNS names); `blocks_request` is true where AWS is known to refuse over it.
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


def not_followed(what: str, needs: str = "") -> NoReturn:
    """End the check as `unknown`: `what` names something that this version cannot follow to its end."""
    raise NotSeen((Unseen(kind=UnseenKind.NOT_READ, reason=what, needs=needs),))
