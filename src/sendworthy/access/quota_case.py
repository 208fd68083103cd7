"""Where a request for a larger quota stands: a pure and total function of its facts. Knows no store and no AWS.

CASE_CLOSED does not say how a request ended [M], and APPROVED is not yet a larger quota: only GetAccount is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.quota import Quota

_NOT_RECEIVED_AFTER = timedelta(minutes=10)
"""How long Service Quotas may show nothing of a request whose answer was lost, before it counts as not received."""

_A_DAY = timedelta(hours=24)

_PURPOSE = {Quota.DAY: "quota-per-day", Quota.RATE: "quota-per-second"}


class QuotaState(StrEnum):
    """Where the request stands."""

    NOT_ASKED = "not_asked"
    UNCERTAIN = "uncertain"
    NOT_RECEIVED = "not_received"
    REQUESTED = "requested"
    ALREADY_OPEN = "already_open"
    CASE_OPEN = "case_open"
    APPROVED_NOT_LIVE = "approved_not_live"
    RAISED = "raised"
    RAISED_IN_PART = "raised_in_part"
    CLOSED_UNCHANGED = "closed_unchanged"
    REFUSED = "refused"
    INVALID = "invalid"
    UNKNOWN_STATUS = "unknown_status"


_TEXTS: Mapping[QuotaState, tuple[str, str]] = {
    QuotaState.NOT_ASKED: ("Nothing was asked.", "See `sendworthy quota forecast`."),
    QuotaState.UNCERTAIN: (
        "The answer to the request was lost: AWS may have it or not.",
        "Look first: `sendworthy quota watch --once`.",
    ),
    QuotaState.NOT_RECEIVED: ("AWS shows no trace of the request.", "Ask once more: `sendworthy quota request`."),
    QuotaState.REQUESTED: ("AWS has the request.", "Wait; `sendworthy quota watch` tells when something changes."),
    QuotaState.ALREADY_OPEN: (
        "AWS has an open request for this quota already, and takes no second one.",
        "Follow that one: `sendworthy quota watch`.",
    ),
    QuotaState.CASE_OPEN: (
        "AWS opened a support case for the request.",
        "Paste the justification there: `sendworthy quota draft`. The request itself has no field for it.",
    ),
    QuotaState.APPROVED_NOT_LIVE: (
        "The request is approved, and GetAccount does not show it yet.",
        "Wait; only GetAccount counts.",
    ),
    QuotaState.RAISED: ("GetAccount shows the quota that was asked for.", "Raise the volume step by step."),
    QuotaState.RAISED_IN_PART: (
        "The request is closed, and GetAccount shows more than before but less than was asked for.",
        "Use it for two to four weeks before asking again.",
    ),
    QuotaState.CLOSED_UNCHANGED: (
        "The request is closed, and GetAccount shows the quota as it was.",
        "Read the case in AWS's Support Center: it says why.",
    ),
    QuotaState.REFUSED: (
        "AWS did not grant the request.",
        "Read the case in AWS's Support Center; mend what it names, wait at least 24 hours, and say what changed.",
    ),
    QuotaState.INVALID: ("AWS calls the request invalid.", "Check the value: `sendworthy quota show`."),
    QuotaState.UNKNOWN_STATUS: (
        "AWS shows a status that this program does not know.",
        "Look in AWS's Service Quotas console.",
    ),
}

_MAY_ASK = frozenset(
    {
        QuotaState.NOT_ASKED,
        QuotaState.NOT_RECEIVED,
        QuotaState.RAISED,
        QuotaState.RAISED_IN_PART,
        QuotaState.INVALID,
    }
)
OVER = frozenset(
    {
        QuotaState.RAISED,
        QuotaState.RAISED_IN_PART,
        QuotaState.CLOSED_UNCHANGED,
        QuotaState.REFUSED,
        QuotaState.INVALID,
        QuotaState.NOT_RECEIVED,
        QuotaState.NOT_ASKED,
    }
)
"""States after which nothing more comes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaCase:
    """The state in words, the figures, and when asking again is honest.

    `before` is the quota when it was asked, `value` what GetAccount showed last, `desired` what was asked for; 0 where
    unknown. `expected` is by when AWS says it answers. `not_before` is when asking again is honest after a refusal.
    """

    quota: Quota
    state: QuotaState
    what: str
    next_step: str
    before: float = 0.0
    value: float = 0.0
    desired: float = 0.0
    request_id: str = ""
    support_case: str = ""
    since: datetime | None = None
    expected: datetime | None = None
    not_before: datetime | None = None
    may_ask: bool = False


