from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.alarms import Alarm, AlarmState, Comparison, Missing, evaluate, judge
from sendworthy.simulator.cloudwatch_metrics import Key, Metrics, Point
from tests.simulator.conftest import START, Desk

KEY: Key = ("111122223333", "us-east-1", "AWS/SES", "Reputation.BounceRate", ())
AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def statistic(desk: Desk, metric: str, name: str = "Sum", *, hours: int = 24, **more: Any) -> float | None:
    found = desk.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SES",
        MetricName=metric,
        StartTime=START - timedelta(hours=1),
        EndTime=START + timedelta(hours=hours),
        Period=86_400 * 7,
        Statistics=[name],
        **more,
    )["Datapoints"]
    return None if not found else float(found[0][name])


@pytest.fixture
def sent(desk: Desk) -> Desk:
    """Production, eight good mails and two bounces, five minutes ago."""
    desk.verified_domain()
    desk.in_production(rate=500)
    desk.ses.create_configuration_set(ConfigurationSetName="main", ReputationOptions={"ReputationMetricsEnabled": True})
    for number in range(8):
        desk.send(f"reader{number}@example.com")
    desk.send("bounce-1@example.com", ConfigurationSetName="main")
    desk.send("complaint-2@example.com")
    desk.advance(300)
    return desk


def test_the_namespace_is_absent_until_the_first_mail(desk: Desk) -> None:
    assert desk.client("cloudwatch").list_metrics(Namespace="AWS/SES")["Metrics"] == []


def test_every_mail_is_counted_and_rates_are_fractions(sent: Desk) -> None:
    assert [statistic(sent, name) for name in ("Send", "Delivery", "Bounce", "Complaint")] == [10, 9, 1, 1]
    assert statistic(sent, "Reputation.BounceRate", "Maximum") == pytest.approx(0.1)
    assert statistic(sent, "Reputation.ComplaintRate", "Maximum") == pytest.approx(1 / 9)
    assert statistic(sent, "Open") is None
    names = {each["MetricName"] for each in sent.client("cloudwatch").list_metrics(Namespace="AWS/SES")["Metrics"]}
    assert names == {
        "Send", "Delivery", "Bounce", "Complaint", "Reputation.BounceRate", "Reputation.ComplaintRate"
    }  # fmt: skip
    other = sent.elsewhere(region="eu-west-1").client("cloudwatch")
    assert other.list_metrics()["Metrics"] == []


def test_a_configuration_set_has_its_own_rates_where_it_wants_them(sent: Desk) -> None:
    dimensions = [{"Name": "ses:configuration-set", "Value": "main"}]
    assert statistic(sent, "Reputation.BounceRate", "Maximum", Dimensions=dimensions) == 1.0
    sent.ses.create_configuration_set(ConfigurationSetName="quiet")
    sent.send("bounce-9@example.com", ConfigurationSetName="quiet")
    sent.advance(300)
    found = sent.client("cloudwatch").list_metrics(Dimensions=[{"Name": "ses:configuration-set"}])["Metrics"]
    assert {each["Dimensions"][0]["Value"] for each in found} == {"main"}


def test_a_set_that_was_paused_and_resumed_has_a_fresh_start_and_the_account_has_not(sent: Desk) -> None:
    for enabled in (False, True):
        sent.ses.put_configuration_set_sending_options(ConfigurationSetName="main", SendingEnabled=enabled)
    shown = sent.ses.get_configuration_set(ConfigurationSetName="main")["ReputationOptions"]
    assert shown["ReputationMetricsEnabled"]
    assert shown["LastFreshStart"] == datetime.fromisoformat(sent.admin("GET", "clock")["now"])
    [account] = sent.admin("GET", "reputation")
    assert account["bounces"] == 1
    sent.send("reader@example.com", ConfigurationSetName="main")
    sent.advance(300)
    dimensions = [{"Name": "ses:configuration-set", "Value": "main"}]
    assert statistic(sent, "Reputation.BounceRate", "Minimum", Dimensions=dimensions) == 0.0


