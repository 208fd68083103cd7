from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.errors import InvalidMessage
from sendworthy.mail.address_list import PLAIN_ADDRESS, read_address_list
from sendworthy.mail.mime import MAX_LINE, Attachment, Simple, compose, one_address, open_raw, read_tags

DATE = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)
body = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=2000)


def write(**fields: Any) -> bytes:
    values: dict[str, Any] = {
        "mail_from": "shop@example.com",
        "to": ["a@example.org"],
        "subject": "Hi",
        "text": "Hello",
    }
    return compose(Simple(**(values | fields)), message_id="id@example.com", date=DATE, boundary="b0undary")


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


def normal(written: str) -> str:
    return written.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def test_a_simple_message_is_written_byte_for_byte() -> None:
    assert write(headers=[("X-Order", "7")]) == (
        b"From: shop@example.com\r\nTo: a@example.org\r\nSubject: Hi\r\nDate: Mon, 04 May 2026 09:30:00 +0000\r\n"
        b"Message-ID: <id@example.com>\r\nX-Order: 7\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\n"
    )


@given(subject=text, plain=body, html=body, value=text.filter(str.strip))
def test_what_is_written_is_what_another_parser_reads(subject: str, plain: str, html: str, value: str) -> None:
    raw = write(subject=subject, text=plain, html=html, headers=[("X-Value", value)])
    message = read(raw)
    assert max(map(len, raw.split(b"\r\n"))) <= MAX_LINE
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert " ".join(str(message["subject"]).split()) == " ".join(subject.split())
    assert " ".join(str(message["x-value"]).split()) == " ".join(value.split())
    assert message.get_content_type() == "multipart/alternative"
    for kind, written in (("plain", plain), ("html", html)):
        part = message.get_body((kind,))
        assert part is not None
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert content.decode().replace("\r\n", "\n").rstrip("\n") == normal(written)
    assert message.defects == []


