from __future__ import annotations

import email
import email.policy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sendworthy.simulator.accepted import Accepted, read_headers
from sendworthy.simulator.aftermath import happenings
from sendworthy.simulator.events import Happening, Kind, event
from sendworthy.simulator.fates import Fate, accident_of, fate_of, is_mailbox_simulator

SENT = datetime(2026, 11, 2, 9, 0, 0, 123_000, tzinfo=UTC)


def message(**changes: Any) -> Accepted:
    given: dict[str, Any] = {
        "message_id": "0100-m-000000",
        "at": SENT,
        "region": "us-east-1",
        "account_id": "111122223333",
        "caller_arn": "arn:aws:iam::111122223333:user/shop",
        "source_ip": "127.0.0.1",
        "sender": "shop@fernhill.test",
        "from_header": "Shop <shop@fernhill.test>",
        "identity_arn": "arn:aws:ses:us-east-1:111122223333:identity/fernhill.test",
        "recipients": ("ann@example.com",),
        "to": ("Ann <ann@example.com>",),
        "tags": {"ses:operation": ["SendEmail"], "order": ["17"]},
        "simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Hällo"}, "Html": {"Data": "<p>Hällo"}}},
    }
    return Accepted(**(given | changes))


def test_a_simple_message_becomes_mime_with_both_bodies() -> None:
    read = email.message_from_bytes(message().source(), policy=email.policy.default)
    assert read["from"] == "Shop <shop@fernhill.test>"
    assert read["to"] == "Ann <ann@example.com>"
    assert read["subject"] == "Grüße"
    assert read["message-id"] == "<0100-m-000000@email.amazonses.com>"
    assert read["date"].datetime == SENT.replace(microsecond=0)
    assert [part.get_content().strip() for part in read.iter_parts()] == ["Hällo", "<p>Hällo"]


def test_headers_and_attachments_of_a_simple_message_are_in_it() -> None:
    simple = {
        "Subject": {"Data": "Receipt\r\nBcc: everybody@example.com"},
        "Body": {"Html": {"Data": "<p>\ud800 paid"}},
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u/1>"}],
        "Attachments": [
            {"RawContent": b"%PDF", "FileName": "receipt.pdf", "ContentType": "application/pdf"},
            {"RawContent": b"?", "FileName": "odd", "ContentType": "no media type; at all"},
            {
                "RawContent": b"\x89PNG",
                "FileName": "grüße.png",
                "ContentType": "image/png",
                "ContentDisposition": "INLINE",
                "ContentId": "logo",
                "ContentDescription": "Our logo",
            },
            {
                "RawContent": b"plain",
                "FileName": "a.txt",
                "ContentType": "text/plain",
                "ContentTransferEncoding": "SEVEN_BIT",
            },
            {"RawContent": b"\xff", "FileName": "b.bin", "ContentTransferEncoding": "SEVEN_BIT"},
            {"RawContent": b"a=b", "FileName": "c.bin", "ContentTransferEncoding": "QUOTED_PRINTABLE"},
        ],
    }
    read = email.message_from_bytes(message(simple=simple).source(), policy=email.policy.default)
    assert read["list-unsubscribe"] == "<https://example.com/u/1>"
    assert read["bcc"] is None
    pdf, odd, logo, text, high, quoted = read.iter_attachments()
    assert [(part.get_content_type(), part.get_content()) for part in (pdf, odd)] == [
        ("application/pdf", b"%PDF"),
        ("application/octet-stream", b"?"),
    ]
    assert (logo["content-disposition"].content_disposition, logo["content-id"], logo["content-description"]) == (
        "inline",
        "<logo>",
        "Our logo",
    )
    assert logo.get_filename() == "grüße.png"
    encodings = [part["content-transfer-encoding"] for part in (pdf, text, high, quoted)]
    assert encodings == ["base64", "7bit", "base64", "quoted-printable"]
    assert (high.get_content(), quoted.get_content()) == (b"\xff", b"a=b")


