"""Lets the writers of one SQLite file take turns, whichever processes they are in. Knows no SQL.

SQLite alone makes a writer that comes too late sleep and try again, ever longer, while the one that holds the lock
takes it anew as soon as it has let go: of two busy processes one starves. Here whoever waits is next, and for no longer
than it takes. It is a courtesy and no protection: SQLite's own lock still keeps writers apart, so a program that knows
nothing of turns does no harm.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

_LOOK_SECONDS = 0.0002


class Turns:
    """A writer's place among all writers of the file at `path`; a context manager for one transaction.

    Two lock files stand beside the database: who holds the first is next, who holds the second writes. To write again,
    the writer must become next first, and cannot while another one is. Both locks (flock(2)) end with their process.
    After `most_seconds` the turn is taken all the same: SQLite then says what is wrong. Raises OSError.
    """

    def __init__(self, path: Path, *, most_seconds: float) -> None:
        self._next = _opened(path, ".next")
        try:
            self._writes = _opened(path, ".turn")
        except OSError:
            os.close(self._next)
            raise
        self._most_seconds = most_seconds

    def __enter__(self) -> None:
        until = time.monotonic() + self._most_seconds
        if _take(self._next, until):
            _take(self._writes, until)
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        fcntl.flock(self._writes, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the lock files."""
        os.close(self._next)
        os.close(self._writes)


def _opened(path: Path, ending: str) -> int:
    lock = os.open(path.with_name(path.name + ending), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:  # as SQLite does with its own files, so that a command run by root locks out nobody
        owner = path.stat()
        os.fchown(lock, owner.st_uid, owner.st_gid)
    return lock


def _take(lock: int, until: float) -> bool:
    """Take a lock, looking again and again: flock cannot be told to wait for a time only."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True
