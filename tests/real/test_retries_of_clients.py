"""Which of the gateway's answers AWS's SDK for JavaScript, nodemailer, swaks and msmtp repeat, counted as they come.

What Python's clients repeat is told in tests/gateway, by the same table.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sendworthy.errors import SendRefused, StoreBusy
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.smtp import SmtpDoor, SmtpLimits
from sendworthy.store import Store
from sendworthy.wire.smtp_password import smtp_password
from tests.gateway.conftest import clock, key, keys, serve, store
from tests.gateway.lossy import Failing, Wire
from tests.gateway.test_retries_of_clients import ANSWERS, REGION, desk, wire

__all__ = ["clock", "desk", "key", "keys", "serve", "store", "wire"]

pytestmark = pytest.mark.real

HERE = Path(__file__).parent
LETTER = "From: shop@example.com\nTo: a@example.org\nSubject: Hi\n\nHello\n"


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    assert found, f"{name} is not installed: run make test-real, which installs it"
    return found


async def node(client: str, key: Key, **environ: str) -> dict[str, Any]:
    """Run the script with one client; gives the id it was given, or the error that it saw."""
    given = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "SMTP_PASSWORD": smtp_password(key.secret, REGION),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [program("node"), str(HERE / "retries.mjs"), client],
        env=given | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("client", ["bare", "ses"])
async def test_awss_sdk_for_javascript_repeats_what_may_succeed_later_and_nothing_else(
    wire: Wire, desk: Failing, key: Key, store: Store, client: str
) -> None:
    for error, _ in ANSWERS.values():
        desk.failures = [error]
        await node(client, key, AT=wire.url)
    assert dict(zip(ANSWERS, wire.calls, strict=True)) == {
        name: 2 if later else 1 for name, (_, later) in ANSWERS.items()
    }
    assert len((await store.messages())[0]) == sum(later for _, later in ANSWERS.values())


@pytest.mark.parametrize("client", ["bare", "ses"])
async def test_a_repeat_of_it_after_a_lost_answer_is_given_the_first_answer_and_sends_nothing(
    wire: Wire, key: Key, store: Store, client: str
) -> None:
    wire.lose = 1
    answered = await node(client, key, AT=wire.url)
    assert wire.calls == [2]
    [kept] = (await store.messages())[0]
    assert kept.id in answered["id"]


@dataclass(frozen=True)
class Smtp:
    """An SMTP door with a desk that can fail, and how many clients came."""

    address: str
    desk: Failing
    store: Store
    came: list[str]

    async def run(self, *words: str, text: str = "") -> int:
        done = await asyncio.to_thread(
            subprocess.run, words, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode

    async def kept(self) -> int:
        return len((await self.store.messages())[0])


class Counting(SmtpDoor):
    """The door as it is; it writes down whoever comes."""

    came: list[str]

    def enter(self, connection: Any, peer: str) -> bool:
        self.came.append(peer)
        return super().enter(connection, peer)


@pytest.fixture(params=["451", "421", "554"])
async def smtp(request: pytest.FixtureRequest, desk: Failing, keys: Keys, store: Store) -> AsyncIterator[Smtp]:
    """Answer so once, and then as it should be; 421 for as long as it stands."""
    failures: dict[str, list[Exception]] = {"451": [StoreBusy("Too much.")], "421": [], "554": [SendRefused("No.")]}
    desk.failures = failures[request.param]
    limits = SmtpLimits(connections=0 if request.param == "421" else 5)
    door = Counting(desk, keys, regions=(REGION,), tls=None, limits=limits)
    door.came = []
    sock = socket.create_server(("127.0.0.1", 0))
    await door.listen(sock)
    yield Smtp(f"127.0.0.1:{sock.getsockname()[1]}", desk, store, door.came)
    await door.close(grace_seconds=5)


@pytest.fixture
def code(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["smtp"])


async def test_nodemailer_repeats_nothing_by_smtp_and_hands_the_code_on(smtp: Smtp, key: Key, code: str) -> None:
    assert (await node("smtp", key, SMTP=smtp.address))["error"] == code
    assert (len(smtp.came), await smtp.kept()) == (1, 0)


async def test_swaks_repeats_nothing(smtp: Smtp, key: Key, code: str) -> None:
    password = smtp_password(key.secret, REGION)
    words = (
        *(program("swaks"), "--server", smtp.address, "--from", "shop@example.com", "--to", "a@example.org"),
        *("--auth", "PLAIN", "--auth-user", key.access_key_id, "--auth-password", password),
    )
    # 21: the banner was a refusal; 26: the message was refused (swaks(1), "EXIT CODES").
    assert await smtp.run(*words) == (21 if code == "421" else 26)
    assert (len(smtp.came), await smtp.kept()) == (1, 0)


async def test_msmtp_repeats_nothing_and_tells_its_caller_only_that_it_failed(
    smtp: Smtp, key: Key, code: str, tmp_path: Path
) -> None:
    host, _, port = smtp.address.rpartition(":")
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost {host}\nport {port}\ntls off\nauth plain\nuser {key.access_key_id}\n"
        f"password {smtp_password(key.secret, REGION)}\nfrom shop@example.com\n"
    )
    settings.chmod(0o600)
    words = (program("msmtp"), "--file", str(settings), "a@example.org")
    told = await smtp.run(*words, text=LETTER)
    # EX_UNAVAILABLE and EX_PROTOCOL of sysexits.h: whether to try again is in its message alone.
    assert told == (76 if code == "421" else 69)
    assert (len(smtp.came), await smtp.kept()) == (1, 0)
    if code == "451":
        assert await smtp.run(*words, text=LETTER) == 0
        assert await smtp.kept() == 1
