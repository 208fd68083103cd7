"""Compares Regions, and plans a second one after the first: looks everywhere at once, changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sendworthy.access.case import state
from sendworthy.access.case_texts import State
from sendworthy.access.facts import case_id
from sendworthy.access.letter import Letter
from sendworthy.access.quota_gate import Obstacle
from sendworthy.access.regions import Origin, RegionView, approved_elsewhere, clone_obstacles, documented, view
from sendworthy.access.regions_places import position
from sendworthy.app.ask import remembered, stand, write_letter
from sendworthy.app.fit import look_and_plan
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.quota_look import limits, look_at_usage
from sendworthy.audit.evidence import Reading, RegionEvidence, Seen, Unseen, UnseenKind
from sendworthy.clients.aws import Aws
from sendworthy.clients.models import service_model
from sendworthy.clients.read_aws import read_caller, read_region
from sendworthy.config import Config
from sendworthy.errors import ConfigError, SendRefused
from sendworthy.provision.plan import Plan
from sendworthy.store.store import Store

TIME_BUDGET_SECONDS = 45.0
_AT_ONCE = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was seen of each Region. `account_id` is `unknown` where even that was not to be seen."""

    at: datetime
    account_id: str
    views: tuple[RegionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """What a second Region would take: the plan, and a fresh letter that cites the first Region's case.

    `not_read` names the Regions whose requests could not be looked at.
    """

    origin: Origin
    target: str
    plan: Plan
    letter: Letter
    not_read: tuple[str, ...]


def all_regions(partition: str = "aws") -> tuple[str, ...]:
    """Give the Regions that AWS documents SES for: a list to look at, never a proof that one may be used."""
    return documented(service_model("sesv2").shape_for("DkimSigningAttributesOrigin").enum, partition=partition)


async def compare(
    aws: Aws,
    *,
    regions: Sequence[str] = (),
    domains: Sequence[str] = (),
    near: str = "",
    clock: Clock = WALL,
    time_budget_seconds: float = TIME_BUDGET_SECONDS,
    progress: Callable[[str], None] | None = None,
) -> Compared:
    """Look at each of `regions` (all that AWS documents, when empty), concurrently and within the time budget.

    `near` is a Region or `LATITUDE,LONGITUDE` to measure distances from. Whatever is denied or hangs is unknown. Raises
    ConfigError for a `near` that is neither.
    """
    try:
        place = position(near) if near else None
    except ValueError as error:
        raise ConfigError(f"`{near}` is no place. {error}", "Give --near eu-west-1 or --near 52.5,13.4.") from None
    deadline = asyncio.get_running_loop().time() + time_budget_seconds
    turn = asyncio.Semaphore(_AT_ONCE)

    async def within(look: Callable[[], Awaitable[Reading[T]]], needs: str) -> Reading[T]:
        try:
            async with asyncio.timeout_at(deadline):
                return await look()
        except TimeoutError:
            return Unseen(kind=UnseenKind.TIMEOUT, reason=f"no time was left for {needs}", needs=needs)

    caller = asyncio.ensure_future(within(lambda: read_caller(aws), "sts:GetCallerIdentity"))

    async def one(region: str) -> RegionView:
        async with turn:
            seen: RegionEvidence = await read_region(
                aws, within, region=region, domains=domains, wishes=None, caller=caller
            )
        if progress is not None:
            progress(f"Read {region}.")
        return view(region, seen, near=place)

    who = await caller
    partition = who.value.partition if isinstance(who, Seen) else "aws"
    wanted = tuple(dict.fromkeys(regions or all_regions(partition)))
    return Compared(
        at=clock.now(),
        account_id=who.value.account_id if isinstance(who, Seen) else "unknown",
        views=tuple(await asyncio.gather(*(one(region) for region in wanted))),
    )


async def plan_clone(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    origin: str,
    target: str,
    domains: tuple[str, ...],
    clock: Clock = WALL,
    progress: Callable[[str], None] | None = None,
) -> Clone:
    """Plan `target` after `origin`, and draft a fresh request that cites the approved case. Changes nothing.

    Raises SendRefused unless `origin` is healthy and in production and no Region's request stands refused,
    ProviderError where `origin` cannot be read, ConfigError for a target that AWS does not document.
    """
    if target not in {*all_regions(), *all_regions("aws-us-gov")}:
        raise ConfigError(f"AWS documents no SES in `{target}`.", "See `sendworthy regions` for those it does.")
    usage = await look_at_usage(config, aws, store, region=origin, clock=clock)
    compared = await compare(aws, regions=(*all_regions(), *_missing(origin, target)), clock=clock, progress=progress)
    source = Origin(
        region=origin,
        account=usage.account,
        standing=usage.standing,
        rates=usage.rates,
        statistics=usage.statistics,
    )
    cases = await _cases(store, usage.account_id, [one.region for one in compared.views], clock.now())
    found = clone_obstacles(source, target, compared.views, cases, limits(config))
    if found:
        raise _refused(target, found)
    evidence, planned = await look_and_plan(config, aws, region=target, domains=domains, clock=clock)
    standing = await stand(evidence, store, region=target, clock=clock, promised=True)
    on_record = state(await remembered(store, case_id(usage.account_id, origin)), clock.now())
    approved = approved_elsewhere(source, at=usage.at, case_id=on_record.case_id)
    written = write_letter(replace(standing, results=(*standing.results, approved)), evidence)
    return Clone(
        origin=source,
        target=target,
        plan=planned,
        letter=written,
        not_read=tuple(one.region for one in compared.views if one.account is None),
    )


def _missing(*named: str) -> tuple[str, ...]:
    """Give the named Regions that are not in the list of this partition."""
    return tuple(one for one in named if one not in all_regions())


async def _cases(store: Store, account_id: str, regions: Sequence[str], now: datetime) -> Mapping[str, State]:
    """Give the state of each Region's request that is on record."""
    found: dict[str, State] = {}
    for region in regions:
        facts = await remembered(store, case_id(account_id, region))
        if facts:
            found[region] = state(facts, now).state
    return found


def _refused(target: str, found: Sequence[Obstacle]) -> SendRefused:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return SendRefused(f"{target} is not planned: {first.id}: {first.what}{more}", first.fix)
