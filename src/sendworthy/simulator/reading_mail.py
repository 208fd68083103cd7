"""A MIME message taken apart for people to look at: text, HTML, headers, links, attachments. Renders nothing.

Whatever the bytes are, something is shown: what cannot be decoded is replaced, never raised.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from html import unescape

_HREF = re.compile(r"""<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_BARE_LINK = re.compile(r"\bhttps?://[^\s<>\"')\]]+")
_CID = re.compile(r"""(["'(])cid:([^"')\s>]{1,255})(["')])""", re.IGNORECASE)
_MOST_INLINED = 2 * 1024 * 1024  # bytes of one picture that is shown inside the HTML


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is neither the text nor the HTML. `content_id` is without its angle brackets."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A message for people; `text` and `html` are empty where there is no such part."""

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]

    @property
    def links(self) -> tuple[str, ...]:
        """Every link of the message, in the order they stand, each once."""
        found = [unescape(next(filter(None, match.groups()), "")) for match in _HREF.finditer(self.html)]
        found += _BARE_LINK.findall(self.text)
        return tuple(dict.fromkeys(link for link in found if link.partition(":")[0].lower() in {"http", "https"}))

    def html_with_pictures(self) -> str:
        """Return the HTML with the pictures that came with it (`cid:`, RFC 2392) inside it."""
        pictures = {each.content_id: each for each in self.attachments if each.content_id}

        def inlined(match: re.Match[str]) -> str:
            found = pictures.get(match[2])
            if found is None or not found.media_type.startswith("image/") or len(found.content) > _MOST_INLINED:
                return match[0]
            return f"{match[1]}data:{found.media_type};base64,{base64.b64encode(found.content).decode()}{match[3]}"

        return _CID.sub(inlined, self.html)


def read_mail(source: bytes) -> Readable:
    """Take a message apart."""
    message = BytesParser(policy=policy.compat32).parsebytes(source)
    text, html = "", ""
    attachments: list[Attachment] = []
    for part in _leaves(message):
        media_type = part.get_content_type()
        disposition = str(part.get("Content-Disposition", "")).lower()
        attached = disposition.startswith("attachment") or part.get_filename() is not None
        if media_type == "text/plain" and not attached and not text:
            text = _text(part)
        elif media_type == "text/html" and not attached and not html:
            html = _text(part)
        else:
            attachments.append(
                Attachment(
                    name=decoded(part.get_filename() or "") or f"part-{len(attachments) + 1}",
                    media_type=media_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", media_type) else "text/plain",
                    content=_bytes(part),
                    content_id=str(part.get("Content-ID", "")).strip().strip("<>"),
                )
            )
    headers = tuple((name, decoded(" ".join(str(value).split()))) for name, value in message.items())
    return Readable(headers=headers, text=text, html=html, attachments=tuple(attachments))


def decoded(header: str) -> str:
    """Return a header's text with its encoded words (RFC 2047) read; as it stands where they cannot be."""
    if "=?" not in header:
        return header
    try:
        return str(make_header(decode_header(header)))
    except (HeaderParseError, LookupError, ValueError):
        return header


def _leaves(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if not part.is_multipart():
            yield part
        elif part.get_content_maintype() == "message":
            return  # a message within a message is shown as its parts, but not the headers of the inner one


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    charset = part.get_content_charset() or "utf-8"
    try:
        return _bytes(part).decode(charset, "replace")
    except LookupError:
        return _bytes(part).decode("utf-8", "replace")
