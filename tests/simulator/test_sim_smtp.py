from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from typing import Any

import pytest

from sendworthy.errors import ConfigError
from sendworthy.simulator.doors import smtp
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER, Caller
from sendworthy.wire.smtp_password import smtp_password
from tests.simulator.conftest import Desk, Start
from tests.simulator.smtp_client import connected, mail, send, signed_in, trusting

TO = "success@simulator.amazonses.com"


def outbox(desk: Desk) -> list[dict[str, Any]]:
    found = desk.admin("GET", "outbox")
    assert isinstance(found, list)
    return found


def test_a_message_by_smtp_is_answered_with_its_message_id_and_kept(desk: Desk) -> None:
    desk.verified_domain()
    code, text = send(desk, TO, mail(To="Ann <ann@example.org>"))
    [kept] = outbox(desk)
    assert (code, text) == (250, f"Ok {kept['message_id']}")
    assert kept["to"] == [TO]
    assert kept["tags"]["ses:operation"] == ["SendSmtpEmail"]
    assert "To: Ann <ann@example.org>" in kept["source"]


def test_headers_of_ses_choose_the_set_and_the_tags_and_do_not_leave(desk: Desk) -> None:
    desk.verified_domain()
    queue = desk.events_wired()
    text = mail(X_SES_CONFIGURATION_SET="main", X_SES_MESSAGE_TAGS="order=17, kind=receipt")
    assert send(desk, TO, text)[0] == 250
    [kept] = outbox(desk)
    assert kept["configuration_set"] == "main"
    assert (kept["tags"]["order"], kept["tags"]["kind"]) == (["17"], ["receipt"])
    assert "X-SES-CONFIGURATION-SET" not in kept["source"]
    assert {each["eventType"] for each in desk.events(queue)} == {"Send", "Delivery"}


def test_the_password_says_which_region_it_is_for(desk: Desk) -> None:
    desk.verified_domain()
    ireland = desk.elsewhere(region="eu-west-1")
    code, text = send(ireland, TO)
    assert code == 554
    assert "failed the check in region EU-WEST-1: shop@fernhill.test" in text
    assert send(desk, TO)[0] == 250


def test_each_key_sends_for_its_own_account(desks: Start) -> None:
    other = Caller(access_key_id="AKIAOTHER00000000001", secret_access_key="other", account_id="444455556666")
    desk = desks(Settings(clock_factor=0.0, callers=(DEFAULT_CALLER, other)))
    second = desk.elsewhere(access_key=other.access_key_id, secret_key="other")
    second.verified_address("shop@example.com")
    assert send(second, TO, mail(sender="shop@example.com"), "shop@example.com")[0] == 250
    assert send(desk, TO, mail(sender="shop@example.com"), "shop@example.com")[0] == 554


@pytest.mark.parametrize("user", [DEFAULT_CALLER.access_key_id, "AKIANOBODY0000000001"])
def test_a_wrong_password_or_user_is_refused_and_told_nothing_more(desk: Desk, user: str) -> None:
    with connected(desk) as client:
        client.starttls(context=trusting(desk))
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login(user, smtp_password("not/the/secret", desk.region))
    assert (caught.value.smtp_code, caught.value.smtp_error) == (535, b"Authentication Credentials Invalid")


def test_the_secret_key_itself_is_no_smtp_password(desk: Desk) -> None:
    with connected(desk) as client:
        client.starttls(context=trusting(desk))
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(desk.access_key, desk.secret_key)


def test_a_region_without_smtp_has_no_password(desk: Desk) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError), signed_in(desk.elsewhere(region="af-south-1")):
        pass


def test_the_certificate_is_for_loopback_and_no_other_is_trusted(desk: Desk) -> None:
    with connected(desk) as client, pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=ssl.create_default_context())
    context = trusting(desk)
    assert context.check_hostname
    with connected(desk) as client:
        assert client.starttls(context=context)[0] == 220
        assert client.noop()[0] == 250


def test_several_messages_go_through_one_connection_and_a_refused_one_ends_nothing(desk: Desk) -> None:
    desk.verified_domain()
    with signed_in(desk) as client:
        client.sendmail("shop@fernhill.test", [TO], mail("one"))
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("shop@fernhill.test", ["stranger@example.org"], mail("two"))
        client.sendmail("shop@fernhill.test", [TO], mail("three"))
    assert [each["subject"] for each in outbox(desk)] == ["one", "three"]


