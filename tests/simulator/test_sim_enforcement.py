from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.enforcement import Enforcement, Record, Rules, Watch, judge
from sendworthy.simulator.quota import grown
from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start

DAY = 86_400
SMALL = Rules(least_mails=20, least_bounces=2, least_complaints=1, representative_mails=1_000)
AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def watch(*, mails: int, bounces: int = 0, complaints: int = 0, status: str = "HEALTHY") -> Watch:
    found = Watch(status=status, since=AT)
    found.record.count(AT, mails=mails, bounces=bounces, audible=mails, complaints=complaints)
    return found


@pytest.mark.parametrize(
    ("mails", "bounces", "complaints", "expected"),
    [
        (10_000, 499, 9, Enforcement.HEALTHY),
        (10_000, 500, 0, Enforcement.PROBATION),
        (10_000, 0, 10, Enforcement.PROBATION),
        (10_000, 2_000, 0, Enforcement.SHUTDOWN),
        (13, 1, 1, Enforcement.HEALTHY),
        (499, 499, 0, Enforcement.HEALTHY),
    ],
)
def test_a_healthy_sender_is_judged_by_awss_thresholds_and_not_by_a_handful_of_mails(
    mails: int, bounces: int, complaints: int, expected: Enforcement
) -> None:
    assert judge(watch(mails=mails, bounces=bounces, complaints=complaints), Rules(), AT) is expected


def test_a_sender_under_review_is_paused_heals_or_runs_out_of_time() -> None:
    rules = Rules()
    over = watch(mails=10_000, bounces=1_100, status="PROBATION")
    assert judge(over, rules, AT + timedelta(hours=23)) is Enforcement.PROBATION
    assert judge(over, rules, AT + timedelta(hours=24)) is Enforcement.SHUTDOWN
    between = watch(mails=10_000, bounces=700, status="PROBATION")
    assert judge(between, rules, AT + timedelta(days=13)) is Enforcement.PROBATION
    assert judge(between, rules, AT + timedelta(days=14)) is Enforcement.SHUTDOWN
    healed = watch(mails=10_000, bounces=100, status="PROBATION")
    assert judge(healed, rules, AT + timedelta(days=2)) is Enforcement.PROBATION
    assert judge(healed, rules, AT + timedelta(days=3)) is Enforcement.HEALTHY
    assert judge(watch(mails=0, status="SHUTDOWN"), rules, AT + timedelta(days=365)) is Enforcement.SHUTDOWN
    assert judge(watch(mails=10_000, bounces=9_000), Rules(enabled=False), AT) is Enforcement.HEALTHY


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400), st.integers(0, 40)), max_size=40),
    st.integers(1, 2_000),
)
def test_a_record_reaches_back_over_the_representative_volume_and_its_sums_are_those_of_its_hours(
    sent: list[tuple[int, int, int]], volume: int
) -> None:
    record, at, hours = Record(), AT, []
    for waited, mails, bounces in sent:
        at += timedelta(hours=waited)
        record.count(at, mails=mails, bounces=bounces)
        hours.append((mails, bounces))
        record.trim(volume)
        assert record.mails == sum(hour.mails for hour in record.hours)
        assert record.bounces == sum(hour.bounces for hour in record.hours)
        if sum(mails for mails, _ in hours) >= volume:
            assert record.mails >= volume
    if record.hours:
        assert record.mails - record.hours[0].mails < volume or len(record.hours) == 1


@pytest.fixture
def desk(desks: Start) -> Desk:
    """In production, with little mail enough for AWS to judge by."""
    made = desks(Settings(clock_factor=0.0, start=START, enforcement=SMALL))
    made.verified_domain()
    made.in_production(rate=500)
    return made


def send_many(desk: Desk, good: int, bad: int = 0, kind: str = "bounce") -> None:
    for number in range(good):
        desk.send(f"reader{number}@example.com")
    for number in range(bad):
        desk.send(f"{kind}-{number}@example.com")


def status(desk: Desk) -> str:
    return str(desk.ses.get_account()["EnforcementStatus"])


def reputation(desk: Desk) -> dict[str, Any]:
    [found] = desk.admin("GET", "reputation")
    return dict(found)


