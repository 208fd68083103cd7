"""The warm-up of one account in one Region: where it stands by the record, the policy it makes, and when mail goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sendworthy.access.quota_usage import Hour
from sendworthy.app.parts import WALL, Clock, relay_lane
from sendworthy.app.quota_look import limits
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.mail.status import WAITING
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Day, Policy, State
from sendworthy.pacing.ramp import Course, Lived, Ramp, expected, policy_on, walk
from sendworthy.pacing.today import PolicyNow, always
from sendworthy.reputation import Limits
from sendworthy.store.feedback import Heard, tally_of
from sendworthy.store.standstill import ITS_TIME, put_off
from sendworthy.store.store import Store
from sendworthy.store.values import Lane, StoredDelivery, Waiting

REFRESH_SECONDS = 60.0
"""How old the record of the past days may be. What was sent today is asked at every claim."""

_LATE = timedelta(days=3)
"""Events come so late at most, but for few; those count from the next day on."""


def zone(config: Config) -> tzinfo:
    """Give the sender's time zone, whose days and hours the warm-up keeps."""
    return UTC if config.sender.time_zone == "UTC" else ZoneInfo(config.sender.time_zone)


def ramp_of(config: Config) -> Ramp | None:
    """Give the configured warm-up, None when there is none."""
    given = config.ramp
    if not given.started:
        return None
    return Ramp(
        started=date.fromisoformat(given.started),
        first_day=given.first_day,
        target=given.target,
        days=given.days,
        growth=given.growth,
        from_hour=given.from_hour,
        to_hour=given.to_hour,
        enough=given.enough,
    )


def base_policy(config: Config) -> Policy:
    """Give the policy that holds without a warm-up."""
    return Policy(reserve=config.policy.transactional_reserve)


def lived(hours: Iterable[Hour], heard: Iterable[Heard], zone: tzinfo) -> dict[date, Lived]:
    """Join what was sent with what was heard, by the days of a time zone.

    Both are known by the hour of UTC; where a zone is off by half an hour, that half counts for the day it began on.
    """
    sent: dict[date, int] = defaultdict(int)
    came: dict[date, list[Heard]] = defaultdict(list)
    for hour in hours:
        sent[hour.at.astimezone(zone).date()] += hour.sent
    for one in heard:
        came[one.at.astimezone(zone).date()].append(one)
    return {
        day: Lived(day=day, sent=sent.get(day, 0), tally=tally_of(came.get(day, ())))
        for day in sent.keys() | came.keys()
    }


async def days_on_record(store: Store, lane: Lane, zone: tzinfo, since: date) -> dict[date, Lived]:
    """Give the days from `since` on, as they are on record. Raises StoreUnavailable."""
    start = datetime.combine(since, datetime.min.time(), zone)
    return lived(await store.usage.hours(lane, start), await store.feedback.heard(start), zone)


async def look_back(store: Store, lane: Lane, ramp: Ramp, limits: Limits, zone: tzinfo, now: datetime) -> Course:
    """Walk the warm-up from its start to today by what is on record. Raises StoreUnavailable."""
    days = await days_on_record(store, lane, zone, ramp.started)
    return walk(ramp, days, now.astimezone(zone).date(), limits)


class Climb:
    """The policy of each moment under the warm-up, for whoever claims or tells why mail waits.

    All past days are looked up when a day begins, and the last few once a minute, for events that come late: weeks of
    events are too many to count at every look.
    """

    def __init__(self, store: Store, lane: Lane, ramp: Ramp, limits: Limits, zone: tzinfo, clock: Clock) -> None:
        self._store = store
        self._lane = lane
        self._ramp = ramp
        self._limits = limits
        self._zone = zone
        self._clock = clock
        self._days: dict[date, Lived] = {}
        self._known: tuple[datetime, Course] | None = None

    async def course(self) -> Course:
        """Give the days lived so far and where today stands. Raises StoreUnavailable."""
        now = self._clock.now().astimezone(self._zone)
        since = self._ramp.started
        if self._known is not None:
            at, course = self._known
            if at.date() == now.date():
                # What is over stays over, and is not looked up again until a day begins.
                if course.today.over or 0 <= (now - at).total_seconds() < REFRESH_SECONDS:
                    return course
                since = max(since, now.date() - _LATE)
        found = await days_on_record(self._store, self._lane, self._zone, since)
        kept = {day: one for day, one in self._days.items() if day < since}
        days = kept | found
        course = walk(self._ramp, days, now.date(), self._limits)
        self._days, self._known = days, (now, course)
        return course

    async def policy(self, base: Policy) -> Policy:
        """Give the policy of this moment. Raises StoreUnavailable: then nothing goes."""
        course = await self.course()
        return policy_on(base, self._ramp, course.today, self._clock.now().astimezone(self._zone))


def policy_now(
    config: Config, store: Store, lane: Lane, *, clock: Clock = WALL, base: Policy | None = None
) -> PolicyNow:
    """Give what tells the policy of each moment."""
    policy, ramp = base or base_policy(config), ramp_of(config)
    if ramp is None:
        return always(policy)
    climb = Climb(store, lane, ramp, limits(config), zone(config), clock)

    async def given() -> Policy:
        return await climb.policy(policy)

    return given


