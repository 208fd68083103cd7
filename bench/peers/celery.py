"""Celery on Redis with boto3: the queue that many teams build for themselves, as durable as it can be made.

Redis flushes its log before it answers (appendfsync always), a task is acknowledged when it is done, each worker
process keeps its client. Celery has an environment of its own, made once in a folder that is the bench's to remove.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_passed import Passed
from bench.gateway_processes import CannotRun, line, processor_seconds, running, say, told
from bench.gateway_up import SesStub

PACKAGE = "redis-server"
PINNED = ("celery[redis]==5.7.0", "redis==8.1.0", "boto3==1.44.5")
CONCURRENCIES = (2, 3, 4)
_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 60
_INSTALL_SECONDS = 180
_TRIAL = 400


def cache_folder() -> Path:
    """Name the folder that holds the peer's environment between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sendworthy-bench"


def forget_cache() -> None:
    """Remove the peer's environment."""
    shutil.rmtree(cache_folder(), ignore_errors=True)


def lacking() -> str:
    """Say why Celery cannot be run here; empty when it can be tried."""
    if shutil.which("redis-server") is None:
        return f"redis-server not found: apt-get install {PACKAGE}, or --install"
    return ""


def python(requirements: tuple[str, ...] = PINNED) -> Path:
    """Give the Python of the peer's environment, made when it is first needed. Raises CannotRun."""
    name = hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()[:16]
    folder = cache_folder() / f"celery-{name}"
    found = folder / "bin" / "python"
    if (folder / "complete").exists():
        return found
    forget_cache()  # and with it what older requirements left there
    venv.create(folder, with_pip=True)
    command = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotRun(f"pip did not install Celery within {_INSTALL_SECONDS} s") from None
    if done.returncode:
        errors = [text for text in done.stderr.splitlines() if text.startswith("ERROR")]
        raise CannotRun(f"pip could not install Celery: {' '.join(errors)[:300] or f'status {done.returncode}'}")
    (folder / "complete").touch()
    return found


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A running Redis, and what a worker and a producer need to use it."""

    python: Path
    folder: Path
    ses: SesStub
    redis: int
    environment: dict[str, str]

    def best(self, *, first: int, size: int) -> int:
        """Give the number of worker processes with which a short trial went fastest."""
        trials = {}
        for place, processes in enumerate(CONCURRENCIES):
            start = first + place * 10 * _TRIAL
            trials[processes] = self.through(processes=processes, first=start, count=_TRIAL, size=size).rate
        return max(trials, key=lambda processes: trials[processes])

    def through(self, *, processes: int, first: int, count: int, size: int) -> Passed:
        """Send `count` messages numbered from `first` with so many worker processes, which are warm by then."""
        with self._worker(processes) as worker:
            self.ses.forget()
            self._produce(first + count, processes * 4, size)
            self.ses.await_calls(processes * 4)
            self.ses.forget()
            used, sunk = self._used(worker), processor_seconds(self.ses.process)
            sent = self._produce(first, count, size)
            arrived = self.ses.await_calls(count)
            each = 1e6 / count
            return Passed(
                accepted=count,
                missing=max(0, count - arrived["distinct"]),
                twice=arrived["twice"],
                seconds=arrived["last_at"] - sent["began"],
                accept_seconds=sent["ended"] - sent["began"],
                own_micros=(self._used(worker) - used) * each,
                sender_micros=sent["processor_seconds"] * each,
                sink_micros=(processor_seconds(self.ses.process) - sunk) * each,
            )

    def _used(self, worker: int) -> float:
        return processor_seconds(worker) + processor_seconds(self.redis)

    def _produce(self, first: int, count: int, size: int) -> dict[str, float]:
        settings = json.dumps({"first": first, "count": count, "size": size})
        command = [str(self.python), "-m", "bench.peers.celery_app", settings]
        with running(command, environment=self.environment, folder=_ROOT, log=sys.stderr.fileno()) as process:
            line(process)
            say(process)
            return told(process)

    @contextmanager
    def _worker(self, processes: int) -> Iterator[int]:
        command = [str(self.python), "-m", "celery", "-A", "bench.peers.celery_app", "worker", "--loglevel", "WARNING"]
        command += ["--concurrency", str(processes), "--pool", "prefork"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        log = (self.folder / "worker.log").open("ab")
        with log, running(command, environment=self.environment, folder=_ROOT, log=log) as process:
            yield process.pid


@contextmanager
def queue(folder: Path, ses: SesStub) -> Iterator[Queue]:
    """Run Redis in `folder` for the time of the block. Raises CannotRun."""
    if words := lacking():
        raise CannotRun(words)
    own = python()
    folder.mkdir(parents=True)
    door = folder / "redis.sock"
    settings = {
        "port": "0",
        "unixsocket": str(door),
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "logfile": str(folder / "redis.log"),
    }
    command = ["redis-server", *(word for name, value in settings.items() for word in (f"--{name}", value))]
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ} | {
        "HOME": str(folder),
        "C_FORCE_ROOT": "1",
        "BENCH_BROKER": f"redis+socket://{door}",
        "BENCH_SES": ses.url,
        "AWS_ACCESS_KEY_ID": "AKIABENCH00000000001",
        "AWS_SECRET_ACCESS_KEY": "made/up/secret/for/loopback/only/000000000",
    }
    with running(command, folder=folder) as redis:
        _await(door)
        yield Queue(python=own, folder=folder, ses=ses, redis=redis.pid, environment=environment)


def _await(door: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(door))
            except OSError as error:
                if time.monotonic() > until:
                    raise CannotRun(f"Redis does not listen: {error}") from error
                time.sleep(0.05)
            else:
                return
