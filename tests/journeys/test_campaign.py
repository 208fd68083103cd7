"""The campaign of killed processes: what it draws, what it remembers, and when it says that something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.campaign import ENOUGH_RUNS, Record, Run, arguments, closing, deaths, main, verdict, visits
from tests.journeys.lives import POINTS


def runs(count: int, **fields: object) -> list[Run]:
    given = {"store": "sqlite", "counts": {"sent": 5}} | fields
    return [Run(**({"seed": seed, "deaths": deaths(seed)} | given)) for seed in range(1, count + 1)]  # type: ignore[arg-type]  # a dict of mixed values


def test_a_seed_draws_the_same_deaths_and_a_thousand_seeds_every_point_often() -> None:
    assert deaths(7) == deaths(7)
    assert {1, 2, 3} == {visit for seed in range(100) for _, visit in deaths(seed)}
    assert min(visits(runs(1000))[point] for point in POINTS) > 150


def test_a_campaign_in_which_every_run_was_right_and_every_point_was_hit_is_right() -> None:
    assert verdict(runs(ENOUGH_RUNS)) == []


def test_a_run_that_failed_is_told_with_its_seed_and_where_it_died() -> None:
    [told] = verdict([Run(store="sqlite", seed=42, deaths=[("wire.after", 2)], wrong="sent twice, and not marked")])
    assert told == "seed 42 (sqlite): sent twice, and not marked; died at [('wire.after', 2)]"


def test_a_point_that_was_passed_by_fails_a_campaign_of_two_hundred_and_no_smaller_one() -> None:
    elsewhere = [("wire.before", 1)]
    told = verdict(runs(ENOUGH_RUNS, deaths=elsewhere))
    assert f"answer.after_commit was visited 0 times in {ENOUGH_RUNS} runs" in told
    assert len(told) == len(POINTS) - 1
    assert verdict(runs(ENOUGH_RUNS - 1, deaths=elsewhere)) == []


def test_the_closing_line_counts_each_point_and_status() -> None:
    said = closing(runs(3, deaths=[("wire.after", 1)]), arguments(["--runs", "9"]), 2.0)
    assert said.startswith("3 of 9 runs on sqlite (2 s now), 0 failed; sent 15\n")
    assert "wire.after 3" in said
    assert "wire.before 0" in said


def test_a_campaign_that_was_stopped_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "campaign.jsonl"
    command = ["--runs", "2", "--jobs", "2", "--record", str(path)]
    assert main(command) == 0
    first = path.read_text()
    assert len(first.splitlines()) == 2
    with path.open("a") as file:
        file.write('{"store": "sqlite", "seed": 3, "dea')  # killed while it wrote
    assert main([*command[2:], "--runs", "3"]) == 0
    assert path.read_text().startswith(first)
    assert [run.seed for run in Record(path).runs[2:]] == [3]
    assert capsys.readouterr().out.count("3 of 3 runs on sqlite") == 1


def test_a_run_on_record_as_failed_is_not_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "campaign.jsonl"
    Record(path).add(Run(store="sqlite", seed=1, deaths=[("wire.after", 1)], wrong="lost"))
    assert main(["--runs", "1", "--record", str(path)]) == 1
    assert "seed 1 (sqlite): lost" in capsys.readouterr().err


@pytest.mark.parametrize("letter", ["Dear Ann\n", "Dear Ann", '{"store": "sqlite"}\n'])
def test_a_file_that_is_no_record_is_told_in_one_line_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], letter: str
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text(letter)
    assert main(["--record", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert path.read_text() == letter


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--jobs", "x"], ["--store", "mysql"]])
def test_a_wrong_command_line_ends_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
