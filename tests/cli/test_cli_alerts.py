"""`sendworthy alerts`: what is open, who was told, and a test of each target."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from sendworthy.app import parts
from sendworthy.cli.main import run
from sendworthy.config import load
from sendworthy.store.alerting import Alert, AlertKind


class _Hook(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base class's name


@pytest.fixture
def hook() -> Iterator[tuple[str, type[_Hook]]]:
    class Hook(_Hook):
        pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/a-token", Hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(here: Path, alerts: str, domains: str = '["example.com"]') -> None:
    (here / "sendworthy.toml").write_text(f"[ses]\ndomains = {domains}\n\n[alerts]\n{alerts}\n", "utf-8")


def raise_one(here: Path) -> None:
    async def work() -> None:
        async with parts.opened_store(load(here / "sendworthy.toml", environ={}).config) as store:
            alert = Alert(kind=AlertKind.KEY_STOPPED, subject="shop", happened="It is paused.", to_do="Resume it.")
            await store.alerts.see([alert])

    asyncio.run(work())


def test_nothing_open_is_0_and_something_is_1(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, 'emails = ["ops@example.com"]')
    assert run(["alerts", "list"]) == 0
    assert "There is no alert." in capsys.readouterr().out
    raise_one(here)
    assert run(["alerts", "list"]) == 1
    assert "key_stopped" in capsys.readouterr().out
    assert run(["alerts", "list", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == "open"
    assert [one["kind"] for one in shown["alerts"]] == ["key_stopped"]


def test_a_test_goes_to_each_target_and_says_what_it_answered(
    here: Path, hook: tuple[str, type[_Hook]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, _ = hook
    configure(here, f'emails = ["ops@example.com"]\nwebhooks = ["{url}"]')
    assert run(["alerts", "test"]) == 0
    out = capsys.readouterr().out
    assert "HTTP 200" in out
    assert "ops@example.com" in out
    assert "accepted as message" in out
    assert "a-token" not in out
    assert run(["messages", "list", "--json"]) == 0
    assert "This is a test" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "verdict", "code"), [(404, "refused", 1), (302, "refused", 1), (503, "unreachable", 3)]
)
def test_a_no_and_no_answer_are_told_apart(
    here: Path,
    hook: tuple[str, type[_Hook]],
    capsys: pytest.CaptureFixture[str],
    status: int,
    verdict: str,
    code: int,
) -> None:
    url, server = hook
    server.status = status
    configure(here, f'emails = ["ops@example.com"]\nwebhooks = ["{url}"]')
    assert run(["alerts", "test", "--json"]) == code
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"] == verdict
    assert [one["verdict"] for one in shown["targets"]] == [verdict, "taken"]
    assert f"HTTP {status}" in shown["targets"][0]["answer"]


def test_where_nobody_is_to_be_told_it_says_how(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(here, "")
    assert run(["alerts", "test"]) == 2
    assert "emails or webhooks" in capsys.readouterr().err


def test_mail_without_a_from_address_is_refused_with_what_to_set(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(here, 'emails = ["ops@example.com"]', domains="[]")
    assert run(["alerts", "test"]) == 1
    assert "alerts.sender" in capsys.readouterr().out
