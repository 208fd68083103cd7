"""Alerts on record: opened once for each cause, cleared when it is gone, and told to each target until it takes them.

Knows no target's address and no rule of what is alarming.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from sendworthy.store import alert_sight, jobs, shares
from sendworthy.store.alerting import (
    LOOKED_FOR_DAILY,
    OF_THE_ACCOUNT,
    Alert,
    AlertKind,
    Notice,
    NoticeState,
    Sight,
    StoredAlert,
    TargetRecord,
    Telling,
    ToldTo,
)
from sendworthy.store.columns import instant, micros
from sendworthy.store.engine import Engine
from sendworthy.store.room import Room
from sendworthy.store.statement import Own, own, statement
from sendworthy.store.values import Fence, Lane, Pause

_COLUMNS: Final = (
    "a.id, a.kind, a.subject, a.level, a.happened, a.to_do, a.opened_at, a.seen_at, a.told_at, a.cleared_at"
)

_OPEN = statement("SELECT id, seen_at FROM alerts WHERE kind = ? AND subject = ? AND cleared_at IS NULL")
_INSERT = statement("""
INSERT INTO alerts (kind, subject, level, happened, to_do, opened_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING""")
_SEEN = statement("UPDATE alerts SET seen_at = ?, happened = ?, to_do = ? WHERE id = ? AND cleared_at IS NULL")
_EVERY_OPEN = statement("SELECT id, kind, subject, seen_at FROM alerts WHERE cleared_at IS NULL ORDER BY id")
_CLEAR = statement("UPDATE alerts SET cleared_at = ? WHERE id = ? AND cleared_at IS NULL")

_TO_TELL = statement(f"""
SELECT {_COLUMNS} FROM alerts a
WHERE (a.cleared_at IS NULL AND (a.told_at IS NULL OR a.told_at <= ?)) OR (a.cleared_at IS NOT NULL AND NOT a.closed)
ORDER BY a.id LIMIT 100 {{locked}}""")  # noqa: S608 - constants
_TOLD = statement("UPDATE alerts SET told_at = ?, closed = cleared_at IS NOT NULL WHERE id = ?")
_OVERTAKE = statement("""
UPDATE notices SET state = 'overtaken', due_at = NULL, ended_at = ?
WHERE alert_id = ? AND target = ? AND state = 'waiting'""")
_ON_ITS_WAY = statement("SELECT 1 FROM notices WHERE alert_id = ? AND target = ? AND state = 'waiting' LIMIT 1")
_NOTICE = statement("""
INSERT INTO notices (alert_id, target, what, state, created_at, due_at, attempts, error)
VALUES (?, ?, ?, 'waiting', ?, ?, 0, '')""")

NOTICES_DUE = statement("""
SELECT d.id FROM notices d WHERE d.due_at IS NOT NULL AND d.due_at <= ? ORDER BY d.due_at, d.id LIMIT ? {skipping}""")
_LEASE = statement("UPDATE notices SET due_at = ?, attempts = attempts + 1 WHERE id = ? AND due_at IS NOT NULL")
_ONE = statement(f"""
SELECT n.id, n.target, n.what, n.created_at, n.attempts, {_COLUMNS}
FROM notices n JOIN alerts a ON a.id = n.alert_id WHERE n.id = ?""")  # noqa: S608 - constants
_END = statement("""
UPDATE notices SET state = ?, due_at = NULL, ended_at = ?, error = ? WHERE id = ? AND attempts = ? AND state = 'waiting'
""")
_LATER = statement("UPDATE notices SET due_at = ?, error = ? WHERE id = ? AND attempts = ? AND state = 'waiting'")

_LIST = statement(f"""
SELECT {_COLUMNS} FROM alerts a WHERE a.cleared_at IS NULL OR a.cleared_at >= ?
ORDER BY a.id DESC LIMIT ?""")  # noqa: S608 - constants
_BY_TARGET = statement("""
SELECT target, CAST(sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END) AS BIGINT),
       CAST(sum(CASE WHEN state = 'given_up' THEN 1 ELSE 0 END) AS BIGINT),
       max(CASE WHEN state = 'taken' THEN ended_at END)
