from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.serve import Settings
from sendworthy.simulator.sqs import md5_of_attributes
from tests.simulator.conftest import START, Desk, Start


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def take(desk: Desk, queue: str, **more: Any) -> list[dict[str, Any]]:
    return list(desk.sqs.receive_message(QueueUrl=queue, **more).get("Messages", []))


def plain_queue(desk: Desk, name: str = "q", **attributes: str) -> str:
    return str(desk.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def test_who_am_i(desk: Desk) -> None:
    me = desk.client("sts").get_caller_identity()
    assert (me["Account"], me["Arn"]) == ("111122223333", "arn:aws:iam::111122223333:user/simulator")


def test_topics_are_made_listed_and_deleted(desk: Desk) -> None:
    arn = desk.sns.create_topic(Name="events", Attributes={"DisplayName": "Events"})["TopicArn"]
    assert arn == "arn:aws:sns:us-east-1:111122223333:events"
    assert desk.sns.create_topic(Name="events")["TopicArn"] == arn
    attributes = desk.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (attributes["DisplayName"], attributes["Owner"]) == ("Events", "111122223333")
    assert "AWS:SourceOwner" in attributes["Policy"]
    assert desk.sns.list_topics()["Topics"] == [{"TopicArn": arn}]
    assert code(desk.sns.create_topic, Name="events", Attributes={"DisplayName": "x"}) == "InvalidParameter"
    assert desk.elsewhere(region="eu-west-1").sns.list_topics()["Topics"] == []
    desk.sns.delete_topic(TopicArn=arn)
    assert code(desk.sns.get_topic_attributes, TopicArn=arn) == "NotFound"


def test_topics_are_listed_a_hundred_to_a_page(desk: Desk) -> None:
    for number in range(101):
        desk.sns.create_topic(Name=f"t{number:03d}")
    pages = list(desk.sns.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("Policy", "{}"), ("Policy", "not json"), ("SignatureVersion", "3"), ("Colour", "red")],
)
def test_a_topic_attribute_that_makes_no_sense_is_refused(desk: Desk, name: str, value: str) -> None:
    arn = desk.topic()
    assert (
        code(desk.sns.set_topic_attributes, TopicArn=arn, AttributeName=name, AttributeValue=value)
        == "InvalidParameter"
    )


def test_a_subscription_of_a_queue_is_confirmed_at_once(desk: Desk) -> None:
    topic = desk.topic()
    queue = desk.arn_of(desk.queue(topic))
    arn = desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    assert desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"] == arn
    [listed] = desk.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed == {
        "SubscriptionArn": arn,
        "Owner": "111122223333",
        "Protocol": "sqs",
        "Endpoint": queue,
        "TopicArn": topic,
    }
    attributes = desk.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["RawMessageDelivery"]) == ("false", "false")
    desk.sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
    attributes = desk.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert attributes["RawMessageDelivery"] == "true"
    desk.sns.unsubscribe(SubscriptionArn=arn)
    desk.sns.unsubscribe(SubscriptionArn=arn)
    assert desk.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert code(desk.sns.get_subscription_attributes, SubscriptionArn=arn) == "NotFound"


def test_what_cannot_be_subscribed_or_published_is_refused(desk: Desk) -> None:
    topic = desk.topic()
    subscribe, publish = desk.sns.subscribe, desk.sns.publish
    assert code(subscribe, TopicArn=topic, Protocol="https", Endpoint="https://example.com") == "InvalidParameter"
    assert code(subscribe, TopicArn=topic, Protocol="sqs", Endpoint="queue") == "InvalidParameter"
    wrong = {"FilterPolicy": "[]"}
    queue = "arn:aws:sqs:us-east-1:111122223333:q"
    assert code(subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=wrong) == "InvalidParameter"
    assert code(subscribe, TopicArn=topic + "x", Protocol="sqs", Endpoint=queue) == "NotFound"
    assert code(publish, TopicArn=topic, Message="") == "InvalidParameter"
    assert code(publish, Message="x") == "InvalidParameter"
    assert code(publish, TopicArn="nonsense", Message="x") == "InvalidParameter"


