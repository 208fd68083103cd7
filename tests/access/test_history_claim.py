"""What is on record stays unless it is replaced, and the sentence says what is known and no more."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.access.claims import Claim, Ground, Proof, Proven, Topic, prove
from sendworthy.access.history import (
    HISTORY_PROOF,
    HISTORY_SENTENCE,
    Month,
    from_row,
    history_figures,
    history_proof,
    kept,
    to_row,
)
from sendworthy.audit.evidence import Evidence, Unseen, UnseenKind
from sendworthy.audit.profile import Profile
from sendworthy.errors import ConfigError

NOW = datetime(2026, 11, 20, tzinfo=UTC)
EVIDENCE = Evidence(
    taken_at=NOW, domains=(), caller=Unseen(kind=UnseenKind.NOT_READ, reason="nobody looked"), regions={}
)


def month(number: int, **fields: Any) -> Month:
    values: dict[str, Any] = {
        "source": "SendGrid",
        "month": date(2026, number, 1),
        "first": date(2026, number, 1),
        "last": date(2026, number, 28),
        "sent": 10_000,
    }
    return Month(**(values | fields))


def sentence(*months: Month) -> str | None:
    proof = history_proof(months, region="eu-west-1", at=NOW)
    ground = Ground(region="eu-west-1", domain="", evidence=EVIDENCE, profile=Profile(), proof=proof)
    figures = history_figures(ground)
    return HISTORY_SENTENCE.format_map(figures) if figures is not None else None


def test_volumes_and_rates_are_said_with_their_source() -> None:
    assert sentence(month(8, hard_bounces=20, complaints=1), month(9, hard_bounces=30, complaints=1)) == (
        "Before, we sent 20,000 messages through SendGrid, from 1 August 2026 to 28 September 2026, by its own "
        "records; 0.25% of it bounced hard and 0.010% of it drew a complaint."
    )


def test_a_rate_that_is_not_known_is_not_said() -> None:
    text = sentence(month(9, hard_bounces=20))
    assert text is not None
    assert "complaint" not in text
    plain = sentence(month(9))
    assert plain is not None
    assert "%" not in plain


def test_a_rate_of_some_months_says_so() -> None:
    text = sentence(month(8), month(9, hard_bounces=50))
    assert text is not None
    assert "0.50% of it bounced hard (of 1 of 2 months)" in text


def test_several_sources_are_named() -> None:
    text = sentence(month(8), month(9, source="Postmark"))
    assert text is not None
    assert "through SendGrid and Postmark" in text
    assert "by their own records" in text


def test_months_long_past_and_months_without_mail_carry_nothing() -> None:
    old = Month(source="X", month=date(2025, 9, 1), first=date(2025, 9, 1), last=date(2025, 9, 30), sent=5)
    assert sentence(old) is None
    assert sentence(month(9, sent=0)) is None
    assert sentence(month(9, sent=None, hard_bounces=4)) is None
    assert history_proof((), region="eu-west-1", at=NOW) is None


@pytest.mark.parametrize("data", [{}, {"months": 5}, {"months": [{}]}, {"months": [{"source": 1, "month": "?"}]}])
def test_a_broken_proof_proves_nothing(data: dict[str, Any]) -> None:
    proof = Proof(kind=HISTORY_PROOF, subject="eu-west-1", at=NOW, data=data)
    ground = Ground(region="eu-west-1", domain="", evidence=EVIDENCE, profile=Profile(), proof=proof)
    assert history_figures(ground) is None


def test_it_binds_to_a_claim_as_every_proof_does() -> None:
    claim = Claim(
        id="history.elsewhere",
        topic=Topic.HISTORY,
        sentence=HISTORY_SENTENCE,
        figures=history_figures,
        proof=HISTORY_PROOF,
        would_prove="Import the exports: sendworthy history import.",
    )
    proof = history_proof([month(9)], region="eu-west-1", at=NOW)
    assert proof is not None
    (found,) = prove([claim], [], [proof], evidence=EVIDENCE, region="eu-west-1", now=NOW)
    assert isinstance(found, Proven)
    assert "10,000 messages" in found.sentence


def test_a_count_on_record_is_neither_lost_nor_overwritten_unasked() -> None:
    known = month(9, hard_bounces=20)
    assert kept(known, month(9, complaints=1), replace=False) == month(9, hard_bounces=20, complaints=1)
    assert kept(known, known, replace=False) == known
    with pytest.raises(ConfigError, match="on record with 20 hard bounces, not 21"):
        kept(known, month(9, hard_bounces=21), replace=False)
    assert kept(known, month(9, hard_bounces=21), replace=True).hard_bounces == 21
    assert kept(None, known, replace=False) is known


_optional = st.none() | st.integers(0, 10**7)


@given(st.integers(1, 12), _optional, _optional, _optional)
def test_a_month_survives_being_written_and_read(
    number: int, sent: int | None, bounces: int | None, complaints: int | None
) -> None:
    one = month(number, sent=sent, hard_bounces=bounces, complaints=complaints)
    assert from_row(to_row(one)) == one
