"""`sendworthy audit` as a person and as CI run it, on the simulator: reports, exit codes, and your word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendworthy.app.words import keep_word
from sendworthy.audit.checks import ALL
from sendworthy.audit.words import QUESTIONS, Word, unanswered
from sendworthy.config import load, template
from sendworthy.errors import ConfigError

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

GOOD = Path(__file__).parents[1] / "audit" / "cases" / "good.json"
NEWS = "From: News <news@example.com>\r\nSubject: News\r\n\r\nNothing but news.\r\n"
MARKETING = """
[[mail]]
name = "news"
stream = "marketing"
"""


@pytest.fixture
def good(shell: Shell) -> Shell:
    """A shell with evidence in which all is well, as good.json."""
    (shell.folder / "good.json").write_bytes(GOOD.read_bytes())
    return shell


def broken(folder: Path, name: str = "broken.json") -> None:
    """Write evidence in which the bounce alarm is gone, and nothing else is wrong."""
    evidence = json.loads(GOOD.read_text())
    alarms = evidence["regions"]["eu-west-1"]["alarms"]
    alarms["value"] = [one for one in alarms["value"] if "Bounce" not in one["metric"]]
    (folder / name).write_text(json.dumps(evidence))


def test_a_bare_account_is_told_what_is_in_its_way_and_nothing_is_changed(account: Shell) -> None:
    first = account("audit", "fernhill.test", "--json")
    second = account("audit", "fernhill.test", "--json")
    assert (first.code, second.code) == (1, 1)
    verdicts = [{one["check"]: one["verdict"] for one in json.loads(run.out)["findings"]} for run in (first, second)]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0]["identity.verified"] == "fail"
    assert list(account.folder.iterdir()) == []


def test_what_was_seen_is_kept_and_judged_again_without_looking(account: Shell) -> None:
    live = account("audit", "fernhill.test", "--json", "--save", "evidence.json")
    account.set(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert json.loads(account("audit", "--from", "evidence.json", "--json").out) == json.loads(live.out)


@pytest.mark.parametrize(("fail_on", "code"), [("low", 1), ("medium", 1), ("high", 0), ("critical", 0)], ids=str)
def test_the_exit_code_follows_fail_on(good: Shell, fail_on: str, code: int) -> None:
    broken(good.folder)
    assert good("audit", "--from", "broken.json", "--fail-on", fail_on).code == code


def test_unreachable_aws_is_no_verdict_and_ends_with_three(shell: Shell) -> None:
    shell.set(AWS_REGION="eu-west-1", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_ACCESS_KEY_ID="x")
    shell.set(AWS_SECRET_ACCESS_KEY="x", SENDWORTHY_DNS_RESOLVER="127.0.0.1:1", SENDWORTHY_WEB_CONNECT="127.0.0.1:1")
    ended = shell("audit", "fernhill.test", "--json", "--time-budget", "3")
    assert ended.code == 3
    verdicts = {one["verdict"] for one in json.loads(ended.out)["findings"]}
    assert verdicts == {"unknown", "not_applicable"}


def test_every_format_is_written_and_reads_back(good: Shell) -> None:
    broken(good.folder)
    out = {
        shape: good("audit", "--from", "broken.json", "--format", shape).out
        for shape in ("text", "json", "markdown", "html", "sarif", "junit")
    }
    assert "FAIL An alarm on the bounce rate" in out["text"]
    assert json.loads(out["json"])["ready"]["percent"] == 99
    assert out["markdown"].startswith("# Audit of example.com")
    assert out["html"].startswith("<!doctype html>")
    results = json.loads(out["sarif"])["runs"][0]["results"]
    assert [one["ruleId"] for one in results if one["kind"] == "fail"] == ["alarms.bounce"]
    assert ET.fromstring(out["junit"]).attrib["failures"] == "1"  # noqa: S314 - our own text


def test_a_report_is_written_to_a_file_and_says_so_on_standard_error(good: Shell) -> None:
    ended = good("audit", "--from", "good.json", "--format", "html", "--output", "audit.html")
    assert (ended.code, ended.out) == (0, "")
    assert "audit.html" in ended.err
    assert (good.folder / "audit.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("kept", ["evidence", "report"])
def test_what_changed_is_told_since_evidence_or_since_a_report(good: Shell, kept: str) -> None:
    broken(good.folder)
    if kept == "report":
        good("audit", "--from", "good.json", "--json", "--output", "old.json")
    else:
        (good.folder / "old.json").write_bytes(GOOD.read_bytes())
    ended = good("audit", "--from", "broken.json", "--diff", "old.json")
    assert "broken  alarms.bounce  eu-west-1  pass -> fail" in ended.out
    changes = json.loads(good("audit", "--from", "broken.json", "--diff", "old.json", "--json").out)["changes"]
    assert [(one["check"], one["kind"]) for one in changes["changes"]] == [("alarms.bounce", "broken")]


def test_a_waiver_lets_ci_pass_and_keeps_the_verdict(good: Shell) -> None:
    broken(good.folder)
    waiver = '[[waivers]]\ncheck = "alarms.bounce"\nreason = "moves to the new account"\nuntil = {}\n'
    (good.folder / "sendworthy.toml").write_text(waiver.format("2026-12-31"))
    ended = good("audit", "--from", "broken.json")
    assert ended.code == 0
    assert "Waived" in ended.out
    assert "moves to the new account (until 2026-12-31)" in ended.out
    (good.folder / "sendworthy.toml").write_text(waiver.format("2026-11-01"))
    ended = good("audit", "--from", "broken.json")
    assert ended.code == 1
    assert "The waiver of alarms.bounce ended on 2026-11-01" in ended.out


def test_a_waiver_of_no_check_is_one_clear_line(good: Shell) -> None:
    (good.folder / "sendworthy.toml").write_text(
        '[[waivers]]\ncheck = "alarm.bounce"\nreason = "x"\nuntil = 2027-01-01\n'
    )
    ended = good("audit", "--from", "good.json")
    assert ended.code == 2
    assert "There is no check `alarm.bounce`" in ended.err


@pytest.mark.parametrize("check", [ALL[0].id, "dkim.verified"])
def test_a_check_explains_itself(shell: Shell, check: str) -> None:
    ended = shell("audit", "--explain", check)
    assert ended.code == 0
    assert f"| id | `{check}` |" in ended.out


def test_a_check_that_is_not_there_is_one_clear_line_with_its_neighbours(shell: Shell) -> None:
    ended = shell("audit", "--explain", "dkim.lenght")
    assert ended.code == 2
    assert "dkim.key_length" in ended.err


def test_a_source_tree_is_looked_at_and_each_sin_named_with_its_line(account: Shell) -> None:
    (account.folder / "shop").mkdir()
    (account.folder / "shop" / "mail.py").write_text('import smtplib\n\nkey = "AKIAABCDEFGHIJKLMNOP"\n')
    ended = account("audit", "fernhill.test", "--source", "shop", "--json")
    found = {one["check"]: one for one in json.loads(ended.out)["findings"]}
    assert found["source.credentials"]["verdict"] == "fail"
    assert found["source.credentials"]["places"] == [{"file": "mail.py", "line": 3}]
    assert "AKIA" not in ended.out


def test_a_message_is_judged(account: Shell) -> None:
    (account.folder / "sendworthy.toml").write_text(MARKETING)
    (account.folder / "news.eml").write_text(NEWS)
    found = {
        one["check"]: one
        for one in json.loads(account("audit", "fernhill.test", "--message", "news.eml", "--json").out)["findings"]
    }
    assert found["unsubscribe.headers"]["verdict"] == "fail"
    assert found["unsubscribe.link"]["what"] == "No visible way to unsubscribe in news.eml."


def test_an_unsubscribe_address_that_does_not_answer_is_unknown(account: Shell) -> None:
    account.set(SENDWORTHY_WEB_CONNECT="127.0.0.1:1")
    ended = account("audit", "fernhill.test", "--probe-unsubscribe", "https://example.com/u/t0ken", "--json")
    (probe,) = (one for one in json.loads(ended.out)["findings"] if one["check"] == "unsubscribe.probe")
    assert probe["verdict"] == "unknown"
    assert "t0ken" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "nothing.json"), "nothing.json cannot be read"),
        (("--from", "good.json", "--diff", "nothing.json"), "nothing.json cannot be read"),
        (("--from", "good.json", "--diff", "noise.json"), "The earlier audit cannot be read"),
        (("--from", "noise.json"), "The evidence file cannot be read"),
        (("--from", "good.json", "--fail-on", "never"), "--fail-on"),
        (("--from", "good.json", "--output", "no/such/folder.txt"), "cannot be written"),
        (("example.com", "--source", "nowhere"), "nowhere is not a folder"),
        (("example.com", "--message", "nothing.eml"), "nothing.eml cannot be read"),
        (("example.com", "--message", "noise.json"), "noise.json is no e-mail message"),
        (("example.com", "--probe-unsubscribe", "mailto:x@example.com"), "no web address"),
    ],
)
def test_a_mistake_is_one_clear_line(good: Shell, arguments: tuple[str, ...], says: str) -> None:
    good.set(AWS_REGION="eu-west-1")
    (good.folder / "noise.json").write_text("noise")
    ended = good("audit", *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert ended.out == ""


# What only the user knows


def test_questions_need_a_terminal_and_a_file(good: Shell) -> None:
    ended = good("audit", "--ask", "--from", "good.json")
    assert ended.code == 2
    assert "no sendworthy.toml" in ended.err
    (good.folder / "sendworthy.toml").write_text(template())
    ended = good("audit", "--ask", "--from", "good.json")
    assert ended.code == 2
    assert f"{len(QUESTIONS)} questions wait" in ended.err


def test_an_answer_is_added_with_its_name_and_day_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "sendworthy.toml"
    path.write_text(template().rstrip("\n"))
    keep_word(path, "payment_verified", Word(answer="yes", by='Ada "the" Byron', on="2026-11-24"))
    keep_word(path, "root_mailbox", Word(answer="Ada, and \\ops", by="Ada", on="2026-11-24"))
    assert path.read_text().startswith(template().rstrip("\n"))
    word = load(path, environ={}).config.word
    assert word.payment_verified == Word(answer="yes", by='Ada "the" Byron', on="2026-11-24")
    assert word.root_mailbox.answer == "Ada, and \\ops"
    assert len(unanswered(word)) == len(QUESTIONS) - 2
    assert [one.name for one in tmp_path.iterdir()] == ["sendworthy.toml"]


def test_an_answer_that_stands_there_already_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "sendworthy.toml"
    text = '[word.payment_verified]\nanswer = ""\n'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"cannot be added"):
        keep_word(path, "payment_verified", Word(answer="yes", by="Ada", on="2026-11-24"))
    assert path.read_text() == text
    assert [one.name for one in tmp_path.iterdir()] == ["sendworthy.toml"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('[word.payment_verified]\nanswer = "yes"\n', "who gave it"),
        ('[word.payment_verified]\nanswer = "maybe"\nby = "A"\non = 2026-11-24\n', "neither yes nor no"),
        ('[word.payment_verified]\nanswer = "yes"\nby = "A"\non = "soon"\n', "is not a date"),
        ('[word.mood]\nanswer = "good"\n', "has no key `mood`"),
    ],
)
def test_a_word_that_cannot_stand_is_one_clear_line(good: Shell, table: str, says: str) -> None:
    (good.folder / "sendworthy.toml").write_text(table)
    ended = good("audit", "--from", "good.json")
    assert ended.code == 2
    assert says in ended.err


def test_on_a_terminal_each_open_question_is_asked_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "sendworthy.toml").write_text('[word.phone_verified]\nanswer = "yes"\nby = "Eve"\non = 2026-01-02\n')
    (tmp_path / "good.json").write_bytes(GOOD.read_bytes())
    ours, theirs = os.openpty()
    answers = ["Ada Byron", "yes", "maybe", "no", *[""] * (len(QUESTIONS) - 3)]
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    asked = [sys.executable, "-m", "sendworthy", "audit", "--ask", "--from", "good.json"]
    ended = subprocess.run(asked, cwd=tmp_path, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert ended.returncode == 0, ended.stderr
    word = load(tmp_path / "sendworthy.toml", environ={}).config.word
    assert (word.payment_verified.answer, word.payment_verified.by) == ("yes", "Ada Byron")
    assert (word.bills_paid.answer, word.other_services.answer) == ("no", "")
    assert word.phone_verified.by == "Eve"
