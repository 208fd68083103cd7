"""Taking back the way of the events: subscription, queues and topic, unless events still come or wait."""

from __future__ import annotations

from collections.abc import Iterator

from sendworthy.audit.evidence import Caller, Evidence, Queue, Seen, Topic, Unseen
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Usage
from sendworthy.provision.resource_policies import without_statement
from sendworthy.provision.step import Call, Step, StepKind
from sendworthy.provision.undo import Ours, change_back, delete, kept


def pipeline_taken_back(
    evidence: Evidence, wishes: Wishes, usage: Usage, ours: Ours, caller: Caller, kept_sets: tuple[str, ...]
) -> Iterator[Step]:
    """Give the steps, most dependent first. `kept_sets` are configuration sets whose events go on coming."""
    whose = (caller.partition, caller.account_id)
    topic_arn, queue_arn = wishes.topic_arn(*whose), wishes.queue_arn(*whose)
    topic = evidence.topic(wishes.region, topic_arn)
    coming = _coming(usage, topic_arn, kept_sets, ours, wishes)
    waiting = coming or _waiting(usage, queue_arn)
    present = topic.value if isinstance(topic, Seen) else None
    if present is not None:
        yield from _subscription(present, queue_arn, wishes, ours, waiting)
    yield from _queue(evidence, StepKind.QUEUE, wishes.queue, queue_arn, wishes, ours, waiting)
    dead_arn = wishes.dead_letter_queue_arn(*whose)
    dead_kept = waiting or _waiting(usage, dead_arn)
    yield from _queue(evidence, StepKind.DEAD_LETTER_QUEUE, wishes.dead_letter_queue, dead_arn, wishes, ours, dead_kept)
    if isinstance(topic, Unseen) and ours.has(f"{StepKind.TOPIC}:{wishes.topic}"):
        yield kept(StepKind.TOPIC, wishes.topic, f"SNS topic {wishes.topic}", f"It could not be seen: {topic.reason}.")
    elif present is not None:
        yield from topic_back(present, StepKind.TOPIC, wishes.topic, ours, "SendworthySesPublish", waiting, {queue_arn})


def _coming(usage: Usage, topic_arn: str, kept_sets: tuple[str, ...], ours: Ours, wishes: Wishes) -> str:
    if isinstance(usage.sets_by_topic, Unseen):
        return f"Whether events still come could not be seen: {usage.sets_by_topic.reason}"
    ours_gone = {
        name
        for name in wishes.configuration_sets.values()
        if name not in kept_sets and ours.has(f"{StepKind.EVENT_DESTINATION}:{name}:{wishes.event_destination}")
    }
    senders = [name for name in usage.sets_by_topic.value.get(topic_arn, ()) if name not in ours_gone]
    return f"Events of {', '.join(senders)} still come" if senders else ""


def _waiting(usage: Usage, queue_arn: str) -> str:
    reading = usage.waiting.get(queue_arn, Seen(0))
    if isinstance(reading, Unseen):
        return f"Whether events wait could not be seen: {reading.reason}"
    if not reading.value:
        return ""
    return f"{reading.value} events wait in it, and would be lost: let `sendworthy up` take them in"


def _subscription(topic: Topic, queue_arn: str, wishes: Wishes, ours: Ours, why: str) -> Iterator[Step]:
    subject = f"{wishes.topic}:{wishes.queue}"
    title = f"Subscription of queue {wishes.queue} to topic {wishes.topic}"
    listed = topic.subscriptions.value if isinstance(topic.subscriptions, Seen) else ()
    found = [one for one in listed if one.protocol == "sqs" and one.endpoint == queue_arn and one.confirmed]
    if not found or not ours.created(f"{StepKind.SUBSCRIPTION}:{subject}"):
        return
    if why:
        yield kept(StepKind.SUBSCRIPTION, subject, title, f"{why}.")
        return
    call = Call(service="sns", operation="Unsubscribe", params={"SubscriptionArn": found[0].arn})
    yield delete(StepKind.SUBSCRIPTION, subject, title, call)


def _queue(
    evidence: Evidence, kind: StepKind, name: str, arn: str, wishes: Wishes, ours: Ours, why: str
) -> Iterator[Step]:
    title = f"SQS queue {name}"
    step_id = f"{kind}:{name}"
    reading = evidence.queue(wishes.region, arn)
    if isinstance(reading, Unseen):
        if ours.has(step_id):
            yield kept(kind, name, title, f"It could not be seen: {reading.reason}.")
        return
    if reading.value is None or not ours.has(step_id):
        return
    if why:
        yield kept(kind, name, title, f"{why}.")
    elif ours.created(step_id):
        yield delete(
            kind, name, title, Call(service="sqs", operation="DeleteQueue", params={"QueueUrl": reading.value.url})
        )
    else:
        yield from _queue_back(reading.value, kind, name, title, ours)


def _queue_back(queue: Queue, kind: StepKind, name: str, title: str, ours: Ours) -> Iterator[Step]:
    prior = ours.changed(f"{kind}:{name}") or {}
    attributes: dict[str, str] = {}
    policy = without_statement(queue.policy, "SendworthyTopicSend")
    if policy is not None and policy != queue.policy and "SendworthyTopicSend" in queue.policy:
        attributes["Policy"] = policy
    if queue.redrive_policy and not prior.get("redrive_policy"):
        attributes["RedrivePolicy"] = ""
    if attributes:
        params = {"QueueUrl": queue.url, "Attributes": attributes}
        change = Call(service="sqs", operation="SetQueueAttributes", params=params)
        yield change_back(kind, name, title, "as we set it", "as it was", change)


def topic_back(
    topic: Topic, kind: StepKind, name: str, ours: Ours, sid: str, why: str, ours_at: set[str]
) -> Iterator[Step]:
    """Give the step for a topic: deleted when we made it and nobody else listens, else without our statement."""
    title, step_id = f"SNS topic {name}", f"{kind}:{name}"
    if ours.created(step_id):
        if isinstance(topic.subscriptions, Unseen):
            why = why or f"Who listens to it could not be seen: {topic.subscriptions.reason}"
        else:
            others = [one for one in topic.subscriptions.value if one.endpoint not in ours_at]
            why = why or (f"{len(others)} other subscriptions listen to it" if others else "")
        if why:
            yield kept(kind, name, title, f"{why}.")
            return
        yield delete(kind, name, title, Call(service="sns", operation="DeleteTopic", params={"TopicArn": topic.arn}))
        return
    prior = ours.changed(step_id)
    if prior is None:
        return
    if why:
        yield kept(kind, name, title, f"{why}.")
        return
    changes: list[tuple[str, str]] = []
    policy = without_statement(topic.policy, sid)
    if policy and sid in topic.policy:
        changes.append(("Policy", policy))
    version = str(prior.get("signature_version", topic.signature_version))
    if version != topic.signature_version:
        changes.append(("SignatureVersion", version))
    calls = tuple(
        Call(
            service="sns",
            operation="SetTopicAttributes",
            params={"TopicArn": topic.arn, "AttributeName": key, "AttributeValue": value},
        )
        for key, value in changes
    )
    if calls:
        yield change_back(kind, name, title, "as we set it", "as it was", *calls)
