"""Reads who uses what is to be taken back. Changes nothing; what cannot be seen counts as in use elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sendworthy.audit.evidence import Evidence, Reading, Seen, Unseen, UnseenKind
from sendworthy.audit.wishes import Wishes
from sendworthy.clients.inventory import Reader
from sendworthy.clients.read_aws import AwsCalls
from sendworthy.provision.inventory import Usage

_GREETING = "Successfully validated SNS topic for Amazon SES event publishing"
_PEEKED = 10
_MOST_IDENTITIES = 500
"""More than these are not asked one by one for their default set: the answer is then `unknown`."""


async def read_usage(aws: AwsCalls, evidence: Evidence, wishes: Wishes, *, unsent: int) -> Usage:
    """Look at who uses what is to be taken back."""
    reader = _Looks(aws, wishes.region)
    region = evidence.regions.get(wishes.region)
    queues = {
        arn: one.value.url
        for arn, one in (region.queues if region else {}).items()
        if isinstance(one, Seen) and one.value
    }
    waiting = reader.each(queues, lambda arn: reader.waiting(queues[arn]))
    identities, sets, depths, held = await asyncio.gather(
        reader.identities_by_set(), reader.sets_by_topic(), waiting, reader.holds_objects(wishes.archive_bucket)
    )
    return Usage(
        identities_by_set=identities, sets_by_topic=sets, waiting=depths, objects_in_archive=held, unsent=unsent
    )


async def waiting_in(aws: AwsCalls, evidence: Evidence, region: str, *arns: str) -> tuple[int, ...]:
    """Give how many messages lie in each queue; none for one that could not be seen."""
    reader = _Looks(aws, region)
    counts: list[int] = []
    for arn in arns:
        queue = evidence.queue(region, arn)
        reading = await reader.waiting(queue.value.url) if isinstance(queue, Seen) and queue.value else Seen(0)
        counts.append(reading.value if isinstance(reading, Seen) else 0)
    return tuple(counts)


class _Looks(Reader):
    """The looks at who uses what."""

    async def waiting(self, url: str) -> Reading[int]:
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        answer = await self.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=names)
        if isinstance(answer, Unseen):
            return answer
        attributes = (answer.value or {}).get("Attributes", {})
        count = sum(int(attributes.get(name, 0)) for name in names)
        return Seen(0 if 0 < count <= _PEEKED and await self._only_greetings(url, count) else count)

    async def _only_greetings(self, url: str, count: int) -> bool:
        """Say whether all that waits is what SES says once to a new event destination; nothing is taken out."""
        answer = await self.call(
            "sqs",
            "ReceiveMessage",
            QueueUrl=url,
            MaxNumberOfMessages=_PEEKED,
            VisibilityTimeout=0,
            WaitTimeSeconds=1,
        )
        found = answer.value.get("Messages", ()) if isinstance(answer, Seen) and answer.value else ()
        bodies = {one["MessageId"]: one["Body"] for one in found}
        return len(bodies) == count and all(_GREETING in body for body in bodies.values())

    async def identities_by_set(self) -> Reading[Mapping[str, tuple[str, ...]]]:
        listed = await self.pages("sesv2", "ListEmailIdentities", "EmailIdentities", {"PageSize": 1000})
        if isinstance(listed, Unseen):
            return listed
        names = [one["IdentityName"] for one in listed.value]
        if len(names) > _MOST_IDENTITIES:
            reason = f"there are {len(names)} identities, and the default set of each would have to be read"
            return Unseen(kind=UnseenKind.NOT_READ, reason=reason, needs="ses:GetEmailIdentity")
        found: dict[str, tuple[str, ...]] = {}
        answers = await asyncio.gather(*(self.call("sesv2", "GetEmailIdentity", EmailIdentity=name) for name in names))
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, Unseen):
                return answer
            used = (answer.value or {}).get("ConfigurationSetName", "")
            if used:
                found[used] = (*found.get(used, ()), name)
        return Seen(found)

    async def sets_by_topic(self) -> Reading[Mapping[str, tuple[str, ...]]]:
        listed = await self.pages("sesv2", "ListConfigurationSets", "ConfigurationSets", {"PageSize": 1000})
        if isinstance(listed, Unseen):
            return listed
        answers = await asyncio.gather(
            *(
                self.call("sesv2", "GetConfigurationSetEventDestinations", ConfigurationSetName=name)
                for name in listed.value
            )
        )
        found: dict[str, tuple[str, ...]] = {}
        for name, answer in zip(listed.value, answers, strict=True):
            if isinstance(answer, Unseen):
                return answer
            for one in (answer.value or {}).get("EventDestinations", ()):
                topic = one.get("SnsDestination", {}).get("TopicArn", "")
                if topic and name not in found.get(topic, ()):
                    found[topic] = (*found.get(topic, ()), name)
        return Seen(found)

    async def holds_objects(self, bucket: str) -> Reading[bool]:
        if not bucket:
            return Seen(value=False)
        answer = await self.call("s3", "ListObjectsV2", Bucket=bucket, MaxKeys=1)
        if isinstance(answer, Unseen):
            return answer
        return Seen(bool((answer.value or {}).get("KeyCount", 0)))
