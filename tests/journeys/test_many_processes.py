"""Processes on one PostgreSQL share SES's rate to the message; `python -m bench.store_rate` does it for longer."""

from __future__ import annotations

import pytest

from bench.store_rate import measure


@pytest.mark.parametrize(("rate", "processes"), [(14.0, 2), (100.0, 4)])
async def test_processes_share_the_rate_and_never_exceed_it(rate: float, processes: int) -> None:
    found = await measure(rate, seconds=4.0, processes=processes, bursts=1000)
    assert found.calls > rate
    assert found.twice == 0
    # By the database's clock. How calls bunch on their way, and the share used, are for the bench on a quiet machine.
    assert found.most_granted <= found.granted_bound
