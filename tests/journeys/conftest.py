"""Real processes for journeys: the simulator and the gateway as a person runs them, each on ports of its own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sendworthy.simulator.state import DEFAULT_CALLER

REGION = "eu-west-1"


def free_port() -> int:
    """Give a free port from below those that systems hand out for port 0, so that none takes it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(kw_only=True)
class Simulator:
    http: str
    dns: str
    web: str
    smtp: str

    def admin(self, door: str, body: object = None, *, method: str | None = None) -> Any:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the simulator's own address
            f"{self.http}/_sim/{door}", data=data, method=method or ("GET" if body is None else "POST")
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            text = answer.read().decode()
        return json.loads(text) if text[:1] in "[{" else text


@dataclass(kw_only=True)
class Person:
    """Someone at a terminal, in a folder, with the simulator as the AWS account."""

    folder: Path
    simulator: Simulator
    environ: dict[str, str]
    gateway: str = ""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *arguments: str, code: int = 0, stdin: str = "", **environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sendworthy", *arguments],
            cwd=self.folder,
            env=self.environ | environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start_gateway(self, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "sendworthy", "up", *options],
            cwd=self.folder,
            env=self.environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("The gateway listens on "):
                self.gateway = line.split()[4]
                return process
        raise AssertionError(f"the gateway ended with {process.wait()}")

    def key(self, stream: str = "transactional") -> dict[str, str]:
        made = json.loads(self.run("keys", "create", "application", "--stream", stream, "--json"))
        return {
            "AWS_ACCESS_KEY_ID": made["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": made["secret_access_key"],
            "AWS_ENDPOINT_URL": self.gateway,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sendworthy",
            "simulator",
            "--port=0",
            "--dns-port=0",
            "--web-port=0",
            "--smtp-port=0",
            "--json",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Simulator(**json.loads(process.stdout.readline()))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        process.stdout.close()


@pytest.fixture
def person(tmp_path: Path, simulator: Simulator) -> Iterator[Person]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SENDWORTHY_"))} | {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": simulator.http,
        "AWS_ACCESS_KEY_ID": DEFAULT_CALLER.access_key_id,
        "AWS_SECRET_ACCESS_KEY": DEFAULT_CALLER.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SENDWORTHY_DNS_RESOLVER": simulator.dns,
        "SENDWORTHY_WEB_CONNECT": simulator.web.removeprefix("http://"),
        "SENDWORTHY_SES_DOMAINS": "fernhill.test",
        "SENDWORTHY_SENDER_WEBSITE": "http://fernhill.test",
        "SENDWORTHY_GATEWAY_HTTP": f"127.0.0.1:{free_port()}",
        "SENDWORTHY_GATEWAY_SMTP": f"127.0.0.1:{free_port()}",
    }
    someone = Person(folder=tmp_path, simulator=simulator, environ=environ)
    try:
        yield someone
    finally:
        for process in someone.processes:
            if process.poll() is None:
                process.terminate()
            process.wait(timeout=30)
            if process.stderr is not None:
                process.stderr.close()


@pytest.fixture
def fitted_out(person: Person) -> Person:
    """The same person, once the account is fitted out and its records are published."""
    person.run("apply", "--yes", code=1)
    records = person.run("export", "zone")
    zone = person.simulator.admin("world/zones/fernhill.test")
    person.simulator.admin("world/zones/fernhill.test", (zone + records).encode(), method="PUT")
    person.run("plan")
    pem = person.simulator.admin("sns/certificate")
    (person.folder / "sns.pem").write_text(pem)
    person.environ["SENDWORTHY_EVENTS_CERTIFICATE"] = str(person.folder / "sns.pem")
    return person
