"""One SMTP submission session: bytes in, replies and questions out. Knows no socket, no TLS, no key and no store.

RFC 5321 and RFC 6409, with STARTTLS (RFC 3207), AUTH PLAIN and LOGIN (RFC 4954), SIZE (RFC 1870), 8BITMIME (RFC 6152),
PIPELINING (RFC 2920) and enhanced codes (RFC 2034, RFC 3463). A line ends with CRLF and with nothing else, a message
with CRLF.CRLF and with nothing else: what two servers could read in two ways is refused, so that no message can be
smuggled in another. Whoever has not signed in may not send anything anywhere: there is no open relay to be had.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import parse_address

MOST_LINE = 2_048
_MOST_AUTH_LINE = 12_288
"""RFC 4954 section 4; RFC 5321 asks for 512 octets and gives extensions more (section 4.5.3.1.4)."""

MOST_MISTAKES = 10
MOST_SIGN_INS = 3

_DOT_AT_START = re.compile(rb"(\A|\r\n)\.")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_PATH = re.compile(r"<([^<>\s\0]*)>((?: +[A-Za-z0-9-]+(?:=[!-<>-~]+)?)*) *")

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


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody names a key: tell `Session.judged` whose it is."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope(Generic[Who]):
    """A whole message, its dots unstuffed: the caller's answer is the session's."""

    who: Who
    sender: str
    recipients: tuple[str, ...]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is offered: the name we go by, bytes and recipients a message.

    `tls` says that STARTTLS is to be had, `plain` that one may sign in without it (loopback). `room` asks for so many
    bytes more of the memory of all sessions, and `free` gives them back.
    """

    name: str
    most_bytes: int
    most_recipients: int
    tls: bool
    plain: bool
    room: Callable[[int], bool] = lambda _: True
    free: Callable[[int], None] = lambda _: None


class _Reading(StrEnum):
    COMMAND = "command"
    PLAIN = "plain"
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - the name of a state
    DATA = "data"


