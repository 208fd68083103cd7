"""The lean client behind a proxy: what the proxy is told, what the origin is, and what is certain when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.clients.http1 import Origin, Reply
from sendworthy.clients.http1_proxy import Proxy, asked_schemes, read_proxy
from sendworthy.errors import ConfigError, Unavailable, Uncertain
from tests.clients.small_proxy import NAME, SmallOrigin, SmallProxy, proxied, serving, small_proxy
from tests.clients.smtp_peer import a_certificate, server_side

Run = Callable[[Coroutine[Any, Any, None]], None]

REACHED = Reply(200, {"content-length": "2"}, b"ok")
STANDS = b"HTTP/1.1 200 Connection established\r\n\r\n"
SECRET = "s:3/cr@t"
PUT_IN_URL = "s%3A3%2Fcr%40t"


@dataclass(frozen=True)
class Trust:
    """A certificate for the origin and the proxy, and a client that trusts it; `older` is TLS 1.2 at most."""

    served: ssl.SSLContext
    client: ssl.SSLContext
    older: ssl.SSLContext


_NO_SERVER = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
NOBODY = Trust(_NO_SERVER, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), _NO_SERVER)
"""For proxies behind which no TLS ever comes about."""


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    certificate: Path = a_certificate(tmp_path_factory.mktemp("tls"), NAME, "localhost")
    older = server_side(certificate)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    return Trust(server_side(certificate), ssl.create_default_context(cafile=certificate), older)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test on the one loop and on the other, which the program uses: they do TLS in code of their own."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


@asynccontextmanager
async def client(
    trust: Trust, proxy: Proxy | None, url: str = f"https://{NAME}", *, connect_seconds: float = 10
) -> AsyncIterator[Origin]:
    origin = Origin(url, tls=trust.client, proxy=proxy, connect_seconds=connect_seconds)
    try:
        yield origin
    finally:
        await origin.close()


def at(proxy: SmallProxy, user: str = "", *, scheme: str = "http") -> Proxy:
    host = "localhost" if scheme == "https" else "127.0.0.1"
    return read_proxy(f"{scheme}://{user}{host}:{proxy.at[1]}")


def post(origin: Origin, body: bytes = b"{}", *, seconds: float = 10) -> Awaitable[Reply]:
    return origin.post("/x", {"host": origin.host, "x-a": "1"}, body, seconds=seconds)


async def refused(proxy: SmallProxy, trust: Trust, user: str = "", *, connect_seconds: float = 10) -> Unavailable:
    """Post, and give the error that says that nothing was sent."""
    async with client(trust, at(proxy, user), connect_seconds=connect_seconds) as origin:
        with pytest.raises(Unavailable) as caught:
            await post(origin)
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_https_origin_is_reached_by_one_tunnel_that_serves_on(run: Run, trust: Trust, scheme: str) -> None:
    async def flow() -> None:
        proxy, ses = SmallProxy(), SmallOrigin()
        proxy_tls = trust.served if scheme == "https" else None
        async with proxied(proxy, ses, origin_tls=trust.served, proxy_tls=proxy_tls):
            async with client(trust, at(proxy, scheme=scheme)) as origin:
                big = b"x" * 3_000_000
                assert [await post(origin, body) for body in (b"1", big, b"3")] == [REACHED] * 3
            await proxy.left.wait()  # `close` closes the tunnel too
        assert proxy.heads == [f"CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\n\r\n".encode()]
        assert ses.asked[0] == (
            f"POST /x HTTP/1.1\r\nhost: {NAME}\r\nx-a: 1\r\ncontent-length: 1\r\n\r\n".encode(),
            b"1",
        )
        assert [len(body) for _, body in ses.asked] == [1, 3_000_000, 1]

    run(flow())


def test_many_at_once_have_a_tunnel_each(run: Run, trust: Trust) -> None:
    async def flow() -> None:
        proxy, ses = SmallProxy(), SmallOrigin()
        async with proxied(proxy, ses, origin_tls=trust.served), client(trust, at(proxy)) as origin:
            assert await asyncio.gather(*(post(origin) for _ in range(8))) == [REACHED] * 8
        assert 1 <= proxy.connects <= 8
        assert len(ses.asked) == 8

    run(flow())


async def test_the_password_is_told_to_the_proxy_alone(trust: Trust) -> None:
    proxy, ses = SmallProxy(wants=f"jo@x:{SECRET}"), SmallOrigin()
    async with proxied(proxy, ses, origin_tls=trust.served):
        known = at(proxy, f"jo%40x:{PUT_IN_URL}@")
        async with client(trust, known) as origin:
            assert await post(origin) == REACHED
        basic = b64encode(f"jo@x:{SECRET}".encode()).decode()
        assert f"\r\nProxy-Authorization: Basic {basic}\r\n".encode() in proxy.heads[0]
        assert not any(b"proxy-authorization" in head.lower() for head, _ in ses.asked)
        for shown in (repr(known), known.where, str(await refused(proxy, trust, "jo:wrong%40@"))):
            assert not {basic, SECRET, PUT_IN_URL, "wrong@", "wrong%40"} & set(shown.replace("'", " ").split())
            assert "wrong" not in shown
    assert len(ses.asked) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_http_origin_is_asked_of_the_proxy_in_absolute_form(run: Run, trust: Trust, scheme: str) -> None:
    async def flow() -> None:
        proxy, sim = SmallProxy(wants="jo:pw"), SmallOrigin()
        proxy_tls = trust.served if scheme == "https" else None
        async with (
            proxied(proxy, sim, origin_tls=None, proxy_tls=proxy_tls),
            client(trust, at(proxy, "jo:pw@", scheme=scheme), f"http://{NAME}:8080") as origin,
        ):
            assert [await post(origin) for _ in range(2)] == [REACHED] * 2
        first, *headers = proxy.heads[0].decode().split("\r\n")
        assert first == f"POST http://{NAME}:8080/x HTTP/1.1"
        assert f"host: {NAME}:8080" in headers
        assert all(b"proxy-authorization: Basic am86cHc=\r\n" in head for head in proxy.heads)
        assert sim.asked[0][0].startswith(b"POST /x HTTP/1.1\r\nhost: ses.example.test:8080\r\n")
        assert b"proxy" not in sim.asked[0][0]

    run(flow())


async def test_a_proxy_that_wants_a_password_for_an_http_origin_has_passed_nothing_on(trust: Trust) -> None:
    proxy, sim = SmallProxy(wants="jo:pw"), SmallOrigin()
    async with proxied(proxy, sim, origin_tls=None), client(trust, at(proxy), f"http://{NAME}") as origin:
        with pytest.raises(Unavailable) as caught:
            await post(origin)
        assert caught.value.code == "Proxy407"
        assert "USER:PASSWORD" in caught.value.to_do
    assert sim.asked == []


async def test_an_http_origin_behind_a_proxy_that_is_not_there_is_certainly_not_reached(trust: Trust) -> None:
    async with small_proxy(SmallProxy()) as proxy:
        pass
    async with client(trust, at(proxy), f"http://{NAME}") as origin:
        with pytest.raises(Unavailable, match=rf"The proxy 127\.0\.0\.1:{proxy.at[1]} cannot be reached"):
            await post(origin)


@pytest.mark.parametrize(
    ("status", "header", "advice"),
    [
        (407, b'Proxy-Authenticate: Basic realm="a, b"', "http://USER:PASSWORD@HOST:PORT"),
        (
            407,
            b"Proxy-Authenticate: Negotiate\r\nproxy-authenticate:NTLM",
            "asks for negotiate or ntlm, and only Basic",
        ),
        (407, b"", "Put a user name"),
        (403, b"", f"allow CONNECT to {NAME}:443"),
        (401, b"", f"allow CONNECT to {NAME}:443"),
        (500, b"", f"could not reach {NAME}:443"),
        (502, b"", f"could not reach {NAME}:443"),
        (503, b"Retry-After: 5", f"could not reach {NAME}:443"),
        (504, b"", f"could not reach {NAME}:443"),
        (301, b"Location: http://login.example.com/", "names a proxy"),
        (405, b"Allow: GET", "names a proxy"),
        (999, b"", "could not reach"),
    ],
)
async def test_a_proxys_no_is_certain_and_says_what_to_do(
    trust: Trust, status: int, header: bytes, advice: str
) -> None:
    words = b"HTTP/1.1 %d Some Words\r\n%b\r\nContent-Length: 9\r\n\r\n<html>no!" % (status, header)
    proxy = SmallProxy(says=(words.replace(b"\r\n\r\nContent", b"\r\nContent"),), hangs=True)
    async with small_proxy(proxy):
        error = await refused(proxy, trust)
        await proxy.left.wait()
    assert error.code == f"Proxy{status}"
    assert error.happened == (
        f"The proxy 127.0.0.1:{proxy.at[1]} answered {status}, so nothing was sent to {NAME}:443."
    )
    assert advice in error.to_do
    assert "html" not in error.to_do


async def test_a_password_that_the_proxy_does_not_take_is_told_apart_from_none(trust: Trust) -> None:
    async with small_proxy(SmallProxy(wants="jo:other")) as proxy:
        error = await refused(proxy, trust, "jo:pw@")
    assert error.to_do == "It does not take the user name and password in HTTPS_PROXY."


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ((), "it closed the connection"),
        ((b"HTTP/1.1 200 OK\r\nVia: a",), "it closed the connection"),
        ((b"220 mail.example.com ESMTP\r\n",), "its answer was no HTTP"),
        ((b"H", b"ELO\r\n\r\n"), "its answer was no HTTP"),
        ((b"HTTP/2 200\r\n\r\n",), "its answer was no HTTP"),
        ((b"HTTP/1.1 OK\r\n\r\n",), "its answer was no HTTP"),
        ((b"HTTP/1.1 099 x\r\n\r\n",), "its answer was no HTTP"),
        ((b"HTTP/1.1 101 Switching Protocols\r\n\r\n",), "its answer was no HTTP"),
        ((b"\x15\x03\x01\x00\x02\x02\x50",), "its answer was no HTTP"),
        ((STANDS + b"\x00",), "it sent something unasked"),
        ((b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n" * 1000] * 20), "its answer had no end"),
        ((b"HTTP/1.1 200 OK\r\na: " + b"b" * 20_000,), "its answer had no end"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,), "its answer had no end"),
    ],
)
def test_what_is_no_answer_is_certain_as_well(run: Run, trust: Trust, says: tuple[bytes, ...], why: str) -> None:
    async def flow() -> None:
        async with small_proxy(SmallProxy(says=says, hangs="closed" not in why)) as proxy:
            error = await refused(proxy, trust)
            await proxy.left.wait()
        assert error.happened == f"The proxy 127.0.0.1:{proxy.at[1]} opened no way to {NAME}:443: {why}."
        assert error.code == "ProxyNoAnswer"

    run(flow())


@pytest.mark.parametrize(
    "answer",
    [
        STANDS,
        b"HTTP/1.0 200\r\n\r\n",
        b"HTTP/1.1 299 Fine\r\nContent-Length: 500\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nVia: a\r\n\r\n" + STANDS,
        b"HTTP/1.1 200 OK\nVia: a\n\n",
    ],
    ids=["plain", "no reason", "with what a body has", "after interim ones", "bare line feeds"],
)
def test_every_way_to_say_yes_opens_the_tunnel(run: Run, trust: Trust, answer: bytes) -> None:
    async def flow() -> None:
        ses = SmallOrigin()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            await writer.start_tls(trust.served)
            await ses.serve(reader, writer)

        async with serving(serve) as (_, port), client(trust, Proxy("127.0.0.1", port)) as origin:
            assert [await post(origin) for _ in range(2)] == [REACHED] * 2
        assert len(ses.asked) == 2

    run(flow())


@pytest.mark.parametrize("says", [(), (b"HTTP/1.1 200 OK\r\n",), (STANDS,)], ids=["silent", "half", "silent inside"])
def test_a_proxy_that_hangs_is_given_up_in_time_and_left(run: Run, trust: Trust, says: tuple[bytes, ...]) -> None:
    async def flow() -> None:
        async with small_proxy(SmallProxy(says=says, hangs=True)) as proxy:
            error = await refused(proxy, trust, connect_seconds=0.2)
            await proxy.left.wait()
        assert error.happened.endswith(": it took too long.")
        assert f"127.0.0.1:{proxy.at[1]}" in error.happened

    run(flow())


async def test_a_wait_for_the_tunnel_that_is_cancelled_leaves_the_proxy(trust: Trust) -> None:
    async with small_proxy(SmallProxy(says=(), hangs=True)) as proxy, client(trust, at(proxy)) as origin:
        waiting = asyncio.ensure_future(post(origin))
        await proxy.asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await proxy.left.wait()


def test_no_proxy_there_or_none_that_speaks_tls_is_certain(run: Run, trust: Trust) -> None:
    async def flow() -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with serving(plain) as (_, port):
            async with client(trust, read_proxy(f"https://localhost:{port}")) as origin:
                with pytest.raises(Unavailable) as caught:
                    await post(origin)
            assert caught.value.code == "ProxyUnreachable"
            assert "should begin with http://" in caught.value.to_do
        async with small_proxy(SmallProxy()) as proxy:
            pass
        error = await refused(proxy, trust)
        assert error.code == "ProxyUnreachable"
        assert error.happened.startswith(f"The proxy 127.0.0.1:{proxy.at[1]} cannot be reached: Connection")

    run(flow())


@pytest.mark.parametrize("place", ["proxy", "origin"])
def test_a_certificate_that_is_not_trusted_is_certain_and_says_whose(run: Run, trust: Trust, place: str) -> None:
    async def flow() -> None:
        proxy = SmallProxy()
        strangers = replace(trust, client=ssl.create_default_context())
        proxy_tls = trust.served if place == "proxy" else None
        async with proxied(proxy, SmallOrigin(), origin_tls=trust.served, proxy_tls=proxy_tls) as served:
            known = at(served, scheme="https" if proxy_tls else "http")
            async with client(strangers, known) as origin:
                with pytest.raises(Unavailable) as caught:
                    await post(origin)
        assert "SSLCertVerificationError" in caught.value.happened
        assert caught.value.code == ("ProxyUnreachable" if proxy_tls else "Unreachable")
        assert ("AWS_CA_BUNDLE" in caught.value.to_do) is (place == "origin")

    run(flow())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_once_the_tunnel_stands_a_lost_answer_is_in_doubt_as_without_one(run: Run, trust: Trust, scheme: str) -> None:
    async def flow() -> None:
        proxy, ses = SmallProxy(), SmallOrigin(answers=False)
        proxy_tls = trust.served if scheme == "https" else None
        async with (
            proxied(proxy, ses, origin_tls=trust.served, proxy_tls=proxy_tls),
            client(trust, at(proxy, scheme=scheme)) as origin,
        ):
            for _ in range(2):
                with pytest.raises(Uncertain) as caught:
                    await post(origin)
                assert caught.value.code == "AnswerLost"
        assert (len(ses.asked), proxy.connects) == (2, 2)

    run(flow())


def calm(run: Run, flow: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in which no callback of the loop may fail."""
    upset: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: upset.append(context))
        await flow()

    run(watched())
    assert upset == []


