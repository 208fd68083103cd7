"""The console's routes: who may see which page, and what a form does. Reads the store; acts by what is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sendworthy.console import view
from sendworthy.console.guard import Guard
from sendworthy.console.pages import NotThere, Pages
from sendworthy.console.sessions import COOKIE, SESSION_LASTS, Session, Signer, same
from sendworthy.errors import SendworthyError, StoreUnavailable

_MOST_FORM_BYTES = 16 * 1024
_FORM_SECONDS = 10.0

Form = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """What a person can do from here. Each gives one sentence of what was done, and may raise SendworthyError."""

    suppress: Callable[[str], Awaitable[str]]
    remove: Callable[[str, str], Awaitable[str]]
    use_link: Callable[[str], Awaitable[bool]]
    """Take a one-time link by its name; False when it was used before."""


class Refused(Exception):
    """A form that is not to be acted upon; the text says why."""


Page = Callable[[Request, Session], Awaitable[Response]]


class Console:
    """Routes under the path it is mounted at."""

    def __init__(self, pages: Pages, signer: Signer, actions: Actions) -> None:
        self._pages = pages
        self._signer = signer
        self._actions = actions
        self._ended: dict[str, datetime] = {}

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("/", self._signed_in(self._overview), name="overview"),
            Route("/alerts", self._signed_in(self._alerts), name="alerts"),
            Route("/messages", self._signed_in(self._messages), name="messages"),
            Route("/messages/{message_id}", self._signed_in(self._message), name="message"),
            Route("/suppressions", self._signed_in(self._suppressions), name="suppressions"),
            Route("/suppressions", self._signed_in(self._change), methods=["POST"]),
            Route("/login", self._login, name="login"),
            Route("/login", self._enter, methods=["POST"]),
            Route("/logout", self._signed_in(self._logout), methods=["POST"], name="logout"),
            Route("/style.css", self._style, name="style"),
        ]

    def _signed_in(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            session = self._signer.read_session(request.cookies.get(COOKIE, ""))
            if session is None or session.nonce in self._ended:
                return RedirectResponse(_path(request, "/login"), 303)
            try:
                return await page(request, session)
            except NotThere as error:
                return self._sorry(request, session, str(error), 404)
            except Refused as error:
                return self._sorry(request, session, str(error), 403)
            except StoreUnavailable as error:
                return self._sorry(request, session, f"{error.happened} {error.to_do}", 503)

        return guarded

    async def _overview(self, request: Request, session: Session) -> Response:
        return _page(request, session, "overview.html", await self._pages.overview(), here="overview")

    async def _alerts(self, request: Request, session: Session) -> Response:
        return _page(request, session, "alerts.html", await self._pages.alerts(), here="alerts")

    async def _messages(self, request: Request, session: Session) -> Response:
        asked = request.query_params
        values = await self._pages.messages(to=asked.get("to", ""), after=asked.get("after", ""))
        return _page(request, session, "messages.html", values, here="messages")

    async def _message(self, request: Request, session: Session) -> Response:
        values = await self._pages.message(request.path_params["message_id"])
        return _page(request, session, "message.html", values, here="messages")

    async def _suppressions(self, request: Request, session: Session) -> Response:
        asked = request.query_params
        return await self._listed(request, session, address=asked.get("address", ""), after=asked.get("after", ""))

    async def _listed(
        self, request: Request, session: Session, *, address: str = "", after: str = "", said: str = "", wrong: str = ""
    ) -> Response:
        values = await self._pages.suppressions(address=address, after=after)
        told = values | {"said": said, "wrong": wrong or values["wrong"]}
        return _page(
            request, session, "suppressions.html", told, here="suppressions", status=400 if told["wrong"] else 200
        )

    async def _change(self, request: Request, session: Session) -> Response:
        form = await _form(request)
        _check(form, session)
        address = form.get("address", "").strip()
        try:
            if form.get("do") == "remove":
                said = await self._actions.remove(address, form.get("why", ""))
            else:
                said = await self._actions.suppress(address)
        except StoreUnavailable:
            raise
        except SendworthyError as error:
            return await self._listed(request, session, wrong=f"{error.happened} {error.to_do}".strip())
        return await self._listed(request, session, address=address, said=said)

    async def _login(self, request: Request) -> Response:
        link = request.query_params.get("link", "")
        good = bool(self._signer.read_link(link))
        return _plain(request, "login.html", link=link if good else "", stale=bool(link) and not good)

    async def _enter(self, request: Request) -> Response:
        try:
            form = await _form(request)
        except Refused:
            form = {}
        name = self._signer.read_link(form.get("link", ""))
        try:
            good = bool(name) and await self._actions.use_link(name)
        except StoreUnavailable as error:
            return _plain(request, "sorry.html", status=503, text=f"{error.happened} {error.to_do}")
        if not good:
            return _plain(request, "login.html", status=403, link="", stale=True)
        answer = RedirectResponse(_path(request, "/"), 303)
        answer.set_cookie(
            COOKIE,
            self._signer.session_token(),
            max_age=int(SESSION_LASTS.total_seconds()),
            path=_path(request, ""),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _logout(self, request: Request, session: Session) -> Response:
        _check(await _form(request), session)
        now = self._signer.now()
        self._ended = {nonce: until for nonce, until in self._ended.items() if until > now}
        self._ended[session.nonce] = session.until
        answer = RedirectResponse(_path(request, "/login"), 303)
        answer.delete_cookie(COOKIE, path=_path(request, ""), httponly=True, samesite="strict")
        return answer

    async def _style(self, _: Request) -> Response:
        return Response(view.style(), media_type="text/css")

    def _sorry(self, request: Request, session: Session, text: str, status: int) -> Response:
        return _page(request, session, "sorry.html", {"text": text}, here="", status=status)


def console_app(pages: Pages, signer: Signer, actions: Actions, *, hosts: Collection[str]) -> ASGIApp:
    """Give the console, to be mounted at a path of the inside door. `hosts` are its names beside the loopback's."""
    app = Starlette(routes=list(Console(pages, signer, actions).routes()))
    app.router.redirect_slashes = False
    return Guard(app, hosts=hosts)


