"""Kills a sending process at each point of a message's way, three times, and counts what is left."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

POINTS = (
    "accept.before_commit",
    "accept.after_commit",
    "claim.permits_taken",
    "claim.attempts_recorded",
    "claim.before_commit",
    "claim.after_commit",
    "wire.before",
    "wire.after",
    "answer.before_commit",
    "answer.after_commit",
)
LIFE = Path(__file__).with_name("life.py")


@asynccontextmanager
async def an_ses() -> AsyncIterator[tuple[str, Counter[str]]]:
    """Takes every message, and counts them by our tag."""
    taken: Counter[str] = Counter()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                assert base64.b64decode(body["Content"]["Raw"]["Data"])
                [tag] = [tag["Value"] for tag in body["EmailTags"] if tag["Name"] == "sendworthy-delivery"]
                taken[tag] += 1
                answer = json.dumps({"MessageId": f"ses-{tag}"}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", taken
    finally:
        server.close()
        await asyncio.gather(*filter(None, serving))
        await server.wait_closed()


async def a_life(database: Path, endpoint: str, point: str, visit: int, life: str) -> tuple[int | None, set[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(LIFE), str(database), endpoint, point, str(visit), life, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, set(out.decode().split())


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_there_loses_nothing_and_repeats_nothing(tmp_path: Path, point: str) -> None:
    database = tmp_path / "s.db"
    answered: set[str] = set()
    async with an_ses() as (endpoint, taken):
        for visit in (1, 2, 3):
            code, told = await a_life(database, endpoint, point, visit, f"life{visit}")
            assert code == -signal.SIGKILL
            answered |= told
        code, told = await a_life(database, endpoint, "never", 1, "life4")
        assert code == 0
        answered |= told
    left = sqlite3.connect(database)
    try:
        status = dict(left.execute("SELECT id, status FROM deliveries"))
        ledger = left.execute("SELECT delivery_id, was, became FROM ledger ORDER BY id").fetchall()
        open_attempts = left.execute("SELECT count(*) FROM attempts WHERE answered_at IS NULL").fetchone()[0]
        integrity = left.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        left.close()
    assert answered <= set(status)
    assert set(status.values()) <= {"sent", "uncertain"}
    assert max(taken.values()) == 1
    assert {delivery for delivery, word in status.items() if word == "sent"} <= set(taken)
    assert {delivery for delivery in taken if status[delivery] != "sent"} <= {
        delivery for delivery, word in status.items() if word == "uncertain"
    }
    # Only what was in flight may be in doubt: at most a batch of four for each death.
    assert Counter(status.values())["uncertain"] <= 12
    last: dict[str, str] = {}
    for delivery, was, became in ledger:
        assert last.get(delivery, "") == was
        last[delivery] = became
    assert last == status
    assert (open_attempts, integrity) == (0, "ok")
