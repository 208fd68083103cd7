from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk

HOURS = 3600


@pytest.fixture
def v1(desk: Desk) -> Any:
    return desk.client("ses")


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def status(v1: Any, name: str) -> str:
    found = v1.get_identity_verification_attributes(Identities=[name])["VerificationAttributes"]
    return str(found[name]["VerificationStatus"])


def test_a_domain_is_verified_by_the_txt_record_of_its_token(desk: Desk, v1: Any) -> None:
    token = v1.verify_domain_identity(Domain="Fernhill.test")["VerificationToken"]
    assert len(token) == 44
    assert v1.verify_domain_identity(Domain="fernhill.test")["VerificationToken"] == token
    assert status(v1, "fernhill.test") == "Pending"
    desk.add_to_zone('_amazonses IN TXT "somebody-else"')
    assert status(v1, "fernhill.test") == "Pending"
    desk.add_to_zone(f'_amazonses IN TXT "{token}"')
    assert status(v1, "fernhill.test") == "Success"
    shown = v1.get_identity_verification_attributes(Identities=["fernhill.test", "nobody.test"])
    assert shown["VerificationAttributes"] == {
        "fernhill.test": {"VerificationStatus": "Success", "VerificationToken": token}
    }
    assert desk.ses.get_email_identity(EmailIdentity="fernhill.test")["VerifiedForSendingStatus"]
    assert desk.send("success@simulator.amazonses.com")


def test_a_token_that_is_not_found_for_three_days_fails_and_can_be_asked_for_again(desk: Desk, v1: Any) -> None:
    token = v1.verify_domain_identity(Domain="fernhill.test")["VerificationToken"]
    assert status(v1, "fernhill.test") == "Pending"
    desk.advance(73 * HOURS)
    assert status(v1, "fernhill.test") == "Failed"
    desk.add_to_zone(f'_amazonses IN TXT "{token}"')
    assert status(v1, "fernhill.test") == "Failed"
    assert v1.verify_domain_identity(Domain="fernhill.test")["VerificationToken"] == token
    assert status(v1, "fernhill.test") == "Success"


def test_dkim_is_started_apart_and_verifies_the_domain_as_well(desk: Desk, v1: Any) -> None:
    v1.verify_domain_identity(Domain="fernhill.test")
    before = v1.get_identity_dkim_attributes(Identities=["fernhill.test"])["DkimAttributes"]["fernhill.test"]
    assert before == {"DkimEnabled": False, "DkimVerificationStatus": "NotStarted"}
    code, _ = refusal(v1.set_identity_dkim_enabled, Identity="fernhill.test", DkimEnabled=True)
    assert code == "InvalidParameterValue"
    tokens = v1.verify_domain_dkim(Domain="fernhill.test")["DkimTokens"]
    assert len(tokens) == 3
    assert v1.verify_domain_dkim(Domain="fernhill.test")["DkimTokens"] == tokens
    desk.add_to_zone(*desk.dkim_lines())
    after = v1.get_identity_dkim_attributes(Identities=["fernhill.test"])["DkimAttributes"]["fernhill.test"]
    assert after == {"DkimEnabled": True, "DkimVerificationStatus": "Success", "DkimTokens": tokens}
    assert status(v1, "fernhill.test") == "Success"
    v1.set_identity_dkim_enabled(Identity="fernhill.test", DkimEnabled=False)
    assert not v1.get_identity_dkim_attributes(Identities=["fernhill.test"])["DkimAttributes"]["fernhill.test"][
        "DkimEnabled"
    ]


def test_a_domain_that_its_token_verified_stays_verified_while_its_dkim_is_looked_for(desk: Desk, v1: Any) -> None:
    token = v1.verify_domain_identity(Domain="fernhill.test")["VerificationToken"]
    desk.add_to_zone(f'_amazonses IN TXT "{token}"')
    assert status(v1, "fernhill.test") == "Success"
    v1.verify_domain_dkim(Domain="fernhill.test")
    assert desk.send("success@simulator.amazonses.com")
    assert status(v1, "fernhill.test") == "Success"
    found = v1.get_identity_dkim_attributes(Identities=["fernhill.test"])["DkimAttributes"]["fernhill.test"]
    assert found["DkimVerificationStatus"] == "Pending"


