"""An account's life outlives a restart of a simulator with a state file, the services around SES included."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sendworthy.simulator.enforcement import Rules
from sendworthy.simulator.serve import Settings, running
from tests.simulator.conftest import START, Desk
from tests.simulator.test_sim_reviewer import ask_for_production, said, set_up

HOUR = 3_600
STREAM = "arn:aws:firehose:us-east-1:111122223333:deliverystream/mail"
BUS = "arn:aws:events:us-east-1:111122223333:event-bus/default"


@contextmanager
def run(tmp_path: Path, **more: Any) -> Iterator[Desk]:
    settings = Settings(
        clock_factor=0.0,
        state=tmp_path / "ses.json",
        reviewer="rules",
        firehose_directory=tmp_path / "files",
        enforcement=Rules(least_mails=5, least_bounces=1),
        **more,
    )
    with running(settings) as at:
        desk = Desk(at=at)
        yield desk
        desk.close()


def wire_up(desk: Desk) -> str:
    """An alarm, a rule, a stream, an HTTP subscription that nobody answers; the queue's URL."""
    topic = str(desk.sns.create_topic(Name="alarms")["TopicArn"])
    queue = desk.queue(topic, "alarms")
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": desk.arn_of(queue)}
    desk.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Statement": [anybody]})})
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))
    desk.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:9/")
    desk.client("cloudwatch").put_metric_alarm(
        AlarmName="bounces", Namespace="AWS/SES", MetricName="Reputation.BounceRate", Statistic="Maximum",
        Period=300, EvaluationPeriods=1, Threshold=0.05, ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic],
    )  # fmt: skip
    desk.client("events").put_rule(Name="mail", EventPattern='{"source":["aws.ses"]}')
    desk.client("events").put_targets(Rule="mail", Targets=[{"Id": "1", "Arn": desk.arn_of(queue)}])
    desk.ses.create_configuration_set(ConfigurationSetName="all")
    for name, where in (
        ("bus", {"EventBridgeDestination": {"EventBusArn": BUS}}),
        (
            "stream",
            {
                "KinesisFirehoseDestination": {
                    "DeliveryStreamArn": STREAM,
                    "IamRoleArn": "arn:aws:iam::111122223333:role/r",
                }
            },
        ),
    ):
        desk.ses.create_configuration_set_event_destination(
            ConfigurationSetName="all",
            EventDestinationName=name,
            EventDestination={"Enabled": True, "MatchingEventTypes": ["SEND", "BOUNCE"], **where},
        )
    return queue


def test_everything_goes_on_where_the_last_run_stood(tmp_path: Path) -> None:
    with run(tmp_path, start=START) as desk:
        set_up(desk)
        queue = wire_up(desk)
        case = ask_for_production(desk)
        desk.client("service-quotas").request_service_quota_increase(
            ServiceCode="ses", QuotaCode="L-CDEF9B6B", DesiredValue=5
        )
        desk.admin("POST", "support-plan", {"account_id": "111122223333"})
        desk.admin("POST", "standing", {"paid_bills": 3})
        desk.admin("POST", "deliveries", {"duplicate_share": 0.5, "seed": 3})
        desk.verified_address("bounce-x@example.com")
        for _ in range(6):
            desk.send("bounce-x@example.com", ConfigurationSetName="all")
            desk.advance(2)
        desk.client("cloudwatch").set_alarm_state(AlarmName="bounces", StateValue="ALARM", StateReason="drill")
        before = everything(desk)
        assert said(desk, case) == []
    with run(tmp_path) as desk:
        assert everything(desk) == before
        assert desk.admin("GET", "deliveries")["http_waiting"] == 1, "the confirmation that nobody took"
        desk.advance(21 * HOUR)
        assert said(desk, case) == ["information_request"]
        bodies = desk.received(queue)
        assert any('"detail-type":"Email Bounced"' in body for body in bodies), "written only when it was read"
        assert any("NewStateValue" in body for body in bodies)
        assert desk.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["StateReason"] != "drill"
    [file] = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert len(file.read_text().splitlines()) == 12


def everything(desk: Desk) -> dict[str, Any]:
    """What the doors show of all of it, without what only a running process has."""
    cloudwatch = desk.client("cloudwatch")
    sent = cloudwatch.get_metric_statistics(
        Namespace="AWS/SES", MetricName="Bounce", StartTime=START, EndTime=START + timedelta(days=1), Period=3_600,
        Statistics=["Sum"],
    )  # fmt: skip
    deliveries = desk.admin("GET", "deliveries")
    return {
        "cases": desk.admin("GET", "cases"),
        "reviewer": desk.admin("GET", "reviewer"),
        "reputation": desk.admin("GET", "reputation"),
        "shares": [deliveries[name] for name in ("duplicate_share", "reorder_share", "delay_share")],
        "bounces": [point["Sum"] for point in sent["Datapoints"]],
        "alarms": [each["StateValue"] for each in cloudwatch.describe_alarms()["MetricAlarms"]],
        "rules": [each["Name"] for each in desk.client("events").list_rules()["Rules"]],
        "requests": [
            (each["Id"], each["Status"])
            for each in desk.client("service-quotas").list_requested_service_quota_change_history()["RequestedQuotas"]
        ],
        "support": len(desk.client("support").describe_cases(includeResolvedCases=True)["cases"]),
        "subscriptions": len(desk.sns.list_subscriptions()["Subscriptions"]),
    }


def test_the_command_line_chooses_the_reviewer() -> None:
    command = [sys.executable, "-m", "sendworthy", "simulator", "--json"]
    ports = ["--port=0", "--smtp-port=0", "--dns-port=0", "--web-port=0"]
    wrong = subprocess.run([*command, "--reviewer", "maybe"], capture_output=True, timeout=60, check=False)
    assert wrong.returncode == 2
    with subprocess.Popen([*command, *ports, "--reviewer", "rules"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        at = json.loads(process.stdout.readline())["http"]
        with urllib.request.urlopen(f"{at}/_sim/reviewer", timeout=10) as answer:  # noqa: S310 - http to 127.0.0.1
            assert json.loads(answer.read())["reviewer"] == "rules"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