def test_a_raw_message_keeps_its_headers_but_for_those_that_ses_writes() -> None:
    raw = (
        b"From: shop@fernhill.test\nTo: ann@example.com\nBcc: hidden@example.com\nX-SES-MESSAGE-TAGS: a=b\n"
        b"Message-ID: <mine@fernhill.test>\nSubject: a long\n subject\nReturn-Path: <x@fernhill.test>\n\n"
        b"line one\nline two"
    )
    source = message(raw=raw, simple=None, region="eu-west-1").source()
    assert source == (
        b"From: shop@fernhill.test\r\nTo: ann@example.com\r\nSubject: a long\r\n subject\r\n"
        b"Message-ID: <0100-m-000000@eu-west-1.amazonses.com>\r\nDate: Mon, 02 Nov 2026 09:00:00 +0000\r\n\r\n"
        b"line one\r\nline two"
    )
    assert message(raw=raw, simple=None).subject == "a long subject"


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"no headers at all", b"\xff\xfe: \x00\n\nbody", b"From"])
def test_a_raw_message_that_is_none_breaks_nothing(raw: bytes) -> None:
    assert isinstance(read_headers(raw), dict)
    assert b"Message-ID:" in message(raw=raw, simple=None).source()


@pytest.mark.parametrize(
    ("address", "fate"),
    [
        ("success@simulator.amazonses.com", Fate.DELIVERED),
        ("bounce+label@simulator.amazonses.com", Fate.BOUNCED),
        ("Complaint+1@Simulator.AmazonSES.com", Fate.COMPLAINED),
        ("ooto@simulator.amazonses.com", Fate.OUT_OF_OFFICE),
        ("suppressionlist@simulator.amazonses.com", Fate.ON_GLOBAL_LIST),
        ("ann@example.com", Fate.DELIVERED),
        ("bounce-ann@example.com", Fate.BOUNCED),
        ("softbounce-ann@example.com", Fate.SOFT_BOUNCED),
        ("complaint-ann@example.com", Fate.COMPLAINED),
        ("ooto-ann@example.com", Fate.OUT_OF_OFFICE),
        ("bounce@example.com", Fate.DELIVERED),
    ],
)
def test_what_becomes_of_mail_is_told_by_its_address(address: str, fate: Fate) -> None:
    assert fate_of(address) is fate


def test_accidents_are_addresses_too() -> None:
    found = accident_of("throttle-3@example.com")
    assert found is not None
    assert found.throttles == 3
    cut = accident_of("Timeout-After-Data+x@example.com")
    assert cut is not None
    assert cut.cut_after_accept
    assert accident_of("throttle-x@example.com") is None
    assert accident_of("theo@example.com") is None
    assert is_mailbox_simulator("x@Simulator.amazonses.com")
    assert not is_mailbox_simulator("x@simulator.amazonses.com.example.com")


# The members of the records in "Examples of event data that Amazon SES publishes to Amazon SNS" [D23].
MAIL = {
    "timestamp",
    "source",
    "sourceArn",
    "sourceIp",
    "callerIdentity",
    "sendingAccountId",
    "messageId",
    "destination",
    "headersTruncated",
    "headers",
    "commonHeaders",
    "tags",
}


def made(kind: Kind, fate: Fate = Fate.DELIVERED) -> dict[str, Any]:
    return event(
        Happening(
            kind=kind, message=message(), recipients=("ann@example.com",), at=SENT, feedback_id="0100-f", fate=fate
        )
    )


