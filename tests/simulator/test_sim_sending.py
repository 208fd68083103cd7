from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import START, Desk, Start, simple

UNVERIFIED = "Email address is not verified. The following identities failed the check in region US-EAST-1: "


def refusal(desk: Desk, to: str | list[str], **more: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        desk.send(to, **more)
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def outbox(desk: Desk, query: str = "") -> list[dict[str, Any]]:
    found = desk.admin("GET", f"outbox?{query}")
    assert isinstance(found, list)
    return found


def raw(*lines: str) -> dict[str, Any]:
    return {"Raw": {"Data": "\r\n".join(lines).encode()}}


def test_the_sandbox_names_every_identity_that_fails(desk: Desk) -> None:
    assert refusal(desk, ["ann@example.com", "bob@example.com"]) == (
        "MessageRejected",
        f"{UNVERIFIED}shop@fernhill.test, ann@example.com, bob@example.com",
        400,
    )
    desk.verified_domain()
    assert refusal(desk, ["ann@example.com", "success@simulator.amazonses.com"])[1] == f"{UNVERIFIED}ann@example.com"


def test_the_sandbox_lets_mail_to_verified_addresses_domains_and_the_mailbox_simulator_pass(desk: Desk) -> None:
    desk.verified_domain()
    desk.verified_address("ann@example.com")
    for to in (
        "ann@example.com",
        "ann+orders@EXAMPLE.com",
        "anybody@fernhill.test",
        "x@mail.fernhill.test",
        "success@simulator.amazonses.com",
    ):
        desk.send(to)
        desk.advance(1)
    assert refusal(desk, "Ann@example.com")[1] == f"{UNVERIFIED}Ann@example.com"


def test_production_lifts_the_check_of_recipients_but_not_of_senders(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    desk.send("ann@example.com")
    assert refusal(desk, "ann@example.com", FromEmailAddress="x@example.org")[1] == f"{UNVERIFIED}x@example.org"
    feedback = refusal(desk, "ann@example.com", FeedbackForwardingEmailAddress="back@example.org")
    assert feedback[1] == f"{UNVERIFIED}back@example.org"
    sender = raw("From: shop@fernhill.test", "Sender: x@example.org", "Return-Path: <y@example.org>", "", "hi")
    assert refusal(desk, "ann@example.com", Content=sender)[1] == f"{UNVERIFIED}x@example.org, y@example.org"


def test_the_sandbox_sends_200_in_a_rolling_day_counted_by_recipient(desk: Desk) -> None:
    desk.verified_domain()
    for _ in range(4):
        desk.send([f"x{number}@fernhill.test" for number in range(50)])
        desk.advance(3600)
    assert desk.ses.get_account()["SendQuota"] == {"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 200}
    assert refusal(desk, "x@fernhill.test") == ("LimitExceededException", "Daily message quota exceeded.", 400)
    desk.send("success@simulator.amazonses.com")
    desk.advance(20 * 3600)
    assert desk.ses.get_account()["SendQuota"]["SentLast24Hours"] == 150
    desk.send("x@fernhill.test")


def test_the_sandbox_sends_one_a_second_with_a_short_burst(desk: Desk) -> None:
    desk.verified_domain()
    for _ in range(3):
        desk.send("success@simulator.amazonses.com")
    throttled = ("TooManyRequestsException", "Maximum sending rate exceeded.", 429)
    assert refusal(desk, "success@simulator.amazonses.com") == throttled
    assert refusal(desk, "x@fernhill.test") == throttled
    desk.advance(1)
    desk.send("x@fernhill.test")
    assert desk.ses.get_account()["SendQuota"]["SentLast24Hours"] == 1


def test_how_long_a_burst_may_be_is_a_setting(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, burst_seconds=0.0))
    desk.verified_domain()
    desk.send("success@simulator.amazonses.com")
    assert refusal(desk, "success@simulator.amazonses.com")[0] == "TooManyRequestsException"


def test_one_message_goes_to_fifty_at_most(desk: Desk) -> None:
    desk.verified_domain()
    too_many = refusal(desk, [f"x{number}@fernhill.test" for number in range(51)])
    assert too_many[0] == "MessageRejected"
    assert desk.ses.get_account()["SendQuota"]["SentLast24Hours"] == 0


@pytest.mark.parametrize(
    ("to", "text"),
    [
        ("jörg@fernhill.test", "Local address contains non-ascii characters"),
        ("nobody", "Missing final '@domain'"),
        ("@fernhill.test", "Missing final '@domain'"),
        ("ann@grüße.test", "Domain contains illegal character"),
        ("a b@fernhill.test", "Illegal address"),
        ("ann@fernhill.test\r\nBcc: x@example.com", "Header value contains a line break."),
    ],
)
def test_an_address_that_is_none_is_refused(desk: Desk, to: str, text: str) -> None:
    desk.verified_domain()
    assert refusal(desk, to) == ("BadRequestException", text, 400)


def test_content_of_no_or_two_kinds_and_unbuilt_kinds_are_refused(desk: Desk) -> None:
    desk.verified_domain()
    both = simple() | raw("From: shop@fernhill.test", "", "hi")
    for content in ({}, both):
        assert refusal(desk, "x@fernhill.test", Content=content)[0] == "BadRequestException"
    assert "TenantName is not simulated" in refusal(desk, "x@fernhill.test", TenantName="t")[1]
    twice = simple()
    twice["Simple"]["Headers"] = [{"Name": "Subject", "Value": "again"}]
    assert refusal(desk, "x@fernhill.test", Content=twice)[0] == "BadRequestException"
    with pytest.raises(ClientError, match="To"):
        desk.ses.send_email(FromEmailAddress="shop@fernhill.test", Content=simple())
    with pytest.raises(ClientError, match="From"):
        desk.ses.send_email(Destination={"ToAddresses": ["x@fernhill.test"]}, Content=simple())


@pytest.mark.parametrize("member", ["FileName", "ContentId", "ContentDescription", "ContentType"])
def test_an_attachment_cannot_smuggle_headers(desk: Desk, member: str) -> None:
    desk.verified_domain()
    content = simple()
    content["Simple"]["Attachments"] = [
        {"RawContent": b"x", "FileName": "x.txt"} | {member: "a/b\r\nBcc: y@example.com"}
    ]
    assert refusal(desk, "x@fernhill.test", Content=content)[0] == "BadRequestException"
    assert outbox(desk) == []


def test_a_message_is_40_megabytes_at_most(desk: Desk) -> None:
    desk.verified_domain()
    content = {"Raw": {"Data": b"From: shop@fernhill.test\r\n\r\n" + b"x" * (40 * 1024 * 1024)}}
    assert refusal(desk, "x@fernhill.test", Content=content)[0] == "MessageRejected"


def test_a_configuration_set_must_exist_and_not_be_paused(desk: Desk) -> None:
    desk.verified_domain()
    missing = refusal(desk, "x@fernhill.test", ConfigurationSetName="nope")
    assert missing == ("NotFoundException", "Configuration set <nope> does not exist.", 404)
    desk.ses.create_configuration_set(ConfigurationSetName="main", SendingOptions={"SendingEnabled": False})
    assert refusal(desk, "x@fernhill.test", ConfigurationSetName="main")[0] == "SendingPausedException"
    desk.ses.put_configuration_set_sending_options(ConfigurationSetName="main", SendingEnabled=True)
    desk.send("x@fernhill.test", ConfigurationSetName="main")


def test_a_paused_account_sends_nothing_and_cannot_resume_what_aws_paused(desk: Desk) -> None:
    desk.verified_domain()
    desk.ses.put_account_sending_attributes(SendingEnabled=False)
    code, text, status = refusal(desk, "x@fernhill.test")
    assert (code, status) == ("SendingPausedException", 400)
    assert text.startswith("Sending paused for this account.")
    desk.ses.put_account_sending_attributes(SendingEnabled=True)
    desk.send("x@fernhill.test")
    desk.admin("POST", "enforcement", {"status": "SHUTDOWN"})
    assert desk.ses.get_account()["EnforcementStatus"] == "SHUTDOWN"
    assert refusal(desk, "x@fernhill.test")[0] == "SendingPausedException"
    with pytest.raises(ClientError, match="paused"):
        desk.ses.put_account_sending_attributes(SendingEnabled=True)


def test_a_refused_message_is_in_no_outbox_and_costs_no_quota(desk: Desk) -> None:
    desk.verified_domain()
    refusal(desk, "ann@example.com")
    assert outbox(desk) == []
    assert desk.admin("GET", "counts")["accepted"] == 0
    assert desk.ses.get_account()["SendQuota"]["SentLast24Hours"] == 0


def test_the_outbox_shows_what_left(desk: Desk) -> None:
    desk.verified_domain()
    message_id = desk.send(
        ["x@fernhill.test"],
        FromEmailAddress="Fernhill <shop@fernhill.test>",
        EmailTags=[{"Name": "order", "Value": "17"}],
    )
    desk.send("y@fernhill.test")
    [found] = outbox(desk, "to=X@fernhill.test")
    assert (found["message_id"], found["from"], found["to"], found["subject"], found["at"]) == (
        message_id,
        "Fernhill <shop@fernhill.test>",
        ["x@fernhill.test"],
        "Your order",
        "2026-11-02T09:00:00.000Z",
    )
    assert found["tags"]["order"] == ["17"]
    assert "It is on its way." in found["source"]
    read = email.message_from_string(found["source"], policy=email.policy.default)
    assert read["message-id"] == f"<{message_id}@email.amazonses.com>"
    assert [each["message_id"] for each in outbox(desk, "tag=order=17")] == [message_id]
    assert [each["to"] for each in outbox(desk, "limit=1")] == [["y@fernhill.test"]]
    assert all("source" not in each and "data" not in each for each in outbox(desk, "source=0"))


def test_the_outbox_lets_the_oldest_go(desks: Start) -> None:
    desk = desks(Settings(clock_factor=0.0, start=START, outbox_limit=2))
    desk.verified_domain()
    for number in range(3):
        desk.send(f"x{number}@fernhill.test")
    assert [each["to"] for each in outbox(desk)] == [["x1@fernhill.test"], ["x2@fernhill.test"]]
    counts = desk.admin("GET", "counts")
    assert (counts["accepted"], counts["kept"]) == (3, 2)


def test_a_raw_message_takes_its_envelope_tags_and_set_from_its_headers(desk: Desk) -> None:
    desk.verified_domain()
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    content = raw(
        "From: shop@fernhill.test",
        "To: Ann <ann@fernhill.test>",
        "Bcc: bob@fernhill.test",
        "Subject: Raw",
        "X-SES-CONFIGURATION-SET: main",
        "X-SES-MESSAGE-TAGS: order=17, kind=receipt",
        "",
        "body",
    )
    desk.ses.send_email(Content=content)
    [found] = outbox(desk)
    assert found["to"] == ["ann@fernhill.test", "bob@fernhill.test"]
    assert found["configuration_set"] == "main"
    assert (found["tags"]["order"], found["tags"]["kind"]) == (["17"], ["receipt"])
    assert "Bcc" not in found["source"]
    assert "X-SES-MESSAGE-TAGS" not in found["source"]
    assert "X-SES-CONFIGURATION-SET" not in found["source"]


def test_parameters_win_over_headers_and_are_not_merged(desk: Desk) -> None:
    desk.verified_domain()
    content = raw("From: shop@fernhill.test", "To: ann@fernhill.test", "X-SES-MESSAGE-TAGS: order=17", "", "body")
    desk.send("bob@fernhill.test", Content=content, EmailTags=[{"Name": "kind", "Value": "receipt"}])
    [found] = outbox(desk)
    assert found["to"] == ["bob@fernhill.test"]
    assert found["tags"]["kind"] == ["receipt"]
    assert "order" not in found["tags"]


def test_a_lost_answer_is_accepted_all_the_same(desk: Desk) -> None:
    desk.verified_domain()
    with pytest.raises(ConnectionClosedError):
        desk.send("timeout-after-data@fernhill.test")
    assert refusal(desk, "error-after-accept@fernhill.test")[::2] == ("InternalServiceErrorException", 500)
    assert [each["to"][0] for each in outbox(desk)] == [
        "timeout-after-data@fernhill.test",
        "error-after-accept@fernhill.test",
    ]


def test_an_address_can_throttle_so_many_times(desk: Desk) -> None:
    desk.verified_domain()
    for _ in range(2):
        assert refusal(desk, "throttle-2@fernhill.test")[::2] == ("TooManyRequestsException", 429)
    desk.send("throttle-2@fernhill.test")
    assert len(outbox(desk)) == 1
