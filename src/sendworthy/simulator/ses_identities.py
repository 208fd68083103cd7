"""Identities: domains and addresses, and their attributes. Statuses come from `verification`; no DNS is asked here."""

from __future__ import annotations

import re
from typing import Any

from sendworthy.simulator.paging import page
from sendworthy.simulator.ses_dkim import chosen_dkim, dkim_shown
from sendworthy.simulator.state import Account, Identity, MailFrom, Moment
from sendworthy.wire.errors import WireError

_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MOST = 10_000  # identities per Region [D23]


def create_email_identity(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateEmailIdentity: Easy DKIM for a domain, a confirmation mail (not sent) for an address."""
    account, name = moment.account, identity_name(params["EmailIdentity"])
    if name in account.identities:
        raise WireError("AlreadyExistsException", f"Email identity {name} already exist.")
    if len(account.identities) >= _MOST:
        raise WireError("LimitExceededException", f"You have reached the limit of {_MOST} identities.")
    own_set = params.get("ConfigurationSetName", "")
    _check_configuration_set(account, own_set)
    identity = Identity(
        name=name, created_at=moment.now, configuration_set=own_set, tags=list(params.get("Tags") or ())
    )
    attributes = params.get("DkimSigningAttributes") or {}
    if identity.is_domain:
        own = "DomainSigningSelector" in attributes or "DomainSigningPrivateKey" in attributes
        origin = attributes.get("DomainSigningAttributesOrigin") or ("EXTERNAL" if own else "AWS_SES")
        identity.dkim = chosen_dkim(moment, name, origin, attributes)
        identity.error_type = identity.dkim.replication_error
    elif attributes:
        raise WireError("BadRequestException", "DKIM signing attributes can only be given for a domain identity.")
    account.identities[name] = identity
    return {
        "IdentityType": _kind(identity),
        "VerifiedForSendingStatus": False,
        "DkimAttributes": dkim_shown(moment, identity),
    }


def get_email_identity(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetEmailIdentity."""
    identity = identity_of(moment, params)
    shown: dict[str, Any] = {
        "IdentityType": _kind(identity),
        "FeedbackForwardingStatus": identity.feedback_forwarding,
        "VerifiedForSendingStatus": identity.verified,
        "VerificationStatus": identity.status,
        "DkimAttributes": dkim_shown(moment, identity),
        "MailFromAttributes": _mail_from(identity),
        "Policies": dict(identity.policies),
        "Tags": list(identity.tags),
        "VerificationInfo": _verification_info(identity),
    }
    if identity.mail_from is None:
        del shown["MailFromAttributes"]
    if identity.configuration_set:
        shown["ConfigurationSetName"] = identity.configuration_set
    return shown


def delete_email_identity(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteEmailIdentity."""
    del moment.account.identities[identity_of(moment, params).name]
    return {}


def list_email_identities(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListEmailIdentities with its filters [M]."""
    wanted = params.get("Filter") or {}
    found = sorted(identity.name for identity in moment.account.identities.values() if _passes(identity, wanted))
    names, token = page(found, params)
    identities = [moment.account.identities[name] for name in names]
    return {
        "EmailIdentities": [
            {
                "IdentityType": _kind(identity),
                "IdentityName": identity.name,
                "SendingEnabled": identity.verified,
                "VerificationStatus": identity.status,
            }
            for identity in identities
        ]
    } | token


def put_email_identity_mail_from_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutEmailIdentityMailFromAttributes: a subdomain of the identity; none given takes it away."""
    identity, domain = identity_of(moment, params), str(params.get("MailFromDomain") or "").lower().rstrip(".")
    if not domain:
        identity.mail_from = None
        return {}
    parent = identity.name.rpartition("@")[2]
    if not _DOMAIN.fullmatch(domain) or not domain.endswith(f".{parent}"):
        raise WireError(
            "BadRequestException",
            f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <{parent}>.",
        )
    behavior = params.get("BehaviorOnMxFailure") or "USE_DEFAULT_VALUE"
    known = identity.mail_from
    if known is not None and known.domain == domain and known.status != "FAILED":
        known.behavior = behavior
    else:
        identity.mail_from = MailFrom(domain=domain, behavior=behavior, started_at=moment.now)
    return {}


def put_email_identity_feedback_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutEmailIdentityFeedbackAttributes."""
    identity_of(moment, params).feedback_forwarding = bool(params.get("EmailForwardingEnabled", False))
    return {}


def put_email_identity_configuration_set_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutEmailIdentityConfigurationSetAttributes: the set for mail that names none; none given takes it away."""
    identity, name = identity_of(moment, params), params.get("ConfigurationSetName") or ""
    _check_configuration_set(moment.account, name)
    identity.configuration_set = name
    return {}


def identity_name(given: str) -> str:
    """Return the name as it is stored: a domain in lower case, an address with only its domain so."""
    local, at, domain = given.rpartition("@")
    domain = domain.lower().rstrip(".")
    if not _DOMAIN.fullmatch(domain) or (at and not (local and local.isascii() and len(local) <= 64)):
        raise WireError("BadRequestException", f"Invalid email address or domain name <{given[:80]}>.")
    return f"{local}{at}{domain}"


def covering(account: Account, address: str) -> Identity | None:
    """Return the identity that vouches for an address: itself, else its domain, else the nearest parent domain.

    A verified domain covers its subdomains, a verified address its own +labels (SES Developer Guide, "Creating and
    verifying identities"). Local parts are compared with case, domains without.
    """
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    for spec in (f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"):
        own = account.identities.get(spec)
        if own is not None and own.verified:
            return own
    while domain:
        found = account.identities.get(domain)
        if found is not None and found.verified:
            return found
        domain = domain.partition(".")[2]
    return None


def covers(identity: Identity, address: str) -> bool:
    """Whether an identity vouches for an address, verified or not, by the rules of `covering`."""
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    if identity.is_domain:
        return domain == identity.name or domain.endswith(f".{identity.name}")
    return identity.name in {f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"}


def identity_of(moment: Moment, params: dict[str, Any]) -> Identity:
    """Return the identity that EmailIdentity names. Raises WireError NotFoundException."""
    found = moment.account.identities.get(identity_name(params["EmailIdentity"]))
    if found is None:
        raise WireError("NotFoundException", f"Email identity {params['EmailIdentity'][:320]} does not exist.", 404)
    return found


def _check_configuration_set(account: Account, name: str) -> None:
    if name and name not in account.configuration_sets:
        raise WireError("NotFoundException", f"Configuration set <{name}> does not exist.", 404)


def _kind(identity: Identity) -> str:
    return "DOMAIN" if identity.is_domain else "EMAIL_ADDRESS"


def _mail_from(identity: Identity) -> dict[str, Any]:
    if identity.mail_from is None:
        return {}
    return {
        "MailFromDomain": identity.mail_from.domain,
        "MailFromDomainStatus": identity.mail_from.status,
        "BehaviorOnMxFailure": identity.mail_from.behavior,
    }


def _verification_info(identity: Identity) -> dict[str, Any]:
    info: dict[str, Any] = {}
    if identity.last_checked is not None:
        info["LastCheckedTimestamp"] = identity.last_checked
    if identity.last_success is not None:
        info["LastSuccessTimestamp"] = identity.last_success
    if identity.error_type:
        info["ErrorType"] = identity.error_type
    if identity.soa is not None:
        server, mailbox, serial = identity.soa
        info["SOARecord"] = {"PrimaryNameServer": server, "AdminEmail": mailbox, "SerialNumber": serial}
    return info


def _passes(identity: Identity, wanted: dict[str, str]) -> bool:
    return (
        wanted.get("IDENTITY_NAME_CONTAINS", "").lower() in identity.name.lower()
        and wanted.get("IDENTITY_TYPE", _kind(identity)) == _kind(identity)
        and wanted.get("VERIFICATION_STATUS", identity.status) == identity.status
    )
