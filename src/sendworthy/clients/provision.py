"""Carries out the steps of a plan at AWS, in order. Decides nothing: what is in the plan was shown and agreed to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.clients.read_aws import AwsCalls
from sendworthy.errors import ProviderError, Rejected, Throttled, Uncertain
from sendworthy.provision.plan import Plan
from sendworthy.provision.step import Call, Step

_EXISTS = frozenset(
    {"AlreadyExistsException", "QueueAlreadyExists", "QueueNameExists", "AWS.SimpleQueueService.QueueNameExists"}
)
_ATTEMPTS = 5


class OutcomeKind(StrEnum):
    """How a step came out."""

    DONE = "done"
    ALREADY = "already"
    """Somebody was faster: it exists. A new plan tells whether it is as wished."""
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """The answer was lost. A new plan tells whether it took effect."""
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one step. `error` is there when it failed or is uncertain."""

    step: Step
    kind: OutcomeKind
    error: ProviderError | None = None


OnStep = Callable[[Step, Outcome | None], None]


async def carry_out(
    plan: Plan,
    aws: AwsCalls,
    *,
    on_step: OnStep | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[Outcome, ...]:
    """Take every needed step that has calls, in order, and stop at the first that fails.

    `on_step` is called before each step with None and after it with its outcome. Resuming is planning again: a
    plan on new evidence holds what is left. Never raises over what AWS answers.
    """
    tell = on_step or _tell_nobody
    outcomes: list[Outcome] = []
    stopped = False
    for step in plan.to_carry_out:
        if stopped:
            outcomes.append(Outcome(step=step, kind=OutcomeKind.NOT_REACHED))
            continue
        tell(step, None)
        outcome = await _take(step, plan.region, aws, sleep)
        tell(step, outcome)
        outcomes.append(outcome)
        stopped = outcome.error is not None
    return tuple(outcomes)


def _tell_nobody(_step: Step, _outcome: Outcome | None) -> None:
    pass


async def _take(step: Step, region: str, aws: AwsCalls, sleep: Callable[[float], Awaitable[None]]) -> Outcome:
    kind = OutcomeKind.DONE
    for call in step.calls:
        try:
            await _make(call, region, aws, sleep)
        except Rejected as error:
            if error.code not in _EXISTS:
                return Outcome(step=step, kind=OutcomeKind.FAILED, error=error)
            kind = OutcomeKind.ALREADY
        except Uncertain as error:
            return Outcome(step=step, kind=OutcomeKind.UNCERTAIN, error=error)
        except ProviderError as error:
            return Outcome(step=step, kind=OutcomeKind.FAILED, error=error)
    return Outcome(step=step, kind=kind)


async def _make(call: Call, region: str, aws: AwsCalls, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Make one call; a throttle is waited out, since the control plane allows about one call a second."""
    for attempt in range(_ATTEMPTS):
        try:
            await aws.call(call.service, call.operation, region=region, **call.params)
        except Throttled as error:
            if attempt == _ATTEMPTS - 1:
                raise
            await sleep(error.after_seconds or 1.0 * 2**attempt)
        else:
            return
