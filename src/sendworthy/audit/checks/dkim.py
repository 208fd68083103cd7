"""Checks of a domain's DKIM beside its being verified: key, selector, zone, alignment. Asks no server."""

from __future__ import annotations

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    NotSeen,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.checks.domain import identity_of
from sendworthy.audit.dmarc import parse_dmarc, ruling
from sendworthy.audit.evidence import DnsOutcome, Evidence, Identity, Seen, Unseen
from sendworthy.audit.keys import DkimKey, read_dkim_key
from sendworthy.audit.records import dkim_targets, dkim_zone

_DG = "https://docs.aws.amazon.com/ses/latest/dg"
_EASY = f"{_DG}/send-email-authentication-dkim-easy.html"
_OWN = f"{_DG}/send-email-authentication-dkim-bring-your-own.html"
GOOD_BITS = 2048


def _own_key(evidence: Evidence, subject: Subject, identity: Identity) -> tuple[str, DkimKey | None]:
    """Give the name of the own key's record and the key; None where no single record is there."""
    if not identity.dkim.tokens:
        not_followed("SES does not name the selector of the own key", "ses:GetEmailIdentity")
    name = f"{identity.dkim.tokens[0].lower()}._domainkey.{subject.domain}"
    answer = see(evidence.lookup(name, "TXT"))
    records = [one for one in answer.records if "p=" in one.replace(" ", "")]
    return name, read_dkim_key(records[0]) if len(records) == 1 else None


