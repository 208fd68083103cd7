"""The governor's row and minute buckets. Loads and keeps what pacing decides; decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable

from sendworthy.pacing import governor
from sendworthy.pacing.budget import book
from sendworthy.pacing.governor import Day, Quota, State
from sendworthy.store import usage
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import Lane

_LOAD = statement("""
SELECT max_24_hour_send, max_send_rate, sent_last_24_hours, production, sending_enabled, enforcement, read_at, granted,
       granted_at_reading, arrival, width, narrowed_at, day_blocked_until, breaker, breaker_until
FROM governor WHERE account = ? AND region = ?""")
_LOCK = statement("SELECT granted FROM governor WHERE account = ? AND region = ? {locked}")

_SAVE = statement("""
INSERT INTO governor (account, region, max_24_hour_send, max_send_rate, sent_last_24_hours, production, sending_enabled,
                      enforcement, read_at, granted, granted_at_reading, arrival, width, narrowed_at, day_blocked_until,
                      breaker, breaker_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account, region) DO UPDATE SET
    max_24_hour_send = excluded.max_24_hour_send, max_send_rate = excluded.max_send_rate,
    sent_last_24_hours = excluded.sent_last_24_hours, production = excluded.production,
    sending_enabled = excluded.sending_enabled, enforcement = excluded.enforcement, read_at = excluded.read_at,
    granted = excluded.granted, granted_at_reading = excluded.granted_at_reading, arrival = excluded.arrival,
    width = excluded.width, narrowed_at = excluded.narrowed_at, day_blocked_until = excluded.day_blocked_until,
    breaker = excluded.breaker, breaker_until = excluded.breaker_until""")

_DAY = statement("""
SELECT CAST(sum(sent) AS BIGINT), min(minute), CAST(sum(CASE WHEN minute > ? THEN sent END) AS BIGINT),
       min(CASE WHEN minute > ? THEN minute END)
FROM minutes WHERE account = ? AND region = ? AND minute > ? AND sent > 0""")
_ADD = statement("""
INSERT INTO minutes (account, region, minute, sent) VALUES (?, ?, ?, ?)
ON CONFLICT (account, region, minute) DO UPDATE SET sent = minutes.sent + excluded.sent""")
_GIVE_BACK = statement(
    "UPDATE minutes SET sent = sent - 1 WHERE account = ? AND region = ? AND minute = ? AND sent > 0"
)
_FORGET = statement("DELETE FROM minutes WHERE account = ? AND region = ? AND minute < ?")

_AHEAD = statement("""
SELECT account, region, max(minute) FROM minutes WHERE minute > ? GROUP BY account, region ORDER BY account, region""")
_BRING_BACK = statement("""
INSERT INTO minutes (account, region, minute, sent)
SELECT account, region, minute - ?, sent FROM minutes WHERE minute > ? AND account = ? AND region = ?
ON CONFLICT (account, region, minute) DO UPDATE SET sent = minutes.sent + excluded.sent""")
_DROP_AHEAD = statement("DELETE FROM minutes WHERE minute > ? AND account = ? AND region = ?")

IN_FLIGHT = statement("SELECT count(*) FROM deliveries WHERE lease_until IS NOT NULL")

_BUDGET = statement("SELECT arrival FROM budgets WHERE service = ? AND region = ? {locked}")
_KEEP_BUDGET = statement("""
INSERT INTO budgets (service, region, arrival) VALUES (?, ?, ?)
ON CONFLICT (service, region) DO UPDATE SET arrival = excluded.arrival""")


def load(own: Own, lane: Lane) -> State | None:
    """Give the governor's state, None before the quota was ever read."""
    row = own.one(_LOAD, lane.account, lane.region)
    if row is None:
        return None
    quota = Quota(
        max_24_hour_send=row[0],
        max_send_rate=row[1],
        sent_last_24_hours=row[2],
        production=bool(row[3]),
        sending_enabled=bool(row[4]),
        enforcement=row[5],
        read_at=row[6],
    )
    return State(
        quota=quota,
        granted=row[7],
        granted_at_reading=row[8],
        arrival=row[9],
        width=row[10],
        narrowed_at=row[11],
        day_blocked_until=row[12],
        breaker=row[13],
        breaker_until=row[14],
    )