def _path(request: Request, path: str) -> str:
    return f"{request.scope.get('root_path', '')}{path}" or "/"


def _page(
    request: Request, session: Session, template: str, values: dict[str, object], *, here: str, status: int = 200
) -> Response:
    shared = {"root": _path(request, "").rstrip("/"), "csrf": session.csrf, "here": here, "now": datetime.now(UTC)}
    return HTMLResponse(view.render(template, **shared, **values), status)


def _plain(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """Give a page for somebody who has not come in."""
    shared = {"root": _path(request, "").rstrip("/"), "csrf": "", "here": "", "now": datetime.now(UTC)}
    return HTMLResponse(view.render(template, **shared, **values), status)


async def _form(request: Request) -> Form:
    pieces, size = [], 0
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            async for piece in request.stream():
                size += len(piece)
                if size > _MOST_FORM_BYTES:
                    raise Refused("The form is too large.")
                pieces.append(piece)
        fields = parse_qs(b"".join(pieces).decode(), keep_blank_values=True, max_num_fields=50)
    except (TimeoutError, ClientDisconnect, ValueError):
        raise Refused("The form could not be read.") from None
    return {name: values[0] for name, values in fields.items()}


def _check(form: Form, session: Session) -> None:
    if not same(form.get("csrf", ""), session.csrf):
        raise Refused("This form is not of this session. Load the page anew and try again.")


def login_url(door: str, token: str) -> str:
    """Give the link that a person opens: `door` is the inside door's address."""
    return f"{door.rstrip('/')}/console/login?link={quote(token)}"
