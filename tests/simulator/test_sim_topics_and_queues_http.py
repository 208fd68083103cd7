"""SNS over HTTP, filters, dead letters, and deliveries that go astray on purpose."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import Happening, Kind
from sendworthy.simulator.gathering import together
from sendworthy.simulator.sns_policies import delays_of, delivery_policy_problem
from sendworthy.wire.sns import verify
from tests.simulator.conftest import START, Desk


@dataclass
class Endpoint:
    """A web server that keeps what is posted to it and answers with the statuses it was given, then with 200."""

    statuses: list[int] = field(default_factory=list)
    posts: Queue[tuple[dict[str, str], str]] = field(default_factory=Queue)
    url: str = ""

    def next(self) -> tuple[dict[str, str], str]:
        return self.posts.get(timeout=10)

    def envelope(self) -> dict[str, Any]:
        return dict(json.loads(self.next()[1]))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()
            found.posts.put(({name.lower(): value for name, value in self.headers.items()}, body))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/sns"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def follow(desk: Desk, url: str) -> str:
    """Visit a link of SNS at the simulator instead of at sns.<region>.amazonaws.com."""
    parts = urlsplit(url)
    assert parts.netloc == "sns.us-east-1.amazonaws.com"
    with urllib.request.urlopen(f"{desk.at.http}{parts.path}?{parts.query}", timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())


def subscribed(desk: Desk, endpoint: Endpoint, **attributes: str) -> str:
    """A topic with a confirmed HTTP subscription; the topic's ARN."""
    topic = desk.topic()
    desk.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=attributes)
    desk.sns.confirm_subscription(TopicArn=topic, Token=endpoint.envelope()["Token"])
    return topic


def public_key(desk: Desk) -> RSAPublicKey:
    key = x509.load_pem_x509_certificate(desk.admin("GET", "sns/certificate").encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def test_an_http_endpoint_is_asked_first_and_gets_nothing_until_it_confirmed(desk: Desk, endpoint: Endpoint) -> None:
    topic = desk.topic()
    made = desk.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    assert made["SubscriptionArn"] == "pending confirmation"
    headers, body = endpoint.next()
    asked = json.loads(body)
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
    verify(asked, public_key=public_key(desk))
    desk.sns.publish(TopicArn=topic, Message="too early")
    [listed] = desk.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert desk.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"
    assert "<SubscriptionArn>" in follow(desk, asked["SubscribeURL"])
    message = desk.sns.publish(TopicArn=topic, Message="now", Subject="Hello")["MessageId"]
    headers, body = endpoint.next()
    told = json.loads(body)
    assert (told["Message"], told["MessageId"], told["Subject"]) == ("now", message, "Hello")
    arn = desk.sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"]
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert (headers["x-amz-sns-topic-arn"], headers["x-amz-sns-message-id"]) == (topic, message)
    verify(told, public_key=public_key(desk))
    attributes = desk.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == ("false", "false")
    assert "BEGIN CERTIFICATE" in follow(desk, told["SigningCertURL"])
    follow(desk, told["UnsubscribeURL"])
    assert desk.sns.list_subscriptions()["Subscriptions"] == []


def test_version_2_signs_confirmations_and_notifications_too(desk: Desk, endpoint: Endpoint) -> None:
    topic = desk.topic()
    desk.sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    desk.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    asked = endpoint.envelope()
    desk.sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])
    desk.sns.publish(TopicArn=topic, Message="hello")
    for envelope in (asked, endpoint.envelope()):
        assert envelope["SignatureVersion"] == "2"
        verify(envelope, public_key=public_key(desk))


def test_a_token_is_good_for_three_days_and_only_its_own(desk: Desk, endpoint: Endpoint) -> None:
    topic = desk.topic()
    desk.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    token = endpoint.envelope()["Token"]
    assert code(desk.sns.confirm_subscription, TopicArn=topic, Token="x") == "InvalidParameter"
    desk.advance(3 * 86_400 + 1)
    assert code(desk.sns.confirm_subscription, TopicArn=topic, Token=token) == "InvalidParameter"
    desk.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    fresh = endpoint.envelope()["Token"]
    assert desk.sns.confirm_subscription(TopicArn=topic, Token=fresh)["SubscriptionArn"].startswith(topic)