def certainly_counted(own: Own, lane: Lane) -> int:
    """Say of how many permits SES must have heard by now: what is on the wire may not have reached it yet."""
    state = load(own, lane)
    row = own.one(IN_FLIGHT)
    return max(0, (state.granted if state else 0) - (int(row[0]) if row else 0))


def save(own: Own, lane: Lane, state: State) -> None:
    """Keep the governor's state."""
    quota = state.quota
    row = (
        lane.account,
        lane.region,
        quota.max_24_hour_send,
        quota.max_send_rate,
        quota.sent_last_24_hours,
        quota.production,
        quota.sending_enabled,
        quota.enforcement,
        quota.read_at,
        state.granted,
        state.granted_at_reading,
        state.arrival,
        state.width,
        state.narrowed_at,
        state.day_blocked_until,
        state.breaker,
        state.breaker_until,
    )
    own.run(_SAVE, *row)


def lock(own: Own, lane: Lane) -> State | None:
    """Give the governor's state and keep every other process from it until the commit."""
    own.one(_LOCK, lane.account, lane.region)
    return load(own, lane)


def change(own: Own, lane: Lane, by: Callable[[State], State]) -> None:
    """Change the state, if there is one; where nothing would change, nobody is kept from it."""
    state = load(own, lane)
    if state is None or by(state) is state:
        return
    state = lock(own, lane)
    if state is not None:
        save(own, lane, by(state))


def day(own: Own, lane: Lane, now: float) -> Day:
    """Add up our minutes that may reach into the rolling day."""
    since = int(governor.day_start(now) // governor.MINUTE_SECONDS)
    hour = int(governor.hour_start(now) // governor.MINUTE_SECONDS)
    row = own.one(_DAY, hour, hour, lane.account, lane.region, since) or (0, None, 0, None)
    first, first_of_hour = (None if at is None else float(at * governor.MINUTE_SECONDS) for at in (row[1], row[3]))
    return Day(sent=row[0] or 0, oldest=first, hour=row[2] or 0, oldest_of_hour=first_of_hour)


def grant(own: Own, lane: Lane, before: State, after: State, granted: int, now: float) -> None:
    """Keep what was taken: the new state and the minute bucket."""
    if after != before:
        save(own, lane, after)
    if granted:
        minute = int(now // governor.MINUTE_SECONDS)
        own.run(_ADD, lane.account, lane.region, minute, granted)
        usage.fold(own, lane, minute - 2 * 24 * 60)
        own.run(_FORGET, lane.account, lane.region, minute - 2 * 24 * 60)


def give_back(own: Own, lane: Lane, granted_at: float) -> None:
    """Give back to the day a permit that SES certainly did not count. The rate's share is gone."""
    minute = int(granted_at // governor.MINUTE_SECONDS)
    own.run(_GIVE_BACK, lane.account, lane.region, minute)


def after_a_step_back(own: Own, at: int, ahead: int) -> bool:
    """Bring back to now, `at`, the minutes beyond `ahead` (stored microseconds); say whether there were any.

    They were counted before the clock was set back: the last of them is over now, and the others as long before it as
    they were. Left where they are they would count until a day after the clock has come by them again.
    """
    minute, beyond = (one // (governor.MINUTE_SECONDS * 1_000_000) for one in (at, ahead))
    lanes = own.all(_AHEAD, beyond)
    for account, region, latest in lanes:
        lock(own, Lane(account=account, region=region))
        own.run(_BRING_BACK, latest - minute, beyond, account, region)
        own.run(_DROP_AHEAD, beyond, account, region)
    return bool(lanes)


def control_turn(own: Own, service: str, region: str, now: float) -> float:
    """Book the next control-plane call and give the seconds to wait before it."""
    row = own.one(_BUDGET, service, region)
    arrival, wait = book(row[0] if row else 0.0, now)
    own.run(_KEEP_BUDGET, service, region, arrival)
    return wait
