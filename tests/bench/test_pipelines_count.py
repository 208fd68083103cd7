"""Each rig counts messages that arrived: what is lost, doubled or refused on the way is seen."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import gateway_http, gateway_smtp
from bench.gateway import by_turns
from bench.gateway_backlog import on_sqlite
from bench.gateway_passed import Passed, together
from bench.gateway_processes import CannotRun, line, running, say, stub, told
from bench.gateway_report import Report
from bench.gateway_up import Gateway, SesStub, gateway, ses_stub
from bench.peers.postfix import Counter


@pytest.fixture(scope="module")
def ses() -> Iterator[SesStub]:
    with ses_stub() as stub:
        yield stub


def test_the_real_gateway_loses_and_doubles_nothing_through_either_door(ses: SesStub, tmp_path: Path) -> None:
    with gateway(ses, tmp_path) as own:
        by_http = gateway_http.measure(own, ses, first=0, count=60, size=1_000, lines=4)
        by_smtp = gateway_smtp.measure(own, ses, first=100, count=60, size=1_000, lines=4)
        assert own.megabytes > 10
    for passed in (by_http, by_smtp):
        assert (passed.accepted, passed.missing, passed.twice, passed.not_accepted) == (60, 0, 0, "")
        assert passed.seconds >= 0
        assert passed.rate > 0
        assert passed.sender_micros > 0
    assert ses.told()["calls"] == 60


class Careless(asyncio.Protocol):
    """A gateway that says 200 to everything, passes on most of it, one message never and one twice."""

    def __init__(self, onward: asyncio.WriteTransport, seen: list[bytes]) -> None:
        self._onward = onward
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, _, body = self._buffer.partition(b"\r\n\r\n")
        if body and len(body) >= int(head.rpartition(b"content-length: ")[2]):
            whole, self._buffer = self._buffer, b""
            self._seen.append(whole)
            refused = len(self._seen) == 8
            self._onward.write(whole * {3: 0, 5: 2, 8: 0}.get(len(self._seen), 1))
            status = b"503 Slow Down" if refused else b"200 OK"
            self._transport.write(b"HTTP/1.1 %b\r\ncontent-length: 2\r\n\r\n{}" % status)


@contextmanager
def careless(ses: SesStub) -> Iterator[Gateway]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)

    async def start() -> tuple[asyncio.Server, asyncio.WriteTransport]:
        port = int(ses.url.rpartition(":")[2])
        onward, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        seen: list[bytes] = []
        return await loop.create_server(lambda: Careless(onward, seen), "127.0.0.1", 0), onward

    thread.start()
    server, onward = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield Gateway(url=url, smtp="", key_id="AK", secret="s", smtp_password="", process=os.getpid())
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(onward.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.run_until_complete(server.wait_closed())
        loop.close()


def test_what_a_gateway_accepts_and_loses_or_doubles_is_harm(ses: SesStub) -> None:
    with careless(ses) as own:
        passed = gateway_http.measure(own, ses, first=0, count=20, size=500, lines=1)
    assert (passed.accepted, passed.not_accepted, passed.missing, passed.twice) == (19, "1 503", 1, 1)
    report = Report(pipelines={"http": passed})
    assert report.harm == ["HTTP in, SES HTTP out: 1 lost, 1 doubled, of 19"]
    assert "LOST OR DOUBLED" in "\n".join(report.words())


def passed(accepted: int, **more: float) -> Passed:
    return Passed(**({"accepted": accepted, "missing": 0, "twice": 0, "seconds": 1.0} | _MICROS | more))  # type: ignore[arg-type] # a mix of ints and floats


_MICROS = {"accept_seconds": 1.0, "own_micros": 100.0}


def test_runs_are_summed_by_their_messages_and_harm_of_the_warming_up_is_kept() -> None:
    turns = iter([passed(10, missing=1), passed(300, own_micros=100.0), passed(100, own_micros=300.0, seconds=3.0)])
    found = by_turns({"http": (lambda _: next(turns), lambda _: next(turns))}, 2, {})["http"]
    assert (found.accepted, found.rate, found.own_micros, found.missing) == (400, 100.0, 150.0, 1)
    assert together([]).rate == 0


def test_a_peer_that_stops_half_way_is_named_and_the_others_go_on() -> None:
    def breaks(_: int) -> Passed:
        raise CannotRun("it fell over")

    not_measured: dict[str, str] = {}
    fine = (lambda _: passed(1), lambda _: passed(2))
    found = by_turns({"http": fine, "postfix": (fine[0], breaks)}, 3, not_measured)
    assert (list(found), found["http"].accepted) == (["http"], 6)
    assert not_measured == {"postfix": "it fell over"}
    assert "not measured: postfix: it fell over" in Report(pipelines=found, not_measured=not_measured).words()


def test_a_machine_that_was_busy_is_told_of() -> None:
    assert "load 3.2" in "\n".join(Report(load=3.2).words())
    assert "load" not in "\n".join(Report(load=0.1).words())


def test_the_count_of_smtp_sink_is_read_as_it_is_printed() -> None:
    with running(["printf", r"sess=1 quit=0 mesg=1\rsess=1 quit=0 mesg=27\rsess=2 quit=1 mesg=27\r"]) as process:
        counter = Counter(process)
        counter.await_messages(27)
        assert counter.messages == 27
        assert counter.last_at > 0
        counter.joined()


class Picky(asyncio.Protocol):
    """An SMTP server that refuses the recipient r1, and the text of r3."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport, self._buffer, self._to, self._text = transport, b"", b"", False
        transport.write(b"220 picky\r\n")

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\r\n")
        for text in lines:
            if reply := self._reply(text):
                self._transport.write(reply + b"\r\n")

    def _reply(self, text: bytes) -> bytes:
        if self._text:
            self._text = text != b"."
            to, self._to = self._to, self._to if self._text else b""
            return b"" if self._text else b"452 full" if to == b"r3" else b"250 ok"
        match text[:4]:
            case b"EHLO":
                return b"250-picky\r\n250 PIPELINING"
            case b"RCPT":
                refused = text.startswith(b"RCPT TO:<r1@")
                self._to = b"" if refused else text[9:].partition(b"@")[0]
                return b"550 no" if refused else b"250 ok"
            case b"DATA":
                self._text = bool(self._to)
                return b"354 go" if self._to else b"554 nobody"
            case _:
                return b"250 ok"