@pytest.mark.parametrize(
    ("kind", "fate", "name", "members"),
    [
        (Kind.SEND, Fate.DELIVERED, "Send", set()),
        (Kind.REJECT, Fate.DELIVERED, "Reject", {"reason"}),
        (
            Kind.DELIVERY,
            Fate.DELIVERED,
            "Delivery",
            {"timestamp", "processingTimeMillis", "recipients", "smtpResponse", "reportingMTA", "remoteMtaIp"},
        ),
        (
            Kind.BOUNCE,
            Fate.BOUNCED,
            "Bounce",
            {
                "feedbackId",
                "bounceType",
                "bounceSubType",
                "bouncedRecipients",
                "timestamp",
                "reportingMTA",
                "remoteMtaIp",
            },
        ),
        (
            Kind.COMPLAINT,
            Fate.COMPLAINED,
            "Complaint",
            {
                "feedbackId",
                "complaintSubType",
                "complainedRecipients",
                "timestamp",
                "userAgent",
                "complaintFeedbackType",
                "arrivalDate",
            },
        ),
    ],
)
def test_an_event_has_the_members_that_ses_publishes(kind: Kind, fate: Fate, name: str, members: set[str]) -> None:
    built = made(kind, fate)
    assert built["eventType"] == name
    assert set(built) == {"eventType", "mail", kind.value.lower()}
    assert set(built["mail"]) == MAIL
    assert set(built[kind.value.lower()]) == members
    assert built["mail"]["timestamp"] == "2026-11-02T09:00:00.123Z"
    assert built["mail"]["tags"]["order"] == ["17"]
    assert ("ses:outgoing-ip" in built["mail"]["tags"]) == (kind is Kind.DELIVERY)
    assert built["mail"]["commonHeaders"] | {"date": ""} == {
        "from": ["Shop <shop@fernhill.test>"],
        "to": ["Ann <ann@example.com>"],
        "date": "",
        "messageId": "0100-m-000000",
        "subject": "Grüße",
    }
    json.dumps(built)


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (Fate.BOUNCED, ("Permanent", "General")),
        (Fate.SOFT_BOUNCED, ("Transient", "MailboxFull")),
        (Fate.OUT_OF_OFFICE, ("Transient", "General")),
        (Fate.ON_GLOBAL_LIST, ("Permanent", "Suppressed")),
        (Fate.ON_ACCOUNT_LIST, ("Permanent", "OnAccountSuppressionList")),
    ],
)
def test_each_bounce_has_its_type_and_subtype(fate: Fate, words: tuple[str, str]) -> None:
    bounce = made(Kind.BOUNCE, fate)["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == words


def test_large_headers_are_truncated_and_say_so() -> None:
    raw = b"From: shop@fernhill.test\r\n" + b"X-Filler: " + b"x" * 11_000 + b"\r\nSubject: s\r\n\r\n"
    built = event(
        Happening(kind=Kind.SEND, message=message(raw=raw, simple=None), recipients=("ann@example.com",), at=SENT)
    )
    assert built["mail"]["headersTruncated"] is True
    assert [header["name"] for header in built["mail"]["headers"]] == ["From"]


def test_what_follows_a_message_is_in_order_and_names_one_person_each() -> None:
    fates = {
        "a@example.com": Fate.DELIVERED,
        "b@example.com": Fate.BOUNCED,
        "c@example.com": Fate.COMPLAINED,
        "o@example.com": Fate.OUT_OF_OFFICE,
        "s@example.com": Fate.ON_ACCOUNT_LIST,
    }
    follow = happenings(message(), fates, dict.fromkeys(fates, "f"))
    assert follow[0].kind is Kind.SEND
    assert follow[0].recipients == tuple(fates)
    assert [(each.kind.value, *each.recipients) for each in follow[1:]] == [
        ("DELIVERY", "a@example.com"),
        ("BOUNCE", "b@example.com"),
        ("DELIVERY", "c@example.com"),
        ("COMPLAINT", "c@example.com"),
        ("DELIVERY", "o@example.com"),
        ("BOUNCE", "o@example.com"),
        ("BOUNCE", "s@example.com"),
    ]
    assert [each.kind.value for each in happenings(message(), fates, {}, rejected=True)] == ["SEND", "REJECT"]
