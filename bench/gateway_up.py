"""A gateway as its user runs it: `sendworthy up` on SQLite on disk, the worker in a process of its own; a stub SES."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gateway_processes import CannotRun, processor_seconds, resident_megabytes, running, stub, told

REGION = "eu-west-1"
_START_SECONDS = 60
_LOOK_SECONDS = 0.2
_CONFIG = """
[ses]
regions = ["eu-west-1"]
domains = ["example.com"]
[gateway]
http = "127.0.0.1:0"
smtp = "127.0.0.1:0"
worker_process = true
[store]
url = "{url}"
"""


@dataclass(frozen=True, kw_only=True)
class SesStub:
    """The stub SES in its process."""

    url: str
    process: int

    def told(self) -> dict[str, Any]:
        """Ask what arrived."""
        with urllib.request.urlopen(f"{self.url}/_sink", timeout=30) as answer:  # noqa: S310 - our stub on loopback
            found: dict[str, Any] = json.load(answer)
        return found

    def forget(self) -> None:
        """Begin to count anew."""
        request = urllib.request.Request(f"{self.url}/_sink", data=b"", method="POST")  # noqa: S310 - likewise
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - likewise

    def await_calls(self, wanted: int, *, still_seconds: float = 10.0) -> dict[str, Any]:
        """Wait until so many calls have come and no more follow, or none has for `still_seconds`; what arrived then."""
        last, since = -1, time.monotonic()
        while True:
            found = self.told()
            if found["calls"] != last:
                last, since = found["calls"], time.monotonic()
            elif last >= wanted or time.monotonic() - since > still_seconds:
                return found
            time.sleep(_LOOK_SECONDS)


@contextmanager
def ses_stub(**settings: object) -> Iterator[SesStub]:
    """Run a stub SES of its own."""
    with stub("bench.stubs.ses", **settings) as process:
        yield SesStub(url=f"http://127.0.0.1:{told(process)['port']}", process=process.pid)


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A running gateway: its doors, a key of its own, and the process."""

    url: str
    smtp: str
    key_id: str
    secret: str
    smtp_password: str
    process: int

    @property
    def processor_seconds(self) -> float:
        """Processor time so far."""
        return processor_seconds(self.process)

    @property
    def megabytes(self) -> float:
        """Resident memory now."""
        return resident_megabytes(self.process)


@contextmanager
def gateway(ses: SesStub, folder: Path, *, store: str = "") -> Iterator[Gateway]:
    """Run `sendworthy up` in a folder of its own. `store` is its database, SQLite in that folder if empty."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "sendworthy.toml"
    config.write_text(_CONFIG.format(url=store or f"sqlite:///{folder / 'sendworthy.db'}"))
    environment = _environment(ses, folder)
    sendworthy = [sys.executable, "-m", "sendworthy"]
    key = _key([*sendworthy, "keys", "create", "bench", "--stream", "transactional", "--json"], config, environment)
    command = [*sendworthy, "up", "--config", str(config)]
    log = folder / "up.log"
    with log.open("wb") as errors, running(command, environment=environment, folder=folder, log=errors) as process:
        url, smtp = _doors(process, log)
        yield Gateway(
            url=url,
            smtp=smtp,
            key_id=key["access_key_id"],
            secret=key["secret_access_key"],
            smtp_password=key["smtp_passwords"][REGION],
            process=process.pid,
        )


def _environment(ses: SesStub, folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(folder),
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": ses.url,
        "AWS_ACCESS_KEY_ID": "AKIABENCH00000000001",
        "AWS_SECRET_ACCESS_KEY": "made/up/secret/for/loopback/only/000000000",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _key(command: list[str], config: Path, environment: dict[str, str]) -> dict[str, Any]:
    made = subprocess.run(
        [*command, "--config", str(config)],
        env=environment,
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=_START_SECONDS,
    )
    if made.returncode:
        raise CannotRun(f"sendworthy keys create: {made.stderr.strip()}")
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def _doors(process: subprocess.Popen[str], log: Path) -> tuple[str, str]:
    """Wait for the addresses that `up` announces."""
    ended = threading.Event()
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text("utf-8", "replace")
        url = re.search(r"listens on (http://\S+)", text)
        smtp = re.search(r"SMTP submission: (\S+),", text)
        if url and smtp:
            return url[1], smtp[1]
        ended.wait(0.05)
    raise CannotRun(f"sendworthy up did not start: {log.read_text('utf-8', 'replace').strip()[-500:]}")
