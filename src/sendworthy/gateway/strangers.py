"""Tells the log of callers whose key or signature was not good, a line a minute at most. Counting is the meter's part.

A wrong key in an application is found by its owner in this line; whoever tries keys by the thousand fills no disk.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)

_EVERY_SECONDS = 60.0
_NAME = re.compile(r"[A-Z0-9]{16,32}")
"""How AWS and this gateway name keys. A secret that somebody took for the name must not get into the log."""


class Strangers:
    """The refused callers of one door, such as `ses_v2`. `monotonic` gives seconds."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def note(self, door: str, why: str, access_key_id: str) -> None:
        """Note one, by what it called itself; what is no name of a key is not repeated in the log."""
        now = self._monotonic()
        if door in self._told and now - self._told[door] < _EVERY_SECONDS:
            self._untold[door] = self._untold.get(door, 0) + 1
            return
        self._told[door] = now
        others = self._untold.pop(door, 0)
        who = f"key {access_key_id}" if _NAME.fullmatch(access_key_id) else "a caller without a key's name"
        before = f"; {others} more before" if others else ""
        _LOG.warning("%s: %s was refused (%s)%s", door, who, why, before)
