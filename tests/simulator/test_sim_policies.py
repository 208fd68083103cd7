from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sendworthy.simulator.serve import Settings
from sendworthy.simulator.state import DEFAULT_CALLER, Caller
from tests.simulator.conftest import START, Desk, Start

NAME = {"EmailIdentity": "fernhill.test"}
ARN = "arn:aws:ses:us-east-1:111122223333:identity/fernhill.test"
GUEST = Caller(access_key_id="AKIASIMULATOR0000002", secret_access_key="guest", account_id="444455556666", user="guest")


def policy(principal: object, action: str = "ses:SendEmail", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": ARN} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture
def owner(desks: Start) -> Desk:
    desk = desks(Settings(clock_factor=0.0, start=START, callers=(DEFAULT_CALLER, GUEST)))
    desk.verified_domain()
    return desk


@pytest.fixture
def guest(owner: Desk) -> Desk:
    return owner.elsewhere(access_key=GUEST.access_key_id, secret_key=GUEST.secret_access_key)


def test_policies_are_made_read_changed_and_deleted(owner: Desk) -> None:
    first, second = policy({"AWS": "444455556666"}), policy({"AWS": "777788889999"})
    owner.ses.create_email_identity_policy(**NAME, PolicyName="guests", Policy=first)
    with pytest.raises(ClientError) as caught:
        owner.ses.create_email_identity_policy(**NAME, PolicyName="guests", Policy=first)
    assert code(caught) == "AlreadyExistsException"
    assert owner.ses.get_email_identity_policies(**NAME)["Policies"] == {"guests": first}
    owner.ses.update_email_identity_policy(**NAME, PolicyName="guests", Policy=second)
    assert owner.ses.get_email_identity(**NAME)["Policies"] == {"guests": second}
    with pytest.raises(ClientError) as caught:
        owner.ses.update_email_identity_policy(**NAME, PolicyName="nope", Policy=second)
    assert code(caught) == "NotFoundException"
    for text in ("no json", "{}", '{"Statement": [{"Effect": "Allow"}]}'):
        with pytest.raises(ClientError) as caught:
            owner.ses.create_email_identity_policy(**NAME, PolicyName="other", Policy=text)
        assert code(caught) == "BadRequestException"
    owner.ses.delete_email_identity_policy(**NAME, PolicyName="guests")
    assert owner.ses.get_email_identity_policies(**NAME)["Policies"] == {}


def test_an_identity_has_twenty_policies_at_most(owner: Desk) -> None:
    for number in range(20):
        owner.ses.create_email_identity_policy(**NAME, PolicyName=f"p{number}", Policy=policy("*"))
    with pytest.raises(ClientError) as caught:
        owner.ses.create_email_identity_policy(**NAME, PolicyName="p20", Policy=policy("*"))
    assert code(caught) == "LimitExceededException"


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "444455556666"},
        {"AWS": ["arn:aws:iam::444455556666:root"]},
        {"AWS": "arn:aws:iam::444455556666:user/guest"},
    ],
)
def test_another_account_sends_as_an_identity_that_admits_it(owner: Desk, guest: Desk, principal: object) -> None:
    owner.ses.create_email_identity_policy(**NAME, PolicyName="guests", Policy=policy(principal))
    guest.send("success@simulator.amazonses.com", FromEmailAddressIdentityArn=ARN)
    [found] = owner.admin("GET", "outbox")
    assert "d=fernhill.test;" in found["source"]
    assert guest.ses.get_account()["SendQuota"]["SentLast24Hours"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        policy({"AWS": "777788889999"}),
        policy({"AWS": "444455556666"}, "ses:SendRawEmail"),
        policy({"Service": "ses.amazonaws.com"}),
        policy("*", Effect="Deny"),
        policy("*", Condition={"StringEquals": {"ses:FromAddress": "other@fernhill.test"}}),
    ],
)
def test_nobody_sends_as_an_identity_that_does_not_admit_him(owner: Desk, guest: Desk, text: str) -> None:
    if text:
        owner.ses.create_email_identity_policy(**NAME, PolicyName="guests", Policy=text)
    with pytest.raises(ClientError) as caught:
        guest.send("success@simulator.amazonses.com", FromEmailAddressIdentityArn=ARN)
    assert code(caught) == "AccessDeniedException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_policy_lends_the_sender_but_no_recipients_in_the_sandbox(owner: Desk, guest: Desk) -> None:
    owner.ses.create_email_identity_policy(**NAME, PolicyName="guests", Policy=policy("*"))
    with pytest.raises(ClientError, match=r"x@fernhill\.test"):
        guest.send("x@fernhill.test", FromEmailAddressIdentityArn=ARN)


def test_an_identity_that_is_not_verified_is_named_though_its_arn_was_given(owner: Desk) -> None:
    owner.ses.create_email_identity(EmailIdentity="new.test")
    arn = "arn:aws:ses:us-east-1:111122223333:identity/new.test"
    with pytest.raises(ClientError, match=r"US-EAST-1: a@new\.test$"):
        owner.send("x@fernhill.test", FromEmailAddress="a@new.test", FromEmailAddressIdentityArn=arn)


def test_the_address_for_bounces_may_be_lent_apart(owner: Desk, guest: Desk) -> None:
    guest.verified_address("guest@example.com")
    given = {"FromEmailAddress": "guest@example.com", "FeedbackForwardingEmailAddress": "back@fernhill.test"}
    with pytest.raises(ClientError, match=r"back@fernhill\.test"):
        guest.send("success@simulator.amazonses.com", **given)
    given["FeedbackForwardingEmailAddressIdentityArn"] = ARN
    with pytest.raises(ClientError) as caught:
        guest.send("success@simulator.amazonses.com", **given)
    assert code(caught) == "AccessDeniedException"
    owner.ses.create_email_identity_policy(**NAME, PolicyName="guests", Policy=policy({"AWS": "444455556666"}))
    guest.send("success@simulator.amazonses.com", **given)


def test_ones_own_identity_may_be_named_by_its_arn(owner: Desk) -> None:
    owner.send("x@fernhill.test", FromEmailAddressIdentityArn=ARN)
    for arn in (ARN.replace("us-east-1", "eu-west-1"), "arn", ARN + ".other"):
        with pytest.raises(ClientError) as caught:
            owner.send("x@fernhill.test", FromEmailAddressIdentityArn=arn)
        assert code(caught) in {"BadRequestException", "MessageRejected"}
    with pytest.raises(ClientError, match="does not match"):
        owner.send("x@fernhill.test", FromEmailAddress="a@example.com", FromEmailAddressIdentityArn=ARN)
