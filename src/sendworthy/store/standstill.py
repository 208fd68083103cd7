"""Why accepted mail has not gone yet, and when it should: for people. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, Reason, State
from sendworthy.store import permits, queues, shares
from sendworthy.store.columns import instant, micros
from sendworthy.store.queues import Queue
from sendworthy.store.statement import Own, statement
from sendworthy.store.values import Lane, Pause, Waiting

COUNT = statement("""
SELECT count(*) FROM (
    SELECT 1 FROM deliveries WHERE rank = ? AND queue = ? AND due_at IS NOT NULL LIMIT ?) AS bounded""")

_TEXTS = {
    Reason.NONE: "It goes out now.",
    Reason.RATE: "It goes out as fast as SES's sending rate allows.",
    Reason.DAY: "The daily quota of the SES account is used up.",
    Reason.RAMP: "The warm-up allows no more in these 24 hours.",
    Reason.RAMP_HOUR: "The warm-up spreads bulk mail over the day.",
    Reason.RAMP_HELD: "The warm-up holds bulk mail for a day: bounces or complaints were too many.",
    Reason.RESERVED: "What is left of the daily quota is kept for transactional mail.",
    Reason.PAUSED: "SES has paused sending for the account.",
    Reason.KEY_RATE: "The key sends as fast as its share of the rate allows.",
    Reason.KEY_DAY: "The daily cap of the key is used up.",
    Reason.UNKNOWN_QUOTA: "The quota of the SES account has not been read yet.",
}
_BREAKERS = {
    "denied": "SES refuses the credentials, or this machine's clock is wrong.",
    "paused": "SES has paused sending for the account.",
    "sandboxed": "The account is in the sandbox and may mail only verified addresses.",
    "unavailable": "SES cannot be reached.",
    "unanswered": "SES takes connections and does not answer.",
}


def waiting(own: Own, lane: Lane, policy: Policy, now: datetime, most: int) -> tuple[Waiting, ...]:
    """Say for each queue of waiting mail why it waits; counts stop at `most`."""
    every = queues.waiting(own)
    pauses = shares.pauses(own, micros(now))
    state = permits.load(own, lane)
    limits = shares.load(own, {one.access_key_id for one in every}, state, now.timestamp(), policy)
    found = []
    for one in every:
        reason, text, expected = _why(own, one, pauses, state, limits, lane, policy, now)
        row = own.one(COUNT, one.rank, one.name, most)
        found.append(
            Waiting(
                access_key_id=one.access_key_id,
                configuration_set=one.configuration_set,
                stream=one.stream,
                count=row[0] if row else 0,
                reason=reason,
                text=text,
                expected_at=expected,
                urgent=one.urgent,
            )
        )
    return tuple(found)


def _why(
    own: Own,
    queue: Queue,
    pauses: Sequence[Pause],
    state: State | None,
    limits: shares.Shares,
    lane: Lane,
    policy: Policy,
    now: datetime,
) -> tuple[str, str, datetime | None]:
    at = now.timestamp()
    if pause := shares.paused(queue, pauses):
        what = f"{pause.scope.value.replace('_', ' ')} {pause.name}".strip()
        return Reason.PAUSED.value, f"Sending is paused for the {what}: {pause.reason}", pause.until
    if queue.first_due > micros(now):
        return "scheduled", "It waits for its time.", instant(queue.first_due)
    if state is None:
        return Reason.UNKNOWN_QUOTA.value, _TEXTS[Reason.UNKNOWN_QUOTA], None
    day = permits.day(own, lane, at)
    taken = governor.take(state, 1, at, day=day, policy=policy, urgent=queue.urgent)
    seconds = governor.expected_wait(taken, at, day=day, policy=policy, urgent=queue.urgent)
    expected = now + timedelta(seconds=seconds)
    if taken.reason is Reason.BREAKER:
        return state.breaker, _BREAKERS.get(state.breaker, "SES refuses all mail of the account."), expected
    if taken.reason is Reason.PAUSED:  # only AWS or a person knows when
        return taken.reason.value, _TEXTS[taken.reason], None
    if taken.reason:
        return taken.reason.value, _TEXTS[taken.reason], expected
    allowed = limits.allowed(queue.access_key_id, 1)
    if not allowed.granted:
        return allowed.reason.value, _TEXTS[allowed.reason], now + timedelta(seconds=allowed.wait_seconds)
    return Reason.RATE.value, _TEXTS[Reason.RATE], now
