"""Kills a sending process at each step of a message's way, three times on each store, and counts what is left.

On SQLite also either process of two: the doors, or the worker apart from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.lives import POINTS, a_journey, a_life_apart
from tests.postgres import Server, a_database, a_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 's.db'}"
    return await a_database(request.getfixturevalue("server"))


@pytest.mark.parametrize("step", ["accept", "claim", "wire", "answer"])
async def test_a_process_killed_there_loses_nothing_and_repeats_nothing(url: str, step: str) -> None:
    deaths = [(point, visit) for point in POINTS if point.startswith(step) for visit in (1, 2, 3)]
    counts = await a_journey(url, deaths)
    assert all(counts[word] for word in ("sent", "refused", "suppressed", "expired", "accepted"))


@pytest.mark.parametrize("step", ["accept", "claim", "wire", "answer"])
async def test_one_of_two_processes_killed_there_loses_nothing_and_repeats_nothing(tmp_path: Path, step: str) -> None:
    deaths = [(point, visit) for point in POINTS if point.startswith(step) for visit in (1, 2, 3)]
    counts = await a_journey(f"sqlite:///{tmp_path / 's.db'}", deaths, a_life_apart)
    assert all(counts[word] for word in ("sent", "refused", "suppressed", "expired", "accepted"))
