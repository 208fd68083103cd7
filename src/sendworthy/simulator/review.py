"""The production-access review as AWS shows it: from submission, steps and replies to a status. Knows no reviewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never


class ReviewStatus(StrEnum):
    """ReviewDetails.Status of GetAccount [M]."""

    PENDING = "PENDING"
    FAILED = "FAILED"
    GRANTED = "GRANTED"
    DENIED = "DENIED"


class Says(StrEnum):
    """Which of AWS's answers a step writes on the case (the review page's table of what AWS says)."""

    NOTHING = ""
    INFORMATION_REQUEST = "information_request"
    GENERIC_REFUSAL = "generic_refusal"
    REFUSAL_AFTER_REPLY = "refusal_after_reply"
    ACCOUNT_STANDING = "account_standing"
    INCREASE_REFUSED = "increase_refused"
    GRANT = "grant"
    PROBATION = "probation"
    PROBATION_BY_PEOPLE = "probation_by_people"
    PAUSE = "pause"
    REINSTATED = "reinstated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is shown from `after_seconds` after the submission on; quota and lag matter for GRANTED only.

    The default quota is folklore, not published [C]: 50,000 a day and 14 a second. `production_lag_seconds` is how
    long ProductionAccessEnabled stays false after the grant: seen in the wild. A step that `waits_for_reply` holds up
    the ones after it until the customer has written on the case; its status may be DENIED all the same, since AWS
    shows that while it waits for an answer [C]. `says` is what AWS writes; by default what goes with the status.
    """

    status: ReviewStatus
    after_seconds: float = 26 * 3600.0
    max_24_hour_send: float = 50_000.0
    max_send_rate: float = 14.0
    production_lag_seconds: float = 0.0
    says: Says | None = None
    waits_for_reply: bool = False

    @property
    def words(self) -> Says:
        """What AWS writes on the case at this step."""
        if self.says is not None:
            return self.says
        match self.status:
            case ReviewStatus.GRANTED:
                return Says.GRANT
            case ReviewStatus.DENIED:
                return Says.INFORMATION_REQUEST if self.waits_for_reply else Says.GENERIC_REFUSAL
            case ReviewStatus.PENDING:
                return Says.INFORMATION_REQUEST if self.waits_for_reply else Says.NOTHING
            case ReviewStatus.FAILED:
                # AWS did not receive it [M]: nobody answers.
                return Says.NOTHING
            case _:
                assert_never(self.status)


GRANTED_NEXT_DAY: tuple[Step, ...] = (Step(status=ReviewStatus.GRANTED),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One submission, the script it follows, and when the customer wrote on its case."""

    case_id: str
    submitted_at: datetime
    script: tuple[Step, ...] = GRANTED_NEXT_DAY
    replies: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a review amounts to at one moment: the shown status, and whether mail may leave the sandbox."""

    status: ReviewStatus
    production: bool
    max_24_hour_send: float
    max_send_rate: float


def reached(review: Review, now: datetime) -> Iterator[tuple[datetime, Step]]:
    """Yield the steps whose time has come, each with that time, in order.

    A step that waits for a reply stops the steps after it for as long as nobody replied: they come as much later.
    """
    held = timedelta(0)
    for step in sorted(review.script, key=lambda step: step.after_seconds):
        due = review.submitted_at + timedelta(seconds=step.after_seconds) + held
        if due > now:
            return
        yield due, step
        if step.waits_for_reply:
            reply = next((at for at in review.replies if at >= due), None)
            if reply is None:
                return
            held += reply - due


def standing(review: Review, now: datetime) -> Standing:
    """Read the script: the last step whose time has come is shown; only a GRANTED past its lag lifts the sandbox."""
    shown, production = ReviewStatus.PENDING, False
    quota, rate = 200.0, 1.0
    for due, step in reached(review, now):
        shown = step.status
        production = step.status is ReviewStatus.GRANTED and due + timedelta(seconds=step.production_lag_seconds) <= now
        if production:
            quota, rate = step.max_24_hour_send, step.max_send_rate
    return Standing(status=shown, production=production, max_24_hour_send=quota, max_send_rate=rate)


def extended(review: Review, at: datetime, steps: Sequence[Step]) -> Review:
    """Return the review with `steps` appended, their seconds counted from `at`; steps not come by then are given up.

    What came keeps the time at which it really came, and waits for nobody any more.
    """
    came = [
        replace(step, after_seconds=(due - review.submitted_at).total_seconds(), says=step.words, waits_for_reply=False)
        for due, step in reached(review, at)
    ]
    offset = (at - review.submitted_at).total_seconds()
    added = [replace(step, after_seconds=step.after_seconds + offset) for step in steps]
    return replace(review, script=(*came, *added))


def may_submit(review: Review | None, now: datetime) -> bool:
    """Whether PutAccountDetails is heard.

    Refused while PENDING ("if there is already an ongoing account details update under review" [M]) and after DENIED
    (seen with ConflictException [C]). FAILED means that AWS did not receive it: submit again [M].
    """
    return review is None or standing(review, now).status in {ReviewStatus.FAILED, ReviewStatus.GRANTED}
