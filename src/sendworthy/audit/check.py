"""What a check is, and what it finds. The output schema of `sendworthy audit --format json` is defined here."""

from __future__ import annotations

from enum import StrEnum

import msgspec


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
