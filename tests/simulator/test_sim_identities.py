from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.serve import Settings
from tests.simulator.conftest import Desk, Start


def status(desk: Desk, name: str = "fernhill.test") -> str:
    return str(desk.ses.get_email_identity(EmailIdentity=name)["VerificationStatus"])


def mail_from(desk: Desk) -> str:
    found = desk.ses.get_email_identity(EmailIdentity="fernhill.test")
    return str(found["MailFromAttributes"]["MailFromDomainStatus"])


def bounces_to(desk: Desk, message_id: str = "") -> str:
    found = desk.admin("GET", "outbox")
    return next(str(each["mail_from"]) for each in reversed(found) if message_id in {"", each["message_id"]})


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str, int]:
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def test_a_domain_is_verified_once_its_three_records_are_in_dns(desk: Desk) -> None:
    made = desk.ses.create_email_identity(EmailIdentity="Fernhill.TEST", Tags=[{"Key": "team", "Value": "shop"}])
    assert made["IdentityType"] == "DOMAIN"
    assert made["VerifiedForSendingStatus"] is False
    assert made["DkimAttributes"]["Status"] == "PENDING"
    lines = desk.dkim_lines()
    assert len(set(lines)) == 3
    desk.add_to_zone(*lines[:2])
    found = desk.ses.get_email_identity(EmailIdentity="fernhill.test")
    assert (found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]) == ("PENDING", "HOST_NOT_FOUND")
    desk.add_to_zone(lines[2])
    found = desk.ses.get_email_identity(EmailIdentity="fernhill.test")
    assert found["VerificationStatus"] == found["DkimAttributes"]["Status"] == "SUCCESS"
    assert found["VerifiedForSendingStatus"] is True
    assert found["Tags"] == [{"Key": "team", "Value": "shop"}]
    assert "ErrorType" not in found["VerificationInfo"]


def test_a_record_with_another_value_is_named_as_such(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test")
    desk.add_to_zone(*(line.replace("amazonses.com", "example.com") for line in desk.dkim_lines()))
    found = desk.ses.get_email_identity(EmailIdentity="fernhill.test")
    assert (found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]) == ("PENDING", "INVALID_VALUE")


@pytest.mark.parametrize("trouble", ["servfail", "refused"])
def test_a_dns_server_that_fails_proves_nothing(desk: Desk, trouble: str) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test")
    desk.add_to_zone(*desk.dkim_lines())
    desk.admin("POST", "world/troubles", {"name": "fernhill.test", "trouble": trouble})
    found = desk.ses.get_email_identity(EmailIdentity="fernhill.test")
    assert (found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]) == ("PENDING", "DNS_SERVER_ERROR")
    desk.admin("POST", "world/troubles", {"name": "fernhill.test", "trouble": None})
    assert status(desk) == "SUCCESS"