FROM notices GROUP BY target ORDER BY target""")
_LAST_TRIED = statement("""
SELECT n.target, n.error FROM notices n
WHERE n.id IN (SELECT max(id) FROM notices WHERE attempts > 0 AND state <> 'overtaken' GROUP BY target)""")

_ADDRESS: Final = re.compile(r"[^\s@<>()]+@[^\s@<>()]+")
_REFRESH: Final = timedelta(minutes=1)
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """One alert that was put on its way, and what is said of it."""

    alert: StoredAlert
    what: Telling


class Alerts:
    """The alerts of one store. What writes returns after the commit; all raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], room: Room) -> None:
        self._engine = engine
        self._now = now
        self._room = room

    async def see(self, alerts: Iterable[Alert]) -> int:
        """Say that something is so, as often as it is seen; give how many are news."""
        holding, now = tuple(alerts), self._now()
        if not holding:
            return 0
        return await self._engine.write("alert", lambda connection: see(own(connection), holding, now))

    async def over(self, kind: AlertKind, *, but: Collection[str] = ()) -> int:
        """End the alerts of a kind whose subjects are none of `but`; give how many."""
        now = self._now()

        def work(connection: Connection) -> int:
            mine = own(connection)
            return sum(
                mine.run(_CLEAR, micros(now), number)
                for number, word, subject, _ in mine.all(_EVERY_OPEN)
                if word == kind and subject not in but
            )

        return await self._engine.write("alert", work)

    async def settle(self, account: str, *, after: timedelta, fence: Fence | None = None) -> int:
        """End what nobody has seen for `after`; give how many. Raises Superseded.

        `account` is the subject of the one account in one Region that the caller watches: of others it says nothing.
        """
        now = self._now()

        def work(connection: Connection) -> int:
            mine = own(connection)
            jobs.check(mine, fence)
            unseen = [
                number
                for number, word, subject, seen_at in mine.all(_EVERY_OPEN)
                if seen_at <= micros(now - after)
                and word not in LOOKED_FOR_DAILY
                and (word not in OF_THE_ACCOUNT or subject == account)
            ]
            return sum(mine.run(_CLEAR, micros(now), number) for number in unseen)

        return await self._engine.write("alert", work)

    async def announce(
        self, targets: Collection[str], *, remind_after: timedelta, fence: Fence | None = None
    ) -> tuple[Announced, ...]:
        """Put on its way to every target what is new, what is over, and again what still holds. Raises Superseded.

        Who has not taken the last notice of an alert is not reminded of it, and its end takes that one's place: nobody
        hears of a beginning after the end.
        """
        now = self._now()

        def work(connection: Connection) -> tuple[Announced, ...]:
            mine = own(connection)
            jobs.check(mine, fence)
            return _announce(mine, targets, now, now - remind_after)

        return await self._engine.write("alert", work)

    async def claim_notices(self, *, limit: int, lease_seconds: float) -> tuple[Notice, ...]:
        """Take notices that are due, hidden from others for `lease_seconds`; the attempt counts before it is made."""
        now = self._now()

        def work(connection: Connection) -> tuple[Notice, ...]:
            mine, found = own(connection), []
            for (number,) in mine.all(NOTICES_DUE, micros(now), limit):
                mine.run(_LEASE, micros(now + timedelta(seconds=lease_seconds)), number)
                row = mine.one(_ONE, number)
                found += [_as_notice(row)] if row is not None else []
            return tuple(found)

        return await self._engine.write("notice", work)

    async def end_notice(self, one: Notice, state: NoticeState, *, error: str = "") -> None:
        """Note that a target has taken a notice, or that it was given up on."""
        at, why = micros(self._now()), _clean(error)
        await self._engine.write(
            "notice", lambda connection: own(connection).run(_END, state, at, why, one.id, one.attempts)
        )

    async def notice_later(self, one: Notice, *, due_at: datetime, error: str) -> None:
        """Try one that failed again at `due_at`."""
        at, why = micros(due_at), _clean(error)
        await self._engine.write(
            "notice", lambda connection: own(connection).run(_LATER, at, why, one.id, one.attempts)
        )

    # Looking

    async def list(self, *, cleared_since: datetime | None = None, limit: int = 100) -> tuple[StoredAlert, ...]:
        """List the open alerts, and those that ended since an instant, the newest first."""
        since = 2**62 if cleared_since is None else micros(cleared_since)
        rows = await self._engine.read(lambda connection: own(connection).all(_LIST, since, limit))
        return tuple(_as_alert(row) for row in rows)

    async def told(self, cleared_since: datetime) -> tuple[ToldTo, ...]:
        """Say of the open alerts, and of those that ended since an instant, which target was told of which."""
        return await self._engine.read(lambda connection: alert_sight.told(connection, cleared_since))

    async def targets(self) -> tuple[TargetRecord, ...]:
        """Say how each target has been answering, those included that are configured no more."""

        def work(connection: Connection) -> tuple[TargetRecord, ...]:
            mine = own(connection)
            errors = {str(row[0]): str(row[1]) for row in mine.all(_LAST_TRIED)}
            return tuple(
                TargetRecord(
                    target=row[0],
                    waiting=int(row[1]),
                    given_up=int(row[2]),
                    taken_at=None if row[3] is None else instant(row[3]),
                    error=errors.get(row[0], ""),
                )
                for row in mine.all(_BY_TARGET)
            )

        return await self._engine.read(work)

    async def sight(self, lane: Lane) -> Sight:
        """Look at everything that may be alarming, at one instant."""
        now, crowded = self._now(), self._engine.crowded or await self._room.full()
        sight = await self._engine.read(lambda connection: alert_sight.look(connection, lane, now, crowded))
        return replace(sight, filling=await self._room.filling())


