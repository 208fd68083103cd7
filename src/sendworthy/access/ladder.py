"""The steps that are left after a refusal, in their order, each with what must hold first. Knows no case and no store.

Observed in public records: an answer on the same case has turned first refusals; one calm question has led to a second
look; Service Quotas and a new case are ways on after a conflict; repeating an unchanged request never helped, and
several refusals may end further review.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

COOL_DOWN = timedelta(hours=24)
"""At least so long between a refusal and the next word to AWS (the guide's own advice)."""

STANDING_AGAIN = (timedelta(days=30), timedelta(days=60))
"""After the first paid bill, asking again has worked within this range of days: an observation, no promise of AWS."""


class Rung(StrEnum):
    """The steps, lowest first."""

    ANSWER = "answer_on_the_case"
    QUESTION = "one_question"
    SERVICE_QUOTAS = "service_quotas"
    NEW_CASE = "new_case"
    WAIT = "wait"


class Standing(StrEnum):
    """Whether a step can be taken."""

    DONE = "done"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `why` says what is missing while it is closed; `not_before` is a time that must pass first."""

    rung: Rung
    standing: Standing
    what: str
    needs: str
    why: str = ""
    not_before: datetime | None = None


_WHAT: Mapping[Rung, str] = {
    Rung.ANSWER: "Answer on the same case with the full description and its evidence: `sendworthy case reply`.",
    Rung.QUESTION: "Ask one calm question on the same case: `sendworthy case reply --kind question`.",
    Rung.SERVICE_QUOTAS: (
        "Ask for a higher sending quota (L-804C8AE8) in Service Quotas, which opens a case of its own; note it with "
        "`sendworthy case asked service_quotas`."
    ),
    Rung.NEW_CASE: (
        "Open a new case in the Support Center with a letter that says what changed; note it with "
        "`sendworthy case asked new_case`."
    ),
    Rung.WAIT: (
        "Stop asking. What is left: send through the sandbox to verified addresses, let an account of yours that has "
        "production access send for you, build up use and paid bills of this account, ask people at AWS."
    ),
}
_NEEDS: Mapping[Rung, str] = {
    Rung.ANSWER: "24 hours since the refusal, and every gap that the audit shows closed",
    Rung.QUESTION: "24 hours since the refusal, after an answer on the case",
    Rung.SERVICE_QUOTAS: "24 hours since the refusal, after the question, and something real changed since",
    Rung.NEW_CASE: "24 hours since the refusal, after Service Quotas, and something real changed since",
    Rung.WAIT: "every other step taken",
}
_NEEDS_A_CHANGE = frozenset({Rung.SERVICE_QUOTAS, Rung.NEW_CASE})


def ladder(
    *, refused_at: datetime, used: Collection[Rung], changed: bool, standing: bool, now: datetime
) -> tuple[Step, ...]:
    """Give every step with whether it is done, open or closed. At most one is open.

    `used` are the steps taken so far, `changed` says that something real is different since the refusal (a draft that
    names it), `standing` that AWS refused over the account itself: then no step is open but waiting.
    """
    earliest = refused_at + COOL_DOWN
    steps: list[Step] = []
    reached = False
    for rung in Rung:
        if rung in used:
            steps.append(_step(rung, Standing.DONE))
        elif reached:
            steps.append(_step(rung, Standing.CLOSED, why="The step before it comes first."))
        elif rung is Rung.WAIT:
            steps.append(_step(rung, Standing.OPEN))
        else:
            reached = True
            steps.append(_judged(rung, earliest, changed=changed, standing=standing, now=now))
    if standing:
        steps[-1] = _step(Rung.WAIT, Standing.OPEN, not_before=refused_at + STANDING_AGAIN[0])
    return tuple(steps)


def _judged(rung: Rung, earliest: datetime, *, changed: bool, standing: bool, now: datetime) -> Step:
    if standing:
        return _step(rung, Standing.CLOSED, why="AWS refused over the account itself; no text helps.")
    if rung in _NEEDS_A_CHANGE and not changed:
        why = "Nothing is on record as changed: `sendworthy request draft --changed WHAT`."
        return _step(rung, Standing.CLOSED, why=why, not_before=earliest)
    if now < earliest:
        return _step(rung, Standing.CLOSED, why="The 24 hours are not over.", not_before=earliest)
    return _step(rung, Standing.OPEN)


def _step(rung: Rung, standing: Standing, *, why: str = "", not_before: datetime | None = None) -> Step:
    return Step(rung=rung, standing=standing, what=_WHAT[rung], needs=_NEEDS[rung], why=why, not_before=not_before)


def next_rung(used: Collection[Rung]) -> Rung:
    """Give the lowest step that was not taken yet."""
    return next(rung for rung in Rung if rung not in used or rung is Rung.WAIT)
