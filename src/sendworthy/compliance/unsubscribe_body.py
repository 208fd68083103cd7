"""Puts a way out into a MIME message: the headers of RFC 8058 and a link that the reader sees. Knows no token.

The author's bytes stay as they are, save the two headers, the placeholder, and the end of the first text and HTML body.
What cannot be touched (signed or encrypted mail, an unknown charset) is refused rather than sent without a way out.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from html import escape
from itertools import pairwise

from sendworthy.errors import SendRefused

PLACEHOLDERS = ("{{amazonSESUnsubscribeUrl}}", "{{sendworthyUnsubscribeUrl}}")
"""Where the author wants the link: SES's own word for it (SES Developer Guide, "Using subscription management")."""

_PLACEHOLDER = re.compile("|".join(rf"\{{\{{\s*{re.escape(one[2:-2])}\s*\}}\}}" for one in PLACEHOLDERS))
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)
_OURS = re.compile(rb"(?im)^(list-unsubscribe|list-unsubscribe-post):[^\n]*\n(?:[ \t][^\n]*\n)*")
_MAILTO = re.compile(r"<\s*(mailto:[^<>\s]+)\s*>", re.IGNORECASE)
_DEEPEST = 10
_UNTOUCHABLE = frozenset({"multipart/signed", "multipart/encrypted", "application/pkcs7-mime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What is written under a body without a placeholder. `note` says why the reader gets it; empty for nothing."""

    label: str
    note: str = ""
    postal_address: str

    def text(self, url: str) -> str:
        """Give it for a text body; `-- ` and a line end begin what is no longer the message (RFC 3676)."""
        lines = ["-- ", *filter(None, (self.note,)), f"{self.label}: {url}", *self.postal_address.splitlines()]
        return "\r\n" + "\r\n".join(lines) + "\r\n"

    def html(self, url: str) -> str:
        """Give it for an HTML body, in its own colours so that it is legible in light and dark."""
        lines = [escape(line) for line in (*filter(None, (self.note,)), *self.postal_address.splitlines())]
        link = f'<a href="{escape(url)}" style="color:inherit;text-decoration:underline">{escape(self.label)}</a>'
        style = "margin:24px 0 0;padding:12px 0;font:13px/1.5 sans-serif;opacity:.85"
        return f'\r\n<div style="{style}">{"<br>".join([*lines[:1], link, *lines[1:]])}</div>\r\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class WithWayOut:
    """The message with its way out. `placed` says that the author's placeholder took the link."""

    raw: bytes
    headers: tuple[tuple[str, str], ...]
    placed: bool


@dataclass(slots=True)
class _Work:
    url: str
    footer: Footer | None
    placed: bool = False
    kinds: tuple[str, ...] = ()


def add_way_out(raw: bytes, url: str, footer: Footer | None, headers: tuple[tuple[str, str], ...]) -> WithWayOut:
    """Write the link into a message whose headers are `headers` too.

    It goes where a placeholder stands; else under the first text and the first HTML body, when there is a `footer`.
    Raises SendRefused when it can go nowhere.
    """
    found = _HEAD_END.search(raw)
    head, gap, body = (raw[: found.start()], found[0], raw[found.end() :]) if found else (raw, b"\r\n\r\n", b"")
    placed = _Work(url, None)
    new_head, new_body = _entity(head, body, placed, 0)
    if not placed.placed:
        if footer is None:
            raise SendRefused(
                "Bulk mail must show its reader a way out, and the message has no place for it.",
                f"Put {PLACEHOLDERS[0]} where the link belongs, or set unsubscribe.footer.",
            )
        work = _Work(url, footer)
        new_head, new_body = _entity(head, body, work, 0)
        if not work.kinds:
            raise SendRefused(
                "Bulk mail must show its reader a way out, and the message has no text that could take it.",
                f"Add a text or an HTML body with {PLACEHOLDERS[0]}.",
            )
    newline = b"\r\n" if gap.startswith(b"\r\n") else b"\n"
    given = next((value for name, value in headers if name.lower() == "list-unsubscribe"), "")
    mailto = _MAILTO.search(given)
    where = f"<{url}>" + (f",\r\n <{mailto[1]}>" if mailto and mailto[1].isascii() and len(mailto[1]) < 900 else "")
    ours = (("List-Unsubscribe", where), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    lines = b"".join(f"{name}: {value}".encode("ascii").replace(b"\r\n", newline) + newline for name, value in ours)
    kept = tuple(one for one in headers if not one[0].lower().startswith("list-unsubscribe"))
    return WithWayOut(
        raw=lines + _OURS.sub(b"", new_head + newline).removesuffix(newline) + gap + new_body,
        headers=(*kept, *((name, " ".join(value.split())) for name, value in ours)),
        placed=placed.placed,
    )


def _entity(head: bytes, body: bytes, work: _Work, depth: int) -> tuple[bytes, bytes]:
    """Rewrite one MIME entity (RFC 2046); gives its head and its body."""
    seen = BytesHeaderParser(policy=compat32).parsebytes(head + b"\r\n\r\n")
    kind = seen.get_content_type()
    if kind in _UNTOUCHABLE or depth > _DEEPEST:
        raise SendRefused(
            "A way out cannot be written into signed, encrypted or deeply nested bulk mail.",
            "Give it both List-Unsubscribe headers and a link yourself.",
        )
    if kind.startswith("multipart/"):
        boundary = seen.get_boundary()
        return head, _parts(body, boundary, work, depth) if boundary else body
    wanted = kind in ("text/plain", "text/html") and seen.get_content_disposition() != "attachment"
    return _text(head, body, seen, kind, work) if wanted else (head, body)


def _parts(body: bytes, boundary: str, work: _Work, depth: int) -> bytes:
    line = rb"(?:(?<=\n)|\A)--" + re.escape(boundary.encode("utf-8", "surrogateescape")) + rb"(?:--)?[ \t]*(?:\r?\n|\Z)"
    edges = list(re.finditer(line, body))
    written = [body[: edges[0].end()]] if edges else [body]
    for edge, following in pairwise(edges):
        part = body[edge.end() : following.start()]
        # The line end before a boundary belongs to the boundary (RFC 2046 section 5.1.1).
        tail = b"\r\n" if part.endswith(b"\r\n") else b"\n" if part.endswith(b"\n") else b""
        part = part.removesuffix(tail)
        found = _HEAD_END.search(part)
        if part.startswith((b"\r\n", b"\n")):
            gap = b"\r\n" if part.startswith(b"\r\n") else b"\n"
            head, inside = _entity(b"", part.removeprefix(gap), work, depth + 1)
            head = head + gap if head else head
        elif found:
            gap = found[0]
            head, inside = _entity(part[: found.start()], part[found.end() :], work, depth + 1)
        else:
            head, gap, inside = part, b"", b""
        written += [head, gap, inside, tail, body[following.start() : following.end()]]
    return b"".join([*written, body[edges[-1].end() :]]) if edges else body


def _text(head: bytes, body: bytes, seen: Message, kind: str, work: _Work) -> tuple[bytes, bytes]:
    encoding = str(seen.get("content-transfer-encoding", "7bit")).strip().lower()
    charset = str(seen.get_content_charset() or "us-ascii")
    charset = "utf-8" if charset == "us-ascii" else charset
    try:
        match encoding:
            case "base64":
                data = binascii.a2b_base64(body)
            case "quoted-printable":
                data = binascii.a2b_qp(body)
            case _:
                data = body
        text = data.decode(charset)
    except (LookupError, ValueError):
        # Only what must carry the link has to be readable; a footer may still go into the other body.
        return head, body
    changed = _changed(text, kind, work)
    if changed == text:
        return head, body
    written = changed.encode("utf-8")
    if encoding == "base64":
        packed = binascii.b2a_base64(written, newline=False)
        rows = [packed[start : start + 76] for start in range(0, len(packed), 76)]
        return _declared(head, seen, kind, "base64"), b"\r\n".join(rows) + b"\r\n"
    normal = re.sub(rb"\r\n|\r|\n", b"\r\n", written)
    return _declared(head, seen, kind, "quoted-printable"), binascii.b2a_qp(normal, istext=True)


def _changed(text: str, kind: str, work: _Work) -> str:
    url = escape(work.url) if kind == "text/html" else work.url
    changed, times = _PLACEHOLDER.subn(lambda _: url, text)
    if times:
        work.placed = True
        return changed
    if work.footer is None or kind in work.kinds:
        return text
    work.kinds = (*work.kinds, kind)
    if kind == "text/plain":
        return text + ("" if text.endswith("\n") else "\r\n") + work.footer.text(work.url)
    end = list(_END_OF_BODY.finditer(text))
    at = end[-1].start() if end else len(text)
    return text[:at] + work.footer.html(work.url) + text[at:]


def _declared(head: bytes, seen: Message, kind: str, encoding: str) -> bytes:
    """Give the head with the type and encoding that the rewritten body has; every other line as it was."""
    kept = re.sub(
        rb"(?im)^(?:content-type|content-transfer-encoding):[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)", b"", head + b"\n"
    ).rstrip(b"\r\n")
    newline = b"\r\n" if b"\r\n" in head or not head else b"\n"
    flowed = str(seen.get_param("format", "")).lower() == "flowed"
    more = "; format=flowed" if flowed and kind == "text/plain" else ""
    lines = [
        f"Content-Type: {kind}; charset=utf-8{more}".encode("ascii"),
        f"Content-Transfer-Encoding: {encoding}".encode("ascii"),
    ]
    return newline.join([*([kept] if kept else []), *lines])
