"""The governor's state as tests of other ways out want it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Lane, Store


def relay_state(at: datetime) -> State:
    """A relay of fifty messages a day, known since an instant."""
    quota = Quota(
        max_24_hour_send=50,
        max_send_rate=100,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=at.timestamp(),
    )
    return State(quota=quota)


async def change(store: Store, lane: Lane, **fields: Any) -> None:
    """Change fields of a state that is known, or of its quota."""

    def by(known: State | None) -> State:
        assert known is not None
        quota = {name: value for name, value in fields.items() if hasattr(known.quota, name)}
        rest = {name: value for name, value in fields.items() if name not in quota}
        return replace(known, quota=replace(known.quota, **quota), **rest)

    await store.change_governor(lane, by)
