"""Checks of how an identity is set up beside being verified: addresses, policies, replicas, its default set."""

from __future__ import annotations

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    not_followed,
    see,
)
from sendworthy.audit.evidence import Evidence, Identity
from sendworthy.audit.policy import statements

_DG = "https://docs.aws.amazon.com/ses/latest/dg"


def identity_of(evidence: Evidence, subject: Subject) -> Identity:
    """Give the identity that is judged; the check does not apply where there is none (identity.verified says so)."""
    identity = see(evidence.identity(subject.region, subject.domain))
    if identity is None:
        raise NotApplicable(f"{subject.domain} is not an identity of SES in {subject.region}.")
    return identity


def _domain(evidence: Evidence, subject: Subject) -> Passed | Failed:
    seen = evidence.regions.get(subject.region)
    identity = see(evidence.identity(subject.region, subject.domain))
    listed = see(seen.listed) if seen else ()
    addresses = sum(one.is_address and one.domain == subject.domain for one in listed)
    quoted = (f"address identities at {subject.domain}: {addresses}",)
    if identity is None and addresses:
        return Failed(f"Only single addresses at {subject.domain} are verified in {subject.region}.", quoted)
    if identity is None:
        return Failed(f"{subject.domain} is not an identity of SES in {subject.region}.", quoted)
    if addresses:
        return Failed(
            f"{subject.domain} is verified, and so are {addresses} of its addresses, whose settings go before its own.",
            quoted,
            "Delete the address identities: the domain covers them. Look at their configuration set and DKIM first.",
        )
    return Passed(f"{subject.domain} is verified as a domain, and no address of it apart.", quoted)


DOMAIN = Check(
    id="identity.domain",
    title="A domain rather than addresses",
    severity=Severity.LOW,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "ses:ListEmailIdentities"),
    why=(
        "A domain covers every address and signs with its own key. An address identity beside it overrides its "
        "configuration set, its feedback and its DKIM without anybody noticing."
    ),
    fix="Verify the domain: `sendworthy apply`.",
    source=f"{_DG}/creating-identities.html",
    blocks_request=False,
    run=_domain,
)


