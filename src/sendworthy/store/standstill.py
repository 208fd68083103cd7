"""Why accepted mail has not gone yet, when it should, and by which way: for people. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sendworthy.audit.profile import Stream
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, Reason, State
from sendworthy.store import permits, queues, shares
from sendworthy.store.columns import instant, micros
from sendworthy.store.engine import Engine
from sendworthy.store.queues import INSTEAD, NO_SIMULATOR, Queue
from sendworthy.store.statement import Own, own, statement
from sendworthy.store.values import Instead, Lane, Pause, Waiting

COUNT = statement("""
SELECT count(*) FROM (
    SELECT 1 FROM deliveries WHERE rank = ? AND queue = ? AND due_at IS NOT NULL LIMIT ?) AS bounded""")
COUNT_INSTEAD = statement(f"""
SELECT count(*) FROM (
    SELECT 1 FROM deliveries d WHERE d.rank = ? AND d.queue = ? AND {INSTEAD} LIMIT ?) AS bounded""")  # noqa: S608
FIRST_REST = statement(f"""
SELECT d.due_at FROM deliveries d
WHERE d.rank = ? AND d.queue = ? AND d.due_at IS NOT NULL AND NOT ({INSTEAD})
ORDER BY d.due_at LIMIT 1""")  # noqa: S608 - a constant of ours, as above
FIRST_PUT_OFF = statement("""
SELECT reason, recipient_key FROM deliveries WHERE rank = ? AND queue = ? AND due_at = ? AND status = 'deferred'
ORDER BY id LIMIT 1""")
_OF_MESSAGE = statement(f"""
SELECT d.id, d.rank, d.queue, d.due_at, d.stream FROM deliveries d
WHERE d.message_id = ? AND {INSTEAD}""")  # noqa: S608 - a constant of ours

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
ITS_TIME: Final = "It waits for its time."

BY_RELAY: Final = "relay"
"""The reason of mail that goes by the relay now."""

RELAY_DAY: Final = "relay_day"
"""The reason of mail that would go by the relay, whose day is used up."""

RELAY_REFUSES: Final = "relay_refuses"
"""The reason of mail that would go by the relay, which takes none itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherWay:
    """Another way out than SES, which stands in when SES has said no to the whole account for `after_seconds`.

    `name` is HOST:PORT, `lane` what its own limits are kept under; it takes mail of `streams` alone, and `outages` says
    whether it stands in too while SES cannot be reached (decision 0058).
    """

    name: str
    lane: Lane
    streams: frozenset[Stream]
    outages: bool = True
    after_seconds: float = 60.0

    def instead(self, lane: Lane) -> Instead:
        """Give when it may be used, beside SES's account of `lane`."""
        return Instead(lane=lane, streams=self.streams, outages=self.outages)

    def policy(self, towards_ses: Policy) -> Policy:
        """Give the caution towards it: what SES's warm-up spreads is spread here too; no reserve without bulk mail."""
        return Policy(reserve=towards_ses.reserve if Stream.MARKETING in self.streams else 0.0, bulk=towards_ses.bulk)

    @property
    def only(self) -> str:
        """Say in a sentence which mail it takes."""
        return f"The relay {self.name} takes only {' and '.join(sorted(self.streams))} mail."

    def standing_in(self, state: State) -> str:
        """Say in a sentence that it stands in for SES, for which mail; empty while it does not."""
        why = governor.refused(state, outages=self.outages)
        which = f"{' and '.join(sorted(self.streams))} mail"
        if why == governor.SANDBOXED:
            return f"In the sandbox, {which} that SES refuses to recipients not verified goes by the relay {self.name}."
        return f"The relay {self.name} stands in ({why}): {which} goes by it." if why else ""


class Standstill:
    """What waits, for people. `other_way` stands in for SES, None where nothing does. Both raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], other_way: OtherWay | None) -> None:
        self._engine = engine
        self._now = now
        self.other_way = other_way

    async def waiting(self, lane: Lane, *, policy: Policy, most: int = 10_000) -> tuple[Waiting, ...]:
        """Say what waits, why, when it is expected to go, and what goes by another way; counts stop at `most`."""
        now, other = self._now(), self.other_way
        return await self._engine.read(lambda connection: waiting(own(connection), lane, policy, now, most, other))

    async def by_other_way(self, lane: Lane, message_id: str, *, policy: Policy) -> Mapping[str, Waiting]:
        """Say by delivery id which of a message go by another way than SES at present, and when."""
        now, other = self._now(), self.other_way
        return await self._engine.read(
            lambda connection: by_other_way(own(connection), lane, policy, now, message_id, other)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Why:
    """The answer for one queue."""

    reason: str
    text: str
    expected_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at all that waits."""

    own: Own
    lane: Lane
    policy: Policy
    now: datetime
    state: State | None
    pauses: Sequence[Pause]
    other: OtherWay | None

    @property
    def at(self) -> int:
        """Now, as it is stored."""
        return micros(self.now)

    @property
    def refusal(self) -> str:
        """In a word, why the other way stands in; empty when it does not, or there is none."""
        if self.other is None or self.state is None:
            return ""
        return governor.refused(self.state, outages=self.other.outages)

    @property
    def instead(self) -> tuple[int, str, int]:
        """The values of INSTEAD. In the sandbox only what SES has refused goes by another way."""
        return self.at if self.refusal == governor.SANDBOXED else 0, NO_SIMULATOR, self.at


