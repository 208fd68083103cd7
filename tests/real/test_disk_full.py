"""A file system that is really full, under `sendworthy up` while boto3 sends through it; and then it has room again.

The file system is a small one in memory, mounted where only the program sees it: that needs Linux's user namespaces.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from tests.journeys.conftest import free_port
from tests.journeys.customers import Customers, admin, put_in_production

_APART = ["unshare", "--user", "--map-root-user", "--mount"]
_MOUNTED = 'mount -t tmpfs -o size=320m,mode=700 tmpfs "$0" && cd "$0" && exec "$@"'
_SENDWORTHY = [sys.executable, "-m", "sendworthy"]
_FULL = "The disk that holds the database is full"
_LETTER = "All work and no play. " * 1_000
_MOST_ROUNDS = 20
"""The look at the disk, once a second, may be faster than the disk is filled; then it is tried again."""


class Program:
    """`sendworthy up` on the small disk, and how to get there beside it."""

    def __init__(self, process: subprocess.Popen[str], environ: dict[str, str], folder: Path) -> None:
        self.process = process
        self.environ = environ
        self.url = f"http://{environ['SENDWORTHY_GATEWAY_HTTP']}"
        self._folder = folder
        self._seen = Path(f"/proc/{process.pid}/root{folder}")

    def run(self, *words: str) -> Any:
        """Run a command beside it. Not by way of /proc, which SQLite would resolve to a file outside."""
        there = ["nsenter", f"--target={self.process.pid}", "--user", "--mount", "--preserve-credentials"]
        command = [*there, "sh", "-c", 'cd "$0" && exec "$@"', str(self._folder), *_SENDWORTHY, *words, "--json"]
        return json.loads(
            subprocess.run(command, env=self.environ, stdout=subprocess.PIPE, check=True, timeout=60).stdout
        )

    def deliveries(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.run("messages", "list", "--limit", "10000")["deliveries"]
        return found

    def fill(self) -> Path:
        """Leave not a byte."""
        ballast = self._seen / "ballast"
        with ballast.open("wb", buffering=0) as file:
            disk = os.statvfs(self._seen)
            with suppress(OSError):  # others write meanwhile
                os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize)
            file.seek(0, os.SEEK_END)
            for piece in (bytes(1 << 20), bytes(1 << 12)):
                with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                    file.writelines(repeat(piece))
        return ballast


@contextmanager
def up(folder: Path, simulator: str) -> Iterator[Program]:
    mine = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "SENDWORTHY_"))}
    environ = mine | {
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": simulator,
        "AWS_ACCESS_KEY_ID": DEFAULT_CALLER.access_key_id,
        "AWS_SECRET_ACCESS_KEY": DEFAULT_CALLER.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SENDWORTHY_GATEWAY_HTTP": f"127.0.0.1:{free_port()}",
        "SENDWORTHY_GATEWAY_SMTP": f"127.0.0.1:{free_port()}",
    }
    command = [*_APART, "sh", "-c", _MOUNTED, str(folder), *_SENDWORTHY, "up"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("The gateway listens" in line for line in process.stderr), "it did not start"
            yield Program(process, environ, folder)
        finally:
            process.kill()


async def some_sent(customers: Callable[..., Customers]) -> set[str]:
    """Send until the look at the disk, once a second, has seen that there is room again."""
    one = customers(first=0)
    while not one.answered:
        one = customers(first=0)
        await one.send(1, kill_after=1)
    return one.answered


@pytest.mark.real
async def test_a_full_disk_is_told_and_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    if await asyncio.to_thread(lambda: subprocess.run([*_APART, "true"], capture_output=True, check=False).returncode):
        pytest.skip("this machine lets nobody mount a file system of his own (user namespaces)")
    with running(Settings(world=False)) as simulator:
        await asyncio.to_thread(put_in_production, simulator.http)
        with up(tmp_path, simulator.http) as program:
            key = await asyncio.to_thread(program.run, "keys", "create", "shop", "--stream", "transactional")
            customers = partial(Customers, program.url, key["access_key_id"], key["secret_access_key"])
            answered: set[str] = set()
            refused: list[str] = []
            for number in range(_MOST_ROUNDS):
                these = customers(first=number * 10_000, text=_LETTER)
                sending = asyncio.create_task(these.send(10_000, kill_after=20))
                async with asyncio.timeout(60):
                    await these.reached.wait()
                    ballast = await asyncio.to_thread(program.fill)
                    await these.turned_away.wait()
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                ballast.unlink()
                answered |= these.answered
                refused += these.refused
                if any(_FULL in one for one in refused):
                    break
                await some_sent(customers)
            assert any(_FULL in one for one in refused), refused
            async with asyncio.timeout(60):
                answered |= await some_sent(customers)
                found = await asyncio.to_thread(program.deliveries)
                while any(one["status"] != "sent" for one in found):
                    found = await asyncio.to_thread(program.deliveries)
            program.process.terminate()
            assert await asyncio.to_thread(program.process.wait, 30) == 0
        outbox = await asyncio.to_thread(admin, simulator.http, "outbox?limit=10000")
    times = Counter(message["tags"]["sendworthy-delivery"][0] for message in outbox)
    assert answered <= {one["message_id"] for one in found}
    assert set(times) == {one["id"] for one in found}
    assert max(times.values()) == 1
