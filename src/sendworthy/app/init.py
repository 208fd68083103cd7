"""Reads what `init` would otherwise ask: the Region, the identities at SES, DNS and the website. Changes nothing.

Everything is a proposal, and only names and addresses are proposed: descriptions are the user's own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sendworthy.app import parts
from sendworthy.audit.evidence import Page, Seen
from sendworthy.audit.profile import Sender
from sendworthy.audit.records import domain_name
from sendworthy.audit.website import PolicyKind, policy_link, website_url
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError

_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FromAws:
    """What the account says: its Region, its domains (verified ones first), and what was once told to AWS."""

    region: str = ""
    domains: tuple[str, ...] = ()
    website: str = ""
    language: str = ""
    note: str = ""
    """One line of what was seen, or why nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromDomain:
    """What the domain's website and DNS say. `dmarc` is the record that exists, empty for none."""

    website: str = ""
    privacy_policy: str = ""
    terms: str = ""
    anti_spam_policy: str = ""
    dmarc: str = ""
    note: str = ""


async def read_account(region: str = "") -> FromAws:
    """Ask SES for identities and details. Never raises: what cannot be read is not proposed, and the note says why."""
    try:
        aws = Aws(region=region or None)
    except ConfigError as error:
        return FromAws(note=f"AWS was not asked: {error.happened}")
    try:
        listed, account = await asyncio.gather(
            aws.call("sesv2", "ListEmailIdentities", timeout_seconds=_SECONDS, PageSize=100),
            aws.call("sesv2", "GetAccount", timeout_seconds=_SECONDS),
        )
    except (ProviderError, ConfigError) as error:
        return FromAws(region=aws.region, note=f"SES could not be read: {error.happened}")
    domains = [one for one in listed.get("EmailIdentities", ()) if one.get("IdentityType") == "DOMAIN"]
    domains.sort(key=lambda one: not one.get("SendingEnabled"))
    details = account.get("Details", {})
    names = tuple(one["IdentityName"] for one in domains)
    state = "in production" if account.get("ProductionAccessEnabled") else "in the sandbox"
    return FromAws(
        region=aws.region,
        domains=names,
        website=details.get("WebsiteURL", ""),
        language=details.get("ContactLanguage", ""),
        note=f"SES in {aws.region} is {state} and has {len(names)} domains.",
    )


async def read_domain(config: Config, domains: Sequence[str], website: str) -> FromDomain:
    """Visit the website and look up DMARC. Never raises: what cannot be read is not proposed."""
    if not domains and not website:
        return FromDomain()
    resolver = parts.resolver(config)
    domain = domain_name(domains[0]) if domains else ""
    owner = parts.suffixes().privatesuffix(domain) or domain if domain else ""
    url = website_url(Sender(website=website), (domain,) if domain else (), owner)
    async with parts.web(config) as web:
        try:
            async with asyncio.timeout(_SECONDS):
                page, dmarc = await asyncio.gather(
                    web.get(url), resolver.lookup(f"_dmarc.{domain or 'invalid'}", "TXT")
                )
        except TimeoutError:
            return FromDomain(note=f"{url} did not answer in time.")
    record = (
        next((one for one in dmarc.value.records if one.startswith("v=DMARC1")), "") if isinstance(dmarc, Seen) else ""
    )
    if not isinstance(page, Seen) or page.value.problem or page.value.status >= 400:
        return FromDomain(dmarc=record, note=f"{url} gave no page.")
    return _from_page(page.value, record)


def _from_page(page: Page, dmarc: str) -> FromDomain:
    links = {kind: policy_link(page, kind, "") for kind in PolicyKind}
    found = [kind.value for kind, link in links.items() if link]
    return FromDomain(
        website=page.final_url,
        privacy_policy=links[PolicyKind.PRIVACY],
        terms=links[PolicyKind.TERMS],
        anti_spam_policy=links[PolicyKind.ANTI_SPAM],
        dmarc=dmarc,
        note=f"{page.final_url} links: {', '.join(found) or 'no policy'}.",
    )
