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

EVERY_KIND = (*ALL_KINDS, "OPEN", "CLICK", "DELIVERY_DELAY", "SUBSCRIPTION", "RENDERING_FAILURE")
VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."
SET = {"ConfigurationSetName": "main"}
BUS = {"EventBridgeDestination": {"EventBusArn": "arn:aws:events:us-east-1:111122223333:event-bus/default"}}
STREAM = {
    "KinesisFirehoseDestination": {
        "IamRoleArn": "arn:aws:iam::111122223333:role/events",
        "DeliveryStreamArn": "arn:aws:firehose:us-east-1:111122223333:deliverystream/events",
    }
}
DIMENSION = {"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"}
METRICS = {"CloudWatchDestination": {"DimensionConfigurations": [DIMENSION]}}


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
    events = desk.events(queue)
    bounces = [event["bounce"] for event in events if event["eventType"] == "Bounce"]
    assert [bounce["bounceSubType"] for bounce in bounces] == ["OnAccountSuppressionList", "MailboxFull"]
    [complaint] = [event["complaint"] for event in events if event["eventType"] == "Complaint"]
    assert complaint["complaintSubType"] == "OnAccountSuppressionList"
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


def test_destinations_of_no_or_two_kinds_and_broken_ones_are_refused(desk: Desk) -> None:
    desk.ses.create_configuration_set(**SET)
    topic = desk.topic()
    matching = {"MatchingEventTypes": ["BOUNCE"]}
    broken: tuple[dict[str, Any], ...] = (
        matching,
        destination(topic, "BOUNCE") | BUS,
        destination(topic),
        matching | {"EventBridgeDestination": {"EventBusArn": BUS["EventBridgeDestination"]["EventBusArn"] + "2"}},
        matching
        | {"EventBridgeDestination": {"EventBusArn": "arn:aws:events:eu-west-1:111122223333:event-bus/default"}},
        matching | {"KinesisFirehoseDestination": STREAM["KinesisFirehoseDestination"] | {"IamRoleArn": "role"}},
        matching | {"KinesisFirehoseDestination": STREAM["KinesisFirehoseDestination"] | {"DeliveryStreamArn": "x"}},
        matching | {"CloudWatchDestination": {"DimensionConfigurations": []}},
        matching | {"CloudWatchDestination": {"DimensionConfigurations": [DIMENSION | {"DimensionName": "a b"}]}},
        matching | {"CloudWatchDestination": {"DimensionConfigurations": [DIMENSION] * 11}},
        matching | {"PinpointDestination": {"ApplicationArn": "arn:aws:mobiletargeting:us-east-1:111122223333:apps/a"}},
    )
    for body in broken:
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


@pytest.mark.parametrize("body", [BUS, STREAM, METRICS], ids=["bus", "stream", "metrics"])
def test_destinations_of_every_kind_are_kept(desk: Desk, body: dict[str, Any]) -> None:
    desk.ses.create_configuration_set(**SET)
    wanted = {"Enabled": True, "MatchingEventTypes": ["BOUNCE", "OPEN"]} | body
    desk.ses.create_configuration_set_event_destination(**SET, EventDestinationName="other", EventDestination=wanted)
    [found] = desk.ses.get_configuration_set_event_destinations(**SET)["EventDestinations"]
    assert found == {"Name": "other"} | wanted


def wired_html(desk: Desk) -> tuple[str, dict[str, Any]]:
    queue = desk.events_wired(kinds=EVERY_KIND)
    desk.verified_domain()
    content = simple()
    link = (
        '<a href="mailto:x@y">m</a><a ses:tags="size:l;colour:red;colour:blue" href="https://example.com/sale">sale</a>'
    )
    content["Simple"]["Body"]["Html"] = {"Data": link}
    return queue, content


def test_addresses_open_and_click(desk: Desk) -> None:
    queue, content = wired_html(desk)
    desk.send("open-ann@fernhill.test", **SET, Content=content)
    desk.send("click-bo@fernhill.test", **SET, Content=content)
    events = desk.events(queue)
    assert kinds(events) == ["Send", "Delivery", "Open", "Send", "Delivery", "Open", "Click"]
    assert set(events[2]["open"]) == {"ipAddress", "timestamp", "userAgent"}
    click = events[6]["click"]
    assert (click["link"], click["linkTags"]) == (
        "https://example.com/sale",
        {"size": ["l"], "colour": ["red", "blue"]},
    )
    assert set(click) == {"ipAddress", "timestamp", "userAgent", "link", "linkTags"}
    assert click["timestamp"] > events[5]["open"]["timestamp"] > events[4]["delivery"]["timestamp"]