def waiting(
    own: Own, lane: Lane, policy: Policy, now: datetime, most: int, other: OtherWay | None = None
) -> tuple[Waiting, ...]:
    """Say for each queue of waiting mail why it waits; counts stop at `most`.

    Where `other` stands in for SES, a queue may come twice: what goes by that way, and the rest.
    """
    every = queues.waiting(own)
    look = _look(own, lane, policy, now, other)
    by_ses = shares.load(own, {one.access_key_id for one in every}, look.state, now.timestamp(), policy)
    found = []
    for queue in every:
        row = own.one(COUNT, queue.rank, queue.name, most)
        count = int(row[0]) if row else 0
        by_way = _count_instead(look, queue, most)
        if by_way and look.other is not None:
            found.append(_waiting(queue, by_way, _by_other_way(look, look.other, queue), way=BY_RELAY))
            first = own.one(FIRST_REST, queue.rank, queue.name, *look.instead)
            if first is None or count <= by_way:
                continue
            queue = replace(queue, first_due=first[0])  # noqa: PLW2901 - the same queue, what is left of it
        found.append(_waiting(queue, count - by_way, _by_ses(look, queue, by_ses)))
    return tuple(found)


def by_other_way(
    own: Own, lane: Lane, policy: Policy, now: datetime, message_id: str, other: OtherWay | None
) -> Mapping[str, Waiting]:
    """Say by delivery id which of a message go by the other way than SES at present, and when."""
    look = _look(own, lane, policy, now, other)
    if other is None or not look.refusal:
        return {}
    found = {}
    for delivery_id, rank, name, due_at, stream in own.all(_OF_MESSAGE, message_id, *look.instead):
        queue = Queue(rank=rank, name=name, first_due=due_at, stream=Stream(stream))
        if queue.stream in other.streams and not shares.paused(queue, look.pauses):
            found[str(delivery_id)] = _waiting(queue, 1, _by_other_way(look, other, queue), way=BY_RELAY)
    return found


def put_off(reason: str) -> str:
    """Say why mail was put off until a time, by the reason on record; empty where its time is all there is to say."""
    return _BREAKERS.get(reason, "")


def _look(own: Own, lane: Lane, policy: Policy, now: datetime, other: OtherWay | None) -> _Look:
    return _Look(own, lane, policy, now, permits.load(own, lane), shares.pauses(own, micros(now)), other)


def _waiting(queue: Queue, count: int, why: _Why, *, way: str = "") -> Waiting:
    return Waiting(
        access_key_id=queue.access_key_id,
        configuration_set=queue.configuration_set,
        stream=queue.stream,
        count=count,
        reason=why.reason,
        text=why.text,
        expected_at=why.expected_at,
        urgent=queue.urgent,
        way=way,
    )


def _count_instead(look: _Look, queue: Queue, most: int) -> int:
    """Count what of a queue goes by the other way now."""
    if not look.refusal or look.other is None or queue.stream not in look.other.streams:
        return 0
    if shares.paused(queue, look.pauses):
        return 0
    row = look.own.one(COUNT_INSTEAD, queue.rank, queue.name, *look.instead, most)
    return int(row[0]) if row else 0


