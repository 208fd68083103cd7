"""The simulator's state in one file: what is kept of a run, and how it is put back. Knows no door.

The file is replaced whole, by rename and after fsync, so that a crash leaves the state before or the state after and
never half of one. Between two writings nothing is kept: a crash loses what was done since the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sendworthy.errors import ConfigError
from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.kept import NotKept, Reading, Writing
from sendworthy.simulator.state import Simulation
from sendworthy.simulator.world.zones import Trouble, Zones

_FORMAT = "sendworthy simulator state 1"
# What a run is given, not what it remembers.
_GIVEN = frozenset({"new_id", "callers", "outbox_limit", "burst_seconds", "outlets", "observe"})
_SHORTEST_PAUSE_SECONDS = 0.25
_PAUSE_PER_WORK = 10  # writing takes at most a tenth of the time

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class StateFile:
    """Keeps a simulation in a file. `changed` is to be set by whoever may have changed anything."""

    path: Path
    sim: Simulation
    clock: SimulatedClock
    zones: Zones
    changed: asyncio.Event

    def load(self, *, wall: datetime) -> bool:
        """Put back what the file holds; False when there is no file yet. Raises ConfigError for one that is not ours.

        The clock goes on from where it stood, by what it would have gained at its factor since.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}.", "Give another --state.") from error
        try:
            self._put_back(msgspec.json.decode(text), wall)
        except (msgspec.DecodeError, NotKept, LookupError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.path} is no state of this simulator: {error}.",
                "Give another --state, or move the file away to start anew.",
            ) from error
        return True

    def text(self, *, wall: datetime) -> bytes:
        """Return the whole state as JSON."""
        writing = Writing()
        fields = [each.name for each in dataclasses.fields(self.sim) if each.name not in _GIVEN]
        kept = {
            "format": _FORMAT,
            "written": wall.isoformat(),
            "now": self.clock.now().isoformat(),
            "factor": self.clock.factor,
            "zones": {origin: self.zones.text(origin) for origin in self.zones.origins()},
            "troubles": self.zones.troubles(),
            "simulation": {name: writing.plain(getattr(self.sim, name)) for name in fields},
        }
        return msgspec.json.encode(kept)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other simulators off the file. Raises ConfigError when one has it, or when it cannot be written."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            with lock.open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
        except BlockingIOError as error:
            raise ConfigError(
                f"Another simulator keeps its state in {self.path}.", "Stop it, or give another --state."
            ) from error
        except OSError as error:
            raise ConfigError(f"{lock} cannot be written: {error.strerror}.", "Give another --state.") from error

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write whenever something changed, and once more at the end. Raises ConfigError when that one fails.

        A failure on the way is logged once and tried again.
        """
        ending = asyncio.Event()
        writing = asyncio.create_task(self._keep(ending))
        try:
            yield
        finally:
            # Not cancelled: a writing that is under way must end before the last one begins.
            ending.set()
            self.changed.set()
            await writing
            try:
                write_whole(self.path, self.text(wall=_wall()))
            except (OSError, NotKept) as error:
                raise ConfigError(f"The state could not be written to {self.path}: {error}.") from error

    async def _keep(self, ending: asyncio.Event) -> None:
        loop, told = asyncio.get_running_loop(), False
        while True:
            await self.changed.wait()
            if ending.is_set():
                return
            self.changed.clear()
            began = loop.time()
            try:
                text = self.text(wall=_wall())
                await asyncio.to_thread(write_whole, self.path, text)
                told = False
            except (OSError, NotKept) as error:
                self.changed.set()
                if not told:
                    _log.warning("the state cannot be written to %s: %s", self.path, error)
                told = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(_SHORTEST_PAUSE_SECONDS, _PAUSE_PER_WORK * (loop.time() - began))):
                    await ending.wait()

    def _put_back(self, kept: Any, wall: datetime) -> None:
        if not isinstance(kept, dict) or kept.get("format") != _FORMAT:
            raise NotKept(f"it does not begin as {_FORMAT!r}")
        reading = Reading()
        # In the order they were written: a later part may refer to a value of an earlier one.
        found = {name: reading.value(plain) for name, plain in kept["simulation"].items()}
        fields = {each.name for each in dataclasses.fields(self.sim)} - _GIVEN
        for name in fields & found.keys():
            setattr(self.sim, name, found[name])
        for origin in self.zones.origins():
            self.zones.remove(origin)
        for origin, text in kept["zones"].items():
            self.zones.put(origin, text)
        for name, trouble in kept["troubles"].items():
            self.zones.trouble(name, Trouble(trouble))
        factor = float(kept["factor"])
        away = max(0.0, (wall - datetime.fromisoformat(kept["written"])).total_seconds())
        self.clock.run_at(factor)
        self.clock.set(datetime.fromisoformat(kept["now"]) + timedelta(seconds=away * factor))


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that a crash leaves the old one or the new one. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    with contextlib.suppress(OSError):  # not every file system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def noted(answer: T | Awaitable[T], changed: asyncio.Event) -> T | Awaitable[T]:
    """Set `changed` once an answer is there, whether it is so already or has to be awaited."""
    if not isinstance(answer, Awaitable):
        changed.set()
        return answer

    async def later(awaited: Awaitable[T]) -> T:
        result = await awaited
        changed.set()
        return result

    return later(answer)


def _wall() -> datetime:
    return datetime.now().astimezone()
