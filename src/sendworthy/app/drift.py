"""Proves again what was told to AWS, and says what is no longer so and on which case it was said. Changes nothing."""

from __future__ import annotations

from sendworthy.access.said import Drift, drift, said
from sendworthy.app.ask import Standing


def drifted(standing: Standing) -> tuple[Drift, ...]:
    """Hold every sentence that went to AWS on this case against what is proved and said today.

    `standing` is of today's evidence, with the user's promises counted as given: they stand until withdrawn.
    """
    return drift(said(standing.facts, case=standing.case_id), standing.in_english, standing.results)