def test_a_failed_delivery_is_tried_again_on_the_simulated_clock_with_the_same_message_id(
    desk: Desk, endpoint: Endpoint
) -> None:
    topic = subscribed(desk, endpoint)
    endpoint.statuses = [500, 503]
    desk.sns.publish(TopicArn=topic, Message="hello")
    first, _ = endpoint.next()
    waiting(desk, 1)
    assert endpoint.posts.empty()
    desk.advance(20)
    second, _ = endpoint.next()
    waiting(desk, 1)
    desk.advance(20)
    third, _ = endpoint.next()
    assert first["x-amz-sns-message-id"] == second["x-amz-sns-message-id"] == third["x-amz-sns-message-id"]
    assert waiting(desk, 0)["http_failed"] == 0


def waiting(desk: Desk, parcels: int) -> dict[str, Any]:
    """What GET deliveries shows, once so many parcels wait and none is under way."""
    for _ in range(2_000):
        found = dict(desk.admin("GET", "deliveries"))
        if found["http_waiting"] == parcels and not found["http_under_way"]:
            return found
    raise AssertionError("the parcels did not settle")


def test_what_a_policy_gave_up_and_what_an_endpoint_refused_go_to_the_dead_letter_queue(
    desk: Desk, endpoint: Endpoint
) -> None:
    topic = desk.topic()
    dead = desk.queue(topic, "dead")
    redrive = json.dumps({"deadLetterTargetArn": desk.arn_of(dead)})
    retry = json.dumps({"healthyRetryPolicy": {"numRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 5}})
    desk.sns.subscribe(
        TopicArn=topic, Protocol="http", Endpoint=endpoint.url,
        Attributes={"RedrivePolicy": redrive, "DeliveryPolicy": retry},
    )  # fmt: skip
    desk.sns.confirm_subscription(TopicArn=topic, Token=endpoint.envelope()["Token"])
    endpoint.statuses = [500, 500, 404]
    desk.sns.publish(TopicArn=topic, Message="given up")
    endpoint.next()
    waiting(desk, 1)
    desk.advance(5)
    endpoint.next()
    waiting(desk, 0)
    desk.sns.publish(TopicArn=topic, Message="refused")
    endpoint.next()
    assert waiting(desk, 0)["http_failed"] == 2
    assert [json.loads(body)["Message"] for body in desk.received(dead)] == ["given up", "refused"]


def test_a_queue_that_is_gone_leaves_its_messages_in_the_dead_letter_queue(desk: Desk) -> None:
    topic = desk.topic()
    queue, dead = desk.queue(topic), desk.queue(topic, "dead")
    redrive = json.dumps({"deadLetterTargetArn": desk.arn_of(dead)})
    desk.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue), Attributes={"RedrivePolicy": redrive}
    )
    desk.sqs.delete_queue(QueueUrl=queue)
    desk.sns.publish(TopicArn=topic, Message="lost?")
    assert [json.loads(body)["Message"] for body in desk.received(dead)] == ["lost?"]


def test_raw_delivery_over_http_says_so_and_the_content_type_can_be_chosen(desk: Desk, endpoint: Endpoint) -> None:
    policy = json.dumps({"requestPolicy": {"headerContentType": "application/json"}})
    topic = subscribed(desk, endpoint, RawMessageDelivery="true", DeliveryPolicy=policy)
    desk.sns.publish(TopicArn=topic, Message='{"a":1}')
    headers, body = endpoint.next()
    assert (headers["x-amz-sns-rawdelivery"], headers["content-type"], body) == ("true", "application/json", '{"a":1}')


def test_ses_says_in_plain_text_that_the_topic_works_before_any_event(desk: Desk, endpoint: Endpoint) -> None:
    topic = subscribed(desk, endpoint)
    desk.verified_domain()
    desk.in_production()
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    desk.ses.create_configuration_set_event_destination(
        ConfigurationSetName="main",
        EventDestinationName="d",
        EventDestination={
            "Enabled": True, "MatchingEventTypes": ["DELIVERY"], "SnsDestination": {"TopicArn": topic}
        },
    )  # fmt: skip
    plain = "Successfully validated SNS topic for Amazon SES event publishing."
    assert endpoint.envelope()["Message"] == plain
    desk.send("reader@example.com", ConfigurationSetName="main")
    event = endpoint.envelope()
    assert event["Subject"] == "Amazon SES Email Event Notification"
    assert json.loads(event["Message"])["eventType"] == "Delivery"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "http://192.0.2.1/", "http://127.0.0.1.example.com/", "http://user@127.0.0.1/",
        "http://127.0.0.1:99999/", "https://127.0.0.1/", "ftp://127.0.0.1/", "http://[::1", "http://0.0.0.0/",
    ],
)  # fmt: skip
def test_nothing_is_delivered_beyond_this_machine(desk: Desk, url: str) -> None:
    assert code(desk.sns.subscribe, TopicArn=desk.topic(), Protocol="http", Endpoint=url) == "InvalidParameter"