def test_metric_data_comes_newest_first_and_in_the_order_asked_for(sent: Desk) -> None:
    sent.send("reader@example.com")
    query = {
        "Id": "sent",
        "MetricStat": {"Metric": {"Namespace": "AWS/SES", "MetricName": "Send"}, "Period": 60, "Stat": "Sum"},
    }
    span = {"StartTime": START, "EndTime": START + timedelta(hours=1)}
    ask = sent.client("cloudwatch").get_metric_data
    [result] = ask(MetricDataQueries=[query], **span)["MetricDataResults"]
    assert (result["Values"], result["Label"], result["StatusCode"]) == ([1, 10], "Send", "Complete")
    [result] = ask(MetricDataQueries=[query], ScanBy="TimestampAscending", **span)["MetricDataResults"]
    assert result["Values"] == [10, 1]
    assert code(ask, MetricDataQueries=[{"Id": "e1", "Expression": "sent*2"}], **span) == "ValidationError"
    assert code(ask, MetricDataQueries=[query, query], **span) == "ValidationError"


def test_own_metrics_are_put_and_read_and_awss_namespaces_are_awss(desk: Desk) -> None:
    client = desk.client("cloudwatch")
    client.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {"MetricName": "Orders", "Value": 3.0, "Unit": "Count", "Timestamp": START},
            {"MetricName": "Orders", "Values": [1.0, 2.0], "Counts": [2.0, 1.0], "Timestamp": START},
            {
                "MetricName": "Orders",
                "Timestamp": START,
                "StatisticValues": {"SampleCount": 2, "Sum": 20, "Minimum": 8, "Maximum": 12},
            },
        ],
    )
    found = client.get_metric_statistics(
        Namespace="Shop", MetricName="Orders", StartTime=START, EndTime=START + timedelta(minutes=1), Period=60,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
    )["Datapoints"]  # fmt: skip
    [point] = found
    assert [point[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum")] == [6, 27, 1, 12]
    assert point["Unit"] == "Count"
    assert code(client.put_metric_data, Namespace="AWS/SES", MetricData=[]) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"Period": 61}, "InvalidParameterValue"),
        ({"EndTime": START - timedelta(days=1)}, "InvalidParameterValue"),
        ({"EndTime": START + timedelta(days=30)}, "InvalidParameterCombination"),
        ({"Statistics": [], "ExtendedStatistics": ["p99"]}, "InvalidParameterValue"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(desk: Desk, wrong: dict[str, Any], expected: str) -> None:
    asked = {
        "Namespace": "AWS/SES", "MetricName": "Send", "StartTime": START, "EndTime": START + timedelta(hours=1),
        "Period": 60, "Statistics": ["Sum"],
    } | wrong  # fmt: skip
    given = {name: value for name, value in asked.items() if value != []}
    assert code(desk.client("cloudwatch").get_metric_statistics, **given) == expected


def put_alarm(desk: Desk, **more: Any) -> None:
    given = {
        "AlarmName": "bounce-rate",
        "Namespace": "AWS/SES",
        "MetricName": "Reputation.BounceRate",
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0.05,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    }
    desk.client("cloudwatch").put_metric_alarm(**(given | more))


def alarm(desk: Desk) -> dict[str, Any]:
    [found] = desk.client("cloudwatch").describe_alarms(AlarmNames=["bounce-rate"])["MetricAlarms"]
    return dict(found)


def test_an_alarm_rises_on_the_simulated_clock_and_tells_its_topic(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production(rate=500)
    topic = str(desk.sns.create_topic(Name="alarms")["TopicArn"])
    queue = desk.queue(topic, "alarms")
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))
    put_alarm(desk, AlarmActions=[topic], OKActions=[topic], AlarmDescription="AWS pauses at 10 %")
    assert alarm(desk)["StateValue"] == "INSUFFICIENT_DATA"
    for number in range(9):
        desk.send(f"reader{number}@example.com")
    desk.send("bounce-1@example.com")
    assert desk.received(queue) == []
    desk.advance(600)
    assert alarm(desk)["StateValue"] == "ALARM"
    [body] = desk.received(queue)
    envelope = json.loads(body)
    message = json.loads(envelope["Message"])
    assert envelope["Subject"] == 'ALARM: "bounce-rate" in us-east-1'
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["Trigger"]["MetricName"] == "Reputation.BounceRate"
    for number in range(200):
        desk.send(f"reader{number}@example.com")
    desk.advance(600)
    assert alarm(desk)["StateValue"] == "OK"
    assert json.loads(json.loads(desk.received(queue)[0])["Message"])["NewStateValue"] == "OK"
    desk.advance(86_400 * 30)
    assert alarm(desk)["StateValue"] == "OK", "missing data is ignored"
    assert desk.received(queue) == []


