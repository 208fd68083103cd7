"""Gathers evidence: the account, the domains' DNS and the website, all at once and changing nothing. Judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from sendworthy.audit.checks.dns import mta_sts_url
from sendworthy.audit.evidence import (
    DnsAnswer,
    DnsServer,
    Evidence,
    Identity,
    Page,
    Reading,
    RegionEvidence,
    Seen,
    Topic,
    Unseen,
    UnseenKind,
    UnsubscribeProbe,
    dns_key,
)
from sendworthy.audit.message import SeenMessage
from sendworthy.audit.principals import Iam
from sendworthy.audit.profile import Profile
from sendworthy.audit.reading import nobody_looked
from sendworthy.audit.records import dkim_targets, domain_name
from sendworthy.audit.remembered import Remembered
from sendworthy.audit.source import Scan
from sendworthy.audit.watching import Alarm
from sendworthy.audit.website import PolicyKind, named_policy, policy_link, website_url, with_scheme
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.collect_domain import ask_domain, ask_receiving, ask_spf
from sendworthy.clients.dns import Dns
from sendworthy.clients.name_servers import Servers
from sendworthy.clients.read_aws import AwsCalls, read_caller, read_region, read_topics
from sendworthy.clients.read_iam import read_iam
from sendworthy.clients.read_watch import Watch

T = TypeVar("T")


class Pages(Protocol):
    """What collecting needs of the web; `clients.web.Web` is one."""

    async def get(self, url: str) -> Reading[Page]:
        """Fetch one page; never raises over what the network does."""


class SuffixList(Protocol):
    """What collecting needs of the public suffix list; `publicsuffixlist.PublicSuffixList` is one."""

    def privatesuffix(self, domain: str) -> str | None:
        """Give the name one label below the public suffix."""


Progress = Callable[[str], None]


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What collecting is handed because no look of its own finds it."""

    messages: tuple[SeenMessage, ...] = ()
    source: Reading[Scan] | None = None
    probe: Reading[UnsubscribeProbe] | None = None
    remembered: Reading[Remembered] = nobody_looked("the record of this program")


