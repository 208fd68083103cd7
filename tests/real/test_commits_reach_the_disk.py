"""Sees with strace that nothing is said to be accepted before the kernel was asked to bring it to the disk.

For each acceptance: between the one before and its announcement lies an fsync or fdatasync, returned with 0, of the
database's write-ahead log. What the disk does with that request is beyond what a test can see.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, os, sys
from datetime import UTC, datetime
from sendworthy.audit.profile import Stream
from sendworthy.store import Store
from sendworthy.store.values import NewDelivery, NewMessage

async def main():
    store = await Store.open(sys.argv[1], now=lambda: datetime.now(UTC), new_id=lambda: "id")
    os.write(1, b"OPEN\\n")
    for n in range(10):
        delivery = NewDelivery(id=f"m{n}-0", recipient="a@example.org", key="a@example.org")
        await store.accept(NewMessage(id=f"m{n}", access_key_id="K", stream=Stream.TRANSACTIONAL,
            mail_from="s@example.com", subject="", raw=b"Hi", deliveries=(delivery,)))
        os.write(1, b"ACCEPTED %d\\n" % n)
    await store.close()

asyncio.run(main())
"""


@pytest.mark.real
def test_every_acceptance_is_announced_after_a_sync_of_the_log(tmp_path: Path) -> None:
    assert shutil.which("strace"), "apt-get install strace"
    trace = tmp_path / "trace"
    asked = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=fsync,fdatasync,write"]
    program = [sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path / 's.db'}"]
    subprocess.run([*asked, *program], check=True, timeout=60, stdout=subprocess.PIPE)
    syncs, announced = 0, []
    for line in trace.read_text().splitlines():
        if re.search(r"f(data)?sync\(\d+<[^>]*s\.db-wal>\)\s+= 0", line) or re.search(
            r"f(data)?sync resumed>\)\s+= 0", line
        ):
            syncs += 1
        elif '"ACCEPTED ' in line:
            announced.append(syncs)
            syncs = 0
        elif '"OPEN' in line:
            syncs = 0
    assert len(announced) == 10
    assert min(announced) >= 1
