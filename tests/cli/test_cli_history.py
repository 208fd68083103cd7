"""`sendworthy history`: files in, months on record, and every bad file told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

CSV = "date,sent,hard_bounces,complaints\n2026-08-01,1000,5,0\n2026-09-01,2000,6,1\n"


@pytest.fixture
def file(shell: Shell) -> Path:
    path = shell.folder / "sent.csv"
    path.write_text(CSV)
    return path


def test_an_import_is_shown_by_month_and_kept(shell: Shell, file: Path) -> None:
    ended = shell("history", "import", str(file), "--source", "Mailchimp")
    assert ended.code == 0
    assert ended.out.splitlines()[2].split() == [
        *("Mailchimp", "2026-09", "2,000", "6", "0.30%", "1", "0.050%"),
        *("1", "to", "1"),
    ]
    shown = json.loads(shell("history", "show", "--json").out)
    assert shown["schema"] == "sendworthy.history/1"
    assert [(one["month"], one["sent"]) for one in shown["months"]] == [("2026-08", 1000), ("2026-09", 2000)]


def test_the_same_file_again_changes_nothing_and_other_figures_are_asked_about(shell: Shell, file: Path) -> None:
    shell("history", "import", str(file), "--source", "Mailchimp")
    assert shell("history", "import", str(file), "--source", "Mailchimp").code == 0
    file.write_text(CSV.replace("2000", "3000"))
    ended = shell("history", "import", str(file), "--source", "Mailchimp")
    assert ended.code == 2
    assert ended.complaints[0] == ("sendworthy: Mailchimp in 2026-09 is on record with 2,000 sent, not 3,000.")
    assert shell("history", "import", str(file), "--source", "Mailchimp", "--replace").code == 0
    assert "3,000" in shell("history", "show").out


def test_a_bad_file_is_told_by_its_line_and_nothing_is_kept(shell: Shell, file: Path) -> None:
    file.write_text(CSV + "yesterday,1,0,0\n")
    ended = shell("history", "import", str(file))
    assert ended.code == 2
    assert ended.complaints[0] == "sendworthy: sent.csv, line 4: its date 'yesterday' cannot be read."
    assert "no history" in shell("history", "show").out


def test_a_file_that_is_not_there_is_told(shell: Shell) -> None:
    ended = shell("history", "import", "nothing.csv")
    assert ended.code == 2
    assert "nothing.csv cannot be read" in ended.complaints[0]


def test_a_source_can_be_removed(shell: Shell, file: Path) -> None:
    shell("history", "import", str(file), "--source", "Mailchimp")
    assert shell("history", "remove", "Postmark").code == 1
    assert "2 months of Mailchimp" in shell("history", "remove", "Mailchimp").out
    assert "no history" in shell("history", "show").out
