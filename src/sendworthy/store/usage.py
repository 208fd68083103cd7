"""How much was sent, hour by hour, with what came of it; and what was sent elsewhere before. Judges nothing.

The last two days are the governor's minutes; what leaves those is added to the hours in the same transaction, so that
no recipient is lost between the two, and none counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, delete, func, insert, select, union_all

from sendworthy.access.history import Count, Month, kept
from sendworthy.access.quota_usage import Hour
from sendworthy.audit.profile import Stream
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.status import Status
from sendworthy.reputation import Tally
from sendworthy.store import schema
from sendworthy.store.columns import micros
from sendworthy.store.engine import Engine
from sendworthy.store.statement import Own, own, statement
from sendworthy.store.values import Counts, Lane

_HOUR_SECONDS = 3600
_DAY_SECONDS = 86_400

_FOLD = statement("""
INSERT INTO hours (account, region, hour, sent, busiest_minute)
SELECT account, region, minute / 60, CAST(sum(sent) AS BIGINT), max(sent) FROM minutes
WHERE account = ? AND region = ? AND minute < ? AND sent > 0 GROUP BY account, region, minute / 60
ON CONFLICT (account, region, hour) DO UPDATE SET sent = hours.sent + excluded.sent,
    busiest_minute = CASE WHEN excluded.busiest_minute > hours.busiest_minute THEN excluded.busiest_minute
                          ELSE hours.busiest_minute END""")

_OUTCOMES = statement("""
SELECT m.accepted_at / 86400000000, d.stream, d.status, count(*) FROM messages m
JOIN deliveries d ON d.message_id = m.id WHERE m.accepted_at >= ? AND d.recipient_key NOT LIKE ?
GROUP BY 1, 2, 3 ORDER BY 1""")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaReading:
    """What GetAccount said of the quota at one time."""

    at: datetime
    max_24_hour_send: float
    max_send_rate: float
    sent_last_24_hours: float
    production: bool
    enforcement: str


class Usage:
    """The usage of each lane, and the history from elsewhere. Writes return after the commit."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def hours(self, lane: Lane, since: datetime) -> tuple[Hour, ...]:
        """Give our own recipients by hour, oldest first, hours without any left out; the present hour is one of them.

        What is counted are permits; what other programs of the account sent is not in it.
        """
        return await self._engine.read(partial(_hours, lane=lane, since=since))

    async def note_reading(self, lane: Lane, reading: QuotaReading) -> None:
        """Keep what GetAccount said, unless the last reading of this hour said the same."""
        await self._engine.write("reading", partial(_note_reading, lane=lane, reading=reading))

    async def readings(self, lane: Lane, *, limit: int = 100) -> tuple[QuotaReading, ...]:
        """Give the last readings, oldest first."""
        return await self._engine.read(partial(_readings, lane=lane, limit=limit))

    async def outcomes(self, since: datetime) -> dict[date, Tally]:
        """Give what became of our own mail by the UTC day on which it was accepted."""
        return await self._engine.read(lambda connection: _outcomes(own(connection), since))

    async def put_months(self, months: Sequence[Month], *, replace: bool = False) -> tuple[Month, ...]:
        """Keep months of elsewhere, all or none, and give them as they are on record now.

        Raises ConfigError where one is on record with other figures and `replace` is not given.
        """
        return await self._engine.write("history", partial(_put_months, months=months, replace=replace, at=self._now()))

    async def months(self) -> tuple[Month, ...]:
        """Give the history from elsewhere, by month and source."""
        return await self._engine.read(_months)

    async def months_at(self) -> datetime | None:
        """Give when the history from elsewhere was last added to; None when there is none."""
        return await self._engine.read(_months_at)

    async def drop_months(self, source: str) -> int:
        """Take one source off the record; give how many months that were."""
        return await self._engine.write("history", partial(_drop_months, source=source))


def fold(own: Own, lane: Lane, before_minute: int) -> None:
    """Add the minutes before `before_minute`, which are about to be forgotten, to the hours."""
    own.run(_FOLD, lane.account, lane.region, before_minute)


