"""Counts messages by what they are like, over all processes, and says when it is enough. Knows not what is counted.

Counting and keeping a message are one transaction: each name's rows are locked until the commit, so that no two
processes let the last one through. An hour is counted by whole minutes, so that what went is forgotten up to a minute
late and never early. What was counted in what is now the future, before the clock was set back, does not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sendworthy.store.statement import Own, statement
from sendworthy.store.values import NewMessage

MINUTES: Final = 60
"""So long is counted: this minute, and as many before it."""

FORGET_BATCH: Final = 5_000

_BEGIN = statement("INSERT INTO tallies (name, minute, counted) VALUES (?, ?, 0) ON CONFLICT DO NOTHING")
COUNTED = statement("""
SELECT name, counted FROM tallies WHERE name {in} AND minute BETWEEN ? AND ? ORDER BY name, minute {locked}""")
_ADD = statement("UPDATE tallies SET counted = counted + ? WHERE name = ? AND minute = ?")
FORGET = statement("""
DELETE FROM tallies WHERE (name, minute) IN (
    SELECT name, minute FROM tallies WHERE minute < ? ORDER BY minute LIMIT ?)""")


class Tallying:
    """The counts of one transaction: `take` message by message, then `keep`."""

    def __init__(self, own: Own, messages: Sequence[NewMessage], now: datetime) -> None:
        self._own = own
        self._minute = _minute(now)
        self._counted: Counter[str] = Counter()
        self._fresh: Counter[str] = Counter()
        names = sorted({one.name for message in messages for one in message.capped})
        if not names:
            return
        own.many(_BEGIN, [(name, self._minute) for name in names])  # a row to lock, for a name that is new to all
        for name, counted in own.all(COUNTED, names, self._minute - MINUTES, self._minute + 1):
            self._counted[name] += counted

    def take(self, message: NewMessage) -> str:
        """Count a message; gives the name of which there are enough already, and then nothing of it is counted."""
        for one in message.capped:
            if self._counted[one.name] >= one.most:
                return one.name
        for one in message.capped:
            self._counted[one.name] += 1
            self._fresh[one.name] += 1
        return ""

    def keep(self) -> None:
        """Write what was counted."""
        self._own.many(_ADD, [(counted, name, self._minute) for name, counted in sorted(self._fresh.items())])


def forget(own: Own, now: datetime) -> int:
    """Delete what counts no more, a bounded number of rows; gives how many."""
    return own.run(FORGET, _minute(now) - MINUTES - 1, FORGET_BATCH)


def _minute(now: datetime) -> int:
    return int(now.timestamp() // 60)
