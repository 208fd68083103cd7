"""How long a target of events is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendworthy.app.forward import Target
from sendworthy.store.heard import Forwarding

NOW = datetime(2026, 5, 4, tzinfo=UTC)


async def taken(body: str, one: Forwarding) -> None:
    """Take it."""


@pytest.mark.parametrize(
    ("until", "down"),
    [
        (None, False),
        (timedelta(seconds=-1), False),
        (timedelta(seconds=5), True),
        (timedelta(hours=1), True),
        (timedelta(hours=25), False),  # the clock was set back since
    ],
)
def test_a_target_that_failed_is_left_alone_for_an_hour_at_most(until: timedelta | None, *, down: bool) -> None:
    target = Target(deliver=taken, down_until=None if until is None else NOW + until)
    assert target.down(NOW) is down
