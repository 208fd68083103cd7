"""The steps that lead events from SES to a queue: suppression, configuration sets, topic, queues, destinations."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from sendworthy.audit.checks.events import delivery_context
from sendworthy.audit.evidence import (
    Caller,
    EventDestination,
    Evidence,
    Queue,
    Seen,
    Subscription,
    Topic,
    Unseen,
    UnseenKind,
)
from sendworthy.audit.policy import Admission, admits
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Inventory
from sendworthy.provision.resource_policies import ses_is_admitted, ses_may_publish, topic_may_send, with_statement
from sendworthy.provision.step import Call, Step, StepKind, StepStatus, blocked, only_when_named

EVENT_TYPES = ("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE")
"""All that the program acts on or shows; opens and clicks need consent in many countries and are not asked for."""

SUPPRESSED = ("BOUNCE", "COMPLAINT")
RETENTION_SECONDS = "1209600"
"""Fourteen days, the longest that SQS keeps a message: a consumer may be down over a holiday."""
MAX_RECEIVES = 5


def pipeline_steps(
    evidence: Evidence, wishes: Wishes, inventory: Inventory | None, allow: Collection[str]
) -> Iterator[Step]:
    """Give the steps in the order in which they can be carried out."""
    yield _suppression(evidence, wishes)
    names = tuple(dict.fromkeys(wishes.configuration_sets.values()))
    for name in names:
        step = _configuration_set(evidence, wishes, name, inventory)
        yield step if step.creates else only_when_named(step, _tls_risk(evidence, wishes, step), allow)
    if isinstance(evidence.caller, Unseen):
        yield blocked(StepKind.TOPIC, wishes.topic, "Topic and queue for events", evidence.caller)
        return
    account = evidence.caller.value
    yield _topic(evidence, wishes, account)
    yield _dead_letter_queue(evidence, wishes, account)
    yield _queue(evidence, wishes, account)
    yield _subscription(evidence, wishes, account)
    for name in names:
        yield _destination(evidence, wishes, account, name)


def _suppression(evidence: Evidence, wishes: Wishes) -> Step:
    title = "Suppress addresses that bounce or complain"
    account = evidence.account(wishes.region)
    if isinstance(account, Unseen):
        return blocked(StepKind.SUPPRESSION, wishes.region, title, account)
    present = account.value.suppressed_reasons
    wanted = tuple(dict.fromkeys((*SUPPRESSED, *present)))
    missing = set(SUPPRESSED) - set(present)
    return Step(
        id=f"{StepKind.SUPPRESSION}:{wishes.region}",
        kind=StepKind.SUPPRESSION,
        title=title,
        why="SES then stops mail to an address that bounced or complained, even when our own list is not asked.",
        before=", ".join(present) or "nothing is suppressed",
        after=", ".join(wanted),
        calls=_ses("PutAccountSuppressionAttributes", SuppressedReasons=list(wanted)) if missing else (),
        status=StepStatus.NEEDED if missing else StepStatus.DONE,
        prior={"reasons": list(present)} if missing else {},
    )


def _configuration_set(evidence: Evidence, wishes: Wishes, name: str, inventory: Inventory | None) -> Step:
    title = f"Configuration set {name}"
    reading = evidence.configuration_set(wishes.region, name)
    if isinstance(reading, Unseen):
        return blocked(StepKind.CONFIGURATION_SET, name, title, reading)
    present = reading.value
    step = Step(
        id=f"{StepKind.CONFIGURATION_SET}:{name}",
        kind=StepKind.CONFIGURATION_SET,
        title=title,
        why="One set for each stream of mail keeps their events and their reputation apart.",
        before="does not exist",
        after=f"exists, reputation metrics on, TLS {wishes.tls_policy.lower()}",
        status=StepStatus.NEEDED,
        creates=True,
    )
    if present is None:
        create = _ses(
            "CreateConfigurationSet",
            ConfigurationSetName=name,
            DeliveryOptions={"TlsPolicy": wishes.tls_policy},
            ReputationOptions={"ReputationMetricsEnabled": True},
            SendingOptions={"SendingEnabled": True},
            Tags=wishes.tag_list(),
        )
        return msgspec.structs.replace(step, calls=create)
    calls: tuple[Call, ...] = ()
    prior: dict[str, Any] = {}
    if not present.reputation_metrics:
        calls += _ses("PutConfigurationSetReputationOptions", ConfigurationSetName=name, ReputationMetricsEnabled=True)
        prior["reputation_metrics"] = False
    if wishes.tls_policy == "REQUIRE" and present.tls_policy != "REQUIRE":
        options = inventory.delivery_options.get(name) if inventory else None
        if not isinstance(options, Seen):
            unseen = options or Unseen(kind=UnseenKind.NOT_READ, reason="its delivery options were not read")
            return blocked(StepKind.CONFIGURATION_SET, name, title, unseen)
        # The call sets all delivery options at once: what it is not given, it clears.
        calls += _ses(
            "PutConfigurationSetDeliveryOptions",
            ConfigurationSetName=name,
            **{**options.value, "TlsPolicy": "REQUIRE"},
        )
        prior["delivery_options"] = dict(options.value)
    metrics, tls = "on" if present.reputation_metrics else "off", (present.tls_policy or "optional").lower()
    return msgspec.structs.replace(
        step,
        before=f"exists, reputation metrics {metrics}, TLS {tls}",
        after=step.after if calls else f"exists, reputation metrics on, TLS {tls}",
        calls=calls,
        status=StepStatus.NEEDED if calls else StepStatus.DONE,
        creates=False,
        prior=prior,
    )


def _tls_risk(evidence: Evidence, wishes: Wishes, step: Step) -> str:
    """Say what hurts about requiring TLS where mail is going out already; nothing where none is."""
    account = evidence.account(wishes.region)
    live = isinstance(account, Unseen) or account.value.sent_last_24_hours > 0
    return (
        "Mail that goes out by this set to hosts without TLS would bounce."
        if live and "delivery_options" in step.prior
        else ""
    )


def _topic(evidence: Evidence, wishes: Wishes, caller: Caller) -> Step:
    arn = wishes.topic_arn(caller.partition, caller.account_id)
    title = f"SNS topic {wishes.topic}"
    reading = evidence.topic(wishes.region, arn)
    if isinstance(reading, Unseen):
        return blocked(StepKind.TOPIC, wishes.topic, title, reading)
    present = reading.value
    policy = with_statement(present.policy if present else "", ses_may_publish(arn, caller.account_id))
    step = Step(
        id=f"{StepKind.TOPIC}:{wishes.topic}",
        kind=StepKind.TOPIC,
        title=title,
        why="SES publishes events to it; signature version 2 is SHA-256, where the default is SHA-1.",
        before=_topic_before(present, caller),
        after="admits SES for this account, signature version 2",
        status=StepStatus.DONE,
    )
    if policy is None:
        return msgspec.structs.replace(step, status=StepStatus.BLOCKED, reason="The topic's policy cannot be read.")
    calls = _topic_calls(present, wishes, arn, policy, caller)
    if not calls:
        return step
    prior = {"signature_version": present.signature_version} if present else {}
    return msgspec.structs.replace(step, calls=calls, status=StepStatus.NEEDED, creates=present is None, prior=prior)


def _topic_before(present: Topic | None, caller: Caller) -> str:
    if present is None:
        return "does not exist"
    admitted = "admits SES" if ses_is_admitted(present.policy, present.arn, caller.account_id) else "does not admit SES"
    return f"{admitted}, signature version {present.signature_version}"


def _topic_calls(present: Topic | None, wishes: Wishes, arn: str, policy: str, caller: Caller) -> tuple[Call, ...]:
    if present is None:
        attributes = {"Policy": policy, "SignatureVersion": "2"}
        params = {"Name": wishes.topic, "Attributes": attributes, "Tags": wishes.tag_list()}
        return (Call(service="sns", operation="CreateTopic", params=params),)
    changes: list[tuple[str, str]] = []
    if not ses_is_admitted(present.policy, arn, caller.account_id):
        changes.append(("Policy", policy))
    if present.signature_version != "2":
        changes.append(("SignatureVersion", "2"))
    return tuple(
        Call(
            service="sns",
            operation="SetTopicAttributes",
            params={"TopicArn": arn, "AttributeName": name, "AttributeValue": value},
        )
        for name, value in changes
    )


def _dead_letter_queue(evidence: Evidence, wishes: Wishes, caller: Caller) -> Step:
    name = wishes.dead_letter_queue
    title = f"SQS queue {name} for events that cannot be handled"
    reading = evidence.queue(wishes.region, wishes.dead_letter_queue_arn(caller.partition, caller.account_id))
    if isinstance(reading, Unseen):
        return blocked(StepKind.DEAD_LETTER_QUEUE, name, title, reading)
    params = {"QueueName": name, "Attributes": {"MessageRetentionPeriod": RETENTION_SECONDS}, "tags": dict(wishes.tags)}
    create = (Call(service="sqs", operation="CreateQueue", params=params),)
    return Step(
        id=f"{StepKind.DEAD_LETTER_QUEUE}:{name}",
        kind=StepKind.DEAD_LETTER_QUEUE,
        title=title,
        why="An event that fails again and again is kept for a person instead of being lost.",
        before="exists" if reading.value else "does not exist",
        after="exists",
        calls=() if reading.value else create,
        status=StepStatus.DONE if reading.value else StepStatus.NEEDED,
        creates=reading.value is None,
    )


def _queue(evidence: Evidence, wishes: Wishes, caller: Caller) -> Step:
    whose = (caller.partition, caller.account_id)
    arn, topic_arn, dead_arn = wishes.queue_arn(*whose), wishes.topic_arn(*whose), wishes.dead_letter_queue_arn(*whose)
    title = f"SQS queue {wishes.queue}"
    reading, dead_letters = evidence.queue(wishes.region, arn), evidence.queue(wishes.region, dead_arn)
    if isinstance(reading, Unseen):
        return blocked(StepKind.QUEUE, wishes.queue, title, reading)
    present = reading.value
    if isinstance(dead_letters, Unseen) and not (present and present.redrive_policy):
        return blocked(StepKind.QUEUE, wishes.queue, title, dead_letters)
    policy = with_statement(present.policy if present else "", topic_may_send(arn, topic_arn))
    redrive = msgspec.json.encode({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVES}).decode()
    step = Step(
        id=f"{StepKind.QUEUE}:{wishes.queue}",
        kind=StepKind.QUEUE,
        title=title,
        why="Events wait here until they are recorded, also while the program is down.",
        before=_queue_before(present, topic_arn),
        after="admits the topic, has a dead-letter queue",
        status=StepStatus.DONE,
    )
    if policy is None:
        return msgspec.structs.replace(step, status=StepStatus.BLOCKED, reason="The queue's policy cannot be read.")
    if present is None:
        attributes = {"MessageRetentionPeriod": RETENTION_SECONDS, "Policy": policy, "RedrivePolicy": redrive}
        params: dict[str, Any] = {"QueueName": wishes.queue, "Attributes": attributes, "tags": dict(wishes.tags)}
        create = Call(service="sqs", operation="CreateQueue", params=params)
        return msgspec.structs.replace(step, calls=(create,), status=StepStatus.NEEDED, creates=True)
    changes = {} if _admits(present, topic_arn) else {"Policy": policy}
    if not present.redrive_policy:
        changes["RedrivePolicy"] = redrive
    if not changes:
        return step
    change = Call(
        service="sqs", operation="SetQueueAttributes", params={"QueueUrl": present.url, "Attributes": changes}
    )
    prior = {"redrive_policy": present.redrive_policy}
    return msgspec.structs.replace(step, calls=(change,), status=StepStatus.NEEDED, prior=prior)


def _admits(queue: Queue, topic_arn: str) -> bool:
    context = delivery_context(topic_arn)
    answer = admits(
        queue.policy, service="sns.amazonaws.com", action="sqs:SendMessage", resource=queue.arn, context=context
    )
    return answer is Admission.ADMITTED


def _queue_before(present: Queue | None, topic_arn: str) -> str:
    if present is None:
        return "does not exist"
    admits_topic = "admits the topic" if _admits(present, topic_arn) else "does not admit the topic"
    return f"{admits_topic}, {'has a' if present.redrive_policy else 'no'} dead-letter queue"


def _subscription(evidence: Evidence, wishes: Wishes, caller: Caller) -> Step:
    whose = (caller.partition, caller.account_id)
    arn, queue_arn = wishes.topic_arn(*whose), wishes.queue_arn(*whose)
    subject, title = f"{wishes.topic}:{wishes.queue}", f"Subscription of queue {wishes.queue} to topic {wishes.topic}"
    reading, queue = evidence.topic(wishes.region, arn), evidence.queue(wishes.region, queue_arn)
    if isinstance(reading, Unseen):
        return blocked(StepKind.SUBSCRIPTION, subject, title, reading)
    if isinstance(queue, Unseen):
        return blocked(StepKind.SUBSCRIPTION, subject, title, queue)
    if reading.value and isinstance(reading.value.subscriptions, Unseen):
        return blocked(StepKind.SUBSCRIPTION, subject, title, reading.value.subscriptions)
    present = _our_subscription(reading.value, queue_arn)
    step = Step(
        id=f"{StepKind.SUBSCRIPTION}:{subject}",
        kind=StepKind.SUBSCRIPTION,
        title=title,
        why="The topic's envelope carries a signature, so deliveries are not raw.",
        before="confirmed" if present and present.confirmed else "none",
        after="confirmed",
        status=StepStatus.DONE,
    )
    if present and present.confirmed:
        if isinstance(present.details, Unseen):
            return blocked(StepKind.SUBSCRIPTION, subject, title, present.details)
        if present.filter_policy not in ("", "{}"):
            reason = "It has a filter policy, which somebody set: remove it if events are missing."
            return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
        reason = "It delivers raw messages; that is kept." if present.raw else ""
        return msgspec.structs.replace(step, reason=reason)
    params = {
        "TopicArn": arn,
        "Protocol": "sqs",
        "Endpoint": queue_arn,
        "Attributes": {"RawMessageDelivery": "false"},
        "ReturnSubscriptionArn": True,
    }
    subscribe = Call(service="sns", operation="Subscribe", params=params)
    return msgspec.structs.replace(step, calls=(subscribe,), status=StepStatus.NEEDED, creates=True)


def _our_subscription(topic: Topic | None, queue_arn: str) -> Subscription | None:
    if topic is None or isinstance(topic.subscriptions, Unseen):
        return None
    found = [one for one in topic.subscriptions.value if one.protocol == "sqs" and one.endpoint == queue_arn]
    return next((one for one in found if one.confirmed), found[0] if found else None)


def _destination(evidence: Evidence, wishes: Wishes, caller: Caller, owner: str) -> Step:
    arn = wishes.topic_arn(caller.partition, caller.account_id)
    subject = f"{owner}:{wishes.event_destination}"
    title = f"Event destination of {owner}"
    reading = evidence.configuration_set(wishes.region, owner)
    topic = evidence.topic(wishes.region, arn)
    unseen = reading if isinstance(reading, Unseen) else topic if isinstance(topic, Unseen) else None
    if isinstance(reading, Seen) and reading.value and isinstance(reading.value.destinations, Unseen):
        unseen = reading.value.destinations
    if unseen is not None:
        return blocked(StepKind.EVENT_DESTINATION, subject, title, unseen)
    present: tuple[EventDestination, ...] = ()
    if isinstance(reading, Seen) and reading.value and isinstance(reading.value.destinations, Seen):
        present = reading.value.destinations.value
    ours = [one for one in present if one.enabled and one.kind == "sns" and one.target == arn]
    covered = {kind for one in ours for kind in one.matching}
    missing = [kind for kind in EVENT_TYPES if kind not in covered]
    step = Step(
        id=f"{StepKind.EVENT_DESTINATION}:{subject}",
        kind=StepKind.EVENT_DESTINATION,
        title=title,
        why="Without it no bounce and no complaint reaches a program.",
        before=", ".join(kind for kind in EVENT_TYPES if kind in covered) or "nothing reaches the topic",
        after=", ".join(EVENT_TYPES),
        status=StepStatus.DONE,
    )
    if not missing:
        return step
    named = next((one for one in present if one.name == wishes.event_destination), None)
    if named and (named.kind != "sns" or named.target != arn):
        reason = f"A destination {named.name} exists and leads elsewhere; it is left alone. Wish for another name."
        return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
    kinds = list(dict.fromkeys((*missing, *(named.matching if named else ()))))
    call = _ses(
        "UpdateConfigurationSetEventDestination" if named else "CreateConfigurationSetEventDestination",
        ConfigurationSetName=owner,
        EventDestinationName=wishes.event_destination,
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": sorted(kinds, key=_order_of),
            "SnsDestination": {"TopicArn": arn},
        },
    )
    prior = {"matching": list(named.matching), "enabled": named.enabled} if named else {}
    return msgspec.structs.replace(step, calls=call, status=StepStatus.NEEDED, creates=named is None, prior=prior)


def _order_of(kind: str) -> tuple[int, str]:
    return (EVENT_TYPES.index(kind) if kind in EVENT_TYPES else len(EVENT_TYPES), kind)


def _ses(operation: str, **params: Any) -> tuple[Call, ...]:
    return (Call(service="sesv2", operation=operation, params=params),)
