"""Reads one Region of an AWS account as readings: SES, and the topics and queues that its events go through.

Only Get and List calls; judges nothing. A thing that does not exist is Seen(None), a look that failed is Unseen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from sendworthy.audit.evidence import (
    Account,
    Caller,
    ConfigurationSet,
    Dkim,
    EventDestination,
    Identity,
    Queue,
    Reading,
    RegionEvidence,
    Seen,
    Subscription,
    Topic,
    Unseen,
    UnseenKind,
)
from sendworthy.audit.reading import CREDENTIALS
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.aws import iam_action, knows_nobody
from sendworthy.errors import Denied, ProviderError, Rejected, Throttled, Unavailable, Uncertain

T = TypeVar("T")

_ABSENT = frozenset(
    {
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)
_MAX_PAGES = 50


class AwsCalls(Protocol):
    """What reading and changing need of AWS; `clients.aws.Aws` is one."""

    async def call(
        self, service: str, operation: str, /, *, region: str | None = None, timeout_seconds: float = 20, **params: Any
    ) -> dict[str, Any]:
        """Make one call; raises the ProviderError family, and ConfigError over the settings of this machine."""


class Within(Protocol):
    """Bounds a look by the time budget; `needs` names the look in the reading of one that took too long."""

    async def __call__(self, look: Callable[[], Awaitable[Reading[T]]], needs: str) -> Reading[T]:
        """Look, unless and until the time is up."""


def unseen(error: ProviderError, service: str, operation: str) -> Unseen:
    """Turn an error of a look into a reading that names the IAM action it needs."""
    needs = iam_action(service, operation)
    match error:
        case Denied() if knows_nobody(error):
            return Unseen(kind=UnseenKind.DENIED, reason=f"{error.happened} {error.to_do}", needs=CREDENTIALS)
        case Denied():
            return Unseen(kind=UnseenKind.DENIED, reason=error.happened, needs=error.action or needs)
        case Throttled():
            return Unseen(kind=UnseenKind.THROTTLED, reason=error.happened, needs=needs)
        case Uncertain(code="Timeout"):
            return Unseen(kind=UnseenKind.TIMEOUT, reason=error.happened, needs=needs)
        case Unavailable() | Uncertain():
            return Unseen(kind=UnseenKind.UNREACHABLE, reason=error.happened, needs=needs)
        case _:
            return Unseen(kind=UnseenKind.ERROR, reason=error.happened, needs=needs)


async def read_caller(aws: AwsCalls) -> Reading[Caller]:
    """Ask STS whose credentials these are."""
    try:
        answer = await aws.call("sts", "GetCallerIdentity")
    except ProviderError as error:
        return unseen(error, "sts", "GetCallerIdentity")
    return Seen(Caller(account_id=str(answer["Account"]), arn=str(answer["Arn"])))


async def read_region(
    aws: AwsCalls,
    within: Within,
    *,
    region: str,
    domains: Sequence[str],
    wishes: Wishes | None,
    caller: asyncio.Future[Reading[Caller]],
) -> RegionEvidence:
    """Read what the checks and the plan want to know of `region`.

    Configuration sets are those that the identities use and those wished for; topics those that their destinations
    name and the one wished for; queues those that subscribe and those wished for. `caller` says which account it is.
    """
    reader = _Reader(aws, within, region)
    account, identities = await asyncio.gather(
        within(reader.account, "ses:GetAccount"), reader.each(domains, reader.identity, "ses:GetEmailIdentity")
    )
    names = [one.value.configuration_set for one in identities.values() if isinstance(one, Seen) and one.value]
    names += wishes.configuration_sets.values() if wishes else ()
    sets = await reader.each(names, reader.configuration_set, "ses:GetConfigurationSet")
    who = await caller
    topics, queues = _wished_arns(wishes, who.value) if wishes and isinstance(who, Seen) else ((), ())
    topic_arns = [one.target for one in _destinations(sets.values()) if one.kind == "sns"]
    found_topics = await reader.each((*topic_arns, *topics), reader.topic, "sns:GetTopicAttributes")
    queue_arns = [one.endpoint for one in _subscriptions(found_topics.values()) if one.protocol == "sqs"]
    found_queues = await reader.each((*queue_arns, *queues), reader.queue, "sqs:GetQueueAttributes")
    behind = [arn for arn in _dead_letter_arns(found_queues.values()) if arn not in found_queues]
    found_queues |= await reader.each(behind, reader.queue, "sqs:GetQueueAttributes")
    return RegionEvidence(
        account=account, identities=identities, configuration_sets=sets, topics=found_topics, queues=found_queues
    )


async def read_topics(
    aws: AwsCalls, within: Within, *, region: str, arns: Iterable[str]
) -> dict[str, Reading[Topic | None]]:
    """Read topics of one Region by their ARNs, with their subscriptions."""
    reader = _Reader(aws, within, region)
    own = [arn for arn in arns if arn.split(":")[3:4] == [region]]
    return await reader.each(own, reader.topic, "sns:GetTopicAttributes")


def _dead_letter_arns(queues: Iterable[Reading[Queue | None]]) -> Iterator[str]:
    for reading in queues:
        if isinstance(reading, Seen) and reading.value and reading.value.redrive_policy:
            try:
                arn = json.loads(reading.value.redrive_policy).get("deadLetterTargetArn")
            except (ValueError, AttributeError):
                continue
            if isinstance(arn, str):
                yield arn


def _wished_arns(wishes: Wishes, caller: Caller) -> tuple[tuple[str, ...], tuple[str, ...]]:
    whose = (caller.partition, caller.account_id)
    return (wishes.topic_arn(*whose),), (wishes.queue_arn(*whose), wishes.dead_letter_queue_arn(*whose))


def _destinations(sets: Iterable[Reading[ConfigurationSet | None]]) -> Iterator[EventDestination]:
    for reading in sets:
        if isinstance(reading, Seen) and reading.value and isinstance(reading.value.destinations, Seen):
            yield from reading.value.destinations.value


def _subscriptions(topics: Iterable[Reading[Topic | None]]) -> Iterator[Subscription]:
    for reading in topics:
        if isinstance(reading, Seen) and reading.value and isinstance(reading.value.subscriptions, Seen):
            yield from reading.value.subscriptions.value


class _Reader:
    """The Get and List calls in one Region, each as a reading."""

    def __init__(self, aws: AwsCalls, within: Within, region: str) -> None:
        self._aws = aws
        self._within = within
        self._region = region

    async def each(
        self, names: Iterable[str], look: Callable[[str], Awaitable[Reading[T]]], needs: str
    ) -> dict[str, Reading[T]]:
        """Look at each name once, all at the same time."""
        wanted = tuple(dict.fromkeys(name for name in names if name))

        async def bounded(name: str) -> Reading[T]:
            return await self._within(lambda: look(name), needs)

        return dict(zip(wanted, await asyncio.gather(*(bounded(name) for name in wanted)), strict=True))

    async def _call(self, service: str, operation: str, **params: Any) -> Reading[dict[str, Any] | None]:
        try:
            return Seen(await self._aws.call(service, operation, region=self._region, **params))
        except Rejected as error:
            return Seen(None) if error.code in _ABSENT else unseen(error, service, operation)
        except ProviderError as error:
            return unseen(error, service, operation)

    async def account(self) -> Reading[Account]:
        """Read GetAccount."""
        answer = await self._call("sesv2", "GetAccount")
        if isinstance(answer, Unseen) or answer.value is None:
            return answer if isinstance(answer, Unseen) else _nothing("ses:GetAccount")
        quota = answer.value.get("SendQuota", {})
        details = answer.value.get("Details", {})
        review = details.get("ReviewDetails", {})
        return Seen(
            Account(
                production_access=bool(answer.value.get("ProductionAccessEnabled")),
                sending_enabled=bool(answer.value.get("SendingEnabled")),
                enforcement_status=answer.value.get("EnforcementStatus", ""),
                max_24_hour_send=float(quota.get("Max24HourSend", 0)),
                max_send_rate=float(quota.get("MaxSendRate", 0)),
                sent_last_24_hours=float(quota.get("SentLast24Hours", 0)),
                suppressed_reasons=tuple(answer.value.get("SuppressionAttributes", {}).get("SuppressedReasons", ())),
                mail_type=details.get("MailType", ""),
                website_url=details.get("WebsiteURL", ""),
                review_status=review.get("Status", ""),
                review_case_id=review.get("CaseId", ""),
                vdm_enabled=_on(answer.value.get("VdmAttributes", {}).get("VdmEnabled")),
                plan=answer.value.get("PricingAttributes", {}).get("CurrentPlan", ""),
                next_plan=answer.value.get("PricingAttributes", {}).get("NextPlan", ""),
            )
        )

    async def identity(self, name: str) -> Reading[Identity | None]:
        """Read GetEmailIdentity."""
        answer = await self._call("sesv2", "GetEmailIdentity", EmailIdentity=name)
        if isinstance(answer, Unseen) or answer.value is None:
            return answer if isinstance(answer, Unseen) else Seen(None)
        found = answer.value
        dkim = found.get("DkimAttributes", {})
        mail_from = found.get("MailFromAttributes", {})
        return Seen(
            Identity(
                name=name,
                type=found.get("IdentityType", ""),
                verified_for_sending=bool(found.get("VerifiedForSendingStatus")),
                verification_status=found.get("VerificationStatus", ""),
                verification_error=found.get("VerificationInfo", {}).get("ErrorType", ""),
                dkim=Dkim(
                    status=dkim.get("Status", ""),
                    signing_enabled=bool(dkim.get("SigningEnabled")),
                    tokens=tuple(dkim.get("Tokens", ())),
                    hosted_zone=dkim.get("SigningHostedZone", ""),
                    origin=dkim.get("SigningAttributesOrigin", ""),
                    key_length=dkim.get("CurrentSigningKeyLength", ""),
                    next_key_length=dkim.get("NextSigningKeyLength", ""),
                ),
                mail_from_domain=mail_from.get("MailFromDomain", "").rstrip(".").lower(),
                mail_from_status=mail_from.get("MailFromDomainStatus", ""),
                mail_from_on_mx_failure=mail_from.get("BehaviorOnMxFailure", ""),
                feedback_forwarding=bool(found.get("FeedbackForwardingStatus", True)),
                configuration_set=found.get("ConfigurationSetName", ""),
                policies=tuple(sorted(found.get("Policies", {}))),
                policy_documents=dict(found.get("Policies", {})),
            )
        )

    async def configuration_set(self, name: str) -> Reading[ConfigurationSet | None]:
        """Read GetConfigurationSet and its event destinations."""
        answer, destinations = await asyncio.gather(
            self._call("sesv2", "GetConfigurationSet", ConfigurationSetName=name),
            self._call("sesv2", "GetConfigurationSetEventDestinations", ConfigurationSetName=name),
        )
        if isinstance(answer, Unseen) or answer.value is None:
            return answer if isinstance(answer, Unseen) else Seen(None)
        found = answer.value
        suppression = found.get("SuppressionOptions", {}).get("SuppressedReasons")
        listed: Reading[tuple[EventDestination, ...]]
        if isinstance(destinations, Unseen):
            listed = destinations
        else:
            listed = Seen(tuple(_destination(one) for one in (destinations.value or {}).get("EventDestinations", ())))
        return Seen(
            ConfigurationSet(
                name=name,
                sending_enabled=bool(found.get("SendingOptions", {}).get("SendingEnabled", True)),
                reputation_metrics=bool(found.get("ReputationOptions", {}).get("ReputationMetricsEnabled", False)),
                tls_policy=found.get("DeliveryOptions", {}).get("TlsPolicy", ""),
                suppressed_reasons=None if suppression is None else tuple(suppression),
                tracking_domain=found.get("TrackingOptions", {}).get("CustomRedirectDomain", "").rstrip(".").lower(),
                destinations=listed,
            )
        )

    async def topic(self, arn: str) -> Reading[Topic | None]:
        """Read GetTopicAttributes and the subscriptions."""
        answer = await self._call("sns", "GetTopicAttributes", TopicArn=arn)
        if isinstance(answer, Unseen) or answer.value is None:
            return answer if isinstance(answer, Unseen) else Seen(None)
        attributes = answer.value.get("Attributes", {})
        return Seen(
            Topic(
                arn=arn,
                policy=attributes.get("Policy", ""),
                signature_version=attributes.get("SignatureVersion", "1"),
                subscriptions=await self._subscriptions_of(arn),
            )
        )

    async def _subscriptions_of(self, arn: str) -> Reading[tuple[Subscription, ...]]:
        listed: list[Mapping[str, str]] = []
        token: dict[str, str] = {}
        for _page in range(_MAX_PAGES):
            answer = await self._call("sns", "ListSubscriptionsByTopic", TopicArn=arn, **token)
            if isinstance(answer, Unseen) or answer.value is None:
                return answer if isinstance(answer, Unseen) else _nothing("sns:ListSubscriptionsByTopic")
            listed += answer.value.get("Subscriptions", ())
            if not answer.value.get("NextToken"):
                break
            token = {"NextToken": answer.value["NextToken"]}
        return Seen(tuple(await asyncio.gather(*(self._subscription(one) for one in listed))))

    async def _subscription(self, listed: Mapping[str, str]) -> Subscription:
        arn = listed.get("SubscriptionArn", "")
        confirmed = arn.startswith("arn:")
        details: Reading[None] = Seen(None)
        attributes: Mapping[str, str] = {}
        if confirmed:
            answer = await self._call("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)
            if isinstance(answer, Unseen):
                details = answer
            else:
                attributes = (answer.value or {}).get("Attributes", {})
        return Subscription(
            arn=arn,
            protocol=listed.get("Protocol", ""),
            endpoint=_without_secrets(listed.get("Protocol", ""), listed.get("Endpoint", "")),
            owner=listed.get("Owner", ""),
            confirmed=confirmed and attributes.get("PendingConfirmation", "false") != "true",
            raw=attributes.get("RawMessageDelivery", "false") == "true",
            filter_policy=attributes.get("FilterPolicy", ""),
            details=details,
        )

    async def queue(self, arn: str) -> Reading[Queue | None]:
        """Read GetQueueUrl and GetQueueAttributes."""
        parts = arn.split(":")
        if len(parts) != 6 or parts[3] != self._region:
            return Unseen(kind=UnseenKind.NOT_READ, reason=f"{arn} is outside {self._region}")
        found = await self._call("sqs", "GetQueueUrl", QueueName=parts[5], QueueOwnerAWSAccountId=parts[4])
        if isinstance(found, Unseen) or found.value is None:
            return found if isinstance(found, Unseen) else Seen(None)
        url = str(found.value["QueueUrl"])
        answer = await self._call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        if isinstance(answer, Unseen) or answer.value is None:
            return answer if isinstance(answer, Unseen) else Seen(None)
        attributes = answer.value.get("Attributes", {})
        policy, redrive = attributes.get("Policy", ""), attributes.get("RedrivePolicy", "")
        return Seen(
            Queue(
                arn=arn,
                url=url,
                policy=policy,
                redrive_policy=redrive,
                retention_seconds=_number(attributes.get("MessageRetentionPeriod")),
                messages=_number(attributes.get("ApproximateNumberOfMessages")),
            )
        )


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() else None


def _on(word: object) -> bool | None:
    return None if word is None else word == "ENABLED"


def _without_secrets(protocol: str, endpoint: str) -> str:
    """Give what may be written down: a URL can carry a token, also in its path, and an address is a person's."""
    if protocol in ("http", "https"):
        parts = urlsplit(endpoint)
        return f"{parts.scheme}://{parts.hostname or ''}/"
    return endpoint if endpoint.startswith("arn:") else ""


def _nothing(action: str) -> Unseen:
    return Unseen(kind=UnseenKind.ERROR, reason=f"{action} answered nothing", needs=action)


_DESTINATION_KINDS = {
    "SnsDestination": ("sns", "TopicArn"),
    "KinesisFirehoseDestination": ("firehose", "DeliveryStreamArn"),
    "EventBridgeDestination": ("eventbridge", "EventBusArn"),
    "CloudWatchDestination": ("cloudwatch", ""),
    "PinpointDestination": ("pinpoint", "ApplicationArn"),
}


def _destination(answer: Mapping[str, Any]) -> EventDestination:
    kind, target = "unknown", ""
    for member, (word, key) in _DESTINATION_KINDS.items():
        if answer.get(member):
            kind, target = word, str(answer[member].get(key, "")) if key else ""
    return EventDestination(
        name=answer.get("Name", ""),
        enabled=bool(answer.get("Enabled", False)),
        matching=tuple(answer.get("MatchingEventTypes", ())),
        kind=kind,
        target=target,
    )