def test_queues_are_made_found_and_deleted(desk: Desk) -> None:
    url = plain_queue(desk, VisibilityTimeout="60")
    assert url == f"{desk.at.http}/111122223333/q"
    assert plain_queue(desk) == url
    assert desk.sqs.get_queue_url(QueueName="q")["QueueUrl"] == url
    assert code(desk.sqs.create_queue, QueueName="q", Attributes={"VisibilityTimeout": "1"}) == "QueueAlreadyExists"
    assert code(desk.sqs.create_queue, QueueName="q.fifo") == "InvalidParameterValue"
    plain_queue(desk, "other")
    assert desk.sqs.list_queues(QueueNamePrefix="q")["QueueUrls"] == [url]
    first = desk.sqs.list_queues(MaxResults=1)
    assert len(desk.sqs.list_queues(MaxResults=1, NextToken=first["NextToken"])["QueueUrls"]) == 1
    attributes = desk.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "60"
    assert attributes["QueueArn"] == "arn:aws:sqs:us-east-1:111122223333:q"
    desk.sqs.delete_queue(QueueUrl=url)
    with pytest.raises(desk.sqs.exceptions.QueueDoesNotExist) as caught:
        desk.sqs.get_queue_url(QueueName="q")
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
        ("VisibilityTimeout", "soon", "InvalidAttributeValue"),
        ("Policy", "[]", "InvalidAttributeValue"),
        ("RedrivePolicy", '{"maxReceiveCount": 0}', "InvalidAttributeValue"),
        ("FifoQueue", "true", "InvalidAttributeName"),
    ],
)
def test_a_queue_attribute_that_makes_no_sense_is_refused(desk: Desk, name: str, value: str, expected: str) -> None:
    queue = plain_queue(desk)
    assert code(desk.sqs.set_queue_attributes, QueueUrl=queue, Attributes={name: value}) == expected


def test_a_message_comes_back_with_its_digest_and_counts(desk: Desk) -> None:
    queue = plain_queue(desk)
    sent = desk.sqs.send_message(
        QueueUrl=queue,
        MessageBody="Grüße",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "greeting"}},
    )
    [got] = take(desk, queue, AttributeNames=["All"], MessageAttributeNames=["k.*", "kind"])
    assert got["Body"] == "Grüße"
    assert got["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5("Grüße".encode()).hexdigest()  # noqa: S324
    assert got["MessageAttributes"]["kind"]["StringValue"] == "greeting"
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    assert got["Attributes"]["SentTimestamp"] == str(int(START.timestamp() * 1000))


def test_the_digest_of_attributes_is_that_of_the_developer_guide() -> None:
    # Encoded by hand as the guide says: length and bytes of name and type, one byte of kind, length and bytes of value.
    blob = (
        b"\0\0\0\1a" b"\0\0\0\6Binary" b"\2" b"\0\0\0\2\1\2"
        b"\0\0\0\1b" b"\0\0\0\6Number" b"\1" b"\0\0\0\00217"
    )  # fmt: skip
    attributes: dict[str, dict[str, Any]] = {
        "b": {"DataType": "Number", "StringValue": "17"},
        "a": {"DataType": "Binary", "BinaryValue": b"\1\2"},
    }
    assert md5_of_attributes(attributes) == hashlib.md5(blob).hexdigest()  # noqa: S324 - SQS's digest


def test_a_message_is_visible_again_by_the_simulated_clock(desk: Desk) -> None:
    queue = plain_queue(desk)
    desk.sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert len(take(desk, queue)) == 1
    desk.advance(29)
    assert take(desk, queue) == []
    desk.advance(1)
    [again] = take(desk, queue, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_queues_can_stay_on_wall_time_while_the_clock_leaps(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, queues_on_wall_time=True))
    queue = plain_queue(desk)
    desk.sqs.send_message(QueueUrl=queue, MessageBody="x")
    assert len(take(desk, queue)) == 1
    desk.advance(86_400)
    assert take(desk, queue) == []


def test_visibility_is_changed_one_by_one_and_in_batches(desk: Desk) -> None:
    queue = plain_queue(desk)
    desk.sqs.send_message_batch(
        QueueUrl=queue, Entries=[{"Id": str(number), "MessageBody": f"m{number}"} for number in range(3)]
    )
    got = take(desk, queue, MaxNumberOfMessages=10)
    assert sorted(message["Body"] for message in got) == ["m0", "m1", "m2"]
    desk.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=got[0]["ReceiptHandle"], VisibilityTimeout=0)
    changed = desk.sqs.change_message_visibility_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "a", "ReceiptHandle": got[1]["ReceiptHandle"], "VisibilityTimeout": 0},
            {"Id": "b", "ReceiptHandle": "nonsense", "VisibilityTimeout": 0},
        ],
    )
    assert [each["Id"] for each in changed["Successful"]] == ["a"]
    assert [(each["Id"], each["Code"]) for each in changed["Failed"]] == [("b", "ReceiptHandleIsInvalid")]
    assert len(take(desk, queue, MaxNumberOfMessages=10)) == 2
    stale = {"QueueUrl": queue, "ReceiptHandle": got[0]["ReceiptHandle"], "VisibilityTimeout": 1}
    assert code(desk.sqs.change_message_visibility, **stale) == "AWS.SimpleQueueService.MessageNotInflight"


