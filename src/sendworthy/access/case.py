"""Where a case stands and what comes next: a pure and total function of its facts. Knows no store and no AWS.

The status of GetAccount alone misleads: DENIED is also shown while AWS waits for an answer, PENDING too, and GRANTED
before the sandbox is lifted. What AWS wrote outranks PENDING and DENIED; only ProductionAccessEnabled is production.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sendworthy.access.case_record import (
    REFUSALS,
    RESTRICTIONS,
    SAYS_NOTHING,
    Record,
    answer_of,
    changed_since,
    kind_of,
    last_words,
    position,
    round_of,
    rungs_used,
    settled,
    text_of,
    utc,
)
from sendworthy.access.case_texts import HELP, NEXT, WHAT, NextAction, State, WaitingFor
from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.ladder import COOL_DOWN, STANDING_AGAIN, Rung, Step, ladder, next_rung
from sendworthy.access.refusals import Kind

__all__ = ["CaseState", "Expected", "NextAction", "State", "WaitingFor", "state"]

_DAY = timedelta(hours=24)
_UNCERTAIN_FOR = timedelta(minutes=10)
"""How long GetAccount may show nothing of a request whose answer was lost, before it counts as not received."""

_AWS_24H = "AWS: a first response within 24 hours"
_GUIDE_48H = "observed: 24 to 48 hours"
_GUIDE_3D = "observed: a full review takes 1 to 3 business days"
_GUIDE_5D = "observed: complex cases take up to 5 business days"
_ANSWER_24H = "observed: AWS answers a reply within about 24 hours"
_OUR_5D = "our own deadline: an answer within 5 days keeps the case open"
_LAG = "our own limit: a grant should be in effect within 24 hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """By when something is expected, and who says so."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseState:
    """The state, the one next action and its text, whose turn it is, and by when.

    `may_ask` says whether a new submission would be honest now; `not_before` is the earliest time for the next action,
    where there is one. `overdue` is true once the first expected time has passed. `steps` are what is left after a
    refusal; `again_between` is, for a refusal over standing, when asking again has worked (observed, not promised);
    `help` says where people can help with the next action.
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
    steps: tuple[Step, ...] = ()
    again_between: tuple[datetime, datetime] | None = None
    help: tuple[str, ...] = ()

    @property
    def due(self) -> datetime | None:
        """The first expected time."""
        return self.expected[0].at if self.expected else None


def state(facts: Sequence[Fact], now: datetime) -> CaseState:
    """Give the state of a case. Total: any facts in any order give one state with one next action."""
    ordered = settled(tuple(sorted(facts, key=lambda one: utc(one.at))))
    record = Record(facts=ordered, round=round_of(ordered))
    found = _decide(record, utc(now))
    seen = record.last(FactKind.STATUS_SEEN)
    return _finish(found, record, utc(now), text_of(seen, "case_id"))


@dataclass(frozen=True, slots=True)
class _Found:
    """A state, and the moment from which its expected times count."""

    state: State
    since: datetime | None = None


def _decide(record: Record, now: datetime) -> _Found:
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
    words = last_words(record)
    status = text_of(here, "status")
    if status == "GRANTED" and here is not None and (words is None or utc(words.at) <= utc(here.at)):
        granted = next(one for one in record.in_round(FactKind.STATUS_SEEN) if text_of(one, "status") == "GRANTED")
        return _Found(State.GRANTED_NOT_LIVE, utc(granted.at))
    if words is not None:
        return _by_words(record, words)
    return _by_status(record, here, status, now)


def _by_status(record: Record, here: Fact | None, status: str, now: datetime) -> _Found:
    began = record.began
    since = utc(began.at) if began is not None else None
    match status:
        case "PENDING":
            first = next(one for one in record.in_round(FactKind.STATUS_SEEN) if text_of(one, "status") == "PENDING")
            replied = record.asked_since()
            if replied is not None:
                return _Found(State.ANSWERED, utc(replied.at))
            return _Found(State.UNDER_REVIEW, since or utc(first.at))
        case "FAILED":
            return _Found(State.FAILED)
        case "DENIED":
            # After a new case the status still tells of the old one.
            replied = record.asked_since()
            return _Found(State.ANSWERED, utc(replied.at)) if replied is not None else _Found(State.DENIED_UNREAD)
        case "":
            return _without_status(record, began, here, now)
        case _:
            return _Found(State.UNKNOWN_STATUS)


def _without_status(record: Record, began: Fact | None, here: Fact | None, now: datetime) -> _Found:
    last = record.last(FactKind.SUBMITTED)
    if last is not None and answer_of(last) is Answer.CONFLICT:
        return _Found(State.CONFLICT)
    if began is None:
        return _Found(State.DRAFTED if record.last(FactKind.DRAFTED, FactKind.SUBMITTED) else State.NOT_ASKED)
    if answer_of(began) is Answer.UNCERTAIN:
        looked = here is not None and utc(here.at) - utc(began.at) >= _UNCERTAIN_FOR
        return _Found(State.FAILED if looked and now >= utc(began.at) else State.UNCERTAIN)
    return _Found(State.SUBMITTED, utc(began.at))


def _by_words(record: Record, words: Fact) -> _Found:
    """Judge by the last thing AWS wrote in this round, and whether we have answered since."""
    after = record.round[position(record.round, words) + 1 :]
    ours = {FactKind.WE_REPLIED, FactKind.ASKED_ELSEWHERE}
    replied = next((one for one in reversed(after) if one.kind in ours), None)
    kind = kind_of(words)
    said = [one for one in record.in_round(FactKind.AWS_SAID) if kind_of(one) not in SAYS_NOTHING]
    if kind is Kind.STANDING or (kind in REFUSALS and _soon_after_standing(said, words)):
        return _Found(State.STANDING, utc(words.at))
    if kind is Kind.GRANT:
        return _Found(State.GRANTED_NOT_LIVE, utc(words.at))
    if replied is not None:
        return _Found(State.ANSWERED, utc(replied.at))
    match kind:
        case Kind.INFORMATION_REQUEST:
            return _Found(State.INFORMATION_REQUESTED, utc(words.at))
        case Kind.GENERIC_REFUSAL | Kind.INCREASE_REFUSED | Kind.REFUSAL_AFTER_REPLY:
            return _Found(_refused(record), utc(words.at))
        case Kind.CONDITIONAL_GRANT:
            return _Found(State.CONDITIONAL, utc(words.at))
        case Kind.PROBATION_RATES | Kind.PROBATION_PEOPLE | Kind.PAUSED:
            return _Found(State.RESTRICTED, utc(words.at))
        case Kind.UNKNOWN | Kind.ACKNOWLEDGEMENT | Kind.NOT_SES | Kind.REINSTATED:
            return _Found(State.UNREAD, utc(words.at))
        case _:
            assert_never(kind)


def _soon_after_standing(said: Sequence[Fact], words: Fact) -> bool:
    """Whether AWS spoke of standing so shortly before that another no must be taken for the same one."""
    soon = utc(words.at) - STANDING_AGAIN[0]
    return any(kind_of(one) is Kind.STANDING and soon < utc(one.at) <= utc(words.at) for one in said)


_REFUSED_AT: dict[Rung, State] = {
    Rung.ANSWER: State.REFUSED,
    Rung.QUESTION: State.REFUSED_AGAIN,
    Rung.SERVICE_QUOTAS: State.REFUSED_FOR_NOW,
    Rung.NEW_CASE: State.REFUSED_FOR_NOW,
    Rung.WAIT: State.EXHAUSTED,
}
"""Which state a refusal makes, by the step that comes next."""


def _refused(record: Record) -> State:
    return _REFUSED_AT[next_rung(rungs_used(record))]


def _restricted(record: Record, seen: Fact | None) -> _Found | None:
    """Find a probation or pause that is not over: by GetAccount's word, or by AWS's text until HEALTHY follows."""
    if text_of(seen, "enforcement") in {"PROBATION", "SHUTDOWN"} and seen is not None:
        if (restored := last_words(record, frozenset({Kind.REINSTATED}))) is not None and restored.at > seen.at:
            return None
        replied = record.last(FactKind.WE_REPLIED)
        told = record.last(FactKind.AWS_SAID)
        if replied is not None and told is not None and utc(replied.at) >= utc(told.at):
            return _Found(State.ANSWERED, utc(replied.at))
        return _Found(State.RESTRICTED, utc(seen.at))
    words = last_words(record, RESTRICTIONS | {Kind.REINSTATED})
    if words is None or kind_of(words) is Kind.REINSTATED:
        return None
    healthy = seen is not None and text_of(seen, "enforcement") == "HEALTHY" and utc(seen.at) > utc(words.at)
    return None if healthy else _by_words(record, words)


def _closed(record: Record) -> bool:
    decided = record.last(
        FactKind.DECIDED, FactKind.DRAFTED, FactKind.SUBMITTED, FactKind.AWS_SAID, FactKind.WE_REPLIED
    )
    return decided is not None and decided.kind is FactKind.DECIDED


def _revoked(record: Record) -> bool:
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
    State.EXHAUSTED: (NextAction.STOP, WaitingFor.TIME),
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

_LADDER = frozenset(_REFUSED_AT.values()) | {State.STANDING}

_NEXT_WAY: dict[Rung, NextAction] = {
    Rung.SERVICE_QUOTAS: NextAction.ASK_SERVICE_QUOTAS,
    Rung.NEW_CASE: NextAction.OPEN_NEW_CASE,
}


def _finish(found: _Found, record: Record, now: datetime, aws_case: str) -> CaseState:
    action, waiting_for = _ACTIONS[found.state]
    clocks = _CLOCKS.get(found.state, ())
    expected = tuple(Expected(at=found.since + after, source=source) for after, source in clocks if found.since)
    if found.state is State.UNDER_REVIEW and found.since is not None:
        expected += (
            Expected(at=_business_days(found.since, 3), source=_GUIDE_3D),
            Expected(at=_business_days(found.since, 5), source=_GUIDE_5D),
        )
    overdue = bool(expected) and now > expected[0].at
    if overdue:
        action = _WHEN_OVERDUE.get(found.state, action)
    steps = _steps(found, record, now)
    if found.state is State.REFUSED_FOR_NOW and changed_since(record, found.since):
        action = _NEXT_WAY[next_rung(rungs_used(record))]
    not_before: datetime | None = None
    again: tuple[datetime, datetime] | None = None
    if found.state is State.STANDING and found.since is not None:
        again = (found.since + STANDING_AGAIN[0], found.since + STANDING_AGAIN[1])
        not_before = again[0]
    elif found.state in _LADDER - {State.EXHAUSTED} and found.since is not None:
        not_before = found.since + COOL_DOWN
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
        steps=steps,
        again_between=again,
        help=HELP.get(action, ()),
    )


def _steps(found: _Found, record: Record, now: datetime) -> tuple[Step, ...]:
    if found.state not in _LADDER or found.since is None:
        return ()
    return ladder(
        refused_at=found.since,
        used=rungs_used(record),
        changed=changed_since(record, found.since),
        standing=found.state is State.STANDING,
        now=now,
    )


def _may_ask(found: _Found, record: Record, now: datetime) -> bool:
    if found.state in {State.NOT_ASKED, State.DRAFTED, State.FAILED, State.CLOSED}:
        return True
    if found.state is not State.REFUSED_FOR_NOW or found.since is None or now < found.since + COOL_DOWN:
        return False
    return changed_since(record, found.since)


def _business_days(since: datetime, days: int) -> datetime:
    """Count Mondays to Fridays; holidays are not known here."""
    at = since
    while days:
        at += _DAY
        days -= at.weekday() < 5
    return at
