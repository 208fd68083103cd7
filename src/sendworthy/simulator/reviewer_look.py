"""What the reviewer looks at: the account's own state, DMARC in DNS, the website. Looks, and judges nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from sendworthy.simulator.enforcement import Enforcement
from sendworthy.simulator.lookups import Ask
from sendworthy.simulator.reviewer_rules import Credit, Seen, Website
from sendworthy.simulator.state import Account
from sendworthy.simulator.verification import Outcome

Visit = Callable[[str], Awaitable[str | None]]
"""Fetches a page: its text, or None when it does not answer with 200. Never raises for what a website does."""

# Free mail hosts, a few: an address there is no business address.
_FREE_HOSTS = frozenset(
    {"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "gmx.com"}
)
_LINK = re.compile(r"""<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)[^>]*>(.*?)</a>""", re.IGNORECASE | re.DOTALL)
_TELLS_OF_MAIL = re.compile(r"\b(?:e-?mails?|newsletter|receipt|notification|letter)\b", re.IGNORECASE)
_LONGEST_PAGE = 512 * 1024


async def look_at(account: Account, *, ask: Ask, visit: Visit, now: datetime) -> Seen:
    """Return what the reviewer finds in an account now."""
    life = account.life
    domains = [each for each in account.identities.values() if each.is_domain and each.verified]
    details = account.details or {}
    names = tuple(sorted(each.name for each in domains))
    contacts = [str(each) for each in details.get("AdditionalContactEmailAddresses") or ()]
    return Seen(
        verified_domains=names,
        verified_addresses=tuple(
            sorted(each.name for each in account.identities.values() if not each.is_domain and each.verified)
        ),
        dkim=bool(domains)
        and all(
            each.dkim is not None and each.dkim.status == "SUCCESS" and each.dkim.signing_enabled for each in domains
        ),
        mail_from=bool(domains)
        and all(each.mail_from is not None and each.mail_from.status == "SUCCESS" for each in domains),
        dmarc=bool(domains) and all([await _has_dmarc(each.name, ask) for each in domains]),
        event_destinations=_hears_of_bounces(account),
        suppression={"BOUNCE", "COMPLAINT"} <= set(account.suppressed_reasons),
        website=await _look_at_website(str(details.get("WebsiteURL") or ""), names, visit),
        contact_on_domain=any(each.rpartition("@")[2].lower() not in _FREE_HOSTS for each in contacts),
        sandbox_sends=life.sandbox_sends,
        drilled_bounce=life.drilled_bounce,
        drilled_complaint=life.drilled_complaint,
        healthy=account.enforcement == Enforcement.HEALTHY,
        credit=aged(life.credit, life.credit_noted_at, now),
        incurable=life.incurable,
    )


def aged(credit: Credit, noted_at: datetime | None, now: datetime) -> Credit:
    """Return the standing as it is now: an account grows older by itself, and is billed once in thirty days."""
    if noted_at is None or now <= noted_at:
        return credit
    days = (now - noted_at).total_seconds() / 86_400
    # A bill is paid only where a card can be charged.
    bills = int(days // 30) if credit.card_verified and (credit.paid_bills or credit.other_services) else 0
    return Credit(
        age_days=credit.age_days + days,
        paid_bills=credit.paid_bills + bills,
        other_services=credit.other_services,
        card_verified=credit.card_verified,
    )


def _hears_of_bounces(account: Account) -> bool:
    """Whether bounces and complaints go anywhere but a mailbox: an enabled destination, or topics of an identity."""
    for each in account.configuration_sets.values():
        kinds = {
            kind for destination in each.destinations.values() if destination.enabled for kind in destination.kinds
        }
        if {"BOUNCE", "COMPLAINT"} <= kinds:
            return True
    return any({"Bounce", "Complaint"} <= set(each.notifications.topics) for each in account.identities.values())


async def _has_dmarc(domain: str, ask: Ask) -> bool:
    """Whether a DMARC record holds for a domain: its own, or that of a domain above it (RFC 7489 section 6.6.3)."""
    name = domain
    while "." in name:
        answer = await ask(f"_dmarc.{name}", "TXT")
        found = [text for text in answer.values if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if answer.outcome is Outcome.FOUND and found:
            return len(found) == 1
        name = name.partition(".")[2]
    return False


async def _look_at_website(url: str, domains: tuple[str, ...], visit: Visit) -> Website:
    if "//" not in url:
        url = f"https://{url}"  # WebsiteURL may come without a scheme [M]
    host = (urlsplit(url).hostname or "").lower()
    page = await visit(url) if host else None
    if page is None:
        return Website(on_verified_domain=_is_under(host, domains))
    page = page[:_LONGEST_PAGE]
    links = [(target.lower(), re.sub(r"<[^>]+>", " ", words).lower()) for target, words in _LINK.findall(page)]
    return Website(
        live=True,
        on_verified_domain=_is_under(host, domains),
        tells_of_mail=_TELLS_OF_MAIL.search(re.sub(r"<[^>]+>", " ", page)) is not None,
        privacy=await _leads_somewhere(url, links, "privacy", visit),
        terms=await _leads_somewhere(url, links, "terms", visit),
        contact=any(target.startswith("mailto:") or "contact" in target for target, _ in links),
    )


async def _leads_somewhere(url: str, links: list[tuple[str, str]], word: str, visit: Visit) -> bool:
    for target, words in links:
        if word in target or word in words:
            return await visit(urljoin(url, target)) is not None
    return False


def _is_under(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
