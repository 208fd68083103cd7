"""A message that SES has accepted, and its MIME source as it would leave. Knows not what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from email.utils import format_datetime
from typing import Any

_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_MEDIA_TYPE = re.compile(r"((?!multipart|message)[a-z]+)/([a-z0-9.+-]+)", re.IGNORECASE)
_FIELD = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:(.*(?:\r?\n[ \t].*)*)\r?\n?")
# Date and Message-ID are overwritten, Return-Path is rewritten, X-SES-* is removed; Bcc never leaves. [D23]
_REPLACED = frozenset({"date", "message-id", "return-path", "bcc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One accepted SendEmail. `recipients` are the envelope's; `tags` name -> values, AWS's automatic ones included.

    The content is `raw` (the MIME text as given) or `simple` (the Simple parameter); the source is made when asked.
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
        return [(name, value.strip()) for name, value in split_fields(_head(self.source()))]

    def source(self) -> bytes:
        """Return the whole message with CRLF line ends, as it would go out."""
        if self.raw is not None:
            return _rewritten(self, self.raw)
        return _composed(self, self.simple or {})


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
    for attachment in simple.get("Attachments", ()):
        kind = _MEDIA_TYPE.match(str(attachment.get("ContentType", "")))
        built.add_attachment(
            attachment["RawContent"],
            maintype=kind[1] if kind else "application",
            subtype=kind[2] if kind else "octet-stream",
            filename=attachment.get("FileName"),
            cid=f"<{attachment['ContentId']}>" if "ContentId" in attachment else None,
        )
    return built.as_bytes()


def _one_line(text: object) -> str:
    return " ".join(str(text).encode("utf-8", "replace").decode().splitlines())


def _encodable(text: str | None) -> str | None:
    # JSON can spell half a surrogate pair, which no charset can.
    return None if text is None else text.encode("utf-8", "replace").decode()