def test_an_alarm_is_drilled_silenced_and_deleted(desk: Desk) -> None:
    client = desk.client("cloudwatch")
    topic = str(desk.sns.create_topic(Name="alarms")["TopicArn"])
    queue = desk.queue(topic, "alarms")
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))
    put_alarm(desk, AlarmActions=[topic])
    client.set_alarm_state(AlarmName="bounce-rate", StateValue="ALARM", StateReason="drill")
    assert (alarm(desk)["StateValue"], alarm(desk)["StateReason"], len(desk.received(queue))) == ("ALARM", "drill", 1)
    client.disable_alarm_actions(AlarmNames=["bounce-rate"])
    client.set_alarm_state(AlarmName="bounce-rate", StateValue="OK", StateReason="drill")
    client.set_alarm_state(AlarmName="bounce-rate", StateValue="ALARM", StateReason="drill")
    assert desk.received(queue) == []
    client.enable_alarm_actions(AlarmNames=["bounce-rate"])
    put_alarm(desk, Threshold=0.02)
    assert (alarm(desk)["Threshold"], alarm(desk)["StateValue"], alarm(desk)["AlarmActions"]) == (0.02, "ALARM", [])
    found = client.describe_alarms_for_metric(Namespace="AWS/SES", MetricName="Reputation.BounceRate")
    assert [each["AlarmName"] for each in found["MetricAlarms"]] == ["bounce-rate"]
    assert code(client.delete_alarms, AlarmNames=["bounce-rate", "x"]) == "ResourceNotFound"
    client.delete_alarms(AlarmNames=["bounce-rate"])
    assert client.describe_alarms()["MetricAlarms"] == []
    assert code(client.set_alarm_state, AlarmName="x", StateValue="OK", StateReason="x") == "ResourceNotFound"


def test_an_alarms_tags_outlive_its_being_put_again(desk: Desk) -> None:
    client = desk.client("cloudwatch")
    put_alarm(desk, Tags=[{"Key": "team", "Value": "shop"}])
    arn = alarm(desk)["AlarmArn"]
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "mail"}, {"Key": "stage", "Value": "test"}])
    client.untag_resource(ResourceARN=arn, TagKeys=["stage"])
    put_alarm(desk, Tags=[{"Key": "team", "Value": "ignored"}])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "mail"}]
    assert code(client.list_tags_for_resource, ResourceARN=f"{arn}x") == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Period": 70},
        {"EvaluationPeriods": 300},
        {"DatapointsToAlarm": 2},
        {"AlarmActions": ["arn:aws:sns:us-east-1:111122223333:t"] * 6},
        {"AlarmActions": ["topic"]},
        {"TreatMissingData": "sometimes"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"Statistic": "Sum", "ExtendedStatistic": "p99"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_alarm_that_makes_no_sense_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="Validation"):
        put_alarm(desk, **wrong)


def made(*, missing: Missing, state: AlarmState = AlarmState.OK, periods: int = 3, needed: int = 2) -> Alarm:
    return Alarm(
        name="a", arn="arn", key=KEY, statistic="Maximum", period=300, evaluation_periods=periods,
        datapoints_to_alarm=needed, threshold=0.05, comparison=Comparison.AT_LEAST, missing=missing,
        configured_at=AT, state=state, changed_at=AT, evaluated_to=AT,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "state", "values", "expected"),
    [
        (Missing.MISSING, AlarmState.ALARM, [None, None, None], AlarmState.INSUFFICIENT_DATA),
        (Missing.IGNORE, AlarmState.ALARM, [None, None, None], AlarmState.ALARM),
        (Missing.BREACHING, AlarmState.OK, [None, None, None], AlarmState.ALARM),
        (Missing.NOT_BREACHING, AlarmState.ALARM, [None, None, None], AlarmState.OK),
        (Missing.MISSING, AlarmState.OK, [0.06, None, 0.07], AlarmState.ALARM),
        (Missing.NOT_BREACHING, AlarmState.OK, [0.06, None, None], AlarmState.OK),
        (Missing.BREACHING, AlarmState.OK, [0.06, None, 0.01], AlarmState.ALARM),
        (Missing.MISSING, AlarmState.OK, [0.01, 0.06, 0.01], AlarmState.OK),
        (Missing.IGNORE, AlarmState.ALARM, [0.06, None, 0.01], AlarmState.ALARM),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(
    missing: Missing, state: AlarmState, values: list[float | None], expected: AlarmState
) -> None:
    assert judge(made(missing=missing, state=state), values)[0] is expected


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.01, 0.06])), max_size=8),
    st.lists(st.integers(1, 150), min_size=1, max_size=8),
    st.sampled_from(list(Missing)),
)
def test_leaps_of_the_clock_come_to_the_same_as_its_minutes(
    points: list[tuple[int, float]], leaps: list[int], missing: Missing
) -> None:
    metrics = Metrics()
    for minute, value in points:
        metrics.add(KEY, AT + timedelta(minutes=minute), value)
    stepwise, leaping, end = made(missing=missing), made(missing=missing), AT + timedelta(minutes=sum(leaps))
    slow = [
        (change.at, change.after)
        for minute in range(sum(leaps) + 1)
        for change in evaluate(stepwise, metrics, AT + timedelta(minutes=minute))
    ]
    at, quick = AT, []
    for leap in leaps:
        at += timedelta(minutes=leap)
        quick += [(change.at, change.after) for change in evaluate(leaping, metrics, at)]
    assert quick == slow
    assert (stepwise.state, at) == (leaping.state, end)


