"""The RFC 8058 probe against addresses that behave, redirect, want a cookie, or unsubscribe whoever looks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from sendworthy.audit.evidence import Seen, Unseen, UnseenKind, UnsubscribeProbe
from sendworthy.clients.probe_unsubscribe import probe_unsubscribe
from sendworthy.errors import ConfigError

Serve = Callable[[Callable[[web.Request], Awaitable[web.Response]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.Response]]) -> str:
        application = web.Application()
        application.router.add_route("*", "/u/t0ken", handler)
        runner = web.AppRunner(application)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}/u/t0ken"

    yield start
    for runner in runners:
        await runner.cleanup()


async def seen(url: str) -> UnsubscribeProbe:
    probe = await probe_unsubscribe(url, seconds=1)
    assert isinstance(probe, Seen)
    assert "t0ken" not in repr(probe)
    return probe.value


async def test_an_address_that_does_as_the_rfc_wants(serve: Serve) -> None:
    bodies: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(text="<form method=post><button>Unsubscribe</button></form>")
        bodies.append(await request.text())
        return web.Response(text="You have been unsubscribed.")

    probe = await seen(await serve(handler))
    assert bodies == ["List-Unsubscribe=One-Click"]
    assert (probe.get_status, probe.get_says_done) == (200, False)
    assert (probe.post_status, probe.post_says_done, probe.post_redirects) == (200, True, False)
    assert not probe.https


async def test_a_get_that_unsubscribes_is_caught(serve: Serve) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="You are now unsubscribed.")

    assert (await seen(await serve(handler))).get_says_done


async def test_a_redirect_is_seen_and_not_followed(serve: Serve) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/login"})

    probe = await seen(await serve(handler))
    assert (probe.post_redirects, probe.post_status) == (True, 302)


async def test_the_post_comes_without_the_cookie_of_the_get(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        answer = web.Response(status=200 if request.method == "GET" or "session" in request.cookies else 403)
        answer.set_cookie("session", "1")
        return answer

    assert (await seen(await serve(handler))).post_status == 403


async def test_who_does_not_answer_is_unseen() -> None:
    probe = await probe_unsubscribe("http://127.0.0.1:1/u/t0ken", seconds=1)
    assert isinstance(probe, Unseen)
    assert probe.kind is UnseenKind.UNREACHABLE
    assert "t0ken" not in repr(probe)


@pytest.mark.parametrize("url", ["", "mailto:a@example.com", "example.com/u", "ftp://example.com/"])
async def test_what_is_no_web_address_is_one_clear_line(url: str) -> None:
    with pytest.raises(ConfigError, match="no web address"):
        await probe_unsubscribe(url)
