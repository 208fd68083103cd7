"""MIME text in and out: composes simple messages, opens raw ones and cleans their headers. Knows no SES and no clock.

Headers are handled as lines of bytes, not through an e-mail object: what the author wrote goes out byte for byte, save
what is struck out on purpose, and nothing an author writes can become another header.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header, decode_header, make_header
from email.utils import format_datetime

from sendworthy.errors import InvalidMessage
from sendworthy.mail.address import Address, parse_address
from sendworthy.mail.address_list import read_address_list

MAX_LINE = 998
"""Octets in a line without its CRLF (RFC 5322 section 2.1.1)."""

_FOLD_AT = 76
_MOST_HEADER_BYTES = 256 * 1024
_NAME = re.compile(rb"[!-9;-~]+")
_SPLIT = re.compile(rb"\r?\n\r?\n")
_CHARSET = re.compile(
    r"utf-?(8|16|16[bl]e|32)|us-ascii|ascii|iso-?8859-[0-9]{1,2}|iso-2022-(jp|kr)[a-z0-9-]*|(windows-|cp)[0-9]{3,4}"
    r"|koi8-[rtu]|gb2312|gbk|gb18030|big5(-?hkscs)?|euc-?(jp|kr)|shift_jis|tis-620|latin-?1|macintosh",
    re.IGNORECASE,
)
_CTE_SAFE = re.compile(rb"[\t\r\n -~]*")

_SINGLE = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date"}
)
"""Headers that may appear once (RFC 5322 section 3.6); a second From is how filters are fooled."""

_STRUCTURAL = _SINGLE | {"mime-version", "content-type", "content-transfer-encoding", "resent-bcc", "return-path"}

_STRUCK = frozenset({"bcc", "resent-bcc", "return-path"})
"""Never sent on: Bcc would tell who else got the mail, Return-Path is the receiver's to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"
    inline: bool = False
    content_id: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple:
    """A message in parts, as SES's `Simple` content has it. Addresses may carry display names."""

    mail_from: str
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    reply_to: Sequence[str] = ()
    subject: str
    text: str | None = None
    html: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A raw message, cleaned for the wire: `raw` lacks what was struck out, `struck` has it (names in lower case)."""

    raw: bytes = field(repr=False)
    sender: Address
    subject: str
    recipients: tuple[Address, ...]
    headers: tuple[tuple[str, str], ...]
    struck: Mapping[str, str]


@functools.lru_cache(maxsize=256)  # within one call each is asked for again: as author or recipient, and in its header
def one_address(text: str) -> tuple[str, Address]:
    """Read exactly one address with its display name, decoded. Raises InvalidMessage."""
    address = parse_address(text)
    if "<" not in text:
        return "", address
    pairs = read_address_list(text)
    if len(pairs) != 1:
        raise InvalidMessage("There is more than one address where one belongs.", "Give each its own entry.")
    return _decoded(pairs[0][0]), address


def compose(simple: Simple, *, message_id: str, date: datetime, boundary: str) -> bytes:
    """Write a message as MIME with CRLF line ends.

    `message_id` comes without angle brackets; `boundary` is a token that no author can guess. Raises InvalidMessage.
    """
    lines = [
        _address_line("From", [simple.mail_from]),
        *(_address_line(name, them) for name, them in (("To", simple.to), ("Cc", simple.cc)) if them),
        *((_address_line("Reply-To", simple.reply_to),) if simple.reply_to else ()),
        _line("Subject", simple.subject),
        _line("Date", format_datetime(date)),
        _line("Message-ID", f"<{message_id}>"),
    ]
    for name, value in simple.headers:
        if name.lower() in _STRUCTURAL:
            raise InvalidMessage(f"The header {name} cannot be given as an additional header.", "Use its own field.")
        lines.append(_line(name, value))
    lines.append(b"MIME-Version: 1.0\r\n")
    texts = [
        _text_part(kind, text) for kind, text in (("plain", simple.text), ("html", simple.html)) if text is not None
    ]
    if not texts:
        raise InvalidMessage("The message has no body.", "Give a text or an HTML body.")
    part = texts[0] if len(texts) == 1 else _multipart("alternative", f"=_a{boundary}", texts)
    inline = [_file_part(file) for file in simple.attachments if file.inline]
    if inline:
        part = _multipart("related", f"=_r{boundary}", [part, *inline])
    files = [_file_part(file) for file in simple.attachments if not file.inline]
    if files:
        part = _multipart("mixed", f"=_m{boundary}", [part, *files])
    return b"".join(lines) + part


def open_raw(data: bytes, *, strike: Iterable[str] = ("x-ses-", "x-sendworthy-")) -> Opened:
    """Read the headers of a raw message and strike out Bcc, Return-Path and all whose names begin as in `strike`.

    Raises InvalidMessage when the message could be read in two ways: a line that is no header, a bare CR or NUL, a
    second From, a header too long.
    """
    head, newline, body = _split(data)
    prefixes = tuple(strike)
    kept: list[bytes] = []
    headers: list[tuple[str, str]] = []
    struck: dict[str, str] = {}
    seen: set[str] = set()
    for block in _blocks(head):
        name, value = _read_header(block)
        lowered = name.lower()
        if lowered in _SINGLE and lowered in seen:
            raise InvalidMessage(f"The header {name} appears more than once.", "Keep one (RFC 5322 section 3.6).")
        seen.add(lowered)
        headers.append((name, value))
        if lowered in _STRUCK or lowered.startswith(prefixes):
            struck[lowered] = f"{struck[lowered]}, {value}" if lowered in struck else value
        else:
            kept.append(newline.join(block))
    named = {name.lower(): value for name, value in headers}
    if "from" not in named:
        raise InvalidMessage("The message has no From header.", "Add one (RFC 5322 section 3.6).")
    sender = _sender(named["from"])
    to = [named[name] for name in ("to", "cc", "bcc") if name in named]
    return Opened(
        raw=newline.join([*kept, b"", body]),
        sender=sender,
        subject=_decoded(named.get("subject", "")),
        recipients=tuple(parse_address(address) for text in to for _, address in read_address_list(text)),
        headers=tuple(headers),
        struck=struck,
    )


def read_tags(header: str) -> dict[str, str]:
    """Read X-SES-MESSAGE-TAGS: `name=value, name2=value2`. Raises InvalidMessage."""
    tags: dict[str, str] = {}
    for pair in filter(None, (pair.strip() for pair in re.split("[,;]", header))):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name or not value:
            raise InvalidMessage("X-SES-MESSAGE-TAGS is not a list of name=value.", "Write it as a=1, b=2.")
        tags[name] = value
    return tags


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    found = _SPLIT.search(data, 0, _MOST_HEADER_BYTES)
    if not found and len(data) > _MOST_HEADER_BYTES:
        raise InvalidMessage("The headers of the message are too long.", f"Keep them under {_MOST_HEADER_BYTES} bytes.")
    head, body = (data[: found.start()], data[found.end() :]) if found else (data.rstrip(b"\r\n"), b"")
    newline = b"\r\n" if b"\r\n" in data[: len(head) + 2] else b"\n"
    return head, newline, body


def _blocks(head: bytes) -> list[list[bytes]]:
    blocks: list[list[bytes]] = []
    for line in head.replace(b"\r\n", b"\n").split(b"\n"):
        if b"\r" in line or b"\0" in line:
            raise InvalidMessage("A header contains a bare carriage return or a NUL.", "End lines with CRLF.")
        if len(line) > MAX_LINE:
            raise InvalidMessage("A header line is longer than 998 bytes.", "Fold it (RFC 5322 section 2.2.3).")
        if line[:1] in (b" ", b"\t"):
            if not blocks or not line.strip():
                raise InvalidMessage("A header begins with a blank.", "See RFC 5322 section 2.2.")
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _read_header(block: list[bytes]) -> tuple[str, str]:
    name, colon, rest = block[0].partition(b":")
    if not colon or not _NAME.fullmatch(name):
        raise InvalidMessage("A line among the headers is not a header.", "End the headers with an empty line.")
    value = b"".join([rest, *block[1:]])
    return name.decode("ascii"), value.decode("utf-8", "surrogateescape").strip()


@functools.lru_cache(maxsize=256)  # an application writes the same From again and again
def _sender(text: str) -> Address:
    senders = read_address_list(text)
    if len(senders) != 1:
        raise InvalidMessage("The From header must name one address.", "SES sends as one identity.")
    return parse_address(senders[0][1])


def _decoded(value: str) -> str:
    """Decode encoded words for people and for the database: without a NUL and without half a character.

    Only charsets that mail is written in: some codecs of Python take minutes for what a stranger may write, and some
    give what no database takes.
    """
    if "=?" in value:
        with contextlib.suppress(ValueError, LookupError):  # broken base64 or bytes: shown as it stands
            pairs = decode_header(value)
            if all(charset is None or _CHARSET.fullmatch(charset) for _, charset in pairs):
                value = str(make_header(pairs))
    return value.encode("utf-8", "replace").decode("utf-8", "replace").replace("\0", "\ufffd")


def _line(name: str, value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        raise InvalidMessage(f"The header {name} contains a line break or a NUL.", "Remove it.")
    if not _NAME.fullmatch(name.encode("utf-8", "replace")):
        raise InvalidMessage("The name of a header is not valid.", "See RFC 5322 section 2.2.")
    whole = f"{name}: {value}"
    if whole.isascii() and len(whole) <= _FOLD_AT:
        return whole.encode("ascii") + b"\r\n"
    charset = "us-ascii" if value.isascii() else "utf-8"
    try:
        folded = Header(value, charset, header_name=name, maxlinelen=_FOLD_AT).encode(linesep="\r\n")
    except UnicodeError:
        raise InvalidMessage(f"The header {name} is not valid Unicode.", "Remove lone surrogates.") from None
    line = f"{name}: {folded}".encode("ascii")
    if max(map(len, line.split(b"\r\n"))) > MAX_LINE:
        raise InvalidMessage(f"The header {name} has a word longer than 998 bytes.", "Shorten it.")
    return line + b"\r\n"


def _address_line(name: str, texts: Sequence[str]) -> bytes:
    written = [_written(*one_address(text)) for text in texts]
    line = f"{name}: " + ",\r\n ".join(written)
    return line.encode("ascii") + b"\r\n"


def _written(name: str, address: Address) -> str:
    if not name:
        return str(address)
    if any(character in name for character in "\r\n\0"):
        raise InvalidMessage("A display name contains a line break or a NUL.", "Remove it.")
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        if len(escaped) + len(str(address)) > MAX_LINE - 20:
            raise InvalidMessage("A display name is too long.", "Shorten it.")
        return f'"{escaped}" <{address}>'
    try:
        return f"{Header(name, 'utf-8', maxlinelen=_FOLD_AT).encode(linesep=chr(13) + chr(10))} <{address}>"
    except UnicodeError:
        raise InvalidMessage("A display name is not valid Unicode.", "Remove lone surrogates.") from None


def _text_part(kind: str, text: str) -> bytes:
    try:
        data = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode()
    except UnicodeError:
        raise InvalidMessage("The body is not valid Unicode.", "Remove lone surrogates.") from None
    if not data.endswith(b"\r\n"):
        data += b"\r\n"  # b2a_qp takes the kind of its soft line ends from the first line end it meets
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: "
    plain = _CTE_SAFE.fullmatch(data) and max(map(len, data.split(b"\r\n"))) <= MAX_LINE
    if plain:
        return head.encode() + b"7bit\r\n\r\n" + data
    return head.encode() + b"quoted-printable\r\n\r\n" + binascii.b2a_qp(data, istext=True)


def _file_part(file: Attachment) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;[ -~]*)?", file.media_type):
        raise InvalidMessage("The content type of an attachment is not valid.", "Write it as type/subtype.")
    lines = [
        f"Content-Type: {file.media_type}\r\n".encode("ascii"),
        b"Content-Transfer-Encoding: base64\r\n",
        _disposition(file),
    ]
    if file.content_id:
        lines.append(_line("Content-ID", f"<{file.content_id.strip('<>')}>"))
    if file.description:
        lines.append(_line("Content-Description", file.description))
    encoded = binascii.b2a_base64(file.content, newline=False)
    rows = [encoded[start : start + _FOLD_AT] for start in range(0, len(encoded), _FOLD_AT)]
    return b"".join(lines) + b"\r\n" + b"".join(row + b"\r\n" for row in rows)


def _disposition(file: Attachment) -> bytes:
    kind = "inline" if file.inline else "attachment"
    if any(character < " " or character == "\x7f" for character in file.name):
        raise InvalidMessage("The name of an attachment contains a control character.", "Remove it.")
    if file.name.isascii():
        quoted = file.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'Content-Disposition: {kind};\r\n filename="{quoted}"\r\n'.encode("ascii")
    try:  # RFC 2231 section 4
        percent = "".join(
            chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in file.name.encode()
        )
    except UnicodeError:
        raise InvalidMessage("The name of an attachment is not valid Unicode.", "Remove lone surrogates.") from None
    return f"Content-Disposition: {kind};\r\n filename*=utf-8''{percent}\r\n".encode("ascii")


def _multipart(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    # "=_" occurs in no quoted-printable or base64 text; plain text would have to guess the token.
    line = b"--" + boundary.encode("ascii")
    head = f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
