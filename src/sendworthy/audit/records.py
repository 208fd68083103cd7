"""The DNS records that SES wants, by Region and identity. Looks nothing up."""

from __future__ import annotations

import re

from sendworthy.audit.evidence import Dkim
from sendworthy.errors import ConfigError

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")

PENDING_HINT = "If the records are published, wait: SES looks for them for up to 72 hours, mostly it takes minutes."

MAIL_FROM_SPF = "v=spf1 include:amazonses.com ~all"
"""SES Developer Guide, "Using a custom MAIL FROM domain"."""

_REGIONAL_DKIM_ZONES = frozenset(
    {
        "af-south-1",
        "ap-northeast-3",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-5",
        "ca-west-1",
        "eu-south-1",
        "eu-central-2",
        "il-central-1",
        "me-central-1",
        "us-gov-east-1",
    }
)
"""Regions with a DKIM zone of their own (AWS General Reference, "Amazon SES endpoints and quotas", DKIM domains)."""


def domain_name(text: str) -> str:
    """Give a domain as DNS has it: lower case, Punycode (RFC 5891), no final dot.

    Raises ConfigError for anything else, such as an address or a URL.
    """
    try:
        name = text.strip().rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ConfigError(f"{text!r} is not a domain name.", "Give a domain such as example.com.")
    return name


def dkim_zone(region: str, dkim: Dkim) -> str:
    """Give the zone that DKIM CNAMEs point into: SES's own word for it, else by Region."""
    if dkim.hosted_zone:
        return dkim.hosted_zone.rstrip(".").lower()
    return f"dkim.{region}.amazonses.com" if region in _REGIONAL_DKIM_ZONES else "dkim.amazonses.com"


def dkim_targets(domain: str, region: str, dkim: Dkim) -> tuple[tuple[str, str], ...]:
    """Give name and target of each DKIM CNAME of `domain`, lower case; none as long as SES has given no tokens."""
    zone = dkim_zone(region, dkim)
    return tuple((f"{token.lower()}._domainkey.{domain}", f"{token.lower()}.{zone}") for token in dkim.tokens)


def feedback_host(region: str) -> str:
    """Give the one MX host of a MAIL FROM domain in `region`."""
    return f"feedback-smtp.{region}.amazonses.com"
