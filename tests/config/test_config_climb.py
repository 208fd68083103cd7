"""The warm-up's table: what may be in it, and everything wrong told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendworthy.app.ramp import ramp_of
from sendworthy.config import Config, ConfigProblems, load


def read(folder: Path, text: str) -> Config:
    (folder / "sendworthy.toml").write_text(text, "utf-8")
    return load(folder / "sendworthy.toml", {}).config


def wrongs(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigProblems) as caught:
        read(folder, text)
    return [f"{one.line}: {one.what} {one.fix}" for one in caught.value.problems]


def test_there_is_no_warm_up_until_it_is_started(tmp_path: Path) -> None:
    assert ramp_of(read(tmp_path, "[ramp]\ntarget = 5000\n")) is None
    made = ramp_of(read(tmp_path, "[ramp]\nstarted = 2026-12-01\ntarget = 5000\n"))
    assert made is not None
    assert (made.started.isoformat(), made.first_day, made.target, made.days) == ("2026-12-01", 200, 5000, 21)


def test_every_value_out_of_range_is_told_at_once(tmp_path: Path) -> None:
    text = (
        '[ramp]\nstarted = "soon"\nfirst_day = 0\ntarget = -1\ndays = 1\ngrowth = 9\nfrom_hour = 24\nto_hour = 0\n'
        "enough = 2\n"
    )
    found = wrongs(tmp_path, text)
    assert [one.partition(":")[0] for one in found] == [str(line) for line in range(2, 10)]
    assert "`soon` is not a date." in found[0]
    assert "Write recipients from 1 to 1,000,000." in found[1]


def test_what_does_not_fit_together_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "[store]\nkeep_records_days = 30\n[ramp]\nstarted = 2026-12-01\nfirst_day = 9000\ntarget = 5000\n"
        "from_hour = 20\nto_hour = 8\n"
    )
    found = wrongs(tmp_path, text)
    assert [one.partition(":")[0] for one in found] == ["5", "8", "2"]
    assert "Start low" in found[0]
    assert "Bulk mail would have no hour to go." in found[1]
    assert "Write keep_records_days = 150 or more." in found[2]


def test_a_warm_up_needs_to_know_where_it_leads(tmp_path: Path) -> None:
    [found] = wrongs(tmp_path, "[ramp]\nstarted = 2026-12-01\n")
    assert found.startswith("2: The warm-up has no target.")
    assert "sendworthy ramp plan" in found


def test_a_day_that_bulk_mail_alone_can_never_fill_is_told(tmp_path: Path) -> None:
    [found] = wrongs(tmp_path, "[ramp]\nstarted = 2026-12-01\ntarget = 5000\nenough = 0.95\n")
    assert "could never fill a day" in found
    fits = "[policy]\ntransactional_reserve = 0.0\n[ramp]\nstarted = 2026-12-01\ntarget = 5000\nenough = 1.0\n"
    assert read(tmp_path, fits).ramp.enough == 1.0
