"""Gathers evidence: the account, the domains' DNS and the website, all at once and changing nothing. Judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from sendworthy.audit.evidence import (
    DnsAnswer,
    Evidence,
    Identity,
    Page,
    Reading,
    RegionEvidence,
    Seen,
    Unseen,
    UnseenKind,
    dns_key,
)
from sendworthy.audit.profile import Profile
from sendworthy.audit.records import dkim_targets, domain_name
from sendworthy.audit.spf import next_names, parse_spf, spf_records
from sendworthy.audit.website import PolicyKind, named_policy, policy_link, website_url, with_scheme
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.dns import Dns
from sendworthy.clients.read_aws import AwsCalls, read_caller, read_region

T = TypeVar("T")

_MAX_SPF_RECORDS = 24
"""More records than any valid SPF tree has (RFC 7208 section 4.6.4 stops at ten look-ups)."""


class Pages(Protocol):
    """What collecting needs of the web; `clients.web.Web` is one."""

    async def get(self, url: str) -> Reading[Page]:
        """Fetch one page; never raises over what the network does."""


class SuffixList(Protocol):
    """What collecting needs of the public suffix list; `publicsuffixlist.PublicSuffixList` is one."""

    def privatesuffix(self, domain: str) -> str | None:
        """Give the name one label below the public suffix."""


Progress = Callable[[str], None]


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
    time_budget_seconds: float = 60.0,
    progress: Progress | None = None,
) -> Evidence:
    """Look at everything the checks read, concurrently, within `time_budget_seconds`.

    Nothing is changed anywhere. Whatever hangs, fails or is denied becomes an Unseen reading; the rest is there.
    `progress` is called with one line for each part that is done. Raises ConfigError for what is no domain name, and
    where the AWS settings of this machine are wrong.
    """
    names = tuple(dict.fromkeys(domain_name(domain) for domain in domains))
    collecting = _Collecting(aws, resolver, web, suffixes, time_budget_seconds, progress or _silent)
    taken_at = now()
    known = profile or Profile()
    await _all(
        collecting.known_caller(),
        *(collecting.region(region, names, wishes) for region in dict.fromkeys(regions)),
        *(collecting.domain(domain) for domain in names),
        collecting.website(known, names),
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

    def __init__(
        self, aws: AwsCalls, resolver: Dns, web: Pages, suffixes: SuffixList, seconds: float, progress: Progress
    ) -> None:
        self._aws = aws
        self._resolver = resolver
        self._web = web
        self._suffixes = suffixes
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._progress = progress
        self.caller = asyncio.create_task(self.within(lambda: read_caller(aws), "sts:GetCallerIdentity"))
        self.regions: dict[str, RegionEvidence] = {}
        self._asked: dict[str, asyncio.Task[Reading[DnsAnswer]]] = {}
        self.dns: dict[str, Reading[DnsAnswer]] = {}
        self.websites: dict[str, Reading[Page]] = {}
        self.organisational: dict[str, str] = {}

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
            task = asyncio.create_task(self.within(lambda: self._resolver.lookup(name, rdtype), key))
            self._asked[key] = task
        self.dns[key] = await task
        return self.dns[key]

    def organise(self, name: str) -> str:
        """Note the organisational domain of `name`. A public suffix has none and stands for itself."""
        found = self._suffixes.privatesuffix(name) or name
        self.organisational[name] = found
        return found

    async def region(self, region: str, domains: Sequence[str], wishes: Sequence[Wishes]) -> None:
        """Look at one Region, and at the DNS names that its identities need."""
        wished = next((one for one in wishes if one.region == region), None)
        seen = await read_region(
            self._aws, self.within, region=region, domains=domains, wishes=wished, caller=self.caller
        )
        self.regions[region] = seen
        self._progress(f"Read the account in {region}.")
        await asyncio.gather(
            *(
                self._identity_dns(region, domain, reading.value if isinstance(reading, Seen) else None, wished)
                for domain, reading in seen.identities.items()
            )
        )
        self._progress(f"Looked up the records that SES wants in {region}.")

    async def _identity_dns(self, region: str, domain: str, identity: Identity | None, wished: Wishes | None) -> None:
        mail_from = {wished.mail_from_domain(domain)} if wished else set()
        names: tuple[tuple[str, str], ...] = ()
        if identity is not None:
            names = dkim_targets(domain, region, identity.dkim)
            if identity.mail_from_domain:
                mail_from.add(identity.mail_from_domain)
        await asyncio.gather(
            *(self.ask(name, "CNAME") for name, _target in names),
            *(self.ask(name, "MX") for name in mail_from),
            *(self._ask_spf(name) for name in mail_from),
        )

    async def _ask_spf(self, name: str) -> None:
        """Ask for the SPF record of `name` and of every name it refers to, level by level."""
        asked: set[str] = set()
        level: Iterable[str] = (name,)
        while level and len(asked) < _MAX_SPF_RECORDS:
            now = [one for one in dict.fromkeys(level) if one not in asked and one != "amazonses.com"]
            asked.update(now)
            answers = await asyncio.gather(*(self.ask(one, "TXT") for one in now))
            level = [
                inner
                for answer in answers
                if isinstance(answer, Seen)
                for record in spf_records(answer.value.records)
                for inner in next_names(parse_spf(record))
            ]

    async def domain(self, domain: str) -> None:
        """Look up what a domain publishes whatever SES says of it."""
        organisational = self.organise(domain)
        await asyncio.gather(
            self.ask(domain, "TXT"),
            *(self.ask(f"_dmarc.{owner}", "TXT") for owner in dict.fromkeys((domain, organisational))),
        )
        self._progress(f"Looked up the records of {domain}.")

    async def website(self, profile: Profile, domains: Sequence[str]) -> None:
        """Fetch the website, then the policy pages that it links or that the sender names."""
        sender = profile.sender
        url = website_url(sender, tuple(domains), self.organise(domains[0]) if domains else "")
        if not url:
            return
        await self._fetch(url)
        links = {with_scheme(named) for named in (sender.privacy_policy, sender.terms) if named}
        page = self.websites[url]
        if isinstance(page, Seen):
            self.organise((urlsplit(page.value.final_url).hostname or "").rstrip("."))
            links.update(policy_link(page.value, kind, named_policy(sender, kind)) for kind in PolicyKind)
        await asyncio.gather(*(self._fetch(link) for link in sorted(links - {""})))
        self._progress(f"Visited {url}.")

    async def _fetch(self, url: str) -> None:
        if url not in self.websites:
            self.websites[url] = await self.within(lambda: self._web.get(url), url)
