"""The outside HTTP door: the only one meant for the internet. Knows nothing of what is mounted on it.

It answers unsubscribe links and whatever else is handed in (deliveries of SNS), and nothing that only a customer of the
gateway may see.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from sendworthy.ingest.unsubscribe import Unsubscribe


def public_app(unsubscribe: Unsubscribe | None, mounts: Mapping[str, ASGIApp] | None = None) -> Starlette:
    """Give the door. `mounts` are applications by path, such as `/sns`."""
    routes: list[BaseRoute] = [Route("/healthz", _healthz), Route("/robots.txt", _robots)]
    if unsubscribe is not None:
        routes += [
            Route("/u/style.css", unsubscribe.style),
            Route("/u/{token}", unsubscribe.show, methods=["GET"]),
            Route("/u/{token}", unsubscribe.take, methods=["POST"]),
        ]
    for path, app in (mounts or {}).items():
        routes += [Route(path, app), Mount(path, app=app)]  # a Mount alone matches only what ends in a slash or goes on
    app = Starlette(routes=routes)
    # A redirect would be an answer to a POST that RFC 8058 section 3.1 forbids.
    app.router.redirect_slashes = False
    return app


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _robots(_: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")
