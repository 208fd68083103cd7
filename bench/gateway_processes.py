"""Processes of the gateway's benchmark: started apart, asked for their processor time, and ended by their ids."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_END_SECONDS = 20
_SILENT_SECONDS = 240
"""A program of the bench that says nothing for so long hangs."""

_TICKS = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).parents[1]


class CannotRun(Exception):
    """A rig that cannot be set up here, and what would make it possible; named in the closing lines."""


class Interrupts:
    """SIGINT and SIGTERM end the bench as Ctrl-C does: once, and never while a program has started half way.

    An interruption in the middle of a start would leave a program behind that nobody knows of; a second one, while
    everything is being ended, would leave the rest.
    """

    def __init__(self) -> None:
        self._heard = self._starting = self._put_off = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Turn both signals into one KeyboardInterrupt for the time of the block."""
        self._heard = self._put_off = False
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, *_: object) -> None:
        if not self._heard:
            self._heard, self._put_off = True, self._starting
            if not self._starting:
                raise KeyboardInterrupt

    def start(self, starting: Callable[[], subprocess.Popen[str]]) -> subprocess.Popen[str]:
        """Start a program whole; `check` when it is known raises what was put off."""
        self._starting = True
        try:
            return starting()
        finally:
            self._starting = False

    def check(self) -> None:
        """Raise the KeyboardInterrupt that was put off."""
        if self._put_off:
            self._put_off = False
            raise KeyboardInterrupt


INTERRUPTS = Interrupts()
"""Signals are the process's, and so is this."""


@contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    log: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program in a session of its own, so that Ctrl-C reaches the bench alone; ended with the block."""
    process = INTERRUPTS.start(
        lambda: subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=dict(environment) if environment is not None else None,
            cwd=folder or _ROOT,
            start_new_session=True,
        )
    )
    try:
        INTERRUPTS.check()
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a program: politely, and then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@contextmanager
def stub(module: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """Run one of our stubs with its settings."""
    with running([sys.executable, "-m", module, json.dumps(settings)], log=sys.stderr.fileno()) as process:
        yield process


def line(process: subprocess.Popen[str]) -> str:
    """Read one line of what a program says. Raises CannotRun when it ended instead, or is silent for too long."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], _SILENT_SECONDS)[0]:
        raise CannotRun(f"{_name(process)} said nothing for {_SILENT_SECONDS} s")
    text = process.stdout.readline()
    if not text:
        raise CannotRun(f"{_name(process)} ended with status {process.wait(_END_SECONDS)}")
    return text.strip()


def _name(process: subprocess.Popen[str]) -> str:
    words = [str(word) for word in process.args] if isinstance(process.args, list) else [str(process.args)]
    return words[2] if words[1:2] == ["-m"] else Path(words[0]).name


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read one line of JSON."""
    found: dict[str, Any] = json.loads(line(process))
    return found


def say(process: subprocess.Popen[str], word: str = "go") -> None:
    """Write one line to a program."""
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def processor_seconds(process: int) -> float:
    """Processor time of a process and all that descend from it, those that have ended included.

    What ended is counted by its parent when it is waited for, so this never goes back while the parents live.
    """
    return sum(_own_seconds(each) for each in family(process))


def _own_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


def family(process: int) -> list[int]:
    """Give a process and all its descendants that live."""
    found = [process]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text("ascii").split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def resident_megabytes(process: int) -> float:
    """Resident memory of a process and all that descend from it; what several share is counted in parts (Pss)."""
    return sum(_own_megabytes(each) for each in family(process))


def _own_megabytes(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(text.split()[1]) / 1024 for text in lines if text.startswith("Pss:"))
