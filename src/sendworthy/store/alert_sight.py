"""Gathers, at one instant, all that alerts are about; and of each alert, who was told. Judges nothing.

Every look is a search in an index or over a small table, since it is made several times a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from sendworthy.store import permits, remember, shares
from sendworthy.store.alerting import NoticeState, Sight, Telling, ToldTo
from sendworthy.store.barred import SOURCE
from sendworthy.store.columns import instant, micros
from sendworthy.store.statement import Own, own, statement
from sendworthy.store.values import Lane, PauseScope, key_name

_UNCERTAIN = statement("SELECT count(*) FROM deliveries d WHERE d.status = 'uncertain' AND d.changed_at >= ?")
_HEARD = statement("SELECT received_at FROM events WHERE source <> ? ORDER BY received_at DESC LIMIT 1")
_WENT = statement("""
SELECT CAST(sum(sent) AS BIGINT) FROM minutes WHERE account = ? AND region = ? AND minute > ? AND minute < ?""")
_PARKED = statement("SELECT count(*) FROM (SELECT 1 FROM parked WHERE at >= ? LIMIT 1000) AS bounded")
_DEAD = statement("SELECT target, count(*) FROM forwards WHERE due_at IS NULL GROUP BY target ORDER BY target")
_CHECKED = statement("""
SELECT data FROM proofs WHERE kind = 'completeness.checked' AND subject = ? ORDER BY seq DESC LIMIT 1""")
_RELAYED = statement("""
SELECT region, CAST(sum(sent) AS BIGINT) FROM minutes WHERE account = 'relay' AND minute >= ?
GROUP BY region HAVING sum(sent) > 0 ORDER BY region""")
_WAITING = statement("SELECT 1 FROM deliveries WHERE due_at IS NOT NULL LIMIT 1")

_TOLD = statement("""
SELECT n.alert_id, n.target, n.what, n.state, n.attempts, n.error,
       (SELECT max(t.ended_at) FROM notices t
        WHERE t.alert_id = n.alert_id AND t.target = n.target AND t.state = 'taken')
FROM alerts a JOIN notices n ON n.alert_id = a.id
WHERE (a.cleared_at IS NULL OR a.cleared_at >= ?) AND NOT EXISTS (
    SELECT 1 FROM notices l WHERE l.alert_id = n.alert_id AND l.target = n.target AND l.id > n.id)
ORDER BY n.alert_id, n.target""")

UNHEARD_AFTER: Final = timedelta(minutes=30)
"""SES publishes events within seconds; a delivery itself is tried for hours, but its Send event comes at once."""

_DAY: Final = timedelta(days=1)


def look(connection: Connection, lane: Lane, now: datetime, crowded: str) -> Sight:
    """Look at one account in one Region, and at what the whole store has in common."""
    mine = own(connection)
    pauses = shares.pauses(mine, micros(now))
    keys = {one.access_key_id: one for one in remember.keys(connection) if one.revoked_at is None}
    stopped = {one.name: one.reason for one in pauses if one.scope is PauseScope.KEY}
    heard = mine.one(_HEARD, SOURCE)
    heard_at = instant(heard[0]) if heard else None
    checked = mine.one(_CHECKED, f"{lane.account}/{lane.region}")
    sight = Sight(
        at=now,
        waiting=mine.one(_WAITING) is not None,
        stopped_keys=tuple(
            (key_name(keys[name]) if name in keys else name, name, why) for name, why in sorted(stopped.items())
        ),
        slowed_keys=tuple(
            (key_name(one), f"{one.slow_share:.0%}")
            for name, one in sorted(keys.items())
            if one.slow_share is not None and name not in stopped
        ),
        stopped_streams=tuple(sorted(one.name for one in pauses if one.scope is PauseScope.STREAM)),
        paused_sets=tuple(sorted(one.name for one in pauses if one.scope is PauseScope.CONFIGURATION_SET)),
        in_doubt=_count(mine.one(_UNCERTAIN, micros(now - timedelta(hours=1)))),
        sent_unheard=_unheard(mine, lane, now, heard_at),
        heard_at=heard_at,
        parked=_count(mine.one(_PARKED, micros(now - _DAY))),
        dead_letters={str(row[0]): int(row[1]) for row in mine.all(_DEAD)},
        relayed={str(row[0]): int(row[1]) for row in mine.all(_RELAYED, int(now.timestamp() // 60) - 10)},
        checked=str(msgspec.json.decode(checked[0]).get("verdict", "")) if checked else "",
        crowded=crowded,
    )
    return _with_account(mine, lane, sight)


def told(connection: Connection, cleared_since: datetime) -> tuple[ToldTo, ...]:
    """Say of the open alerts, and of those that ended since an instant, which target was told of which."""
    return tuple(
        ToldTo(
            alert_id=row[0],
            target=row[1],
            what=Telling(row[2]),
            state=NoticeState(row[3]),
            attempts=row[4],
            error=row[5],
            told_at=None if row[6] is None else instant(row[6]),
        )
        for row in own(connection).all(_TOLD, micros(cleared_since))
    )


def _with_account(mine: Own, lane: Lane, sight: Sight) -> Sight:
    """Add what is known of the account's quota; nothing is, while it was never read."""
    state = permits.load(mine, lane)
    if state is None:
        return sight
    at, quota = sight.at.timestamp(), state.quota
    told = quota.sent_last_24_hours + (state.granted - state.granted_at_reading)
    return replace(
        sight,
        enforcement=quota.enforcement,
        sending_enabled=quota.sending_enabled,
        breaker=state.breaker,
        read_at=datetime.fromtimestamp(quota.read_at, UTC),
        used=max(told, permits.day(mine, lane, at).sent),
        limit=quota.max_24_hour_send,
        day_blocked=at < state.day_blocked_until,
    )


def _unheard(mine: Own, lane: Lane, now: datetime, heard_at: datetime | None) -> int:
    """Count what went after the last event and within the day, up to when its own events should have been here."""
    since = max(heard_at or now - _DAY, now - _DAY)
    until = now - UNHEARD_AFTER
    if since >= until:
        return 0
    minutes = int(since.timestamp() // 60), int(until.timestamp() // 60)
    return _count(mine.one(_WENT, lane.account, lane.region, *minutes))


def _count(row: Sequence[Any] | None) -> int:
    return int(row[0] or 0) if row else 0
