"""Pages from a real server on loopback: what a visitor gets, and what is certain for everybody or only for us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.evidence import (
    DnsAnswer,
    DnsOutcome,
    Link,
    Page,
    PageProblem,
    Reading,
    Seen,
    Tls,
    Unseen,
    UnseenKind,
)
from sendworthy.clients.html import read_html
from sendworthy.clients.web import MAX_BYTES, Web
from sendworthy.errors import ConfigError

HOME = """<!doctype html><html><head><title> A  shop </title><style>p {color: red}</style>
<script>document.write("hidden")</script></head><body><h1>Pots</h1><p>Made by&nbsp;hand &amp; sold.</p>
<a href="/privacy#top">Privacy <b>policy</b></a><a href="terms"><img src="t.png" alt="Terms"></a>
<a href="https://other.example/" aria-label="Elsewhere"></a><noscript>No scripts?</noscript></body></html>"""


def text(body: str, kind: str = "text/html") -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type=kind)

    return answer


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "text/html"})
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(3 * MAX_BYTES // 65536):
            await answer.write(b"word " * 13108)
    return answer


async def moved(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.query["to"])


async def host(request: web.Request) -> web.Response:
    return web.Response(text=request.host)


async def latin(_request: web.Request) -> web.Response:
    body = "<title>Töpferei</title>".encode("latin-1")
    return web.Response(body=body, headers={"Content-Type": "text/html; charset=latin-1"})


async def strange(_request: web.Request) -> web.Response:
    return web.Response(body=b"<title>x</title>", headers={"Content-Type": "text/html; charset=x-unheard-of"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    hang = asyncio.Event()

    async def hanging(_request: web.Request) -> web.Response:
        await hang.wait()
        return web.Response()

    app = web.Application()
    pages = {"moved": moved, "host": host, "latin": latin, "strange": strange, "hanging": hanging, "endless": endless}
    for name, handler in pages.items():
        app.router.add_get(f"/{name}", handler)
    app.router.add_get("/", text(HOME))
    app.router.add_get("/plain", text("just  text", "text/plain"))
    app.router.add_get("/pdf", text("%PDF", "application/pdf"))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield int(runner.addresses[0][1])
    hang.set()
    await runner.cleanup()


async def get(port: int, url: str, seconds: float = 5.0) -> Reading[Page]:
    async with Web(connect_to={"shop.test": f"127.0.0.1:{port}"}, seconds=seconds) as browser:
        return await browser.get(url)


async def page(port: int, path: str) -> Page:
    reading = await get(port, f"http://shop.test{path}")
    assert isinstance(reading, Seen), reading
    return reading.value


async def test_a_page_is_what_a_visitor_without_scripts_gets(port: int) -> None:
    home = await page(port, "/")
    assert (home.status, home.title, home.text) == (200, "A shop", "Pots Made by hand & sold. Privacy policy")
    assert home.text_length == len(home.text)
    assert home.scripts == 1
    assert home.tls is Tls.NONE
    assert home.links == (
        Link(text="Privacy policy", href="http://shop.test/privacy"),
        Link(text="Terms", href="http://shop.test/terms"),
        Link(text="Elsewhere", href="https://other.example/"),
    )


async def test_the_name_is_kept_in_the_request_when_connecting_elsewhere(port: int) -> None:
    assert (await page(port, "/host")).text == "shop.test"


async def test_redirects_are_followed_and_the_last_address_kept(port: int) -> None:
    last = await page(port, "/moved?to=/moved%3Fto=/plain")
    assert (last.url, last.final_url) == ("http://shop.test/moved?to=/moved%3Fto=/plain", "http://shop.test/plain")
    assert last.text == "just text"


async def test_a_redirect_without_end_is_certain(port: int) -> None:
    def loop(depth: int) -> str:
        return "/plain" if not depth else "/moved?to=" + loop(depth - 1).replace("%", "%25").replace("?", "%3F")

    looping = await page(port, loop(7))
    assert (looping.status, looping.problem) == (0, PageProblem.REDIRECT_LOOP)


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/pdf", 200)])
async def test_every_answer_is_seen(port: int, path: str, status: int) -> None:
    assert (await page(port, path)).status == status


@pytest.mark.parametrize(("path", "title"), [("/latin", "Töpferei"), ("/strange", "x")])
async def test_text_is_read_in_its_encoding(port: int, path: str, title: str) -> None:
    assert (await page(port, path)).title == title


async def test_a_page_is_read_no_further_than_the_limit(port: int) -> None:
    cut = await page(port, "/endless")
    assert 0 < cut.text_length <= MAX_BYTES
    assert len(cut.text) <= 20_000


async def test_a_page_that_hangs_is_unseen(port: int) -> None:
    reading = await get(port, "http://shop.test/hanging", seconds=0.2)
    assert isinstance(reading, Unseen)
    assert (reading.kind, reading.needs) == (UnseenKind.TIMEOUT, "http://shop.test/hanging")


async def test_a_refused_connection_is_unseen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        reading = await get(taken.getsockname()[1], "http://shop.test/")
    assert isinstance(reading, Unseen)
    assert reading.kind is UnseenKind.UNREACHABLE


async def test_tls_that_is_none_is_unseen(port: int) -> None:
    assert isinstance(await get(port, "https://shop.test/"), Unseen)


@pytest.mark.parametrize("url", ["ftp://shop.test/", "http://", "mailto:x@shop.test", "http://shop.test:x/"])
async def test_an_address_that_no_browser_opens_is_certain(port: int, url: str) -> None:
    reading = await get(port, url)
    assert isinstance(reading, Seen)
    assert reading.value.problem is PageProblem.NOT_HTTP


class Dns:
    def __init__(self, reading: Reading[DnsAnswer]) -> None:
        self.reading = reading

    async def lookup(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        assert (name, rdtype in ("A", "AAAA")) == ("nowhere.invalid", True)
        return self.reading


@pytest.mark.parametrize(
    ("answer", "certain"),
    [
        (Seen(DnsAnswer(outcome=DnsOutcome.NXDOMAIN)), True),
        (Seen(DnsAnswer(outcome=DnsOutcome.NO_DATA)), True),
        (Seen(DnsAnswer(outcome=DnsOutcome.FOUND, records=("192.0.2.1",))), False),
        (Unseen(kind=UnseenKind.SERVFAIL, reason="no"), False),
    ],
)
async def test_only_dns_itself_can_say_that_a_host_does_not_exist(answer: Reading[DnsAnswer], certain: bool) -> None:
    async with Web(resolver=Dns(answer), seconds=20) as browser:
        reading = await browser.get("http://nowhere.invalid/")
    assert isinstance(reading, Seen) is certain
    if isinstance(reading, Seen):
        assert reading.value.problem is PageProblem.NO_SUCH_HOST


@pytest.mark.parametrize("target", ["127.0.0.1", "127.0.0.1:http", ":80"])
def test_a_place_to_connect_to_needs_host_and_port(target: str) -> None:
    with pytest.raises(ConfigError):
        Web(connect_to={"*": target})


@given(st.text(max_size=300))
def test_any_text_is_read_as_html_without_raising(html: str) -> None:
    read_html(html, "https://example.com/")


@given(
    st.lists(
        st.sampled_from(["<a href=x>", "</a>", "<script>", "</script>", "word ", "<p>", "</body>", "<title>", "<"]),
        max_size=20,
    )
)
def test_broken_markup_never_loses_the_reader(parts: list[str]) -> None:
    read = read_html("".join(parts), "https://example.com/")
    assert len(read.links) == sum(1 for link in read.links if link.href == "https://example.com/x")


def test_a_body_after_an_unclosed_head_is_still_seen() -> None:
    assert read_html("<head><title>t</title><body>Seen", "https://example.com/").text == "Seen"


def test_a_base_moves_the_links() -> None:
    read = read_html('<base href="/shop/"><a href="x">y</a>', "https://example.com/")
    assert read.links == (Link(text="y", href="https://example.com/shop/x"),)
