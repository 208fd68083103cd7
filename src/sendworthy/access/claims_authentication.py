"""Claims about who may send for a domain: DKIM, SPF, DMARC, TLS. Adding one is adding a value here."""

from __future__ import annotations

from collections.abc import Mapping

from sendworthy.access.claim_figures import APPLY, identity, sets
from sendworthy.access.claims import Claim, Ground, Topic
from sendworthy.access.words import listed
from sendworthy.audit.dmarc import Dmarc, parse_dmarc, ruling
from sendworthy.audit.evidence import Unseen


def _verified(ground: Ground) -> Mapping[str, str] | None:
    seen = identity(ground)
    return {"domain": ground.domain} if seen is not None and seen.verified_for_sending else None


def _selectors(ground: Ground) -> Mapping[str, str] | None:
    seen = identity(ground)
    if seen is None or not seen.dkim.signing_enabled or not seen.dkim.tokens:
        return None
    selectors = seen.dkim.tokens
    named = f"selector{'' if len(selectors) == 1 else 's'} {listed(selectors)}"
    return {"domain": ground.domain, "selectors": named}


def _key_bits(ground: Ground) -> Mapping[str, str] | None:
    seen = identity(ground)
    if seen is None or seen.dkim.key_length != "RSA_2048_BIT":
        return None
    return {"domain": ground.domain}


def _mail_from(ground: Ground) -> Mapping[str, str] | None:
    seen = identity(ground)
    if seen is None or not seen.mail_from_domain:
        return None
    return {"domain": ground.domain, "mail_from": seen.mail_from_domain}


def _record(ground: Ground) -> tuple[str, Dmarc] | None:
    """Give the one valid DMARC record that rules the domain, with the name it stands at."""
    organisational = ground.evidence.organisational_domain(ground.domain)
    found = ruling(ground.domain, organisational, lambda name: ground.evidence.lookup(name, "TXT"))
    if isinstance(found, Unseen) or len(found.records) != 1:
        return None
    record = parse_dmarc(found.records[0])
    return None if record.problems else (found.name, record)


def _dmarc(ground: Ground) -> Mapping[str, str] | None:
    found = _record(ground)
    if found is None:
        return None
    name, record = found
    policy = record.policy if name == f"_dmarc.{ground.domain}" else record.subdomain_policy
    return {"domain": ground.domain, "name": name, "policy": str(policy)}


def _reports(ground: Ground) -> Mapping[str, str] | None:
    found = _record(ground)
    return {"domain": ground.domain} if found is not None and found[1].rua else None


def _alignment(ground: Ground) -> Mapping[str, str] | None:
    """DKIM of a domain identity signs with the domain itself; SPF aligns when MAIL FROM shares the organisation."""
    found, seen = _record(ground), identity(ground)
    if found is None or seen is None or not seen.mail_from_domain or not seen.dkim.signing_enabled:
        return None
    organisational = ground.evidence.organisational_domain(ground.domain)
    relaxed = found[1].aspf == "r" and seen.mail_from_domain.endswith(f".{organisational}")
    return {"domain": ground.domain, "mail_from": seen.mail_from_domain} if relaxed else None


def _tls(ground: Ground) -> Mapping[str, str] | None:
    found = sets(ground)
    if found is None or any(one.tls_policy != "REQUIRE" for one in found):
        return None
    return {}


AUTHENTICATION_CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="authentication.identity",
        topic=Topic.COMPLIANCE,
        sentence="The domain {domain} is verified in Amazon SES as a domain identity.",
        figures=_verified,
        checks=("identity.verified",),
        each_domain=True,
        would_prove=APPLY,
    ),
    Claim(
        id="authentication.dkim",
        topic=Topic.COMPLIANCE,
        sentence="Mail from {domain} is signed with DKIM ({selectors}).",
        figures=_selectors,
        checks=("identity.verified", "dkim.verified"),
        each_domain=True,
        would_prove=APPLY,
    ),
    Claim(
        id="authentication.dkim_key",
        topic=Topic.COMPLIANCE,
        sentence="The DKIM key of {domain} has 2,048 bits.",
        figures=_key_bits,
        checks=(
            "dkim.verified",
            "dkim.key_length",
        ),
        each_domain=True,
        would_prove="Let SES make a key of 2,048 bits: `sendworthy plan`.",
    ),
    Claim(
        id="authentication.spf",
        topic=Topic.COMPLIANCE,
        sentence="SPF: mail from {domain} uses the custom MAIL FROM domain {mail_from}, whose SPF record admits SES.",
        figures=_mail_from,
        checks=("mailfrom.spf",),
        each_domain=True,
        would_prove=APPLY,
    ),
    Claim(
        id="authentication.dmarc",
        topic=Topic.COMPLIANCE,
        sentence="DMARC: {name} publishes the policy {policy} for {domain}.",
        figures=_dmarc,
        checks=("dmarc.record",),
        each_domain=True,
        would_prove=APPLY,
    ),
    Claim(
        id="authentication.dmarc_reports",
        topic=Topic.COMPLIANCE,
        sentence="We have aggregate DMARC reports for {domain} sent to us.",
        figures=_reports,
        checks=(
            "dmarc.record",
            "dmarc.reports",
        ),
        each_domain=True,
        would_prove="Name an address for reports in `ses.dmarc.rua`, publish the record, and audit again.",
    ),
    Claim(
        id="authentication.alignment",
        topic=Topic.COMPLIANCE,
        sentence=(
            "Both ways align for DMARC: DKIM signs as {domain}, and the MAIL FROM domain {mail_from} belongs to the "
            "same organisation."
        ),
        figures=_alignment,
        checks=(
            "dkim.verified",
            "mailfrom.spf",
            "dmarc.record",
            "dkim.alignment",
        ),
        each_domain=True,
        would_prove=APPLY,
    ),
    Claim(
        id="authentication.tls",
        topic=Topic.COMPLIANCE,
        sentence="Our mail leaves Amazon SES over TLS or not at all (TLS policy REQUIRE).",
        figures=_tls,
        would_prove='Set `ses.tls = "require"` if your recipients allow it; it is not needed for a grant.',
    ),
)
