"""`sendworthy request` on the simulator's account: the gate, the letter, the linter, the pack, the dossier."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from sendworthy.cli.exits import Exit
from tests.cli.conftest import Shell


@pytest.fixture
def pottery(account: Shell) -> Shell:
    """A shell in the folder of a company that has filled its file in and done nothing yet."""
    text = files("sendworthy.app.demo").joinpath("fernhill.toml").read_text(encoding="utf-8")
    (account.folder / "sendworthy.toml").write_text(text, encoding="utf-8")
    account.set(SENDWORTHY_STORE_URL=f"sqlite:///{account.folder / 'sendworthy.db'}")
    return account


def test_check_says_what_is_needed_what_blocks_and_over_what_aws_would_refuse(pottery: Shell) -> None:
    ended = pottery("request", "check")
    assert ended.code == Exit.FOUND
    for part in (
        "What a request for eu-west-1 needs:",
        "OPEN     A domain is verified in the Region  (stands in the way)",
        "identity.verified",
        "likeliest first",
        "1. Nothing verified in the Region: such a request was denied at once.",
        "First: ",
    ):
        assert part in ended.out


def test_check_as_json_has_prerequisites_likely_refusals_and_the_first_thing_to_do(pottery: Shell) -> None:
    ended = pottery("request", "check", "--json", "--despite", "to see")
    found = json.loads(ended.out)
    assert found["schema"] == "sendworthy.gate/1"
    gate = found["gate"]
    assert {one["met"] for one in gate["prerequisites"]} <= {"met", "open", "unknown"}
    assert gate["likely"][0]["reason"] == "no_identity"
    assert gate["first"]
    assert gate["override"]["reason"] == "to see"


def test_draft_writes_the_owners_words_and_lists_what_nothing_proves(pottery: Shell) -> None:
    ended = pottery("request", "draft")
    assert ended.code == Exit.DONE
    assert "throws and fires stoneware in Vermont" in ended.out
    assert "bounces.suppressed" in ended.err
    assert "DKIM (selectors" not in ended.out


def test_a_draft_that_names_a_change_is_put_on_record_and_the_next_one_shows_its_difference(pottery: Shell) -> None:
    assert pottery("request", "draft", "--changed", "DMARC is published").code == Exit.DONE
    shown = pottery("case", "show", "--json")
    (fact,) = json.loads(shown.out)["facts"]
    assert (fact["kind"], fact["data"]["changed"]) == ("drafted", ["DMARC is published"])
    assert fact["data"]["claims"]
    assert "+ - Name: Fernhill Pottery" in pottery("request", "draft", "--diff").out  # nothing has gone to AWS yet


def test_a_japanese_request_is_written_in_japanese(pottery: Shell) -> None:
    file = pottery.folder / "sendworthy.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[sender]", '[sender]\nlanguage = "JA"'), encoding="utf-8")
    ended = pottery("request", "draft")
    assert "会社名: Fernhill Pottery" in ended.out
    assert "AWS ご担当者様" in ended.out
    reply = pottery("case", "reply", "--kind", "information").out  # AWS reads every other text in English
    assert "How we maintain our recipient lists" in reply
    assert "会社名" not in reply
    assert "address_source" not in reply
    assert "where addresses come from" in reply


def test_lint_says_line_by_line_what_to_mend_and_holds_a_text_against_the_file(pottery: Shell) -> None:
    text = "Customers sign up.\nWe send many emails.\nWe send 9,999 messages a day to [audience]."
    (pottery.folder / "mine.txt").write_text(text, encoding="utf-8")
    ended = pottery("request", "lint", "mine.txt")
    assert ended.code == Exit.FOUND
    assert 'line 2: "many emails" (vague_volume)' in ended.out
    assert "(contradicts_profile)" in ended.out
    found = json.loads(pottery("request", "lint", "mine.txt", "--json").out)
    assert found["verdict"] == "mend"
    assert all(one["suggestion"] for one in found["remarks"])


def test_a_clean_text_has_nothing_to_mend_and_a_missing_file_is_one_line(pottery: Shell) -> None:
    (pottery.folder / "mine.txt").write_text("Who orders gives an address and asks for a receipt: 400 a day.", "utf-8")
    assert pottery("request", "lint", "mine.txt").out == "Nothing to mend.\n"
    missing = pottery("request", "lint", "nowhere.txt")
    assert (missing.code, len(missing.complaints)) == (Exit.USAGE, 2)


def test_lint_with_proof_finds_promises_that_nothing_carries(pottery: Shell) -> None:
    text = "Who orders asks for a receipt: 400 a day.\nMail is signed with DKIM."
    (pottery.folder / "mine.txt").write_text(text, encoding="utf-8")
    assert pottery("request", "lint", "mine.txt").code == Exit.DONE
    ended = pottery("request", "lint", "--proved", "mine.txt")
    assert ended.code == Exit.FOUND
    assert "(not_proved)" in ended.out


def test_the_pack_is_text_or_one_page_and_says_that_blockers_stand(pottery: Shell) -> None:
    ended = pottery("request", "pack")
    assert "Mail type                   Transactional" in ended.out
    assert "blockers stand" in ended.err
    assert pottery("request", "pack", "--format", "html", "--output", "pack.html").code == Exit.DONE
    page = (pottery.folder / "pack.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert json.loads(pottery("request", "pack", "--json").out)["pack"]["pieces"]


def test_the_dossier_is_a_folder_and_will_not_mix_with_another(pottery: Shell) -> None:
    ended = pottery("request", "export", "dossier")
    assert ended.code == Exit.DONE
    names = {Path(line).name for line in ended.out.splitlines()}
    assert {"dossier.html", "letter.txt", "claims.json", "01-order-receipts.txt"} <= names
    assert 'class="gap"' in (pottery.folder / "dossier" / "dossier.html").read_text(encoding="utf-8")
    assert pottery("request", "export", "dossier").code == Exit.DONE  # an earlier one is replaced
    (pottery.folder / "full").mkdir()
    (pottery.folder / "full" / "thesis.txt").write_text("mine", encoding="utf-8")
    refused = pottery("request", "export", "full")
    assert (refused.code, refused.complaints[0]) == (
        Exit.USAGE,
        "sendworthy: full holds something else than a dossier.",
    )


def test_nothing_is_submitted_without_the_word_or_over_blockers(pottery: Shell) -> None:
    without = pottery("request", "submit", "--despite", "to see")
    assert without.code == Exit.USAGE
    assert "your word is missing" in without.err
    assert "MailType: TRANSACTIONAL" in without.err
    assert "explicitly asked" in without.err
    blocked = pottery("request", "submit", "--i-confirm")
    assert blocked.code == Exit.FOUND
    assert "blockers stand" in blocked.err
    assert json.loads(pottery("case", "show", "--json").out)["facts"] == []