def quota_case_id(account_id: str, region: str, quota: Quota) -> str:
    """Give the id under which the facts of a quota's requests are kept; the purpose is its last part."""
    return f"{account_id}/{region}/{_PURPOSE[quota]}"


def quota_case(quota: Quota, facts: Sequence[Fact], now: datetime) -> QuotaCase:
    """Give the state of a quota's last request. Total: any facts give one state."""
    ordered = sorted(facts, key=lambda one: one.at)
    asked = _asked(ordered)
    if asked is None:
        return _case(quota, QuotaState.NOT_ASKED, now, may_ask=True)
    seen = next((one for one in reversed(ordered) if one.kind is FactKind.STATUS_SEEN and one.at >= asked.at), None)
    state = _state(asked, seen, now)
    since = seen.at if seen is not None else asked.at
    refused = state in {QuotaState.REFUSED, QuotaState.CLOSED_UNCHANGED}
    not_before = _ended(ordered, asked) + _A_DAY if refused else None
    return QuotaCase(
        quota=quota,
        state=state,
        what=_TEXTS[state][0],
        next_step=_TEXTS[state][1],
        before=_number(asked, "before"),
        value=_number(seen, "value") or _number(asked, "before"),
        desired=_number(seen, "desired") or _number(asked, "desired"),
        request_id=_text(seen, "request_id") or _text(asked, "request_id"),
        support_case=_text(seen, "case_id"),
        since=since,
        expected=asked.at + _A_DAY if state in {QuotaState.REQUESTED, QuotaState.CASE_OPEN} else None,
        not_before=not_before,
        may_ask=state in _MAY_ASK or (not_before is not None and now >= not_before),
    )


def _case(quota: Quota, state: QuotaState, now: datetime, *, may_ask: bool) -> QuotaCase:
    what, next_step = _TEXTS[state]
    return QuotaCase(quota=quota, state=state, what=what, next_step=next_step, since=now, may_ask=may_ask)


def _asked(ordered: Sequence[Fact]) -> Fact | None:
    """Give the last request that AWS has or may have; what was noted before a call gives way to what came of it."""
    last = {_text(one, "call"): one for one in ordered if one.kind is FactKind.SUBMITTED}
    settled = sorted(last.values(), key=lambda one: one.at)
    return next((one for one in reversed(settled) if _text(one, "answer") != Answer.NOT_TAKEN), None)


def _state(asked: Fact, seen: Fact | None, now: datetime) -> QuotaState:
    status, value = _text(seen, "status"), _number(seen, "value")
    desired = _number(seen, "desired") or _number(asked, "desired")
    if seen is not None and desired > 0 and value >= desired:
        return QuotaState.RAISED
    match status:
        case "PENDING":
            return QuotaState.REQUESTED
        case "CASE_OPENED":
            return QuotaState.CASE_OPEN
        case "APPROVED":
            return QuotaState.APPROVED_NOT_LIVE
        case "CASE_CLOSED":
            more = value > _number(asked, "before")
            return QuotaState.RAISED_IN_PART if more else QuotaState.CLOSED_UNCHANGED
        case "DENIED" | "NOT_APPROVED":
            return QuotaState.REFUSED
        case "INVALID_REQUEST":
            return QuotaState.INVALID
        case "":
            return _unseen(asked, seen, now)
        case _:
            return QuotaState.UNKNOWN_STATUS


def _unseen(asked: Fact, seen: Fact | None, now: datetime) -> QuotaState:
    """Judge by the answer alone: nothing of the request was seen at AWS."""
    match _text(asked, "answer"):
        case Answer.ACCEPTED:
            return QuotaState.REQUESTED
        case Answer.CONFLICT:
            return QuotaState.ALREADY_OPEN
        case _:
            looked = seen is not None and seen.at >= asked.at + _NOT_RECEIVED_AFTER and now >= seen.at
            return QuotaState.NOT_RECEIVED if looked else QuotaState.UNCERTAIN


def _ended(ordered: Sequence[Fact], asked: Fact) -> datetime:
    """Give when the request was first seen to be over."""
    over = {"CASE_CLOSED", "DENIED", "NOT_APPROVED"}
    seen = (one for one in ordered if one.kind is FactKind.STATUS_SEEN and one.at >= asked.at)
    return next((one.at for one in seen if _text(one, "status") in over), asked.at)


def _text(fact: Fact | None, key: str) -> str:
    value = fact.data.get(key) if fact is not None else None
    return value.strip() if isinstance(value, str) else ""


def _number(fact: Fact | None, key: str) -> float:
    value = fact.data.get(key) if fact is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
