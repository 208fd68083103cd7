"""`drill` presses the unsubscribe link of bulk mail, or says in one line why there is none to press."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sendworthy.app import parts
from sendworthy.app.station import station
from sendworthy.app.up import up
from sendworthy.cli.exits import Exit
from sendworthy.clients.certificates import certificate_file
from sendworthy.config import load
from tests.cli.conftest import Ended, Shell
from tests.cli.fitted import DOMAIN, REGION, Account, account_of_its_own
from tests.journeys.conftest import free_port

MARKETING = """
[[mail]]
name = "Monthly news"
stream = "marketing"
"""


@pytest.fixture
def account(shell: Shell) -> Iterator[Account]:
    with account_of_its_own(shell) as account:
        certificate = shell.folder / "sns.pem"
        certificate.write_bytes(account.admin("GET", "/_sim/sns/certificate"))
        (shell.folder / "sendworthy.toml").write_text(MARKETING)
        shell.set(
            SENDWORTHY_EVENTS_CERTIFICATE=str(certificate),
            SENDWORTHY_SES_DOMAINS=DOMAIN,
            SENDWORTHY_GATEWAY_PUBLIC="127.0.0.1:0",
            SENDWORTHY_GATEWAY_PUBLIC_URL=f"https://mail.{DOMAIN}",
        )
        account.fit_out()
        yield account


def remembered() -> tuple[Any, Any, Any, Any, Any]:
    async def read() -> tuple[Any, Any, Any, Any, Any]:
        async with parts.opened_store(load().config) as store:
            suppressed, _ = await store.suppressions()
            deliveries, _ = await store.deliveries()
            pacing = await store.case_file.proofs("drill.pacing")
            return await store.case_file.proofs("drill.unsubscribe"), suppressed, await store.keys(), deliveries, pacing

    return asyncio.run(read())


def test_one_click_is_tried_and_kept_as_proof_and_nothing_is_left_behind(account: Account) -> None:
    ended = account("drill", "--each", "2", "--json", "--kind", "unsubscribe")
    assert ended.code == Exit.DONE, ended
    shown = json.loads(ended.out)
    assert (shown["verdict"], shown["unsubscribe"]["verdict"], shown["trials"]) == ("pass", "pass", [])
    assert [one["verdict"] for one in shown["unsubscribe"]["trials"]] == ["pass", "pass"]
    (proof,), suppressed, keys, deliveries, pacing = remembered()
    assert (proof.subject, proof.data["trials"], proof.data["passed"]) == (REGION, 2, 2)
    assert suppressed == ()
    assert [(key.stream, key.revoked_at is None) for key in keys] == [("marketing", False)]
    assert sorted(one.status == "suppressed" for one in deliveries) == [False, False, True, True]
    assert "accepted" not in {one.status for one in deliveries}
    assert pacing == ()


def test_it_goes_with_the_events_and_says_where_the_links_were_pressed(account: Account) -> None:
    ended = account("drill", "--each", "1", "--kind", "bounce", "--kind", "unsubscribe")
    assert ended.code == Exit.DONE, ended
    assert "bounce       1 of 1" in ended.out
    assert "unsubscribe  1 of 1" in ended.out
    assert f"https://mail.{DOMAIN} cannot be reached" in ended.out
    assert "One click at http://127.0.0.1:" in ended.out


def test_a_public_port_that_is_taken_does_not_end_the_drill(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        account.shell.set(SENDWORTHY_GATEWAY_PUBLIC=address)
        ended = account("drill", "--each", "1", "--json", "--kind", "unsubscribe")
    assert ended.code == Exit.DONE, ended
    assert json.loads(ended.out)["unsubscribe"]["door"] != f"http://{address}"


def test_a_gateway_that_is_up_is_tried_at_its_own_public_door(account: Account) -> None:
    public = f"127.0.0.1:{free_port()}"
    account.shell.set(SENDWORTHY_GATEWAY_HTTP=f"127.0.0.1:{free_port()}", SENDWORTHY_GATEWAY_PUBLIC=public)

    async def while_up() -> Ended:
        config, stop, ready = load().config, asyncio.Event(), asyncio.Event()
        certificate = certificate_file(config.events.certificate)
        running = asyncio.create_task(
            up(config, account.aws, stop=stop, announce=lambda _: ready.set(), certificate=certificate)
        )
        await ready.wait()
        try:
            return await asyncio.to_thread(account, "drill", "--each", "1", "--json", "--kind", "unsubscribe")
        finally:
            stop.set()
            await running

    ended = asyncio.run(while_up())
    assert ended.code == Exit.DONE, ended
    assert json.loads(ended.out)["unsubscribe"]["door"] == f"http://{public}"


def test_a_public_door_that_answers_nowhere_fails_and_says_so(account: Account) -> None:
    account.shell.set(SENDWORTHY_GATEWAY_HTTP=f"127.0.0.1:{free_port()}", SENDWORTHY_GATEWAY_PUBLIC="127.0.0.1:9")

    async def while_up() -> Ended:
        config = load().config
        aws, clock = account.aws, parts.WALL
        async with parts.opened_store(config, exclusive=True) as store, station(config, aws, store, clock=clock):
            return await asyncio.to_thread(account, "drill", "--each", "1", "--kind", "unsubscribe")

    ended = asyncio.run(while_up())
    assert ended.code == Exit.FOUND, ended
    assert "unsubscribe: the address did not answer: http://127.0.0.1:9 cannot be reached" in ended.out
    assert [key.revoked_at is None for key in remembered()[2]] == [False]


def test_a_gateway_that_holds_the_store_and_does_not_answer_is_no_matter_of_the_link(account: Account) -> None:
    async def held() -> Ended:
        async with parts.opened_store(load().config, exclusive=True):
            return await asyncio.to_thread(account, "drill", "--each", "1", "--kind", "unsubscribe")

    account.shell.set(SENDWORTHY_GATEWAY_HTTP="127.0.0.1:9")
    ended = asyncio.run(held())
    assert ended.code == Exit.COULD_NOT_LOOK
    assert "does not answer" in ended.complaints[0]


def test_a_sender_without_a_public_door_is_told_and_nothing_fails(account: Account) -> None:
    account.shell.set(SENDWORTHY_GATEWAY_PUBLIC_URL="")
    ended = account("drill", "--kind", "unsubscribe")
    assert ended.code == Exit.DONE, ended
    assert "was not tried: there is no public door: gateway.public_url is not set." in ended.out
    assert remembered()[0] == ()


def test_a_sender_without_marketing_mail_is_told_and_nothing_fails(account: Account) -> None:
    (account.shell.folder / "sendworthy.toml").write_text(MARKETING.replace("marketing", "transactional"))
    ended = account("drill", "--kind", "unsubscribe")
    assert ended.code == Exit.DONE, ended
    assert 'was not tried: no [[mail]] in sendworthy.toml has stream = "marketing".' in ended.out
    assert remembered()[0] == ()
