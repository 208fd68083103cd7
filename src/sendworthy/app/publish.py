"""Publishes a plan's records in a Route 53 zone, and waits until DNS and SES see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sendworthy.app import ledger, parts
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Seen
from sendworthy.clients.aws import Aws
from sendworthy.clients.dns import Resolver
from sendworthy.clients.route53 import Zone
from sendworthy.config import Config
from sendworthy.errors import ProviderError
from sendworthy.provision.dns import is_published
from sendworthy.provision.route53 import Publication, publication
from sendworthy.provision.step import DnsRecord
from sendworthy.store.store import Store

_LOOK_SECONDS = 15.0


async def look_at_zone(aws: Aws, zone_id: str, records: Sequence[DnsRecord]) -> tuple[Zone, Publication]:
    """Say how the records would get into the zone. Changes nothing. Raises ConfigError for a zone that is none."""
    zone = await Zone.open(aws, zone_id)
    present = await zone.sets_at(record.name for record in records)
    return zone, publication(records, present, zone.name)


async def publish(
    zone: Zone, zone_id: str, planned: Publication, store: Store, *, account: str, region: str, clock: Clock = WALL
) -> None:
    """Carry the changes out, noted in the store first, so that `destroy` can take them out again."""
    about = ledger.subject(account, region)
    await ledger.put_changes(store, about, zone_id=zone_id, changes=planned.changes, at=clock.now())
    await zone.publish(planned, sleep=clock.sleep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What is seen now: `missing` records that DNS does not give yet, `pending` what SES has not verified, by name."""

    missing: tuple[DnsRecord, ...]
    pending: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is waited for any more."""
        return not self.missing and not self.pending


async def wait_for_dns(
    config: Config,
    aws: Aws,
    *,
    region: str,
    domains: Sequence[str],
    records: Sequence[DnsRecord],
    patience_seconds: float,
    progress: Callable[[Waited], None],
    clock: Clock = WALL,
) -> Waited:
    """Look at the records and at SES's verification until all is there or the patience ends; tell each look."""
    resolver = parts.resolver(config)
    began = clock.now()
    while True:
        waited = Waited(
            missing=await _missing(resolver, records), pending=await _pending(aws, region=region, domains=domains)
        )
        progress(waited)
        passed = (clock.now() - began).total_seconds()
        if waited.complete or passed >= patience_seconds:
            return waited
        await clock.sleep(min(_LOOK_SECONDS, max(0.0, patience_seconds - passed)))


async def _missing(resolver: Resolver, records: Sequence[DnsRecord]) -> tuple[DnsRecord, ...]:
    answers = await asyncio.gather(*(resolver.lookup(record.name, record.type) for record in records))
    return tuple(
        record
        for record, answer in zip(records, answers, strict=True)
        if not (isinstance(answer, Seen) and is_published(record, answer.value))
    )


async def _pending(aws: Aws, *, region: str, domains: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for domain in domains:
        try:
            identity = await aws.call("sesv2", "GetEmailIdentity", region=region, EmailIdentity=domain)
        except ProviderError as error:
            found.append(f"{domain}: {error.happened}")
            continue
        if not identity.get("VerifiedForSendingStatus"):
            found.append(f"{domain} is not verified yet")
        status = identity.get("MailFromAttributes", {}).get("MailFromDomainStatus", "SUCCESS")
        if status != "SUCCESS":
            found.append(f"the MAIL FROM domain of {domain} is {status.lower()}")
    return tuple(found)
