"""Where a case stands and what comes next: a pure and total function of its facts. Knows no store and no AWS.

The status of GetAccount alone misleads: DENIED is also shown while AWS waits for an answer, PENDING too, and GRANTED
before the sandbox is lifted. What AWS wrote outranks PENDING and DENIED; only ProductionAccessEnabled is production.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from sendworthy.access.case_texts import NEXT, WHAT, NextAction, State, WaitingFor
from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.refusals import Kind

__all__ = ["CaseState", "Expected", "NextAction", "State", "WaitingFor", "state"]

_DAY = timedelta(hours=24)
_UNCERTAIN_FOR = timedelta(minutes=10)
"""How long GetAccount may show nothing of a request whose answer was lost, before it counts as not received."""

_AWS_24H = "AWS: a first response within 24 hours"
_GUIDE_48H = "observed: 24 to 48 hours"
_GUIDE_5D = "observed: complex cases take up to 5 business days"
_ANSWER_24H = "observed: AWS answers a reply within about 24 hours"
_OUR_5D = "our own deadline: an answer within 5 days keeps the case open"
_LAG = "our own limit: a grant should be in effect within 24 hours"

_REFUSALS = frozenset({Kind.GENERIC_REFUSAL, Kind.INCREASE_REFUSED, Kind.REFUSAL_AFTER_REPLY})
_RESTRICTIONS = frozenset({Kind.PROBATION_RATES, Kind.PROBATION_PEOPLE, Kind.PAUSED})
_SAYS_NOTHING = frozenset({Kind.ACKNOWLEDGEMENT, Kind.NOT_SES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """By when something is expected, and who says so."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseState:
    """The state, the one next action and its text, whose turn it is, and by when.

    `may_ask` says whether a new submission would be honest now; `not_before` is the earliest time for the next action,
    where there is one. `overdue` is true once the first expected time has passed.
    """

    state: State
    next_action: NextAction
    what: str
    next_step: str
    waiting_for: WaitingFor
    expected: tuple[Expected, ...] = ()
    overdue: bool = False
    not_before: datetime | None = None
    may_ask: bool = False
    case_id: str = ""

    @property
    def due(self) -> datetime | None:
        """The first expected time."""
        return self.expected[0].at if self.expected else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What the facts come to: all of them, and those since the last submission that AWS may have (the round)."""

    facts: tuple[Fact, ...]
    round: tuple[Fact, ...]

    def last(self, *kinds: FactKind) -> Fact | None:
        return next((one for one in reversed(self.facts) if one.kind in kinds), None)

    def in_round(self, kind: FactKind) -> tuple[Fact, ...]:
        return tuple(one for one in self.round if one.kind is kind)

    @property
    def began(self) -> Fact | None:
        first = self.round[0] if self.round else None
        return first if first is not None and _begins(first) else None


def state(facts: Sequence[Fact], now: datetime) -> CaseState:
    """Give the state of a case. Total: any facts in any order give one state with one next action."""
    ordered = _settled(tuple(sorted(facts, key=lambda one: _utc(one.at))))
    record = _Record(facts=ordered, round=_round(ordered))
    found = _decide(record, _utc(now))
    seen = record.last(FactKind.STATUS_SEEN)
    return _finish(found, record, _utc(now), _text(seen, "case_id"))


def _settled(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Drop what was noted before a submission went out, where its answer was noted after it under the same `call`."""
    last = {_text(one, "call"): index for index, one in enumerate(facts) if one.kind is FactKind.SUBMITTED}
    return tuple(
        one
        for index, one in enumerate(facts)
        if one.kind is not FactKind.SUBMITTED or not _text(one, "call") or last[_text(one, "call")] == index
    )


