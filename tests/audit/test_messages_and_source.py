"""What a message shows of itself, and what a static look at a program finds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.message import has_postal_address, offers_unsubscribe, read_html_body, read_message
from sendworthy.audit.source import READ, SinKind, scan, wanted
from sendworthy.errors import InvalidMessage

NEWS = b"""DKIM-Signature: v=1; a=rsa-sha256; q=dns/txt; c=relaxed/simple;\r
 s=aaaa1111; d=Example.com; t=1764000000;\r
 h=From:To:Subject:MIME-Version:Content-Type:List-Unsubscribe:\r
 List-Unsubscribe-Post; bh=abc=; b=def=\r
DKIM-Signature: v=1; d=amazonses.com; s=x; h=From; l=20; bh=a; b=b\r
From: =?utf-8?q?T=C3=B6pferei?= <news@Example.com>\r
To: reader@example.net\r
Subject: News\r
List-Unsubscribe: <mailto:stop@example.com?subject=t0ken>,\r
 <https://user:pw@example.com/u/t0ken?x=t0ken>\r
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
News without any way out\r
--b\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
<head><title>unsubscribe</title></head><p>News</p><a href=3D"https://example.com/u/t0ken">Unsub=\r
scribe</a><p>12 Harbour Road, Bristol BS1 4QA</p>\r
--b--\r
"""


def test_a_message_is_read_without_keeping_what_is_private() -> None:
    seen = read_message("news.eml", NEWS)
    assert seen.from_domain == "example.com"
    assert (seen.unsubscribe_headers, seen.post_headers, seen.one_click) == (1, 1, True)
    assert seen.unsubscribe == ("mailto:", "https://example.com")
    assert [(one.domain, one.cut) for one in seen.signatures] == [("example.com", False), ("amazonses.com", True)]
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(seen.signatures[0].headers)
    assert (seen.visible_link, seen.postal_address) == (True, True)
    assert not any(secret in repr(seen) for secret in ("t0ken", "reader", "news@", "pw"))


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"Subject: x\r\n\r\nFrom: a@example.com", b"From: nobody\r\n\r\n", b"\xff"]
)
def test_what_is_no_message_is_one_clear_line(raw: bytes) -> None:
    with pytest.raises(InvalidMessage, match="no From header") as caught:
        read_message("x.eml", raw)
    assert "\n" not in caught.value.happened


@given(st.binary(max_size=400))
def test_no_bytes_make_reading_a_message_fail_in_another_way(raw: bytes) -> None:
    with suppress(InvalidMessage):
        read_message("x", b"From: a@example.com\r\n" + raw)


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<a href="https://example.com/x">Unsubscribe</a>', True),
        ('<a href="https://example.com/unsubscribe?t=1"><img src="x" alt=""></a>', True),
        ('<a href="https://example.com/x"><img alt="Abmelden"></a>', True),
        ('<a href="https://example.com/x">Manage your email preferences</a>', True),
        ('<a href="https://example.com/x">Read more</a>', False),
        ("<p>To unsubscribe, think hard.</p><a href='https://example.com'>Home</a>", False),
        ("<style>.unsubscribe{}</style><a href='https://example.com'>Home</a>", False),
    ],
)
def test_a_way_out_is_a_link_that_a_reader_sees(html: str, *, found: bool) -> None:
    assert offers_unsubscribe(*read_html_body(html)) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Unsubscribe: https://example.com/u/1", True),
        ("To unsubscribe visit\nhttps://example.com/u/1", True),
        ("Se désinscrire : {{unsubscribe_url}}", True),
        ("You cannot unsubscribe", False),
        ("News of the day", False),
    ],
)
def test_in_plain_text_the_word_stands_beside_an_address(text: str, *, found: bool) -> None:
    assert offers_unsubscribe(text) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Example Ltd, 12 Harbour Road, Bristol BS1 4QA", True),
        ("Example Inc., 410 Terry Ave N, Seattle, WA 98109", True),
        ("Beispiel GmbH, Hafenstraße 12, 28195 Bremen", True),
        ("PO Box 123, Dublin, D02 X285 12345", True),
        ("Example KK, 〒100-0001 Tokyo", True),
        ("Example Ltd\n12 High Street\nLondon SW1A 1AA", True),
        ("12 High Street\r\nLondon SW1A 1AA", True),
        ("12 High Street London SW1A 1AA", True),
        ("12 Main Street\nSpringfield 12345", True),
        ("In 2026 we sold 12 pots", False),
        ("In 2026 we sold 1200 pots", False),
        ("In 2026 we sold\n12 pots", False),
        ("", False),
    ],
)
def test_a_postal_address_has_a_street_and_a_post_code(text: str, *, found: bool) -> None:
    assert has_postal_address(text) is found


GOOD_PYTHON = """
import boto3, time
from botocore.config import Config
ses = boto3.client("sesv2", config=Config(retries={"total_max_attempts": 1}))