def test_the_envelope_sender_has_to_be_verified_too(desk: Desk) -> None:
    desk.verified_domain()
    code, text = send(desk, TO, sender="somebody@example.org")
    assert code == 554
    assert text.endswith("US-EAST-1: somebody@example.org")


def test_a_message_without_a_from_header_is_refused(desk: Desk) -> None:
    desk.verified_domain()
    code, text = send(desk, TO, "Subject: nobody\r\n\r\nx\r\n")
    assert (code, text) == (554, "Transaction failed: Missing required header 'From'.")


@pytest.mark.parametrize(
    ("kind", "reply", "kept"),
    [
        ("throttle", (454, "Throttling failure: Maximum sending rate exceeded."), 0),
        ("error", (451, "Temporary service failure"), 0),
        ("error_after_work", (451, "Temporary service failure"), 1),
        ("denied", (554, "Access denied: User is not authorized to perform: ses:SendSmtpEmail"), 0),
        ("expired", (535, "Authentication Credentials Invalid"), 0),
        ("latency", (250, ""), 1),
    ],
)
def test_faults_strike_by_smtp_as_they_do_by_http(desk: Desk, kind: str, reply: tuple[int, str], kept: int) -> None:
    desk.verified_domain()
    desk.admin("POST", "faults", {"operation": "SendSmtpEmail", "kind": kind, "seconds": 0.01})
    code, text = send(desk, TO)
    assert code == reply[0]
    assert text.startswith(reply[1])
    assert len(outbox(desk)) == kept


@pytest.mark.parametrize(("kind", "kept"), [("cut_before_work", 0), ("cut_before_answer", 1)])
def test_a_line_can_be_cut_before_or_after_the_message_is_taken(desk: Desk, kind: str, kept: int) -> None:
    desk.verified_domain()
    desk.admin("POST", "faults", {"operation": "SendSmtpEmail", "kind": kind})
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(desk, TO)
    assert len(outbox(desk)) == kept


def test_addresses_make_accidents_of_the_answer_by_smtp_too(desk: Desk) -> None:
    desk.verified_domain()
    desk.in_production()
    assert send(desk, "throttle-1@example.org")[0] == 454
    assert send(desk, "throttle-1@example.org")[0] == 250
    assert send(desk, "error-after-accept@example.org") == (451, "Temporary service failure")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(desk, "timeout-after-data@example.org")
    with signed_in(desk) as client:
        assert client.sock is not None
        client.sock.settimeout(0.3)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            client.sendmail("shop@fernhill.test", ["silence-after-data@example.org"], mail())
    assert [each["to"][0].partition("@")[0] for each in outbox(desk)] == [
        "throttle-1",
        "error-after-accept",
        "timeout-after-data",
        "silence-after-data",
    ]


def test_a_port_that_is_taken_is_told_to_the_caller(desk: Desk) -> None:
    port = int(desk.at.smtp.rpartition(":")[2])
    with pytest.raises(ConfigError, match=f"Cannot listen on 127.0.0.1:{port}"):
        running(Settings(smtp_port=port)).__enter__()


def never(*_: object) -> Any:
    raise AssertionError("nobody signs in here")


async def test_more_connections_than_there_may_be_are_told_so_and_closed() -> None:
    door = smtp.SmtpDoor(callers=never, moment=never, send=never, most_connections=1)
    async with smtp.listening(door, host="127.0.0.1", port=0) as at:
        host, _, port = at.rpartition(":")
        first, writer = await asyncio.open_connection(host, int(port))
        assert (await first.readline()).startswith(b"220 ")
        second, other = await asyncio.open_connection(host, int(port))
        assert await second.read() == b"421 Too many concurrent SMTP connections\r\n"
        writer.close()
        other.close()


async def test_a_silent_client_is_timed_out() -> None:
    door = smtp.SmtpDoor(callers=never, moment=never, send=never, idle_seconds=0.05)
    async with smtp.listening(door, host="127.0.0.1", port=0) as at:
        host, _, port = at.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await reader.readline()
        assert await reader.read() == b"451 Timeout waiting for data from client.\r\n"
        writer.close()


def test_no_tls_where_tls_was_promised_closes_the_line(desk: Desk) -> None:
    host, _, port = desk.at.smtp.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"EHLO me\r\n")
        line.sendall(b"STARTTLS\r\n")
        got = b""
        while b"220 Ready" not in got:
            got += line.recv(4096)
        line.sendall(b"MAIL FROM:<a@example.com>\r\n" * 20)
        rest = b""
        try:
            while chunk := line.recv(4096):
                rest += chunk
        except ConnectionResetError:
            pass
    assert b"250" not in rest
    assert b"530" not in rest
