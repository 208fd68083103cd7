"""A year on the simulated clock: review, grant, rolling quotas, probation by bad mail, recovery; nothing drifts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.enforcement import Rules
from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start
from tests.simulator.test_sim_reviewer import REPLY, ask_for_production, said, set_up

HOUR, DAY = 3_600, 86_400
SMALL = Rules(least_mails=50, least_bounces=5, least_complaints=1, representative_mails=200)


def now(desk: Desk) -> datetime:
    return datetime.fromisoformat(desk.admin("GET", "clock")["now"])


def account(desk: Desk) -> dict[str, Any]:
    return dict(desk.ses.get_account())


def metric_total(desk: Desk, name: str, until: datetime) -> float:
    """The sum of a metric over everything that CloudWatch still knows, week by week."""
    points = desk.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SES", MetricName=name, StartTime=START - timedelta(days=1), EndTime=until + timedelta(days=1),
        Period=7 * DAY, Statistics=["Sum"],
    )["Datapoints"]  # fmt: skip
    return float(sum(point["Sum"] for point in points))


def test_a_year_in_leaps_of_a_day(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, reviewer="rules", enforcement=SMALL, burst_seconds=60))
    cloudwatch = desk.client("cloudwatch")
    set_up(desk)
    topic = str(desk.sns.create_topic(Name="alarms")["TopicArn"])
    cloudwatch.put_metric_alarm(
        AlarmName="bounce-rate", Namespace="AWS/SES", MetricName="Reputation.BounceRate", Statistic="Maximum",
        Period=300, EvaluationPeriods=1, Threshold=0.05, ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="ignore", AlarmActions=[topic], OKActions=[topic],
    )  # fmt: skip
    queue = desk.queue(topic, "alarms")
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))

    case = ask_for_production(desk)
    desk.advance(DAY)
    desk.admin("POST", f"cases/{case}/reply", {"body": REPLY})
    desk.advance(DAY)
    assert account(desk)["ProductionAccessEnabled"]
    assert said(desk, case) == ["information_request", "grant"]

    sent, bounced, statuses = 0, 0, []
    alarms: list[str] = []
    began = now(desk)
    for day in range(360):
        bad = 2 if 100 <= day < 112 else 0
        accepted = 0
        for number in range(5):
            address = f"bounce-{day}-{number}@example.com" if number < bad else f"reader{number}@example.com"
            try:
                desk.send(address)
            except ClientError as error:
                assert error.response["Error"]["Code"] == "SendingPausedException"  # noqa: PT017 - the only one
                break
            accepted += 1
            bounced += number < bad
        sent += accepted
        shown = account(desk)
        assert shown["SendQuota"]["SentLast24Hours"] == accepted, "the day before has rolled out, to the second"
        statuses.append(shown["EnforcementStatus"])
        if statuses[-1] == "SHUTDOWN" and statuses[-2] != "SHUTDOWN":
            pause = next(each for each in desk.admin("GET", "cases") if "sending review" in each["subject"])
            appeal = "The cause was a bad import; we have removed the list and confirm addresses, so never again."
            desk.admin("POST", f"cases/{pause['display_id']}/reply", {"body": appeal})
        desk.advance(DAY)
        account(desk)
        alarms += [json.loads(json.loads(body)["Message"])["NewStateValue"] for body in desk.received(queue)]

    order = [status for number, status in enumerate(statuses) if not number or statuses[number - 1] != status]
    assert order == ["HEALTHY", "PROBATION", "SHUTDOWN", "PROBATION", "HEALTHY"]
    assert now(desk) - began == timedelta(days=360), "the clock has gained and lost nothing"
    assert metric_total(desk, "Send", now(desk)) == sent + 3, (
        "each mail was counted once, the drills of the sandbox too"
    )
    assert metric_total(desk, "Bounce", now(desk)) == bounced + 1
    assert alarms == ["OK", "ALARM", "OK"], "the rise and the fall of the rate were told once each"
    assert account(desk)["SendQuota"]["Max24HourSend"] == 50_000
    assert not any(each["status"] == "pending-customer-action" for each in desk.admin("GET", "cases"))


def test_a_leap_of_a_year_comes_to_what_its_hours_would(desks: Start) -> None:
    def at_the_end(leaps: list[int]) -> tuple[Any, ...]:
        desk = desks(Settings(clock_factor=0.0, start=START, enforcement=SMALL, burst_seconds=60))
        desk.verified_domain()
        desk.in_production(rate=500)
        for number in range(60):
            desk.send(f"bounce-{number}@example.com" if number < 4 else f"reader{number}@example.com")
        desk.send("bounce-more@example.com")
        for leap in leaps:
            desk.advance(leap)
            account(desk)
        [case] = [each for each in desk.admin("GET", "cases") if "sending review" in each["subject"]]
        texts = [(each["at"], each["kind"]) for each in case["communications"]]
        return account(desk)["EnforcementStatus"], texts, now(desk)

    hourly = at_the_end([HOUR] * 24 * 20 + [345 * DAY])
    assert hourly == at_the_end([365 * DAY])
    assert hourly[0] == "SHUTDOWN", "5 of 61: between the two thresholds, and nothing was done about it for a fortnight"
    assert [kind for _, kind in hourly[1]] == ["probation", "pause"]


def test_months_pass_in_a_second_on_a_fast_clock(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, reviewer="rules"))
    set_up(desk)
    case = ask_for_production(desk)
    desk.admin("POST", "clock", {"factor": 1_000_000})
    wait_until(desk, case, "information_request")
    desk.admin("POST", f"cases/{case}/reply", {"body": REPLY})
    wait_until(desk, case, "grant")
    desk.admin("POST", "clock", {"factor": 0})
    texts = desk.admin("GET", f"cases/{case}")["communications"]
    at = [datetime.fromisoformat(each["at"]) for each in texts]
    assert at[1] - at[0] == timedelta(hours=20), "dated when it fell due, however fast the clock runs"
    assert at[3] - at[2] == timedelta(hours=22)
    desk.advance(HOUR)
    assert account(desk)["ProductionAccessEnabled"]


def wait_until(desk: Desk, case: str, kind: str) -> None:
    for _ in range(5_000):
        if kind in said(desk, case):
            return
    raise AssertionError(f"AWS never wrote {kind}")


def test_a_clock_set_back_stops_nothing(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, enforcement=SMALL))
    desk.verified_domain()
    desk.in_production(rate=500)
    desk.send("reader@example.com")
    desk.advance(30 * DAY)
    account(desk)
    desk.admin("POST", "clock", {"set": (START + timedelta(hours=1)).isoformat()})
    assert account(desk)["SendingEnabled"]
    for number in range(60):
        desk.send(f"bounce-{number}@example.com")
    desk.advance(2 * HOUR)
    assert account(desk)["EnforcementStatus"] == "SHUTDOWN"


@pytest.mark.parametrize(
    ("body", "status"),
    [({"advance_seconds": -1}, 400), ({"set": "2026-11-02T09:00:00"}, 400), ({"factor": -1}, 400), ({"speed": 2}, 400)],
)
def test_a_clock_that_makes_no_sense_is_refused(desk: Desk, body: dict[str, Any], status: int) -> None:
    assert desk.refused("POST", "clock", body)[0] == status
    assert now(desk) == START


def test_signatures_stay_on_wall_time_whatever_the_simulated_clock_says(desk: Desk) -> None:
    desk.admin("POST", "clock", {"set": "2031-01-01T00:00:00Z"})
    assert account(desk)["EnforcementStatus"] == "HEALTHY"
    stale = urllib.request.Request(f"{desk.at.http}/v2/email/account")  # noqa: S310 - http to 127.0.0.1
    stale.add_header(
        "authorization",
        f"AWS4-HMAC-SHA256 Credential={desk.access_key}/20310101/us-east-1/ses/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
    )
    stale.add_header("x-amz-date", "20310101T000000Z")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(stale, timeout=10)  # noqa: S310 - as above
    with caught.value as answer:
        assert answer.code == 403
