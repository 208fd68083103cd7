from __future__ import annotations

import asyncio
from typing import cast

from sendworthy.app.patient_http import OneWrite


class Wire(asyncio.Transport):
    """Keeps what is written, piece by piece, and says when it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.written.append(b"closed")


async def turn() -> None:
    """Let the loop go round once."""
    gone_round = asyncio.Event()
    asyncio.get_running_loop().call_soon(gone_round.set)
    await gone_round.wait()


async def test_what_is_written_in_one_turn_of_the_loop_is_one_write() -> None:
    wire = Wire()
    together = OneWrite(wire, asyncio.get_running_loop())
    together.write(b"HTTP/1.1 200 OK\r\n\r\n")
    together.write(b"")
    together.write(b"body")
    assert wire.written == []
    await turn()
    together.write(b"next")
    await turn()
    assert wire.written == [b"HTTP/1.1 200 OK\r\n\r\nbody", b"next"]


async def test_what_was_written_goes_out_before_the_connection_is_closed() -> None:
    wire = Wire()
    together = OneWrite(wire, asyncio.get_running_loop())
    together.write(b"a promise")
    together.close()
    await turn()
    assert wire.written == [b"a promise", b"closed"]


async def test_it_is_a_transport_in_everything_else() -> None:
    together = cast("asyncio.Transport", OneWrite(Wire(), asyncio.get_running_loop()))
    assert together.get_extra_info("peername") == ("127.0.0.1", 1)