class _Looks(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask."""

    aws: AwsCalls
    resolver: Dns
    web: Pages
    servers: Servers | None
    suffixes: SuffixList


async def collect(
    aws: AwsCalls,
    resolver: Dns,
    web: Pages,
    *,
    domains: Sequence[str],
    regions: Sequence[str],
    now: Callable[[], datetime],
    suffixes: SuffixList,
    profile: Profile | None = None,
    wishes: Sequence[Wishes] = (),
    name_servers: Servers | None = None,
    wide: bool = True,
    handed: Handed | None = None,
    time_budget_seconds: float = 60.0,
    progress: Progress | None = None,
) -> Evidence:
    """Look at everything the checks read, concurrently, within `time_budget_seconds`.

    Nothing is changed anywhere. Whatever hangs, fails or is denied becomes an Unseen reading; the rest is there.
    Without `wide` only what a plan needs is looked at: SES and the way of events, no alarms, metrics, IAM or servers.
    `name_servers` asks authoritative servers; `handed` is what no look finds, and goes into the evidence as it is.
    `progress` is called with one line for each part that is done. Raises ConfigError for what is no domain name, and
    where the AWS settings of this machine are wrong.
    """
    names = tuple(dict.fromkeys(domain_name(domain) for domain in domains))
    taken_at = now()
    looks = _Looks(aws=aws, resolver=resolver, web=web, servers=name_servers if wide else None, suffixes=suffixes)
    collecting = _Collecting(looks, taken_at, time_budget_seconds, progress or _silent, wide=wide)
    known, given = profile or Profile(), handed or Handed()
    await _all(
        collecting.known_caller(),
        *(collecting.region(region, names, wishes) for region in dict.fromkeys(regions)),
        *(collecting.domain(domain) for domain in names),
        collecting.website(known, names),
        collecting.contacts(known),
        collecting.read_principals(),
    )
    return Evidence(
        taken_at=taken_at,
        domains=names,
        caller=await collecting.caller,
        regions={region: collecting.regions[region] for region in dict.fromkeys(regions)},
        dns=dict(sorted(collecting.dns.items())),
        websites=collecting.websites,
        organisational=collecting.organisational,
        profile=known,
        wishes=tuple(wishes),
        iam=collecting.iam,
        servers=collecting.servers,
        messages=given.messages,
        source=given.source,
        probe=given.probe,
        remembered=given.remembered,
    )


async def _all(*looks: Coroutine[Any, Any, None]) -> None:
    """Wait for all; when one raises (the settings of this machine are wrong), none is left running."""
    tasks = [asyncio.create_task(look) for look in looks]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _silent(_line: str) -> None:
    pass


class _Collecting:
    """One run of `collect`: what has been asked already, and when time is up."""

    def __init__(self, looks: _Looks, taken_at: datetime, seconds: float, progress: Progress, *, wide: bool) -> None:
        self._looks = looks
        self._taken_at = taken_at
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._progress = progress
        self._wide = wide
        self.caller = asyncio.create_task(self.within(lambda: read_caller(looks.aws), "sts:GetCallerIdentity"))
        self.regions: dict[str, RegionEvidence] = {}
        self._asked: dict[str, asyncio.Task[Reading[DnsAnswer]]] = {}
        self.dns: dict[str, Reading[DnsAnswer]] = {}
        self.websites: dict[str, Reading[Page]] = {}
        self.organisational: dict[str, str] = {}
        self.servers: dict[str, Reading[tuple[DnsServer, ...]]] = {}
        self.iam: Reading[Iam] = nobody_looked("iam:GetAccountAuthorizationDetails")

    async def known_caller(self) -> None:
        """Wait until it is known, or unknown, whose credentials these are."""
        await self.caller

    async def within(self, look: Callable[[], Awaitable[Reading[T]]], needs: str) -> Reading[T]:
        """Look, unless and until the time budget is used up."""
        try:
            async with asyncio.timeout_at(self._deadline):
                return await look()
        except TimeoutError:
            return Unseen(kind=UnseenKind.TIMEOUT, reason=f"no time was left for {needs}", needs=needs)

    async def ask(self, name: str, rdtype: str) -> Reading[DnsAnswer]:
        """Ask DNS once for each question, however many want to know."""
        key = dns_key(name, rdtype)
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self.within(lambda: self._looks.resolver.lookup(name, rdtype), key))
            self._asked[key] = task
        self.dns[key] = await task
        return self.dns[key]

    def organise(self, name: str) -> str:
        """Note the organisational domain of `name`. A public suffix has none and stands for itself."""
        found = self._looks.suffixes.privatesuffix(name) or name
        self.organisational[name] = found
        return found

    async def region(self, region: str, domains: Sequence[str], wishes: Sequence[Wishes]) -> None:
        """Look at one Region, and at the DNS names that its identities need."""
        wished = next((one for one in wishes if one.region == region), None)
        seen = await read_region(
            self._looks.aws, self.within, region=region, domains=domains, wishes=wished, caller=self.caller
        )
        self.regions[region] = seen
        self._progress(f"Read the account in {region}.")
        await asyncio.gather(
            *(
                self._identity_dns(region, domain, reading.value if isinstance(reading, Seen) else None, wished)
                for domain, reading in seen.identities.items()
            ),
            *(self.ask(name, "A") for name in _tracking_domains(seen)),
            self._watch(region, seen),
        )
        self._progress(f"Looked up the records that SES wants in {region}.")

    async def _watch(self, region: str, seen: RegionEvidence) -> None:
        """Look at what surrounds SES in a Region, once the chief things are known."""
        if not self._wide:
            return
        watch = Watch(self._looks.aws, region)
        account = seen.account.value if isinstance(seen.account, Seen) else None
        (alarms, topics), metrics, logs = await asyncio.gather(
            self._alarms(watch, region, seen),
            self.within(lambda: watch.metrics(tuple(seen.queues), self._taken_at), "cloudwatch:GetMetricData"),
            self.within(watch.log_groups, "logs:DescribeLogGroups"),
        )
        listed, notifications, suppressed, recommended = await asyncio.gather(
            self.within(watch.listed, "ses:ListEmailIdentities"),
            self._notifications(watch, [name for name, one in seen.identities.items() if one != Seen(None)]),
            self._only(account and account.production_access, watch.suppression_list, "ses:ListSuppressedDestinations"),
            self._only(account and account.vdm_enabled, watch.recommendations, "ses:ListRecommendations"),
        )
        self.regions[region] = msgspec.structs.replace(
            seen,
            topics={**seen.topics, **topics},
            listed=listed,
            notifications=notifications,
            alarms=alarms,
            metrics=metrics,
            log_groups=logs,
            suppression_list=suppressed,
            recommendations=recommended,
        )
        self._progress(f"Read alarms, metrics and logs in {region}.")

    async def _alarms(
        self, watch: Watch, region: str, seen: RegionEvidence
    ) -> tuple[Reading[tuple[Alarm, ...]], Mapping[str, Reading[Topic | None]]]:
        """Read the alarms, and the topics they tell that were not read yet."""
        alarms = await self.within(watch.alarms, "cloudwatch:DescribeAlarms")
        told = (arn for one in (alarms.value if isinstance(alarms, Seen) else ()) for arn in one.actions)
        unknown = [arn for arn in dict.fromkeys(told) if ":sns:" in arn and arn not in seen.topics]
        return alarms, await read_topics(self._looks.aws, self.within, region=region, arns=unknown)

    async def _only(self, wanted: object, look: Callable[[], Awaitable[Reading[T]]], needs: str) -> Reading[T]:
        """Look where there is something to see; nobody looked otherwise."""
        return await self.within(look, needs) if wanted else nobody_looked(needs)

    async def _notifications(self, watch: Watch, domains: Sequence[str]) -> Mapping[str, Any]:
        needs = "ses:GetIdentityNotificationAttributes"
        if not domains:
            return {}
        try:
            async with asyncio.timeout_at(self._deadline):
                return await watch.notifications(domains)
        except TimeoutError:
            late = Unseen(kind=UnseenKind.TIMEOUT, reason=f"no time was left for {needs}", needs=needs)
            return dict.fromkeys(domains, late)

    async def read_principals(self) -> None:
        """Look at who may send in the account; IAM is the same in every Region."""
        if self._wide:
            self.iam = await self.within(lambda: read_iam(self._looks.aws), "iam:GetAccountAuthorizationDetails")

    async def _identity_dns(self, region: str, domain: str, identity: Identity | None, wished: Wishes | None) -> None:
        mail_from = {wished.mail_from_domain(domain)} if wished else set()
        names: list[tuple[str, str]] = []
        if identity is not None:
            own_key = identity.dkim.origin == "EXTERNAL"
            kind = "TXT" if own_key else "CNAME"
            names = [(name, kind) for name, _target in dkim_targets(domain, region, identity.dkim)]
            if identity.mail_from_domain:
                mail_from.add(identity.mail_from_domain)
        await asyncio.gather(
            *(self.ask(*one) for one in names),
            *(self.ask(name, "MX") for name in mail_from),
            *(ask_spf(self.ask, name) for name in mail_from),
        )

    async def domain(self, domain: str) -> None:
        """Look up what a domain publishes whatever SES says of it, and ask its servers themselves."""
        organisational = self.organise(domain)
        has_sts, _ = await asyncio.gather(
            ask_domain(self.ask, domain, organisational, self.organise), self._ask_servers(domain, organisational)
        )
        if has_sts:
            await asyncio.gather(self._fetch(mta_sts_url(domain)), self.ask(f"mta-sts.{domain}", "A"))
        self._progress(f"Looked up the records of {domain}.")

    async def _ask_servers(self, domain: str, organisational: str) -> None:
        servers = self._looks.servers
        if servers is None:
            return
        questions = ((domain, "TXT"), (domain, "MX"), (f"_dmarc.{domain}", "TXT"))
        self.servers[domain] = await self.within(lambda: servers.ask(domain, organisational, questions), f"NS {domain}")

    async def contacts(self, profile: Profile) -> None:
        """Look up whether the contacts' addresses take mail."""
        owners = {one.email.rpartition("@")[2].lower() for one in profile.sender.contacts}
        await asyncio.gather(*(ask_receiving(self.ask, owner) for owner in sorted(owners - {""})))

    async def website(self, profile: Profile, domains: Sequence[str]) -> None:
        """Fetch the website, then the policy pages that it links or that the sender names."""
        sender = profile.sender
        url = website_url(sender, tuple(domains), self.organise(domains[0]) if domains else "")
        if not url:
            return
        await self._fetch(url)
        links = {with_scheme(named) for kind in PolicyKind if (named := named_policy(sender, kind))}
        page = self.websites[url]
        if isinstance(page, Seen):
            self.organise((urlsplit(page.value.final_url).hostname or "").rstrip("."))
            links.update(policy_link(page.value, kind, named_policy(sender, kind)) for kind in PolicyKind)
        await asyncio.gather(*(self._fetch(link) for link in sorted(links - {""})))
        self._progress(f"Visited {url}.")

    async def _fetch(self, url: str) -> None:
        if url not in self.websites:
            self.websites[url] = await self.within(lambda: self._looks.web.get(url), url)


def _tracking_domains(seen: RegionEvidence) -> Iterable[str]:
    return dict.fromkeys(
        reading.value.tracking_domain
        for reading in seen.configuration_sets.values()
        if isinstance(reading, Seen) and reading.value and reading.value.tracking_domain
    )
