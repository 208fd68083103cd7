from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAITING = """
import asyncio, signal, sys
from sendworthy.cli.main import end_by_sigterm_too
from sendworthy.cli.show import wait_for

async def flow():
    try:
        print("begun", flush=True)  # within: the signal may come before the next line
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print("undone", flush=True)

if sys.argv[1] == "background":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
end_by_sigterm_too()
try:
    wait_for(flow())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("where", ["foreground", "background"])
def test_sigterm_ends_a_command_as_an_interruption_does(where: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING, where], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert out.split() == ["undone", "interrupted"]
