"""Carries out the steps of a plan at AWS, in order. Decides nothing: what is in the plan was shown and agreed to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sendworthy.clients.read_aws import AwsCalls
from sendworthy.errors import ProviderError, Rejected, Throttled, Uncertain
from sendworthy.provision.plan import Plan
from sendworthy.provision.step import Call, Step

_EXISTS = frozenset(
    {
        "AlreadyExistsException",
        "BucketAlreadyOwnedByYou",
        "EntityAlreadyExists",
        "QueueAlreadyExists",
        "QueueNameExists",
        "AWS.SimpleQueueService.QueueNameExists",
        "ResourceInUseException",
    }
)
_ABSENT = frozenset(
    {
        "NoSuchBucket",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
_ATTEMPTS = 5
_ROLE_ATTEMPTS = 8
_ROLE_WAIT_SECONDS = 5.0
"""A new role is known everywhere in IAM only after some seconds (IAM User Guide, "Changes that I make are not always
immediately visible"); until then Firehose says that it cannot assume it."""


class OutcomeKind(StrEnum):
    """How a step came out."""

    DONE = "done"
    ALREADY = "already"
    """Somebody was faster: it exists, or when taking back it is gone. A new plan tells whether all is as wished."""
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """The answer was lost. A new plan tells whether it took effect."""
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a step: `error` when it failed or is uncertain, `calls_made` how many of its calls took effect."""

    step: Step
    kind: OutcomeKind
    error: ProviderError | None = None
    calls_made: int = 0


OnStep = Callable[[Step, Outcome | None], None]


class Ledger(Protocol):
    """Keeps what was begun and what came of it, so that only what is ours is ever taken back."""

    async def begun(self, step: Step) -> None:
        """Note that a step is about to be taken; returns once that is durable."""

    async def ended(self, outcome: Outcome) -> None:
        """Note what came of it."""


async def carry_out(
    plan: Plan,
    aws: AwsCalls,
    *,
    on_step: OnStep | None = None,
    ledger: Ledger | None = None,
    taking_back: bool = False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> tuple[Outcome, ...]:
    """Take every needed step that has calls, in order, and stop at the first that fails.

    `on_step` is called before each step with None and after it with its outcome; the `ledger` is told before and after
    too. `taking_back` makes it well that a thing is gone already. Resuming is planning again: a plan on new evidence
    holds what is left. Never raises over what AWS answers.
    """
    tell = on_step or _tell_nobody
    outcomes: list[Outcome] = []
    stopped = False
    for step in plan.to_carry_out:
        if stopped:
            outcomes.append(Outcome(step=step, kind=OutcomeKind.NOT_REACHED))
            continue
        tell(step, None)
        if ledger is not None:
            await ledger.begun(step)
        outcome = await _take(step, plan.region, aws, sleep, _ABSENT if taking_back else _EXISTS)
        if ledger is not None:
            await ledger.ended(outcome)
        tell(step, outcome)
        outcomes.append(outcome)
        stopped = outcome.error is not None
    return tuple(outcomes)


def _tell_nobody(_step: Step, _outcome: Outcome | None) -> None:
    pass


async def _take(
    step: Step, region: str, aws: AwsCalls, sleep: Callable[[float], Awaitable[None]], no_failure: frozenset[str]
) -> Outcome:
    kind, made = OutcomeKind.DONE, 0
    for call in step.calls:
        try:
            await _make(call, region, aws, sleep)
        except Rejected as error:
            if error.code not in no_failure:
                return Outcome(step=step, kind=OutcomeKind.FAILED, error=error, calls_made=made)
            kind = OutcomeKind.ALREADY
        except Uncertain as error:
            return Outcome(step=step, kind=OutcomeKind.UNCERTAIN, error=error, calls_made=made)
        except ProviderError as error:
            return Outcome(step=step, kind=OutcomeKind.FAILED, error=error, calls_made=made)
        else:
            made += 1
    return Outcome(step=step, kind=kind, calls_made=made)


async def _make(call: Call, region: str, aws: AwsCalls, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Make one call; a throttle is waited out, since the control plane allows about one call a second."""
    throttled = unknown_role = 0
    while True:
        try:
            await aws.call(call.service, call.operation, region=region, **call.params)
        except Throttled as error:
            throttled += 1
            if throttled == _ATTEMPTS:
                raise
            await sleep(error.after_seconds or 1.0 * 2 ** (throttled - 1))
        except Rejected as error:
            unknown_role += 1
            if "assume role" not in error.happened or unknown_role == _ROLE_ATTEMPTS:
                raise
            await sleep(_ROLE_WAIT_SECONDS)
        else:
            return
