"""A small authoritative DNS server, UDP and TCP: in the running loop, or in a thread. What it answers is `zones`'."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import cast

from sendworthy.errors import ConfigError
from sendworthy.simulator.world.zones import Trouble, Zones, respond

__all__ = ["Trouble", "Zones", "answering", "serving"]


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, because uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = respond(self._zones, data, by_udp=True)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


async def _tcp(zones: Zones, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 7766: length-prefixed messages, several to a connection."""
    try:
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = respond(zones, await reader.readexactly(size), by_udp=False)
            if answer is None:
                await reader.read()  # silence until the asker gives up
                break
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def serving(zones: Zones, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Answer on one port by UDP and TCP in the running loop; yields `HOST:PORT`. Raises ConfigError without a port."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_tcp(zones, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        server, transport = await _bound(zones, accept, host, port)
    except OSError as error:
        # asyncio says it at length; a name that is not known has a negative number and words of its own
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigError(f"Cannot answer DNS on {host}:{port}: {why}.", "Choose another address or port.") from error
    try:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        transport.close()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bound(
    zones: Zones, accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], host: str, port: int
) -> tuple[asyncio.Server, asyncio.DatagramTransport]:
    """Bind one port by TCP and UDP. Port 0 is drawn by TCP; where somebody else holds it by UDP, draw again."""
    loop = asyncio.get_running_loop()
    draws = 1 if port else 20
    while True:
        draws -= 1
        server = await asyncio.start_server(accept, host, port)
        drawn = int(server.sockets[0].getsockname()[1])
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(zones), local_addr=(host, drawn))
        except OSError:
            server.close()
            if not draws:
                raise
        else:
            return server, transport


@contextmanager
def answering(zones: Zones | Mapping[str, str], *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Answer from a thread of its own; yields `HOST:PORT`. `zones` may be origin -> zone file."""
    served = zones if isinstance(zones, Zones) else Zones()
    if not isinstance(zones, Zones):
        for origin, text in zones.items():
            served.put(origin, text)
    ready: list[str] = []
    failure: list[BaseException] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        try:
            async with serving(served, host=host, port=port) as address:
                ready.append(address)
                started.set()
                await stop.wait()
        except ConfigError as error:
            failure.append(error)
            started.set()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="sendworthy-dns", daemon=True)
    thread.start()
    started.wait()
    if failure:
        thread.join()
        raise failure[0]
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