def test_dkim_alone_makes_an_identity(desk: Desk, v1: Any) -> None:
    assert len(v1.verify_domain_dkim(Domain="fernhill.test")["DkimTokens"]) == 3
    desk.add_to_zone(*desk.dkim_lines())
    assert status(v1, "fernhill.test") == "Success"


def test_an_address_is_verified_by_its_owner_and_asking_twice_is_no_error(desk: Desk, v1: Any) -> None:
    v1.verify_email_identity(EmailAddress="ann@example.com")
    v1.verify_email_identity(EmailAddress="ann@example.com")
    v1.verify_email_address(EmailAddress="bob@example.com")
    assert status(v1, "ann@example.com") == "Pending"
    desk.admin("POST", "verify", {"identity": "ann@example.com"})
    assert status(v1, "ann@example.com") == "Success"
    assert v1.list_verified_email_addresses()["VerifiedEmailAddresses"] == ["ann@example.com"]


def test_identities_are_listed_by_kind_and_page_and_deleted_without_complaint(v1: Any) -> None:
    for name in ("b@example.com", "a@example.com"):
        v1.verify_email_identity(EmailAddress=name)
    v1.verify_domain_identity(Domain="example.com")
    assert v1.list_identities()["Identities"] == ["a@example.com", "b@example.com", "example.com"]
    assert v1.list_identities(IdentityType="Domain")["Identities"] == ["example.com"]
    first = v1.list_identities(IdentityType="EmailAddress", MaxItems=1)
    assert first["Identities"] == ["a@example.com"]
    rest = v1.list_identities(IdentityType="EmailAddress", MaxItems=1, NextToken=first["NextToken"])
    assert rest["Identities"] == ["b@example.com"]
    assert "NextToken" not in rest
    assert refusal(v1.list_identities, NextToken="?")[0] == "InvalidParameterValue"
    for _ in range(2):
        v1.delete_identity(Identity="example.com")
        v1.delete_verified_email_address(EmailAddress="a@example.com")
    assert v1.list_identities()["Identities"] == ["b@example.com"]


def test_a_mail_from_domain_is_set_shown_and_taken_away(desk: Desk, v1: Any) -> None:
    v1.verify_domain_identity(Domain="fernhill.test")
    assert v1.get_identity_mail_from_domain_attributes(Identities=["fernhill.test"])["MailFromDomainAttributes"] == {}
    v1.set_identity_mail_from_domain(
        Identity="fernhill.test", MailFromDomain="bounce.fernhill.test", BehaviorOnMXFailure="RejectMessage"
    )
    desk.add_to_zone(
        "bounce IN MX 10 feedback-smtp.us-east-1.amazonses.com.", 'bounce IN TXT "v=spf1 include:amazonses.com ~all"'
    )
    found = v1.get_identity_mail_from_domain_attributes(Identities=["fernhill.test"])["MailFromDomainAttributes"]
    assert found["fernhill.test"] == {
        "MailFromDomain": "bounce.fernhill.test",
        "MailFromDomainStatus": "Success",
        "BehaviorOnMXFailure": "RejectMessage",
    }
    code, _ = refusal(v1.set_identity_mail_from_domain, Identity="fernhill.test", MailFromDomain="bounce.example.com")
    assert code == "InvalidParameterValue"
    v1.set_identity_mail_from_domain(Identity="fernhill.test")
    assert v1.get_identity_mail_from_domain_attributes(Identities=["fernhill.test"])["MailFromDomainAttributes"] == {}