def send(address, subject, text):
    try:
        return ses.send_email(
            Destination={"ToAddresses": [address]},
            ConfigurationSetName="live",
        )
    except ses.exceptions.TooManyRequestsException:
        keep(address)
"""
LOOP = """import boto3
ses = boto3.client("ses")
for one in people:
    try:
        ses.send_email(Source="a")
    except Exception:
        raise
"""
JAVASCRIPT_LOOP = """import { SESv2Client } from "@aws-sdk/client-sesv2";
users.forEach((u) => {
  client.send(new SendEmailCommand({ ToAddresses: [u] }));
});
"""
BAD = {
    SinKind.CREDENTIALS: ('import smtplib\nkey = "AKIAABCDEFGHIJKLMNOP"\n', 2),
    SinKind.NO_TLS: ('import smtplib\ns = smtplib.SMTP("email-smtp.eu-west-1.amazonaws.com", 25)\n', 2),
    SinKind.NO_CONFIGURATION_SET: (GOOD_PYTHON.replace('ConfigurationSetName="live",', ""), 8),
    SinKind.ERRORS_IGNORED: (
        'import boto3\nses = boto3.client("ses")\nses.send_email(ConfigurationSetName="x", Source="a")\n',
        3,
    ),
    SinKind.HIDDEN_RETRIES: ('import boto3\n\nses = boto3.client("sesv2", region_name="eu-west-1")\n', 3),
    SinKind.MANY_RECIPIENTS: (GOOD_PYTHON.replace('["address"]', "x").replace("[address]", "recipients"), 9),
    SinKind.UNPACED_LOOP: (
        LOOP,
        5,
    ),
    SinKind.NO_UNSUBSCRIBE: (GOOD_PYTHON + "# the monthly newsletter\n", 8),
}


@pytest.mark.parametrize("kind", SinKind, ids=str)
def test_each_sin_is_found_at_its_line(kind: SinKind) -> None:
    text, line = BAD[kind]
    assert [(sin.file, sin.line) for sin in scan({"app/mail.py": text}).of(kind)] == [("app/mail.py", line)]


def test_a_careful_program_has_none() -> None:
    found = scan({"mail.py": GOOD_PYTHON})
    assert (found.files, found.sends, found.sins) == (1, 1, ())


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (
            "mail.js",
            JAVASCRIPT_LOOP,
            SinKind.UNPACED_LOOP,
        ),
        (
            "mail.ts",
            'const t = nodemailer({host: "email-smtp.x", tls: {rejectUnauthorized: false}});\n',
            SinKind.NO_TLS,
        ),
        (
            "Mail.php",
            "<?php use Aws\\Ses\\SesClient;\ncurl_setopt($c, CURLOPT_SSL_VERIFYPEER, false);\n",
            SinKind.NO_TLS,
        ),
        ("mail.go", "// ses\ntls.Config{InsecureSkipVerify: true}\n", SinKind.NO_TLS),
        (".env", "SMTP_PASSWORD=BLBM9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9x\n", SinKind.CREDENTIALS),
    ],
)
def test_other_languages_are_read_too(name: str, text: str, kind: SinKind) -> None:
    assert scan({name: text}).of(kind)


@pytest.mark.parametrize(
    "text",
    [
        'import os\nimport smtplib\npassword = os.environ["SMTP_PASSWORD"]\n',
        "# aws docs: AKIAIOSFODNN7EXAMPLE\nimport smtplib\n",
        'import smtplib\ns = smtplib.SMTP("localhost")\n',
        'import smtplib\ns = smtplib.SMTP("email-smtp.x", 587)\ns.starttls()\n',
        "def send_email(to):\n    queue.put(to)\n",
        "# ses.send_email() is not called here\nimport boto3\n",
    ],
)
def test_what_is_no_sin_is_not_called_one(text: str) -> None:
    assert scan({"mail.py": text}).sins == ()


def test_other_files_are_not_looked_at() -> None:
    assert wanted("src/mail.py")
    assert wanted(".env.production")
    assert not wanted("logo.png")
    assert not wanted("README.md")


@given(st.dictionaries(st.sampled_from([f"x{end}" for end in READ]), st.text(max_size=300), max_size=3))
def test_no_text_makes_the_look_fail(files: dict[str, str]) -> None:
    found = scan({name: f"ses smtplib\n{text}" for name, text in files.items()})
    assert found.files == len(files)
    for sin in found.sins:
        assert 1 <= sin.line <= len(f"ses smtplib\n{files[sin.file]}".splitlines())