def _policies(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    if not identity.policies:
        return Passed(f"Nobody else may send as {subject.domain}: it has no sending authorization policy.")
    unread = [name for name in identity.policies if name not in identity.policy_documents]
    if unread:
        not_followed(f"the text of the policies {', '.join(unread)} was not read", "ses:GetEmailIdentity")
    open_to_all: list[str] = []
    for name, text in sorted(identity.policy_documents.items()):
        listed = statements(text)
        if listed is None:
            not_followed(f"the policy {name} cannot be read", "ses:GetEmailIdentity")
        open_to_all += [name for one in listed if one.get("Effect") == "Allow" and _for_anybody(one)]
    quoted = tuple(f"policy {name}" for name in identity.policies)
    if open_to_all:
        named = ", ".join(dict.fromkeys(open_to_all))
        return Failed(f"Anybody with an AWS account may send as {subject.domain}: {named}.", quoted)
    return Passed(f"The sending authorization of {subject.domain} names who may use it.", quoted)


def _for_anybody(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Condition"):
        return False
    principal = statement.get("Principal")
    values = [principal] if isinstance(principal, str) else list((principal or {}).values())
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return "*" in flat or "NotPrincipal" in statement


POLICIES = Check(
    id="identity.policies",
    title="No sending policy open to all",
    severity=Severity.CRITICAL,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity",),
    why="A sending authorization policy for everybody lets strangers send as you, on your reputation.",
    fix="Name the accounts or users in Principal, or delete the policy (DeleteEmailIdentityPolicy).",
    source=f"{_DG}/sending-authorization-policies.html",
    blocks_request=False,
    run=_policies,
)


def _replica(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    origin = identity.dkim.origin
    if not origin.startswith("AWS_SES_"):
        raise NotApplicable(f"{subject.domain} is no replica of an identity in another Region.")
    parent = origin.removeprefix("AWS_SES_").lower().replace("_", "-")
    quoted = (f"SigningAttributesOrigin: {origin}", f"DkimAttributes.Status: {identity.dkim.status or 'not given'}")
    if identity.verification_error.startswith("REPLICATION"):
        what = f"The DKIM key of {subject.domain} cannot be taken over from {parent}: {identity.verification_error}."
        return Failed(what, quoted)
    if identity.dkim.status != "SUCCESS":
        return Failed(f"The replica of {parent} is not in use yet: {identity.dkim.status or 'no status'}.", quoted)
    return Passed(f"{subject.domain} signs with the key that it has in {parent}.", quoted)


REPLICA = Check(
    id="identity.replica",
    title="Replica of another Region's key in use",
    severity=Severity.HIGH,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity",),
    why="A replica signs with its parent's key; when the parent is gone or not Easy DKIM, mail leaves unsigned.",
    fix="Mend the identity in the parent Region, or give this one Easy DKIM of its own.",
    source=f"{_DG}/send-email-authentication-dkim-deed.html",
    blocks_request=False,
    run=_replica,
)


def _default_set(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    name = identity.configuration_set
    if not name:
        return Failed(f"{subject.domain} has no default configuration set.")
    found = see(evidence.configuration_set(subject.region, name))
    if found is None:
        return Failed(f"The default configuration set {name} does not exist: mail that names none is refused.")
    destinations = see(found.destinations)
    quoted = (f"ConfigurationSetName: {name}", *(f"destination {one.name}: {one.kind}" for one in destinations))
    if not found.sending_enabled:
        return Failed(f"The default configuration set {name} has its sending switched off.", quoted)
    if not any(one.enabled for one in destinations):
        return Failed(
            f"The default configuration set {name} has no event destination in use.",
            quoted,
            "Give the set an event destination. A default set without one is a trap: all looks wired, nothing arrives.",
        )
    return Passed(f"Mail that names no configuration set goes by {name}, whose events are published.", quoted)


DEFAULT_SET = Check(
    id="identity.default_set",
    title="Default configuration set with event destinations",
    severity=Severity.MEDIUM,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "ses:GetConfigurationSet", "ses:GetConfigurationSetEventDestinations"),
    why="Mail of an application that forgets to name a set still has its bounces counted and told.",
    fix="Set the default configuration set of the identity: `sendworthy apply` does it.",
    source=f"{_DG}/managing-configuration-sets-default-adding.html",
    blocks_request=False,
    run=_default_set,
)


def _fallback(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    if not identity.mail_from_domain:
        raise NotApplicable(f"{subject.domain} has no custom MAIL FROM domain.")
    behaviour = identity.mail_from_on_mx_failure or "USE_DEFAULT_VALUE"
    quoted = (f"BehaviorOnMxFailure: {behaviour}", f"MailFromDomainStatus: {identity.mail_from_status or 'not given'}")
    if behaviour == "REJECT_MESSAGE" and identity.mail_from_status != "SUCCESS":
        return Failed(f"SES refuses all mail of {subject.domain} until its MAIL FROM domain works.", quoted)
    if behaviour == "USE_DEFAULT_VALUE" and identity.dkim.status != "SUCCESS":
        return Failed(
            f"When the MX of {identity.mail_from_domain} fails, nothing aligns: DKIM does not sign either.",
            quoted,
            "Make DKIM work first; it carries DMARC while MAIL FROM falls back to amazonses.com.",
        )
    return Passed("If the MX of the MAIL FROM domain fails, mail stays signed and on its way.", quoted)


FALLBACK = Check(
    id="mailfrom.fallback",
    title="What happens when the MAIL FROM domain fails",
    severity=Severity.MEDIUM,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity",),
    why="With REJECT_MESSAGE a slip in DNS stops all mail; with USE_DEFAULT_VALUE it goes on, aligned by DKIM alone.",
    fix="Set BehaviorOnMxFailure to USE_DEFAULT_VALUE (PutEmailIdentityMailFromAttributes), and mend the MX record.",
    source=f"{_DG}/mail-from.html",
    blocks_request=False,
    run=_fallback,
)


def _own_use(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    name = identity.mail_from_domain
    if not name:
        raise NotApplicable(f"{subject.domain} has no custom MAIL FROM domain.")
    contacts = {one.email.rpartition("@")[2].lower() for one in evidence.profile.sender.contacts}
    if name in evidence.domains:
        return Failed(f"{name} is both the MAIL FROM domain and a domain that sends.")
    if name in contacts:
        return Failed(f"{name} is the MAIL FROM domain, and a contact's address is at it.")
    if not name.endswith(f".{subject.domain}"):
        return Failed(f"{name} is not a subdomain of {subject.domain}.")
    return Passed(f"{name} is used for nothing but bounces.", (f"MailFromDomain: {name}",))


OWN_USE = Check(
    id="mailfrom.own_use",
    title="MAIL FROM domain used for nothing else",
    severity=Severity.MEDIUM,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity", "sendworthy.toml"),
    why="Its one MX leads to SES, so no mailbox can be there, and SES wants a subdomain that sends no mail itself.",
    fix="Choose a subdomain of its own, such as mail.example.com, that neither sends nor receives.",
    source=f"{_DG}/mail-from.html",
    blocks_request=False,
    run=_own_use,
)


def _one_region(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = identity_of(evidence, subject)
    name = identity.mail_from_domain
    if not name:
        raise NotApplicable(f"{subject.domain} has no custom MAIL FROM domain.")
    others = []
    for region in evidence.regions:
        other = see(evidence.identity(region, subject.domain)) if region != subject.region else None
        if other is not None and other.mail_from_domain == name:
            others.append(region)
    if others:
        return Failed(
            f"{name} is the MAIL FROM domain in {', '.join([subject.region, *others])}; its MX can serve one."
        )
    return Passed(f"{name} is the MAIL FROM domain in {subject.region} alone.")


ONE_REGION = Check(
    id="mailfrom.one_region",
    title="A MAIL FROM domain for each Region",
    severity=Severity.HIGH,
    scope=Scope.IDENTITY,
    needs=("ses:GetEmailIdentity",),
    why="SES wants exactly one MX there and it names the Region, so that two Regions can never both be content.",
    fix="Give each Region a MAIL FROM domain of its own: `sendworthy plan --region …` names them.",
    source=f"{_DG}/mail-from.html",
    blocks_request=False,
    run=_one_region,
)
