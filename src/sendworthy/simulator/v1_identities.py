"""SES v1's identities: verification by TXT, DKIM, topics, MAIL FROM, policies. The rules are those of v2."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from sendworthy.simulator.paging import page
from sendworthy.simulator.policy import Attempt, admits
from sendworthy.simulator.ses_identities import identity_name
from sendworthy.simulator.sns import deliver
from sendworthy.simulator.state import Identity, Moment
from sendworthy.simulator.v1_state import DomainToken
from sendworthy.simulator.v1_words import V2, error_of, status_of, told
from sendworthy.wire.errors import WireError

_KINDS = ("Bounce", "Complaint", "Delivery")
_BEHAVIOR = {"UseDefaultValue": "USE_DEFAULT_VALUE", "RejectMessage": "REJECT_MESSAGE"}
_OLD_BEHAVIOR = {new: old for old, new in _BEHAVIOR.items()}


def verify_domain_identity(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """VerifyDomainIdentity: a token for a TXT record at `_amazonses.<domain>`; asked again, the same one."""
    name = _domain(params["Domain"])
    identity = moment.account.identities.get(name)
    if identity is None:
        _created(v2, moment, name)
        identity = moment.account.identities[name]
        # v1 starts no DKIM by itself: VerifyDomainDkim does [M].
        identity.dkim = None
    if identity.token is None:
        secret = f"{moment.account.account_id}/{moment.account.region}/{name}/{moment.sim.new_id()}"
        value = base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()
        identity.token = DomainToken(value=value, started_at=moment.now)
        if not identity.verified:
            identity.status, identity.error_type = "PENDING", ""
    elif identity.token.status == "FAILED":
        identity.token.status, identity.token.started_at, identity.token.missed_since = "PENDING", moment.now, None
        if identity.status == "FAILED":
            identity.status, identity.error_type = "PENDING", ""
    return {"VerificationToken": identity.token.value}


def verify_domain_dkim(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """VerifyDomainDkim: three tokens for CNAMEs; a domain that is no identity yet becomes one."""
    name = _domain(params["Domain"])
    identity = moment.account.identities.get(name)
    if identity is None:
        _created(v2, moment, name)
        identity = moment.account.identities[name]
    elif identity.dkim is None or identity.dkim.status == "FAILED":
        shaken = identity.status
        told(
            v2["PutEmailIdentityDkimSigningAttributes"],
            moment,
            {"EmailIdentity": name, "SigningAttributesOrigin": "AWS_SES"},
        )
        # A domain that its TXT record verified stays so while its DKIM is looked for.
        if identity.token is not None and identity.token.status in {"SUCCESS", "TEMPORARY_FAILURE"}:
            identity.status = shaken
    return {"DkimTokens": list(identity.dkim.tokens) if identity.dkim is not None else []}


def verify_email_identity(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """VerifyEmailIdentity and VerifyEmailAddress: the confirmation mail goes out, again for one that waits."""
    address = str(params["EmailAddress"])
    if "@" not in address:
        raise WireError("InvalidParameterValue", f"Invalid email address<{address[:320]}>.")
    name = _name(address)
    if name not in moment.account.identities:
        _created(v2, moment, name)
    return {}


def delete_identity(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteIdentity and DeleteVerifiedEmailAddress: what is not there is no error."""
    name = _name(params["Identity"] if "Identity" in params else params["EmailAddress"])
    if name in moment.account.identities:
        told(v2["DeleteEmailIdentity"], moment, {"EmailIdentity": name})
    return {}


