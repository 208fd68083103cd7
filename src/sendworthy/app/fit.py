"""Fits an account out: plans, carries out what was agreed to, and plans again on what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sendworthy.app.ledger import FitLedger, drilled_at, subject
from sendworthy.app.look import account_id, look
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence, Seen
from sendworthy.clients.aws import Aws
from sendworthy.clients.inventory import read_inventory
from sendworthy.clients.provision import OnStep, Outcome, carry_out
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError
from sendworthy.provision.plan import Plan, check_allowed, plan
from sendworthy.provision.step import StepKind, StepStatus
from sendworthy.store.store import Store

_ROUNDS = 4
"""Steps that show only after others were taken need another round; if more are needed, somebody else is at it too."""
_STREAM_LOOKS = 12
_STREAM_SECONDS = 15.0
"""A Firehose stream is active within a minute or so, and SES takes no destination before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """How fitting out ended: the last plan, every outcome, and whether the user agreed to all that was shown."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    agreed: bool
    account: str = "unknown"

    @property
    def error(self) -> ProviderError | None:
        """What stopped it, if anything did."""
        return next((one.error for one in self.outcomes if one.error is not None), None)


async def look_and_plan(
    config: Config,
    aws: Aws,
    *,
    region: str,
    domains: tuple[str, ...],
    clock: Clock = WALL,
    store: Store | None = None,
    allow: Collection[str] = (),
) -> tuple[Evidence, Plan]:
    """Look at one Region and plan for it. Raises ConfigError when no domain is named, or a step that is not there.

    The `store` tells whether a drill has proved the events; without one, none has.
    """
    if not domains:
        raise ConfigError(
            "No domain is named, so there is nothing to plan for.",
            "Name one (sendworthy plan example.com), or set ses.domains in sendworthy.toml.",
        )
    evidence = await look(config, aws, regions=(region,), domains=domains, clock=clock)
    wishes = evidence.wishes_for(region)
    assert wishes is not None  # noqa: S101 - look() wishes for each Region it is given
    drilled = await drilled_at(store, region) if store is not None else None
    inventory = await read_inventory(aws, evidence, wishes, drilled_at=drilled)
    planned = plan(evidence, wishes, inventory, allow=allow)
    check_allowed(allow, planned)
    return evidence, planned


async def fit_out(
    config: Config,
    aws: Aws,
    *,
    region: str,
    domains: tuple[str, ...],
    agree: Callable[[Plan], bool],
    on_step: OnStep | None = None,
    clock: Clock = WALL,
    store: Store | None = None,
    allow: Collection[str] = (),
) -> Fitted:
    """Show each plan to `agree`, carry it out if agreed, and plan again until nothing is left to do at AWS.

    Each step is noted in the `store` before and after it is taken. Run again after a crash or a failure, it does what
    is left.
    """
    outcomes: list[Outcome] = []
    rounds, looks = _ROUNDS, _STREAM_LOOKS
    while True:
        evidence, planned = await look_and_plan(
            config, aws, region=region, domains=domains, clock=clock, store=store, allow=allow
        )
        account = account_id(evidence)
        if not planned.to_carry_out and _waits_for_stream(planned) and looks and outcomes:
            looks -= 1
            await clock.sleep(_STREAM_SECONDS)
            continue
        if not planned.to_carry_out or not rounds:
            return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=True, account=account)
        if not agree(planned):
            return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=False, account=account)
        rounds -= 1
        ledger = None
        if store is not None and isinstance(evidence.caller, Seen):
            ledger = FitLedger(store, subject(account, region), clock)
        outcomes += await carry_out(planned, aws, on_step=on_step, ledger=ledger, sleep=clock.sleep)
        if outcomes[-1].error is not None or any(one.error for one in outcomes):
            return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=True, account=account)


def _waits_for_stream(planned: Plan) -> bool:
    waiting = [step for step in planned.with_status(StepStatus.NEEDED) if not step.calls]
    return any(step.kind is StepKind.ARCHIVE_DESTINATION for step in waiting)