def test_a_tunnel_cut_behind_its_yes_is_certain(run: Run, trust: Trust) -> None:
    async def yes_and_goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(STANDS)
        writer.close()
        await writer.wait_closed()

    async def flow() -> None:
        async with serving(yes_and_goodbye) as (_, port):
            for _ in range(5):
                error = await refused(SmallProxy(at=("127.0.0.1", port)), trust)
                assert error.code == "Unreachable"
                assert error.happened.endswith(f"through the proxy 127.0.0.1:{port}: ConnectionResetError.")

    calm(run, flow)


@pytest.mark.parametrize("straight", [False, True], ids=["proxy", "straight"])
def test_an_origin_that_speaks_before_it_is_asked_is_not_written_to(run: Run, trust: Trust, *, straight: bool) -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trust.older.wrap_bio(coming, going, server_side=True)
        greeted = False
        while not greeted:
            try:
                tls.do_handshake()
                greeted = True
            except ssl.SSLWantReadError:
                writer.write(going.read())
                coming.write(await reader.read(65536))
        tls.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
        writer.write(going.read())  # with the end of TLS's greeting: before anybody could ask
        await reader.read()

    async def flow() -> None:
        async with serving(eager) as there, small_proxy(SmallProxy(to=there)) as proxy:
            name, way = ("localhost", None) if straight else (NAME, at(proxy))
            for _ in range(3):
                async with client(trust, way, f"https://{name}:{there[1]}") as origin:
                    if run is asyncio.run:
                        with pytest.raises(Unavailable):
                            await post(origin)
                    else:  # uvloop hands it over behind the question, where nobody can tell it from an answer
                        with contextlib.suppress(Unavailable):
                            assert (await post(origin)).body == b"bad"

    calm(run, flow)


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 140), max_size=10), no=st.booleans())
async def test_it_does_not_matter_in_which_pieces_the_proxys_answer_comes(cuts: list[int], *, no: bool) -> None:
    whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\nX-A: 1\r\n\r\n"
    if not no:
        whole = whole.replace(b"403 No", b"200 OK") + b"x"  # so that it ends here, and not in TLS
    places = [0, *sorted(min(cut, len(whole) - 1) for cut in cuts), len(whole)]
    pieces = tuple(whole[start:end] for start, end in itertools.pairwise(places))
    async with small_proxy(SmallProxy(says=pieces)) as proxy:
        error = await refused(proxy, NOBODY)
    assert error.code in ({"Proxy403"} if no else {"ProxyNoAnswer", "Unreachable"})


