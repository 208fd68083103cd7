"""One thread that writes, and commits what is queued together. Knows no table and no statement.

A commit costs one fsync whatever it holds. While one runs, more work queues up; the next takes it all. Each piece of
work runs under a savepoint, so that its failure undoes only itself; its caller hears of it only after the commit.
"""

from __future__ import annotations

import asyncio
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from sendworthy.errors import StoreUnavailable
from sendworthy.store.faults import Fault, translate
from sendworthy.store.sqlite.connect import BUSY_SECONDS, connect, create, driver, take_lock
from sendworthy.store.sqlite.turns import Turns

T = TypeVar("T")

_GROUP = 256
"""The most pieces of work in one commit."""

_LEAST_FREE_BYTES = 256 * 1024 * 1024
"""With less free on the disk no mail is accepted, so that what was accepted can still be answered for."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    name: str
    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


_Outcome = tuple[_Job, Any, Exception | None]


class SqliteEngine:
    """The Engine of `sqlite:///` urls. `exclusive` takes the file's lock for the life of this object.

    With less than `least_free_bytes` on the disk it is `crowded`.
    """

    def __init__(self, path: Path, *, exclusive: bool, fault: Fault, least_free_bytes: int = _LEAST_FREE_BYTES) -> None:
        self._path = path
        self._fault = fault
        self.exclusive = exclusive
        self.least_free_bytes = least_free_bytes
        create(path)
        self._lock = take_lock(path) if exclusive else None
        with ExitStack() as undo:
            if self._lock:
                undo.callback(self._lock.close)
            self._turns = _turns(path)
            undo.callback(self._turns.close)
            with self._turns:  # SQLite waits for nobody while it turns a new file's journal to WAL: it fails at once
                self._connection = connect(path, readonly=False)
            undo.pop_all()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._looked_at = -_LOOK_SECONDS
        self._crowded = ""
        self._local = threading.local()
        self._readers: list[Connection] = []
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store-read")
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    @property
    def shared(self) -> bool:
        """One process sends by a SQLite file."""
        return False

    @property
    def ahead(self) -> timedelta:
        """This machine's clock is the only one."""
        return timedelta()

    @property
    def crowded(self) -> str:
        """Why nothing more should be accepted now: the disk is nearly full. Looked at once a second."""
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            try:
                free = shutil.disk_usage(self._path.parent).free
            except OSError:
                free = 0
            self._crowded = "" if free >= self.least_free_bytes else "The disk that holds the database is nearly full."
        return self._crowded

    async def write(self, name: str, work: Callable[[Connection], T]) -> T:
        """Run `work` in the writer thread and return after its commit. Raises StoreUnavailable."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        loop = asyncio.get_running_loop()
        job = _Job(name, work, loop, loop.create_future())
        self._jobs.put(job)
        return cast("T", await job.future)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a reader thread, over one snapshot. Raises StoreUnavailable."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    async def close(self) -> None:
        """Finish what is queued, then close every connection and let go of the lock."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._pool.shutdown)
        for connection in (*self._readers, self._connection):
            connection.close()
        self._turns.close()
        if self._lock:
            self._lock.close()

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = connect(self._path, readonly=True)
                self._local.connection = connection
                self._readers.append(connection)
            own = driver(connection)
            own.execute("BEGIN")
            try:
                return work(connection)
            finally:
                own.execute("ROLLBACK")
        except Exception as error:
            translated = translate(error)
            if translated is error:
                raise
            raise translated from error

    def _run(self) -> None:
        ending = False
        while not ending:
            job = self._jobs.get()
            jobs: list[_Job] = []
            while job is not None:
                jobs.append(job)
                if len(jobs) == _GROUP:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            else:
                ending = True
            if jobs:
                _tell(self._commit(jobs))

    def _commit(self, jobs: list[_Job]) -> list[_Outcome]:
        with self._turns:
            return self._transact(jobs)

    def _transact(self, jobs: list[_Job]) -> list[_Outcome]:
        own = driver(self._connection)
        try:
            own.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(own, job) for job in jobs]
            for job in jobs:
                self._fault(f"{job.name}.before_commit")
            own.execute("COMMIT")
            for job in jobs:
                self._fault(f"{job.name}.after_commit")
        except Exception as error:  # noqa: BLE001 - whatever it was, every caller in the group must hear of it
            if own.in_transaction:
                own.execute("ROLLBACK")
            failed = translate(error)
            return [(job, None, failed) for job in jobs]
        return outcomes

    def _attempt(self, own: sqlite3.Connection, job: _Job) -> _Outcome:
        own.execute("SAVEPOINT job")
        try:
            result = job.work(self._connection)
        except Exception as error:
            if not own.in_transaction:  # SQLite gave up the whole transaction (disk full, I/O error)
                raise
            own.execute("ROLLBACK TO job")
            own.execute("RELEASE job")
            return job, None, translate(error)
        own.execute("RELEASE job")
        return job, result, None


def _turns(path: Path) -> Turns:
    try:
        return Turns(path, most_seconds=BUSY_SECONDS)
    except OSError as error:
        raise StoreUnavailable(
            f"The lock files beside the database {path.name} cannot be opened: {error.strerror}.",
            "Check that the folder can be written, and by whom.",
        ) from error


def _tell(outcomes: list[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].loop, []).append(outcome)
    for loop, its in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, its)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _resolve(outcomes: list[_Outcome]) -> None:
    for job, result, error in outcomes:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