def test_topics_of_an_identity_get_its_feedback_with_headers_where_they_are_wanted(desk: Desk, v1: Any) -> None:
    desk.verified_domain()
    topic = desk.topic()
    queue = desk.queue(topic)
    desk.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=desk.arn_of(queue))
    v1.set_identity_notification_topic(Identity="fernhill.test", NotificationType="Bounce", SnsTopic=topic)
    [told] = [json.loads(json.loads(body)["Message"]) for body in desk.received(queue)]
    assert told["notificationType"] == "AmazonSnsSubscriptionSucceeded"
    assert "'Bounce' notifications from Amazon SES for identity 'fernhill.test'" in told["message"]
    v1.set_identity_headers_in_notifications_enabled(Identity="fernhill.test", NotificationType="Bounce", Enabled=True)
    desk.send("bounce@simulator.amazonses.com")
    [bounce] = desk.events(queue)
    assert bounce["notificationType"] == "Bounce"
    assert any(each["name"] == "Subject" for each in bounce["mail"]["headers"])
    found = v1.get_identity_notification_attributes(Identities=["fernhill.test"])["NotificationAttributes"]
    assert found["fernhill.test"] == {
        "BounceTopic": topic,
        "ComplaintTopic": "",
        "DeliveryTopic": "",
        "ForwardingEnabled": True,
        "HeadersInBounceNotificationsEnabled": True,
        "HeadersInComplaintNotificationsEnabled": False,
        "HeadersInDeliveryNotificationsEnabled": False,
    }
    v1.set_identity_notification_topic(Identity="fernhill.test", NotificationType="Bounce")
    desk.advance(2)
    desk.send("bounce@simulator.amazonses.com")
    assert desk.received(queue) == []


def test_a_topic_that_does_not_admit_ses_is_refused(desk: Desk, v1: Any) -> None:
    desk.verified_domain()
    closed = desk.sns.create_topic(Name="closed")["TopicArn"]
    for arn in (closed, f"{closed}-not-there"):
        code, text = refusal(
            v1.set_identity_notification_topic, Identity="fernhill.test", NotificationType="Bounce", SnsTopic=arn
        )
        assert (code, text) == ("InvalidParameterValue", f"Invalid SNS topic: {arn}")


def test_forwarding_is_only_given_up_once_bounces_and_complaints_have_topics(desk: Desk, v1: Any) -> None:
    desk.verified_domain()
    code, text = refusal(v1.set_identity_feedback_forwarding_enabled, Identity="fernhill.test", ForwardingEnabled=False)
    assert code == "InvalidParameterValue"
    assert "both bounce and complaint" in text
    for kind in ("Bounce", "Complaint"):
        v1.set_identity_notification_topic(Identity="fernhill.test", NotificationType=kind, SnsTopic=desk.topic(kind))
    v1.set_identity_feedback_forwarding_enabled(Identity="fernhill.test", ForwardingEnabled=False)
    found = v1.get_identity_notification_attributes(Identities=["fernhill.test"])["NotificationAttributes"]
    assert not found["fernhill.test"]["ForwardingEnabled"]


def test_policies_are_written_over_listed_read_and_deleted(desk: Desk, v1: Any) -> None:
    desk.verified_domain()
    arn = "arn:aws:ses:us-east-1:111122223333:identity/fernhill.test"

    def policy(action: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": action, "Resource": arn}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    v1.put_identity_policy(Identity="fernhill.test", PolicyName="one", Policy=policy("ses:SendEmail"))
    v1.put_identity_policy(Identity="fernhill.test", PolicyName="one", Policy=policy("ses:SendRawEmail"))
    assert v1.list_identity_policies(Identity="fernhill.test")["PolicyNames"] == ["one"]
    found = v1.get_identity_policies(Identity="fernhill.test", PolicyNames=["one", "two"])["Policies"]
    assert found == {"one": policy("ses:SendRawEmail")}
    code, _ = refusal(v1.put_identity_policy, Identity="fernhill.test", PolicyName="bad", Policy="no policy")
    assert code == "InvalidPolicy"
    for _ in range(2):
        v1.delete_identity_policy(Identity="fernhill.test", PolicyName="one")
    assert v1.list_identity_policies(Identity="fernhill.test")["PolicyNames"] == []


def test_names_that_are_none_and_identities_that_are_not_there_are_refused(v1: Any) -> None:
    assert refusal(v1.verify_domain_identity, Domain="ann@example.com")[0] == "InvalidParameterValue"
    assert refusal(v1.verify_domain_identity, Domain="no domain")[0] == "InvalidParameterValue"
    assert refusal(v1.verify_email_identity, EmailAddress="nobody")[0] == "InvalidParameterValue"
    assert refusal(v1.list_identity_policies, Identity="example.com") == (
        "InvalidParameterValue",
        "Identity example.com does not exist.",
    )
