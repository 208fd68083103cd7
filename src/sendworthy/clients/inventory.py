"""Reads what fitting out needs beside the audit's evidence. Changes nothing and judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from sendworthy.audit.evidence import Caller, Evidence, Reading, Seen, Subscription, Topic, Unseen, UnseenKind
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.aws import iam_action
from sendworthy.clients.read_aws import AwsCalls, unseen
from sendworthy.errors import ProviderError, Rejected
from sendworthy.provision.alarms import WANTED
from sendworthy.provision.archive import STREAM, feeder_role, writer_role
from sendworthy.provision.iam import Part, policy_arn, policy_name
from sendworthy.provision.inventory import Alarm, Archive, IamPolicy, Inventory, Role
from sendworthy.provision.step import StepKind

T = TypeVar("T")

_ABSENT = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ResourceNotFoundException",
    }
)
_MOST_PAGES = 50
_AT_ONCE = 8


async def read_inventory(
    aws: AwsCalls,
    evidence: Evidence,
    wishes: Wishes,
    *,
    drilled_at: datetime | None = None,
    everything: bool = False,
) -> Inventory:
    """Look at what is wished for in one Region; `everything` looks at all that we may ever have made, and its tags."""
    reader = Reader(aws, wishes.region)
    caller = evidence.caller.value if isinstance(evidence.caller, Seen) else None
    names = tuple(dict.fromkeys(wishes.configuration_sets.values()))
    wants_options = names if wishes.tls_policy == "REQUIRE" else ()
    options = await reader.each(wants_options, reader.delivery_options)
    vdm, alarms, (topic, emails) = await asyncio.gather(
        reader.vdm(wished=wishes.vdm or everything),
        reader.alarms(wished=wishes.alarms or everything),
        reader.alarm_topic(wishes, caller, wished=wishes.alarms or everything),
    )
    policies, archive, owned = await asyncio.gather(
        reader.policies(wishes, caller, wished=wishes.iam_policies or everything),
        reader.archive(wishes, caller),
        reader.owned(wishes, evidence, caller, everything=everything),
    )
    return Inventory(
        vdm=vdm,
        delivery_options=options,
        alarms=alarms,
        alarm_topic=topic,
        alarm_emails=emails,
        policies=policies,
        archive=archive,
        owned=owned,
        drilled_at=drilled_at,
    )


def _not_wished(needs: str) -> Unseen:
    return Unseen(kind=UnseenKind.NOT_READ, reason="it is not wished for", needs=needs)


class Reader:
    """The Get, List and Describe calls in one Region, each as a reading."""

    def __init__(self, aws: AwsCalls, region: str) -> None:
        self._aws = aws
        self._region = region
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def each(self, names: Iterable[str], look: Callable[[str], Awaitable[Reading[T]]]) -> dict[str, Reading[T]]:
        """Look at each name, all at the same time."""
        wanted = tuple(names)
        return dict(zip(wanted, await asyncio.gather(*(look(name) for name in wanted)), strict=True))

    async def call(self, service: str, operation: str, **params: Any) -> Reading[dict[str, Any] | None]:
        """Make one call; what does not exist is Seen(None)."""
        async with self._turns:
            try:
                return Seen(await self._aws.call(service, operation, region=self._region, **params))
            except Rejected as error:
                return Seen(None) if error.code in _ABSENT else unseen(error, service, operation)
            except ProviderError as error:
                return unseen(error, service, operation)

    async def pages(
        self, service: str, operation: str, member: str, size: Mapping[str, int], **params: Any
    ) -> Reading[list[Any]]:
        """Read every page of a list, as far as there are sensibly many."""
        found: list[Any] = []
        token: dict[str, str] = {}
        for _page in range(_MOST_PAGES):
            answer = await self.call(service, operation, **params, **size, **token)
            if isinstance(answer, Unseen):
                return answer
            page = answer.value or {}
            found += page.get(member, ())
            if not page.get("NextToken"):
                return Seen(found)
            token = {"NextToken": page["NextToken"]}
        needs = iam_action(service, operation)
        return Unseen(kind=UnseenKind.NOT_READ, reason=f"{operation} has more than {_MOST_PAGES} pages", needs=needs)

    async def vdm(self, *, wished: bool) -> Reading[bool]:
        """Read whether Virtual Deliverability Manager is on."""
        if not wished:
            return _not_wished("ses:GetAccount")
        answer = await self.call("sesv2", "GetAccount")
        if isinstance(answer, Unseen):
            return answer
        return Seen((answer.value or {}).get("VdmAttributes", {}).get("VdmEnabled") == "ENABLED")

    async def delivery_options(self, name: str) -> Reading[Mapping[str, Any]]:
        """Read a set's delivery options as SES gives them, to be given back whole when one of them is changed."""
        answer = await self.call("sesv2", "GetConfigurationSet", ConfigurationSetName=name)
        if isinstance(answer, Unseen):
            return answer
        return Seen((answer.value or {}).get("DeliveryOptions", {}))

    async def alarms(self, *, wished: bool) -> Reading[tuple[Alarm, ...]]:
        """Read every alarm that is about SES or carries one of our names."""
        if not wished:
            return _not_wished("cloudwatch:DescribeAlarms")
        found = await self.pages(
            "cloudwatch", "DescribeAlarms", "MetricAlarms", {"MaxRecords": 100}, AlarmTypes=["MetricAlarm"]
        )
        if isinstance(found, Unseen):
            return found
        ours = {one.name for one in WANTED}
        listed = [one for one in found.value if one.get("Namespace") == "AWS/SES" or one["AlarmName"] in ours]
        return Seen(tuple(_alarm(one) for one in listed))

    async def alarm_topic(
        self, wishes: Wishes, caller: Caller | None, *, wished: bool
    ) -> tuple[Reading[Topic | None], dict[str, str]]:
        """Read the alarms' topic, and for each wished address whether it is told. Other addresses are not kept."""
        if caller is None or not wished:
            return _not_wished("sns:GetTopicAttributes"), {}
        arn = wishes.alarm_topic_arn(caller.partition, caller.account_id)
        answer = await self.call("sns", "GetTopicAttributes", TopicArn=arn)
        if isinstance(answer, Unseen):
            return answer, {}
        if answer.value is None:
            return Seen(None), {}
        listed = await self.pages("sns", "ListSubscriptionsByTopic", "Subscriptions", {}, TopicArn=arn)
        emails: dict[str, str] = {}
        subscriptions: Reading[tuple[Subscription, ...]]
        if isinstance(listed, Unseen):
            subscriptions = listed
        else:
            subscriptions = Seen(tuple(_subscription(one) for one in listed.value))
            by_mail = {one["Endpoint"]: one for one in listed.value if one.get("Protocol") == "email"}
            for email in wishes.alarm_emails:
                if email in by_mail:
                    confirmed = by_mail[email].get("SubscriptionArn", "").startswith("arn:")
                    emails[email] = "confirmed" if confirmed else "pending"
        attributes = answer.value.get("Attributes", {})
        version = attributes.get("SignatureVersion", "1")
        policy = attributes.get("Policy", "")
        return Seen(Topic(arn=arn, policy=policy, signature_version=version, subscriptions=subscriptions)), emails

    async def policies(
        self, wishes: Wishes, caller: Caller | None, *, wished: bool
    ) -> dict[str, Reading[IamPolicy | None]]:
        """Read our managed policies with their default documents."""
        if caller is None or not wished:
            return {}
        arns = {
            policy_name(part, wishes): policy_arn(part, wishes, partition=caller.partition, account=caller.account_id)
            for part in Part
        }
        return await self.each(arns, lambda name: self._policy(arns[name]))

    async def _policy(self, arn: str) -> Reading[IamPolicy | None]:
        found = await self.call("iam", "GetPolicy", PolicyArn=arn)
        if isinstance(found, Unseen) or found.value is None:
            return found if isinstance(found, Unseen) else Seen(None)
        version = found.value["Policy"]["DefaultVersionId"]
        answer, listed = await asyncio.gather(
            self.call("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version),
            self.call("iam", "ListPolicyVersions", PolicyArn=arn),
        )
        if isinstance(answer, Unseen):
            return answer
        if isinstance(listed, Unseen):
            return listed
        text = _json((answer.value or {}).get("PolicyVersion", {}).get("Document", {}))
        others = [one["VersionId"] for one in (listed.value or {}).get("Versions", ())]
        newest = sorted(others, key=lambda word: int(word.removeprefix("v")), reverse=True)
        return Seen(
            IamPolicy(
                arn=arn,
                document=text,
                attachments=int(found.value["Policy"].get("AttachmentCount", 0)),
                versions=(version, *(one for one in newest if one != version)),
            )
        )

    async def archive(self, wishes: Wishes, caller: Caller | None) -> Archive | None:
        """Read the bucket, the roles and the stream of the archive; None when none is wished for."""
        if caller is None or not wishes.archive_bucket:
            return None
        bucket, roles, stream = await asyncio.gather(
            self.call("s3", "HeadBucket", Bucket=wishes.archive_bucket, ExpectedBucketOwner=caller.account_id),
            self.each((writer_role(wishes), feeder_role(wishes)), self._role),
            self.call("firehose", "DescribeDeliveryStream", DeliveryStreamName=STREAM),
        )
        status: Reading[str | None]
        if isinstance(stream, Unseen):
            status = stream
        else:
            described = (stream.value or {}).get("DeliveryStreamDescription", {})
            status = Seen(described.get("DeliveryStreamStatus"))
        return Archive(
            bucket=bucket if isinstance(bucket, Unseen) else Seen(bucket.value is not None), roles=roles, stream=status
        )

    async def _role(self, name: str) -> Reading[Role | None]:
        found = await self.call("iam", "GetRole", RoleName=name)
        if isinstance(found, Unseen) or found.value is None:
            return found if isinstance(found, Unseen) else Seen(None)
        listed = await self.call("iam", "ListRolePolicies", RoleName=name)
        if isinstance(listed, Unseen):
            return listed
        role = found.value["Role"]
        names = (listed.value or {}).get("PolicyNames", ())
        trust = _json(role.get("AssumeRolePolicyDocument", {}))
        return Seen(Role(arn=role["Arn"], trust=trust, policies=dict.fromkeys(names, "")))

    async def owned(
        self, wishes: Wishes, evidence: Evidence, caller: Caller | None, *, everything: bool
    ) -> frozenset[str]:
        """Give the steps whose things carry our tag. A tag that cannot be read makes nothing ours."""
        looks: dict[str, Callable[[], Awaitable[Reading[dict[str, Any] | None]]]] = {}
        for domain in wishes.domains:
            if isinstance(evidence.identity(wishes.region, domain), Seen):
                looks[f"{StepKind.IDENTITY}:{domain}"] = _later(
                    self.call, "sesv2", "GetEmailIdentity", EmailIdentity=domain
                )
        if caller is not None and wishes.alarms:
            for one in WANTED:
                arn = f"arn:{caller.partition}:cloudwatch:{wishes.region}:{caller.account_id}:alarm:{one.name}"
                looks[f"{StepKind.ALARM}:{one.name}"] = _later(
                    self.call, "cloudwatch", "ListTagsForResource", ResourceARN=arn
                )
        if caller is not None and (wishes.iam_policies or everything):
            for part in Part:
                arn = policy_arn(part, wishes, partition=caller.partition, account=caller.account_id)
                looks[f"{StepKind.IAM_POLICY}:{policy_name(part, wishes)}"] = _later(
                    self.call, "iam", "ListPolicyTags", PolicyArn=arn
                )
        if everything:
            looks |= self._tag_looks(wishes, evidence, caller)
        answers = await asyncio.gather(*(look() for look in looks.values()))
        return frozenset(
            step_id
            for step_id, answer in zip(looks, answers, strict=True)
            if isinstance(answer, Seen) and answer.value and _is_ours(answer.value, wishes)
        )

    def _tag_looks(
        self, wishes: Wishes, evidence: Evidence, caller: Caller | None
    ) -> dict[str, Callable[[], Awaitable[Reading[dict[str, Any] | None]]]]:
        looks: dict[str, Callable[[], Awaitable[Reading[dict[str, Any] | None]]]] = {}
        for name in dict.fromkeys(wishes.configuration_sets.values()):
            looks[f"{StepKind.CONFIGURATION_SET}:{name}"] = _later(
                self.call, "sesv2", "GetConfigurationSet", ConfigurationSetName=name
            )
        if caller is None:
            return looks
        whose = (caller.partition, caller.account_id)
        for kind, name, arn in (
            (StepKind.TOPIC, wishes.topic, wishes.topic_arn(*whose)),
            (StepKind.ALARM_TOPIC, wishes.alarm_topic, wishes.alarm_topic_arn(*whose)),
        ):
            looks[f"{kind}:{name}"] = _later(self.call, "sns", "ListTagsForResource", ResourceArn=arn)
        for kind, name, arn in (
            (StepKind.QUEUE, wishes.queue, wishes.queue_arn(*whose)),
            (StepKind.DEAD_LETTER_QUEUE, wishes.dead_letter_queue, wishes.dead_letter_queue_arn(*whose)),
        ):
            queue = evidence.queue(wishes.region, arn)
            if isinstance(queue, Seen) and queue.value:
                looks[f"{kind}:{name}"] = _later(self.call, "sqs", "ListQueueTags", QueueUrl=queue.value.url)
        return looks


def _later(
    call: Callable[..., Awaitable[Reading[dict[str, Any] | None]]], service: str, operation: str, **params: Any
) -> Callable[[], Awaitable[Reading[dict[str, Any] | None]]]:
    return lambda: call(service, operation, **params)


def _is_ours(answer: Mapping[str, Any], wishes: Wishes) -> bool:
    """Say whether the tags of any service's answer are ours: each has a form of its own."""
    listed = answer.get("Tags") or answer.get("TagList") or {}
    tags = listed if isinstance(listed, dict) else {one.get("Key"): one.get("Value") for one in listed}
    return bool(wishes.tags) and all(tags.get(key) == value for key, value in wishes.tags.items())


def _json(document: object) -> str:
    """Give a policy document as text: botocore decodes some of them, and leaves others percent-encoded."""
    if isinstance(document, str):
        return unquote(document)
    return msgspec.json.encode(document).decode()


def _subscription(listed: Mapping[str, str]) -> Subscription:
    arn, protocol = listed.get("SubscriptionArn", ""), listed.get("Protocol", "")
    endpoint = listed.get("Endpoint", "") if protocol in ("sqs", "lambda") else ""
    return Subscription(arn=arn, protocol=protocol, endpoint=endpoint, confirmed=arn.startswith("arn:"))


def _alarm(answer: Mapping[str, Any]) -> Alarm:
    metrics = answer.get("Metrics", ())
    return Alarm(
        name=answer["AlarmName"],
        arn=answer.get("AlarmArn", ""),
        namespace=answer.get("Namespace", ""),
        metric=answer.get("MetricName", ""),
        dimensions={one["Name"]: one["Value"] for one in answer.get("Dimensions", ())},
        expression=next((one["Expression"] for one in metrics if one.get("Expression")), ""),
        statistic=answer.get("Statistic", ""),
        period_seconds=int(answer.get("Period", 0) or 0),
        comparison=answer.get("ComparisonOperator", ""),
        threshold=float(answer.get("Threshold", 0.0) or 0.0),
        missing_data=answer.get("TreatMissingData", ""),
        actions_enabled=bool(answer.get("ActionsEnabled", True)),
        actions=tuple(answer.get("AlarmActions", ())),
    )
