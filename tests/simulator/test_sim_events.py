from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from tests.simulator.conftest import ALL_KINDS, Desk, simple

VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
SET = {"ConfigurationSetName": "main"}


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["eventType"] for event in events]


def destination(topic: str, *matching: str, **more: Any) -> dict[str, Any]:
    return {"Enabled": True, "MatchingEventTypes": list(matching), "SnsDestination": {"TopicArn": topic}} | more


def test_the_first_message_of_a_destination_is_plain_text(desk: Desk) -> None:
    queue = desk.events_wired()
    [body] = desk.received(queue)
    assert json.loads(body)["Message"] == VALIDATION
    assert "Subject" not in json.loads(body)


@pytest.mark.parametrize(
    ("to", "follow"),
    [
        ("success@simulator.amazonses.com", ["Send", "Delivery"]),
        ("bounce+17@simulator.amazonses.com", ["Send", "Bounce"]),
        ("complaint@simulator.amazonses.com", ["Send", "Delivery", "Complaint"]),
        ("ooto@simulator.amazonses.com", ["Send", "Delivery", "Bounce"]),
        ("suppressionlist@simulator.amazonses.com", ["Send", "Bounce"]),
    ],
)
def test_the_mailbox_simulator_gives_its_events(desk: Desk, to: str, follow: list[str]) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    message_id = desk.send(to, **SET, EmailTags=[{"Name": "order", "Value": "17"}])
    events = desk.events(queue)
    assert kinds(events) == follow
    for event in events:
        assert event["mail"]["messageId"] == message_id
        assert event["mail"]["tags"]["order"] == ["17"]
        assert event["mail"]["tags"]["ses:configuration-set"] == ["main"]
        assert event["mail"]["destination"] == [to]
    assert desk.admin("GET", "counts")["accounts"][0]["suppressed"] == 0