def test_nothing_is_tracked_without_html_or_where_it_is_switched_off(desk: Desk) -> None:
    queue, content = wired_html(desk)
    desk.send("click-bo@fernhill.test", **SET)
    assert kinds(desk.events(queue)) == ["Send", "Delivery"]
    off = {"Tracking": {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "ENABLED"}}
    desk.send("click-bo@fernhill.test", **SET, Content=content, ConfigurationOverrides=off)
    assert kinds(desk.events(queue)) == ["Send", "Delivery", "Click"]
    off = {"Tracking": {"OpenTrackingEnabled": "ENABLED", "ClickTrackingEnabled": "DISABLED"}}
    desk.send("click-bo@fernhill.test", **SET, Content=content, ConfigurationOverrides=off)
    assert kinds(desk.events(queue)) == ["Send", "Delivery", "Open"]


def test_a_raw_message_is_tracked_by_its_html_part(desk: Desk) -> None:
    queue, _ = wired_html(desk)
    raw = (
        b"From: shop@fernhill.test\r\nTo: click-bo@fernhill.test\r\nContent-Type: text/html\r\n\r\n"
        b'<a href="https://example.com/raw">raw</a>'
    )
    desk.ses.send_email(**SET, Content={"Raw": {"Data": raw}})
    events = desk.events(queue)
    assert kinds(events) == ["Send", "Delivery", "Open", "Click"]
    assert events[3]["click"]["link"] == "https://example.com/raw"


