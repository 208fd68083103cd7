"""A lean SMTP client: `python -m bench.stubs.smtp_sender '{...}'` hands mail to a gateway or a relay on kept lines.

It pipelines as RFC 2920 allows: the text of a message and the envelope of the next go in one piece. It signs in where
it is given a user. Prints `ready`, waits for a line, sends all, and prints what it was answered.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from typing import Any

import uvloop

from bench.stubs.mail import SENDER, message, recipient


class Line(asyncio.Protocol):
    """One connection. `ready` is done when it is greeted and signed in, `ended` when there is no more to send.

    A message that is refused at any step is counted by the reply that refused it, and the next goes.
    """

    def __init__(self, waiting: list[tuple[bytes, bytes]], replies: Counter[str], sign_in: bytes) -> None:
        self._waiting = waiting
        self._replies = replies
        self._opening = [b"EHLO app.example.com\r\n", *([b"AUTH PLAIN " + sign_in + b"\r\n"] if sign_in else [])]
        self._buffer = b""
        self._expected: list[str] = ["greeting"]
        self._text = b""
        self._refused = ""
        self._transport: Any = None
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = transport

    def ask(self) -> None:
        """Begin."""
        self._send(b"", "")
        self._end()

    def _send(self, before: bytes, step: str) -> None:
        """Send what `step` names, the text of a message or a reset, and the envelope of the next in the same piece."""
        self._expected += [step] if step else []
        if self._waiting:
            envelope, self._text = self._waiting.pop()
            before += envelope
            self._expected += ["mail", "rcpt", "data"]
        self._transport.write(before)

    def _end(self) -> None:
        if not self._expected and not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take every reply that is whole."""
        *lines, self._buffer = (self._buffer + data).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-" and self._expected:
                self._take(self._expected.pop(0), line[:3].decode())

    def _take(self, step: str, code: str) -> None:
        match step:
            case "greeting":
                self._open(code)
                return
            case "text":
                self._replies[code] += 1
            case "data" if code == "354":
                self._send(self._text, "text")
            case "data":
                self._replies[self._refused or code] += 1
                self._refused = ""
                self._send(b"RSET\r\n", "reset")
            case "mail" | "rcpt" if not code.startswith("2"):
                self._refused = self._refused or code
            case _:
                pass
        self._end()

    def _open(self, code: str) -> None:
        if code[:1] != "2":
            self.ready.set_exception(ConnectionError(f"answered {code} before any mail"))
        elif self._opening:
            self._transport.write(self._opening.pop(0))
            self._expected.append("greeting")
        else:
            self.ready.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        """Count a message whose reply was lost."""
        self._replies["lost"] += "text" in self._expected
        for future in (self.ready, self.ended):
            if not future.done():
                future.set_result(None)


async def main(*, port: int, first: int, count: int, size: int, lines: int, user: str = "", password: str = "") -> None:
    """Send `count` messages numbered from `first` on `lines` connections."""
    waiting = [
        (
            f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{recipient(number)}>\r\nDATA\r\n".encode(),
            message(number, size) + b".\r\n",
        )
        for number in reversed(range(first, first + count))
    ]
    sign_in = base64.b64encode(f"\0{user}\0{password}".encode()) if user else b""
    replies, loop = Counter[str](), asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Line(waiting, replies, sign_in), "127.0.0.1", port) for _ in range(lines)
    ]
    await asyncio.gather(*(one.ready for _, one in made))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    began, used = time.monotonic(), time.process_time()
    for _, one in made:
        one.ask()
    await asyncio.gather(*(one.ended for _, one in made))
    ended, used = time.monotonic(), time.process_time() - used
    accepted = replies.pop("250", 0)
    told = {"began": began, "ended": ended, "accepted": accepted, "not_accepted": +replies, "processor_seconds": used}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(main(**json.loads(sys.argv[1])))
