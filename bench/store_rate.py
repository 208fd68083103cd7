"""Several gateway-and-worker processes on one PostgreSQL at SES's rate: all of it is used, and it is never exceeded.

`python -m bench store-rate --rate 1000 --processes 3 --seconds 20`. The SES at the other end is a stub that counts each
call and throttles, as SES does, what exceeds the rate and the allowed burst in any second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped] # it ships no types

from sendworthy.pacing.governor import Policy
from tests.postgres import a_database, a_server

_WORKER = Path(__file__).with_name("store_rate_worker.py")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`used` is the share of the allowed rate; `most` the busiest second at SES, of which `allowed` was the bound.

    `most_granted` is the busiest second of permits by the database's clock, `granted_bound` what the governor promises:
    unlike what arrives at SES, it does not depend on how busy this machine is.
    """

    rate: float
    used: float
    throttles: int
    most: int
    allowed: float
    most_granted: int
    granted_bound: float
    calls: int
    twice: int
    seconds: float


class Ses(asyncio.Protocol):
    """One connection of the stub; `stub` is shared."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each call that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            status, answer = self._stub.take(body)
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer))


class Stub:
    """Counts calls and throttles what is beyond `allowed` in any second."""

    def __init__(self, allowed: float) -> None:
        self.allowed = allowed
        self.at: list[float] = []
        self.throttles = 0
        self.tags: set[bytes] = set()
        self.twice = 0
        self._second: deque[float] = deque()

    def take(self, body: bytes) -> tuple[bytes, bytes]:
        """Take a call, or throttle it."""
        now = time.monotonic()
        while self._second and self._second[0] <= now - 1:
            self._second.popleft()
        if len(self._second) + 1 > self.allowed:
            self.throttles += 1
            return (
                b"429 Too Many Requests\r\nx-amzn-ErrorType: TooManyRequestsException",
                b'{"message":"Maximum sending rate exceeded."}',
            )
        self._second.append(now)
        self.at.append(now)
        tag = body.partition(b'"sendworthy-delivery"')[2][:80]
        self.twice += tag in self.tags
        self.tags.add(tag)
        return b"200 OK", b'{"MessageId":"ses-%d"}' % len(self.at)

    def measured(self, rate: float, warm: float, seconds: float, starts: list[float]) -> Measured:
        """Judge the calls of `seconds` that begin `warm` after the first."""
        start = self.at[0] + warm
        within = bisect_left(self.at, start + seconds) - bisect_left(self.at, start)
        most = _busiest_second(self.at)
        return Measured(
            rate=rate,
            used=within / seconds / rate,
            throttles=self.throttles,
            most=most,
            allowed=self.allowed,
            most_granted=_busiest_second(starts),
            granted_bound=rate + 1 + rate * Policy().burst_seconds,
            calls=len(self.at),
            twice=self.twice,
            seconds=seconds,
        )


def _busiest_second(moments: list[float]) -> int:
    return max(index - bisect_left(moments, at - 1) for index, at in enumerate(moments, start=1))


async def measure(rate: float, seconds: float, processes: int, warm: float = 1.0, *, bursts: float = 2.0) -> Measured:
    """Run the processes for `warm` and then `seconds`, with more mail waiting than can go in that time.

    `bursts` of the governor's are what the stub allows in a second beyond the rate: one is the governor's own, as much
    again is what the way to SES may bunch together. SES tolerates short bursts.
    """
    allowed = rate + 1 + bursts * rate * Policy().burst_seconds
    stub = Stub(allowed)
    server = await asyncio.get_running_loop().create_server(lambda: Ses(stub), "127.0.0.1", 0, backlog=1024)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with a_server(shared_buffers="128MB", max_wal_size="2GB") as postgres:
        url = await a_database(postgres)
        each = int(rate * (seconds + warm + 3) * 1.1 / processes) + 5
        settings = json.dumps({"url": url, "endpoint": endpoint, "rate": rate, "messages": each})
        workers = [
            await asyncio.create_subprocess_exec(sys.executable, str(_WORKER), settings, stdin=PIPE, stdout=PIPE)
            for _ in range(processes)
        ]
        try:
            await asyncio.gather(*(_ready(worker) for worker in workers))
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write(b"go\n")
            await asyncio.sleep(warm + seconds + 1.5)
        finally:
            await asyncio.gather(*(_stop(worker) for worker in workers))
            server.close()
        starts = await _starts(url)
    return stub.measured(rate, warm, seconds, starts)


async def _starts(url: str) -> list[float]:
    """Give when each attempt was permitted, in seconds by the database's clock."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT started_at FROM attempts ORDER BY started_at")
    finally:
        await connection.close()
    return [row[0] / 1_000_000 for row in rows]


async def _ready(worker: Process) -> None:
    assert worker.stdout is not None
    line = await asyncio.wait_for(worker.stdout.readline(), 120)
    assert line == b"ready\n", "a worker did not start"


async def _stop(worker: Process) -> None:
    try:
        await asyncio.wait_for(worker.communicate(b"stop\n"), 30)
    except TimeoutError:
        worker.kill()
        await worker.wait()


def run(words: Sequence[str] = ()) -> int:
    """Measure as the command line asks, and print one line of JSON."""
    parser = argparse.ArgumentParser(description="Several processes on PostgreSQL at SES's rate.")
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=3)
    asked = parser.parse_args(list(words))
    found = asyncio.run(measure(asked.rate, asked.seconds, asked.processes))
    print(json.dumps({name: getattr(found, name) for name in Measured.__annotations__}))
    return 0 if found.used >= 0.99 and not found.throttles and found.most <= found.allowed else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