def _signing(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    quoted = (f"SigningEnabled: {str(identity.dkim.signing_enabled).lower()}",)
    if identity.dkim.signing_enabled:
        return Passed(f"Signing is switched on for {subject.domain}.", quoted)
    return Failed(f"Signing is switched off for {subject.domain}.", quoted)


SIGNING = Check(
    id="dkim.signing",
    title="DKIM signing switched on",
    severity=Severity.CRITICAL,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity",),
    why="Published keys sign nothing by themselves; with the switch off every message leaves unsigned.",
    fix="Switch it on (PutEmailIdentityDkimAttributes): `sendworthy apply` does it.",
    source=_EASY,
    blocks_request=False,
    run=_signing,
)


def _key_length(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    dkim = identity.dkim
    if dkim.origin == "EXTERNAL":
        name, key = _own_key(evidence, subject, identity)
        if key is None or not key.bits:
            raise NotApplicable(f"{name} publishes no key that could be measured; dkim.own_key says why.")
        bits, quoted = key.bits, (f"{name}: RSA, {key.bits} bits",)
    else:
        if not dkim.key_length:
            not_followed("SES does not say how long the key is", "ses:GetEmailIdentity")
        bits = int("".join(one for one in dkim.key_length if one.isdigit()) or 0)
        quoted = (f"CurrentSigningKeyLength: {dkim.key_length}",)
    if bits < GOOD_BITS:
        return Failed(f"The DKIM key of {subject.domain} has {bits} bits.", quoted)
    return Passed(f"The DKIM key of {subject.domain} has {bits} bits.", quoted)


KEY_LENGTH = Check(
    id="dkim.key_length",
    title="DKIM key of 2048 bits",
    severity=Severity.MEDIUM,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "DNS TXT"),
    why="1024 bits are the least that Gmail accepts and within reach of an attacker (RFC 8301 advises 2048).",
    fix="Ask SES for a 2048-bit key (PutEmailIdentityDkimSigningAttributes); it can be changed once a day.",
    source="https://www.rfc-editor.org/rfc/rfc8301#section-3.2",
    blocks_request=False,
    run=_key_length,
)


def _published(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    if identity.dkim.origin != "EXTERNAL":
        raise NotApplicable(f"{subject.domain} does not sign with a key of your own.")
    name, key = _own_key(evidence, subject, identity)
    if key is None:
        records = see(evidence.lookup(name, "TXT")).records
        return Failed(f"{name} has {'no key record' if not records else 'no single key record'}.", records)
    if key.problem:
        return Failed(f"The key at {name} is not usable: {key.problem}.")
    if key.testing:
        return Failed(f"The key at {name} is in test mode (t=y): receivers treat the mail as unsigned.")
    return Passed(f"{name} publishes a {key.bits}-bit key.", (f"{name}: {key.algorithm}, {key.bits} bits",))


OWN_KEY = Check(
    id="dkim.own_key",
    title="Your own DKIM key published",
    severity=Severity.HIGH,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "DNS TXT"),
    why="SES signs with the private half you gave it; receivers need the public half at that selector, or reject.",
    fix="Publish one TXT record with p= and the public key, in base64 without line breaks, at the selector.",
    source=_OWN,
    blocks_request=False,
    run=_published,
)


def _zone(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    if identity.dkim.origin == "EXTERNAL" or not identity.dkim.tokens:
        raise NotApplicable(f"{subject.domain} has no DKIM names that SES gave.")
    zone = dkim_zone(subject.region, identity.dkim)
    elsewhere: list[str] = []
    there = 0
    for name, target in dkim_targets(subject.domain, subject.region, identity.dkim):
        answer = see(evidence.lookup(name, "CNAME"))
        if answer.outcome is not DnsOutcome.FOUND:
            continue
        label = target.partition(".")[0]
        there += answer.records == (target,)
        elsewhere += [
            f"{name} leads to {one}" for one in answer.records if one != target and one.startswith(f"{label}.")
        ]
    if elsewhere:
        return Failed(f"Keys are published in another Region's zone than {zone}: {'; '.join(elsewhere)}.")
    if not there:
        raise NotApplicable("None of the DKIM names is published; dkim.verified says so.")
    return Passed(f"The DKIM names lead into {zone}, the zone of {subject.region}.")


ZONE = Check(
    id="dkim.zone",
    title="DKIM names lead into the Region's zone",
    severity=Severity.HIGH,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "DNS CNAME"),
    why="Some Regions keep their keys in a zone of their own; a CNAME copied from a guide leads where no key is.",
    fix="Point each CNAME at the target that SES gives for this Region: `sendworthy plan` prints them.",
    source="https://docs.aws.amazon.com/general/latest/gr/ses.html",
    blocks_request=False,
    run=_zone,
)


def _alignment(evidence: Evidence, subject: Subject) -> Passed | Failed:
    found = ruling(
        subject.domain, evidence.organisational_domain(subject.domain), lambda name: evidence.lookup(name, "TXT")
    )
    if isinstance(found, Unseen):
        raise NotSeen((found,))
    strict = len(found.records) == 1 and parse_dmarc(found.records[0]).adkim == "s"
    own = [one for one in evidence.messages if _within(one.from_domain, subject.domain)]
    wrong: list[str] = []
    for message in own:
        signers = [one.domain for one in message.signatures]
        aligned = [
            one
            for one in signers
            if one == message.from_domain
            or (
                not strict
                and evidence.organisational_domain(one) == evidence.organisational_domain(message.from_domain)
            )
            or (not strict and (_within(message.from_domain, one) and _within(one, subject.domain)))
        ]
        if not signers:
            wrong.append(f"{message.name} carries no DKIM signature")
        elif not aligned:
            wrong.append(f"{message.name} is from {message.from_domain} and signed by {', '.join(signers)}")
    if wrong:
        return Failed(f"{'; '.join(wrong)}.")
    mode = "strict" if strict else "relaxed"
    if own:
        return Passed(f"{len(own)} messages are signed by a domain that aligns ({mode}).")
    _signs(evidence, subject.domain)
    if strict:
        not_followed("alignment is strict (adkim=s), and no message was there to look at", "--message FILE")
    return Passed(f"SES signs as {subject.domain}, which aligns with every From address under it ({mode}).")


def _signs(evidence: Evidence, domain: str) -> None:
    """End the check where SES signs for the domain in no Region, or nobody knows."""
    readings = [evidence.identity(region, domain) for region in evidence.regions]
    if any(isinstance(one, Seen) and one.value for one in readings):
        return
    if unseen := [one for one in readings if isinstance(one, Unseen)]:
        raise NotSeen(unseen)
    raise NotApplicable(f"{domain} is not an identity of SES.")


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


ALIGNMENT = Check(
    id="dkim.alignment",
    title="DKIM aligns with the From address",
    severity=Severity.HIGH,
    scope=Scope.DOMAIN,
    needs=("DNS TXT", "a message (--message)"),
    why="DMARC passes by DKIM only when the signing domain and the From domain align (RFC 7489 section 3.1.1).",
    fix="Verify the very domain that stands in From, or use relaxed alignment (leave adkim out).",
    source="https://www.rfc-editor.org/rfc/rfc7489#section-3.1.1",
    blocks_request=False,
    run=_alignment,
)

MORE_DKIM = (SIGNING, KEY_LENGTH, ZONE, OWN_KEY, ALIGNMENT)
