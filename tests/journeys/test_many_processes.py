"""Processes on one PostgreSQL share SES's rate to the message; `python -m bench.store_rate` does it for longer."""

from __future__ import annotations

import pytest

from bench.store_rate import measure


@pytest.mark.parametrize(("rate", "processes"), [(14.0, 2), (100.0, 4)])
async def test_processes_share_the_rate_and_never_exceed_it(rate: float, processes: int) -> None:
    found = await measure(rate, seconds=4.0, processes=processes)
    assert (found.throttles, found.twice) == (0, 0)
    assert found.most <= found.allowed
    # The bench asks for 0.99; a machine that runs the whole suite at the same time may wake a process late.
    assert found.used >= 0.9
