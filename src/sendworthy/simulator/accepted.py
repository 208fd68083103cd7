"""A message that SES has accepted, and its MIME source as it would leave. Knows not what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from email.policy import SMTP, compat32, default
from email.utils import format_datetime
from typing import Any

from sendworthy.simulator.dkim import Signing, signed

OUTGOING_IP = "192.0.2.10"
"""The address that mail leaves from; the SPF record of the pretend amazonses.com admits it."""

_LONGEST_LINE = 998  # RFC 5322 section 2.1.1
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_MEDIA_TYPE = re.compile(r"((?!multipart|message)[a-z]+)/([a-z0-9.+-]+)", re.IGNORECASE)
_FIELD = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:(.*(?:\r?\n[ \t].*)*)\r?\n?")
# Date and Message-ID are overwritten, Return-Path is rewritten, X-SES-* is removed; Bcc never leaves. [D23]
_REPLACED = frozenset({"date", "message-id", "return-path", "bcc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One accepted SendEmail. `recipients` are the envelope's; `tags` name -> values, AWS's automatic ones included.

    The content is `raw` (the MIME text as given) or `simple` (the Simple parameter, or what a template was rendered
    to); the source is made, and signed, when asked. `mail_from` is the envelope's sender, where bounces would go.
    """

    message_id: str
    at: datetime
    region: str
    account_id: str
    caller_arn: str
    source_ip: str
    sender: str
    from_header: str
    identity_arn: str
    recipients: tuple[str, ...]
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    configuration_set: str = ""
    tags: Mapping[str, Sequence[str]]
    raw: bytes | None = None
    simple: Mapping[str, Any] | None = None
    mail_from: str = ""
    signings: tuple[Signing, ...] = ()

    @property
    def subject(self) -> str:
        """The subject as a header would carry it."""
        if self.simple is not None:
            return _one_line(self.simple["Subject"].get("Data", ""))
        return next((value for name, value in self.headers() if name.lower() == "subject"), "")

    @property
    def message_id_header(self) -> str:
        """The Message-ID that SES writes: at email.amazonses.com in us-east-1, else at the Region's name [C]."""
        host = "email" if self.region == "us-east-1" else self.region
        return f"<{self.message_id}@{host}.amazonses.com>"

    def headers(self) -> list[tuple[str, str]]:
        """Name and unfolded value of each header of the source."""
        return [(name, value.strip()) for name, value in split_fields(_head(self.content()))]

    def content(self) -> bytes:
        """Return the whole message with CRLF line ends, before it is signed."""
        if self.raw is not None:
            return _rewritten(self, self.raw)
        return _composed(self, self.simple or {})

    def source(self) -> bytes:
        """Return the whole message as it would go out: with SES's own headers, signed by those who sign it."""
        if not self.signings:
            return self.content()
        # Both headers are SES's own [K]; Feedback-ID is what Gmail's feedback loop groups by.
        own = (
            f"Feedback-ID: ::1.{self.region}.{self.account_id}:AmazonSES\r\n"
            f"X-SES-Outgoing: {self.at:%Y.%m.%d}-{OUTGOING_IP}\r\n"
        )
        return signed(own.encode() + self.content(), self.signings, self.at)

    def html(self) -> str:
        """Return the HTML body, empty where there is none."""
        if self.simple is not None:
            return str(((self.simple.get("Body") or {}).get("Html") or {}).get("Data", ""))
        found = BytesParser(policy=default).parsebytes(self.raw or b"").get_body(("html",))
        try:
            return str(found.get_content()) if found is not None else ""
        except (LookupError, ValueError):  # a charset or an encoding that nobody can read
            return ""


def read_headers(raw: bytes) -> Mapping[str, str]:
    """Return the first value of each header of a raw message, by lower-case name."""
    parsed = BytesHeaderParser(policy=compat32).parsebytes(_head(raw))
    found: dict[str, str] = {}
    for name, value in parsed.items():
        found.setdefault(name.lower(), " ".join(str(value).split()))
    return found


