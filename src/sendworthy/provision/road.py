"""The road of an event from SES to the queue, walked over evidence: the first hop that is broken. Sends nothing."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sendworthy.audit.checks.events import delivery_context
from sendworthy.audit.evidence import ConfigurationSet, Evidence, Topic, Unseen
from sendworthy.audit.policy import Admission, admits
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.resource_policies import ses_is_admitted


class Place(StrEnum):
    """A hop of the road."""

    DESTINATION = "event_destination"
    TOPIC = "topic"
    QUEUE = "queue"


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """Where the road is broken, what is wrong there, and what to do."""

    place: Place
    what: str
    fix: str = "Run `sendworthy apply`: it mends what is ours to mend."


def broken_at(evidence: Evidence, wishes: Wishes, set_name: str, event: str) -> Break | None:
    """Give the first broken hop for one kind of event of one configuration set (`BOUNCE`); None when none is seen.

    What could not be seen breaks nothing: the walk ends there.
    """
    if not set_name:
        what = "The mail named no configuration set, and its identity has no default one"
        return Break(place=Place.DESTINATION, what=f"{what}, so SES publishes no event.")
    reading = evidence.configuration_set(wishes.region, set_name)
    if isinstance(reading, Unseen):
        return None
    if reading.value is None:
        return Break(place=Place.DESTINATION, what=f"Configuration set {set_name} does not exist.")
    arn = _topic_arn(reading.value, event)
    if isinstance(arn, Break | None):
        return arn
    topic = evidence.topic(wishes.region, arn)
    if isinstance(topic, Unseen):
        return None
    if topic.value is None:
        return Break(place=Place.TOPIC, what=f"The topic {arn} does not exist.")
    return _at_topic(topic.value) or _at_queue(evidence, wishes, topic.value)


def _topic_arn(owner: ConfigurationSet, event: str) -> str | Break | None:
    if isinstance(owner.destinations, Unseen):
        return None
    matching = [one for one in owner.destinations.value if event in one.matching and one.kind == "sns"]
    if not matching:
        return Break(place=Place.DESTINATION, what=f"No event destination of {owner.name} takes {event} to a topic.")
    enabled = [one for one in matching if one.enabled]
    if not enabled:
        return Break(place=Place.DESTINATION, what=f"Event destination {matching[0].name} of {owner.name} is off.")
    return enabled[0].target


def _at_topic(topic: Topic) -> Break | None:
    account = topic.arn.split(":")[4]
    if not ses_is_admitted(topic.policy, topic.arn, account):
        return Break(place=Place.TOPIC, what=f"The policy of {topic.arn} does not certainly admit SES.")
    if isinstance(topic.subscriptions, Unseen):
        return None
    ours = [one for one in topic.subscriptions.value if one.protocol == "sqs"]
    if not ours:
        return Break(place=Place.TOPIC, what=f"No queue subscribes to {topic.arn}.")
    if not any(one.confirmed for one in ours):
        return Break(place=Place.TOPIC, what=f"The queue's subscription to {topic.arn} is not confirmed.")
    filtered = [one for one in ours if one.filter_policy not in ("", "{}")]
    if len(filtered) == len(ours):
        what = f"The subscription to {topic.arn} has a filter policy, which keeps events back."
        return Break(place=Place.TOPIC, what=what, fix="Remove the filter policy: aws sns set-subscription-attributes.")
    return None


def _at_queue(evidence: Evidence, wishes: Wishes, topic: Topic) -> Break | None:
    if isinstance(topic.subscriptions, Unseen):
        return None
    for one in topic.subscriptions.value:
        if one.protocol != "sqs" or not one.confirmed:
            continue
        queue = evidence.queue(wishes.region, one.endpoint)
        if isinstance(queue, Unseen):
            return None
        if queue.value is None:
            return Break(place=Place.QUEUE, what=f"The queue {one.endpoint} does not exist.")
        context = delivery_context(topic.arn)
        service, action = "sns.amazonaws.com", "sqs:SendMessage"
        policy = queue.value.policy
        admitted = admits(policy, service=service, action=action, resource=one.endpoint, context=context)
        if admitted is Admission.NOT_ADMITTED:
            return Break(place=Place.QUEUE, what=f"The policy of {one.endpoint} does not admit {topic.arn}.")
    return None
