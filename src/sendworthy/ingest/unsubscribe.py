"""The unsubscribe address: RFC 8058's POST, and the page for people. Knows no mail and no configuration file.

An answer of success is given after the commit and not before. A GET or HEAD changes nothing, because scanners follow
every link; there is no cookie, no login, no redirect and no check of the origin, because mail providers POST without
any context (RFC 8058 sections 3.1 and 3.2).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from sendworthy.compliance.unsubscribe import KeyRing, Leave, read_wishes, scope_of
from sendworthy.errors import StoreUnavailable
from sendworthy.ingest import preferences
from sendworthy.ingest.preferences import Shown
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store.store import Store

_LOG = logging.getLogger(__name__)

_MOST_BYTES = 64 * 1024
_MOST_FIELDS = 200
_BODY_SECONDS = 10.0
_SAFE = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    # The address of the page is the token: it must not travel on, nor stay in a shared cache.
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

Form = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Whose mail it is, and the topics a reader may choose from: names and labels."""

    sender: str = ""
    topics: tuple[tuple[str, str], ...] = ()

    def label(self, topic: str) -> str:
        """Give a topic's label; a topic that is not listed is called by its name."""
        return dict(self.topics).get(topic, topic)


class NotAForm(Exception):
    """What was posted is no form, or too large, or came too slowly."""


class Unsubscribe:
    """Answers under /u/TOKEN."""

    def __init__(self, store: Store, ring: KeyRing, topics: Topics) -> None:
        self._store = store
        self._ring = ring
        self._topics = topics

    async def show(self, request: Request) -> Response:
        """Answer GET and HEAD: the page, and no change."""
        language = preferences.chosen(request.headers.get("accept-language", ""))
        leave = self._ring.open(request.path_params["token"])
        if leave is None:
            return self._failure("unknown_link", language, 404)
        try:
            left = await self._left(leave)
        except StoreUnavailable:  # the button is what matters: show it without what is known already
            left = frozenset()
        return self._page(leave, left, language)

    async def take(self, request: Request) -> Response:
        """Answer POST: carry out what it asks for, then say so."""
        language = preferences.chosen(request.headers.get("accept-language", ""))
        leave = self._ring.open(request.path_params["token"])
        if leave is None:
            return self._failure("unknown_link", language, 404)
        try:
            form = await read_form(request)
        except NotAForm:
            return self._failure("not_understood", language, 400)
        wishes = read_wishes(form, leave, tuple(name for name, _ in self._topics.topics))
        if not wishes.scopes and not wishes.back:
            return self._failure("not_understood", language, 400)
        try:
            source = f"unsubscribe link of {leave.delivery_id}" if leave.delivery_id else "unsubscribe link"
            await self._store.suppression.change(leave.address, leave=wishes.scopes, back=wishes.back, source=source)
            left = await self._left(leave)
        except StoreUnavailable:
            _LOG.exception("an unsubscribe could not be kept")
            return self._failure("not_done", language, 503, {"retry-after": "60"})
        action = form.get("do", ("leave",))[0]
        return self._page(leave, left, language, done={"back": "back", "save": "saved"}.get(action, "left"))

    async def style(self, _: Request) -> Response:
        """Answer the style sheet."""
        headers = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}
        return Response(preferences.style(), media_type="text/css", headers=headers)

    async def _left(self, leave: Leave) -> frozenset[str]:
        found = await self._store.suppression.of(leave.address)
        return frozenset(one.scope for one in found if one.reason is SuppressionReason.UNSUBSCRIBE)

    def _page(self, leave: Leave, left: frozenset[str], language: str, done: str = "") -> Response:
        all_left = leave.stream in left
        known = dict(self._topics.topics)
        if leave.topic:
            known.setdefault(leave.topic, leave.topic)
        gone = tuple(name for name in known if scope_of(leave.stream, name) in left)
        shown = Shown(
            address=preferences.masked(leave.address),
            sender=self._topics.sender,
            topic=self._topics.label(leave.topic) if leave.topic else "",
            # Who has left everything comes back by one button: ticking a box must not bring back more than it says.
            topics=() if all_left else preferences.topics_shown(tuple(known.items()), left=gone),
            left=all_left or leave.scope in left,
            done=done,
        )
        return HTMLResponse(preferences.page(shown, language), headers=_SAFE)

    def _failure(self, what: str, language: str, status: int, more: Mapping[str, str] | None = None) -> Response:
        text = preferences.failure(what, language, sender=self._topics.sender)
        return HTMLResponse(text, status, headers=_SAFE | dict(more or {}))


async def read_form(request: Request) -> Form:
    """Read a form in either encoding (RFC 8058 section 3.2 allows both). Raises NotAForm."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _body(request)
    if kind == "multipart/form-data":
        return _multipart(request.headers["content-type"], body)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise NotAForm from None
    return _gathered(pairs)


async def _body(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > _MOST_BYTES:
                    raise NotAForm
                pieces.append(piece)
    except (TimeoutError, ClientDisconnect):
        raise NotAForm from None
    return b"".join(pieces)


def _multipart(content_type: str, body: bytes) -> Form:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = list(message.iter_parts()) if message.is_multipart() else []
    if not parts or len(parts) > _MOST_FIELDS:
        raise NotAForm
    pairs = []
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            pairs.append((name, payload.decode("utf-8", "replace").strip("\r\n")))
    return _gathered(pairs)


def _gathered(pairs: list[tuple[str, str]]) -> Form:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return found
