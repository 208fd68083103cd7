"""Bounce and complaint mail: RFC 3464 and RFC 5965."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.ingest.decode import DecodeFailure
from sendworthy.ingest.reports import read_report
from sendworthy.mail.bounce import SuppressionReason, suppression
from sendworthy.mail.event import EventKind

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SES_ID = "0102019aaaaa0001-5d2f3c1e-7b60-4c2f-9a3e-2f1c0d9e8b7a-000000"


def delivery_report(*groups: str, message_id: str = f"<{SES_ID}@eu-west-1.amazonses.com>") -> bytes:
    status = "\n\n".join(["Reporting-MTA: dns; a10-10.smtp-out.eu-west-1.amazonses.com", *groups])
    return f"""From: MAILER-DAEMON@eu-west-1.amazonses.com
To: bounces@example.com
Subject: Delivery Status Notification (Failure)
Date: Fri, 20 Nov 2026 09:30:00 +0000
Message-ID: <report-1@eu-west-1.amazonses.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

An error occurred.
--b
Content-Type: message/delivery-status

{status}

--b
Content-Type: message/rfc822

From: news@example.com
To: gone@example.net
Message-ID: {message_id}
Subject: News

Hello
--b--
""".replace("\n", "\r\n").encode()


def group(action: str = "failed", status: str = "5.1.1", recipient: str = "gone@example.net") -> str:
    return f"""Final-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} said so"""


def feedback_report(kind: str = "abuse", recipient: str = "Original-Rcpt-To: angry@example.net") -> bytes:
    return f"""From: complaints@email-abuse.amazonses.com
To: bounces@example.com
Date: Fri, 20 Nov 2026 09:30:00 +0000
Message-ID: <arf-1@example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

A complaint.
--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeProvider/1.0
Version: 1
{recipient}

--b
Content-Type: message/rfc822

From: news@example.com
To: angry@example.net
Message-ID: <{SES_ID}@email.amazonses.com>

Hello
--b--
""".replace("\n", "\r\n").encode()


def test_a_failure_is_a_hard_bounce_of_the_message_it_is_about() -> None:
    [event] = read_report(delivery_report(group()), received_at=NOW)
    assert (event.kind, event.recipient, event.ses_message_id) == (EventKind.BOUNCE, "gone@example.net", SES_ID)
    assert (event.bounce_type, event.bounce_subtype) == ("Permanent", "NoEmail")
    assert event.diagnostic == "550 5.1.1 said so"
    assert event.occurred_at == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert suppression(event) is SuppressionReason.BOUNCE
    assert "Hello" not in event.raw


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "5.7.1", (EventKind.BOUNCE, "Permanent", "General")),
        ("failed", "4.4.7", (EventKind.BOUNCE, "Transient", "General")),
        ("failed", "5.2.2", (EventKind.BOUNCE, "Transient", "MailboxFull")),
        ("failed", "nonsense", (EventKind.BOUNCE, "Undetermined", "Undetermined")),
        ("Failed (permanent)", "5.1.2", (EventKind.BOUNCE, "Permanent", "General")),
        ("delayed", "4.4.1", (EventKind.DELIVERY_DELAY, "", "")),
        ("delivered", "2.0.0", (EventKind.DELIVERY, "", "")),
    ],
)
def test_action_and_status_are_read_in_ses_words(
    action: str, status: str, expected: tuple[EventKind, str, str]
) -> None:
    [event] = read_report(delivery_report(group(action, status)), received_at=NOW)
    assert (event.kind, event.bounce_type, event.bounce_subtype) == expected


def test_each_recipient_of_a_report_has_its_own_event() -> None:
    raw = delivery_report(group(), group("delayed", "4.2.2", "full@example.net"))
    assert [(one.recipient, one.kind) for one in read_report(raw, received_at=NOW)] == [
        ("gone@example.net", EventKind.BOUNCE),
        ("full@example.net", EventKind.DELIVERY_DELAY),
    ]


def test_a_complaint_is_read_with_its_kind() -> None:
    [event] = read_report(feedback_report(), received_at=NOW)
    assert (event.kind, event.recipient, event.complaint_type) == (EventKind.COMPLAINT, "angry@example.net", "abuse")
    assert event.ses_message_id == SES_ID
    assert suppression(event) is SuppressionReason.COMPLAINT


def test_a_complaint_whose_sender_was_left_out_is_of_whom_the_mail_went_to() -> None:
    [event] = read_report(feedback_report(recipient="Arrival-Date: Fri, 20 Nov 2026 08:00:00 +0000"), received_at=NOW)
    assert event.recipient == "angry@example.net"
    assert event.occurred_at.hour == 8


def test_feedback_that_it_is_no_spam_does_not_suppress() -> None:
    [event] = read_report(feedback_report("not-spam"), received_at=NOW)
    assert suppression(event) is None


def test_the_same_report_twice_is_one_event() -> None:
    first, again = (read_report(delivery_report(group()), received_at=NOW) for _ in range(2))
    assert first == again


def test_a_report_that_stands_in_the_returned_mail_is_not_believed() -> None:
    inner = delivery_report(group()).decode().replace("\r\n", "\n")
    raw = f"From: x@example.org\nContent-Type: message/rfc822\n\n{inner}".encode()
    with pytest.raises(DecodeFailure, match="neither"):
        read_report(raw, received_at=NOW)


def test_a_message_id_that_is_not_ses_own_names_no_message() -> None:
    [event] = read_report(delivery_report(group(), message_id="<x@example.com>"), received_at=NOW)
    assert event.ses_message_id == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: Hi\r\n\r\nHello",
        delivery_report(),
        delivery_report("Final-Recipient: rfc822; nobody\nAction: failed\nStatus: 5.0.0"),
        feedback_report("", "Version: 1"),
    ],
)
def test_what_is_no_report_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(DecodeFailure):
        read_report(raw, received_at=NOW)


@given(at=st.integers(0, 1200), junk=st.binary(max_size=40))
def test_no_damage_to_a_report_ends_in_anything_but_events_or_a_word(at: int, junk: bytes) -> None:
    whole = delivery_report(group())
    try:
        read_report(whole[:at] + junk + whole[at + len(junk) :], received_at=NOW)
    except DecodeFailure as error:
        assert "gone@" not in error.happened  # noqa: PT017 - either end is right
