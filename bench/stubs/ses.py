"""A pretend SES that only counts: `python -m bench.stubs.ses '{...}'` serves until its standard input ends.

It answers SendEmail at once and cheaply, and the few reads a starting gateway makes; whom it was asked to mail is told
at /_sink. It checks no signature, and keeps nothing but addresses.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvloop

_TO = re.compile(rb'"ToAddresses": ?\["([^"]+)"')
_SEND = b"POST /v2/email/outbound-emails "
_ACCOUNT = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": -1.0, "MaxSendRate": 100_000.0, "SentLast24Hours": 0.0},
}
_CALLER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>arn:aws:iam::111122223333:user/bench</Arn><UserId>AIDABENCH</UserId><Account>111122223333</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@dataclass
class Sink:
    """What arrived. Times are the machine's monotonic clock, which its processes share."""

    arrived: Counter[bytes] = field(default_factory=Counter)
    calls: int = 0
    first_at: float = 0.0
    last_at: float = 0.0

    def forget(self) -> None:
        """Begin anew."""
        self.arrived.clear()
        self.calls, self.first_at, self.last_at = 0, 0.0, 0.0

    def told(self) -> dict[str, Any]:
        """Give the counts: `distinct` addresses, and `twice`, how many calls were for one that had its mail."""
        return {
            "calls": self.calls,
            "distinct": len(self.arrived),
            "twice": self.calls - len(self.arrived),
            "first_at": self.first_at,
            "last_at": self.last_at,
            "processor_seconds": time.process_time(),
        }


class Line(asyncio.Protocol):
    """One connection; `sink` is shared."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            length = _length(buffer[:end])
            if len(buffer) < end + 4 + length:
                break
            head, body, buffer = buffer[:end], buffer[end + 4 : end + 4 + length], buffer[end + 4 + length :]
            self._transport.write(self._send(body) if head.startswith(_SEND) else self._other(head, body))
        self._buffer = buffer

    def _send(self, body: bytes) -> bytes:
        sink = self._sink
        found = _TO.search(body)
        if found is None:
            return _answer("400 Bad Request", b'{"message":"no ToAddresses"}')
        sink.arrived[found[1]] += 1
        sink.calls += 1
        sink.last_at = time.monotonic()
        sink.first_at = sink.first_at or sink.last_at
        return _answer("200 OK", b'{"MessageId":"bench-%d"}' % sink.calls)

    def _other(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
        match method, path:
            case b"GET", b"/_sink":
                return _answer("200 OK", json.dumps(self._sink.told()).encode())
            case b"POST", b"/_sink":
                self._sink.forget()
                return _answer("200 OK", b"{}")
            case b"GET", b"/v2/email/account":
                return _answer("200 OK", json.dumps(_ACCOUNT).encode())
            case b"POST", b"/" if b"Action=GetCallerIdentity" in body:
                return _answer("200 OK", _CALLER.encode(), "text/xml")
            case _ if b"AmazonSQS." in head:
                # sendworthy runs without an event queue where the configured one is not there.
                return _answer("400 Bad Request", b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}')
            case _:
                return _answer("404 Not Found", b'{"__type":"NotFoundException","message":"not here"}')


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _answer(status: str, body: bytes, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def serve(certificate: str = "", key: str = "") -> None:
    """Listen on a free port of the loopback address, say which, and serve until standard input ends."""
    sink, tls = Sink(), None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(sink), "127.0.0.1", 0, backlog=1024, ssl=tls)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve(**json.loads(sys.argv[1])))
