"""The outbox: every accepted message, for scripts as JSON and for people as plain pages. Changes nothing but itself.

The pages need no JavaScript; a small script only keeps the list fresh. A message's HTML is shown in a frame without
scripts, forms or anything from elsewhere: mail is not to be trusted, not even one's own.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import WORDS, Happening, event, stamp
from sendworthy.simulator.reading_mail import decoded, read_mail
from sendworthy.simulator.state import Simulation
from sendworthy.wire.http import Response

_PAGE = 100
_VIEWS = ("html", "text", "headers", "source", "events", "attachments")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Links may open a tab of their own, since to try them is half of why one looks; nothing else may happen.
_MAIL_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for. `to` is a whole address, `recipient` and `subject` are parts of one, `tag` is name=value."""

    to: str = ""
    recipient: str = ""
    subject: str = ""
    tag: str = ""
    before: str = ""
    limit: int = _PAGE

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Search:
        """Read a query string. Raises ValueError."""
        limit = int(query.get("limit", _PAGE))
        if limit < 1:
            raise ValueError("`limit` is 1 or more")
        words = {name: query.get(name, "").strip() for name in ("to", "recipient", "subject", "tag", "before")}
        return cls(limit=limit, **words)

    def finds(self, message: Accepted) -> bool:
        """Whether a message is one of those looked for."""
        lowered = [each.lower() for each in message.recipients]
        name, _, value = self.tag.partition("=")
        return (
            (not self.to or self.to.lower() in lowered)
            and (not self.recipient or any(self.recipient.lower() in each for each in lowered))
            and (not self.subject or self.subject.lower() in decoded(message.subject).lower())
            and (not self.tag or value in message.tags.get(name, ()))
        )


@dataclass(slots=True, kw_only=True)
class OutboxDoor:
    """Answers /_sim/outbox and what lies under it; `now` is the simulated time."""

    sim: Simulation
    now: Callable[[], datetime]

    def answer(self, method: str, path: str, query: Mapping[str, str], *, wants_html: bool) -> Response | None:
        """Answer a request for `outbox` or `outbox/…`; None where there is no such door. Raises ValueError."""
        _, _, rest = path.partition("/")
        name, _, view = rest.partition("/")
        match method, name, view:
            case "GET", "", "":
                return self._list(query, wants_html=wants_html)
            case "DELETE", "", "":
                return self._empty()
            case "POST", "empty", "":
                self._empty()
                return Response(status=303, headers={"location": "/_sim/outbox"}, body=b"")
            case "GET", "outbox.css" | "outbox.js" | "icon.svg", "":
                return _static(name)
            case "GET", _, _:
                message = self.sim.outbox.get(name)
                if message is None:
                    return self._missing(wants_html=wants_html)
                return self._one(message, view, query, wants_html=wants_html)
            case _:
                return None

    def _empty(self) -> Response:
        self.sim.outbox.clear()
        self.sim.happened.clear()
        return _json({})

    def _found(self, search: Search) -> tuple[list[Accepted], bool]:
        """Return the newest that match, oldest first, and whether there are older ones."""
        found: list[Accepted] = []
        passed = not search.before
        for message in reversed(self.sim.outbox.values()):
            if not passed:
                passed = message.message_id == search.before
                continue
            if search.finds(message):
                if len(found) == search.limit:
                    return found[::-1], True
                found.append(message)
        return found[::-1], False

    def _list(self, query: Mapping[str, str], *, wants_html: bool) -> Response:
        search = Search.of(query)
        found, more = self._found(search)
        if not wants_html:
            whole = query.get("source") != "0"
            return _json([shown(each, whole=whole) for each in found])
        rows = [self._row(each) for each in reversed(found)]
        kept = {name: query[name] for name in ("to", "recipient", "subject", "tag") if query.get(name)}
        older = "?" + urlencode(kept | {"before": found[0].message_id}) if more else ""
        return _page(
            "outbox.html",
            rows=rows,
            search=search,
            searched=bool(kept),
            older=older,
            kept=len(self.sim.outbox),
            accepted=self.sim.accepted,
            newest=next(reversed(self.sim.outbox), ""),
        )

    def _row(self, message: Accepted) -> dict[str, Any]:
        return {
            "id": message.message_id,
            "at": message.at,
            "from": decoded(message.from_header),
            "to": ", ".join(message.recipients[:3]),
            "others": max(0, len(message.recipients) - 3),
            "subject": decoded(message.subject),
            "state": self._state(message),
            "region": message.region,
        }

    def _state(self, message: Accepted) -> str:
        """Return the last thing that has happened to a message, in the word of its event."""
        past = [each for each in self.sim.happened.get(message.message_id, ()) if each.at <= self.now()]
        return WORDS[past[-1].kind][0] if past else "Accepted"

    def _one(self, message: Accepted, view: str, query: Mapping[str, str], *, wants_html: bool) -> Response | None:
        number = view.removeprefix("attachment/") if view.startswith("attachment/") else None
        if number is not None:
            return _attachment(message, number)
        match view:
            case "" if not wants_html:
                return _json(shown(message) | {"events": [event(each) for each in self._events(message)]})
            case "":
                return self._message_page(message, query.get("view", ""))
            case "eml":
                name = f'attachment; filename="{message.message_id}.eml"'
                return _bytes(message.source(), "message/rfc822", headers={"content-disposition": name})
            case "source":
                return _bytes(message.source(), "text/plain; charset=utf-8")
            case "html":
                return _mail_html(message)
            case _:
                return None

    def _message_page(self, message: Accepted, view: str) -> Response:
        mail = read_mail(message.source())
        view = view if view in _VIEWS else "html" if mail.html else "text"
        events = [self._event(each) for each in self._events(message)]
        return _page(
            "message.html",
            message=message,
            subject=decoded(message.subject),
            sender=decoded(message.from_header),
            mail=mail,
            view=view,
            events=events,
            state=self._state(message),
            source=message.source().decode("utf-8", "replace") if view == "source" else "",
            link="/_sim/outbox/" + quote(message.message_id, safe=""),
        )

    def _events(self, message: Accepted) -> list[Happening]:
        return sorted(self.sim.happened.get(message.message_id, ()), key=lambda each: each.at)

    def _event(self, happening: Happening) -> dict[str, Any]:
        return {
            "word": WORDS[happening.kind][0],
            "at": happening.at,
            "to": ", ".join(happening.recipients),
            "detail": happening.detail,
            "to_come": happening.at > self.now(),
            "json": json.dumps(event(happening), indent=2),
        }

    def _missing(self, *, wants_html: bool) -> Response:
        sentence = "There is no such message in the outbox (any more)."
        if wants_html:
            return _page("missing.html", status=404, sentence=sentence)
        return _json({"message": sentence}, 404)


