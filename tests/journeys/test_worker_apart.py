"""`sendworthy up` in two processes on SQLite: SIGKILL to either while mail goes through, a start anew, and a count."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.gateway_processes import family
from tests.journeys.conftest import Person
from tests.journeys.customers import Customers, admin, put_in_production, read_back


@pytest.fixture
def apart(person: Person) -> Person:
    put_in_production(person.simulator.http)
    person.environ["SENDWORTHY_GATEWAY_WORKER_PROCESS"] = "true"
    return person


async def worker_of(process: subprocess.Popen[str]) -> int:
    await until(lambda: len(family(process.pid)) == 2)
    return family(process.pid)[1]


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not await asyncio.to_thread(true):
            continue


async def sending(person: Person, first: int, *, kill_after: int, kill: Callable[[], None]) -> set[str]:
    key = person.key()
    customers = Customers(person.gateway, key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], first=first)
    sending = asyncio.create_task(customers.send(80, kill_after=kill_after))
    await asyncio.wait_for(customers.reached.wait(), 40)
    kill()
    await sending
    return customers.answered


async def test_either_process_is_killed_and_nothing_is_lost_and_nothing_is_sent_twice(apart: Person) -> None:
    up = apart.start_gateway()
    worker = await worker_of(up)
    answered = await sending(apart, 0, kill_after=20, kill=lambda: os.kill(worker, signal.SIGKILL))
    _, words = await asyncio.to_thread(up.communicate, timeout=40)
    assert up.returncode == 3, "the doors do not go on without a worker"
    assert "worker's process was ended by SIGKILL" in words

    up = apart.start_gateway()
    worker = await worker_of(up)
    answered |= await sending(apart, 1000, kill_after=20, kill=up.kill)
    await asyncio.to_thread(up.wait, 20)
    await until(lambda: gone(worker))

    up = apart.start_gateway()
    database = apart.folder / "sendworthy.db"
    await until(lambda: set(read_back(database)[0].values()) <= {"sent", "uncertain"})
    up.terminate()
    assert await asyncio.to_thread(up.wait, 40) == 0
    status, messages = read_back(database)
    outbox = await asyncio.to_thread(admin, apart.simulator.http, "outbox?limit=10000")
    times = Counter(message["tags"]["sendworthy-delivery"][0] for message in outbox)
    assert answered <= messages
    assert len(answered) >= 40
    assert max(times.values()) == 1
    assert {delivery for delivery, word in status.items() if word == "sent"} <= set(times) <= set(status)


async def test_both_processes_drain(apart: Person) -> None:
    up = apart.start_gateway()
    worker = await worker_of(up)
    await sending(apart, 0, kill_after=1, kill=lambda: None)
    await until(lambda: set(read_back(apart.folder / "sendworthy.db")[0].values()) == {"sent"})
    up.terminate()
    _, words = await asyncio.to_thread(up.communicate, timeout=40)
    assert (up.returncode, words.count("nothing is on the wire")) == (0, 1)
    assert gone(worker)
    found = json.loads(apart.run("messages", "list", "--json", "--limit", "100"))["deliveries"]
    assert {one["status"] for one in found} == {"sent"}
