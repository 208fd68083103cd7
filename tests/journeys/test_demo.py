"""The demonstration, run as a newcomer runs it; and broken on purpose."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path


def demo(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sendworthy", "demo", "--exit", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
    )


def test_the_whole_road_is_travelled(tmp_path: Path) -> None:
    # Whatever AWS settings and proxies this machine has, the demonstration goes by its own.
    elsewhere = dict.fromkeys(("AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    running = demo("--days=2", f"--keep={tmp_path}", AWS_PROFILE="nobody", NO_PROXY="", **elsewhere)
    out, err = running.communicate(timeout=110)
    assert running.returncode == 0, out + err
    assert err == ""
    for title in ("Look", "Fit out", "Look again", "Rehearse", "Ask", "Send, listen"):
        assert f"] {title}\n" in out
    assert "2,400 accepted" in out
    assert re.search(r"Pace +14 in the busiest second, 1,200 in the fullest 24 hours", out)
    assert re.search(r"later messages to them not sent, 0 sent; 0 messages sent twice", out)
    assert "It says nothing about AWS's decision" in out
    assert (tmp_path / "sendworthy.db").exists()


def test_a_stage_that_does_not_come_out_is_named() -> None:
    running, simulator = demo("--days=1"), 0
    assert running.stdout is not None
    for line in running.stdout:
        if found := re.search(r"Simulator: process (\d+)", line):
            simulator = int(found[1])
        if line.startswith("[4/6] Rehearse"):
            os.kill(simulator, signal.SIGKILL)
            break
    out, err = running.communicate(timeout=110)
    assert running.returncode == 1, out + err
    assert err.startswith("sendworthy: The demonstration failed at «Rehearse»: ")
    assert len(err.splitlines()) == 2
    assert "Summary" not in out
