"""One SMTP session as SES holds it: bytes in, replies and messages out. Knows no socket, no TLS and no rule of sending.

RFC 5321, with STARTTLS (RFC 3207), AUTH PLAIN and LOGIN (RFC 4954), SIZE (RFC 1870) and 8BITMIME (RFC 6152). Lines end
with CRLF and nothing else does; a message ends with CRLF.CRLF and with nothing else, so that none can be smuggled.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from sendworthy.simulator import smtp_replies as replies

MOST_BYTES = 40 * 1024 * 1024  # a message by SMTP [D23]
_MOST_LINE = 12_288  # the longest AUTH line (RFC 4954 section 4); other commands need far less
_MOST_RECIPIENTS = 1_000  # taken before SES's own rule of 50 is applied to the message
_PATH = re.compile(r"<?([^<>\s]*)>?((?:\s+[A-Za-z0-9-]+(?:=[^\s=]+)?)*)\s*")
_DOT_AT_START = re.compile(rb"(\A|\r\n)\.")

Who = TypeVar("Who")


class Then(StrEnum):
    """What the connection is to do after a reply."""

    GO_ON = "go_on"
    START_TLS = "start_tls"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Reply:
    """One or more reply lines, without the last CRLF."""

    text: str
    then: Then = Then.GO_ON


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope(Generic[Who]):
    """A whole message: who signed in, the envelope, and the text with its dots unstuffed."""

    who: Who
    sender: str
    recipients: tuple[str, ...]
    data: bytes


class _Waiting(StrEnum):
    """What the next line is: a command, a line of a sign-in, or a part of a message."""

    COMMAND = "command"
    PLAIN = "plain"
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - the name of a state
    DATA = "data"


class Session(Generic[Who]):
    """Feed it what arrives; it yields replies, and each whole message as an Envelope whose answer is the caller's."""

    def __init__(self, authenticate: Callable[[str, str], Who | None]) -> None:
        self._authenticate = authenticate
        self._buffer = bytearray()
        self._waiting = _Waiting.COMMAND
        self._secure = False
        self._greeted = False
        self._who: Who | None = None
        self._user = ""
        self._closed = False
        self._searched = 0
        self._too_long = False
        self._sender = ""
        self._recipients: list[str] = []

    def secured(self) -> None:
        """Say that TLS is on: everything said before it is forgotten (RFC 3207 section 4.2)."""
        self._secure, self._greeted, self._who = True, False, None
        self._forget_message()

    def receive(self, data: bytes) -> Iterator[Reply | Envelope[Who]]:
        """Take bytes as they come."""
        self._buffer += data
        while not self._closed:
            step = self._message() if self._waiting is _Waiting.DATA else self._next_line()
            if step is None:
                return
            if isinstance(step, Reply) and step.then is Then.START_TLS and self._buffer:
                # Commands that came before the handshake would be taken as protected: RFC 3207 section 6.
                step = Reply("554 Nothing may follow STARTTLS before the handshake", Then.CLOSE)
            if isinstance(step, Reply) and step.then is Then.CLOSE:
                self._closed = True
            yield step

    def _next_line(self) -> Reply | Envelope[Who] | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) <= _MOST_LINE:
                return None
            return Reply("500 Line too long", Then.CLOSE)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if len(line) > _MOST_LINE:
            return Reply("500 Line too long", Then.CLOSE)
        if self._waiting is not _Waiting.COMMAND:
            return self._sign_in(line)
        if b"\r" in line or b"\n" in line or b"\0" in line:
            return Reply("500 A line ends with <CR><LF>, and neither stands alone")
        verb, _, rest = line.decode("utf-8", "replace").partition(" ")
        return self._command(verb.upper(), rest.strip())

    def _command(self, verb: str, rest: str) -> Reply:
        answers: dict[str, Callable[[str], Reply]] = {
            "EHLO": self._extended_hello,
            "HELO": self._hello,
            "STARTTLS": self._start_tls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._recipient,
            "DATA": self._data,
            "RSET": self._reset,
            "NOOP": lambda _: Reply(replies.OK),
            "QUIT": lambda _: Reply(replies.BYE, Then.CLOSE),
        }
        answer = answers.get(verb)
        return answer(rest) if answer is not None else Reply("502 Command not implemented")

    def _extended_hello(self, name: str) -> Reply:
        plain = self._hello(name)
        if not name:
            return plain
        lines = [replies.HELLO, "8BITMIME"]
        lines += [f"SIZE {MOST_BYTES}", "AUTH PLAIN LOGIN"] if self._secure else ["STARTTLS"]
        return Reply("\r\n".join([*(f"250-{line}" for line in lines), replies.OK]))

    def _hello(self, name: str) -> Reply:
        if not name:
            return Reply("501 A host name must be given")
        self._greeted = True
        self._forget_message()
        return Reply(f"250 {replies.HELLO}")

    def _start_tls(self, rest: str) -> Reply:
        if self._secure:
            return Reply("503 TLS is already on")
        return Reply("501 STARTTLS takes no parameter") if rest else Reply(replies.READY_FOR_TLS, Then.START_TLS)

    def _reset(self, _rest: str) -> Reply:
        self._forget_message()
        return Reply(replies.OK)

    def _auth(self, rest: str) -> Reply:
        if not self._secure:
            return Reply(replies.NEEDS_TLS)
        if self._who is not None:
            return Reply("503 Already authenticated")
        mechanism, _, initial = rest.partition(" ")
        match mechanism.upper():
            case "PLAIN":
                if initial:
                    return self._plain(initial.encode())
                self._waiting = _Waiting.PLAIN
                return Reply("334 ")
            case "LOGIN":
                if initial:
                    return self._login_user(initial.encode())
                self._waiting = _Waiting.USER
                return Reply("334 VXNlcm5hbWU6")  # "Username:"
            case _:
                return Reply("504 Unrecognized authentication type")

    def _sign_in(self, line: bytes) -> Reply:
        waiting, self._waiting = self._waiting, _Waiting.COMMAND
        if line == b"*":
            return Reply("501 Authentication was given up")
        if waiting is _Waiting.PLAIN:
            return self._plain(line)
        if waiting is _Waiting.USER:
            return self._login_user(line)
        password = _decoded(line)
        return self._judge(self._user, password) if password is not None else Reply(_NO_BASE64)

    def _login_user(self, line: bytes) -> Reply:
        user = _decoded(line)
        if user is None:
            return Reply(_NO_BASE64)
        self._user, self._waiting = user, _Waiting.PASSWORD
        return Reply("334 UGFzc3dvcmQ6")  # "Password:"

    def _plain(self, line: bytes) -> Reply:
        text = _decoded(line)
        parts = text.split("\0") if text is not None else []
        if len(parts) != 3:
            return Reply(_NO_BASE64)
        return self._judge(parts[1], parts[2])

    def _judge(self, user: str, password: str) -> Reply:
        self._who = self._authenticate(user, password)
        return Reply(replies.BAD_CREDENTIALS if self._who is None else replies.AUTHENTICATED)

    def _mail(self, rest: str) -> Reply:
        not_yet = self._not_yet()
        if not_yet is not None:
            return not_yet
        if self._sender:
            return Reply("503 Error: nested MAIL command")
        found = _path(rest, "FROM:")
        if found is None or "@" not in found[0]:
            return Reply("501 Invalid MAIL FROM address provided")
        size = next((text[5:] for text in found[1] if text.upper().startswith("SIZE=")), "0")
        if not size.isascii() or not size.isdigit() or len(size) > 20:
            return Reply("501 SIZE is a number of bytes")
        if int(size) > MOST_BYTES:
            return Reply(replies.TOO_LONG)
        self._sender = found[0]
        return Reply(replies.OK)

    def _recipient(self, rest: str) -> Reply:
        not_yet = self._not_yet()
        if not_yet is not None:
            return not_yet
        if not self._sender:
            return Reply("503 Error: need MAIL command")
        found = _path(rest, "TO:")
        if found is None or "@" not in found[0]:
            return Reply("553 Invalid email address")
        if len(self._recipients) >= _MOST_RECIPIENTS:
            return Reply("452 Too many recipients")
        self._recipients.append(found[0])
        return Reply(replies.OK)

    def _data(self, rest: str) -> Reply:
        not_yet = self._not_yet()
        if not_yet is not None:
            return not_yet
        if rest:
            return Reply("501 DATA takes no parameter")
        if not self._recipients:
            return Reply("503 Error: need RCPT command")
        self._waiting, self._searched, self._too_long = _Waiting.DATA, 0, False
        return Reply(replies.GO_AHEAD)

    def _message(self) -> Reply | Envelope[Who] | None:
        if self._buffer.startswith(b".\r\n") and not self._too_long:
            start, end = 0, 3
        else:
            start = self._buffer.find(b"\r\n.\r\n", max(0, self._searched - 4))
            if start < 0:
                self._searched = len(self._buffer)
                if len(self._buffer) > MOST_BYTES + 5:
                    # What is too long anyhow is let go, but its end has still to be found.
                    self._too_long = True
                    del self._buffer[:-4]
                    self._searched = 0
                return None
            start, end = start + 2, start + 5
        data = _DOT_AT_START.sub(rb"\1", bytes(self._buffer[:start]))
        del self._buffer[:end]
        self._waiting = _Waiting.COMMAND
        sender, recipients, who = self._sender, tuple(self._recipients), self._who
        self._forget_message()
        if self._too_long or len(data) > MOST_BYTES or who is None:
            return Reply(replies.TOO_LONG)
        return Envelope(who=who, sender=sender, recipients=recipients, data=data)

    def _not_yet(self) -> Reply | None:
        if not self._secure:
            return Reply(replies.NEEDS_TLS)
        if self._who is None:
            return Reply(replies.NEEDS_AUTH)
        return None if self._greeted else Reply("503 Error: send EHLO first")

    def _forget_message(self) -> None:
        self._sender = ""
        self._recipients = []


_NO_BASE64 = "501 Invalid parameter of AUTH"


def _decoded(line: bytes) -> str | None:
    try:
        return base64.b64decode(b"" if line == b"=" else line, validate=True).decode()
    except (binascii.Error, UnicodeError):
        return None


def _path(rest: str, keyword: str) -> tuple[str, list[str]] | None:
    """Return the address and the parameters of `FROM:<…>` or `TO:<…>`, or None for what is neither."""
    if rest[: len(keyword)].upper() != keyword:
        return None
    match = _PATH.fullmatch(rest[len(keyword) :].strip())
    return (match[1], match[2].split()) if match else None