async def lane_of(config: Config, store: Store, region: str | None) -> Lane:
    """Say which account and Region our record is about. Raises ConfigError where it is about none, or about several."""
    relay = relay_lane(config).account
    lanes = [one for one in await store.feedback.lanes() if one.account != relay and region in {None, one.region}]
    if not lanes:
        where = f" in {region}" if region else ""
        raise ConfigError(f"No quota was read{where} yet, so nothing was sent.", "Start the gateway: sendworthy up")
    if len(lanes) > 1:
        names = ", ".join(f"{one.region} ({one.account})" for one in lanes)
        raise ConfigError(f"Mail goes by several: {names}.", "Name one with --region.")
    return lanes[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Where the warm-up stands: the plan, the days so far, what today holds, what waits, and when it should go.

    `all_gone_at` is when the last of `waiting_count` should go; None when nothing waits, or not within the warm-up.
    """

    lane: Lane
    at: datetime
    local_day: date
    ramp: Ramp
    course: Course
    policy: Policy
    used_24_hours: int
    used_hour: int
    left: float
    waiting: tuple[Waiting, ...]
    all_gone_at: datetime | None

    @property
    def waiting_count(self) -> int:
        """How many recipients wait, as far as they were counted."""
        return sum(one.count for one in self.waiting)


async def show(config: Config, store: Store, *, region: str | None = None, clock: Clock = WALL) -> Shown:
    """Say where the warm-up stands. Raises ConfigError where there is none, StoreUnavailable where we cannot look."""
    ramp = ramp_of(config)
    if ramp is None:
        raise ConfigError("There is no warm-up.", "`sendworthy ramp plan` shows one; [ramp] started begins it.")
    lane = await lane_of(config, store, region)
    now = clock.now()
    local = now.astimezone(zone(config))
    course = await look_back(store, lane, ramp, limits(config), zone(config), now)
    policy = policy_on(base_policy(config), ramp, course.today, local)
    state, day = await store.governor(lane), await store.feedback.day(lane, now)
    waiting = await store.standstill.waiting(lane, policy=policy)
    count = sum(one.count for one in waiting)
    gone = _when(ramp, course, policy, state, day, local, ahead=count - 1, urgent=False) if count else None
    left = min(course.today.allowed, _left(state, day, policy, now, urgent=True))
    return Shown(
        lane=lane,
        at=now,
        local_day=local.date(),
        ramp=ramp,
        course=course,
        policy=policy,
        used_24_hours=day.sent,
        used_hour=day.hour,
        left=max(0.0, left),
        waiting=waiting,
        all_gone_at=gone,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Why one delivery waits, and when it should go; None when that is not known."""

    reason: str
    text: str
    expected_at: datetime | None


async def why_waiting(
    config: Config,
    store: Store,
    deliveries: Sequence[StoredDelivery],
    *,
    access_key_id: str,
    configuration_set: str,
    clock: Clock = WALL,
) -> Mapping[str, Waits]:
    """Say by delivery id why those of one message wait that do. Empty where the account's quota was never read."""
    waits = [one for one in deliveries if one.status in WAITING and one.due_at is not None]
    if not waits:
        return {}
    try:
        lane = await lane_of(config, store, None)
    except ConfigError:
        return {}
    now = clock.now()
    policy = await policy_now(config, store, lane, clock=clock)()
    queues = {
        (one.access_key_id, one.configuration_set, one.stream): one
        for one in await store.standstill.waiting(lane, policy=policy)
        if not one.way
    }
    by_other_way = await store.standstill.by_other_way(lane, waits[0].message_id, policy=policy)
    found: dict[str, Waits] = {}
    for one in waits:
        queue = queues.get((access_key_id, configuration_set, one.stream))
        if other := by_other_way.get(one.id):
            found[one.id] = Waits(reason=other.reason, text=other.text, expected_at=other.expected_at)
        elif one.due_at is not None and one.due_at > now:
            known = queue.text if queue and queue.reason == one.reason else put_off(one.reason)
            found[one.id] = Waits(reason=one.reason or "scheduled", text=known or ITS_TIME, expected_at=one.due_at)
        elif queue:
            at = await _expected(config, store, lane, policy, queue, one, now)
            found[one.id] = Waits(reason=queue.reason, text=queue.text, expected_at=at)
    return found


async def _expected(
    config: Config, store: Store, lane: Lane, policy: Policy, queue: Waiting, one: StoredDelivery, now: datetime
) -> datetime | None:
    """Say when one delivery should go: by those before it where a warm-up holds them, else when its queue goes on."""
    ramp, ahead = ramp_of(config), await store.feedback.ahead(one.id)
    if ramp is None or ahead is None or policy.ramp_24_hour is None or queue.expected_at is None:
        return queue.expected_at
    course = await look_back(store, lane, ramp, limits(config), zone(config), now)
    state, day = await store.governor(lane), await store.feedback.day(lane, now)
    local = now.astimezone(zone(config))
    at = _when(ramp, course, policy, state, day, local, ahead=ahead, urgent=queue.urgent)
    return None if at is None else max(at, queue.expected_at)


def _when(
    ramp: Ramp,
    course: Course,
    policy: Policy,
    state: State | None,
    day: Day,
    local: datetime,
    *,
    ahead: int,
    urgent: bool,
) -> datetime | None:
    at = local.timestamp()
    hour = governor.hour_left(policy.bulk, at, day=day)[0] if policy.bulk else float("inf")
    found = expected(
        ramp,
        course.today,
        local,
        ahead=ahead,
        left=_left(state, day, policy, local, urgent=urgent),
        left_in_hour=hour,
        reserve=policy.reserve,
        urgent=urgent,
    )
    return None if found is None else found.astimezone(UTC)


def _left(state: State | None, day: Day, policy: Policy, now: datetime, *, urgent: bool) -> float:
    if state is None:
        return 0.0
    return governor.day_left(state, now.timestamp(), day=day, policy=policy, urgent=urgent)