NOISE = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [STANDS, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n", b"\r\n", b"\n\n", b"Proxy-Authenticate: a\r\n"]
        ),
        st.just(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76"),
    ),
    max_size=8,
)


def test_whatever_a_proxy_sends_ends_in_certainty(run: Run) -> None:
    async def certain(noise: list[bytes]) -> None:
        async with small_proxy(SmallProxy(says=tuple(noise))) as proxy:
            error = await refused(proxy, NOBODY)
        assert len(error.happened + error.to_do) < 500
        assert f"{error.happened}{error.to_do}".isprintable()

    @settings(max_examples=80)
    @given(noise=NOISE)
    def holds(noise: list[bytes]) -> None:
        calm(run, lambda: certain(noise))

    holds()


@pytest.mark.parametrize(
    ("address", "host", "port", "secure"),
    [
        ("http://proxy.example.com:3128", "proxy.example.com", 3128, False),
        ("http://proxy.example.com:3128/", "proxy.example.com", 3128, False),
        ("proxy.example.com:3128", "proxy.example.com", 3128, False),
        ("//proxy.example.com:3128", "proxy.example.com", 3128, False),
        ("localhost:3128", "localhost", 3128, False),
        ("proxy.example.com", "proxy.example.com", 80, False),
        ("https://proxy.example.com", "proxy.example.com", 443, True),
        ("HTTPS://Proxy.example.com", "proxy.example.com", 443, True),
        ("http://[2001:db8::1]:3128", "2001:db8::1", 3128, False),
        ("http://192.0.2.1:3128", "192.0.2.1", 3128, False),
        ("http://jo:pw@proxy.example.com:3128", "proxy.example.com", 3128, False),
        ("jo:pw@proxy.example.com:3128", "proxy.example.com", 3128, False),
    ],
)
def test_the_address_of_a_proxy_is_read_as_botocore_reads_it(
    address: str, host: str, port: int, *, secure: bool
) -> None:
    read = read_proxy(address)
    assert (read.host, read.port, read.secure) == (host, port, secure)
    assert bool(read.authorization) is ("jo:pw@" in address)


