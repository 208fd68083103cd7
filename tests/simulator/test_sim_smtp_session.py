from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.simulator import smtp_session
from sendworthy.simulator.smtp_session import Envelope, Reply, Session, Then

ANN = ("AKIAANN", "secret")


def session(*, secure: bool = True, signed_in: bool = True) -> Session[str]:
    made: Session[str] = Session(lambda user, password: user if (user, password) == ANN else None)
    if secure:
        made.secured()
        said(made, b"EHLO me\r\n")
    if signed_in:
        assert said(made, b"AUTH PLAIN " + plain(*ANN) + b"\r\n") == ["235 Authentication successful."]
    return made


def plain(user: str, password: str) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


def said(made: Session[str], data: bytes) -> list[str]:
    found = []
    for step in made.receive(data):
        assert isinstance(step, Reply)
        found.append(step.text)
    return found


def envelopes(made: Session[str], data: bytes) -> list[Envelope[str]]:
    return [step for step in made.receive(data) if isinstance(step, Envelope)]


def begun(made: Session[str]) -> Session[str]:
    made_ready = said(made, b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n")
    assert made_ready == ["250 Ok", "250 Ok", "354 End data with <CR><LF>.<CR><LF>"]
    return made


def test_tls_comes_first_then_authentication_then_mail() -> None:
    made = session(secure=False, signed_in=False)
    [hello] = said(made, b"EHLO me\r\n")
    assert "250-STARTTLS" in hello
    assert "AUTH" not in hello
    for line in (b"AUTH PLAIN\r\n", b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<a@example.com>\r\n", b"DATA\r\n"):
        assert said(made, line) == ["530 Must issue a STARTTLS command first"]
    assert said(made, b"STARTTLS\r\n") == ["220 Ready to start TLS"]
    made.secured()
    [hello] = said(made, b"EHLO me\r\n")
    assert hello.splitlines()[1:] == ["250-8BITMIME", "250-SIZE 41943040", "250-AUTH PLAIN LOGIN", "250 Ok"]
    assert said(made, b"MAIL FROM:<a@example.com>\r\n") == ["530 Authentication required"]
    assert said(made, b"STARTTLS\r\n") == ["503 TLS is already on"]


def test_what_was_said_before_tls_is_forgotten() -> None:
    made = session(secure=False, signed_in=False)
    said(made, b"EHLO me\r\nSTARTTLS\r\n")
    made.secured()
    said(made, b"AUTH PLAIN " + plain(*ANN) + b"\r\n")
    assert said(made, b"MAIL FROM:<shop@example.com>\r\n") == ["503 Error: send EHLO first"]


def test_commands_slipped_in_behind_starttls_end_the_session() -> None:
    made = session(secure=False, signed_in=False)
    [reply] = list(made.receive(b"STARTTLS\r\nMAIL FROM:<a@example.com>\r\n"))
    assert isinstance(reply, Reply)
    assert (reply.text[:3], reply.then) == ("554", Then.CLOSE)
    assert list(made.receive(b"NOOP\r\n")) == []


def test_login_asks_for_user_and_password_in_turn() -> None:
    made = session(signed_in=False)
    assert said(made, b"AUTH LOGIN\r\n") == ["334 VXNlcm5hbWU6"]
    assert said(made, base64.b64encode(ANN[0].encode()) + b"\r\n") == ["334 UGFzc3dvcmQ6"]
    assert said(made, base64.b64encode(b"wrong") + b"\r\n") == ["535 Authentication Credentials Invalid"]
    assert said(made, b"AUTH LOGIN " + base64.b64encode(ANN[0].encode()) + b"\r\n") == ["334 UGFzc3dvcmQ6"]
    assert said(made, base64.b64encode(ANN[1].encode()) + b"\r\n") == ["235 Authentication successful."]
    assert said(made, b"AUTH PLAIN\r\n") == ["503 Already authenticated"]


def test_plain_is_taken_in_one_line_or_two_and_can_be_given_up() -> None:
    made = session(signed_in=False)
    assert said(made, b"auth plain\r\n*\r\n") == ["334 ", "501 Authentication was given up"]
    assert said(made, b"AUTH PLAIN !!!\r\n") == ["501 Invalid parameter of AUTH"]
    assert said(made, b"AUTH PLAIN =\r\n") == ["501 Invalid parameter of AUTH"]
    assert said(made, b"AUTH CRAM-MD5\r\n") == ["504 Unrecognized authentication type"]
    assert said(made, b"AUTH PLAIN\r\n" + plain(*ANN) + b"\r\n") == ["334 ", "235 Authentication successful."]


def test_a_message_comes_out_whole_with_its_dots_unstuffed() -> None:
    made = begun(session())
    [mail] = envelopes(made, b"Subject: x\r\n\r\n..dot\r\n.x\r\n...\r\n.\r\n")
    assert mail == Envelope(
        who="AKIAANN",
        sender="shop@example.com",
        recipients=("ann@example.org",),
        data=b"Subject: x\r\n\r\n.dot\r\nx\r\n..\r\n",
    )
    assert said(made, b"RCPT TO:<bob@example.org>\r\n") == ["503 Error: need MAIL command"]


def test_an_empty_message_ends_at_once() -> None:
    [mail] = envelopes(begun(session()), b".\r\n")
    assert mail.data == b""


@pytest.mark.parametrize(
    "trick", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r", b"\r\n.\r\r\n", b"\r\n\0.\r\n"]
)
def test_nothing_but_crlf_dot_crlf_ends_a_message(trick: bytes) -> None:
    smuggled = b"MAIL FROM:<admin@example.com>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: smuggled\r\n"
    made = begun(session())
    found = list(made.receive(b"Subject: one\r\n\r\nbody" + trick + smuggled + b"\r\n.\r\n"))
    assert len(found) == 1
    assert isinstance(found[0], Envelope)
    assert b"Subject: smuggled" in found[0].data
    assert found[0].recipients == ("ann@example.org",)


def test_a_bare_line_end_makes_no_command() -> None:
    made = session()
    assert said(made, b"NOOP\nQUIT\r\n") == ["500 A line ends with <CR><LF>, and neither stands alone"]
    assert said(made, b"NOOP\r\n") == ["250 Ok"]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:<>", "501 Invalid MAIL FROM address provided"),
        ("MAIL FROM: two words", "501 Invalid MAIL FROM address provided"),
        ("MAIL shop@example.com", "501 Invalid MAIL FROM address provided"),
        ("MAIL FROM:<a@example.com> SIZE=41943041", "552 Message is too long."),
        ("MAIL FROM:<a@example.com> SIZE=lots", "501 SIZE is a number of bytes"),
        ("MAIL FROM:<a@example.com> BODY=8BITMIME SIZE=10", "250 Ok"),
        ("mail from: a@example.com", "250 Ok"),
        ("RCPT TO:<ann@example.org>", "503 Error: need MAIL command"),
        ("DATA", "503 Error: need RCPT command"),
        ("DATA now", "501 DATA takes no parameter"),
        ("EHLO", "501 A host name must be given"),
        ("VRFY ann", "502 Command not implemented"),
        ("", "502 Command not implemented"),
        ("RSET", "250 Ok"),
    ],
)
def test_each_command_is_answered_in_its_own_words(line: str, reply: str) -> None:
    assert said(session(), line.encode() + b"\r\n") == [reply]