def test_bad_mail_brings_probation_then_a_pause_and_an_answered_appeal_ends_it(desk: Desk) -> None:
    send_many(desk, 88, 12)
    assert status(desk) == "HEALTHY"
    desk.advance(3_600)
    assert status(desk) == "PROBATION"
    desk.advance(DAY + 3_600)
    assert status(desk) == "SHUTDOWN"
    assert not desk.ses.get_account()["SendingEnabled"]
    with pytest.raises(ClientError, match="SendingPausedException"):
        desk.send("reader@example.com")
    with pytest.raises(ClientError, match="paused"):
        desk.ses.put_account_sending_attributes(SendingEnabled=True)
    case = next(each for each in desk.admin("GET", "cases") if "sending review" in each["subject"])
    assert [each["kind"] for each in case["communications"]] == ["probation", "pause"]
    assert "current bounce rate is 12%" in case["communications"][0]["body"]
    number = case["display_id"]
    desk.admin("POST", f"cases/{number}/reply", {"body": "Please resume our sending, it is urgent!"})
    desk.advance(DAY)
    assert status(desk) == "SHUTDOWN"
    answer = (
        "The cause was an old list. We have removed it, and every address confirms by email, so it cannot happen again."
    )
    desk.admin("POST", f"cases/{number}/reply", {"body": answer})
    desk.advance(DAY)
    assert status(desk) == "PROBATION"
    send_many(desk, 40)
    desk.advance(4 * DAY)
    assert status(desk) == "HEALTHY"


def test_complaints_count_as_bounces_do_and_not_spam_is_none(desk: Desk) -> None:
    send_many(desk, 99, 1, kind="complaint-not-spam")
    desk.advance(3_600)
    assert (status(desk), reputation(desk)["complaints"]) == ("HEALTHY", 0)
    send_many(desk, 0, 1, kind="complaint")
    desk.advance(3_600)
    assert (status(desk), reputation(desk)["complaints"]) == ("PROBATION", 1)


def test_what_amazon_does_not_count_does_not_count_here(desk: Desk) -> None:
    for _ in range(30):
        desk.send("bounce@simulator.amazonses.com")
        desk.send("complaint@simulator.amazonses.com")
        desk.send("bounce-x@fernhill.test")
    for number in range(30):
        desk.send(f"ooto-{number}@example.com")
    desk.advance(3_600)
    found = reputation(desk)
    assert (found["bounces"], found["complaints"], found["eligible_mails"]) == (0, 0, 30)
    assert status(desk) == "HEALTHY"


def test_a_paused_accounts_suppression_list_is_gone_after_90_days(desk: Desk) -> None:
    desk.send("bounce-1@example.com")
    desk.admin("POST", "enforcement", {"status": "SHUTDOWN"})
    assert status(desk) == "SHUTDOWN"
    desk.advance(89 * DAY)
    assert desk.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    desk.advance(2 * DAY)
    assert desk.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_a_pause_and_its_end_are_told_on_the_default_bus(desk: Desk) -> None:
    events, queue = desk.client("events"), desk.queue("arn:aws:events:us-east-1:111122223333:rule/status", "bus")
    allow = desk.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"]
    desk.sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"Policy": allow.replace("sns.amazonaws.com", "events.amazonaws.com")}
    )
    events.put_rule(Name="status", EventPattern='{"source":["aws.ses"]}')
    events.put_targets(Rule="status", Targets=[{"Id": "1", "Arn": desk.arn_of(queue)}])
    for wanted in ("SHUTDOWN", "HEALTHY"):
        desk.admin("POST", "enforcement", {"status": wanted})
        desk.advance(60)
        desk.ses.get_account()
    found = desk.received(queue)
    assert ['"Sending Status Disabled"' in found[0], '"Sending Status Enabled"' in found[1]] == [True, True]


def test_the_quota_grows_by_itself_for_good_mail_near_it(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, enforcement=SMALL))
    desk.verified_domain()
    desk.in_production(quota=50, rate=100)
    for _ in range(4):
        send_many(desk, 45)
        desk.advance(DAY)
    quota = desk.ses.get_account()["SendQuota"]
    assert (quota["Max24HourSend"], quota["MaxSendRate"]) == (75, 150)
    for _ in range(3):
        send_many(desk, 45)
        desk.advance(DAY)
    assert desk.ses.get_account()["SendQuota"]["Max24HourSend"] == 75, "45 is not near 75, and a week has not passed"


@pytest.mark.parametrize(
    ("sent", "clean", "since", "expected"),
    [
        ([800, 760, 750], True, None, (1_500.0, 15.0)),
        ([800, 760, 749], True, None, None),
        ([800, 800, 800], False, None, None),
        ([800, 800, 800], True, 6, None),
        ([800, 800, 800], True, 7, (1_500.0, 15.0)),
    ],
)
def test_growth_asks_for_three_days_near_the_quota_a_clean_record_and_a_week(
    sent: list[int], clean: bool, since: int | None, expected: tuple[float, float] | None
) -> None:
    assert grown(1_000, 10, sent_by_day=sent, clean=clean, days_since_growth=since) == expected
    assert grown(-1, 10, sent_by_day=sent, clean=True, days_since_growth=None) is None
