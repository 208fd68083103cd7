"""The simulated clock: set, advanced, or running at a factor. Knows nothing of what happens while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

END = datetime(9000, 1, 1, tzinfo=UTC)
"""Where simulated time ends: far enough from the last date there is that rules may plan beyond it."""


class SimulatedClock:
    """Aware UTC that runs `factor` simulated seconds per wall second; 0 stands still until advanced.

    `monotonic` gives wall seconds from any origin. Never goes back by itself; `set` may move it either way.
    Safe to use from several threads.
    """

    def __init__(self, *, start: datetime, factor: float = 1.0, monotonic: Callable[[], float]) -> None:
        if start.tzinfo is None:
            raise ValueError("the simulated clock needs an aware time")
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._factor = _checked(factor)
        self._origin = start.astimezone(UTC)
        self._wall = monotonic()

    @property
    def factor(self) -> float:
        """Simulated seconds per wall second."""
        return self._factor

    def now(self) -> datetime:
        """Return the simulated time."""
        with self._lock:
            return self._read()

    def advance(self, seconds: float) -> datetime:
        """Move on by `seconds` (not negative) and return the new time."""
        if not 0 <= seconds < 10**10:
            raise ValueError("a clock advances by 0 or more seconds")
        with self._lock:
            return self._restart(self._read() + timedelta(seconds=seconds))

    def set(self, to: datetime) -> datetime:
        """Jump to an aware time and return it."""
        if to.tzinfo is None:
            raise ValueError("the simulated clock needs an aware time")
        with self._lock:
            return self._restart(to.astimezone(UTC))

    def run_at(self, factor: float) -> datetime:
        """Change the factor from now on and return the time."""
        with self._lock:
            now = self._restart(self._read())
            self._factor = _checked(factor)
            return now

    def _read(self) -> datetime:
        if not self._factor:
            return self._origin
        return min(END, self._origin + timedelta(seconds=(self._monotonic() - self._wall) * self._factor))

    def _restart(self, at: datetime) -> datetime:
        if at > END:
            raise ValueError(f"the simulated clock ends at {END:%Y-%m-%d}")
        self._origin, self._wall = at, self._monotonic()
        return at


def _checked(factor: float) -> float:
    if not 0 <= factor <= 1_000_000:
        raise ValueError("a clock factor is between 0 and 1,000,000")
    return factor