class Session(Generic[Who]):
    """Feed it bytes, then call `next` until it gives None. After a SignIn call `judged` before the next `next`."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._buffer = bytearray()
        self._reading = _Reading.COMMAND
        self._secure = False
        self._greeted = False
        self._who: Who | None = None
        self._user = ""
        self._sign_ins = 0
        self._mistakes = 0
        self._closed = False
        self._sender = ""
        self._recipients: list[str] = []
        self._searched = 0
        self._refused = ""
        self._roomed = 0

    @property
    def buffered(self) -> int:
        """How many bytes wait to be read."""
        return len(self._buffer)

    @property
    def in_message(self) -> bool:
        """Whether a message is coming in."""
        return self._reading is _Reading.DATA

    @property
    def signed_in(self) -> bool:
        """Whether it is known whose mail this is."""
        return self._who is not None

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._buffer += data

    def secured(self) -> None:
        """Say that TLS is on: everything said before it is forgotten (RFC 3207 section 4.2)."""
        self._secure, self._greeted, self._who = True, False, None
        self._forget()

    def closed(self) -> None:
        """Say that the connection is gone: give back what it held."""
        self._closed = True
        self._give_back()

    def next(self) -> Reply | SignIn | Envelope[Who] | None:
        """Give the next step; None when more bytes are needed."""
        if self._closed:
            return None
        step = self._message() if self._reading is _Reading.DATA else self._line()
        if isinstance(step, Reply):
            if step.then is Then.START_TLS and self._buffer:
                # What came before the handshake would be taken as protected (RFC 3207 section 6).
                step = Reply("554 5.5.1 Nothing may follow STARTTLS before the handshake", Then.CLOSE)
            if step.text.startswith(("500", "501", "502", "503", "504", "530", "535", "555")):
                self._mistakes += 1
                if self._mistakes > MOST_MISTAKES and step.then is Then.GO_ON:
                    step = Reply("421 4.7.0 Too many errors", Then.CLOSE)
            self._closed = step.then is Then.CLOSE
        return step

    def judged(self, who: Who | None) -> Reply:
        """Say whose key it was, None for nobody's."""
        if who is not None:
            self._who = who
            return Reply("235 2.7.0 Authentication successful.")
        self._sign_ins += 1
        if self._sign_ins < MOST_SIGN_INS:
            return Reply("535 5.7.8 Authentication Credentials Invalid")
        self._closed = True
        return Reply("535 5.7.8 Authentication Credentials Invalid", Then.CLOSE)

    # Lines

    def _line(self) -> Reply | SignIn | None:
        longest = MOST_LINE if self._reading is _Reading.COMMAND else _MOST_AUTH_LINE
        if self._buffer[:5].upper() == b"AUTH ":
            longest = _MOST_AUTH_LINE
        end = self._buffer.find(b"\r\n", 0, longest + 2)
        if end < 0:
            return Reply("500 5.5.2 Line too long", Then.CLOSE) if len(self._buffer) > longest else None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if b"\r" in line or b"\n" in line or b"\0" in line:
            # A server before us may have seen two lines here: nothing that follows can be trusted.
            return Reply("500 5.5.2 A line ends with <CR><LF>, and neither stands alone", Then.CLOSE)
        if self._reading is not _Reading.COMMAND:
            return self._sign_in(line)
        verb, _, rest = line.partition(b" ")
        try:
            return self._command(verb.decode("ascii").upper(), rest.decode("ascii").strip(" "))
        except UnicodeDecodeError:
            if verb.upper() in {b"MAIL", b"RCPT"}:
                return Reply("553 5.1.3 Local address contains non-ascii characters: SMTPUTF8 is not supported")
            return Reply("500 5.5.2 A command is ASCII")

    def _command(self, verb: str, rest: str) -> Reply | SignIn:
        match verb:
            case "EHLO":
                return self._hello(rest, extended=True)
            case "HELO":
                return self._hello(rest, extended=False)
            case "STARTTLS":
                return self._start_tls(rest)
            case "AUTH":
                return self._auth(rest)
            case "MAIL" | "RCPT" | "DATA":
                of_message = {"MAIL": self._mail, "RCPT": self._rcpt, "DATA": self._data}
                return self._not_yet() or of_message[verb](rest)
            case "RSET" | "NOOP":
                if verb == "RSET":
                    self._forget()
                return Reply("250 2.0.0 Ok")
            case "QUIT":
                return Reply("221 2.0.0 Bye", Then.CLOSE)
            case "VRFY":
                return Reply("252 2.5.2 Send some mail, and see")
            case _:
                return Reply("502 5.5.1 Command not implemented")

    def _hello(self, name: str, *, extended: bool) -> Reply:
        if not name:
            return Reply("501 5.5.4 A host name must be given")
        self._greeted = True
        self._forget()
        if not extended:
            return Reply(f"250 {self._terms.name}")
        lines = [self._terms.name, "8BITMIME", "PIPELINING", f"SIZE {self._terms.most_bytes}"]
        if self._terms.tls and not self._secure:
            lines.append("STARTTLS")
        if self._secure or self._terms.plain:
            lines.append("AUTH PLAIN LOGIN")
        lines.append("ENHANCEDSTATUSCODES")
        return Reply("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    def _start_tls(self, rest: str) -> Reply:
        if rest:
            return Reply("501 5.5.4 STARTTLS takes no parameter")
        if self._secure or not self._terms.tls:
            return Reply("503 5.5.1 TLS is already on" if self._secure else "502 5.5.1 TLS is not to be had")
        return Reply("220 2.0.0 Ready to start TLS", Then.START_TLS)

    # AUTH

    def _auth(self, rest: str) -> Reply | SignIn:
        if not self._secure and not self._terms.plain:
            return Reply("530 5.7.0 Must issue a STARTTLS command first")
        if not self._greeted:
            return Reply("503 5.5.1 Send EHLO first")
        if self._who is not None or self._sender:
            return Reply("503 5.5.1 Already authenticated")
        mechanism, _, initial = rest.partition(" ")
        match mechanism.upper():
            case "PLAIN" if initial:
                return self._plain(initial.encode())
            case "PLAIN":
                self._reading = _Reading.PLAIN
                return Reply("334 ")
            case "LOGIN" if initial:
                return self._named(initial.encode())
            case "LOGIN":
                self._reading = _Reading.USER
                return Reply("334 VXNlcm5hbWU6")  # "Username:"
            case _:
                return Reply("504 5.5.4 Unrecognized authentication type")

    def _sign_in(self, line: bytes) -> Reply | SignIn:
        reading, self._reading = self._reading, _Reading.COMMAND
        if line == b"*":
            return Reply("501 5.7.0 Authentication was given up")
        if reading is _Reading.PLAIN:
            return self._plain(line)
        if reading is _Reading.USER:
            return self._named(line)
        password = _decoded(line)
        return Reply(_NO_BASE64) if password is None else SignIn(self._user, password)

    def _named(self, line: bytes) -> Reply:
        user = _decoded(line)
        if user is None:
            return Reply(_NO_BASE64)
        self._user, self._reading = user, _Reading.PASSWORD
        return Reply("334 UGFzc3dvcmQ6")  # "Password:"

    def _plain(self, line: bytes) -> Reply | SignIn:
        parts = (_decoded(line) or "").split("\0")
        if len(parts) != 3 or parts[0] not in {"", parts[1]}:
            return Reply(_NO_BASE64)
        return SignIn(parts[1], parts[2])

    # The message

    def _not_yet(self) -> Reply | None:
        if not self._secure and not self._terms.plain:
            return Reply("530 5.7.0 Must issue a STARTTLS command first")
        if self._who is None:
            return Reply("530 5.7.0 Authentication required")
        return None if self._greeted else Reply("503 5.5.1 Send EHLO first")

    def _mail(self, rest: str) -> Reply:
        if self._sender:
            return Reply("503 5.5.1 Nested MAIL command")
        found = _path(rest, "FROM:")
        if found is None:
            return Reply("501 5.1.7 Invalid MAIL FROM address provided")
        address, parameters = found
        if not _is_address(address):
            return Reply("501 5.1.7 Invalid MAIL FROM address provided")
        for name, value in parameters.items():
            if name == "SIZE" and value.isascii() and value.isdigit() and len(value) <= 20:
                if int(value) > self._terms.most_bytes:
                    return Reply("552 5.3.4 Message is too long.")
            elif not (name == "BODY" and value.upper() in {"7BIT", "8BITMIME"}) and name != "AUTH":
                return Reply("555 5.5.4 This parameter of MAIL is not supported")
        self._sender = address
        return Reply("250 2.1.0 Ok")

    def _rcpt(self, rest: str) -> Reply:
        if not self._sender:
            return Reply("503 5.5.1 Need MAIL command")
        found = _path(rest, "TO:")
        if found is None or not _is_address(found[0]):  # said of this one, so that the others get their mail
            return Reply("553 5.1.3 Invalid email address")
        if found[1]:
            return Reply("555 5.5.4 This parameter of RCPT is not supported")
        if len(self._recipients) >= self._terms.most_recipients:
            return Reply("452 4.5.3 Too many recipients")
        self._recipients.append(found[0])
        return Reply("250 2.1.5 Ok")

    def _data(self, rest: str) -> Reply:
        if rest:
            return Reply("501 5.5.4 DATA takes no parameter")
        if not self._recipients:
            return Reply("503 5.5.1 Need RCPT command")
        self._reading, self._searched, self._refused = _Reading.DATA, 0, ""
        return Reply("354 End data with <CR><LF>.<CR><LF>")

    def _message(self) -> Reply | Envelope[Who] | None:
        if self._searched <= 2 and self._buffer.startswith(b".\r\n"):  # the first line of all, however it was cut
            start, end = 0, 3
        else:
            start = self._buffer.find(b"\r\n.\r\n", max(0, self._searched - 4))
            if start < 0:
                self._wait_for_more()
                return None
            start, end = start + 2, start + 5
        data = bytes(self._buffer[:start])
        del self._buffer[:end]
        self._reading = _Reading.COMMAND
        sender, recipients, who, refused = self._sender, tuple(self._recipients), self._who, self._refused
        self._forget()
        if refused:
            return Reply(refused)
        if len(data) > self._terms.most_bytes:
            return Reply("552 5.3.4 Message is too long.")
        if _BARE.search(data):
            return Reply("554 5.6.0 A line of the message ends without <CR><LF>, or a <CR> or <LF> stands alone")
        if who is None:
            return Reply("530 5.7.0 Authentication required")
        unstuffed = _DOT_AT_START.sub(rb"\1", data) if b"\r\n." in data or data[:1] == b"." else data
        return Envelope(who=who, sender=sender, recipients=recipients, data=unstuffed)

    def _wait_for_more(self) -> None:
        """Remember how far the end was searched for; let go what is not to be kept, though its end must be found."""
        size = len(self._buffer)
        if not self._refused:
            if size > self._terms.most_bytes + 5:
                self._refused = "552 5.3.4 Message is too long."
            elif size > self._roomed:
                if self._terms.room(size - self._roomed):
                    self._roomed = size
                else:
                    self._refused = "451 4.3.2 More mail is coming in than can be held at once; try again in a moment"
        if self._refused and size > 4:
            del self._buffer[:-4]
            self._give_back()
        self._searched = len(self._buffer)

    def _forget(self) -> None:
        self._sender, self._recipients = "", []
        self._give_back()

    def _give_back(self) -> None:
        self._terms.free(self._roomed)
        self._roomed = 0


_NO_BASE64 = "501 5.5.2 Invalid parameter of AUTH"


def _decoded(line: bytes) -> str | None:
    try:
        return base64.b64decode(b"" if line == b"=" else line, validate=True).decode()
    except (binascii.Error, UnicodeError):
        return None


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except InvalidMessage:
        return False
    return True


def _path(rest: str, keyword: str) -> tuple[str, dict[str, str]] | None:
    """Give the address and the parameters of `FROM:<…>` or `TO:<…>`, None for what is neither."""
    if rest[: len(keyword)].upper() != keyword:
        return None
    match = _PATH.fullmatch(rest[len(keyword) :].strip(" "))
    if not match:
        return None
    pairs = (text.partition("=") for text in match[2].split())
    return match[1], {name.upper(): value for name, _, value in pairs}