def test_a_search_of_72_hours_fails_and_can_be_started_anew(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test")
    desk.advance(72 * 3600 - 1)
    assert status(desk) == "PENDING"
    desk.advance(1)
    assert status(desk) == "FAILED"
    desk.add_to_zone(*desk.dkim_lines())
    assert status(desk) == "FAILED"
    desk.ses.put_email_identity_dkim_attributes(EmailIdentity="fernhill.test", SigningEnabled=True)
    assert status(desk) == "SUCCESS"
    again = desk.ses.put_email_identity_dkim_signing_attributes(
        EmailIdentity="fernhill.test", SigningAttributesOrigin="AWS_SES"
    )
    assert again["DkimStatus"] == "SUCCESS"


def test_a_verified_domain_that_loses_its_records_is_shaken_and_then_fails(desk: Desk) -> None:
    desk.verified_domain()
    whole = desk.admin("GET", "world/zones/fernhill.test")
    without = "\n".join(line for line in whole.splitlines() if "_domainkey" not in line) + "\n"
    desk.admin("PUT", "world/zones/fernhill.test", without.encode())
    assert status(desk) == "SUCCESS"
    desk.advance(15 * 60)
    assert status(desk) == "TEMPORARY_FAILURE"
    desk.send("success@simulator.amazonses.com")
    desk.admin("PUT", "world/zones/fernhill.test", whole.encode())
    assert status(desk) == "SUCCESS"
    desk.admin("PUT", "world/zones/fernhill.test", without.encode())
    desk.advance(15 * 60)
    assert status(desk) == "TEMPORARY_FAILURE"
    desk.advance(72 * 3600)
    assert status(desk) == "FAILED"
    with pytest.raises(ClientError, match="not verified"):
        desk.send("success@simulator.amazonses.com")


def test_records_are_looked_up_by_the_clock_without_anybody_reading(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="fernhill.test")
    desk.add_to_zone(*desk.dkim_lines())
    desk.advance(16 * 60)
    # Sending reads no DNS, so it works only once the periodic look has been.
    for _ in range(200):
        try:
            desk.send("success@simulator.amazonses.com")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "MessageRejected"  # noqa: PT017 - until it works
        else:
            return
    pytest.fail("the identity was never verified")


def test_mail_from_follows_its_two_records(desk: Desk) -> None:
    desk.verified_domain()
    name = {"EmailIdentity": "fernhill.test"}
    assert "MailFromAttributes" not in desk.ses.get_email_identity(**name)
    desk.ses.put_email_identity_mail_from_attributes(**name, MailFromDomain="bounce.fernhill.test")
    attributes = desk.ses.get_email_identity(**name)["MailFromAttributes"]
    assert attributes == {
        "MailFromDomain": "bounce.fernhill.test",
        "MailFromDomainStatus": "PENDING",
        "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
    }
    desk.add_to_zone("bounce IN MX 10 feedback-smtp.us-east-1.amazonses.com.")
    assert mail_from(desk) == "PENDING"
    desk.add_to_zone('bounce IN TXT "v=spf1 include:amazonses.com ~all"')
    assert mail_from(desk) == "SUCCESS"
    desk.add_to_zone("bounce IN MX 20 mail.fernhill.test.")
    desk.advance(15 * 60)
    assert mail_from(desk) == "TEMPORARY_FAILURE"
    desk.ses.put_email_identity_mail_from_attributes(**name)
    assert "MailFromAttributes" not in desk.ses.get_email_identity(**name)


def test_mail_from_must_be_below_the_identity(desk: Desk) -> None:
    desk.verified_domain()
    for domain in ("fernhill.test", "bounce.example.com", "notfernhill.test"):
        with pytest.raises(ClientError, match="subdomain"):
            desk.ses.put_email_identity_mail_from_attributes(EmailIdentity="fernhill.test", MailFromDomain=domain)


def test_a_message_is_refused_without_mail_from_where_that_was_asked_for(desk: Desk) -> None:
    desk.verified_domain()
    desk.ses.put_email_identity_mail_from_attributes(
        EmailIdentity="fernhill.test", MailFromDomain="bounce.fernhill.test", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    with pytest.raises(ClientError) as caught:
        desk.send("success@simulator.amazonses.com")
    assert code_of(caught)[0] == "MailFromDomainNotVerifiedException"


def test_an_address_is_verified_by_its_confirmation(desk: Desk) -> None:
    made = desk.ses.create_email_identity(EmailIdentity="Ann@Example.com")
    assert made["IdentityType"] == "EMAIL_ADDRESS"
    assert status(desk, "Ann@example.com") == "PENDING"
    desk.admin("POST", "verify", {"identity": "Ann@example.com"})
    assert status(desk, "Ann@example.com") == "SUCCESS"
    assert desk.refused("POST", "verify", {"identity": "fernhill.test"})[0] == 400


@pytest.mark.parametrize("name", ["nodots", "a..b", "-a.example.com", "ann@", "@example.com", "a b.example.com"])
def test_a_name_that_is_none_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        desk.ses.create_email_identity(EmailIdentity=name)
    assert code_of(caught)[0] == "BadRequestException"


def test_identities_are_listed_in_pages_and_by_filters(desk: Desk) -> None:
    for name in ("a.example.com", "b.example.com", "ann@example.com", "c.example.com"):
        desk.ses.create_email_identity(EmailIdentity=name)
    first = desk.ses.list_email_identities(PageSize=3)
    names = [each["IdentityName"] for each in first["EmailIdentities"]]
    assert names == ["a.example.com", "ann@example.com", "b.example.com"]
    second = desk.ses.list_email_identities(PageSize=3, NextToken=first["NextToken"])
    assert [each["IdentityName"] for each in second["EmailIdentities"]] == ["c.example.com"]
    assert "NextToken" not in second
    addresses = desk.ses.list_email_identities(Filter={"IDENTITY_TYPE": "EMAIL_ADDRESS"})["EmailIdentities"]
    assert addresses == [
        {
            "IdentityName": "ann@example.com",
            "IdentityType": "EMAIL_ADDRESS",
            "SendingEnabled": False,
            "VerificationStatus": "PENDING",
        }
    ]
    with pytest.raises(ClientError) as caught:
        desk.ses.list_email_identities(NextToken="!")
    assert code_of(caught)[0] == "InvalidNextTokenException"


def test_an_identity_is_made_once_and_gone_when_deleted(desk: Desk) -> None:
    desk.ses.create_email_identity(EmailIdentity="example.com")
    with pytest.raises(ClientError) as caught:
        desk.ses.create_email_identity(EmailIdentity="EXAMPLE.com")
    assert code_of(caught)[::2] == ("AlreadyExistsException", 400)
    desk.ses.delete_email_identity(EmailIdentity="example.com")
    with pytest.raises(ClientError) as caught:
        desk.ses.get_email_identity(EmailIdentity="example.com")
    assert code_of(caught)[::2] == ("NotFoundException", 404)


def test_attributes_of_an_identity_are_kept(desk: Desk) -> None:
    desk.verified_domain()
    desk.ses.create_configuration_set(ConfigurationSetName="main")
    name = {"EmailIdentity": "fernhill.test"}
    desk.ses.put_email_identity_feedback_attributes(**name, EmailForwardingEnabled=False)
    desk.ses.put_email_identity_configuration_set_attributes(**name, ConfigurationSetName="main")
    desk.ses.put_email_identity_dkim_attributes(**name, SigningEnabled=False)
    found = desk.ses.get_email_identity(**name)
    assert found["FeedbackForwardingStatus"] is False
    assert found["ConfigurationSetName"] == "main"
    assert found["DkimAttributes"]["SigningEnabled"] is False
    with pytest.raises(ClientError, match="Configuration set <nope> does not exist"):
        desk.ses.put_email_identity_configuration_set_attributes(**name, ConfigurationSetName="nope")
    desk.ses.delete_configuration_set(ConfigurationSetName="main")
    assert "ConfigurationSetName" not in desk.ses.get_email_identity(**name)


def test_an_address_takes_no_dkim_keys(desk: Desk) -> None:
    with pytest.raises(ClientError, match="domain identity"):
        desk.ses.create_email_identity(
            EmailIdentity="ann@example.com",
            DkimSigningAttributes={"DomainSigningSelector": "s", "DomainSigningPrivateKey": "QUFB"},
        )
    desk.ses.create_email_identity(EmailIdentity="ann@example.com")
    with pytest.raises(ClientError, match="domain identity"):
        desk.ses.put_email_identity_dkim_signing_attributes(
            EmailIdentity="ann@example.com", SigningAttributesOrigin="AWS_SES"
        )


def test_the_start_of_authority_is_shown_as_it_was_found(desk: Desk) -> None:
    desk.verified_domain()
    assert desk.ses.get_email_identity(EmailIdentity="fernhill.test")["VerificationInfo"]["SOARecord"] == {
        "PrimaryNameServer": "ns1.fernhill.test",
        "AdminEmail": "hostmaster.fernhill.test",
        "SerialNumber": 1,
    }


def test_bounces_go_to_the_custom_mail_from_only_while_it_is_verified(desk: Desk) -> None:
    desk.verified_domain()
    message_id = desk.send("x@fernhill.test")
    assert bounces_to(desk) == f"{message_id}@amazonses.com"
    west = desk.elsewhere(region="eu-west-1")
    west.verified_domain()
    west_id = west.send("success@simulator.amazonses.com")
    assert bounces_to(west) == f"{west_id}@eu-west-1.amazonses.com"
    name = {"EmailIdentity": "fernhill.test"}
    desk.ses.put_email_identity_mail_from_attributes(**name, MailFromDomain="bounce.fernhill.test")
    assert bounces_to(desk, desk.send("x@fernhill.test")).endswith("@amazonses.com")
    desk.add_to_zone(
        "bounce IN MX 10 feedback-smtp.us-east-1.amazonses.com.", 'bounce IN TXT "v=spf1 include:amazonses.com ~all"'
    )
    assert mail_from(desk) == "SUCCESS"
    desk.advance(60)
    message_id = desk.send("x@fernhill.test")
    assert bounces_to(desk) == f"{message_id}@bounce.fernhill.test"


def test_each_region_is_an_account_of_its_own(desk: Desk) -> None:
    desk.verified_domain()
    west = desk.elsewhere(region="eu-central-2")
    assert west.ses.list_email_identities()["EmailIdentities"] == []
    made = west.ses.create_email_identity(EmailIdentity="fernhill.test")
    assert made["DkimAttributes"]["SigningHostedZone"] == "dkim.eu-central-2.amazonses.com"


def test_the_records_can_be_looked_up_at_another_dns_server(desk: Desk, desks: Start) -> None:
    other = desks(Settings(world=False, resolver=desk.at.dns, clock_factor=0.0))
    assert (other.at.dns, other.at.web) == ("", "")
    other.ses.create_email_identity(EmailIdentity="fernhill.test")
    desk.add_to_zone(*other.dkim_lines())
    assert status(other) == "SUCCESS"
