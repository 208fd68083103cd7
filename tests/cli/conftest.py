"""A shell for the command line: its own folder, its own AWS environment, the simulator as the AWS account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sendworthy.cli.main import run
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return self.err.splitlines()


class Shell:
    """Runs commands in an empty folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def set(self, **environ: str) -> None:
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str) -> Ended:
        self._capsys.readouterr()
        code = run(arguments)
        out, err = self._capsys.readouterr()
        return Ended(code=code, out=out, err=err)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path, capsys, monkeypatch)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Endpoints]:
    with running(Settings()) as endpoints:
        yield endpoints


@pytest.fixture
def account(shell: Shell, simulator: Endpoints) -> Shell:
    """A shell whose AWS account is the simulator's."""
    shell.set(
        AWS_REGION="eu-west-1",
        AWS_ENDPOINT_URL=simulator.http,
        AWS_ACCESS_KEY_ID=DEFAULT_CALLER.access_key_id,
        AWS_SECRET_ACCESS_KEY=DEFAULT_CALLER.secret_access_key,
        SENDWORTHY_DNS_RESOLVER=simulator.dns,
        SENDWORTHY_WEB_CONNECT=simulator.web.removeprefix("http://"),
    )
    return shell
