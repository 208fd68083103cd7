"""Reads a sender's website as a reviewer does: is there anything, and where are the policies. Fetches nothing."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import assert_never
from urllib.parse import urlsplit

from sendworthy.audit.evidence import Evidence, Page
from sendworthy.audit.profile import Sender

EMPTY_BELOW_CHARACTERS = 200
"""Visible text shorter than this says nothing about a business; our own line, AWS publishes none."""

_PARKED_BELOW_CHARACTERS = 1000
_PARKED = re.compile(
    r"domain (?:name )?is for sale|buy this domain|domain is parked|parked (?:free|domain)|"
    r"this domain (?:has been|was) registered|domain (?:may be|is available) for (?:sale|purchase)|"
    r"under construction|coming soon|launching soon|welcome to nginx|apache2? (?:\w+ )?default page|"
    r"test page for the (?:apache|nginx)|iis windows server|default web ?page|^it works!?$|site not found|"
    r"account (?:has been )?suspended|hier entsteht",
    re.IGNORECASE,
)


class PolicyKind(StrEnum):
    """The pages about mail and data that a sender links; the first two are wanted of everybody."""

    PRIVACY = "privacy policy"
    TERMS = "terms"
    ANTI_SPAM = "anti-spam policy"


REQUIRED = (PolicyKind.PRIVACY, PolicyKind.TERMS)


_WORDS = {
    PolicyKind.PRIVACY: re.compile(
        r"privacy|datenschutz|confidentialit|privacidad|riservatezza|prywatno|integritet|personvern|privatliv|"
        r"tietosuoja|gizlilik|プライバシー|個人情報|개인정보|隐私|隱私|конфиденциальност",
        re.IGNORECASE,
    ),
    PolicyKind.TERMS: re.compile(
        r"\bterms\b|\btos\b|conditions|nutzungsbedingungen|geschäftsbedingungen|\bagb\b|\bcgu\b|\bcgv\b|condiciones|"
        r"términos|termos|condizioni|voorwaarden|warunki|regulamin|villkor|vilkår|betingelser|käyttöehdot|şartlar|"
        r"利用規約|이용약관|条款|條款|соглашени",
        re.IGNORECASE,
    ),
    PolicyKind.ANTI_SPAM: re.compile(
        r"anti.?spam|no.?spam|spam policy|e-?mail policy|acceptable use|\baup\b|messaging policy|迷惑メール",
        re.IGNORECASE,
    ),
}


def website_url(sender: Sender, domains: tuple[str, ...], organisational: str = "") -> str:
    """Give the URL to look at: the one the sender names, else the first domain's own; empty when there is neither.

    A name without a scheme is taken as https. `organisational` is the organisational domain of the first domain: a
    website is looked for there rather than at a sending subdomain.
    """
    if sender.website:
        return with_scheme(sender.website)
    return f"https://{organisational or domains[0]}/" if domains else ""


def with_scheme(url: str) -> str:
    """Give a URL with `https://` before a bare host name, and with a path."""
    full = url if re.match(r"[a-z][a-z0-9+.\-]*://", url, re.IGNORECASE) else f"https://{url}"
    return full if urlsplit(full).path else f"{full}/"


def parked_phrase(page: Page) -> str:
    """Give the phrase by which a page is a parking or default page, or empty. Long pages are never taken for one."""
    if page.text_length >= _PARKED_BELOW_CHARACTERS:
        return ""
    found = _PARKED.search(page.title) or _PARKED.search(page.text)
    return found[0] if found else ""


def policy_link(page: Page, kind: PolicyKind, named: str = "") -> str:
    """Give the URL of a policy that `page` links: the one the sender names if it is linked, else by its words."""
    targets = [link for link in page.links if link.href.lower().startswith(("http://", "https://"))]
    if named:
        wanted = _bare(with_scheme(named))
        for link in targets:
            if _bare(link.href) == wanted:
                return link.href
    words = _WORDS[kind]
    for link in targets:
        if words.search(link.text):
            return link.href
    for link in targets:
        if words.search(urlsplit(link.href).path.replace("-", " ").replace("_", " ")):
            return link.href
    return ""


def named_policy(sender: Sender, kind: PolicyKind) -> str:
    """Give the policy's URL in the sender's own words; empty when not said."""
    match kind:
        case PolicyKind.PRIVACY:
            return sender.privacy_policy
        case PolicyKind.TERMS:
            return sender.terms
        case PolicyKind.ANTI_SPAM:
            return sender.anti_spam_policy
        case _:
            assert_never(kind)


def host_is_near(evidence: Evidence, url: str) -> bool:
    """Say whether the host of `url` shares its organisational domain with a sending domain."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    own = {evidence.organisational_domain(domain) for domain in evidence.domains}
    return evidence.organisational_domain(host) in own


def _bare(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return (parts.hostname or "", parts.path.rstrip("/"), parts.query)
