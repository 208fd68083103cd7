"""uvicorn's HTTP/1.1 protocol with a bound on heads, which it has not: in bytes, and in the time they take to come.

Without one, whoever reaches a door could hold its connections with requests that never begin or never end, or fill the
memory with headers. Bodies are bounded by whoever reads them; the rest of one that was answered before its end is not
waited for much longer. Knows no request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Seconds from the connection, or from the first byte of a further request, to the end of its head; and its bytes.

    As many seconds has the rest of a body that was answered before its end: the client may be reading only after it.
    64 KB hold any header, and a presigned address, that SDKs write.
    """

    seconds: float = 20.0
    most_bytes: int = 64 * 1024


class OneWrite:
    """A transport that writes at once what is written in one turn of the loop.

    uvicorn writes the head of an answer and then its body: two system calls, and two segments on the wire.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write before the loop waits again."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Write what is held, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class PatientHttp(HttpToolsProtocol):
    """One connection. What is too large or too slow is told so, and closed."""

    heads = Heads()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._late: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first head."""
        super().connection_made(cast("asyncio.Transport", OneWrite(transport, self.loop)))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._head_came()
        self._rest_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is still coming must not grow for ever."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if self._late is None:  # most heads come whole, and need no timer
            self._await_head()
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.heads.most_bytes:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Wait for the end of this head."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Stop waiting for it."""
        self._in_head = False
        self._head_came()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Give the rest of the request its time, if there is more of it."""
        if self.cycle.more_body and self._rest is None:
            self._rest = self.loop.call_later(self.heads.seconds, self.transport.close)
        super().on_response_complete()

    def on_message_complete(self) -> None:
        """Stop waiting for the rest."""
        self._rest_came()
        super().on_message_complete()

    def _rest_came(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._late = self.loop.call_later(self.heads.seconds, self._too_late)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        if self._answering:  # a promise may be on its way to this client: it comes first
            self._await_head()
        else:
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        self._head_came()
        if self.transport.is_closing():
            return
        if not self._answering:  # or this would be taken for that answer
            self.transport.write(b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
        self.transport.close()

    @property
    def _answering(self) -> bool:
        """Whether an earlier request of this connection waits for its answer."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete


def bounded(heads: Heads) -> type[PatientHttp]:
    """Give the protocol under other bounds."""
    return type("PatientHttp", (PatientHttp,), {"heads": heads})