def shown(message: Accepted, *, whole: bool = True) -> dict[str, Any]:
    """Return a message of the outbox for JSON; if `whole`, with `source`, the MIME text, and `data`, it in base64."""
    source = message.source() if whole else b""
    found: dict[str, Any] = {
        "message_id": message.message_id,
        "at": stamp(message.at),
        "region": message.region,
        "from": message.from_header,
        "mail_from": message.mail_from,
        "to": list(message.recipients),
        "subject": message.subject,
        "configuration_set": message.configuration_set,
        "tags": {name: list(values) for name, values in message.tags.items()},
    }
    if whole:
        found |= {"source": source.decode("utf-8", "replace"), "data": base64.b64encode(source).decode()}
    return found


def _mail_html(message: Accepted) -> Response:
    html = read_mail(message.source()).html_with_pictures()
    # The policy comes with the answer, so that it holds in the frame and out of it.
    body = f'<!doctype html><meta charset="utf-8"><base target="_blank">{html}'
    return _bytes(
        body.encode("utf-8", "replace"),
        "text/html; charset=utf-8",
        headers={"content-security-policy": _MAIL_POLICY, "referrer-policy": "no-referrer"},
    )


def _attachment(message: Accepted, number: str) -> Response | None:
    attachments = read_mail(message.source()).attachments
    if not number.isascii() or not number.isdigit() or not 0 < int(number[:9]) <= len(attachments):
        return None
    found = attachments[int(number) - 1]
    # Whatever it says it is, it is only ever saved, never shown.
    name = "attachment; filename*=UTF-8''" + quote(found.name, safe="")
    return _bytes(found.content, "application/octet-stream", headers={"content-disposition": name})


@functools.cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("sendworthy.simulator.doors"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clock"] = lambda at: f"{at:%H:%M:%S}"
    made.filters["day"] = lambda at: f"{at:%Y-%m-%d}"
    made.filters["size"] = _size
    return made


def _size(count: int) -> str:
    return (
        f"{count} B" if count < 1024 else f"{count / 1024:.1f} KB" if count < 1024**2 else f"{count / 1024**2:.1f} MB"
    )


@functools.cache
def _static(name: str) -> Response:
    text = files("sendworthy.simulator.doors").joinpath("templates", name).read_text("utf-8")
    kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
    return _bytes(text.encode(), f"{kind}; charset=utf-8")


def _page(template: str, *, status: int = 200, **values: object) -> Response:
    text = _templates().get_template(template).render(**values)
    headers = {"content-security-policy": _PAGE_POLICY, "referrer-policy": "same-origin", "vary": "accept"}
    return _bytes(text.encode("utf-8", "replace"), "text/html; charset=utf-8", status=status, headers=headers)


def _bytes(body: bytes, kind: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    own = {"content-type": kind, "x-content-type-options": "nosniff", "cache-control": "no-store"}
    return Response(status=status, headers=own | dict(headers or {}), body=body)


def _json(value: object, status: int = 200) -> Response:
    headers = {"content-type": "application/json", "vary": "accept", "cache-control": "no-store"}
    return Response(status=status, headers=headers, body=json.dumps(value).encode())