def see(own: Own, alerts: Sequence[Alert], now: datetime) -> int:
    """Open what is news, and note of the rest that it still holds; gives how many are news.

    For use in the transaction of what an alert is about.
    """
    news = 0
    for one in sorted(alerts, key=lambda each: (each.kind, each.subject)):  # in one order, whoever writes
        subject, words = _clean(one.subject), (_clean(one.happened), _clean(one.to_do))
        row = own.one(_OPEN, one.kind, subject)
        if row is None:
            news += own.run(_INSERT, one.kind, subject, one.level, *words, micros(now), micros(now))
        elif row[1] <= micros(now - _REFRESH):
            own.run(_SEEN, micros(now), *words, row[0])
    return news


def pause(connection: Connection, given: Pause, alert: Alert | None, now: datetime) -> None:
    """Hold back a scope and open its alert, in one transaction."""
    mine = own(connection)
    shares.pause(mine, given, micros(now), None if given.until is None else micros(given.until))
    see(mine, (alert,) if alert else (), now)


def _announce(own: Own, targets: Collection[str], now: datetime, remind_before: datetime) -> tuple[Announced, ...]:
    at = micros(now)
    announced = []
    for row in own.all(_TO_TELL, micros(remind_before)):
        alert = _as_alert(row)
        what = Telling.CLEARED if alert.cleared_at else Telling.STILL if alert.told_at else Telling.OPENED
        for target in targets:
            if what is Telling.STILL and own.one(_ON_ITS_WAY, alert.id, target):
                continue
            own.run(_OVERTAKE, at, alert.id, target)
            own.run(_NOTICE, alert.id, target, what, at, at)
        own.run(_TOLD, at, alert.id)
        announced.append(Announced(alert=alert, what=what))
    return tuple(announced)


def _clean(text: str) -> str:
    """Give text without addresses, control characters and what a chat would take for a command."""
    hidden = _ADDRESS.sub("an address", text).replace("<", "(").replace(">", ")")
    return "".join(one if one.isprintable() else " " for one in hidden)[:_LONGEST]


def _as_alert(row: Sequence[Any]) -> StoredAlert:
    return StoredAlert(
        id=row[0],
        kind=row[1],
        subject=row[2],
        level=row[3],
        happened=row[4],
        to_do=row[5],
        opened_at=instant(row[6]),
        seen_at=instant(row[7]),
        told_at=None if row[8] is None else instant(row[8]),
        cleared_at=None if row[9] is None else instant(row[9]),
    )


def _as_notice(row: Sequence[Any]) -> Notice:
    return Notice(
        id=row[0],
        target=row[1],
        what=Telling(row[2]),
        created_at=instant(row[3]),
        attempts=row[4],
        alert=_as_alert(row[5:]),
    )
