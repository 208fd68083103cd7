"""Fits an account out: plans, carries out what was agreed to, and plans again on what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sendworthy.app.look import look
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence
from sendworthy.clients.aws import Aws
from sendworthy.clients.provision import OnStep, Outcome, carry_out
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError
from sendworthy.provision.plan import Plan, plan

_ROUNDS = 4
"""Steps that show only after others were taken need another round; if more are needed, somebody else is at it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """How fitting out ended: the last plan, every outcome, and whether the user agreed to all that was shown."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    agreed: bool

    @property
    def error(self) -> ProviderError | None:
        """What stopped it, if anything did."""
        return next((one.error for one in self.outcomes if one.error is not None), None)


async def look_and_plan(
    config: Config, aws: Aws, *, region: str, domains: tuple[str, ...], clock: Clock = WALL
) -> tuple[Evidence, Plan]:
    """Look at one Region and plan for it. Raises ConfigError when no domain is named."""
    if not domains:
        raise ConfigError(
            "No domain is named, so there is nothing to plan for.",
            "Name one (sendworthy plan example.com), or set ses.domains in sendworthy.toml.",
        )
    evidence = await look(config, aws, regions=(region,), domains=domains, clock=clock)
    wishes = evidence.wishes_for(region)
    assert wishes is not None  # noqa: S101 - look() wishes for each Region it is given
    return evidence, plan(evidence, wishes)


async def fit_out(
    config: Config,
    aws: Aws,
    *,
    region: str,
    domains: tuple[str, ...],
    agree: Callable[[Plan], bool],
    on_step: OnStep | None = None,
    clock: Clock = WALL,
) -> Fitted:
    """Show each plan to `agree`, carry it out if agreed, and plan again until nothing is left to do at AWS.

    Run again after a crash or a failure, it does what is left.
    """
    outcomes: list[Outcome] = []
    for _ in range(_ROUNDS):
        _, planned = await look_and_plan(config, aws, region=region, domains=domains, clock=clock)
        if not planned.to_carry_out:
            return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=True)
        if not agree(planned):
            return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=False)
        outcomes += await carry_out(planned, aws, on_step=on_step, sleep=clock.sleep)
        if outcomes[-1].error is not None:
            return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=True)
    _, planned = await look_and_plan(config, aws, region=region, domains=domains, clock=clock)
    return Fitted(plan=planned, outcomes=tuple(outcomes), agreed=True)
