"""`suppressions`, `console` and `events report` on the command line."""

from __future__ import annotations

import json
import re

from tests.cli.conftest import Shell


def test_a_removal_needs_a_reason_and_keeps_it(shell: Shell) -> None:
    assert shell("suppressions", "add", "ann@example.org").code == 0
    assert shell("suppressions", "remove", "ann@example.org", "--reason", " ").code == 2
    assert "Lifted 1" in shell("suppressions", "remove", "ann@example.org", "--reason", "wrote to us").out
    told = json.loads(shell("suppressions", "review", "--json").out)
    assert [(one["address"], one["why"]) for one in told["removed"]] == [("ann@example.org", "wrote to us")]
    assert shell("suppressions", "remove", "ann@example.org", "--reason", "again").code == 1


def test_a_review_counts_by_cause(shell: Shell) -> None:
    shell("suppressions", "add", "ann@example.org")
    shell("suppressions", "add", "bob@example.org", "--stream", "marketing")
    told = shell("suppressions", "review", "--json")
    assert told.code == 0
    shown = json.loads(told.out)
    assert (shown["schema"], shown["verdict"]) == ("sendworthy.suppressions_review/1", "in_order")
    assert {(one["reason"], one["scope"], one["new"]) for one in shown["causes"]} == {
        ("manual", "account", 1),
        ("manual", "marketing", 1),
    }
    assert "No suppression looks wrong." in shell("suppressions", "review").out


def test_lists_are_brought_in_step_and_the_verdict_is_told(account: Shell) -> None:
    shown = account("suppressions", "sync", "--json")
    assert shown.code == 0, shown.err
    told = json.loads(shown.out)
    assert (told["schema"], told["verdict"]) == ("sendworthy.suppressions_sync/1", "in_step")
    assert [one["region"] for one in told["regions"]] == ["eu-west-1"]
    assert "eu-west-1: in_step" in account("suppressions", "sync").out


def test_a_region_that_cannot_be_reached_is_exit_3(account: Shell) -> None:
    account.set(AWS_ENDPOINT_URL_SESV2="http://127.0.0.1:9")
    ended = account("suppressions", "sync")
    assert ended.code == 3
    assert "unknown" in ended.out


def test_the_report_says_complete_and_unknown(account: Shell) -> None:
    told = account("events", "report", "--json")
    assert told.code == 0, told.err
    shown = json.loads(told.out)
    assert (shown["schema"], shown["verdict"]) == ("sendworthy.completeness/1", "complete")
    assert "Our record is complete." in account("events", "report", "--offline").out
    account.set(AWS_ENDPOINT_URL_CLOUDWATCH="http://127.0.0.1:9")
    ended = account("events", "report", "--days", "1")
    assert ended.code == 3
    assert "CloudWatch AWS/SES was not read" in ended.out


def test_the_console_gives_a_link_where_there_are_keys(shell: Shell) -> None:
    ended = shell("console")
    assert ended.code == 2
    assert "keys create" in ended.err
    assert shell("keys", "create", "shop", "--stream", "transactional").code == 0
    link = r"http://127\.0\.0\.1:8580/console/login\?link=\d+\.[0-9a-f]{32}\.[0-9a-f]{64}"
    assert re.fullmatch(link, shell("console").out.strip())
    assert json.loads(shell("console", "--json", "--door", "https://m.test/").out)["url"].startswith(
        "https://m.test/console/login?link="
    )


def test_a_new_unsubscribe_key_stands_beside_the_old_one(shell: Shell) -> None:
    assert "There are 2 keys" in shell("suppressions", "rotate-key").out
    assert "There are 3 keys" in shell("suppressions", "rotate-key").out