def test_bounced_and_complaining_addresses_are_suppressed_from_then_on(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    for to in ("bounce-ann@example.com", "complaint-bob@example.com", "softbounce-cy@example.com"):
        desk.send(to, **SET)
    desk.events(queue)
    before = desk.ses.get_account()["SendQuota"]["SentLast24Hours"]
    for to in ("Bounce-Ann@example.com", "complaint-bob@example.com", "softbounce-cy@example.com"):
        desk.send(to, **SET)
    bounces = [event["bounce"] for event in desk.events(queue) if event["eventType"] == "Bounce"]
    assert [bounce["bounceSubType"] for bounce in bounces] == [
        "OnAccountSuppressionList",
        "OnAccountSuppressionList",
        "MailboxFull",
    ]
    assert desk.ses.get_account()["SendQuota"]["SentLast24Hours"] == before + 3


def test_reasons_decide_who_is_suppressed_and_a_set_may_override_them(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    desk.ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    desk.send("bounce-ann@example.com", **SET)
    assert desk.admin("GET", "counts")["accounts"][0]["suppressed"] == 0
    desk.ses.put_configuration_set_suppression_options(**SET, SuppressedReasons=["BOUNCE"])
    desk.send("bounce-ann@example.com", **SET)
    assert desk.admin("GET", "counts")["accounts"][0]["suppressed"] == 1
    desk.ses.put_configuration_set_suppression_options(**SET, SuppressedReasons=[])
    desk.events(queue)
    desk.send("bounce-ann@example.com", **SET)
    [_, bounce] = desk.events(queue)
    assert bounce["bounce"]["bounceSubType"] == "General"


def test_a_virus_is_accepted_and_then_rejected(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    content = simple()
    eicar = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    content["Simple"]["Attachments"] = [{"RawContent": eicar, "FileName": "eicar.com"}]
    desk.send("x@fernhill.test", **SET, Content=content)
    events = desk.events(queue)
    assert kinds(events) == ["Send", "Reject"]
    assert events[1]["reject"] == {"reason": "Bad content"}


def test_only_matching_events_of_enabled_destinations_are_published(desk: Desk) -> None:
    queue = desk.events_wired(kinds=("BOUNCE", "COMPLAINT"))
    desk.verified_domain()
    desk.send("complaint@simulator.amazonses.com", **SET)
    assert kinds(desk.events(queue)) == ["Complaint"]
    topic = desk.topic()
    off = destination(topic, "BOUNCE") | {"Enabled": False}
    desk.ses.update_configuration_set_event_destination(**SET, EventDestinationName="events", EventDestination=off)
    desk.send("bounce@simulator.amazonses.com", **SET)
    assert desk.events(queue) == []
    without = {key: value for key, value in off.items() if key != "Enabled"}
    desk.ses.update_configuration_set_event_destination(**SET, EventDestinationName="events", EventDestination=without)
    [found] = desk.ses.get_configuration_set_event_destinations(**SET)["EventDestinations"]
    assert found["Enabled"] is False


def test_the_set_of_an_identity_is_used_where_the_message_names_none(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.ses.put_email_identity_configuration_set_attributes(EmailIdentity="fernhill.test", **SET)
    desk.send("success@simulator.amazonses.com")
    assert kinds(desk.events(queue)) == ["Send", "Delivery"]


@pytest.mark.parametrize(("version", "digest"), [("1", SHA1()), ("2", SHA256())])  # noqa: S303 - what SNS signs with
def test_the_envelope_is_signed_by_the_certificate_it_names(desk: Desk, version: str, digest: SHA1 | SHA256) -> None:
    queue = desk.events_wired()
    topic = desk.topic()
    desk.sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    desk.received(queue)
    desk.sns.publish(TopicArn=topic, Subject="Grüße", Message="line one\nline two")
    [body] = desk.received(queue)
    envelope = json.loads(body)
    with urllib.request.urlopen(f"{desk.at.http}/_sim/sns/certificate", timeout=5) as answer:  # noqa: S310
        certificate = x509.load_pem_x509_certificate(answer.read())
        name = answer.headers["x-certificate-name"]
    assert envelope["SigningCertURL"] == f"https://sns.us-east-1.amazonaws.com/{name}"
    assert envelope["SignatureVersion"] == version
    signed = "".join(
        f"{key}\n{envelope[key]}\n" for key in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    )
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    signature = base64.b64decode(envelope["Signature"])
    key.verify(signature, signed.encode(), PKCS1v15(), digest)


def test_raw_delivery_is_the_bare_event(desk: Desk) -> None:
    queue = desk.events_wired(raw=True)
    desk.verified_domain()
    desk.send("success@simulator.amazonses.com", **SET)
    first, *events = desk.received(queue)
    assert first == VALIDATION
    assert [json.loads(event)["eventType"] for event in events] == ["Send", "Delivery"]


def test_a_topic_must_admit_ses(desk: Desk) -> None:
    desk.ses.create_configuration_set(**SET)
    plain = desk.sns.create_topic(Name="plain")["TopicArn"]
    for topic in (plain, plain + "-that-is-not-there"):
        with pytest.raises(ClientError, match="Could not publish") as caught:
            desk.ses.create_configuration_set_event_destination(
                **SET, EventDestinationName="events", EventDestination=destination(topic, "BOUNCE")
            )
        assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert desk.ses.get_configuration_set_event_destinations(**SET)["EventDestinations"] == []


def test_a_topic_that_no_longer_admits_ses_gets_nothing(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    deny = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]})
    desk.sns.set_topic_attributes(TopicArn=desk.topic(), AttributeName="Policy", AttributeValue=deny)
    desk.send("success@simulator.amazonses.com", **SET)
    assert desk.events(queue) == []


def test_a_queue_must_admit_the_topic(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.received(queue)
    desk.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    desk.send("success@simulator.amazonses.com", **SET)
    assert desk.received(queue) == []


def test_destinations_are_kept_changed_and_deleted(desk: Desk) -> None:
    desk.events_wired()
    name = {"EventDestinationName": "events"}
    [found] = desk.ses.get_configuration_set_event_destinations(**SET)["EventDestinations"]
    topic = desk.topic()
    assert found == {"Name": "events"} | destination(topic, *ALL_KINDS)
    with pytest.raises(ClientError, match="already exists"):
        desk.ses.create_configuration_set_event_destination(
            **SET, **name, EventDestination=destination(topic, "BOUNCE")
        )
    desk.ses.delete_configuration_set_event_destination(**SET, **name)
    assert desk.ses.get_configuration_set_event_destinations(**SET)["EventDestinations"] == []
    calls: tuple[Callable[[], Any], ...] = (
        lambda: desk.ses.delete_configuration_set_event_destination(**SET, **name),
        lambda: desk.ses.update_configuration_set_event_destination(
            **SET, **name, EventDestination=destination(topic, "BOUNCE")
        ),
        lambda: desk.ses.get_configuration_set_event_destinations(ConfigurationSetName="nope"),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "NotFoundException"


def test_destinations_of_other_kinds_and_of_none_are_refused(desk: Desk) -> None:
    desk.ses.create_configuration_set(**SET)
    topic = desk.topic()
    bus = {"EventBridgeDestination": {"EventBusArn": "arn:aws:events:us-east-1:111122223333:event-bus/default"}}
    matching = {"MatchingEventTypes": ["BOUNCE"]}
    for body in (matching, matching | bus, destination(topic, "BOUNCE") | bus, destination(topic)):
        with pytest.raises(ClientError) as caught:
            desk.ses.create_configuration_set_event_destination(
                **SET, EventDestinationName="events", EventDestination=body
            )
        assert caught.value.response["Error"]["Code"] == "BadRequestException"


def test_a_set_has_ten_destinations_at_most(desk: Desk) -> None:
    desk.ses.create_configuration_set(**SET)
    topic = desk.topic()
    for number in range(10):
        desk.ses.create_configuration_set_event_destination(
            **SET, EventDestinationName=f"d{number}", EventDestination=destination(topic, "BOUNCE")
        )
    with pytest.raises(ClientError) as caught:
        desk.ses.create_configuration_set_event_destination(
            **SET, EventDestinationName="d10", EventDestination=destination(topic, "BOUNCE")
        )
    assert caught.value.response["Error"]["Code"] == "LimitExceededException"


def test_configuration_sets_are_made_read_listed_and_deleted(desk: Desk) -> None:
    desk.ses.create_configuration_set(
        **SET,
        DeliveryOptions={"TlsPolicy": "REQUIRE"},
        SuppressionOptions={"SuppressedReasons": ["BOUNCE"]},
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    with pytest.raises(ClientError) as caught:
        desk.ses.create_configuration_set(**SET)
    assert caught.value.response["Error"]["Code"] == "AlreadyExistsException"
    desk.ses.put_configuration_set_reputation_options(**SET, ReputationMetricsEnabled=True)
    found = desk.ses.get_configuration_set(**SET)
    assert found["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert found["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE"]}
    assert found["ReputationOptions"]["ReputationMetricsEnabled"] is True
    assert found["SendingOptions"] == {"SendingEnabled": True}
    assert found["Tags"] == [{"Key": "team", "Value": "shop"}]
    assert desk.ses.list_configuration_sets()["ConfigurationSets"] == ["main"]
    desk.ses.delete_configuration_set(**SET)
    assert desk.ses.list_configuration_sets()["ConfigurationSets"] == []
    with pytest.raises(ClientError) as caught:
        desk.ses.get_configuration_set(**SET)
    assert caught.value.response["Error"]["Code"] == "NotFoundException"
