"""The table of rejected sends, row by row, by SES v2, SES v1 and SMTP: one set of rules, three dialects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulator.conftest import Desk, simple
from tests.simulator.smtp_client import mail, send, signed_in

SHOP = "shop@fernhill.test"
ANN = "ann@example.com"
STRANGERS = ["eve@example.org", "mallory@example.org"]
PAUSED = (
    "Sending paused for this account. For more information, please check the inbox of the email address associated "
    "with your AWS account."
)
Answer = tuple[str, str] | tuple[int, str]


@pytest.fixture
def ready(desk: Desk) -> Desk:
    desk.verified_domain()
    desk.verified_address(ANN)
    return desk


def by_v2(desk: Desk, to: list[str], sender: str = SHOP, configuration_set: str = "") -> Answer:
    more = {"ConfigurationSetName": configuration_set} if configuration_set else {}
    with pytest.raises(ClientError) as caught:
        desk.ses.send_email(FromEmailAddress=sender, Destination={"ToAddresses": to}, Content=simple(), **more)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def by_v1(desk: Desk, to: list[str], sender: str = SHOP, configuration_set: str = "") -> Answer:
    more = {"ConfigurationSetName": configuration_set} if configuration_set else {}
    with pytest.raises(ClientError) as caught:
        desk.client("ses").send_email(
            Source=sender, Destination={"ToAddresses": to}, Message=simple()["Simple"], **more
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def by_smtp(desk: Desk, to: list[str], sender: str = SHOP, configuration_set: str = "") -> Answer:
    more = {"X_SES_CONFIGURATION_SET": configuration_set} if configuration_set else {}
    return send(desk, to, mail(sender=sender, **more), sender)


WAYS: list[Callable[..., Answer]] = [by_v2, by_v1, by_smtp]


def expected(way: Callable[..., Answer], v2: str, v1: str, smtp: tuple[int, str], text: str) -> Answer:
    if way is by_smtp:
        return smtp[0], f"{smtp[1]}: {text}"
    return (v2 if way is by_v2 else v1), text


@pytest.mark.parametrize("way", WAYS)
def test_an_unverified_recipient_in_the_sandbox(ready: Desk, way: Callable[..., Answer]) -> None:
    text = (
        "Email address is not verified. The following identities failed the check in region US-EAST-1: "
        "eve@example.org, mallory@example.org"
    )
    wanted = expected(way, "MessageRejected", "MessageRejected", (554, "Message rejected"), text)
    assert way(ready, [ANN, *STRANGERS]) == wanted


@pytest.mark.parametrize("way", WAYS)
def test_an_unverified_sender(ready: Desk, way: Callable[..., Answer]) -> None:
    text = (
        "Email address is not verified. The following identities failed the check in region US-EAST-1: eve@example.org"
    )
    wanted = expected(way, "MessageRejected", "MessageRejected", (554, "Message rejected"), text)
    assert way(ready, [ANN], "eve@example.org") == wanted


@pytest.mark.parametrize("way", WAYS)
def test_faster_than_the_rate(ready: Desk, way: Callable[..., Answer]) -> None:
    for _ in range(3):
        ready.send(ANN)
    text = "Maximum sending rate exceeded."
    wanted = expected(way, "TooManyRequestsException", "Throttling", (454, "Throttling failure"), text)
    assert way(ready, [ANN]) == wanted


@pytest.mark.parametrize("way", WAYS)
def test_more_than_the_daily_quota(ready: Desk, way: Callable[..., Answer]) -> None:
    for _ in range(4):
        ready.send([f"a{number}@fernhill.test" for number in range(50)])
        ready.advance(60)
    text = "Daily message quota exceeded."
    wanted = expected(way, "LimitExceededException", "Throttling", (454, "Throttling failure"), text)
    assert way(ready, [ANN]) == wanted


@pytest.mark.parametrize("paused_by", ["AWS", "its owner"])
@pytest.mark.parametrize("way", WAYS)
def test_a_paused_account(ready: Desk, way: Callable[..., Answer], paused_by: str) -> None:
    if paused_by == "AWS":
        ready.admin("POST", "enforcement", {"status": "SHUTDOWN"})
    else:
        ready.ses.put_account_sending_attributes(SendingEnabled=False)
    v1 = "AccountSendingPausedException"
    wanted = expected(way, "SendingPausedException", v1, (554, "Message rejected"), PAUSED)
    assert way(ready, [ANN]) == wanted


@pytest.mark.parametrize("way", WAYS)
def test_a_paused_configuration_set(ready: Desk, way: Callable[..., Answer]) -> None:
    ready.ses.create_configuration_set(ConfigurationSetName="main", SendingOptions={"SendingEnabled": False})
    v1 = "ConfigurationSetSendingPausedException"
    text = "Sending paused for configuration set <main>."
    wanted = expected(way, "SendingPausedException", v1, (554, "Message rejected"), text)
    assert way(ready, [ANN], configuration_set="main") == wanted


@pytest.mark.parametrize("way", WAYS)
def test_a_configuration_set_that_is_not_there(ready: Desk, way: Callable[..., Answer]) -> None:
    text = "Configuration set <none> does not exist."
    v1 = "ConfigurationSetDoesNotExist"
    wanted = expected(way, "NotFoundException", v1, (554, "Transaction failed"), text)
    assert way(ready, [ANN], configuration_set="none") == wanted


@pytest.mark.parametrize("way", WAYS)
def test_a_mail_from_domain_that_was_to_be_found(ready: Desk, way: Callable[..., Answer]) -> None:
    ready.ses.put_email_identity_mail_from_attributes(
        EmailIdentity="fernhill.test", MailFromDomain="bounce.fernhill.test", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    text = "The custom MAIL FROM domain <bounce.fernhill.test> is not verified: its MX record was not found."
    code = "MailFromDomainNotVerifiedException"
    assert way(ready, [ANN]) == expected(way, code, code, (554, "Transaction failed"), text)


@pytest.mark.parametrize("way", WAYS)
def test_more_recipients_than_a_message_may_have(ready: Desk, way: Callable[..., Answer]) -> None:
    code, text = way(ready, [f"a{number}@fernhill.test" for number in range(51)])
    assert code in {"MessageRejected", "InvalidParameterValue", 554}
    assert text.endswith("Recipient count exceeds 50.")


@pytest.mark.parametrize("way", WAYS)
def test_a_local_part_that_is_not_ascii(ready: Desk, way: Callable[..., Answer]) -> None:
    if way is by_smtp:  # smtplib itself does not send one without SMTPUTF8, which SES does not offer
        with signed_in(ready) as client:
            client.ehlo_or_helo_if_needed()
            client.mail(SHOP)
            client.send("RCPT TO:<änne@fernhill.test>\r\n".encode())
            assert client.getreply()[0] in {250, 553}
            code, reply = client.data(mail())
            assert (code, reply.decode()) == (554, "Transaction failed: Local address contains non-ascii characters")
        return
    wanted = expected(
        way, "BadRequestException", "InvalidParameterValue", (554, ""), "Local address contains non-ascii characters"
    )
    assert way(ready, ["änne@fernhill.test"]) == wanted


def test_a_message_that_is_too_long(ready: Desk) -> None:
    data = mail() + "x" * 998 + "\r\n"
    huge = data + ("y" * 998 + "\r\n") * 42_000
    with pytest.raises(ClientError, match="Message length is more than 41943040 bytes long"):
        ready.ses.send_email(Destination={"ToAddresses": [ANN]}, Content={"Raw": {"Data": huge.encode()}})
    with pytest.raises(ClientError, match="Message length is more than 10485760 bytes long"):
        ready.client("ses").send_raw_email(Destinations=[ANN], RawMessage={"Data": huge[: 11 * 1024 * 1024].encode()})
    with signed_in(ready) as client:
        client.ehlo_or_helo_if_needed()
        assert client.mail(SHOP, [f"size={len(huge)}"]) == (552, b"Message is too long.")


@pytest.mark.parametrize("way", ["v2", "v1", "smtp"])
def test_a_suppressed_recipient_is_no_error_but_a_bounce(ready: Desk, way: str) -> None:
    queue = ready.events_wired(kinds=("BOUNCE",))
    ready.in_production()
    ready.send("bounce-bob@example.org")
    ready.advance(5)
    match way:
        case "v2":
            ready.send("bounce-bob@example.org", ConfigurationSetName="main")
        case "v1":
            ready.client("ses").send_email(
                Source=SHOP,
                Destination={"ToAddresses": ["bounce-bob@example.org"]},
                Message=simple()["Simple"],
                ConfigurationSetName="main",
            )
        case _:
            assert send(ready, "bounce-bob@example.org", mail(X_SES_CONFIGURATION_SET="main"))[0] == 250
    [bounce] = ready.events(queue)
    assert bounce["bounce"]["bounceSubType"] == "OnAccountSuppressionList"


def test_nothing_rejected_is_kept_or_counted(ready: Desk) -> None:
    for way in WAYS:
        way(ready, STRANGERS)
    counts: Any = ready.admin("GET", "counts")
    assert counts["accepted"] == 0
    assert ready.ses.get_account()["SendQuota"]["SentLast24Hours"] == 0
