"""What leads back from a message to SES: its unsubscribe links, and what recipients do, told by script. Judges none."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sendworthy.simulator.list_management import PATH, read_link
from sendworthy.simulator.ses_engagement import Deed, engage, use_link
from sendworthy.simulator.state import Caller, Moment, Simulation
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response

PREFIX = "/_track/"
_LONGEST_KEY = 1024  # of an S3 object (Amazon S3, "Naming objects")
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<body style="font: 1rem/1.5 system-ui; margin: 3rem auto; max-width: 32rem; padding: 0 1rem">
<h1 style="font-size: 1.3rem">{title}</h1>
{text}
</body></html>
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


class _Doing(msgspec.Struct, forbid_unknown_fields=True):
    message_id: str
    recipient: str
    does: Deed
    link: str = ""
    link_tags: dict[str, list[str]] | None = None
    user_agent: str = ""
    feedback_type: str = "abuse"


@dataclass(slots=True, kw_only=True)
class TracksDoor:
    """Answers /_track/…, and the admin door's `engage` and `objects`. `moment` gives a Moment for a caller's Region."""

    sim: Simulation
    moment: Callable[[Caller, str, str], Moment]

    def answer(self, request: Request, peer: str) -> Response:
        """Answer a request to an unsubscribe link: GET shows a button, POST unsubscribes (RFC 8058 section 3.2)."""
        link = read_link(request.path.removeprefix(PATH)) if request.path.startswith(PATH) else None
        if link is None:
            return _page("There is nothing here", "<p>This link is not one of ours.</p>", 404)
        if request.method in {"GET", "HEAD"}:
            whom = f"<p>{html.escape(link.address)} gets mail of the list {html.escape(link.contact_list)}"
            about = f" about {html.escape(link.topic)}" if link.topic else ""
            button = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe</button></form>'
            return _page("Unsubscribe", f"{whom}{about}.</p>{button}")
        if request.method != "POST":
            return _page("This cannot be done", "<p>Only GET and POST are known here.</p>", 405)
        caller = Caller(access_key_id="", secret_access_key="", account_id=link.account_id)
        if (link.account_id, link.region) not in self.sim.accounts:
            return _page("There is nothing here", "<p>The list is gone.</p>", 404)
        try:
            use_link(self.moment(caller, link.region, peer), link)
        except WireError:
            return _page("There is nothing here", "<p>The list is gone.</p>", 404)
        return _page("You are unsubscribed", f"<p>{html.escape(link.address)} gets no more of this mail.</p>")

    def engage(self, body: bytes) -> Response:
        """Let a recipient open, click or report a message now. Raises ValueError and WireError, each one sentence."""
        doing = msgspec.json.decode(body, type=_Doing)
        message = self.sim.outbox.get(doing.message_id)
        if message is None:
            raise ValueError("there is no such message in the outbox")
        facts: dict[str, Any] = {"userAgent": doing.user_agent} if doing.user_agent else {}
        match doing.does:
            case Deed.CLICK:
                facts |= {"link": doing.link} if doing.link else {}
                facts |= {"linkTags": doing.link_tags} if doing.link_tags else {}
            case Deed.COMPLAIN:
                facts = {"complaintFeedbackType": doing.feedback_type}
            case Deed.OPEN:
                pass
        caller = Caller(access_key_id="", secret_access_key="", account_id=message.account_id)
        engage(self.moment(caller, message.region, "127.0.0.1"), message, doing.recipient, doing.does, facts)
        return Response(status=200, headers={"content-type": "application/json"}, body=b"{}")

    def objects(self, method: str, key: str, body: bytes) -> Response | None:
        """Answer for the pretend S3 that import and export jobs use: list, read, put, delete by BUCKET/KEY."""
        if not key:
            names = json.dumps(sorted(self.sim.objects)).encode()
            return Response(status=200, headers={"content-type": "application/json"}, body=names)
        bucket, _, name = key.partition("/")
        if not bucket or not name or len(key) > _LONGEST_KEY:
            raise ValueError("an object is named by its bucket and its key: BUCKET/KEY")
        match method:
            case "PUT":
                self.sim.objects[key] = body
                return Response(status=201, headers={"content-type": "application/json"}, body=b"{}")
            case "GET" if key in self.sim.objects:
                headers = {"content-type": "application/octet-stream", "content-disposition": "attachment"}
                return Response(status=200, headers=headers, body=self.sim.objects[key])
            case "DELETE":
                self.sim.objects.pop(key, None)
                return Response(status=200, headers={"content-type": "application/json"}, body=b"{}")
            case _:
                return None


def _page(title: str, text: str, status: int = 200) -> Response:
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": _POLICY}
    return Response(status=status, headers=headers, body=_PAGE.format(title=title, text=text).encode())