def test_a_second_mail_command_and_a_recipient_that_is_none_are_refused() -> None:
    made = session()
    said(made, b"MAIL FROM:<shop@example.com>\r\n")
    assert said(made, b"MAIL FROM:<shop@example.com>\r\n") == ["503 Error: nested MAIL command"]
    assert said(made, b"RCPT TO:<nobody>\r\n") == ["553 Invalid email address"]
    many = b"".join(b"RCPT TO:<a%d@example.org>\r\n" % number for number in range(1001))
    assert said(made, many)[-2:] == ["250 Ok", "452 Too many recipients"]


def test_a_message_over_forty_megabytes_is_read_to_its_end_and_refused() -> None:
    made = begun(session())
    chunk = b"x" * 998 + b"\r\n"
    for _ in range(smtp_session.MOST_BYTES // len(chunk) // 1000 + 2):
        assert said(made, chunk * 1000) == []
    assert said(made, b".\r\nNOOP\r\n") == ["552 Message is too long.", "250 Ok"]


def test_a_line_without_an_end_closes_the_session() -> None:
    [reply] = list(session().receive(b"x" * 13_000))
    assert reply == Reply("500 Line too long", Then.CLOSE)


def test_quit_says_goodbye() -> None:
    assert list(session().receive(b"QUIT\r\n")) == [Reply("221 Bye", Then.CLOSE)]


TALK = (
    b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nSubject: x\r\n\r\n..one\r\n.\r\n"
    b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n.\r\nNOOP\r\n"
)


@given(cuts=st.lists(st.integers(0, len(TALK)), max_size=12))
def test_how_bytes_are_cut_on_the_way_changes_nothing(cuts: list[int]) -> None:
    whole = list(session().receive(TALK))
    made, found, edges = session(), [], [0, *sorted(cuts), len(TALK)]
    for start, end in itertools.pairwise(edges):
        found += list(made.receive(TALK[start:end]))
    assert found == whole


@settings(max_examples=200)
@given(chunks=st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", b".", b"DATA\r\n", b"AUTH LOGIN\r\n", b"*"])))
def test_whatever_is_said_every_reply_has_a_code_and_stays_on_its_lines(chunks: list[bytes]) -> None:
    made = session()
    for chunk in chunks:
        for step in made.receive(chunk):
            if isinstance(step, Reply):
                for line in step.text.split("\r\n"):
                    assert line[:3].isdigit()
                    assert "\n" not in line
