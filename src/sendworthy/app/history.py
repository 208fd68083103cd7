"""Takes the history from elsewhere into the store, and hands it to the claims. Opens no file."""

from __future__ import annotations

from collections.abc import Sequence

from sendworthy.access.claims import Proof
from sendworthy.access.history import Month, history_proof
from sendworthy.access.history_files import read_files
from sendworthy.app.parts import WALL, Clock
from sendworthy.store.store import Store


async def take_in(
    store: Store,
    files: Sequence[tuple[str, bytes]],
    *,
    source: str = "",
    complete: bool = False,
    replace: bool = False,
    clock: Clock = WALL,
) -> tuple[Month, ...]:
    """Read files (name and content) and keep their months, all or none; give them as they are on record now.

    Raises ConfigError naming the file and line, or the month on record that differs.
    """
    told = read_files(files, today=clock.now().date(), source=source, complete=complete)
    return await store.usage.put_months(told, replace=replace)


async def proof_of_history(store: Store, *, region: str) -> Proof | None:
    """Give the history on record as a proof for claims about `region`; None when there is none."""
    at = await store.usage.months_at()
    return None if at is None else history_proof(await store.usage.months(), region=region, at=at)
