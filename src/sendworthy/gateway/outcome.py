"""What an answer of SES means for a delivery and for the governor. Pure: knows no store, no wire and no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sendworthy.clients.answer import Answer, AnswerKind
from sendworthy.mail.status import Status, unsent
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy, State
from sendworthy.store.values import Answered, Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When to try again what was certainly not taken.

    Full jitter over `first_seconds` doubled with each attempt up to `most_seconds`, until `give_up_seconds` after
    acceptance. A throttled delivery waits `throttled_seconds`; one that waits for the account (day, pause,
    credentials) `account_seconds`, since the governor keeps the rest back; one that the sandbox forbids
    `sandbox_seconds`, or until the account is seen in production.
    """

    first_seconds: float = 2.0
    most_seconds: float = 600.0
    give_up_seconds: float = 86_400.0
    throttled_seconds: float = 1.0
    account_seconds: float = 60.0
    sandbox_seconds: float = 3_600.0


def answered(out: Outgoing, answer: Answer, *, now: datetime, retry: Retry, random: Callable[[], float]) -> Answered:
    """Say which status follows from `answer`; `random` gives numbers in [0, 1)."""
    kind = answer.kind

    def told(wanted: Status, *, wait: float | None = None, burns: bool = True, counted: bool = True) -> Answered:
        status = unsent(wanted, out.again)
        return Answered(
            delivery_id=out.delivery_id,
            n=out.n,
            status=status,
            kind=kind,
            reason="" if status is Status.SENT else kind,
            code=_clean(answer.code),
            text=_clean(answer.text),
            ses_message_id=_clean(answer.ses_message_id),
            due_at=None if wait is None else now + timedelta(seconds=wait),
            burns=burns,
            returns_permit=not counted,
        )

    match kind:
        case AnswerKind.SENT:
            return told(Status.SENT)
        case AnswerKind.REJECTED:
            return told(Status.REFUSED, counted=False)
        case AnswerKind.UNCERTAIN:
            return told(Status.UNCERTAIN)
        case AnswerKind.THROTTLED_RATE:
            wait = retry.throttled_seconds * (1 + random())
            return told(Status.DEFERRED, wait=wait, burns=False, counted=False)
        case AnswerKind.THROTTLED_DAY | AnswerKind.PAUSED | AnswerKind.DENIED:
            return told(Status.DEFERRED, wait=retry.account_seconds, burns=False, counted=False)
        case AnswerKind.SANDBOXED:
            return told(Status.DEFERRED, wait=retry.sandbox_seconds, burns=False, counted=False)
        case AnswerKind.UNAVAILABLE:
            patience = _patience(out, answer, now, retry, random)
            burns = not answer.whole_account
            return told(
                Status.EXPIRED if patience is None else Status.DEFERRED, wait=patience, burns=burns, counted=False
            )
        case _:
            assert_never(kind)


def _clean(text: str) -> str:
    """Take out what no database keeps: an answer that could not be recorded would be lost."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def _patience(out: Outgoing, answer: Answer, now: datetime, retry: Retry, random: Callable[[], float]) -> float | None:
    """Give the seconds to wait, None when the delivery has been tried for long enough."""
    if answer.whole_account:  # no fault of this message: it loses no patience by it, and the breaker keeps it back
        return retry.first_seconds * (1 + random())
    if (now - out.accepted_at).total_seconds() >= retry.give_up_seconds:
        return None
    most = min(retry.most_seconds, retry.first_seconds * 2 ** min(out.attempts, 30))
    return float(most * random())


UNANSWERED = "unanswered"
"""The breaker's word when SES takes calls and answers none."""

MOST_UNANSWERED = 5
"""After so many lost answers in a row nothing more is put in doubt; one message tries whether SES answers again."""


def learn(answers: Sequence[Answer], *, now: datetime, policy: Policy, unanswered: int = 0) -> Callable[[State], State]:
    """Say what the governor learns from some answers; a sign that SES takes mail outweighs an older one that not.

    `unanswered` is how many answers in a row were lost, these included.
    """
    kinds = {answer.kind for answer in answers}
    broken = [answer for answer in answers if answer.whole_account]
    at = now.timestamp()

    def by(state: State) -> State:
        if AnswerKind.SENT in kinds:
            state = governor.mended(state)
        elif broken:
            state = governor.broken(state, broken[0].kind, at, policy)
        elif unanswered >= MOST_UNANSWERED:
            state = governor.broken(state, UNANSWERED, at, policy)
        if AnswerKind.THROTTLED_RATE in kinds:
            state = governor.throttled(state, at, policy)
        if AnswerKind.THROTTLED_DAY in kinds:
            state = governor.day_full(state, at, policy)
        return state

    return by


def closed_sets(pairs: Iterable[tuple[Outgoing, Answer]]) -> dict[str, str]:
    """Give the configuration sets that SES says are paused, each with SES's words."""
    return {
        out.configuration_set: answer.text
        for out, answer in pairs
        if answer.kind is AnswerKind.PAUSED and not answer.whole_account and out.configuration_set
    }
