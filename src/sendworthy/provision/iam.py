"""Least-privilege IAM policies for the gateway, the intake of events and the audit. Attaches none to anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from sendworthy.audit.checks import ALL
from sendworthy.audit.evidence import Evidence, Unseen, UnseenKind
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import IamPolicy, Inventory
from sendworthy.provision.step import Call, Step, StepKind, StepStatus, blocked

_VERSION = "2012-10-17"
_MOST_VERSIONS = 5
"""IAM keeps five versions of a policy (IAM User Guide, "Versioning IAM policies")."""


class Part(StrEnum):
    """A part of the program that runs under rights of its own."""

    GATEWAY = "gateway"
    INGEST = "ingest"
    AUDIT = "audit"


GATEWAY_SENDS = ("ses:SendEmail", "ses:SendRawEmail")
"""The gateway sends every message as Raw; SES asks for the second right then, and for the first by the call's name."""
GATEWAY_READS = (
    "ses:GetAccount",
    "ses:GetConfigurationSet",
    "ses:GetEmailIdentity",
    "ses:ListConfigurationSets",
    "ses:ListEmailIdentities",
)
"""The quota, and what applications ask SES through the gateway."""
UPKEEP = (
    "cloudwatch:GetMetricData",
    "ses:DeleteSuppressedDestination",
    "ses:GetSendStatistics",
    "ses:ListSuppressedDestinations",
    "ses:PutSuppressedDestination",
)
"""The suppression list in step, and the daily reconciliation."""
INGEST_QUEUE = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
)
"""Batches of SQS calls are under the rights of the single call. Sending is not among them: an application's queue that
events are forwarded to gives that right in its own policy."""
INGEST_TOPIC = ("sns:ConfirmSubscription",)

AUDIT_BESIDE_CHECKS = ("ses:GetConfigurationSet",)
"""What is read for the checks without one of them naming it."""


def audit_actions() -> tuple[str, ...]:
    """Give every IAM action that the audit's checks need, sorted; whose account it is may be asked without any."""
    named = {need for check in ALL for need in check.needs if _is_action(need)}
    return tuple(sorted({*named, *AUDIT_BESIDE_CHECKS} - {"sts:GetCallerIdentity"}))


def _is_action(need: str) -> bool:
    service, colon, operation = need.partition(":")
    return bool(colon) and service.isascii() and service.islower() and operation[:1].isupper() and operation.isalnum()


def document(part: Part, wishes: Wishes, *, partition: str, account: str) -> dict[str, Any]:
    """Give the policy of one part as a JSON document. `partition` and `account` may be references of a template."""
    where = f"arn:{partition}:ses:{wishes.region}:{account}"
    match part:
        case Part.GATEWAY:
            resources = [f"{where}:identity/{domain}" for domain in wishes.domains or ("*",)]
            resources += [f"{where}:configuration-set/{name}" for name in _names(wishes)]
            return _document(
                ("SendworthySend", GATEWAY_SENDS, resources),
                ("SendworthyRead", GATEWAY_READS, ["*"]),
                ("SendworthyUpkeep", UPKEEP, ["*"]),
            )
        case Part.INGEST:
            return _document(
                ("SendworthyEvents", INGEST_QUEUE, [wishes.queue_arn(partition, account)]),
                ("SendworthyConfirm", INGEST_TOPIC, [wishes.topic_arn(partition, account)]),
            )
        case Part.AUDIT:
            return _document(("SendworthyLook", audit_actions(), ["*"]))


def _names(wishes: Wishes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(wishes.configuration_sets.values()))


def _document(*statements: tuple[str, Sequence[str], Sequence[str]]) -> dict[str, Any]:
    listed = [
        {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
        for sid, actions, resources in statements
    ]
    return {"Version": _VERSION, "Statement": listed}


def policy_name(part: Part, wishes: Wishes) -> str:
    """Give the policy's name. IAM knows no Regions and what is allowed does, so the name carries the Region."""
    return f"sendworthy-{part}-{wishes.region}"


def policy_arn(part: Part, wishes: Wishes, *, partition: str, account: str) -> str:
    """Give the ARN that the policy has, or will have."""
    return f"arn:{partition}:iam::{account}:policy/{policy_name(part, wishes)}"


def policy_steps(evidence: Evidence, wishes: Wishes, inventory: Inventory) -> Iterator[Step]:
    """Give the steps that make the policies, when they are wished for."""
    if not wishes.iam_policies:
        return
    if isinstance(evidence.caller, Unseen):
        yield blocked(StepKind.IAM_POLICY, wishes.region, "IAM policies", evidence.caller)
        return
    caller = evidence.caller.value
    for part in Part:
        arn = policy_arn(part, wishes, partition=caller.partition, account=caller.account_id)
        wanted = document(part, wishes, partition=caller.partition, account=caller.account_id)
        yield _policy(part, wishes, inventory, arn, wanted)


def _policy(part: Part, wishes: Wishes, inventory: Inventory, arn: str, wanted: Mapping[str, Any]) -> Step:
    name = policy_name(part, wishes)
    title = f"IAM policy {name}"
    reading = inventory.policies.get(name)
    if reading is None or isinstance(reading, Unseen):
        unseen = reading or Unseen(kind=UnseenKind.NOT_READ, reason="nobody looked", needs="iam:GetPolicy")
        return blocked(StepKind.IAM_POLICY, name, title, unseen)
    present = reading.value
    text = msgspec.json.encode(wanted).decode()
    step = Step(
        id=f"{StepKind.IAM_POLICY}:{name}",
        kind=StepKind.IAM_POLICY,
        title=title,
        why=f"The {part} needs these rights and no others; attach it to the principal that it runs as.",
        before="does not exist" if present is None else "exists",
        after=f"allows {sum(len(one['Action']) for one in wanted['Statement'])} actions",
        status=StepStatus.DONE,
    )
    if present is None:
        params = {"PolicyName": name, "PolicyDocument": text, "Tags": wishes.tag_list()}
        create = Call(service="iam", operation="CreatePolicy", params=params)
        return msgspec.structs.replace(step, calls=(create,), status=StepStatus.NEEDED, creates=True)
    if _same(present.document, wanted):
        return step
    if not inventory.owns(step.id):
        reason = "A policy of this name exists and is another; it is left alone. Rename or delete it."
        return msgspec.structs.replace(
            step, before="exists, with other rights", status=StepStatus.REFUSED, reason=reason
        )
    return msgspec.structs.replace(
        step,
        before="exists, with other rights",
        calls=_new_version(arn, present, text),
        status=StepStatus.NEEDED,
        creates=True,
    )


def _same(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return bool(msgspec.json.decode(text) == wanted)
    except msgspec.DecodeError:
        return False


def _new_version(arn: str, present: IamPolicy, text: str) -> tuple[Call, ...]:
    params = {"PolicyArn": arn, "PolicyDocument": text, "SetAsDefault": True}
    calls = (Call(service="iam", operation="CreatePolicyVersion", params=params),)
    if len(present.versions) < _MOST_VERSIONS:
        return calls
    oldest = {"PolicyArn": arn, "VersionId": present.versions[-1]}
    return (Call(service="iam", operation="DeletePolicyVersion", params=oldest), *calls)