class Counted(Metrics):
    asked = 0

    def between(self, key: Key, start: datetime, end: datetime, period: int) -> dict[int, Point]:
        self.asked += 1
        return super().between(key, start, end, period)


def test_a_year_without_data_costs_an_alarm_no_year_of_evaluations() -> None:
    metrics, watched = Counted(), made(missing=Missing.MISSING)
    metrics.add(KEY, AT + timedelta(days=200), 0.07)
    metrics.add(KEY, AT + timedelta(days=200, minutes=6), 0.07)
    changes = list(evaluate(watched, metrics, AT + timedelta(days=365)))
    assert [change.after for change in changes] == [
        AlarmState.INSUFFICIENT_DATA, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA
    ]  # fmt: skip
    assert changes[1].at == AT + timedelta(days=200, minutes=10)
    assert metrics.asked < 20, "not once for each of a year's periods"


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(-10, 10)), max_size=60), st.integers(0, 500))
def test_rolling_up_loses_no_sample_until_it_is_too_old(samples: list[tuple[int, float]], age: int) -> None:
    metrics = Metrics()
    for days, value in samples:
        metrics.add(KEY, AT + timedelta(days=days), value)
    now = AT + timedelta(days=500 + age)
    metrics.roll_up(now)
    kept = [value for days, value in samples if (now - AT).days - days <= 455]
    points = metrics.series.get(KEY, {}).values()
    assert sum(point.count for point in points) == len(kept)
    assert sum(point.total for point in points) == pytest.approx(sum(kept))


def test_aws_cli_reads_metrics_and_alarms(sent: Desk) -> None:
    put_alarm(sent)
    shell = [sys.executable, "-m", "awscli", "cloudwatch", "--endpoint-url", sent.at.http, "--region", "us-east-1"]
    environment = {
        "AWS_ACCESS_KEY_ID": sent.access_key, "AWS_SECRET_ACCESS_KEY": sent.secret_key, "PATH": "/usr/bin",
        "AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip

    def run(*words: str) -> Any:
        done = subprocess.run([*shell, *words], capture_output=True, env=environment, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    metrics = run("list-metrics", "--namespace", "AWS/SES", "--metric-name", "Send")["Metrics"]
    assert metrics == [{"Namespace": "AWS/SES", "MetricName": "Send", "Dimensions": []}]
    assert run("describe-alarms")["MetricAlarms"][0]["AlarmName"] == "bounce-rate"


def test_older_clients_speak_query_to_the_same_rules(sent: Desk) -> None:
    import botocore.session  # noqa: PLC0415 - a session of its own, whose model is told to speak query

    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    model = loader.load_service_model("cloudwatch", "service-2")
    model["metadata"] |= {"protocol": "query", "protocols": ["query"]}
    client = session.create_client(
        "cloudwatch", region_name="us-east-1", endpoint_url=sent.at.http,
        aws_access_key_id=sent.access_key, aws_secret_access_key=sent.secret_key,
    )  # fmt: skip
    try:
        found = client.list_metrics(Namespace="AWS/SES", MetricName="Send")["Metrics"]
        assert [each["MetricName"] for each in found] == ["Send"]
        with pytest.raises(ClientError, match="ResourceNotFound"):
            client.delete_alarms(AlarmNames=["x"])
    finally:
        client.close()
