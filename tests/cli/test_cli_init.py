"""`init`: small steps, checked and kept at once, resumable; the file's comments and the user's words stay."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from pathlib import Path

import pytest

from sendworthy.cli.exits import Exit
from sendworthy.config import load, template
from tests.cli.conftest import Ended, Shell


def answers(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


@pytest.fixture
def offline(shell: Shell) -> Shell:
    shell.set(AWS_REGION="eu-west-1")
    return shell


def written(shell: Shell) -> dict[str, object]:
    return tomllib.loads((shell.folder / "sendworthy.toml").read_text())


def test_flags_are_taken_as_said_and_the_rest_is_listed(offline: Shell) -> None:
    ended = offline(
        "init", "--company", "Example “Ltd”", "--website", "https://example.com", "--domain", "example.com",
        "--region", "eu-west-1", "--contact", "Ada Byron <ada@example.com>",
    )  # fmt: skip
    assert ended.code == Exit.DONE, ended.err
    config = load(offline.folder / "sendworthy.toml", environ={}).config
    assert config.sender.company == "Example “Ltd”"
    assert config.ses.domains == ("example.com",)
    assert config.sender.contacts[0].email == "ada@example.com"
    assert "sender.product" in ended.out
    assert "sender.company" not in ended.out


def test_no_comment_of_the_template_is_lost(offline: Shell) -> None:
    offline("init", "--company", "Example Ltd", "--product", "We make jugs.", "--domain", "example.com")
    text = (offline.folder / "sendworthy.toml").read_text()
    assert comments(text) == comments(template())


def test_a_wrong_flag_is_one_line_and_changes_nothing(offline: Shell) -> None:
    offline("init", "--company", "Example Ltd")
    before = (offline.folder / "sendworthy.toml").read_text()
    ended = offline("init", "--website", "example")
    assert ended.code == Exit.USAGE
    assert ended.complaints[0].startswith("sendworthy: website:")
    assert (offline.folder / "sendworthy.toml").read_text() == before


def test_run_again_it_keeps_what_is_there_and_the_comments_of_its_owner(offline: Shell) -> None:
    file = offline.folder / "sendworthy.toml"
    file.write_text('# ours since May\n[sender]\ncompany = "Mine"  # as registered\n')
    ended = offline("init", "--product", "We make jugs.")
    assert ended.out.startswith("Kept sendworthy.toml.")
    text = file.read_text()
    assert text.startswith('# ours since May\n[sender]\ncompany = "Mine"  # as registered\n')
    assert tomllib.loads(text)["sender"] == {"company": "Mine", "product": "We make jugs."}


def test_begun_anew_the_old_file_is_kept(offline: Shell) -> None:
    (offline.folder / "sendworthy.toml").write_text('[sender]\ncompany = "Old"\n')
    offline("init", "--company", "New", "--force")
    assert "Old" in (offline.folder / "sendworthy.toml.bak").read_text()
    assert load(offline.folder / "sendworthy.toml", environ={}).config.sender.company == "New"


def test_a_file_that_is_wrong_is_told_before_any_question(offline: Shell) -> None:
    (offline.folder / "sendworthy.toml").write_text("[sender]\ncompnay = 1\n")
    ended = offline("init", "--ask", "--no-look")
    assert ended.code == Exit.USAGE
    assert "sendworthy.toml:2" in ended.err


def test_questions_are_asked_one_at_a_time_checked_and_kept(offline: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(
        monkeypatch,
        "eu-west-1, us-east-1", "example.com", "Example Ltd", "not a website", "https://example.com", "Ceramics",
        "We make jugs.", "", "https://example.com/privacy", "", "", "mailto:dmarc@example.com",
        "Ada Byron <ada@example.com>",
        "password reset", "transactional", "A link.", "A customer asks.", "By their account.", "Our own form.",
        "We have few customers.", "40", "0.5",
        "",
    )  # fmt: skip
    ended = offline("init", "--ask", "--no-look")
    assert ended.code == Exit.DONE, ended.err
    assert "is not a web address" in ended.err
    config = load(offline.folder / "sendworthy.toml", environ={}).config
    assert config.ses.regions == ("eu-west-1", "us-east-1")
    assert config.sender.website == "https://example.com"
    assert config.ses.dmarc.rua == "mailto:dmarc@example.com"
    (mail,) = config.mail
    assert (mail.name, mail.trigger, mail.per_day, mail.peak_per_second) == (
        "password reset",
        "A customer asks.",
        40,
        0.5,
    )
    assert "sender.postal_address" in ended.out


def test_interrupted_it_keeps_the_answers_and_asks_only_for_the_rest(
    offline: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, "eu-west-1", "example.com", "Example Ltd")
    ended = offline("init", "--ask", "--no-look")
    assert ended.code == Exit.INTERRUPTED
    assert load(offline.folder / "sendworthy.toml", environ={}).config.sender.company == "Example Ltd"
    answers(monkeypatch, "https://example.com")
    again: Ended = offline("init", "--ask", "--no-look")
    assert "AWS Regions" not in again.err
    assert "company's name" not in again.err
    assert load(offline.folder / "sendworthy.toml", environ={}).config.sender.website == "https://example.com"


def test_no_example_ever_becomes_an_answer(offline: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, *[""] * 20)
    offline("init", "--ask", "--no-look")
    text = (offline.folder / "sendworthy.toml").read_text()
    assert tomllib.loads(text) == tomllib.loads(template())


def test_what_aws_dns_and_the_website_say_is_read_and_not_asked(
    account: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, *[""] * 3)
    ended = account("init", "--domain", "fernhill.test", "--website", "http://fernhill.test", "--look", "--no-ask")
    assert ended.code == Exit.DONE, ended.err
    sender = load(account.folder / "sendworthy.toml", environ={}).config.sender
    assert sender.privacy_policy == "http://fernhill.test/privacy"
    assert sender.terms == "http://fernhill.test/terms"
    assert load(account.folder / "sendworthy.toml", environ={}).config.ses.regions == ("eu-west-1",)
    assert sender.company == ""
    assert "links: privacy policy, terms" in ended.err


def test_what_cannot_be_read_is_said_and_stops_nothing(account: Shell) -> None:
    account.set(AWS_ENDPOINT_URL="http://127.0.0.1:9", SENDWORTHY_WEB_CONNECT="127.0.0.1:9")
    ended = account("init", "--domain", "example.com", "--look", "--no-ask")
    assert ended.code == Exit.DONE
    assert "SES could not be read" in ended.err
    assert "gave no page" in ended.err


def test_as_json_it_names_what_is_empty(offline: Shell) -> None:
    shown = json.loads(offline("init", "--domain", "example.com", "--json").out)
    assert shown["schema"] == "sendworthy.init/1"
    assert "sender.company" in shown["empty"]
    assert "ses.domains" not in shown["empty"]


def test_a_folder_that_is_not_there_is_told(offline: Shell) -> None:
    ended = offline("init", "--output", str(Path("nowhere") / "sendworthy.toml"))
    assert ended.code == Exit.USAGE
    assert "cannot be written" in ended.complaints[0]
