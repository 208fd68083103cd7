"""The made-up company of the bundled world: its name, its domain, its first zone. Knows no server."""

from __future__ import annotations

from dataclasses import dataclass

from sendworthy.simulator.verification import REGIONS_WITH_OWN_ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A small shop that sends receipts and a newsletter."""

    name: str
    domain: str
    industry: str
    contact: str
    postal_address: str
    telephone: str


FERNHILL = Company(
    name="Fernhill Pottery",
    domain="fernhill.test",
    industry="Handmade ceramics, sold online",
    contact="hello@fernhill.test",
    postal_address="Fernhill Pottery, 14 Kiln Lane, Springfield, VT 05156, USA",
    telephone="+1 802 555 0142",
)


def first_zone(company: Company = FERNHILL, *, web_address: str = "127.0.0.1") -> str:
    """Return the company's zone file as it was before it thought of SES: a website and a mailbox, no DKIM, no DMARC."""
    return f"""$ORIGIN {company.domain}.
$TTL 300
@       IN SOA ns1.{company.domain}. hostmaster.{company.domain}. 1 3600 600 604800 60
@       IN NS  ns1.{company.domain}.
ns1     IN A   {web_address}
@       IN A   {web_address}
www     IN A   {web_address}
@       IN MX  10 mail.{company.domain}.
mail    IN A   192.0.2.20
"""


def amazon_zone(*, one_key: bool = True) -> str:
    """Return the part of amazonses.com that records of customers point at.

    With `one_key` every DKIM token has the same key, that signs nothing; without, tokens are answered by whoever serves
    the zone.
    """
    regional = sorted(REGIONS_WITH_OWN_ZONE)
    key = f'"v=DKIM1; k=rsa; p={DKIM_KEY[:200]}" "{DKIM_KEY[200:]}"'
    zones = ("dkim", *(f"dkim.{region}" for region in regional))
    lines = [
        "$ORIGIN amazonses.com.",
        "$TTL 300",
        "@ IN SOA ns1.amazonses.com. hostmaster.amazonses.com. 1 3600 600 604800 60",
        "@ IN NS ns1.amazonses.com.",
        "ns1 IN A 127.0.0.1",
        '@ IN TXT "v=spf1 ip4:192.0.2.0/24 -all"',
        *(f"*.{zone} IN TXT {key}" if one_key else f'{zone} IN TXT "DKIM keys of Easy DKIM"' for zone in zones),
        # feedback-smtp.<region> for every Region: the wildcard of the zone.
        "* IN A 192.0.2.10",
        *(f"feedback-smtp.{region} IN A 192.0.2.10" for region in regional),
    ]
    return "\n".join(lines) + "\n"


# Public half of a key whose private half was thrown away.
DKIM_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA7AbYoDn+fmwedHGYF9iqxLydfsQAgdHf8jgrebuZ8i7gR5HxOrX5U8xi"
    "mWFWNgDtu3YYc+az7XjhYt2TAmxCvpYMu7ZjYm9Rnbq8m4dlwFcftENrHljgZ2NLb6HtN13Pdh3GILwjzFbnB2wnCZ2I8GnnQHdX"
    "m8CzQeZ7tMH5wGjBoOBAJj3G2ZYGkaSef58kLZXUwi4EqkWwwAYsdc6fS4PRdIGBnSoy7qrI4fZ6OyHMtTetc37lsPhRB0gPND9y"
    "dAfkjbbNv9dWW7PgjxsbpAVf7OXC7Unrb8PS1Kaw9B8XIg2xXpFaH23F1Bf3Y+1KS3bfKyMs8SvZK5asGl+IpQIDAQAB"
)
