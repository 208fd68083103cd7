"""SIGKILL while real clients send through the gateway and the gateway sends to SES; then start again, and count."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path

from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from tests.journeys.customers import Customers, admin, put_in_production, read_back

PROGRAM = Path(__file__).with_name("gateway_process.py")
KEY_ID, SECRET = "AKSWJOURNEY", "made-up"


async def start(database: Path, simulator: Endpoints) -> tuple[Process, str]:
    environment = os.environ | {
        "AWS_ENDPOINT_URL": simulator.http,
        "AWS_ACCESS_KEY_ID": DEFAULT_CALLER.access_key_id,
        "AWS_SECRET_ACCESS_KEY": DEFAULT_CALLER.secret_access_key,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(database), KEY_ID, SECRET, stdin=PIPE, stdout=PIPE, env=environment
    )
    assert process.stdout is not None
    word, port = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
    assert word == "ready"
    return process, f"http://127.0.0.1:{port}"


async def test_killed_while_sending_nothing_is_lost_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    database = tmp_path / "sendworthy.db"
    answered: set[str] = set()
    with running(Settings(world=False)) as simulator:
        await asyncio.to_thread(put_in_production, simulator.http)
        for life, kill_after in enumerate((15, 40, 70)):
            process, endpoint = await start(database, simulator)
            customers = Customers(endpoint, KEY_ID, SECRET, first=life * 1000)
            sending = asyncio.create_task(customers.send(80, kill_after=kill_after))
            await asyncio.wait_for(customers.reached.wait(), 30)
            process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
            await sending
            assert customers.cut <= 8, "only what was on the wire at the kill may lack its id"
            answered |= customers.answered
        process, _ = await start(database, simulator)
        out, _ = await asyncio.wait_for(process.communicate(b"finish\n"), 60)
        assert (process.returncode, out.decode().strip()) == (0, "done")
        outbox = await asyncio.to_thread(admin, simulator.http, "outbox?limit=10000")
    status, messages = read_back(database)
    times = Counter(message["tags"]["sendworthy-delivery"][0] for message in outbox)
    assert answered <= messages
    assert len(answered) >= 15 + 40 + 70
    assert set(status.values()) <= {"sent", "uncertain"}
    assert max(times.values()) == 1
    assert {delivery for delivery, word in status.items() if word == "sent"} <= set(times)
    assert set(times) <= set(status)
    assert Counter(status.values())["sent"] > 50