def _round(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    began = 0
    for index, one in enumerate(facts):
        if _begins(one):
            began = index
    return facts[began:]


def _begins(fact: Fact) -> bool:
    """Whether a fact is a submission that AWS has, or may have."""
    return fact.kind is FactKind.SUBMITTED and _answer(fact) in {Answer.ACCEPTED, Answer.UNCERTAIN}


@dataclass(frozen=True, slots=True)
class _Found:
    """A state, and the moment from which its expected times count."""

    state: State
    since: datetime | None = None


def _decide(record: _Record, now: datetime) -> _Found:
    seen = record.last(FactKind.STATUS_SEEN)
    if (restricted := _restricted(record, seen)) is not None:
        return restricted
    if seen is not None and seen.data.get("production") is True:
        return _Found(State.IN_PRODUCTION)
    if _closed(record):
        return _Found(State.CLOSED)
    if _revoked(record):
        return _Found(State.REVOKED)
    here = next((one for one in reversed(record.in_round(FactKind.STATUS_SEEN))), None)
    words = _words(record)
    status = _text(here, "status")
    if status == "GRANTED" and here is not None and (words is None or _utc(words.at) <= _utc(here.at)):
        granted = next(one for one in record.in_round(FactKind.STATUS_SEEN) if _text(one, "status") == "GRANTED")
        return _Found(State.GRANTED_NOT_LIVE, _utc(granted.at))
    if words is not None:
        return _by_words(record, words)
    return _by_status(record, here, status, now)


def _by_status(record: _Record, here: Fact | None, status: str, now: datetime) -> _Found:
    began = record.began
    since = _utc(began.at) if began is not None else None
    match status:
        case "PENDING":
            first = next(one for one in record.in_round(FactKind.STATUS_SEEN) if _text(one, "status") == "PENDING")
            replied = record.in_round(FactKind.WE_REPLIED)
            if replied:
                return _Found(State.ANSWERED, _utc(replied[-1].at))
            return _Found(State.UNDER_REVIEW, since or _utc(first.at))
        case "FAILED":
            return _Found(State.FAILED)
        case "DENIED":
            replied = record.in_round(FactKind.WE_REPLIED)
            return _Found(State.ANSWERED, _utc(replied[-1].at)) if replied else _Found(State.DENIED_UNREAD)
        case "":
            return _without_status(record, began, here, now)
        case _:
            return _Found(State.UNKNOWN_STATUS)


def _without_status(record: _Record, began: Fact | None, here: Fact | None, now: datetime) -> _Found:
    last = record.last(FactKind.SUBMITTED)
    if last is not None and _answer(last) is Answer.CONFLICT:
        return _Found(State.CONFLICT)
    if began is None:
        return _Found(State.DRAFTED if record.last(FactKind.DRAFTED, FactKind.SUBMITTED) else State.NOT_ASKED)
    if _answer(began) is Answer.UNCERTAIN:
        looked = here is not None and _utc(here.at) - _utc(began.at) >= _UNCERTAIN_FOR
        return _Found(State.FAILED if looked and now >= _utc(began.at) else State.UNCERTAIN)
    return _Found(State.SUBMITTED, _utc(began.at))


def _by_words(record: _Record, words: Fact) -> _Found:
    """Judge by the last thing AWS wrote in this round, and whether we have answered since."""
    after = record.round[_index(record.round, words) + 1 :]
    replied = next((one for one in reversed(after) if one.kind is FactKind.WE_REPLIED), None)
    kind = _kind(words)
    said = [one for one in record.in_round(FactKind.AWS_SAID) if _kind(one) not in _SAYS_NOTHING]
    if kind is Kind.STANDING or (kind in _REFUSALS and any(_kind(one) is Kind.STANDING for one in said)):
        return _Found(State.STANDING, _utc(words.at))
    if kind is Kind.GRANT:
        return _Found(State.GRANTED_NOT_LIVE, _utc(words.at))
    if replied is not None:
        return _Found(State.ANSWERED, _utc(replied.at))
    match kind:
        case Kind.INFORMATION_REQUEST:
            return _Found(State.INFORMATION_REQUESTED, _utc(words.at))
        case Kind.GENERIC_REFUSAL | Kind.INCREASE_REFUSED | Kind.REFUSAL_AFTER_REPLY:
            return _Found(_refused(record), _utc(words.at))
        case Kind.CONDITIONAL_GRANT:
            return _Found(State.CONDITIONAL, _utc(words.at))
        case Kind.PROBATION_RATES | Kind.PROBATION_PEOPLE | Kind.PAUSED:
            return _Found(State.RESTRICTED, _utc(words.at))
        case Kind.UNKNOWN | Kind.ACKNOWLEDGEMENT | Kind.NOT_SES:
            return _Found(State.UNREAD, _utc(words.at))
        case _:
            assert_never(kind)


def _refused(record: _Record) -> State:
    """Count the refusals of this round that came after an answer of ours: none, one, more."""
    replied = False
    again = 0
    for one in record.round:
        if one.kind is FactKind.WE_REPLIED:
            replied = True
        elif one.kind is FactKind.AWS_SAID and _kind(one) in _REFUSALS:
            again += replied or _kind(one) is Kind.REFUSAL_AFTER_REPLY
    return (State.REFUSED, State.REFUSED_AGAIN, State.REFUSED_FOR_NOW)[min(again, 2)]


def _restricted(record: _Record, seen: Fact | None) -> _Found | None:
    """Find a probation or pause that is not over: by GetAccount's word, or by AWS's text until HEALTHY follows."""
    if _text(seen, "enforcement") in {"PROBATION", "SHUTDOWN"} and seen is not None:
        replied = record.last(FactKind.WE_REPLIED)
        told = record.last(FactKind.AWS_SAID)
        if replied is not None and told is not None and _utc(replied.at) >= _utc(told.at):
            return _Found(State.ANSWERED, _utc(replied.at))
        return _Found(State.RESTRICTED, _utc(seen.at))
    words = _words(record)
    if words is None or _kind(words) not in _RESTRICTIONS:
        return None
    healthy = seen is not None and _text(seen, "enforcement") == "HEALTHY" and _utc(seen.at) > _utc(words.at)
    return None if healthy else _by_words(record, words)


def _closed(record: _Record) -> bool:
    decided = record.last(
        FactKind.DECIDED, FactKind.DRAFTED, FactKind.SUBMITTED, FactKind.AWS_SAID, FactKind.WE_REPLIED
    )
    return decided is not None and decided.kind is FactKind.DECIDED


def _revoked(record: _Record) -> bool:
    """Whether production was seen in this round, or before any new request, and is no longer."""
    return any(one.data.get("production") is True for one in record.in_round(FactKind.STATUS_SEEN))


_CLOCKS: dict[State, tuple[tuple[timedelta, str], ...]] = {
    State.SUBMITTED: ((_DAY, _AWS_24H),),
    State.UNDER_REVIEW: ((_DAY, _AWS_24H), (2 * _DAY, _GUIDE_48H)),
    State.INFORMATION_REQUESTED: ((5 * _DAY, _OUR_5D),),
    State.ANSWERED: ((_DAY, _ANSWER_24H),),
    State.GRANTED_NOT_LIVE: ((_DAY, _LAG),),
}

_ACTIONS: dict[State, tuple[NextAction, WaitingFor]] = {
    State.NOT_ASKED: (NextAction.DRAFT, WaitingFor.US),
    State.DRAFTED: (NextAction.SUBMIT, WaitingFor.US),
    State.SUBMITTED: (NextAction.LOOK, WaitingFor.AWS),
    State.UNCERTAIN: (NextAction.LOOK, WaitingFor.US),
    State.UNDER_REVIEW: (NextAction.WAIT, WaitingFor.AWS),
    State.INFORMATION_REQUESTED: (NextAction.REPLY, WaitingFor.US),
    State.ANSWERED: (NextAction.WAIT, WaitingFor.AWS),
    State.DENIED_UNREAD: (NextAction.READ_CASE, WaitingFor.US),
    State.REFUSED: (NextAction.CLOSE_GAPS_AND_REPLY, WaitingFor.US),
    State.REFUSED_AGAIN: (NextAction.ASK_ONE_QUESTION, WaitingFor.US),
    State.REFUSED_FOR_NOW: (NextAction.CHANGE_SOMETHING, WaitingFor.US),
    State.STANDING: (NextAction.WAIT_FOR_BILLING, WaitingFor.TIME),
    State.GRANTED_NOT_LIVE: (NextAction.WATCH_ACCESS, WaitingFor.AWS),
    State.CONDITIONAL: (NextAction.MEET_CONDITIONS, WaitingFor.US),
    State.IN_PRODUCTION: (NextAction.SEND, WaitingFor.NOBODY),
    State.FAILED: (NextAction.SUBMIT_AGAIN, WaitingFor.US),
    State.CONFLICT: (NextAction.READ_CASE, WaitingFor.US),
    State.RESTRICTED: (NextAction.APPEAL, WaitingFor.US),
    State.REVOKED: (NextAction.READ_CASE, WaitingFor.US),
    State.UNREAD: (NextAction.READ_CASE, WaitingFor.US),
    State.UNKNOWN_STATUS: (NextAction.READ_CASE, WaitingFor.US),
    State.CLOSED: (NextAction.NOTHING, WaitingFor.NOBODY),
}

_WHEN_OVERDUE: dict[State, NextAction] = {
    State.SUBMITTED: NextAction.READ_CASE,
    State.UNDER_REVIEW: NextAction.READ_CASE,
    State.ANSWERED: NextAction.READ_CASE,
    State.GRANTED_NOT_LIVE: NextAction.REPORT_LAG,
}

_WAIT_A_DAY = frozenset({State.REFUSED, State.REFUSED_AGAIN, State.REFUSED_FOR_NOW})
"""After a refusal: at least 24 hours, and something changed, before anything is asked again."""


def _finish(found: _Found, record: _Record, now: datetime, aws_case: str) -> CaseState:
    action, waiting_for = _ACTIONS[found.state]
    clocks = _CLOCKS.get(found.state, ())
    expected = tuple(Expected(at=found.since + after, source=source) for after, source in clocks if found.since)
    if found.state is State.UNDER_REVIEW and found.since is not None:
        expected += (Expected(at=_business_days(found.since, 5), source=_GUIDE_5D),)
    overdue = bool(expected) and now > expected[0].at
    if overdue:
        action = _WHEN_OVERDUE.get(found.state, action)
    not_before: datetime | None = None
    if found.state in _WAIT_A_DAY and found.since is not None:
        not_before = found.since + _DAY
    elif found.state is State.STANDING and found.since is not None:
        not_before = found.since + 30 * _DAY
    return CaseState(
        state=found.state,
        next_action=action,
        what=WHAT[found.state],
        next_step=NEXT[action],
        waiting_for=waiting_for,
        expected=expected,
        overdue=overdue,
        not_before=not_before,
        may_ask=_may_ask(found, record, now),
        case_id=aws_case,
    )


def _may_ask(found: _Found, record: _Record, now: datetime) -> bool:
    if found.state in {State.NOT_ASKED, State.DRAFTED, State.FAILED, State.CLOSED}:
        return True
    if found.state is not State.REFUSED_FOR_NOW or found.since is None or now < found.since + _DAY:
        return False
    draft = record.last(FactKind.DRAFTED)
    return draft is not None and _utc(draft.at) > found.since and bool(draft.data.get("changed"))


def _business_days(since: datetime, days: int) -> datetime:
    """Count Mondays to Fridays; holidays are not known here."""
    at = since
    while days:
        at += _DAY
        days -= at.weekday() < 5
    return at


def _words(record: _Record) -> Fact | None:
    """Give the last text of AWS in this round that says something about the request."""
    said = [one for one in record.in_round(FactKind.AWS_SAID) if _kind(one) not in _SAYS_NOTHING]
    return said[-1] if said else None


def _index(facts: tuple[Fact, ...], wanted: Fact) -> int:
    return next(index for index, one in enumerate(facts) if one is wanted)


def _kind(fact: Fact) -> Kind:
    value = fact.data.get("kind")
    return Kind(value) if isinstance(value, str) and value in tuple(Kind) else Kind.UNKNOWN


def _answer(fact: Fact) -> Answer:
    """Read an answer; one that is missing or strange is uncertain, never taken for silence."""
    value = fact.data.get("answer")
    return Answer(value) if isinstance(value, str) and value in tuple(Answer) else Answer.UNCERTAIN


def _text(fact: Fact | None, key: str) -> str:
    value = fact.data.get(key) if fact is not None else None
    return value.strip() if isinstance(value, str) else ""


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
