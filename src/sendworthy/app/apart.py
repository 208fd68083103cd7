"""The worker in a process of its own beside the doors: how it is started, woken, told to stop, and missed when it dies.

A process of Python uses one core. With the worker apart, taking mail and sending it use one each (decision 0081). The
two share the database and a socket pair: a byte says that something was accepted, its end says to stop. So a worker
whose parent was killed stops too, when what is on the wire is answered. Knows no mail and no store.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from sendworthy.errors import ConfigError, Unavailable

_PIECE = 4096
_WOKEN = b"w"
_TOLD_AS_WELL = frozenset({0, -signal.SIGINT, -signal.SIGTERM, 130})
"""How the worker ends when it is told to; otherwise than with 0 where the signal comes before it is ready for one."""

_BOTH_SECONDS = 1.0


class WorkerApart:
    """The worker's process as the doors' process sees it. Make it within a running loop.

    `command` starts the worker; the number of an inherited file descriptor is put behind it. What is accepted before
    `run` wakes nobody: a worker that starts looks by itself.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._way: socket.socket | None = None
        self._waking = False

    def wake(self) -> None:
        """Say that something was accepted; what is said in one turn of the loop is one byte."""
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._waking = False
        if self._way is not None:
            # It is full of such bytes, and the worker will look; or the worker has ended, and `run` says so.
            with suppress(OSError):
                self._way.send(_WOKEN)

    async def run(self, stop: asyncio.Event) -> None:
        """Run the worker's process until `stop`, then until what it has on the wire is answered.

        Raises Unavailable when it ends in failure, or untold: whoever watches the program must start it again.
        """
        self._way, theirs = socket.socketpair()
        self._way.setblocking(False)
        with self._way, theirs:
            process = await asyncio.create_subprocess_exec(
                *self._command, str(theirs.fileno()), pass_fds=(theirs.fileno(),)
            )
            theirs.close()
            ended, stopping = asyncio.ensure_future(process.wait()), asyncio.ensure_future(stop.wait())
            try:
                await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not stopping.done():  # or a signal to both has come, and has reached the other one first
                    await asyncio.wait((stopping,), timeout=_BOTH_SECONDS)
            finally:
                stopping.cancel()
                self._way.close()
                code = await process.wait()
        if not stop.is_set() or code not in _TOLD_AS_WELL:
            raise Unavailable(
                f"The worker's process {_ending(code)}.",
                "Its own words stand above, if it had any. What was accepted is kept and goes out at the next start.",
            )


class Parent:
    """The doors' process as the worker's sees it: the other end of the socket pair. Raises ConfigError for none."""

    def __init__(self, number: int) -> None:
        try:
            self._socket = socket.socket(fileno=number)
        except OSError as error:
            raise ConfigError(
                f"There is no process at file descriptor {number}.", "`sendworthy up` gives --under by itself."
            ) from error
        self._socket.setblocking(False)

    def heed(self, wake: Callable[[], object], stop: asyncio.Event) -> None:
        """From now on call `wake` when something was accepted, and set `stop` when the other process stops or dies."""
        loop = asyncio.get_running_loop()

        def heard() -> None:
            try:
                said = self._socket.recv(_PIECE)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if said:
                wake()
                return
            loop.remove_reader(self._socket)
            self._socket.close()
            stop.set()

        loop.add_reader(self._socket, heard)


def _ending(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
