from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.patterns import matches, problem
from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start

BUS = "arn:aws:events:us-east-1:111122223333:event-bus/default"
STREAM = "arn:aws:firehose:us-east-1:111122223333:deliverystream/mail"
ROLE = "arn:aws:iam::111122223333:role/firehose"
KINDS = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT"]


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def bus_queue(desk: Desk, name: str = "bus", *, admits: bool = True) -> str:
    url = str(desk.sqs.create_queue(QueueName=name)["QueueUrl"])
    if admits:
        statement = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": desk.arn_of(url),
        }  # fmt: skip
        desk.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    return url


def rule(desk: Desk, pattern: dict[str, Any], *queues: str, name: str = "mail") -> None:
    events = desk.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    targets = [{"Id": str(number), "Arn": desk.arn_of(queue)} for number, queue in enumerate(queues)]
    assert events.put_targets(Rule=name, Targets=targets)["FailedEntryCount"] == 0


def destination(desk: Desk, **where: Any) -> None:
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    desk.ses.create_configuration_set_event_destination(
        ConfigurationSetName="main",
        EventDestinationName="d",
        EventDestination={"Enabled": True, "MatchingEventTypes": KINDS, **where},
    )


def test_ses_events_reach_a_queue_over_the_default_bus(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    destination(desk, EventBridgeDestination={"EventBusArn": BUS})
    everything, bounces = bus_queue(desk, "all"), bus_queue(desk, "bounces")
    rule(desk, {"source": ["aws.ses"]}, everything)
    wanted = {"detail-type": ["Email Bounced"], "detail": {"bounce": {"bounceType": ["Permanent"]}}}
    rule(desk, wanted, bounces, name="bounces")
    message = desk.send("bounce-1@example.com", ConfigurationSetName="main")
    found = [json.loads(body) for body in desk.received(everything)]
    assert [each["detail-type"] for each in found] == ["Email Sent", "Email Bounced"]
    bounced = found[1]
    assert (bounced["source"], bounced["account"], bounced["region"]) == ("aws.ses", "111122223333", "us-east-1")
    assert bounced["resources"] == ["arn:aws:ses:us-east-1:111122223333:configuration-set/main"]
    assert bounced["detail"]["mail"]["messageId"] == message
    assert bounced["detail"]["eventType"] == "Bounce"
    assert [json.loads(body)["id"] for body in desk.received(bounces)] == [bounced["id"]]


def test_a_queue_that_does_not_admit_the_bus_gets_nothing_and_the_dead_letter_queue_does(desk: Desk) -> None:
    closed, dead = bus_queue(desk, "closed", admits=False), bus_queue(desk, "dead")
    events = desk.client("events")
    events.put_rule(Name="mail", EventPattern='{"source":["shop"]}')
    target = {"Id": "1", "Arn": desk.arn_of(closed), "DeadLetterConfig": {"Arn": desk.arn_of(dead)}}
    events.put_targets(Rule="mail", Targets=[target])
    entry = {"Source": "shop", "DetailType": "Order", "Detail": '{"number":7}'}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert desk.received(closed) == []
    assert json.loads(desk.received(dead)[0])["detail"] == {"number": 7}


def test_a_rule_can_be_switched_off_and_its_target_may_get_a_fixed_text(desk: Desk) -> None:
    queue, events = bus_queue(desk), desk.client("events")
    events.put_rule(Name="mail", EventPattern='{"source":["shop"]}', Description="orders")
    events.put_targets(Rule="mail", Targets=[{"Id": "1", "Arn": desk.arn_of(queue), "Input": '"ping"'}])
    entry = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
    events.disable_rule(Name="mail")
    events.put_events(Entries=[entry])
    assert (events.describe_rule(Name="mail")["State"], desk.received(queue)) == ("DISABLED", [])
    events.enable_rule(Name="mail")
    events.put_events(Entries=[entry])
    assert desk.received(queue) == ['"ping"']
    assert [each["Name"] for each in events.list_rules(NamePrefix="m")["Rules"]] == ["mail"]
    assert events.list_rule_names_by_target(TargetArn=desk.arn_of(queue))["RuleNames"] == ["mail"]
    assert events.list_targets_by_rule(Rule="mail")["Targets"][0]["Input"] == '"ping"'
    assert code(events.delete_rule, Name="mail") == "ValidationException"
    assert events.remove_targets(Rule="mail", Ids=["1", "2"])["FailedEntryCount"] == 1
    events.delete_rule(Name="mail")
    assert code(events.describe_rule, Name="mail") == "ResourceNotFoundException"
    assert events.describe_event_bus()["Arn"] == BUS
    assert [each["Name"] for each in events.list_event_buses()["EventBuses"]] == ["default"]


def test_a_topic_can_be_a_target_too(desk: Desk) -> None:
    topic = str(desk.sns.create_topic(Name="events")["TopicArn"])
    queue = desk.queue(topic)
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Statement": [allow | {"Resource": topic}]})
    events = desk.client("events")
    events.put_rule(Name="mail", EventPattern='{"source":["shop"]}')
    events.put_targets(Rule="mail", Targets=[{"Id": "1", "Arn": topic}])
    entry = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
    events.put_events(Entries=[entry])
    assert desk.received(queue) == [], "the topic's own policy does not admit the bus"
    desk.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    events.put_events(Entries=[entry])
    assert json.loads(json.loads(desk.received(queue)[0])["Message"])["detail-type"] == "Order"


def test_what_is_not_simulated_or_makes_no_sense_is_refused(desk: Desk) -> None:
    events = desk.client("events")
    assert code(events.put_rule, Name="r", EventPattern="{}") == "InvalidEventPatternException"
    assert code(events.put_rule, Name="r", EventPattern='{"source":"x"}') == "InvalidEventPatternException"
    assert code(events.put_rule, Name="r", ScheduleExpression="rate(1 day)") == "ValidationException"
    assert code(events.put_rule, Name="r", EventPattern='{"a":[1]}', EventBusName="own") == "ResourceNotFoundException"
    events.put_rule(Name="r", EventPattern='{"a":[1]}')
    failed = events.put_targets(
        Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:lambda:us-east-1:111122223333:function:f"}]
    )
    assert failed["FailedEntries"][0]["ErrorCode"] == "ValidationException"
    assert code(events.put_targets, Rule="x", Targets=[{"Id": "1", "Arn": BUS}]) == "ResourceNotFoundException"
    refused = events.put_events(
        Entries=[
            {"Source": "aws.ses", "DetailType": "x", "Detail": "{}"},
            {"Source": "shop", "DetailType": "x", "Detail": "[]"},
            {"Source": "shop", "Detail": "{}"},
        ]
    )
    assert (refused["FailedEntryCount"], {each["ErrorCode"] for each in refused["Entries"]}) == (3, {"InvalidArgument"})
    event = {
        "id": "1", "account": "1", "source": "a", "time": "t", "region": "r", "resources": [], "detail-type": "d"
    }  # fmt: skip
    assert events.test_event_pattern(EventPattern='{"source":["a"]}', Event=json.dumps(event))["Result"]
    assert code(events.test_event_pattern, EventPattern='{"source":["a"]}', Event="{}") == "ValidationException"


EVENT = {"a": "Order", "n": 5, "list": ["x", "y"], "in": {"b": [{"c": 1}, {"c": 2}], "none": None}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"a": ["Order"]}, True),
        ({"a": ["order"]}, False),
        ({"a": [{"equals-ignore-case": "order"}]}, True),
        ({"a": [{"prefix": "Or"}], "n": [{"numeric": [">", 4, "<=", 5]}]}, True),
        ({"a": [{"suffix": "er"}], "n": [{"numeric": ["<", 5]}]}, False),
        ({"a": [{"anything-but": ["Order", "x"]}]}, False),
        ({"a": [{"anything-but": {"prefix": "x"}}]}, True),
        ({"a": [{"wildcard": "O*r"}]}, True),
        ({"a": [{"wildcard": "O?der"}]}, False),
        ({"n": [5]}, True),
        ({"n": ["5"]}, False),
        ({"list": ["y"]}, True),
        ({"in": {"b": {"c": [2]}}}, True),
        ({"in": {"none": [None]}}, True),
        ({"in": {"gone": [{"exists": False}]}}, True),
        ({"gone": {"deeper": [{"exists": False}]}}, True),
        ({"a": [{"exists": False}]}, False),
        ({"$or": [{"a": ["x"]}, {"n": [5]}]}, True),
        ({"$or": [{"a": ["x"]}, {"n": [6]}]}, False),
    ],
)
def test_a_pattern_means_what_awss_guide_says(pattern: dict[str, Any], expected: bool) -> None:
    assert problem(pattern) == ""
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    "pattern",
    [[], {}, {"a": "x"}, {"a": []}, {"a": [{"like": "x"}]}, {"a": [{"numeric": [">"]}]}, {"a": [{"prefix": 5}]},
     {"$or": [{"a": [1]}]}, {"a": [["x"]]}, {"a": [{"exists": "yes"}]}],
)  # fmt: skip
def test_a_pattern_that_makes_no_sense_has_its_problem_told(pattern: object) -> None:
    assert problem(pattern)