async def test_the_smtp_sender_tells_refusals_apart_and_goes_on_after_them() -> None:
    server = await asyncio.get_running_loop().create_server(Picky, "127.0.0.1", 0)

    def sent(port: int) -> dict[str, object]:
        settings = {"port": port, "first": 0, "count": 6, "size": 400, "lines": 2}
        with stub("bench.stubs.smtp_sender", **settings) as process:
            assert line(process) == "ready"
            say(process)
            return told(process)

    async with server:
        found = await asyncio.to_thread(sent, server.sockets[0].getsockname()[1])
    assert found["accepted"] == 4
    assert found["not_accepted"] == {"550": 1, "452": 1}


def test_the_backlog_is_copied_whole_and_claimed_from(tmp_path: Path) -> None:
    found = on_sqlite(tmp_path, 500, rounds=1, each=100)
    assert (found.waiting, found.short) == (500, 0)
    assert found.megabytes > 10
    assert found.times == pytest.approx(found.wall[1] / found.wall[0])
    assert on_sqlite(tmp_path / "less", 150, rounds=1, each=100).short == 50


def run(*words: str, path: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "gateway", *words]
    environment = {"PATH": path, "HOME": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_missing_program_is_named_with_its_command_and_is_no_failure(tmp_path: Path) -> None:
    done = run("--only", "postfix", "--only", "celery", path=str(tmp_path))
    assert done.returncode == 0, done.stderr
    closing = [text for text in done.stdout.splitlines() if text.startswith("not measured: ")]
    assert closing == [
        "not measured: postfix: postfix, smtp-source, smtp-sink not found: apt-get install postfix, or --install",
        "not measured: celery: redis-server not found: apt-get install redis-server, or --install",
    ]


def test_a_bench_that_is_ended_ends_what_it_started() -> None:
    command = [sys.executable, "-m", "bench", "gateway", "--only", "idle", "--seconds", "300"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as bench:
        started: list[str] = []
        while len(started) < 2:  # the stub SES and the gateway
            assert bench.poll() is None
            children = Path(f"/proc/{bench.pid}/task/{bench.pid}/children").read_text("ascii").split()
            started = [one for one in children if b"\0up\0" in _command(one) or b"stubs.ses" in _command(one)]
        bench.terminate()
        assert bench.wait(60) == 130
        assert bench.stderr is not None
        assert "has been ended" in bench.stderr.read()
    assert not [one for one in started if _command(one)]


def _command(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_count_of_nothing_is_refused(tmp_path: Path) -> None:
    done = run("--messages", "0", path=str(tmp_path))
    assert done.returncode == 2
    assert "at least 1" in done.stderr
