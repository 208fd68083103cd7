"""Keys with limits, messages called off, and a former provider's lists brought over, on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sendworthy.app import parts
from sendworthy.audit.profile import Stream
from sendworthy.cli.exits import Exit
from sendworthy.config import Config
from sendworthy.config.shape import StoreSettings
from sendworthy.store.values import NewDelivery, NewMessage, PauseScope
from sendworthy.wire.smtp_password import smtp_password
from tests.cli.conftest import Shell


def test_a_key_is_made_with_its_limits_and_its_smtp_password(shell: Shell) -> None:
    shell.set(AWS_REGION="eu-west-1")
    limits = ("--domain", "news.example.com", "--rate-share", "0.5", "--daily-cap", "1000", "--no-ses-headers")
    made = json.loads(shell("keys", "create", "news", "--stream", "bulk", *limits, "--json").out)
    assert (made["domains"], made["rate_share"], made["daily_cap"]) == (["news.example.com"], 0.5, 1000)
    assert made["ses_headers"] is False
    assert made["smtp_passwords"] == {"eu-west-1": smtp_password(made["secret_access_key"], "eu-west-1")}
    (listed,) = json.loads(shell("keys", "list", "--json").out)["keys"]
    assert (listed["domains"], listed["rate_share"], listed["daily_cap"]) == (["news.example.com"], 0.5, 1000)
    assert made["secret_access_key"] not in shell("keys", "list").out


def test_bulk_and_marketing_are_one_stream(shell: Shell) -> None:
    made = [
        json.loads(shell("keys", "create", "news", "--stream", word, "--json").out) for word in ("bulk", "marketing")
    ]
    assert [one["stream"] for one in made] == ["marketing", "marketing"]


def test_a_limit_that_makes_no_sense_is_usage(shell: Shell) -> None:
    for wrong in (("--rate-share", "1.5"), ("--daily-cap", "0"), ("--domain", "not a domain")):
        ended = shell("keys", "create", "shop", "--stream", "transactional", *wrong)
        assert ended.code == Exit.USAGE, wrong
        assert len(ended.complaints) <= 2


def test_a_paused_key_is_let_go_on_by_a_person(shell: Shell) -> None:
    made = json.loads(shell("keys", "create", "shop", "--stream", "transactional", "--json").out)
    key = made["access_key_id"]
    asyncio.run(_pause(shell.folder, key))
    assert shell("keys", "resume", key).code == Exit.DONE
    again = shell("keys", "resume", key)
    assert (again.code, again.out) == (Exit.FOUND, f"{key} was not paused.\n")


def test_a_waiting_message_is_called_off(shell: Shell) -> None:
    shell("keys", "list")
    asyncio.run(_accept(shell.folder))
    assert shell("messages", "cancel", "m1").out == "Cancelled 1 delivery.\n"
    assert json.loads(shell("messages", "show", "m1", "--json").out)["deliveries"][0]["status"] == "cancelled"
    assert shell("messages", "cancel", "m1").code == Exit.FOUND
    assert shell("messages", "cancel", "none").code == Exit.USAGE


def test_an_address_of_the_mailbox_simulator_is_not_suppressed_by_hand(shell: Shell) -> None:
    said = shell("suppressions", "add", "bounce+1@simulator.amazonses.com")
    assert (said.code, "never suppressed" in said.err) == (Exit.USAGE, True)
    assert json.loads(shell("suppressions", "list", "--json").out)["suppressions"] == []


def test_an_address_is_suppressed_for_mail_from_one_address_alone(shell: Shell) -> None:
    assert shell("suppressions", "add", "a@example.org", "--sender", "News@example.com").code == Exit.DONE
    (one,) = json.loads(shell("suppressions", "list", "--json").out)["suppressions"]
    assert (one["address"], one["scope"]) == ("a@example.org", "from:news@example.com")
    both = ("--sender", "news@example.com", "--stream", "marketing")
    assert shell("suppressions", "add", "a@example.org", *both).code == Exit.USAGE


def test_a_former_providers_list_is_imported_once(shell: Shell) -> None:
    file = shell.folder / "bounces.csv"
    file.write_text("email,type\na@example.org,bounce\nB@EXAMPLE.org,spam report\nnobody,bounce\n")
    ended = shell("suppressions", "import", str(file))
    assert (ended.code, ended.out) == (Exit.FOUND, "2 of 2 addresses are newly suppressed.\n")
    assert ended.complaints == ["  line 4: Missing final '@domain'."]
    again = json.loads(shell("suppressions", "import", str(file), "--json").out)
    assert (again["read"], again["new"]) == (2, 0)
    listed = json.loads(shell("suppressions", "list", "--json").out)["suppressions"]
    assert [(one["address"], one["reason"], one["source"]) for one in listed] == [
        ("a@example.org", "bounce", "imported from bounces.csv"),
        ("b@example.org", "complaint", "imported from bounces.csv"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_is_read_as_windows_wrote_it(shell: Shell, encoding: str) -> None:
    text = "Email;Reason\r\nann@example.org;bounce\r\n"
    mark = "\ufeff" if encoding.endswith("e") else ""
    (shell.folder / "list.csv").write_bytes((mark + text).encode(encoding))
    ended = shell("suppressions", "import", "list.csv")
    assert (ended.code, ended.out) == (Exit.DONE, "1 of 1 addresses are newly suppressed.\n")


def test_a_list_is_taken_whole_or_not_at_all_where_a_quote_is_not_closed(shell: Shell) -> None:
    (shell.folder / "list.csv").write_text('email,note\na@example.org,x\nb@example.org,"y\nc@example.org,z\n')
    ended = shell("suppressions", "import", "list.csv")
    assert (ended.code, ended.complaints[0]) == (
        Exit.USAGE,
        "sendworthy: The quote that is opened in line 3 is never closed.",
    )
    assert json.loads(shell("suppressions", "list", "--json").out)["suppressions"] == []


def test_a_list_that_is_not_there_or_not_a_list_is_one_clear_line(shell: Shell) -> None:
    assert shell("suppressions", "import", "none.csv").code == Exit.USAGE
    (shell.folder / "x.csv").write_text("who,when\na,b\n")
    ended = shell("suppressions", "import", "x.csv")
    assert (ended.code, ended.complaints[0]) == (Exit.USAGE, "sendworthy: No column is known to hold the addresses.")


def test_a_role_of_its_own_needs_a_database_that_can_be_shared(account: Shell) -> None:
    ended = account("up", "--role", "worker")
    assert (ended.code, ended.complaints[0]) == (Exit.USAGE, "sendworthy: On SQLite one process runs every role.")


def _config(folder: Path) -> Config:
    return Config(store=StoreSettings(url=f"sqlite:///{folder / 'sendworthy.db'}"))


async def _pause(folder: Path, key: str) -> None:
    async with parts.opened_store(_config(folder)) as store:
        await store.pause(PauseScope.KEY, key, reason="too many bounces")


async def _accept(folder: Path) -> None:
    given: dict[str, Any] = {"access_key_id": "k", "stream": Stream.TRANSACTIONAL, "mail_from": "s@example.com"}
    one = NewDelivery(id="m1-0", recipient="a@example.org", key="a@example.org")
    async with parts.opened_store(_config(folder)) as store:
        await store.accept(NewMessage(id="m1", subject="x", raw=b"x", deliveries=(one,), **given))