def test_firehose_writes_one_json_object_a_line_in_awss_folders(desks: Start, tmp_path: Path) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, firehose_directory=tmp_path))
    desk.verified_domain()
    desk.in_production()
    where = {"DeliveryStreamArn": STREAM, "IamRoleArn": ROLE}
    destination(desk, KinesisFirehoseDestination=where)
    sent = [desk.send(to, ConfigurationSetName="main") for to in ("reader@example.com", "bounce-1@example.com")]
    assert list(tmp_path.rglob("*")) == []
    desk.advance(301)
    desk.ses.get_account()
    [waiting] = wait_for_files(desk)
    assert (waiting["written"], waiting["files"]) == (4, 1)
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.relative_to(tmp_path).as_posix().startswith("2026/11/02/09/mail-1-2026-11-02-09-01-01-")
    lines = file.read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["Send", "Delivery", "Send", "Bounce"]
    assert {json.loads(line)["mail"]["messageId"] for line in lines} == set(sent)


def wait_for_files(desk: Desk) -> list[dict[str, Any]]:
    """The streams, once nothing waits: the buffers go out with the next tick of wall time."""
    for _ in range(500):
        streams = list(desk.admin("GET", "firehose"))
        if not any(stream["waiting"] for stream in streams):
            return streams
    raise AssertionError("the buffers did not go out")


