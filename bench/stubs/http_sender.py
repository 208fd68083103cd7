"""A lean application: `python -m bench.stubs.http_sender '{...}'` hands mail to a gateway by SES v2, on kept lines.

The requests are signed before the clock starts, so that a client's signing is not measured against the gateway; each is
of its own, as an SDK would have made it. Prints `ready`, waits for a line, sends all, and prints what it was answered.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.stubs.mail import SENDER, message, recipient
from sendworthy.wire.http import Request
from sendworthy.wire.sigv4 import Credentials, sign, signing_key

_PATH = "/v2/email/outbound-emails"


def requests(url: str, keys: Credentials, *, region: str, numbers: range, size: int, now: datetime) -> list[bytes]:
    """Write and sign a SendEmail for each number."""
    host, key = urlsplit(url).netloc, signing_key(keys.secret_access_key, f"{now:%Y%m%d}", region, "ses")
    made = []
    for number in numbers:
        body = json.dumps(
            {
                "FromEmailAddress": SENDER,
                "Destination": {"ToAddresses": [recipient(number)]},
                "Content": {"Raw": {"Data": base64.b64encode(message(number, size)).decode()}},
            }
        ).encode()
        headers = {
            "host": host,
            "content-type": "application/json",
            "amz-sdk-invocation-id": f"00000000-0000-4000-8000-{number:012d}",
        }
        request = Request(method="POST", path=_PATH, query="", headers=headers, body=body)
        headers |= sign(request, credentials=keys, region=region, service="ses", now=now, key=key)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        made.append(f"POST {_PATH} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return made


class Line(asyncio.Protocol):
    """One kept connection: the next request goes when the last one is answered."""

    def __init__(self, waiting: list[bytes], statuses: Counter[str]) -> None:
        self._waiting = waiting
        self._statuses = statuses
        self._buffer = b""
        self._transport: Any = None
        self.asked = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = transport

    def ask(self) -> None:
        """Send what is next; the line has ended when nothing is."""
        self.asked = bool(self._waiting)
        if self.asked:
            self._transport.write(self._waiting.pop())
        elif not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Count an answer that is whole."""
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end >= 0:
            at = buffer.find(b"content-length:", 0, end)
            length = int(buffer[at + 15 : buffer.index(b"\r\n", at)]) if at >= 0 else 0
            if len(buffer) >= end + 4 + length:
                self._statuses[buffer[9:12].decode()] += 1
                buffer = b""
                self.ask()
        self._buffer = buffer

    def connection_lost(self, _: Exception | None) -> None:
        """Count a request whose answer was lost."""
        if self.asked:
            self._statuses["lost"] += 1
        if not self.ended.done():
            self.ended.set_result(None)


async def main(
    *, url: str, key_id: str, secret: str, region: str, first: int, count: int, size: int, lines: int
) -> None:
    """Send `count` messages numbered from `first` on `lines` connections."""
    keys, numbers = Credentials(key_id, secret), range(first, first + count)
    waiting = requests(url, keys, region=region, numbers=numbers, size=size, now=datetime.now(UTC))[::-1]
    at, statuses, loop = urlsplit(url), Counter[str](), asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Line(waiting, statuses), at.hostname or "", at.port or 80)
        for _ in range(lines)
    ]
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    began, used = time.monotonic(), time.process_time()
    for _, line in made:
        line.ask()
    await asyncio.gather(*(line.ended for _, line in made))
    ended, used = time.monotonic(), time.process_time() - used
    accepted = statuses.pop("200", 0)
    told = {"began": began, "ended": ended, "accepted": accepted, "not_accepted": statuses, "processor_seconds": used}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(main(**json.loads(sys.argv[1])))
