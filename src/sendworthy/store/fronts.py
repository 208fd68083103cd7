"""Where busy queues begin, so that a claim need not step over what has gone from them. Knows no statement.

PostgreSQL leaves an index entry behind each row that was claimed, until it vacuums: by default when a fifth of the
table has changed, which in a large table is after a day's mail. Whoever looks for the first that waits steps over all
of them, unless he remembers where it was. Nothing becomes due before now, so what was empty once stays empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

BUSY: Final = 1_000
"""Claims from one queue by this process after which its front is worth remembering: a dozen index pages."""

MOST: Final = 8
"""So many fronts at most: each costs a claim two index searches."""

_SECOND: Final = 1_000_000
_SLOWEST: Final = 120 * _SECOND
"""So long before it commits may a transaction have read the clock: later than this before now all is visible."""

_WHOLE: Final = 60 * _SECOND
"""So often everything is looked at again. What the rule above should have missed waits no longer."""

Front = tuple[int, str, int]
"""Rank, queue, and the stored instant before which nothing waits in it."""

Found = tuple[int, str, int | None]
"""Rank, queue, and when its first is due; None when nothing waits in it."""


class Fronts:
    """One process's memory of the queues that it claims much from. Instants are stored microseconds."""

    def __init__(self) -> None:
        self._busy: list[Front] = []
        self._claimed: Counter[tuple[int, str]] = Counter()
        self._whole_at: int | None = None

    def begin(self, at: int) -> Sequence[Front]:
        """Give the busy queues in the order in which the database has them.

        A clock that was set back makes no mail invisible: what is due now is never before a front.
        """
        if self._whole_at is None or not 0 <= at - self._whole_at < _WHOLE:
            self._whole_at = at
            return [(rank, name, 0) for rank, name, _ in self._busy]
        return [(rank, name, min(front, at - _SLOWEST)) for rank, name, front in self._busy]

    def learn(self, found: Iterable[Found], at: int) -> None:
        """Keep what a walk over all queues found, in its order; the busiest are remembered."""
        every = [(rank, name, at if first_due is None else first_due) for rank, name, first_due in found]
        busiest = {key for key, count in self._claimed.most_common(MOST) if count >= BUSY}
        self._busy = [(rank, name, min(due, at - _SLOWEST)) for rank, name, due in every if (rank, name) in busiest]

    def claimed(self, rank: int, name: str, count: int) -> None:
        """Note that so many rows of a queue were claimed."""
        self._claimed[rank, name] += count
        if len(self._claimed) > 100 * MOST:  # names of queues come from callers: the busiest are enough
            self._claimed = Counter(dict(self._claimed.most_common(10 * MOST)))
