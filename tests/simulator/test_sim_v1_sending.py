from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

TO = "success@simulator.amazonses.com"
MESSAGE = {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Hallo"}, "Html": {"Data": "<p>Hallo</p>"}}}


@pytest.fixture
def v1(desk: Desk) -> Any:
    desk.verified_domain()
    return desk.client("ses")


def code_of(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def outbox(desk: Desk) -> list[dict[str, Any]]:
    found = desk.admin("GET", "outbox")
    assert isinstance(found, list)
    return found


def test_send_email_is_kept_with_its_tags_reply_addresses_and_operation(desk: Desk, v1: Any) -> None:
    v1.create_configuration_set(ConfigurationSet={"Name": "main"})
    message_id = v1.send_email(
        Source="Shop <shop@fernhill.test>",
        Destination={"ToAddresses": [TO], "CcAddresses": ["ooto@simulator.amazonses.com"]},
        Message=MESSAGE,
        ReplyToAddresses=["help@fernhill.test"],
        ReturnPath="bounces@fernhill.test",
        Tags=[{"Name": "order", "Value": "17"}],
        ConfigurationSetName="main",
    )["MessageId"]
    [kept] = outbox(desk)
    assert kept["message_id"] == message_id
    assert kept["to"] == [TO, "ooto@simulator.amazonses.com"]
    assert kept["configuration_set"] == "main"
    assert kept["tags"]["order"] == ["17"]
    assert kept["tags"]["ses:operation"] == ["SendEmail"]
    assert "Reply-To: help@fernhill.test" in kept["source"]


def test_send_raw_email_takes_its_envelope_from_destinations_or_else_from_headers(desk: Desk, v1: Any) -> None:
    raw = b"From: shop@fernhill.test\r\nTo: " + TO.encode() + b"\r\nSubject: Raw\r\n\r\nHello\r\n"
    v1.send_raw_email(RawMessage={"Data": raw})
    v1.send_raw_email(
        RawMessage={"Data": raw}, Source="other@fernhill.test", Destinations=["ooto@simulator.amazonses.com"]
    )
    first, second = outbox(desk)
    assert first["to"] == [TO]
    assert second["to"] == ["ooto@simulator.amazonses.com"]
    assert second["tags"]["ses:operation"] == ["SendRawEmail"]


def test_send_templated_email_renders_and_names_a_template_that_is_not_there(desk: Desk, v1: Any) -> None:
    v1.create_template(Template={"TemplateName": "hello", "SubjectPart": "Hello {{name}}", "TextPart": "Dear {{name}}"})
    params = {"Source": "shop@fernhill.test", "Destination": {"ToAddresses": [TO]}, "TemplateData": '{"name": "Ann"}'}
    v1.send_templated_email(Template="hello", **params)
    [kept] = outbox(desk)
    assert kept["subject"] == "Hello Ann"
    assert kept["tags"]["ses:operation"] == ["SendTemplatedEmail"]
    assert code_of(v1.send_templated_email, Template="nothing", **params) == "TemplateDoesNotExist"


def test_send_bulk_templated_email_answers_for_each_destination(desk: Desk, v1: Any) -> None:
    v1.create_template(Template={"TemplateName": "hello", "SubjectPart": "Hello {{name}}", "TextPart": "Dear {{name}}"})
    found = v1.send_bulk_templated_email(
        Source="shop@fernhill.test",
        Template="hello",
        DefaultTemplateData='{"name": "friend"}',
        DefaultTags=[{"Name": "kind", "Value": "news"}],
        Destinations=[
            {"Destination": {"ToAddresses": [TO]}, "ReplacementTemplateData": '{"name": "Ann"}'},
            {"Destination": {"ToAddresses": ["stranger@example.org"]}},
            {"Destination": {"ToAddresses": ["ooto@simulator.amazonses.com"]}},
        ],
    )["Status"]
    assert [each["Status"] for each in found] == ["Success", "MessageRejected", "Success"]
    assert "not verified" in found[1]["Error"]
    assert [each["subject"] for each in outbox(desk)] == ["Hello Ann", "Hello friend"]
    assert outbox(desk)[0]["tags"]["kind"] == ["news"]


def test_quota_switch_and_their_errors_are_those_of_the_account(desk: Desk, v1: Any) -> None:
    assert v1.get_send_quota()["Max24HourSend"] == 200
    desk.verified_address("ann@example.com")
    send = {"Source": "shop@fernhill.test", "Destination": {"ToAddresses": ["ann@example.com"]}, "Message": MESSAGE}
    v1.send_email(**send)
    assert v1.get_send_quota()["SentLast24Hours"] == 1
    assert v1.get_account_sending_enabled()["Enabled"]
    v1.update_account_sending_enabled(Enabled=False)
    assert not v1.get_account_sending_enabled()["Enabled"]
    assert not desk.ses.get_account()["SendingEnabled"]
    assert code_of(v1.send_email, **send) == "AccountSendingPausedException"
    v1.update_account_sending_enabled(Enabled=True)
    v1.send_email(**send)
    desk.admin("POST", "enforcement", {"status": "SHUTDOWN"})
    assert code_of(v1.update_account_sending_enabled, Enabled=True) == "InvalidParameterValue"


def test_statistics_count_by_quarter_hours_what_really_happened(desk: Desk, v1: Any) -> None:
    desk.in_production()
    for to in ("ann@example.org", "bounce-bob@example.org", "complaint-c@example.org", "ooto-d@example.org", TO):
        desk.send(to)
    desk.advance(15 * 60)
    desk.send("eve@example.org")
    points = sorted(v1.get_send_statistics()["SendDataPoints"], key=lambda each: each["Timestamp"])
    assert [each["Timestamp"] for each in points] == [
        datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
        datetime(2026, 11, 2, 9, 15, tzinfo=UTC),
    ]
    first = {key: value for key, value in points[0].items() if key != "Timestamp"}
    assert first == {"DeliveryAttempts": 4, "Bounces": 1, "Complaints": 1, "Rejects": 0}
    assert points[1]["DeliveryAttempts"] == 1
    desk.advance(15 * 24 * 3600)
    assert v1.get_send_statistics()["SendDataPoints"] == []


def test_a_message_of_more_than_ten_megabytes_is_too_long_for_v1_alone(desk: Desk, v1: Any) -> None:
    raw = b"From: shop@fernhill.test\r\nTo: " + TO.encode() + b"\r\n\r\n" + b"x" * (10 * 1024 * 1024)
    with pytest.raises(ClientError, match="Message length is more than 10485760 bytes long"):
        v1.send_raw_email(RawMessage={"Data": raw})
    assert desk.ses.send_email(Content={"Raw": {"Data": raw}})["MessageId"]


def test_an_accident_of_the_answer_is_the_same_by_v1(desk: Desk, v1: Any) -> None:
    desk.in_production()
    send = {"Source": "shop@fernhill.test", "Message": MESSAGE}
    failing = {"ToAddresses": ["error-after-accept@example.org"]}
    assert code_of(v1.send_email, Destination=failing, **send) == "InternalFailure"
    throttled = {"ToAddresses": ["throttle-1@example.org"]}
    assert code_of(v1.send_email, Destination=throttled, **send) == "Throttling"
    v1.send_email(Destination=throttled, **send)
    assert [each["to"][0] for each in outbox(desk)] == ["error-after-accept@example.org", "throttle-1@example.org"]


def test_events_name_the_same_message_whichever_api_sent_it(desk: Desk, v1: Any) -> None:
    queue = desk.events_wired()
    sent = v1.send_email(
        Source="shop@fernhill.test", Destination={"ToAddresses": [TO]}, Message=MESSAGE, ConfigurationSetName="main"
    )["MessageId"]
    kinds = {(each["eventType"], each["mail"]["messageId"]) for each in desk.events(queue)}
    assert kinds == {("Send", sent), ("Delivery", sent)}
