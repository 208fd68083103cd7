"""Counts to rates to a verdict: warn, slow, stop."""

from sendworthy.reputation.standing import Limits, Standing, Tally, Verdict, judge

__all__ = ["Limits", "Standing", "Tally", "Verdict", "judge"]
