"""The memory of a real gateway process while more large uploads come in than it has room for.

`SENDWORTHY_TEST_UPLOADS` x `SENDWORTHY_TEST_MEGABYTES` set a larger flood: 30 x 40 is what a day of attachments may be.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.gateway.test_crowded import Upload, body
from tests.journeys.running_gateway import TRANSACTIONAL, Start, start
from tests.journeys.stub_ses import a_stub_ses

__all__ = ["start"]

MEGABYTE = 1024 * 1024
UPLOADS = int(os.environ.get("SENDWORTHY_TEST_UPLOADS", "30"))
SIZE = int(os.environ.get("SENDWORTHY_TEST_MEGABYTES", "4")) * MEGABYTE
ROOM = 4 * SIZE

PROC = Path("/proc/self/statm")


def resident(pid: int) -> int:
    """Give the bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not PROC.exists(), reason="a process's memory is read from /proc")
async def test_a_flood_of_large_uploads_is_held_to_its_room_and_what_was_answered_is_kept(start: Start) -> None:
    async with a_stub_ses() as ses:
        gateway = await start(ses, room=ROOM)
        pid = gateway.process.pid
        await gateway.send("first@example.org")
        before = resident(pid)
        data = body(SIZE)
        uploads = await asyncio.gather(*(Upload.begin(gateway.url, TRANSACTIONAL, data) for _ in range(UPLOADS)))
        answers = Counter[int]()
        held: list[Upload] = []
        for one in uploads:
            try:
                async with asyncio.timeout(0.2 if held or answers else 2):
                    answers[(await one.answer())[0]] += 1
            except TimeoutError:
                held.append(one)
        during = resident(pid) - before
        answers.update([await one.finish() for one in held])
        for one in uploads:
            one.close()
        after = resident(pid) - before
        assert answers == Counter({200: len(held), 503: UPLOADS - len(held)})
        assert 1 <= len(held) <= ROOM // SIZE
        # Room for what is held, twice while its pieces are joined, and what the allocator keeps.
        assert during < 2 * ROOM + 16 * MEGABYTE < UPLOADS * SIZE, f"{during / MEGABYTE:.0f} MB"
        assert after < 6 * ROOM, f"{after / MEGABYTE:.0f} MB"
        await gateway.finish()
        assert len(ses.taken) == 1 + len(held)
