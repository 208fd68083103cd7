"""Identity policies: kept for an identity, and asked when another account sends as it. Knows no other resource."""

from __future__ import annotations

import re
from typing import Any

from sendworthy.simulator.policy import Attempt, admits, well_formed
from sendworthy.simulator.ses_identities import covers, identity_of
from sendworthy.simulator.state import Identity, Moment
from sendworthy.wire.errors import WireError

_MOST = 20  # policies per identity ("Sending authorization policies" [D23])
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ARN = re.compile(r"arn:aws[a-z-]*:ses:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):identity/(?P<name>.{1,320})")


def create_email_identity_policy(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateEmailIdentityPolicy."""
    identity, name = identity_of(moment, params), params["PolicyName"]
    if not _NAME.fullmatch(name):
        raise WireError("BadRequestException", "A policy name has up to 64 letters, digits, hyphens and underscores.")
    if name in identity.policies:
        raise WireError("AlreadyExistsException", f"Policy <{name}> already exists.")
    if len(identity.policies) >= _MOST:
        raise WireError("LimitExceededException", f"An identity has at most {_MOST} policies.")
    identity.policies[name] = _checked(params["Policy"])
    return {}


def get_email_identity_policies(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetEmailIdentityPolicies."""
    return {"Policies": dict(identity_of(moment, params).policies)}


def update_email_identity_policy(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateEmailIdentityPolicy."""
    identity, name = identity_of(moment, params), params["PolicyName"]
    if name not in identity.policies:
        raise WireError("NotFoundException", f"Policy <{name}> does not exist.", 404)
    identity.policies[name] = _checked(params["Policy"])
    return {}


def delete_email_identity_policy(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteEmailIdentityPolicy. One that is not there is no error, as in v1 [M: DeleteIdentityPolicy]."""
    identity_of(moment, params).policies.pop(params["PolicyName"], None)
    return {}


def lent(moment: Moment, arn: str, sender: str, *, raw: bool) -> Identity | None:
    """Return the identity that an ARN names, if it covers the sender and its owner lets the caller send as it.

    None is for an identity that is not verified. Raises WireError for an ARN that is none, an identity of another
    Region, a sender it does not cover, and a caller whom no policy of the identity admits.
    """
    found = _ARN.fullmatch(arn)
    if found is None or found["region"] != moment.account.region:
        raise WireError("BadRequestException", f"The identity ARN <{arn[:400]}> is not valid in this Region.")
    owner = moment.sim.accounts.get((found["account"], found["region"]))
    identity = owner.identities.get(found["name"]) if owner is not None else None
    if identity is not None and not covers(identity, sender):
        raise WireError("BadRequestException", f"The identity ARN does not match the address <{sender[:320]}>.")
    if found["account"] != moment.account.account_id:
        action = "ses:SendRawEmail" if raw else "ses:SendEmail"
        attempt = Attempt(
            service="",
            account=moment.account.account_id,
            principal_arn=moment.caller.arn,
            action=action,
            resource=arn,
            context={"ses:fromaddress": sender, "aws:principalaccount": moment.account.account_id},
        )
        if identity is None or not any(admits(policy, attempt) for policy in identity.policies.values()):
            raise WireError(
                "AccessDeniedException",
                f"User `{moment.caller.arn}' is not authorized to perform `{action}' on resource `{arn}'",
                403,
            )
    return identity if identity is not None and identity.verified else None


def _checked(policy: str) -> str:
    if not well_formed(policy):
        raise WireError("BadRequestException", "The policy is not valid: a JSON object with statements is needed.")
    return policy