def test_recipients_do_things_when_the_admin_door_says_so(desk: Desk) -> None:
    queue = desk.events_wired(kinds=EVERY_KIND)
    desk.verified_domain()
    desk.in_production()
    message_id = desk.send("ann@example.com", **SET)
    desk.events(queue)
    desk.advance(3600)
    doing = {"message_id": message_id, "recipient": "ann@example.com"}
    desk.admin("POST", "engage", doing | {"does": "open", "user_agent": "Bot/1"})
    link = {"link": "https://example.com/a", "link_tags": {"k": ["v"]}}
    desk.admin("POST", "engage", doing | {"does": "click"} | link)
    desk.admin("POST", "engage", doing | {"does": "complain", "feedback_type": "fraud"})
    opened, clicked, complained = desk.events(queue)
    assert (opened["open"]["userAgent"], opened["open"]["timestamp"]) == ("Bot/1", "2026-11-02T10:01:01.000Z")
    assert (clicked["click"]["link"], clicked["click"]["linkTags"]) == ("https://example.com/a", {"k": ["v"]})
    assert complained["complaint"]["complaintFeedbackType"] == "fraud"
    suppressed = desk.ses.get_suppressed_destination(EmailAddress="ann@example.com")["SuppressedDestination"]
    assert suppressed["Attributes"]["FeedbackId"] == complained["complaint"]["feedbackId"]
    for wrong in ({"message_id": "nope"}, {"recipient": "bo@example.com"}, {"does": "sneeze"}):
        assert desk.refused("POST", "engage", doing | {"does": "open"} | wrong)[0] == 400


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("bounce-noemail-ann", ("Permanent", "NoEmail")),
        ("bounce-undetermined-ann", ("Undetermined", "Undetermined")),
        ("softbounce-general", ("Transient", "General")),
        ("softbounce-too-large-ann", ("Transient", "MessageTooLarge")),
        ("softbounce-content-ann", ("Transient", "ContentRejected")),
        ("softbounce-attachment+ann", ("Transient", "AttachmentRejected")),
        ("softbounce-timeout-ann", ("Transient", "CustomTimeoutExceeded")),
    ],
)
def test_bounces_of_every_kind_have_their_words(desk: Desk, to: str, said: tuple[str, str]) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.send(f"{to}@fernhill.test", **SET)
    [_, event] = desk.events(queue)
    bounce = event["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == said
    assert set(bounce) >= {"feedbackId", "bouncedRecipients", "timestamp", "reportingMTA"}


def test_a_bounce_may_follow_a_delivery(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.in_production()
    desk.send("bounce-late@example.com", **SET)
    events = desk.events(queue)
    assert kinds(events) == ["Send", "Delivery", "Bounce"]
    assert events[2]["bounce"]["bounceType"] == "Permanent"
    assert desk.ses.get_suppressed_destination(EmailAddress="bounce-late@example.com")


@pytest.mark.parametrize("kind", ["auth-failure", "fraud", "not-spam", "other", "virus"])
def test_complaints_of_every_kind_have_their_word(desk: Desk, kind: str) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.send(f"complaint-{kind}-ann@fernhill.test", **SET)
    assert desk.events(queue)[2]["complaint"]["complaintFeedbackType"] == kind


def test_a_delayed_message_is_announced_and_delivered_later(desk: Desk) -> None:
    queue = desk.events_wired(kinds=EVERY_KIND)
    desk.verified_domain()
    desk.send("delay-mailbox-full@fernhill.test", **SET)
    events = desk.events(queue)
    assert kinds(events) == ["Send", "DeliveryDelay", "Delivery"]
    assert events[1]["deliveryDelay"] == {
        "delayType": "MailboxFull",
        "expirationTime": "2026-11-02T23:00:00.000Z",
        "delayedRecipients": [
            {
                "emailAddress": "delay-mailbox-full@fernhill.test",
                "status": "4.2.2",
                "diagnosticCode": "smtp; 452 4.2.2 mailbox full",
            }
        ],
        "reportingMTA": "a10-10.smtp-out.amazonses.com",
        "timestamp": "2026-11-02T09:30:00.000Z",
    }


def test_an_address_has_the_whole_message_rejected(desk: Desk) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.send(["reject-ann@fernhill.test", "bo@fernhill.test"], **SET)
    assert kinds(desk.events(queue)) == ["Send", "Reject"]


@pytest.mark.parametrize("headers", [False, True])
def test_feedback_notifications_go_to_the_topics_of_the_identity_beside_the_events(desk: Desk, headers: bool) -> None:
    queue = desk.events_wired()
    desk.verified_domain()
    desk.received(queue)
    v1 = desk.client("ses")
    for kind in ("Bounce", "Complaint", "Delivery"):
        v1.set_identity_notification_topic(Identity="fernhill.test", NotificationType=kind, SnsTopic=desk.topic())
        v1.set_identity_headers_in_notifications_enabled(
            Identity="fernhill.test", NotificationType=kind, Enabled=headers
        )
    desk.received(queue)
    message_id = desk.send(["complaint@simulator.amazonses.com", "bounce@simulator.amazonses.com"], **SET)
    found = desk.events(queue)
    notices = [event for event in found if "notificationType" in event]
    assert [each["notificationType"] for each in notices] == ["Delivery", "Complaint", "Bounce"]
    assert [event["eventType"] for event in found if "eventType" in event] == [
        "Send",
        "Delivery",
        "Complaint",
        "Bounce",
    ]
    for notice in notices:
        assert set(notice) == {"notificationType", "mail", notice["notificationType"].lower()}
        mail = notice["mail"]
        assert mail["messageId"] == message_id
        assert "tags" not in mail
        assert ("commonHeaders" in mail, "headers" in mail, "headersTruncated" in mail) == (headers,) * 3
    told = {event["bounce"]["feedbackId"] for event in found if "bounce" in event}
    assert len(told) == 1


def test_an_identity_with_topics_needs_no_configuration_set(desk: Desk) -> None:
    desk.verified_domain()
    topic = desk.topic("feedback")
    queue = desk.queue(topic, "feedback")
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))
    desk.client("ses").set_identity_notification_topic(
        Identity="fernhill.test", NotificationType="Bounce", SnsTopic=topic
    )
    desk.received(queue)
    desk.send(["success@simulator.amazonses.com", "bounce@simulator.amazonses.com"])
    [notice] = desk.events(queue)
    assert notice["bounce"]["bouncedRecipients"][0]["emailAddress"] == "bounce@simulator.amazonses.com"
