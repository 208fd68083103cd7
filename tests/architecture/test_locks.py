from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)


def pins(name: str) -> set[tuple[str, str]]:
    return set(_PIN.findall((ROOT / name).read_text()))


def test_what_runs_is_locked_to_what_was_tested() -> None:
    run = pins("requirements-run.lock")
    assert ("msgspec", dict(run)["msgspec"]) in run
    assert run < pins("requirements.lock")


def test_a_running_program_brings_no_test_tools() -> None:
    assert not {"pytest", "moto", "hypothesis", "django", "boto3"} & dict(pins("requirements-run.lock")).keys()
