"""What a newcomer reads of alerts, empty and full; and key files that are not those of the database."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from sendworthy.app import parts
from sendworthy.app.alert_targets import email_name, webhook_name
from sendworthy.cli.exits import Exit
from sendworthy.config import load
from sendworthy.store.alerting import Alert, AlertKind, NoticeState
from tests.cli.conftest import Shell

HOOK = "https://hooks.example.com/a-token"
SHOP = Alert(kind=AlertKind.KEY_STOPPED, subject="shop", happened="It is paused.", to_do="Resume it.")
PAUSED = Alert(kind=AlertKind.ACCOUNT_PAUSED, subject="1", happened="AWS has paused it.", to_do="Answer AWS.")
FULL = Alert(kind=AlertKind.DAY_FULL, subject="1", happened="The day is full.", to_do="")


def configure(folder: Path) -> None:
    text = f'[ses]\ndomains = ["example.com"]\n[alerts]\nemails = ["ops@example.com"]\nwebhooks = ["{HOOK}"]\n'
    (folder / "sendworthy.toml").write_text(text, "utf-8")


def trouble(folder: Path) -> None:
    """Let two alerts be open, one over; the webhook refuses, the address was added later."""

    async def work() -> None:
        config = load(folder / "sendworthy.toml", environ={}).config
        async with parts.opened_store(config) as store:
            await store.alerts.see([FULL])
            await store.alerts.over(AlertKind.DAY_FULL)
            await store.alerts.see([SHOP])
            await store.alerts.see([PAUSED])
            await store.alerts.announce([webhook_name(HOOK)], remind_after=timedelta(days=1))
            for notice in await store.alerts.claim_notices(limit=10, lease_seconds=60):
                await store.alerts.end_notice(
                    notice, NoticeState.GIVEN_UP, error="hooks.example.com answered HTTP 410."
                )

    asyncio.run(work())


def test_with_nothing_set_it_says_when_alerts_come_and_what_to_set(shell: Shell) -> None:
    ended = shell("alerts", "list")
    assert ended.code == Exit.DONE
    assert ended.out.splitlines() == [
        "There is no alert.",
        "They are raised while `sendworthy up` runs.",
        "What was over in the last days: sendworthy alerts list --days 7",
        "",
        "Nobody is told of alerts: set emails or webhooks under [alerts] in sendworthy.toml.",
    ]


def test_who_would_be_told_is_shown_before_anybody_was(shell: Shell) -> None:
    configure(shell.folder)
    out = shell("alerts", "list").out
    assert out.count("never so far") == 2
    assert out.endswith("To send each a test: sendworthy alerts test\n")
    shown = json.loads(shell("alerts", "list", "--json").out)
    assert {one["target"]: one["configured"] for one in shown["targets"]} == {
        "ops@example.com": True,
        webhook_name(HOOK): True,
    }


def test_the_urgent_is_first_what_is_over_last_and_each_says_who_knows(shell: Shell) -> None:
    configure(shell.folder)
    trouble(shell.folder)
    ended = shell("alerts", "list", "--days", "2")
    assert ended.code == Exit.FOUND
    heads = [line for line in ended.out.splitlines() if line.startswith(("critical", "error", "warning"))]
    assert heads == ["critical  account_paused  1", "error  key_stopped  shop", "error  day_full  1"]
    assert "    To do: Answer AWS." in ended.out
    assert f"    {webhook_name(HOOK)}: not told yet; given up: hooks.example.com answered HTTP 410." in ended.out
    assert "    ops@example.com: not told of this one so far" in ended.out
    assert "2 alerts are open." in ended.out
    assert "a-token" not in ended.out
    told = json.loads(shell("alerts", "list", "--json").out)["told"]
    assert [(one["target"], one["state"]) for one in told] == [(webhook_name(HOOK), "given_up")] * 2
    assert email_name("ops@example.com") not in ended.out


# Key files


def test_key_files_are_shown_and_a_lost_one_is_not_made_anew(shell: Shell) -> None:
    assert "not made yet" in shell("keys", "files").out
    made = shell("keys", "create", "shop", "--stream", "transactional")
    assert made.code == Exit.DONE
    shown = json.loads(shell("keys", "files", "--json").out)
    assert shown["verdict"] == "same"
    assert {one["file"]: one["verdict"] for one in shown["files"]} == {
        "key": "same",
        "unsubscribe": "unused",
        "sns.pem": "unused",
    }
    [kept] = shell.folder.glob("*.db.key")
    aside = kept.rename(shell.folder / "aside")
    lost = shell("keys", "create", "news", "--stream", "bulk")
    assert lost.code == Exit.USAGE
    assert "sendworthy.db.key is missing" in lost.err
    assert not kept.exists()
    ended = shell("keys", "files")
    assert ended.code == Exit.FOUND
    assert "sendworthy keys files --accept key" in ended.out
    aside.rename(kept)
    assert shell("keys", "files").code == Exit.DONE


def test_a_key_file_changed_on_purpose_is_accepted_and_the_keys_it_does_not_open_are_revoked(shell: Shell) -> None:
    made = json.loads(shell("keys", "create", "shop", "--stream", "transactional", "--json").out)
    [kept] = shell.folder.glob("*.db.key")
    kept.unlink()
    assert shell("keys", "files", "--accept", "key").code == Exit.USAGE, "there is none to accept"
    assert shell("keys", "list").code == Exit.DONE  # opens the store, and makes a fresh file
    refused = shell("keys", "create", "news", "--stream", "bulk")
    assert "is not the one that this database was used with" in refused.err
    assert shell("keys", "files", "--accept", "key").code == Exit.DONE
    stale = shell("keys", "create", "news", "--stream", "bulk")
    assert f"sendworthy keys revoke {made['access_key_id']}" in stale.err
    assert shell("keys", "revoke", made["access_key_id"]).code == Exit.DONE
    assert shell("keys", "create", "news", "--stream", "bulk").code == Exit.DONE
