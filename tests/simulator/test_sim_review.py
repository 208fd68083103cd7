from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sendworthy.simulator.review import Review, ReviewStatus, Step, may_submit, standing

SUBMITTED = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def review(*script: Step) -> Review:
    return Review(case_id="1", submitted_at=SUBMITTED, script=script)


def test_a_review_is_pending_until_its_first_step() -> None:
    read = standing(review(Step(status=ReviewStatus.GRANTED, after_seconds=60)), SUBMITTED + timedelta(seconds=59))
    assert (read.status, read.production, read.max_24_hour_send, read.max_send_rate) == ("PENDING", False, 200, 1)


def test_a_grant_brings_its_quota_and_rate() -> None:
    step = Step(status=ReviewStatus.GRANTED, after_seconds=60, max_24_hour_send=10_000, max_send_rate=5)
    read = standing(review(step), SUBMITTED + timedelta(seconds=60))
    assert (read.status, read.production, read.max_24_hour_send, read.max_send_rate) == ("GRANTED", True, 10_000, 5)


def test_production_may_lag_behind_the_grant() -> None:
    step = Step(status=ReviewStatus.GRANTED, after_seconds=60, production_lag_seconds=600)
    early, late = (standing(review(step), SUBMITTED + timedelta(seconds=s)) for s in (659, 660))
    assert (early.status, early.production, early.max_send_rate) == ("GRANTED", False, 1)
    assert (late.status, late.production, late.max_send_rate) == ("GRANTED", True, 14)


def test_a_denial_may_turn_into_a_grant_after_a_reply() -> None:
    turned = review(
        Step(status=ReviewStatus.GRANTED, after_seconds=7200), Step(status=ReviewStatus.DENIED, after_seconds=3600)
    )
    assert standing(turned, SUBMITTED + timedelta(seconds=3600)).status is ReviewStatus.DENIED
    assert standing(turned, SUBMITTED + timedelta(seconds=7200)).production


def test_a_second_submission_is_heard_only_after_failed_or_a_grant() -> None:
    later = SUBMITTED + timedelta(seconds=60)
    heard = {
        status: may_submit(review(Step(status=status, after_seconds=60)), later)
        for status in (ReviewStatus.DENIED, ReviewStatus.FAILED, ReviewStatus.GRANTED)
    }
    assert heard == {"DENIED": False, "FAILED": True, "GRANTED": True}
    assert not may_submit(review(), later)
    assert may_submit(None, later)