def test_what_waits_is_written_when_the_simulator_ends(desks: Start, tmp_path: Path) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, firehose_directory=tmp_path))
    firehose = desk.client("firehose")
    target = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::mail", "Prefix": "ses/"}
    made = firehose.create_delivery_stream(DeliveryStreamName="own", ExtendedS3DestinationConfiguration=target)
    assert made["DeliveryStreamARN"].endswith(":deliverystream/own")
    firehose.put_record(DeliveryStreamName="own", Record={"Data": b"one\n"})
    batch = firehose.put_record_batch(DeliveryStreamName="own", Records=[{"Data": b"two\n"}, {"Data": b"three\n"}])
    assert batch["FailedPutCount"] == 0
    described = firehose.describe_delivery_stream(DeliveryStreamName="own")["DeliveryStreamDescription"]
    assert described["DeliveryStreamStatus"] == "ACTIVE"
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == ["own"]
    assert code(firehose.put_record, DeliveryStreamName="x", Record={"Data": b""}) == "ResourceNotFoundException"
    again = {"DeliveryStreamName": "own", "ExtendedS3DestinationConfiguration": target}
    assert code(firehose.create_delivery_stream, **again) == "ResourceInUseException"
    desk.admin("POST", "clock", {"advance_seconds": timedelta(hours=1).total_seconds()})
    wait_for_files(desk)
    [file] = [path for path in (tmp_path / "ses").rglob("*") if path.is_file()]
    assert file.read_bytes() == b"one\ntwo\nthree\n"
    firehose.delete_delivery_stream(DeliveryStreamName="own")
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []


def test_a_prefix_that_leads_outside_the_directory_writes_nothing(desks: Start, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    desk = desks(Settings(clock_factor=0.0, start=START, firehose_directory=inside))
    target = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::mail", "Prefix": "../outside/"}
    firehose = desk.client("firehose")
    firehose.create_delivery_stream(DeliveryStreamName="own", ExtendedS3DestinationConfiguration=target)
    firehose.put_record(DeliveryStreamName="own", Record={"Data": b"one\n"})
    desk.advance(3_600)
    wait_for_files(desk)
    assert not (tmp_path / "outside").exists()


def test_events_are_counted_under_the_dimensions_of_their_destination(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    dimensions = [
        {"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"},
        {"DimensionName": "X-Team", "DimensionValueSource": "EMAIL_HEADER", "DefaultDimensionValue": "nobody"},
    ]
    destination(desk, CloudWatchDestination={"DimensionConfigurations": dimensions})
    desk.send("a@example.com", ConfigurationSetName="main", EmailTags=[{"Name": "campaign", "Value": "spring"}])
    desk.send("b@example.com", ConfigurationSetName="main")
    found = desk.client("cloudwatch").list_metrics(MetricName="Send", Dimensions=[{"Name": "campaign"}])["Metrics"]
    assert [{each["Name"]: each["Value"] for each in metric["Dimensions"]} for metric in found] == [
        {"X-Team": "nobody", "campaign": "none"},
        {"X-Team": "nobody", "campaign": "spring"},
    ]