def filtered(desk: Desk, policy: dict[str, Any], scope: str = "MessageAttributes") -> tuple[str, str]:
    topic = desk.topic()
    queue = desk.queue(topic)
    attributes = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope, "RawMessageDelivery": "true"}
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue), Attributes=attributes)
    return topic, queue


def test_a_filter_lets_pass_what_fits_by_attributes(desk: Desk) -> None:
    topic, queue = filtered(desk, {"kind": ["order", {"prefix": "re"}], "amount": [{"numeric": [">=", 10]}]})

    def publish(text: str, **attributes: tuple[str, str]) -> None:
        given = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()}
        desk.sns.publish(TopicArn=topic, Message=text, MessageAttributes=given)

    publish("no attributes")
    publish("small order", kind=("String", "order"), amount=("Number", "9"))
    publish("order", kind=("String", "order"), amount=("Number", "10"))
    publish("refund", kind=("String.Array", '["refund","x"]'), amount=("Number", "11"))
    found = desk.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    assert [each["Body"] for each in found] == ["order", "refund"]
    assert found[0]["MessageAttributes"]["amount"]["StringValue"] == "10", "raw delivery carries the attributes"


def test_a_filter_can_look_into_the_body(desk: Desk) -> None:
    topic, queue = filtered(desk, {"mail": {"tags": {"team": ["shop"]}}}, scope="MessageBody")
    for text in ("plain text", '{"mail":{"tags":{"team":["shop"]}}}', '{"mail":{"tags":{"team":["ads"]}}}'):
        desk.sns.publish(TopicArn=topic, Message=text)
    assert desk.received(queue) == ['{"mail":{"tags":{"team":["shop"]}}}']


def test_messages_are_published_in_batches_and_by_protocol(desk: Desk) -> None:
    topic = desk.topic()
    queue = desk.queue(topic)
    desk.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue), Attributes={"RawMessageDelivery": "true"}
    )
    text = json.dumps({"default": "for all", "sqs": "for queues"})
    done = desk.sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[
            {"Id": "1", "Message": "one"},
            {"Id": "2", "Message": ""},
            {"Id": "3", "Message": text, "MessageStructure": "json"},
        ],
    )
    assert ([each["Id"] for each in done["Successful"]], done["Failed"][0]["Id"]) == (["1", "3"], "2")
    assert desk.received(queue) == ["one", "for queues"]
    assert code(desk.sns.publish, TopicArn=topic, Message="{}", MessageStructure="json") == "InvalidParameter"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FilterPolicy", '{"a":"x"}'),
        ("FilterPolicy", "not json"),
        ("FilterPolicyScope", "Everything"),
        ("RedrivePolicy", '{"deadLetterTargetArn":"queue"}'),
        ("DeliveryPolicy", '{"healthyRetryPolicy":{"numRetries":101}}'),
        ("DeliveryPolicy", '{"healthyRetryPolicy":{"minDelayTarget":30}}'),
        ("DeliveryPolicy", '{"requestPolicy":{"headerContentType":"image/png"}}'),
    ],
)
def test_a_subscription_attribute_that_makes_no_sense_is_refused(desk: Desk, name: str, value: str) -> None:
    topic = desk.topic()
    queue = desk.arn_of(desk.queue(topic))
    arn = desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
    wrong = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
    assert code(desk.sns.set_subscription_attributes, **wrong) == "InvalidParameter"


