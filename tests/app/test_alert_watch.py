"""What is alarming, and in which words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sendworthy.app.alert_watch import Thresholds, alarming, credentials_denied, drifted, job_failing
from sendworthy.store.alerting import LOOKED_FOR_DAILY, MEANINGS, OF_THE_ACCOUNT, AlertKind, Sight
from sendworthy.store.values import Lane

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LANE = Lane(account="111122223333", region="eu-west-1")
PAGE = Path(__file__).parents[2] / "docs" / "watch" / "alerts.md"
GOOD = Sight(at=AT, read_at=AT - timedelta(minutes=1), enforcement="HEALTHY", used=10, limit=200, heard_at=AT)


def kinds(began: datetime = AT, thresholds: Thresholds | None = None, **changed: Any) -> set[str]:
    found = alarming(replace(GOOD, **changed), LANE, thresholds or Thresholds(), began=began)
    return {one.kind for one in found}


def test_where_all_is_well_nobody_is_told() -> None:
    assert kinds() == set()


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"stopped_keys": (("shop (AKSW1)", "AKSW1", "5 % bounces"),)}, AlertKind.KEY_STOPPED),
        ({"slowed_keys": (("shop (AKSW1)", "10%"),)}, AlertKind.KEY_SLOWED),
        ({"stopped_streams": ("marketing",)}, AlertKind.STREAM_STOPPED),
        ({"paused_sets": ("bulk",)}, AlertKind.SET_PAUSED),
        ({"sending_enabled": False}, AlertKind.ACCOUNT_PAUSED),
        ({"enforcement": "SHUTDOWN"}, AlertKind.ACCOUNT_PAUSED),
        ({"breaker": "paused"}, AlertKind.ACCOUNT_PAUSED),
        ({"enforcement": "PROBATION"}, AlertKind.ACCOUNT_UNDER_REVIEW),
        ({"breaker": "denied"}, AlertKind.CREDENTIALS_DENIED),
        ({"breaker": "unavailable"}, AlertKind.SES_UNREACHABLE),
        ({"breaker": "unanswered"}, AlertKind.SES_UNREACHABLE),
        ({"breaker": "sandboxed", "waiting": True}, AlertKind.SANDBOXED),
        ({"relayed": {"smtp.example.net": 3}}, AlertKind.RELAY_USED),
        ({"read_at": AT - timedelta(minutes=10)}, AlertKind.QUOTA_UNKNOWN),
        ({"read_at": None, "at": AT + timedelta(minutes=2)}, AlertKind.QUOTA_UNKNOWN),
        ({"used": 160.0}, AlertKind.DAY_NEARLY_FULL),
        ({"used": 200.0}, AlertKind.DAY_FULL),
        ({"day_blocked": True}, AlertKind.DAY_FULL),
        ({"in_doubt": 10}, AlertKind.UNCERTAIN_RISING),
        ({"sent_unheard": 10}, AlertKind.EVENTS_SILENT),
        ({"sent_unheard": 10, "heard_at": None}, AlertKind.EVENTS_SILENT),
        ({"parked": 1}, AlertKind.EVENTS_PARKED),
        ({"dead_letters": {"shop": 2}}, AlertKind.DEAD_LETTERS),
        ({"checked": "incomplete"}, AlertKind.INCOMPLETE),
        ({"crowded": "The disk that holds the database is nearly full."}, AlertKind.DISK_NEARLY_FULL),
        ({"filling": "The database takes 95% of store.most_gigabytes (5)."}, AlertKind.DATABASE_FILLING),
    ],
)
def test_each_trouble_is_told_as_what_it_is(changed: dict[str, Any], kind: AlertKind) -> None:
    assert kinds(**changed) == {kind}


@pytest.mark.parametrize(
    "changed",
    [
        {"used": 159.0},
        {"used": 5_000.0, "limit": -1.0},
        {"read_at": AT - timedelta(minutes=9)},
        {"read_at": None, "at": AT + timedelta(minutes=1)},
        {"breaker": "sandboxed"},
        {"in_doubt": 9},
        {"sent_unheard": 9},
        {"checked": "unknown"},
    ],
)
def test_what_says_too_little_is_not_alarming(changed: dict[str, Any]) -> None:
    assert kinds(**changed) == set()


def test_the_thresholds_are_the_users() -> None:
    assert kinds(used=100.0, thresholds=Thresholds(day_share=0.5)) == {AlertKind.DAY_NEARLY_FULL}
    assert kinds(in_doubt=3, thresholds=Thresholds(uncertain_per_hour=3)) == {AlertKind.UNCERTAIN_RISING}


EVERYTHING = (
    *alarming(
        Sight(
            at=AT,
            enforcement="PROBATION",
            breaker="denied",
            read_at=AT - timedelta(hours=1),
            used=190,
            limit=200,
            stopped_keys=(("shop (AKSW1)", "AKSW1", "5 % bounces."),),
            slowed_keys=(("news (AKSW2)", "10%"),),
            stopped_streams=("marketing",),
            paused_sets=("bulk",),
            in_doubt=20,
            sent_unheard=20,
            parked=1,
            dead_letters={"shop": 2},
            relayed={"smtp.example.net": 1},
            checked="incomplete",
            crowded="The disk is nearly full.",
            filling="The database takes 95% of store.most_gigabytes (5).",
        ),
        LANE,
        Thresholds(),
        began=AT,
    ),
    *alarming(replace(GOOD, sending_enabled=False, breaker="sandboxed", waiting=True), LANE, Thresholds(), began=AT),
    *alarming(replace(GOOD, breaker="unavailable", day_blocked=True), LANE, Thresholds(), began=AT),
    credentials_denied("111122223333 eu-west-1"),
    drifted("111122223333/eu-west-1/production", "policy.opt_in"),
    job_failing("retention", "The disk is full."),
)


def test_every_kind_has_a_source_a_level_and_a_sentence_of_what_to_do() -> None:
    assert {one.kind for one in EVERYTHING} == set(AlertKind) == set(MEANINGS)
    for one in EVERYTHING:
        assert one.level is MEANINGS[one.kind][0]
        assert one.subject
        assert one.happened.endswith("."), one.happened
        assert one.to_do


def test_what_is_told_of_an_account_is_named_so_that_two_do_not_end_each_others() -> None:
    for one in EVERYTHING:
        assert (one.subject == "111122223333 eu-west-1") is (one.kind in OF_THE_ACCOUNT), one.kind
    assert {AlertKind.DRIFT} == LOOKED_FOR_DAILY


def test_the_page_lists_every_kind_with_its_level_and_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [(kind.value, level.value, meaning) for kind, (level, meaning) in MEANINGS.items()]