def list_identities(_v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListIdentities: names, of one kind where it is given."""
    kind = params.get("IdentityType")
    found = [
        each.name for each in moment.account.identities.values() if kind is None or each.is_domain is (kind == "Domain")
    ]
    try:
        names, token = page(sorted(found), {"PageSize": params.get("MaxItems"), "NextToken": params.get("NextToken")})
    except WireError as error:
        raise error_of(error) from None
    return {"Identities": names} | token


def list_verified_email_addresses(_v2: V2, moment: Moment, _params: dict[str, Any]) -> dict[str, Any]:
    """ListVerifiedEmailAddresses (deprecated [M])."""
    found = (each for each in moment.account.identities.values() if not each.is_domain and each.verified)
    return {"VerifiedEmailAddresses": sorted(each.name for each in found)}


def get_identity_verification_attributes(_v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetIdentityVerificationAttributes; what is no identity is left out."""

    def shown(identity: Identity) -> dict[str, Any]:
        found = {"VerificationStatus": status_of(identity.status)}
        if identity.token is not None:
            found["VerificationToken"] = identity.token.value
        return found

    return {"VerificationAttributes": _of_each(moment, params, shown)}


def get_identity_dkim_attributes(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetIdentityDkimAttributes; an address shows what it has from its domain."""

    def shown(identity: Identity) -> dict[str, Any]:
        dkim = v2["GetEmailIdentity"](moment, {"EmailIdentity": identity.name})["DkimAttributes"]
        found = {"DkimEnabled": dkim["SigningEnabled"], "DkimVerificationStatus": status_of(dkim["Status"])}
        if dkim.get("Tokens"):
            found["DkimTokens"] = dkim["Tokens"]
        return found

    return {"DkimAttributes": _of_each(moment, params, shown)}


def set_identity_dkim_enabled(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetIdentityDkimEnabled."""
    identity = _identity(moment, params)
    if identity.is_domain and identity.dkim is None and params["DkimEnabled"]:
        raise WireError("InvalidParameterValue", f"Domain {identity.name} is not verified for DKIM signing.")
    if identity.is_domain and identity.dkim is None:
        return {}
    given = {"EmailIdentity": identity.name, "SigningEnabled": params["DkimEnabled"]}
    return told(v2["PutEmailIdentityDkimAttributes"], moment, given)


def set_identity_mail_from_domain(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetIdentityMailFromDomain; none given takes it away."""
    given = {"EmailIdentity": _identity(moment, params).name, "MailFromDomain": params.get("MailFromDomain") or ""}
    if params.get("BehaviorOnMXFailure"):
        given["BehaviorOnMxFailure"] = _BEHAVIOR[params["BehaviorOnMXFailure"]]
    return told(v2["PutEmailIdentityMailFromAttributes"], moment, given)


def get_identity_mail_from_domain_attributes(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetIdentityMailFromDomainAttributes; identities without a MAIL FROM of their own are left out."""

    def shown(identity: Identity) -> dict[str, Any] | None:
        found = v2["GetEmailIdentity"](moment, {"EmailIdentity": identity.name}).get("MailFromAttributes")
        if not found:
            return None
        return {
            "MailFromDomain": found["MailFromDomain"],
            "MailFromDomainStatus": status_of(found["MailFromDomainStatus"]),
            "BehaviorOnMXFailure": _OLD_BEHAVIOR[found["BehaviorOnMxFailure"]],
        }

    return {"MailFromDomainAttributes": _of_each(moment, params, shown)}


def set_identity_feedback_forwarding_enabled(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetIdentityFeedbackForwardingEnabled: off only once bounces and complaints have topics [M]."""
    identity = _identity(moment, params)
    if not params["ForwardingEnabled"] and not {"Bounce", "Complaint"} <= identity.notifications.topics.keys():
        raise WireError(
            "InvalidParameterValue",
            f"Identity {identity.name} does not have topics for both bounce and complaint notifications, so its "
            "feedback forwarding cannot be disabled.",
        )
    given = {"EmailIdentity": identity.name, "EmailForwardingEnabled": params["ForwardingEnabled"]}
    return told(v2["PutEmailIdentityFeedbackAttributes"], moment, given)


def set_identity_notification_topic(_v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetIdentityNotificationTopic: the topic is told that it was chosen [C]; none given takes it away."""
    identity, kind, arn = _identity(moment, params), params["NotificationType"], params.get("SnsTopic") or ""
    if not arn:
        identity.notifications.topics.pop(kind, None)
        return {}
    topic = moment.sim.topics.get(arn)
    account, region = moment.account.account_id, moment.account.region
    attempt = Attempt(
        service="ses.amazonaws.com",
        action="SNS:Publish",
        resource=arn,
        context={
            "aws:sourceaccount": account,
            "aws:sourcearn": f"arn:aws:ses:{region}:{account}:identity/{identity.name}",
        },
    )
    if topic is None or not admits(topic.attributes.get("Policy", ""), attempt):
        # That SES tries the topic at once is known; its words for a refusal are not.
        raise WireError("InvalidParameterValue", f"Invalid SNS topic: {arn[:256]}")
    identity.notifications.topics[kind] = arn
    told = {
        "notificationType": "AmazonSnsSubscriptionSucceeded",
        "message": f"You have successfully subscribed your Amazon SNS topic '{arn}' to receive '{kind}' notifications "
        f"from Amazon SES for identity '{identity.name}'.",
    }
    deliver(
        moment.sim,
        topic,
        json.dumps(told, separators=(",", ":")) + "\n",
        subject="",
        at=moment.now,
        now=moment.queue_now,
    )
    return {}


def set_identity_headers_in_notifications_enabled(_v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetIdentityHeadersInNotificationsEnabled, for one kind of notification."""
    headers = _identity(moment, params).notifications.headers
    (headers.add if params["Enabled"] else headers.discard)(params["NotificationType"])
    return {}


def get_identity_notification_attributes(_v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetIdentityNotificationAttributes. A topic that is not set is empty, since the model requires it [M]."""

    def shown(identity: Identity) -> dict[str, Any]:
        own = identity.notifications
        found: dict[str, Any] = {f"{kind}Topic": own.topics.get(kind, "") for kind in _KINDS}
        found["ForwardingEnabled"] = identity.feedback_forwarding
        for kind in _KINDS:
            found[f"HeadersIn{kind}NotificationsEnabled"] = kind in own.headers
        return found

    return {"NotificationAttributes": _of_each(moment, params, shown)}


def put_identity_policy(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PutIdentityPolicy: writes a policy, over one of the same name."""
    name, policy = _identity(moment, params).name, params["PolicyName"]
    known = _policies(v2, moment, name)
    operation = "UpdateEmailIdentityPolicy" if policy in known else "CreateEmailIdentityPolicy"
    given = {"EmailIdentity": name, "PolicyName": policy, "Policy": params["Policy"]}
    return told(v2[operation], moment, given, {"BadRequestException": "InvalidPolicyException"})


def delete_identity_policy(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteIdentityPolicy: what is not there is no error."""
    name = _identity(moment, params).name
    if params["PolicyName"] in _policies(v2, moment, name):
        given = {"EmailIdentity": name, "PolicyName": params["PolicyName"]}
        told(v2["DeleteEmailIdentityPolicy"], moment, given)
    return {}


def list_identity_policies(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListIdentityPolicies."""
    return {"PolicyNames": sorted(_policies(v2, moment, _identity(moment, params).name))}


def get_identity_policies(v2: V2, moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetIdentityPolicies: the named ones that are there, at most twenty names a call [M]."""
    if len(params["PolicyNames"]) > 20:
        raise WireError("InvalidParameterValue", "At most 20 policies may be asked for at a time.")
    known = _policies(v2, moment, _identity(moment, params).name)
    return {"Policies": {name: known[name] for name in params["PolicyNames"] if name in known}}


def _policies(v2: V2, moment: Moment, name: str) -> dict[str, str]:
    found = told(v2["GetEmailIdentityPolicies"], moment, {"EmailIdentity": name})
    policies: dict[str, str] = found.get("Policies") or {}
    return policies


def _created(v2: V2, moment: Moment, name: str) -> None:
    told(v2["CreateEmailIdentity"], moment, {"EmailIdentity": name})


def _of_each(
    moment: Moment, params: dict[str, Any], shown: Callable[[Identity], dict[str, Any] | None]
) -> dict[str, Any]:
    """Return what to show of each identity asked for, by the name it was given; at most a hundred a call [M]."""
    if len(params["Identities"]) > 100:
        raise WireError("InvalidParameterValue", "At most 100 identities may be asked for at a time.")
    found: dict[str, Any] = {}
    for given in params["Identities"]:
        identity = moment.account.identities.get(_name(given))
        entry = shown(identity) if identity is not None else None
        if entry is not None:
            found[given] = entry
    return found


def _identity(moment: Moment, params: dict[str, Any]) -> Identity:
    found = moment.account.identities.get(_name(params["Identity"]))
    if found is None:
        raise WireError("InvalidParameterValue", f"Identity {str(params['Identity'])[:320]} does not exist.")
    return found


def _domain(given: str) -> str:
    if "@" in given:
        raise WireError("InvalidParameterValue", f"Invalid domain name {given[:320]}.")
    return _name(given)


def _name(given: str) -> str:
    try:
        return identity_name(given)
    except WireError as error:
        raise error_of(error) from None