def split_fields(head: bytes) -> list[tuple[str, str]]:
    """Header fields in order, values unfolded; bytes that are no ASCII are shown as Latin-1."""
    return [
        (match[1].decode("latin-1"), re.sub(r"\r?\n[ \t]+", " ", match[2].decode("latin-1")).strip())
        for match in _FIELD.finditer(head)
    ]


def _head(raw: bytes) -> bytes:
    end = _END_OF_HEADERS.search(raw)
    return raw[: end.start()] + b"\r\n" if end else raw


def _rewritten(message: Accepted, raw: bytes) -> bytes:
    end = _END_OF_HEADERS.search(raw)
    head, body = (raw[: end.start()] + b"\r\n", raw[end.end() :]) if end else (raw, b"")
    kept = [
        re.sub(rb"\r?\n", b"\r\n", match[0].rstrip(b"\r\n"))
        for match in _FIELD.finditer(head)
        if not _is_replaced(match[1].decode("latin-1").lower())
    ]
    kept.append(f"Message-ID: {message.message_id_header}".encode())
    kept.append(f"Date: {format_datetime(message.at)}".encode())
    return b"\r\n".join(kept) + b"\r\n\r\n" + re.sub(rb"(?<!\r)\n", b"\r\n", body)


def _is_replaced(name: str) -> bool:
    return name in _REPLACED or name.startswith("x-ses-")


def _composed(message: Accepted, simple: Mapping[str, Any]) -> bytes:
    built = EmailMessage(policy=SMTP)
    built["From"] = message.from_header
    for name, values in (("To", message.to), ("Cc", message.cc), ("Reply-To", message.reply_to)):
        if values:
            built[name] = ", ".join(values)
    built["Subject"] = message.subject
    for header in simple.get("Headers", ()):
        if not _is_replaced(header["Name"].lower()):
            built[header["Name"]] = header["Value"]
    built["Message-ID"] = message.message_id_header
    built["Date"] = format_datetime(message.at)
    body = simple.get("Body", {})
    text, html = (_encodable(body.get(part, {}).get("Data")) for part in ("Text", "Html"))
    if text is not None or html is None:
        built.set_content(text or "")
        if html is not None:
            built.add_alternative(html, subtype="html")
    else:
        built.set_content(html, subtype="html")
    for attachment in simple.get("Attachments") or ():
        kind = _MEDIA_TYPE.match(str(attachment.get("ContentType", "")))
        described = str(attachment.get("ContentDescription", ""))
        built.add_attachment(
            attachment["RawContent"],
            maintype=kind[1] if kind else "application",
            subtype=kind[2] if kind else "octet-stream",
            cte=_encoding(attachment),
            disposition=str(attachment.get("ContentDisposition", "ATTACHMENT")).lower(),
            filename=_encodable(attachment.get("FileName")),
            cid=f"<{_encodable(attachment['ContentId'])}>" if "ContentId" in attachment else None,
            headers=[f"Content-Description: {_encodable(described)}"] if described else None,
        )
    return built.as_bytes()


def _encoding(attachment: Mapping[str, Any]) -> str:
    """Return the encoding that was asked for, where the content bears it; else base64."""
    content = bytes(attachment["RawContent"])
    match attachment.get("ContentTransferEncoding"):
        case "QUOTED_PRINTABLE":
            return "quoted-printable"
        case "SEVEN_BIT" if content.isascii() and max(map(len, content.splitlines()), default=0) <= _LONGEST_LINE:
            return "7bit"
        case _:
            return "base64"


def _one_line(text: object) -> str:
    return " ".join(str(text).encode("utf-8", "replace").decode().splitlines())


def _encodable(text: str | None) -> str | None:
    # JSON can spell half a surrogate pair, which no charset can.
    return None if text is None else text.encode("utf-8", "replace").decode()
