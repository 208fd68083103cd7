from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.reputation import Limits, Tally, Verdict, judge

ORDER = list(Verdict)


@pytest.mark.parametrize(
    ("sent", "bounces", "complaints", "verdict"),
    [
        (0, 0, 0, Verdict.HEALTHY),
        (13, 1, 0, Verdict.HEALTHY),
        (99, 50, 50, Verdict.HEALTHY),
        (100, 4, 0, Verdict.HEALTHY),
        (250, 5, 0, Verdict.WARN),
        (100, 5, 0, Verdict.SLOW),
        (100, 8, 0, Verdict.STOP),
        (1000, 0, 1, Verdict.HEALTHY),
        (4000, 0, 2, Verdict.WARN),
        (2000, 0, 2, Verdict.SLOW),
        (1000, 0, 3, Verdict.STOP),
        (1000, 20, 3, Verdict.STOP),
    ],
)
def test_the_verdict_follows_the_worse_of_the_two_rates(
    sent: int, bounces: int, complaints: int, verdict: Verdict
) -> None:
    standing = judge(Tally(sent=sent, hard_bounces=bounces, complaints=complaints), Limits())
    assert standing.verdict is verdict
    assert standing.verdict is Verdict.HEALTHY or standing.why


def test_the_reason_names_the_rate_that_decided() -> None:
    assert "hard bounces" in judge(Tally(sent=1000, hard_bounces=90, complaints=2), Limits()).why
    assert "complaints" in judge(Tally(sent=1000, hard_bounces=30, complaints=9), Limits()).why


@given(st.integers(1, 10**6), st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_more_trouble_never_makes_a_better_verdict(sent: int, bounces: int, complaints: int, more: int) -> None:
    bounces, complaints = min(bounces, sent), min(complaints, sent)
    before = judge(Tally(sent=sent, hard_bounces=bounces, complaints=complaints), Limits())
    after = judge(Tally(sent=sent, hard_bounces=min(sent, bounces + more), complaints=complaints), Limits())
    assert ORDER.index(after.verdict) >= ORDER.index(before.verdict)


def test_we_stop_before_aws_would_pause() -> None:
    limits = Limits()
    assert limits.bounce_stop < 0.10
    assert limits.complaint_stop < 0.005
