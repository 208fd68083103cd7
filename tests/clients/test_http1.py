from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendworthy.clients.http1 import MOST_BODY_BYTES, Origin, Reply
from sendworthy.errors import ConfigError, SendworthyError, Unavailable, Uncertain

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server on loopback that follows a script on each connection, and counts connections."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections = 0
        self.url = ""
        self.tasks: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        try:
            await self.script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def peer(script: Script) -> AsyncIterator[Peer]:
    made = Peer(script)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in filter(None, made.tasks):
            task.cancel()
        await asyncio.gather(*filter(None, made.tasks), return_exceptions=True)
        await server.wait_closed()


async def request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


def answering(*pieces: bytes, then_close: bool = False) -> Script:
    """Answer every request with the same pieces, each written by itself."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if then_close:
                return

    return script


async def post(origin: Origin, body: bytes = b"{}", *, seconds: float = 5) -> Reply:
    return await origin.post("/x", {"host": origin.host, "content-type": "application/json"}, body, seconds=seconds)


async def test_a_request_arrives_as_written_and_the_connection_serves_the_next() -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await request(reader))
            writer.write(OK)

    async with peer(script) as server:
        origin = Origin(server.url)
        for number in range(3):
            assert await post(origin, b"%d" % number) == Reply(200, {"content-length": "2"}, b"ok")
        await origin.close()
    assert [body for _, body in seen] == [b"0", b"1", b"2"]
    assert (
        seen[0][0]
        == (
            f"POST /x HTTP/1.1\r\nhost: {origin.host}\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n"
        ).encode()
    )
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    ],
    ids=["chunked", "100 first", "103 first"],
)
async def test_every_way_to_write_an_answer_is_read(answer: bytes) -> None:
    async with peer(answering(answer)) as server:
        origin = Origin(server.url)
        replies = [await post(origin) for _ in range(2)]
        await origin.close()
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"ok")] * 2
    assert "link" not in replies[0].headers
    assert server.connections == 1


async def test_an_answer_may_end_with_its_connection() -> None:
    async with peer(answering(b"HTTP/1.1 503 Busy\r\n\r\nlat", b"er", then_close=True)) as server:
        origin = Origin(server.url)
        assert await post(origin) == Reply(503, {}, b"later")
        assert await post(origin) == Reply(503, {}, b"later")
        await origin.close()
    assert server.connections == 2


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [b"HTTP/1.1 200 OK\r\nContent-Le"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"],
        [b"220 mail.example.com ESMTP\r\n"],
        [b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
    ],
    ids=["nothing", "cut head", "cut body", "cut chunks", "no HTTP", "another protocol", "two lengths", "interim only"],
)
async def test_no_whole_answer_is_uncertain(pieces: list[bytes]) -> None:
    async with peer(answering(*pieces, then_close=True)) as server:
        origin = Origin(server.url)
        with pytest.raises(Uncertain) as caught:
            await post(origin)
        await origin.close()
    assert caught.value.code == "AnswerLost"
    assert server.connections == 1


async def test_an_answer_that_does_not_come_is_uncertain_in_time_and_its_connection_is_not_used_again() -> None:
    async with peer(answering()) as server:
        origin = Origin(server.url)
        for _ in range(2):
            with pytest.raises(Uncertain) as caught:
                await post(origin, seconds=0.05)
            assert caught.value.code == "Timeout"
        await origin.close()
    assert server.connections == 2


async def test_nobody_listening_is_certainly_not_sent() -> None:
    async with peer(answering(OK)) as server:
        pass
    origin = Origin(server.url)
    with pytest.raises(Unavailable) as caught:
        await post(origin)
    assert caught.value.code == "Unreachable"
    await origin.close()


async def test_a_peer_that_speaks_no_tls_is_certainly_not_sent() -> None:
    async with peer(answering(OK)) as server:
        origin = Origin(server.url.replace("http", "https"), connect_seconds=1)
        with pytest.raises(Unavailable):
            await post(origin)
        await origin.close()


async def test_what_comes_unasked_is_nobodys_answer() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK + OK.replace(b"200 OK", b"500 No"))
        await request(reader)
        writer.write(OK)

    async with peer(script) as server:
        origin = Origin(server.url)
        assert [(await post(origin)).status for _ in range(3)] == [200, 200, 200]
        await origin.close()
    assert server.connections == 3


async def test_a_kept_connection_that_the_peer_has_closed_is_not_used() -> None:
    async with peer(answering(OK, then_close=True)) as server:
        origin = Origin(server.url)
        assert (await post(origin)).status == 200
        await asyncio.gather(*filter(None, server.tasks))  # the peer has closed
        assert (await post(origin)).status == 200
        await origin.close()
    assert server.connections == 2


async def test_a_goodbye_that_the_loop_has_not_seen_yet_is_seen_all_the_same() -> None:
    said_goodbye = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()  # in time, or the thread ends
                with connection:
                    asked = b""
                    while not asked.endswith(b"{}"):
                        asked += connection.recv(4096)
                    connection.sendall(OK)
                said_goodbye.set()

        thread = threading.Thread(target=serve)
        thread.start()
        origin = Origin(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert (await post(origin)).status == 200
        said_goodbye.wait()  # the loop stands still meanwhile, and so does not hear of it
        assert (await post(origin)).status == 200
        await origin.close()
        thread.join()


async def test_a_connection_that_was_idle_for_long_is_closed_and_not_used() -> None:
    gone = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        await reader.read()
        gone.set()

    async with peer(script) as server:
        origin = Origin(server.url, idle_seconds=0.05)
        assert (await post(origin)).status == 200
        async with asyncio.timeout(5):
            await gone.wait()  # by itself, though nothing more is asked
        assert (await post(origin)).status == 200
        await origin.close()
    assert server.connections == 2


async def test_no_more_connections_than_allowed() -> None:
    now = most = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        while True:
            await request(reader)
            now += 1
            most = max(most, now)
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
            now -= 1
            writer.write(OK)

    async with peer(script) as server:
        origin = Origin(server.url, connections=3)
        replies = await asyncio.gather(*(post(origin) for _ in range(30)))
        await origin.close()
    assert {reply.status for reply in replies} == {200}
    assert server.connections <= 3
    assert most <= 3


async def test_a_cancelled_wait_leaves_no_answer_for_the_next() -> None:
    asked = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await request(reader)
        asked.set()
        if body == b"second":
            writer.write(OK)
        await reader.read()

    async with peer(script) as server:
        origin = Origin(server.url)
        first = asyncio.create_task(post(origin, b"first"))
        await asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await post(origin, b"second")).body == b"ok"
        await origin.close()
    assert server.connections == 2


async def test_an_endless_body_is_cut_at_its_bound_and_an_endless_head_is_lost() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 200_000
    async with peer(answering(long)) as server:
        origin = Origin(server.url)
        assert len((await post(origin)).body) == MOST_BODY_BYTES
        assert len((await post(origin)).body) == MOST_BODY_BYTES
        await origin.close()
    assert server.connections == 2
    async with peer(answering(b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n" * 1000] * 20)) as server:
        origin = Origin(server.url)
        with pytest.raises(Uncertain):
            await post(origin)
        await origin.close()


async def test_an_answer_before_the_whole_request_was_read_ends_the_connection() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK.replace(b"200 OK", b"413 Large"))
        await writer.drain()
        await asyncio.Event().wait()

    async with peer(script) as server:
        origin = Origin(server.url)
        assert [(await post(origin, b"x" * 20_000_000)).status for _ in range(2)] == [413, 413]
        await origin.close()
    assert server.connections == 2


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nx: y", "a\rb"])
async def test_a_header_cannot_become_two(value: str) -> None:
    async with peer(answering(OK)) as server:
        origin = Origin(server.url)
        with pytest.raises(ValueError, match="line break"):
            await origin.post("/x", {"host": origin.host, "x-token": value}, b"", seconds=1)
        await origin.close()
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com", "http://", "http://h:99999", "http://h:x", "http://["]
)
async def test_what_is_no_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        Origin(url)


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 120), max_size=12))
async def test_it_does_not_matter_in_which_pieces_an_answer_comes(cuts: list[int]) -> None:
    chunked = b"HTTP/1.1 400 No\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]
    async with peer(answering(*pieces)) as server:
        origin = Origin(server.url)
        reply = await post(origin)
        await origin.close()
    assert (reply.status, reply.headers["x-a"], reply.body) == (400, "1", b"abcd")


@settings(max_examples=100)
@given(
    noise=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [
                    OK,
                    b"HTTP/1.1 200 OK\r\n",
                    b"Content-Length: 5\r\n",
                    b"\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"0\r\n",
                ]
            ),
        ),
        max_size=8,
    )
)
async def test_whatever_a_peer_sends_ends_in_an_answer_or_in_doubt(noise: list[bytes]) -> None:
    async with peer(answering(*noise, then_close=True)) as server:
        origin = Origin(server.url)
        for _ in range(2):
            with contextlib.suppress(SendworthyError):
                reply = await post(origin)
                assert 200 <= reply.status < 1000
        await origin.close()
    assert server.connections in (1, 2)
