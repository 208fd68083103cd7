"""What every request of the console must pass, and every answer must carry. Knows no page.

The Host check keeps out pages of other sites that point a name of theirs at the loopback (DNS rebinding); the check of
where a POST comes from stands beside the token in each form.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """An ASGI application around the console's pages. `hosts` are names, without ports."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request pass, or refuse it."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        if host_name(headers.get("host", "")) not in self._hosts:
            text = "This name is not one of the console's. Add it to console.hosts if it should be.\n"
            await PlainTextResponse(text, 421)(scope, receive, guarded)
        elif scope["method"] not in {"GET", "HEAD", "POST"}:
            await PlainTextResponse("Only GET and POST.\n", 405)(scope, receive, guarded)
        elif scope["method"] == "POST" and not _from_here(headers):
            await PlainTextResponse("This request comes from another site.\n", 403)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)


def host_name(host: str) -> str:
    """Give the name in a Host header, in lower case and without its port; empty when there is none to be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if host and not set(host) & set("/@?#\\ ") else ""
    except ValueError:
        return ""


def _from_here(headers: Headers) -> bool:
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
