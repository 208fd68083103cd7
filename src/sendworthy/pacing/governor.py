"""How many recipients may be mailed now, by SES's quota and rate. Knows no database, no clock and no message.

One account in one Region has one state; whoever sends asks `take` for permits under the lock of whoever remembers it.
Times are seconds since 1970. What SES counts is recipients, and the day is any 24 hours [D23].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, floor, inf

from sendworthy.pacing.gcra import STALE_SECONDS, pace

UNLIMITED = -1.0
"""Max24HourSend of an account without a daily quota (GetAccount)."""

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What GetAccount said at `read_at`."""

    max_24_hour_send: float
    max_send_rate: float
    sent_last_24_hours: float
    production: bool
    sending_enabled: bool
    enforcement: str = "HEALTHY"
    read_at: float


class Reason(StrEnum):
    """Why fewer permits were granted than were wanted; empty when all were."""

    NONE = ""
    RATE = "rate"
    DAY = "day"
    RAMP = "ramp"
    RAMP_HOUR = "ramp_hour"
    RAMP_HELD = "ramp_held"
    RESERVED = "reserved"
    PAUSED = "paused"
    KEY_RATE = "key_rate"
    KEY_DAY = "key_day"
    BREAKER = "breaker"
    UNKNOWN_QUOTA = "unknown_quota"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How bulk mail is spread over the day: `hour` recipients (of any mail) in any 60 minutes, and it waits.

    It goes from `opens` until `closes`, and again from `opens_next`; `reason` is why it waits otherwise.
    """

    hour: float
    opens: float
    closes: float
    opens_next: float
    reason: Reason = Reason.RAMP_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Our own caution.

    One message and `burst_seconds` of the rate may go at once: no window of w seconds holds more than rate * w + 1 +
    rate * burst_seconds (in the sandbox: rate * w + 1). That much is also what a worker may wake late without losing
    pace. `reserve` is the share of the day that only urgent mail may use. A throttle narrows the rate to `narrow` of
    itself, at most once in `narrow_seconds` and never below `narrowest`; it widens by `widen_per_second`. A day that
    SES says is full is asked again after `day_retry_seconds` [D23: "wait up to 10 minutes"]; after a systemic refusal
    nothing is sent for `breaker_seconds`, then one message tries. `ramp_24_hour` is how many recipients any 24 hours
    may hold while the account warms up, None when it need not; that changes at `ramp_until`. `bulk` spreads what is not
    urgent over the day, None when it need not be.
    """

    burst_seconds: float = 0.05
    reserve: float = 0.05
    narrow: float = 0.7
    narrowest: float = 0.1
    narrow_seconds: float = 1.0
    widen_per_second: float = 0.005
    day_retry_seconds: float = 600.0
    breaker_seconds: float = 60.0
    ramp_24_hour: float | None = None
    ramp_until: float = inf
    bulk: Spread | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the governor of one account in one Region remembers.

    `granted` counts permits for ever, `granted_at_reading` is where it stood when the quota was asked for; `arrival`
    is GCRA's. `width` is the share of the rate in use as of `narrowed_at`. While `breaker` names a reason, nothing
    goes before `breaker_until`.
    """

    quota: Quota
    granted: int = 0
    granted_at_reading: int = 0
    arrival: float = 0.0
    width: float = 1.0
    narrowed_at: float = 0.0
    day_blocked_until: float = 0.0
    breaker: str = ""
    breaker_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Our own minute buckets that may reach into the last 24 hours: their sum, and the start of the oldest in use.

    `hour` and `oldest_of_hour` are the same of the last 60 minutes.
    """

    sent: int = 0
    oldest: float | None = None
    hour: int = 0
    oldest_of_hour: float | None = None

    def plus(self, granted: int) -> Day:
        """Give the day with so many more of this minute."""
        return replace(self, sent=self.sent + granted, hour=self.hour + granted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The new state, the permits, and when to ask again for the rest."""

    state: State
    granted: int
    wait_seconds: float
    reason: Reason


def day_start(now: float) -> float:
    """Give the start of the oldest minute that may reach into the 24 hours before `now`.

    A bucket counts until its last second has left the day, so that no rolling day can hold more than the quota.
    """
    return now - DAY_SECONDS - MINUTE_SECONDS


def hour_start(now: float) -> float:
    """Give the start of the oldest minute that may reach into the 60 minutes before `now`."""
    return now - HOUR_SECONDS - MINUTE_SECONDS


def take(state: State, wanted: int, now: float, *, day: Day, policy: Policy, urgent: bool = False) -> Taken:
    """Grant up to `wanted` permits (recipients) at `now`. `urgent` mail may use the reserve of the day."""
    quota = state.quota
    if wanted <= 0:
        return Taken(state=state, granted=0, wait_seconds=0.0, reason=Reason.NONE)
    state = _bounded(state, now, policy)
    if not quota.sending_enabled or quota.enforcement == "SHUTDOWN":
        return Taken(state=state, granted=0, wait_seconds=policy.breaker_seconds, reason=Reason.PAUSED)
    if state.breaker:
        if now < state.breaker_until:
            return Taken(state=state, granted=0, wait_seconds=state.breaker_until - now, reason=Reason.BREAKER)
        # One may try; the next has to wait for its answer, or for another turn of the breaker.
        state = replace(state, breaker_until=now + policy.breaker_seconds)
        wanted = min(wanted, 1)
    left = day_left(state, now, day=day, policy=policy, urgent=urgent)
    if left < 1:
        reason = _why_full(state, now, day, policy, urgent=urgent)
        return Taken(state=state, granted=0, wait_seconds=_day_wait(state, now, day, policy), reason=reason)
    if policy.bulk is not None and not urgent:
        room, wait = hour_left(policy.bulk, now, day=day)
        if room < 1:
            return Taken(state=state, granted=0, wait_seconds=wait, reason=policy.bulk.reason)
        left = min(left, room)
    rate = rate_now(state, now, policy)
    if rate <= 0:
        return Taken(state=state, granted=0, wait_seconds=policy.breaker_seconds, reason=Reason.PAUSED)
    # The sandbox's rate is kept to the letter: at one a second there is no pace worth a throttle.
    burst = 1 + rate * policy.burst_seconds if quota.production else 1.0
    paced = pace(state.arrival, now, wanted=int(min(wanted, left)), rate_per_second=rate, burst=burst)
    state = replace(state, arrival=paced.arrival, granted=state.granted + paced.granted)
    if paced.granted >= wanted:
        return Taken(state=state, granted=paced.granted, wait_seconds=0.0, reason=Reason.NONE)
    # Ask again when half a burst has gathered, or what is still wanted: waking for each message would cost more than
    # sending it. The other half is for waking late.
    more = max(1, min(int(1 + (burst - 1) / 2), wanted - paced.granted))
    # Whole milliseconds, upwards: whoever wakes at the very instant is a rounding error too early.
    wait = max(1, ceil(1000 * (paced.arrival + (more - burst) / rate - now))) / 1000
    return Taken(state=state, granted=paced.granted, wait_seconds=wait, reason=Reason.RATE)


def _bounded(state: State, now: float, policy: Policy) -> State:
    """Shorten what waits for longer than it ever should: the clock was set back since. It costs one wait, not a day."""
    late = now + STALE_SECONDS
    if state.breaker_until > late + policy.breaker_seconds:
        state = replace(state, breaker_until=now + policy.breaker_seconds)
    if state.day_blocked_until > late + policy.day_retry_seconds:
        state = replace(state, day_blocked_until=now + policy.day_retry_seconds)
    return replace(state, narrowed_at=now) if state.narrowed_at > late else state


def day_left(state: State, now: float, *, day: Day, policy: Policy, urgent: bool) -> float:
    """Say how many recipients the rolling day still holds (infinity without a daily quota)."""
    if now < state.day_blocked_until:
        return 0.0
    limit = state.quota.max_24_hour_send
    if policy.ramp_24_hour is not None:
        limit = policy.ramp_24_hour if limit < 0 else min(limit, policy.ramp_24_hour)
    if limit < 0:
        return inf
    # Other applications on the account count too: AWS's own figure, and ours since it was asked for.
    told = state.quota.sent_last_24_hours + (state.granted - state.granted_at_reading)
    # In whole recipients, rounded down: of a day that holds one, other mail could otherwise never go.
    reserve = 0 if urgent else floor(limit * policy.reserve + 1e-9)
    return limit - reserve - max(told, day.sent)


def hour_left(spread: Spread, now: float, *, day: Day) -> tuple[float, float]:
    """Say how many bulk recipients may go by the hour's share, and the seconds until more may when none may now."""
    if now < spread.opens:
        return 0.0, spread.opens - now
    if now >= spread.closes:
        return 0.0, max(1.0, spread.opens_next - now)
    leaves = now if day.oldest_of_hour is None else day.oldest_of_hour + HOUR_SECONDS + MINUTE_SECONDS
    if leaves >= spread.closes:
        leaves = spread.opens_next
    return spread.hour - day.hour, max(1.0, leaves - now)


def expected_wait(taken: Taken, now: float, *, day: Day, policy: Policy, urgent: bool) -> float:
    """Say for people in how many seconds mail that waits for `taken.reason` should go.

    A worker asks again sooner (`wait_seconds`), in case the account's quota has grown.
    """
    state = taken.state
    if taken.reason not in {Reason.DAY, Reason.RAMP, Reason.RESERVED} or now < state.day_blocked_until:
        return taken.wait_seconds
    at = now + taken.wait_seconds if day.oldest is None else day.oldest + DAY_SECONDS + MINUTE_SECONDS
    if taken.reason is Reason.RAMP:
        at = min(at, policy.ramp_until)
    if policy.bulk is not None and not urgent:
        opens = policy.bulk.opens if at < policy.bulk.closes else policy.bulk.opens_next
        at = max(at, opens)
    return max(1.0, at - now)


def _why_full(state: State, now: float, day: Day, policy: Policy, *, urgent: bool) -> Reason:
    """Say which limit of the day is used up."""
    if day_left(state, now, day=day, policy=replace(policy, ramp_24_hour=None), urgent=urgent) >= 1:
        return Reason.RAMP
    return Reason.DAY if day_left(state, now, day=day, policy=policy, urgent=True) < 1 else Reason.RESERVED


def _day_wait(state: State, now: float, day: Day, policy: Policy) -> float:
    if now < state.day_blocked_until:
        return state.day_blocked_until - now
    if day.oldest is None:
        return policy.day_retry_seconds
    leaves = day.oldest + DAY_SECONDS + MINUTE_SECONDS - now
    return min(max(leaves, 1.0), policy.day_retry_seconds)


def rate_now(state: State, now: float, policy: Policy) -> float:
    """Give the recipients per second in use: SES's rate, narrowed by throttles."""
    return state.quota.max_send_rate * _width(state, now, policy)


def _width(state: State, now: float, policy: Policy) -> float:
    return min(1.0, state.width + max(0.0, now - state.narrowed_at) * policy.widen_per_second)


def throttled(state: State, now: float, policy: Policy) -> State:
    """SES said "Maximum sending rate exceeded": narrow at once (one burst's throttles count once) and rest a moment."""
    if 0 <= now - state.narrowed_at < policy.narrow_seconds:
        return state
    width = max(policy.narrowest, _width(state, now, policy) * policy.narrow)
    return replace(state, width=width, narrowed_at=now)


def day_full(state: State, now: float, policy: Policy) -> State:
    """SES said "Daily message quota exceeded": nothing more until it has been asked again."""
    return replace(state, day_blocked_until=now + policy.day_retry_seconds)


def broken(state: State, reason: str, now: float, policy: Policy) -> State:
    """SES refused for a cause that every message shares (paused, denied): stop, and say why."""
    return replace(state, breaker=reason, breaker_until=now + policy.breaker_seconds)


def mended(state: State) -> State:
    """SES took a message: the cause is gone."""
    return replace(state, breaker="", breaker_until=0.0) if state.breaker else state


def read(state: State | None, quota: Quota, *, granted_when_asked: int) -> State:
    """Take in a fresh reading of GetAccount. `granted_when_asked` is how many permits it was certain to count.

    That is what `granted` was when it was asked, less what was on the wire: SES may have counted that, or not yet.
    """
    if state is None:
        return State(quota=quota)
    fresh = replace(state, quota=quota, granted_at_reading=granted_when_asked)
    # A reading that shows room ends the wait for the day; one that shows sending on ends a pause.
    if quota.max_24_hour_send < 0 or quota.sent_last_24_hours < quota.max_24_hour_send:
        fresh = replace(fresh, day_blocked_until=0.0)
    if fresh.breaker == Reason.PAUSED and quota.sending_enabled and quota.enforcement != "SHUTDOWN":
        fresh = mended(fresh)
    return fresh


_NO = frozenset({"paused", "denied", "sandboxed"})
_OUTAGE = frozenset({"unavailable", "unanswered"})
"""Words of the breaker: SES says no to the whole account, and SES says nothing."""


def refused(state: State, *, outages: bool) -> str:
    """Say in a word why SES takes no mail of the whole account, or (`outages`) cannot be reached; empty otherwise.

    A full day, the rate and the ramp are none of these: they are limits to keep. `sandboxed` is no to those recipients
    only that are not verified. A breaker counts until SES has taken a message again.
    """
    if not state.quota.sending_enabled or state.quota.enforcement == "SHUTDOWN":
        return Reason.PAUSED.value
    if state.breaker in _NO or (outages and state.breaker in _OUTAGE):
        return state.breaker
    return "" if state.quota.production else SANDBOXED


SANDBOXED = "sandboxed"
"""The word for an account without production access."""


def probing(state: State, now: float) -> bool:
    """Say whether it is time for one message to try whether SES takes mail again.

    Never while the account itself says that it does not send: only GetAccount can end that.
    """
    open_ = state.quota.sending_enabled and state.quota.enforcement != "SHUTDOWN"
    return open_ and bool(state.breaker) and now >= state.breaker_until


def held(state: State, now: float) -> str:
    """Say why nothing at all may go at `now`, in a word for people; empty when something may."""
    if not state.quota.sending_enabled or state.quota.enforcement == "SHUTDOWN":
        return Reason.PAUSED.value
    if state.breaker and now < state.breaker_until:
        return state.breaker
    return Reason.DAY.value if now < state.day_blocked_until else ""