def _hours(connection: Connection, lane: Lane, since: datetime) -> tuple[Hour, ...]:
    hours, minutes = schema.hours.c, schema.minutes.c
    first = int(since.timestamp()) // _HOUR_SECONDS
    # `//` and not `/`: SQLAlchemy would divide whole numbers into fractions.
    whole = minutes.minute // 60
    folded = select(hours.hour.label("hour"), hours.sent.label("sent"), hours.busiest_minute.label("most")).where(
        hours.account == lane.account, hours.region == lane.region, hours.hour >= first
    )
    recent = (
        select(whole.label("hour"), func.sum(minutes.sent).label("sent"), func.max(minutes.sent).label("most"))
        .where(minutes.account == lane.account, minutes.region == lane.region, minutes.minute >= first * 60)
        .where(minutes.sent > 0)
        .group_by(whole)
    )
    both = union_all(folded, recent).subquery()
    query = (
        select(both.c.hour, func.sum(both.c.sent).label("sent"), func.max(both.c.most).label("most"))
        .group_by(both.c.hour)
        .order_by(both.c.hour)
    )
    return tuple(
        Hour(
            at=datetime.fromtimestamp(int(row.hour) * _HOUR_SECONDS, UTC),
            sent=int(row.sent),
            busiest_minute=int(row.most),
        )
        for row in connection.execute(query)
    )


def _note_reading(connection: Connection, lane: Lane, reading: QuotaReading) -> None:
    table = schema.quota_readings
    last = next(iter(_readings(connection, lane, 1)), None)
    if last is not None and reading.at - last.at < timedelta(hours=1):
        same = (last.max_24_hour_send, last.max_send_rate, last.production, last.enforcement)
        if same == (reading.max_24_hour_send, reading.max_send_rate, reading.production, reading.enforcement):
            return
    values = {name: getattr(reading, name) for name in QuotaReading.__slots__}
    connection.execute(insert(table).values(account=lane.account, region=lane.region, **values))


def _readings(connection: Connection, lane: Lane, limit: int) -> tuple[QuotaReading, ...]:
    table = schema.quota_readings
    query = (
        select(*(table.c[name] for name in QuotaReading.__slots__))
        .where(table.c.account == lane.account, table.c.region == lane.region)
        .order_by(table.c.seq.desc())
        .limit(limit)
    )
    return tuple(QuotaReading(**row) for row in reversed(connection.execute(query).mappings().all()))


def _outcomes(own: Own, since: datetime) -> dict[date, Tally]:
    by_day: dict[int, dict[Stream, dict[Status, int]]] = {}
    for day, stream, status, count in own.all(_OUTCOMES, micros(since), f"%@{SIMULATOR_DOMAIN}"):
        by_day.setdefault(int(day), {}).setdefault(Stream(stream), {})[Status(status)] = int(count)
    return {
        datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date(): Counts(by_stream=by_stream).tally()
        for day, by_stream in by_day.items()
    }


def _put_months(connection: Connection, months: Sequence[Month], at: datetime, *, replace: bool) -> tuple[Month, ...]:
    table = schema.history_months
    known = {(one.source, one.month): one for one in _months(connection)}
    put = tuple(kept(known.get((one.source, one.month)), one, replace=replace) for one in months)
    for one in put:
        month = one.month.isoformat()
        connection.execute(delete(table).where(table.c.source == one.source, table.c.month == month))
        counts = {count.value: getattr(one, count.value) for count in Count}
        row = {"source": one.source, "month": month, "first": one.first.isoformat(), "last": one.last.isoformat()}
        connection.execute(insert(table).values(**row, **counts, at=at))
    return put


def _months(connection: Connection) -> tuple[Month, ...]:
    table = schema.history_months
    return tuple(
        Month(
            source=row.source,
            month=date.fromisoformat(row.month),
            first=date.fromisoformat(row.first),
            last=date.fromisoformat(row.last),
            sent=row.sent,
            hard_bounces=row.hard_bounces,
            complaints=row.complaints,
        )
        for row in connection.execute(select(table).order_by(table.c.month, table.c.source))
    )


def _months_at(connection: Connection) -> datetime | None:
    table = schema.history_months
    row = connection.execute(select(table.c.at).order_by(table.c.at.desc()).limit(1)).first()
    return None if row is None else row.at


def _drop_months(connection: Connection, source: str) -> int:
    table = schema.history_months
    return connection.execute(delete(table).where(table.c.source == source)).rowcount