@given(content=st.binary(max_size=3000), name=text.filter(str.strip))
def test_attachments_come_back_whole(content: bytes, name: str) -> None:
    raw = write(attachments=[Attachment(name=name, content=content, media_type="application/pdf")])
    [part] = list(read(raw).iter_attachments())
    assert part.get_payload(decode=True) == content
    assert part.get_content_type() == "application/pdf"
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_inline_files_are_related_to_the_html_and_files_mixed_around_both() -> None:
    picture = Attachment(name="logo.png", content=b"png", media_type="image/png", inline=True, content_id="logo")
    bill = Attachment(name="Rechnung für Ä.pdf", content=b"pdf", media_type="application/pdf")
    message = read(write(html="<img src=cid:logo>", attachments=[bill, picture]))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/related",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    assert [part.get_filename() for part in message.walk() if part.get_filename()] == ["logo.png", "Rechnung für Ä.pdf"]


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("a@example.org", "", "a@example.org"),
        ("Ann <a@example.org>", "Ann", "a@example.org"),
        ('"Smith, Ann" <a@example.org>', "Smith, Ann", "a@example.org"),
        ("Jörg <a@exämple.org>", "Jörg", "a@xn--exmple-cua.org"),
        ("=?utf-8?q?J=C3=B6rg?= <a@example.org>", "Jörg", "a@example.org"),
        ('"quo\\"ted" <a@example.org>', 'quo"ted', "a@example.org"),
    ],
)
def test_an_address_keeps_its_display_name_through_the_wire(written: str, name: str, address: str) -> None:
    assert one_address(written) == (name, one_address(address)[1])
    [told] = read(write(mail_from=written))["from"].addresses
    assert (told.display_name, told.addr_spec) == (name, address)


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hi\r\nBcc: other@example.org"},
        {"subject": "Hi\nBcc: other@example.org"},
        {"headers": [("X-A", "1\r\n\r\n<script>")]},
        {"headers": [("X-A: 1\r\nBcc", "other@example.org")]},
        {"headers": [("", "1")]},
        {"headers": [("Bcc", "other@example.org")]},
        {"headers": [("From", "other@example.org")]},
        {"headers": [("Content-Type", "text/html")]},
        {"mail_from": "shop@example.com\r\nBcc: other@example.org"},
        {"to": ["a@example.org, b@example.org"]},
        {"to": ["A <a@example.org>, B <b@example.org>"]},
        {"mail_from": "Evil =?utf-8?q?=0D=0ABcc:_x?= <shop@example.com>"},
        {"reply_to": ["nobody"]},
        {"text": None},
        {"subject": "\ud800"},
        {"text": "\ud800"},
        {"attachments": [Attachment(name="a\r\nb", content=b"")]},
        {"attachments": [Attachment(name="a", content=b"", media_type="text/plain\r\nX-A: 1")]},
        {"attachments": [Attachment(name="a", content=b"", content_id="x\r\ny")]},
    ],
)
def test_nothing_an_author_writes_becomes_another_header(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        write(**fields)
    assert "\n" not in str(caught.value)


RAW = (
    b"Received: from somewhere\r\nFrom: Shop <shop@example.com>\r\nTo: a@example.org,\r\n b@example.org\r\n"
    b"Bcc: hidden@example.org\r\nX-SES-CONFIGURATION-SET: news\r\nX-Ses-Message-Tags: a=1, b=2\r\n"
    b"x-sendworthy-idempotency-key: k1\r\nReturn-Path: <x@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"DKIM-Signature: v=1;  a=rsa-sha256;\r\n\tb=abc\r\n\r\nBody\r\nBcc: not a header\r\n"
)


def test_a_raw_message_keeps_its_bytes_save_what_is_struck_out() -> None:
    opened = open_raw(RAW)
    assert opened.raw == (
        b"Received: from somewhere\r\nFrom: Shop <shop@example.com>\r\nTo: a@example.org,\r\n b@example.org\r\n"
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDKIM-Signature: v=1;  a=rsa-sha256;\r\n\tb=abc\r\n\r\n"
        b"Body\r\nBcc: not a header\r\n"
    )
    assert (str(opened.sender), opened.subject) == ("shop@example.com", "Grüße")
    assert [str(address) for address in opened.recipients] == ["a@example.org", "b@example.org", "hidden@example.org"]
    assert opened.struck["x-ses-configuration-set"] == "news"
    assert read_tags(opened.struck["x-ses-message-tags"]) == {"a": "1", "b": "2"}
    assert opened.struck["x-sendworthy-idempotency-key"] == "k1"


def test_a_raw_message_with_bare_line_feeds_keeps_them() -> None:
    opened = open_raw(RAW.replace(b"\r\n", b"\n"))
    assert b"\r" not in opened.raw
    assert opened.raw.endswith(b"b=abc\n\nBody\nBcc: not a header\n")


def test_a_raw_message_without_a_body_is_one_too() -> None:
    assert open_raw(b"From: a@example.com\r\nSubject: x").raw == b"From: a@example.com\r\nSubject: x\r\n\r\n"
    assert open_raw(b"From: a@example.com\nSubject: x\n").subject == "x"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\nBody",
        b"Subject: x\r\n\r\nBody",
        b"From: a@example.com\r\nFrom: b@example.com\r\n\r\n",
        b"From: a@example.com\r\nSubject: a\r\nsubject: b\r\n\r\n",
        b"From: a@example.com, b@example.com\r\n\r\n",
        b"From: a@example.com\r\nno header\r\n\r\n",
        b"From: a@example.com\r\nX-A : 1\r\n\r\n",
        b"From: a@example.com\r\nX-A: 1\rBcc: x@example.org\r\n\r\n",
        b"From: a@example.com\r\nX-A: \0\r\n\r\n",
        b" From: a@example.com\r\n\r\n",
        b"From: a@example.com\r\nX-A: " + b"x" * 999 + b"\r\n\r\n",
        b"From: a@example.com\r\n" + b"X-A: 1\r\n" * 40_000 + b"\r\n",
        b"From: nobody\r\n\r\n",
        "From: jörg@example.com\r\n\r\n".encode(),
    ],
)
def test_a_raw_message_that_could_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        open_raw(raw)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_invalid_message(data: bytes) -> None:
    for raw in (data, b"From: a@example.com\r\n" + data, b"From: " + data + b"\r\n\r\n"):
        try:
            opened = open_raw(raw)
        except InvalidMessage:
            continue
        names = [line.partition(b":")[0].lower() for line in opened.raw.split(b"\n\n")[0].split(b"\n")]
        assert b"bcc" not in names


@pytest.mark.parametrize("header", ["a", "a=", "=1", "a=1, b"])
def test_tags_that_are_no_pairs_are_refused(header: str) -> None:
    with pytest.raises(InvalidMessage):
        read_tags(header)


@given(st.from_regex(PLAIN_ADDRESS, fullmatch=True))
def test_what_is_read_without_the_library_is_what_the_library_reads(text: str) -> None:
    assert read_address_list(f" {text} ") == [("", text)]


FROM = b"From: shop@example.com\r\n"


def test_blind_copies_of_a_resent_message_are_struck_out_too() -> None:
    opened = open_raw(FROM + b"Resent-Bcc: hidden@example.org\r\nTo: a@example.org\r\n\r\nx")
    assert b"hidden" not in opened.raw
    with pytest.raises(InvalidMessage):
        write(headers=[("Resent-Bcc", "hidden@example.org")])


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("=?utf-8?q?a=00b?=", "a\ufffdb"),
        ("=?utf-7?q?+2AA-?=", "=?utf-7?q?+2AA-?="),
        ("=?unicode_escape?q?=5Cud800?=", "=?unicode_escape?q?=5Cud800?="),
        ("=?iso-8859-1?q?caf=E9?=", "caf\xe9"),
    ],
)
def test_a_subject_is_shown_without_what_no_database_takes(subject: str, shown: str) -> None:
    assert open_raw(FROM + f"Subject: {subject}\r\n\r\nx".encode()).subject == shown
