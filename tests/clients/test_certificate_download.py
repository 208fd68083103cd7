from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from sendworthy.clients.certificates import download_certificate
from sendworthy.errors import Unavailable, UntrustedEvent


@asynccontextmanager
async def serving(answer: Callable[[str], web.Response]) -> AsyncIterator[tuple[str, list[str]]]:
    """A server on the loopback, and the paths it was asked for."""
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return answer(request.path)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}", asked
    finally:
        await runner.cleanup()


async def test_a_certificate_is_downloaded_whole() -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n" + b"A" * 60_000
    async with serving(lambda _: web.Response(body=pem)) as (url, _):
        assert await download_certificate(f"{url}/a.pem") == pem


@pytest.mark.parametrize("status", [301, 302, 307, 403, 404])
async def test_what_is_not_there_is_not_believed_and_no_redirect_is_followed(status: int) -> None:
    def answer(path: str) -> web.Response:
        return web.Response(status=status, headers={"location": "/other.pem"}) if path == "/a.pem" else web.Response()

    async with serving(answer) as (url, asked):
        with pytest.raises(UntrustedEvent, match=str(status)):
            await download_certificate(f"{url}/a.pem")
    assert asked == ["/a.pem"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_host_in_trouble_is_no_verdict(status: int) -> None:
    async with serving(lambda _: web.Response(status=status)) as (url, _):
        with pytest.raises(Unavailable, match=str(status)):
            await download_certificate(f"{url}/a.pem")


async def test_a_host_that_is_not_there_is_no_verdict() -> None:
    async with serving(lambda _: web.Response()) as (url, _):
        pass
    with pytest.raises(Unavailable):
        await download_certificate(f"{url}/a.pem")


async def test_plain_http_behind_https_is_no_verdict() -> None:
    async with serving(lambda _: web.Response(body=b"pem")) as (url, _):
        with pytest.raises(Unavailable):
            await download_certificate(url.replace("http://", "https://") + "/a.pem")


async def test_a_file_without_end_is_given_up() -> None:
    async with serving(lambda _: web.Response(body=b"A" * 5_000_000)) as (url, _):
        with pytest.raises(UntrustedEvent, match="too long"):
            await download_certificate(f"{url}/a.pem")
