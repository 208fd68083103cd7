"""The production-access review as a script: what AWS shows, from submission on. Knows no letter and no reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class ReviewStatus(StrEnum):
    """ReviewDetails.Status of GetAccount [M]."""

    PENDING = "PENDING"
    FAILED = "FAILED"
    GRANTED = "GRANTED"
    DENIED = "DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is shown from `after_seconds` after the submission on; quota and lag matter for GRANTED only.

    The default quota is folklore, not published [C]: 50,000 a day and 14 a second. `production_lag_seconds` is how
    long ProductionAccessEnabled stays false after the grant: seen in the wild.
    """

    status: ReviewStatus
    after_seconds: float = 26 * 3600.0
    max_24_hour_send: float = 50_000.0
    max_send_rate: float = 14.0
    production_lag_seconds: float = 0.0


GRANTED_NEXT_DAY: tuple[Step, ...] = (Step(status=ReviewStatus.GRANTED),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One submission and the script it follows."""

    case_id: str
    submitted_at: datetime
    script: tuple[Step, ...] = GRANTED_NEXT_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a review amounts to at one moment: the shown status, and whether mail may leave the sandbox."""

    status: ReviewStatus
    production: bool
    max_24_hour_send: float
    max_send_rate: float


def standing(review: Review, now: datetime) -> Standing:
    """Read the script: the last step whose time has come is shown; only a GRANTED past its lag lifts the sandbox."""
    shown, production = ReviewStatus.PENDING, False
    quota, rate = 200.0, 1.0
    for step in sorted(review.script, key=lambda step: step.after_seconds):
        due = review.submitted_at + timedelta(seconds=step.after_seconds)
        if due > now:
            break
        shown = step.status
        production = step.status is ReviewStatus.GRANTED and due + timedelta(seconds=step.production_lag_seconds) <= now
        if production:
            quota, rate = step.max_24_hour_send, step.max_send_rate
    return Standing(status=shown, production=production, max_24_hour_send=quota, max_send_rate=rate)


def may_submit(review: Review | None, now: datetime) -> bool:
    """Whether PutAccountDetails is heard.

    Refused while PENDING ("if there is already an ongoing account details update under review" [M]) and after DENIED
    (seen with ConflictException [C]). FAILED means that AWS did not receive it: submit again [M].
    """
    return review is None or standing(review, now).status in {ReviewStatus.FAILED, ReviewStatus.GRANTED}