def _by_other_way(look: _Look, other: OtherWay, queue: Queue) -> _Why:
    """Say when what the other way may take goes, by that way's own limits."""
    at, cause = look.now.timestamp(), _BREAKERS.get(look.refusal, "SES refuses all mail of the account.")
    state = permits.load(look.own, other.lane)
    if state is None:  # no program that sends by it has begun
        return _Why(reason=BY_RELAY, text=f"{cause} The relay {other.name} would take it.", expected_at=None)
    policy, day = other.policy(look.policy), permits.day(look.own, other.lane, at)
    taken = governor.take(state, 1, at, day=day, policy=policy, urgent=queue.urgent)
    wait = governor.expected_wait(taken, at, day=day, policy=policy, urgent=queue.urgent)
    expected = look.now + timedelta(seconds=wait)
    match taken.reason:
        case Reason.DAY | Reason.RESERVED:
            text = f"{cause} The relay {other.name} stands in, and its own day (relay.max_24_hour) is used up."
            return _Why(reason=RELAY_DAY, text=text, expected_at=expected)
        case Reason.BREAKER:
            text = f"{cause} The relay {other.name} stands in, and takes no mail itself ({state.breaker})."
            return _Why(reason=RELAY_REFUSES, text=text, expected_at=expected)
        case Reason.RAMP_HOUR | Reason.RAMP_HELD:
            return _Why(reason=taken.reason.value, text=f"{cause} {_TEXTS[taken.reason]}", expected_at=expected)
        case _:
            pass
    limits = shares.load(look.own, {queue.access_key_id}, state, at, policy)
    allowed = limits.allowed(queue.access_key_id, 1)
    if not allowed.granted:
        expected = look.now + timedelta(seconds=allowed.wait_seconds)
        return _Why(reason=allowed.reason.value, text=f"{cause} {_TEXTS[allowed.reason]}", expected_at=expected)
    text = f"{cause} It goes by the relay {other.name}, once that was so for {other.after_seconds:g} seconds."
    return _Why(reason=BY_RELAY, text=text, expected_at=expected)


def _by_ses(look: _Look, queue: Queue, limits: shares.Shares) -> _Why:
    """Say when what SES is to take goes, and why no other way takes it where one stands in."""
    if pause := shares.paused(queue, look.pauses):
        what = f"{pause.scope.value.replace('_', ' ')} {pause.name}".strip()
        text = f"Sending is paused for the {what}: {pause.reason}"
        return _Why(reason=Reason.PAUSED.value, text=text, expected_at=pause.until)
    why = _timed(look, queue) or _governed(look, queue, limits)
    if look.other is None or not look.refusal or why.reason not in _BREAKERS:
        return why
    return replace(why, text=f"{why.text} {_why_not(look, look.other, queue)}")


def _why_not(look: _Look, other: OtherWay, queue: Queue) -> str:
    """Say why the other way, which stands in, does not take it."""
    if queue.stream not in other.streams:
        return other.only
    first = look.own.one(FIRST_PUT_OFF, queue.rank, queue.name, queue.first_due)
    if queue.first_due > look.at and first is not None and not str(first[1]).endswith(NO_SIMULATOR[1:]):
        return f"The relay {other.name} has put it off too."
    return "Mail to SES's mailbox simulator goes by SES alone."


def _timed(look: _Look, queue: Queue) -> _Why | None:
    """Say until when the first of a queue was put off, and why; None when it is due."""
    if queue.first_due <= look.at:
        return None
    row = look.own.one(FIRST_PUT_OFF, queue.rank, queue.name, queue.first_due)
    reason = str(row[0]) if row else ""
    text = put_off(reason)
    return _Why(reason=reason if text else "scheduled", text=text or ITS_TIME, expected_at=instant(queue.first_due))


def _governed(look: _Look, queue: Queue, limits: shares.Shares) -> _Why:
    """Say what SES's quota, rate and answers, and the key's own limits, make of what is due."""
    state, policy, at = look.state, look.policy, look.now.timestamp()
    if state is None:
        return _Why(reason=Reason.UNKNOWN_QUOTA.value, text=_TEXTS[Reason.UNKNOWN_QUOTA], expected_at=None)
    day = permits.day(look.own, look.lane, at)
    taken = governor.take(state, 1, at, day=day, policy=policy, urgent=queue.urgent)
    seconds = governor.expected_wait(taken, at, day=day, policy=policy, urgent=queue.urgent)
    expected = look.now + timedelta(seconds=seconds)
    if taken.reason is Reason.BREAKER:
        text = _BREAKERS.get(state.breaker, "SES refuses all mail of the account.")
        return _Why(reason=state.breaker, text=text, expected_at=expected)
    if taken.reason is Reason.PAUSED:  # only AWS or a person knows when
        return _Why(reason=taken.reason.value, text=_TEXTS[taken.reason], expected_at=None)
    if taken.reason:
        return _Why(reason=taken.reason.value, text=_TEXTS[taken.reason], expected_at=expected)
    allowed = limits.allowed(queue.access_key_id, 1)
    if not allowed.granted:
        expected = look.now + timedelta(seconds=allowed.wait_seconds)
        return _Why(reason=allowed.reason.value, text=_TEXTS[allowed.reason], expected_at=expected)
    return _Why(reason=Reason.RATE.value, text=_TEXTS[Reason.RATE], expected_at=look.now)
