"""Looks: gathers evidence of what is configured, or of what a command names. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable

from sendworthy.app import parts
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence, Seen
from sendworthy.clients.aws import Aws
from sendworthy.clients.collect import collect
from sendworthy.config import Config


async def look(
    config: Config,
    aws: Aws,
    *,
    regions: tuple[str, ...],
    domains: tuple[str, ...],
    clock: Clock = WALL,
    time_budget_seconds: float = 60.0,
    progress: Callable[[str], None] | None = None,
) -> Evidence:
    """Look at the account in each Region, the domains' DNS and the sender's website. Changes nothing."""
    async with parts.web(config) as web:
        return await collect(
            aws,
            parts.resolver(config),
            web,
            domains=domains,
            regions=regions,
            now=clock.now,
            suffixes=parts.suffixes(),
            profile=config.profile,
            wishes=tuple(parts.wishes(config, region=region, domains=domains) for region in regions),
            time_budget_seconds=time_budget_seconds,
            progress=progress,
        )


def account_id(evidence: Evidence) -> str:
    """Give the id of the account that was looked at; `unknown` when even that was not to be seen."""
    return evidence.caller.value.account_id if isinstance(evidence.caller, Seen) else "unknown"