@given(
    st.integers(1, 60), st.integers(0, 60), st.integers(0, 20), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5),
    st.sampled_from(["linear", "arithmetic", "geometric", "exponential"]),
)  # fmt: skip
def test_a_retry_policy_has_as_many_delays_as_retries_between_its_bounds(
    least: int, more: int, growing: int, at_once: int, early: int, late: int, function: str
) -> None:
    policy = {
        "minDelayTarget": least, "maxDelayTarget": least + more, "numRetries": growing + at_once + early + late,
        "numNoDelayRetries": at_once, "numMinDelayRetries": early, "numMaxDelayRetries": late,
        "backoffFunction": function,
    }  # fmt: skip
    delays = delays_of(policy)
    assert len(delays) == policy["numRetries"]
    assert list(delays) == sorted(delays)
    assert all(delay == 0 for delay in delays[:at_once])
    assert all(least <= delay <= least + more for delay in delays[at_once:])
    problem = delivery_policy_problem(json.dumps({"healthyRetryPolicy": policy}), of_topic=False)
    assert bool(problem) is (sum(delays) > 3_600)


def test_deliveries_go_astray_when_told_to_and_only_then(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production(rate=500)
    queue = desk.events_wired(kinds=("DELIVERY",))
    desk.received(queue)

    def sent_and_received() -> tuple[list[str], list[str]]:
        sent = [desk.send(f"reader{number}@example.com", ConfigurationSetName="main") for number in range(20)]
        return sent, [event["mail"]["messageId"] for event in desk.events(queue)]

    sent, received = sent_and_received()
    assert received == sent
    desk.admin("POST", "deliveries", {"duplicate_share": 0.5, "reorder_share": 0.5, "seed": 7})
    sent, received = sent_and_received()
    assert set(received) == set(sent)
    assert len(received) > len(sent), "some came twice"
    assert list(dict.fromkeys(received)) != sent, "some overtook others"
    desk.admin("POST", "deliveries", {"duplicate_share": 0, "reorder_share": 0, "delay_share": 1, "delay_seconds": 60})
    sent, received = sent_and_received()
    assert received == []
    desk.advance(61)
    assert sorted(event["mail"]["messageId"] for event in desk.events(queue)) == sorted(sent)
    assert desk.refused("POST", "deliveries", {"duplicate_share": 2})[0] == 400
    desk.admin("POST", "reset")
    assert desk.admin("GET", "deliveries")["delay_share"] == 0


def test_several_recipients_can_come_in_one_notification(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    queue = desk.events_wired(kinds=("BOUNCE", "DELIVERY"))
    to = ["a@example.com", "b@example.com", "bounce-1@example.com", "bounce-2@example.com"]
    desk.send(to, ConfigurationSetName="main")
    assert len(desk.events(queue)) == 4
    desk.admin("POST", "deliveries", {"several_recipients": True})
    desk.ses.delete_suppressed_destination(EmailAddress="bounce-1@example.com")
    desk.ses.delete_suppressed_destination(EmailAddress="bounce-2@example.com")
    desk.send(to, ConfigurationSetName="main")
    delivery, bounce = desk.events(queue)
    assert delivery["delivery"]["recipients"] == to[:2]
    assert [each["emailAddress"] for each in bounce["bounce"]["bouncedRecipients"]] == to[2:]


def test_only_events_that_differ_in_the_recipient_alone_are_put_together() -> None:
    message = Accepted(
        message_id="m", at=START, region="us-east-1", account_id="111122223333", caller_arn="", source_ip="",
        sender="shop@fernhill.test", from_header="shop@fernhill.test", identity_arn="", recipients=(), tags={},
    )  # fmt: skip

    def one(kind: Kind, to: str, **more: Any) -> Happening:
        return Happening(kind=kind, message=message, recipients=(to,), at=START, **more)

    make: Callable[..., Happening] = one
    events = [
        make(Kind.DELIVERY, "a"),
        make(Kind.BOUNCE, "b", detail="General"),
        make(Kind.DELIVERY, "c"),
        make(Kind.BOUNCE, "d", detail="NoEmail"),
        make(Kind.CLICK, "e", facts={"link": "x"}),
        make(Kind.CLICK, "f", facts={"link": "x"}),
    ]
    assert [(each.kind.value, each.recipients) for each in together(events)] == [
        ("DELIVERY", ("a", "c")), ("BOUNCE", ("b",)), ("BOUNCE", ("d",)), ("CLICK", ("e",)), ("CLICK", ("f",)),
    ]  # fmt: skip
