"""Looks: gathers evidence of what is configured, or of what a command names. Judges nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from sendworthy.access.facts import Answer, Fact, FactKind, case_id, fact_from_row
from sendworthy.app import parts
from sendworthy.app.drill import TrialKind
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence, Reading, Seen, Unseen, UnseenKind
from sendworthy.audit.remembered import Drill, Remembered
from sendworthy.clients.aws import Aws
from sendworthy.clients.collect import Handed, collect
from sendworthy.clients.name_servers import NameServers
from sendworthy.config import Config
from sendworthy.errors import StoreUnavailable
from sendworthy.mail.status import Status
from sendworthy.store.store import Store

_DAYS = 30


async def look(
    config: Config,
    aws: Aws,
    *,
    regions: tuple[str, ...],
    domains: tuple[str, ...],
    clock: Clock = WALL,
    wide: bool = False,
    handed: Handed | None = None,
    store: Store | None = None,
    time_budget_seconds: float = 60.0,
    progress: Callable[[str], None] | None = None,
) -> Evidence:
    """Look at the account in each Region, the domains' DNS and the sender's website. Changes nothing.

    `wide` looks at all that the audit judges; without it there is what a plan needs. `handed` is what the user hands
    in, `store` the record of this program, from which the evidence is completed.
    """
    resolver = parts.resolver(config)
    async with parts.web(config) as web:
        evidence = await collect(
            aws,
            resolver,
            web,
            domains=domains,
            regions=regions,
            now=clock.now,
            suffixes=parts.suffixes(),
            profile=config.profile,
            wishes=tuple(parts.wishes(config, region=region, domains=domains) for region in regions),
            name_servers=NameServers(resolver),
            wide=wide,
            handed=handed,
            time_budget_seconds=time_budget_seconds,
            progress=progress,
        )
    if store is None:
        return evidence
    remembered = await recall(store, account=account_id(evidence), regions=regions, now=evidence.taken_at)
    return msgspec.structs.replace(evidence, remembered=remembered)


def account_id(evidence: Evidence) -> str:
    """Give the id of the account that was looked at; `unknown` when even that was not to be seen."""
    return evidence.caller.value.account_id if isinstance(evidence.caller, Seen) else "unknown"


@asynccontextmanager
async def store_if_any(config: Config, clock: Clock = WALL) -> AsyncIterator[Store | None]:
    """Open the record of this program for the time of the block where there is one; looking makes none.

    None also when it cannot be opened: what it holds stays unknown then.
    """
    async with AsyncExitStack() as stack:
        store: Store | None = None
        if _may_be_there(config.store.url):
            with suppress(StoreUnavailable):
                store = await stack.enter_async_context(parts.opened_store(config, clock))
        yield store


def _may_be_there(url: str) -> bool:
    path = url.removeprefix("sqlite:///")
    return path == url or Path(path).is_file()


async def recall(store: Store, *, account: str, regions: Sequence[str], now: datetime) -> Reading[Remembered]:
    """Read what the record holds that bears on an audit. A record that does not answer is unseen."""
    try:
        drills = [
            Drill(
                kind=str(kind),
                region=one.subject,
                at=one.at,
                trials=int(one.data.get("trials", 0)),
                passed=int(one.data.get("passed", 0)),
                longest_seconds=float(one.data.get("longest_seconds", 0.0)),
            )
            for kind in TrialKind
            for one in await store.case_file.proofs(kind)
        ]
        counts = await store.counts(since=now - timedelta(days=_DAYS))
        cases = {region: await store.case_file.facts(case_id(account, region)) for region in regions}
    except StoreUnavailable as error:
        return Unseen(kind=UnseenKind.UNREACHABLE, reason=error.happened, needs="the record of this program")
    newest: dict[tuple[str, str], Drill] = {}
    for drill in sorted(drills, key=lambda one: one.at):
        newest[drill.region, drill.kind] = drill
    sent = {str(status): number for status in Status if (number := counts.real(status))}
    pending = {
        region: since
        for region, facts in cases.items()
        if (since := _pending_since([fact_from_row(kind=one.kind, at=one.at, data=one.data) for one in facts]))
    }
    return Seen(
        Remembered(days=_DAYS, drills=tuple(newest.values()), sent=_positive(sent), review_pending_since=pending)
    )


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}


def _pending_since(facts: Sequence[Fact]) -> datetime | None:
    """Give since when the newest review is pending by the facts of a case; None when none is."""
    since: datetime | None = None
    for fact in facts:
        if fact.kind is FactKind.SUBMITTED and fact.data.get("answer") == Answer.ACCEPTED:
            since = fact.at
        elif fact.kind is FactKind.STATUS_SEEN:
            since = (since or fact.at) if fact.data.get("status") == "PENDING" else None
    return since
