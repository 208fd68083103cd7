"""What an SMTP session says, byte by byte: order, limits, and no second reading of anything."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.gateway.smtp_session import Envelope, Reply, Session, SignIn, Terms, Then

PLAIN = base64.b64encode(b"\0user\0secret")
BODY = b"From: a@example.com\r\n\r\nHello.\r\n"


def terms(**changed: Any) -> Terms:
    given: dict[str, Any] = {"name": "gateway.test", "most_bytes": 1000, "most_recipients": 3}
    return Terms(**(given | {"tls": True, "plain": True} | changed))


def talk(session: Session[str], *pieces: bytes, good: str | None = "somebody") -> list[Any]:
    """Feed pieces and give what came of them; a sign-in succeeds as `good`."""
    steps: list[Any] = []
    for piece in pieces:
        session.feed(piece)
        while (step := session.next()) is not None:
            if isinstance(step, SignIn):
                assert (step.user, step.password) == ("user", "secret")
                step = session.judged(good)
            steps.append(step)
    return steps


def codes(steps: list[Any]) -> list[str]:
    return [step.text[:3] if isinstance(step, Reply) else "MAIL" for step in steps]


def signed_in(**changed: Any) -> Session[str]:
    session: Session[str] = Session(terms(**changed))
    assert codes(talk(session, b"EHLO me\r\n", b"AUTH PLAIN " + PLAIN + b"\r\n")) == ["250", "235"]
    return session


def message(session: Session[str], data: bytes) -> Any:
    opened = talk(session, b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    assert codes(opened) == ["250", "250", "354"]
    return talk(session, data)


def test_a_message_passes_whole_with_its_dots_unstuffed() -> None:
    (envelope,) = message(signed_in(), b"Subject: x\r\n\r\n..\r\n.hidden\r\n...\r\n.\r\n")
    assert envelope == Envelope(
        who="somebody",
        sender="a@example.com",
        recipients=("b@example.org",),
        data=b"Subject: x\r\n\r\n.\r\nhidden\r\n..\r\n",
    )


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=20))
def test_a_message_is_the_same_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    clean = body.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    lines = clean.split(b"\r\n")
    stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\n"
    session = signed_in()
    assert codes(talk(session, b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"))[-1] == "354"
    steps: list[Any] = []
    for cut in cuts:
        steps += talk(session, stuffed[:cut])
        stuffed = stuffed[cut:]
    steps += talk(session, stuffed)
    assert [step.data for step in steps] == [clean]


def test_many_commands_in_one_piece_are_answered_in_order() -> None:
    steps = talk(
        signed_in(),
        b"MAIL FROM:<a@example.com> BODY=8BITMIME SIZE=30\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" + BODY + b".\r\n"
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<nobody>\r\nRSET\r\nNOOP\r\nQUIT\r\n",
    )
    assert codes(steps) == ["250", "250", "354", "MAIL", "250", "553", "250", "250", "221"]


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\n\r\nHi\r\n.\r\n",
        b"Subject: x\r\n\r\nHi\n.\n" + b"MAIL FROM:<evil@example.net>\r\n\r\n.\r\n",
        b"Subject: x\r\n\r\nHi\r\n.\n" + b"MAIL FROM:<evil@example.net>\r\n\r\n.\r\n",
        b"Subject: x\r\n\r\nHi\n.\r\n" + b"MAIL FROM:<evil@example.net>\r\n\r\n.\r\n",
        b"Subject: x\r\n\r\nHi\r.\r" + b"MAIL FROM:<evil@example.net>\r\n\r\n.\r\n",
        b"Subject: x\r\n\r\nHi\r\n.\r" + b"MAIL FROM:<evil@example.net>\r\n\r\n.\r\n",
    ],
)
def test_a_message_cannot_be_smuggled_in_another(data: bytes) -> None:
    """Whatever another server might take for the end, the end is CRLF.CRLF, and a line end alone refuses the whole."""
    steps = message(signed_in(), data)
    assert codes(steps) == ["554"]
    assert steps[0].text.startswith("554 5.6.0")


@pytest.mark.parametrize(
    "line", [b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n", b"NO\0OP\r\n", b"MAIL FROM:<a@b.test>\nDATA\r\n"]
)
def test_a_command_with_a_line_end_inside_ends_the_session(line: bytes) -> None:
    (step,) = talk(signed_in(), line + b"NOOP\r\n")
    assert (step.text[:9], step.then) == ("500 5.5.2", Then.CLOSE)


def test_nothing_is_sent_for_whoever_has_not_signed_in() -> None:
    session: Session[str] = Session(terms())
    steps = talk(session, b"EHLO me\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    assert codes(steps) == ["250", "530", "530", "530"]


def test_beyond_this_host_tls_comes_first() -> None:
    session: Session[str] = Session(terms(plain=False))
    hello, *rest = talk(session, b"EHLO me\r\nAUTH PLAIN " + PLAIN + b"\r\nMAIL FROM:<a@example.com>\r\n")
    assert "STARTTLS" in hello.text
    assert "AUTH" not in hello.text
    assert codes(rest) == ["530", "530"]
    (start,) = talk(session, b"STARTTLS\r\n")
    assert start.then is Then.START_TLS
    session.secured()
    (early,) = talk(session, b"AUTH PLAIN " + PLAIN + b"\r\n")
    assert early.text.startswith("503")  # what was said before TLS is forgotten
    hello, ok = talk(session, b"EHLO me\r\nAUTH PLAIN " + PLAIN + b"\r\n")
    assert "AUTH PLAIN LOGIN" in hello.text
    assert "STARTTLS" not in hello.text
    assert ok.text.startswith("235")


def test_what_comes_before_the_handshake_is_not_taken_for_what_comes_after() -> None:
    session: Session[str] = Session(terms(plain=False))
    _, step = talk(session, b"EHLO me\r\nSTARTTLS\r\nAUTH PLAIN " + PLAIN + b"\r\n")
    assert (step.text[:3], step.then) == ("554", Then.CLOSE)


def test_three_wrong_passwords_end_the_session() -> None:
    session: Session[str] = Session(terms())
    steps = talk(session, b"EHLO me\r\n", *[b"AUTH PLAIN " + PLAIN + b"\r\n"] * 4, good=None)
    assert codes(steps) == ["250", "535", "535", "535"]
    assert steps[-1].then is Then.CLOSE


def test_login_asks_for_user_and_password() -> None:
    session: Session[str] = Session(terms())
    user, password = base64.b64encode(b"user"), base64.b64encode(b"secret")
    steps = talk(session, b"EHLO me\r\n", b"AUTH LOGIN\r\n", user + b"\r\n", password + b"\r\n")
    assert [step.text for step in steps[1:3]] == ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]
    assert codes(steps) == ["250", "334", "334", "235"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"MAIL FROM:<>", "501"),
        (b"MAIL FROM:a@example.com", "501"),
        (b"MAIL FROM:<a@example.com> SIZE=1001", "552"),
        (b"MAIL FROM:<a@example.com> SMTPUTF8", "555"),
        ("MAIL FROM:<jörg@example.com>".encode(), "553"),
        (b"RCPT TO:<b@example.org>", "503"),
        (b"DATA", "503"),
        (b"VRFY a", "252"),
        (b"BDAT 10 LAST", "502"),
        (b"AUTH CRAM-MD5", "503"),
        (b"STARTTLS now", "501"),
    ],
)
def test_a_command_out_of_order_or_shape_has_its_code(command: bytes, code: str) -> None:
    assert codes(talk(signed_in(), command + b"\r\n")) == [code]


def test_more_recipients_than_allowed_wait_for_another_message() -> None:
    steps = talk(signed_in(), b"MAIL FROM:<a@example.com>\r\n" + b"RCPT TO:<b@example.org>\r\n" * 4)
    assert codes(steps) == ["250", "250", "250", "250", "452"]


def test_a_message_that_is_too_long_is_let_go_and_the_session_goes_on() -> None:
    session = signed_in()
    opened = talk(session, b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    assert codes(opened)[-1] == "354"
    for _ in range(100):
        assert talk(session, b"x" * 100) == []
        assert session.buffered <= 1100
    assert codes(talk(session, b"\r\n.\r\nNOOP\r\n")) == ["552", "250"]


def test_a_full_memory_puts_a_message_off_and_gives_back_what_it_held() -> None:
    held = [0]

    def room(more: int) -> bool:
        held[0] += more
        return held[0] <= 300

    def free(less: int) -> None:
        held[0] -= less

    session = signed_in(room=room, free=free)
    talk(session, b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    assert talk(session, b"x" * 200) == []
    assert talk(session, b"y" * 200) == []
    assert codes(talk(session, b"\r\n.\r\n")) == ["451"]


def test_a_line_without_end_ends_the_session() -> None:
    (step,) = talk(signed_in(), b"x" * 3000)
    assert (step.text[:3], step.then) == ("500", Then.CLOSE)


def test_a_client_that_only_makes_mistakes_is_sent_away() -> None:
    steps = talk(signed_in(), b"NONSENSE\r\n" * 20)
    assert steps[-1].then is Then.CLOSE
    assert len(steps) == 11


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_no_bytes_break_a_session_and_none_sends_without_a_key(pieces: list[bytes]) -> None:
    session: Session[str] = Session(terms())
    words = [b"EHLO x\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<a@b.test>\r\n", b"DATA\r\n", b"\r\n.\r\n"]
    for number, piece in enumerate(pieces):
        session.feed(piece + words[number % len(words)])
        while (step := session.next()) is not None:
            if isinstance(step, SignIn):
                step = session.judged(None)
            assert isinstance(step, Reply)
            assert "\n" not in step.text.replace("\r\n", "")


@pytest.mark.parametrize("pieces", [[b".\r\n"], [b".", b"\r\n"], [b".\r", b"\n"], [b".", b"\r", b"\n"]])
def test_a_message_of_nothing_ends_however_it_is_cut(pieces: list[bytes]) -> None:
    session = signed_in()
    assert codes(message(session, b"")) == []
    steps = talk(session, *pieces, b"NOOP\r\n")
    assert codes(steps) == ["MAIL", "250"]
    assert steps[0].data == b""


@pytest.mark.parametrize("address", ["a..b@example.org", "a@b@example.org", "@a:b@example.org", "a@-x.test", "a@"])
def test_what_is_no_address_is_said_at_once_and_of_this_recipient_alone(address: str) -> None:
    """Said of the whole message, a relay in front would return it to everybody."""
    session = signed_in()
    assert codes(talk(session, f"MAIL FROM:<{address}>\r\n".encode())) == ["501"]
    both = f"MAIL FROM:<a@example.com>\r\nRCPT TO:<{address}>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n".encode()
    assert codes(talk(session, both)) == ["250", "553", "250", "354"]
