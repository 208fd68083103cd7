"""What keys with limits of their own may still have, and the pauses. Loads and keeps; pacing decides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from sendworthy.pacing.governor import MINUTE_SECONDS, Policy, State, day_start, rate_now
from sendworthy.pacing.share import Allowed, Share, Used, allow
from sendworthy.store.columns import instant
from sendworthy.store.queues import Queue
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import Pause, PauseScope

_LIMITS = statement("""
SELECT k.access_key_id,
       CASE WHEN k.slow_share IS NULL OR k.rate_share < k.slow_share THEN k.rate_share ELSE k.slow_share END,
       k.daily_cap, coalesce(u.arrival, 0.0)
FROM keys k LEFT JOIN key_use u ON u.access_key_id = k.access_key_id
WHERE k.access_key_id {in} AND (k.rate_share IS NOT NULL OR k.daily_cap IS NOT NULL OR k.slow_share IS NOT NULL)""")
_DAY = statement(
    "SELECT CAST(sum(sent) AS BIGINT), min(minute) FROM key_minutes WHERE access_key_id = ? AND minute > ?"
)
_ARRIVAL = statement("""
INSERT INTO key_use (access_key_id, arrival) VALUES (?, ?)
ON CONFLICT (access_key_id) DO UPDATE SET arrival = excluded.arrival""")
_ADD = statement("""
INSERT INTO key_minutes (access_key_id, minute, sent) VALUES (?, ?, ?)
ON CONFLICT (access_key_id, minute) DO UPDATE SET sent = key_minutes.sent + excluded.sent""")
_FORGET = statement("DELETE FROM key_minutes WHERE access_key_id = ? AND minute < ?")
_LATEST = statement("SELECT max(minute) FROM key_minutes WHERE minute > ?")
_BRING_BACK = statement("""
INSERT INTO key_minutes (access_key_id, minute, sent)
SELECT access_key_id, minute - ?, sent FROM key_minutes WHERE minute > ?
ON CONFLICT (access_key_id, minute) DO UPDATE SET sent = key_minutes.sent + excluded.sent""")
_DROP_AHEAD = statement("DELETE FROM key_minutes WHERE minute > ?")
_PAUSES = statement("SELECT scope, name, reason, at, until FROM pauses WHERE until IS NULL OR until > ?")
_PAUSE = statement("""
INSERT INTO pauses (scope, name, reason, at, until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (scope, name) DO UPDATE SET reason = excluded.reason, at = excluded.at, until = excluded.until""")
_PAUSE_FROM_NOW = statement("""
UPDATE pauses SET until = until - (at - ?), at = ? WHERE at > ? AND until IS NOT NULL""")
_RESUME = statement("DELETE FROM pauses WHERE scope = ? AND name = ?")


@dataclass(slots=True)
class Shares:
    """The limits of some keys within one claim. A key without limits may have all it asks for."""

    now: float
    rate: float
    burst_seconds: float
    _shares: dict[str, tuple[Share, Used]] = field(default_factory=dict)

    def allowed(self, access_key_id: str, wanted: int) -> Allowed:
        """Say how many of `wanted` recipients the key may have now."""
        known = self._shares.get(access_key_id)
        if known is None:
            return Allowed(granted=wanted, arrival=0.0)
        return allow(*known, wanted, self.now, rate=self.rate, burst_seconds=self.burst_seconds)

    def bound(self, own: Own) -> None:
        """Keep the arrival of a key that a clock since set back had put far ahead: it would wait for it anew each time.

        Whoever was granted something keeps it by `take`.
        """
        for key, (share, used) in self._shares.items():
            arrival = self.allowed(key, 0).arrival
            if arrival < used.arrival:
                own.run(_ARRIVAL, key, arrival)
                self._shares[key] = (share, replace(used, arrival=arrival))

    def take(self, own: Own, access_key_id: str, granted: int) -> None:
        """Keep that a key was granted so many."""
        known = self._shares.get(access_key_id)
        if known is None or not granted:
            return
        taken = self.allowed(access_key_id, granted)
        if known[0].rate_share is not None:
            own.run(_ARRIVAL, access_key_id, taken.arrival)
        if known[0].daily_cap is not None:
            minute = int(self.now // MINUTE_SECONDS)
            own.run(_ADD, access_key_id, minute, granted)
            own.run(_FORGET, access_key_id, minute - 2 * 24 * 60)


def load(own: Own, keys: Collection[str], state: State | None, now: float, policy: Policy) -> Shares:
    """Load the limits of some keys."""
    rate = rate_now(state, now, policy) if state else 0.0
    shares = Shares(now=now, rate=rate, burst_seconds=policy.burst_seconds)
    since = int(day_start(now) // MINUTE_SECONDS)
    for key, rate_share, daily_cap, arrival in own.all(_LIMITS, sorted(keys)) if keys else ():
        sent, oldest = (own.one(_DAY, key, since) or (0, None)) if daily_cap is not None else (0, None)
        used = Used(arrival=arrival, sent=sent or 0, oldest=None if oldest is None else float(oldest * MINUTE_SECONDS))
        shares._shares[key] = (Share(rate_share=rate_share, daily_cap=daily_cap), used)  # noqa: SLF001 - its own loader
    return shares


def after_a_step_back(own: Own, at: int, ahead: int) -> None:
    """Bring back to now, `at`, what keys used and what was paused beyond `ahead` (stored microseconds).

    It was written before the clock was set back.
    """
    minute, beyond = (one // (MINUTE_SECONDS * 1_000_000) for one in (at, ahead))
    latest = own.one(_LATEST, beyond)
    if latest is not None and latest[0] is not None:
        own.run(_BRING_BACK, latest[0] - minute, beyond)
        own.run(_DROP_AHEAD, beyond)
    own.run(_PAUSE_FROM_NOW, at, at, ahead)


def pauses(own: Own, at: int) -> tuple[Pause, ...]:
    """List the pauses in force."""
    return tuple(_pause(row) for row in own.all(_PAUSES, at))


def pause(own: Own, given: Pause, at: int, until: int | None) -> None:
    """Hold back a scope; a second pause of it replaces the first."""
    own.run(_PAUSE, given.scope, given.name, given.reason, at, until)


def resume(own: Own, scope: PauseScope, name: str) -> bool:
    """End a pause; say whether there was one."""
    return own.run(_RESUME, scope, name) > 0


def paused(queue: Queue, among: Collection[Pause]) -> Pause | None:
    """Give the pause that holds a queue back, None when it may go."""
    names = {
        PauseScope.ACCOUNT: "",
        PauseScope.STREAM: queue.stream.value,
        PauseScope.CONFIGURATION_SET: queue.configuration_set,
        PauseScope.KEY: queue.access_key_id,
    }
    return next((one for one in among if names[one.scope] == one.name), None)


def _pause(row: Any) -> Pause:
    return Pause(
        scope=PauseScope(row[0]),
        name=row[1],
        reason=row[2],
        at=instant(row[3]),
        until=None if row[4] is None else instant(row[4]),
    )