def test_messages_are_deleted_in_batches_and_purged(desk: Desk) -> None:
    queue = plain_queue(desk)
    for number in range(4):
        desk.sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    got = take(desk, queue, MaxNumberOfMessages=2)
    entries = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(got)]
    assert len(desk.sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 2
    counts = desk.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    assert counts["Attributes"] == {"ApproximateNumberOfMessages": "2"}
    desk.sqs.purge_queue(QueueUrl=queue)
    assert take(desk, queue) == []


def test_batches_and_numbers_out_of_bounds_are_refused(desk: Desk) -> None:
    queue = plain_queue(desk)
    eleven = [{"Id": str(number), "ReceiptHandle": "m#1"} for number in range(11)]
    delete, receive = desk.sqs.delete_message_batch, desk.sqs.receive_message
    start = "AWS.SimpleQueueService."
    assert code(delete, QueueUrl=queue, Entries=eleven) == f"{start}TooManyEntriesInBatchRequest"
    assert code(delete, QueueUrl=queue, Entries=[]) == f"{start}EmptyBatchRequest"
    assert code(delete, QueueUrl=queue, Entries=eleven[:1] * 2) == f"{start}BatchEntryIdsNotDistinct"
    assert code(receive, QueueUrl=queue, MaxNumberOfMessages=11) == "InvalidParameterValue"
    assert code(receive, QueueUrl=queue, WaitTimeSeconds=21) == "InvalidParameterValue"
    assert code(desk.sqs.delete_message, QueueUrl=queue, ReceiptHandle="x") == "ReceiptHandleIsInvalid"
    assert code(desk.sqs.send_message, QueueUrl=queue, MessageBody="x" * 1_048_577) == "InvalidParameterValue"
    assert code(desk.sqs.send_message, QueueUrl=queue, MessageBody="\x01") == "InvalidMessageContents"
    assert code(desk.sqs.send_message, QueueUrl=queue, MessageBody="x", DelaySeconds=901) == "InvalidParameterValue"


def test_a_message_received_too_often_ends_in_the_dead_letter_queue(desk: Desk) -> None:
    dead = plain_queue(desk, "dead")
    redrive = json.dumps({"deadLetterTargetArn": desk.arn_of(dead), "maxReceiveCount": 2})
    queue = plain_queue(desk, "live", RedrivePolicy=redrive, VisibilityTimeout="10")
    desk.sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for _ in range(2):
        assert len(take(desk, queue)) == 1
        desk.advance(10)
    assert take(desk, queue) == []
    assert [message["Body"] for message in take(desk, dead)] == ["poison"]


def test_a_delayed_message_waits_by_the_simulated_clock(desk: Desk) -> None:
    queue = plain_queue(desk)
    desk.sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=60)
    assert take(desk, queue) == []
    desk.advance(60)
    assert len(take(desk, queue)) == 1


@pytest.mark.parametrize("by", ["message", "clock"])
def test_long_polling_ends_as_soon_as_a_message_is_visible(desk: Desk, by: str) -> None:
    queue = plain_queue(desk)
    desk.sqs.send_message(QueueUrl=queue, MessageBody="x", DelaySeconds=60 if by == "clock" else 0)
    if by == "message":
        desk.sqs.purge_queue(QueueUrl=queue)
    found: list[Any] = []
    started = time.monotonic()
    waiting = threading.Thread(target=lambda: found.extend(take(desk, queue, WaitTimeSeconds=20)))
    waiting.start()
    if by == "message":
        desk.elsewhere().sqs.send_message(QueueUrl=queue, MessageBody="x")
    else:
        desk.advance(60)
    waiting.join(timeout=15)
    assert len(found) == 1
    assert time.monotonic() - started < 10


def test_an_empty_long_poll_lasts_as_long_as_it_was_told(desk: Desk) -> None:
    queue = plain_queue(desk, ReceiveMessageWaitTimeSeconds="1")
    started = time.monotonic()
    assert take(desk, queue) == []
    assert 0.9 < time.monotonic() - started < 5
    desk.sqs.delete_queue(QueueUrl=queue)
    assert code(desk.sqs.receive_message, QueueUrl=queue) == "AWS.SimpleQueueService.NonExistentQueue"


def test_queues_are_tagged_and_name_the_queues_whose_dead_letters_they_take(desk: Desk) -> None:
    dead = plain_queue(desk, "dead")
    redrive = json.dumps({"deadLetterTargetArn": desk.arn_of(dead), "maxReceiveCount": 3})
    live = plain_queue(desk, "live", RedrivePolicy=redrive)
    assert desk.sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [live]
    assert desk.sqs.list_dead_letter_source_queues(QueueUrl=live)["queueUrls"] == []
    desk.sqs.tag_queue(QueueUrl=live, Tags={"team": "shop", "stage": "test"})
    desk.sqs.untag_queue(QueueUrl=live, TagKeys=["stage", "gone"])
    assert desk.sqs.list_queue_tags(QueueUrl=live)["Tags"] == {"team": "shop"}
    assert "Tags" not in desk.sqs.list_queue_tags(QueueUrl=dead)
