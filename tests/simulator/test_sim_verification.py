from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendworthy.simulator.state import Dkim, Identity
from sendworthy.simulator.verification import (
    PATIENCE,
    Answer,
    Outcome,
    due,
    judge_dkim,
    judge_mail_from,
    next_status,
    signing_hosted_zone,
)

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MX = Answer(Outcome.FOUND, ("10 feedback-smtp.us-east-1.amazonses.com.",))
SPF = Answer(Outcome.FOUND, ("v=spf1 include:amazonses.com ~all",))


def identity() -> Identity:
    dkim = Dkim(tokens=("a", "b", "c"), hosted_zone="dkim.amazonses.com", started_at=NOW)
    return Identity(name="example.com", created_at=NOW, dkim=dkim)


def cnames(*values: str) -> tuple[Answer, ...]:
    return tuple(Answer(Outcome.FOUND, (value,)) for value in values)


def test_dkim_is_found_when_each_name_points_to_its_own_token() -> None:
    right = cnames("a.dkim.amazonses.com.", "B.DKIM.amazonses.com.", "c.dkim.amazonses.com")
    assert judge_dkim(identity(), right) is Outcome.FOUND
    swapped = cnames("b.dkim.amazonses.com.", "a.dkim.amazonses.com.", "c.dkim.amazonses.com.")
    assert judge_dkim(identity(), swapped) is Outcome.INVALID_VALUE
    missing = (*right[:2], Answer(Outcome.HOST_NOT_FOUND))
    assert judge_dkim(identity(), missing) is Outcome.HOST_NOT_FOUND


@pytest.mark.parametrize(
    ("mx", "txt", "outcome"),
    [
        (MX, SPF, Outcome.FOUND),
        (MX, Answer(Outcome.FOUND, ("other", "v=spf1 include:amazonses.com -all")), Outcome.FOUND),
        (Answer(Outcome.FOUND, (*MX.values, "20 mail.example.com.")), SPF, Outcome.INVALID_VALUE),
        (Answer(Outcome.FOUND, ("20 feedback-smtp.us-east-1.amazonses.com.",)), SPF, Outcome.INVALID_VALUE),
        (Answer(Outcome.FOUND, ("10 feedback-smtp.eu-west-1.amazonses.com.",)), SPF, Outcome.INVALID_VALUE),
        (Answer(Outcome.HOST_NOT_FOUND), SPF, Outcome.HOST_NOT_FOUND),
        (MX, Answer(Outcome.TYPE_NOT_FOUND), Outcome.TYPE_NOT_FOUND),
        (MX, Answer(Outcome.FOUND, ("v=spf1 -all",)), Outcome.INVALID_VALUE),
        (MX, Answer(Outcome.FOUND, SPF.values * 2), Outcome.INVALID_VALUE),
        (MX, Answer(Outcome.DNS_SERVER_ERROR), Outcome.DNS_SERVER_ERROR),
    ],
)
def test_mail_from_wants_one_mx_and_one_spf_record(mx: Answer, txt: Answer, outcome: Outcome) -> None:
    assert judge_mail_from("us-east-1", mx, txt) is outcome


@pytest.mark.parametrize(
    ("status", "age", "outcome", "then"),
    [
        ("PENDING", timedelta(0), Outcome.FOUND, "SUCCESS"),
        ("PENDING", PATIENCE - timedelta(seconds=1), Outcome.HOST_NOT_FOUND, "PENDING"),
        ("PENDING", PATIENCE, Outcome.HOST_NOT_FOUND, "FAILED"),
        ("SUCCESS", timedelta(days=90), Outcome.HOST_NOT_FOUND, "TEMPORARY_FAILURE"),
        ("TEMPORARY_FAILURE", timedelta(days=90), Outcome.FOUND, "SUCCESS"),
        ("FAILED", timedelta(days=4), Outcome.HOST_NOT_FOUND, "FAILED"),
    ],
)
def test_the_status_after_a_look(status: str, age: timedelta, outcome: Outcome, then: str) -> None:
    assert next_status(status, outcome, started_at=NOW - age, missed_since=None, now=NOW)[0] == then


def test_a_verified_record_that_stays_away_for_72_hours_fails() -> None:
    status, since = next_status("SUCCESS", Outcome.TYPE_NOT_FOUND, started_at=NOW, missed_since=None, now=NOW)
    for hours, expected in ((71, "TEMPORARY_FAILURE"), (72, "FAILED")):
        later = NOW + timedelta(hours=hours)
        assert next_status(status, Outcome.TYPE_NOT_FOUND, started_at=NOW, missed_since=since, now=later) == (
            expected,
            NOW,
        )


def test_a_pending_identity_is_looked_up_at_once_and_a_verified_one_each_quarter_of_an_hour() -> None:
    just_now, a_while_ago = NOW - timedelta(seconds=1), NOW - timedelta(minutes=15)
    assert due("PENDING", last_checked=just_now, now=NOW)
    assert due("TEMPORARY_FAILURE", last_checked=just_now, now=NOW)
    assert not due("SUCCESS", last_checked=just_now, now=NOW)
    assert due("SUCCESS", last_checked=a_while_ago, now=NOW)
    assert not due("FAILED", last_checked=a_while_ago, now=NOW)


def test_some_regions_have_a_signing_zone_of_their_own() -> None:
    assert signing_hosted_zone("us-east-1") == "dkim.amazonses.com"
    assert signing_hosted_zone("eu-central-2") == "dkim.eu-central-2.amazonses.com"