def test_a_password_that_is_no_utf_8_goes_as_its_bytes() -> None:
    assert read_proxy("http://jo:\udcff@proxy.example.com").authorization == "Basic " + b64encode(b"jo:\xff").decode()
    assert read_proxy("http://jo:%C3%BC@proxy.example.com").authorization == "Basic am86w7w="


async def test_a_name_beyond_ascii_is_asked_for_as_dns_writes_it(trust: Trust) -> None:
    async with (
        small_proxy(SmallProxy(says=(b"HTTP/1.1 403 No\r\n\r\n",))) as proxy,
        client(trust, at(proxy), "https://bücher.test") as origin,
    ):
        with pytest.raises(Unavailable):
            await origin.post("/", {}, b"", seconds=5)
    assert proxy.heads[0].startswith(b"CONNECT xn--bcher-kva.test:443 HTTP/1.1\r\n")


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert read_proxy("http://[2001:db8::1]:3128").where == "[2001:db8::1]:3128"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("socks5://jo:s3cret@proxy.example.com:1080", "kind socks5"),
        ("http://", "not the address"),
        ("http://jo:s3cret@", "not the address"),
        ("http://jo:s3cret@proxy.example.com:port", "not the address"),
        ("http://jo:s3cret@proxy.example.com:99999", "not the address"),
        ("http://jo:12/s3cret@proxy.example.com:3128", "not the address"),
        ("http://jo:12#s3cret@proxy.example.com:3128", "not the address"),
        ("http://jo:12?s3cret@proxy.example.com:3128", "not the address"),
        ("http://jo:s3cret@pro xy.example.com", "not the address"),
        ("http://jo:s3cret@a..b", "not the address"),
        ("http://jo:s3cret@[::1", "not the address"),
        ("http://jo:s3cret@" + "a" * 70 + ".example.com", "not the address"),
        ("http://j%3Ao:s3cret@proxy.example.com", "holds a colon"),
    ],
)
def test_what_is_no_proxy_is_one_line_that_does_not_quote_it(address: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_proxy(address, variable="https_proxy")
    whole = f"{caught.value.happened} {caught.value.to_do}"
    assert says in whole
    assert "https_proxy" in caught.value.happened
    assert "s3cret" not in whole


@given(
    address=st.one_of(
        st.text(st.characters(), max_size=40), st.from_regex(r"(http|socks5|)(://|)[a-z:@/%.#]{0,30}", fullmatch=True)
    )
)
def test_any_text_is_a_proxy_or_a_configuration_error(address: str) -> None:
    try:
        read = read_proxy(address)
    except ConfigError:
        return
    assert read.host
    assert 0 <= read.port < 65_536
    assert read.where.isascii()


@pytest.mark.parametrize(
    ("values", "schemes"),
    [
        (('Basic realm="a, NTLM b"',), ("basic",)),
        (("Negotiate, NTLM",), ("negotiate", "ntlm")),
        (('Digest realm="x", nonce="y", Basic realm="\\"z, w"', "Basic"), ("digest", "basic")),
        (("",), ()),
        (("<script>, =, a=b",), ()),
    ],
)
def test_the_schemes_that_a_proxy_asks_for_are_read(values: tuple[str, ...], schemes: tuple[str, ...]) -> None:
    assert asked_schemes(*values) == schemes
