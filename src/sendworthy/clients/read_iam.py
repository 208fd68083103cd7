"""Reads who in the account may send mail, from IAM's own list of users and roles. Only Get and List calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from sendworthy.audit.evidence import Reading, Seen, Unseen, UnseenKind
from sendworthy.audit.principals import AccessKey, Grant, Iam, Principal
from sendworthy.clients.read_aws import AwsCalls, unseen
from sendworthy.errors import ProviderError

_MAX_PAGES = 50
_SENDS = ("ses:sendemail", "ses:sendrawemail", "ses:sendbulkemail", "ses:sendtemplatedemail")
_SENDING_POLICIES = frozenset({"AdministratorAccess", "PowerUserAccess", "AmazonSESFullAccess"})
"""AWS's own policies that let one send; their texts are not asked for."""


async def read_iam(aws: AwsCalls) -> Reading[Iam]:
    """Read the users and roles that may send, their Allow statements for SES, and the keys of the users."""
    listed = await _details(aws)
    if isinstance(listed, Unseen):
        return listed
    documents = {str(one.get("Arn", "")): _default_version(one) for one in listed["Policies"]}
    groups = {str(one.get("GroupName", "")): one for one in listed["GroupDetailList"]}
    users = [_principal(one, documents, groups, is_user=True) for one in listed["UserDetailList"]]
    roles = [_principal(one, documents, groups, is_user=False) for one in listed["RoleDetailList"]]
    senders = [one for one in (*users, *roles) if one is not None]
    return Seen(Iam(senders=tuple(await asyncio.gather(*(_with_keys(aws, one) for one in senders)))))


async def _details(aws: AwsCalls) -> dict[str, list[Mapping[str, Any]]] | Unseen:
    found: dict[str, list[Mapping[str, Any]]] = {
        "UserDetailList": [],
        "RoleDetailList": [],
        "GroupDetailList": [],
        "Policies": [],
    }
    marker: dict[str, Any] = {}
    wanted = ["User", "Role", "Group", "LocalManagedPolicy"]
    for _page in range(_MAX_PAGES):
        try:
            answer = await aws.call("iam", "GetAccountAuthorizationDetails", Filter=wanted, MaxItems=1000, **marker)
        except ProviderError as error:
            return unseen(error, "iam", "GetAccountAuthorizationDetails")
        for key in found:
            found[key] += answer.get(key, ())
        if not answer.get("IsTruncated"):
            return found
        marker = {"Marker": str(answer["Marker"])}
    action = "iam:GetAccountAuthorizationDetails"
    return Unseen(kind=UnseenKind.ERROR, reason=f"{action} has more than {_MAX_PAGES} pages", needs=action)


def _default_version(policy: Mapping[str, Any]) -> object:
    versions = policy.get("PolicyVersionList", ())
    return next((one.get("Document") for one in versions if one.get("IsDefaultVersion")), None)


def _principal(
    listed: Mapping[str, Any],
    documents: Mapping[str, object],
    groups: Mapping[str, Mapping[str, Any]],
    *,
    is_user: bool,
) -> Principal | None:
    """Give a principal that may send, with what it may do in SES; None for all others."""
    kind = "User" if is_user else "Role"
    holders = [(listed, f"{kind}PolicyList")]
    holders += [(groups[name], "GroupPolicyList") for name in listed.get("GroupList", ()) if name in groups]
    grants: list[Grant] = []
    managed: list[str] = []
    for holder, inline in holders:
        for policy in holder.get(inline, ()):
            grants += _grants(str(policy.get("PolicyName", "")), policy.get("PolicyDocument"))
        for attached in holder.get("AttachedManagedPolicies", ()):
            arn, name = str(attached.get("PolicyArn", "")), str(attached.get("PolicyName", ""))
            if arn in documents:
                grants += _grants(name, documents[arn])
            else:
                managed.append(name)
    sends = any(fnmatchcase(action, one.lower()) for grant in grants for one in grant.actions for action in _SENDS)
    if not sends and _SENDING_POLICIES.isdisjoint(managed):
        return None
    return Principal(
        arn=str(listed.get("Arn", "")),
        name=str(listed.get(f"{kind}Name", "")),
        is_user=is_user,
        grants=tuple(grants),
        managed=tuple(managed),
    )


def _grants(policy: str, document: object) -> Iterator[Grant]:
    """Give the Allow statements of a policy in which SES may be meant."""
    if isinstance(document, str):
        try:
            document = json.loads(unquote(document))
        except ValueError:
            return
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    for one in statements if isinstance(statements, list) else [statements]:
        if not isinstance(one, dict) or one.get("Effect") != "Allow":
            continue
        actions = tuple(action for action in _texts(one.get("Action")) if action == "*" or action.lower()[:4] == "ses:")
        if actions:
            conditions = one.get("Condition") or {}
            keys = sorted({str(key).lower() for under in conditions.values() for key in under})
            yield Grant(actions=actions, resources=_texts(one.get("Resource")), conditions=tuple(keys), policy=policy)


def _texts(value: object) -> tuple[str, ...]:
    values: Iterable[object] = value if isinstance(value, list) else (value,)
    return tuple(one for one in values if isinstance(one, str))


async def _with_keys(aws: AwsCalls, principal: Principal) -> Principal:
    keys: Reading[tuple[AccessKey, ...]] = Seen(())
    if principal.is_user:
        try:
            answer = await aws.call("iam", "ListAccessKeys", UserName=principal.name)
            keys = Seen(tuple(_key(one) for one in answer.get("AccessKeyMetadata", ())))
        except ProviderError as error:
            keys = unseen(error, "iam", "ListAccessKeys")
    return Principal(
        arn=principal.arn,
        name=principal.name,
        is_user=principal.is_user,
        grants=principal.grants,
        managed=principal.managed,
        keys=keys,
    )


def _key(listed: Mapping[str, Any]) -> AccessKey:
    created: datetime = listed["CreateDate"]
    return AccessKey(
        ending=str(listed.get("AccessKeyId", ""))[-4:],
        active=listed.get("Status") == "Active",
        created_at=created if created.tzinfo else created.replace(tzinfo=UTC),
    )
