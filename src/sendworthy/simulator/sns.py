"""Amazon SNS, small and exact: topics, publishing, and delivery by policy and filter. Knows no SES."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sendworthy.simulator.policy import Attempt, admits, well_formed
from sendworthy.simulator.queues import Letter
from sendworthy.simulator.sns_policies import dead_letter_arn, delivery_policy_problem, notification_parcel, passes
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.simulator.topics import Envelope, Subscription, Topic
from sendworthy.wire.errors import WireError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TOPIC_ATTRIBUTES = frozenset(
    {"Policy", "DisplayName", "DeliveryPolicy", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"}
)
_PAGE = 100
_MOST_IN_A_BATCH = 10
_MOST_BYTES = 256 * 1024


def create_topic(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """CreateTopic; the same name again gives the same topic."""
    name = params["Name"]
    if not _NAME.fullmatch(name):
        raise _invalid("Topic Name")
    arn = f"arn:aws:sns:{moment.account.region}:{moment.account.account_id}:{name}"
    attributes = params.get("Attributes") or {}
    for key, value in attributes.items():
        _check_topic_attribute(key, value)
    found = moment.sim.topics.get(arn)
    if found is None:
        defaults = {"Policy": _default_policy(arn, moment.account.account_id), "DisplayName": ""}
        moment.sim.topics[arn] = Topic(arn=arn, attributes=defaults | attributes, tags=params.get("Tags") or [])
    elif any(found.attributes.get(key) != value for key, value in attributes.items()):
        raise WireError(
            "InvalidParameter", "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        )
    return {"TopicArn": arn}


def get_topic_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetTopicAttributes."""
    topic = topic_of(moment, params["TopicArn"])
    counted = {
        "TopicArn": topic.arn,
        "Owner": topic.arn.split(":")[4],
        "SubscriptionsConfirmed": str(sum(each.confirmed for each in topic.subscriptions.values())),
        "SubscriptionsPending": str(sum(not each.confirmed for each in topic.subscriptions.values())),
        "SubscriptionsDeleted": "0",
    }
    return {"Attributes": topic.attributes | counted}


def set_topic_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetTopicAttributes: policy, display name, signature version and a few that are only kept."""
    topic, value = topic_of(moment, params["TopicArn"]), params.get("AttributeValue", "")
    _check_topic_attribute(params["AttributeName"], value)
    topic.attributes[params["AttributeName"]] = value
    return {}


def list_topics(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListTopics, a hundred to a page."""
    prefix = f"arn:aws:sns:{moment.account.region}:{moment.account.account_id}:"
    arns = sorted(arn for arn in moment.sim.topics if arn.startswith(prefix))
    some, token = page(arns, params.get("NextToken"))
    return {"Topics": [{"TopicArn": arn} for arn in some]} | token


def delete_topic(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteTopic, with its subscriptions; a topic that is not there is no error."""
    moment.sim.topics.pop(params["TopicArn"], None)
    return {}


def publish(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """Publish a text to a topic, with attributes, or by protocol with MessageStructure json."""
    arn = params.get("TopicArn") or params.get("TargetArn") or ""
    if not arn:
        raise WireError(
            "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
        )
    return {"MessageId": _published(moment, topic_of(moment, arn), params)}


def publish_batch(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """PublishBatch, up to ten."""
    topic, entries = topic_of(moment, params["TopicArn"]), params["PublishBatchRequestEntries"]
    if not entries:
        raise WireError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > _MOST_IN_A_BATCH:
        raise WireError("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
    if len({entry["Id"] for entry in entries}) != len(entries):
        raise WireError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"], "MessageId": _published(moment, topic, entry)})
        except WireError as error:
            failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
    return {"Successful": done, "Failed": failed}


def _published(moment: Moment, topic: Topic, params: dict[str, Any]) -> str:
    message = params["Message"]
    if not message:
        raise WireError("InvalidParameter", "Invalid parameter: Empty message")
    if len(message.encode()) > _MOST_BYTES:
        raise WireError("InvalidParameter", "Invalid parameter: Message too long")
    by_protocol: dict[str, str] = {}
    if params.get("MessageStructure"):
        by_protocol = _structure(params["MessageStructure"], message)
    return deliver(
        moment.sim,
        topic,
        by_protocol.get("default", message),
        subject=params.get("Subject") or "",
        at=moment.now,
        now=moment.queue_now,
        attributes=params.get("MessageAttributes") or {},
        by_protocol=by_protocol,
    )


def _structure(structure: str, message: str) -> dict[str, str]:
    try:
        found = json.loads(message) if structure == "json" else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("default"), str):
        raise WireError(
            "InvalidParameter",
            "Invalid parameter: Message Structure - No default entry in JSON message body, or it is no JSON",
        )
    return {key: value for key, value in found.items() if isinstance(value, str)}


def deliver(
    sim: Simulation,
    topic: Topic,
    message: str | Callable[[], str],
    *,
    subject: str,
    at: datetime,
    now: datetime,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    by_protocol: Mapping[str, str] | None = None,
) -> str:
    """Hand a message to every confirmed subscription whose filter lets it pass; return its SNS MessageId.

    A queue that is gone, or does not admit the topic, gets nothing: SNS tries for 23 days [D26] and then puts the
    message where the subscription's RedrivePolicy says, which happens at once here.
    """
    message_id = sim.new_id()
    for subscription in topic.subscriptions.values():
        if not subscription.confirmed:
            continue
        text = (by_protocol or {}).get(subscription.protocol, message)
        if not passes(subscription, text, attributes or {}):
            continue
        body: str | Callable[[], str] = text
        if not subscription.raw:
            body = Envelope(
                topic_arn=topic.arn,
                subscription_arn=subscription.arn,
                message_id=message_id,
                at=at,
                signature_version=topic.signature_version,
                message=text,
                subject=subject,
                attributes=attributes or {},
            )
        carried = dict(attributes or {}) if subscription.raw else {}
        if subscription.protocol != "sqs":
            sim.around.outgoing.add(notification_parcel(topic, subscription, message_id, body, now=now))
        elif not _into(sim, subscription.endpoint, topic.arn, body, carried, now=now, astray=True):
            into_dead_letters(sim, subscription, body, now=now)
    return message_id


def into_dead_letters(
    sim: Simulation, subscription: Subscription, body: str | Callable[[], str], *, now: datetime
) -> bool:
    """Put what could not be delivered into the subscription's dead-letter queue; False when none takes it."""
    arn = dead_letter_arn(subscription)
    return bool(arn) and _into(sim, arn, subscription.topic_arn, body, {}, now=now, astray=False)


def _into(
    sim: Simulation,
    queue_arn: str,
    topic_arn: str,
    body: str | Callable[[], str],
    attributes: dict[str, Any],
    *,
    now: datetime,
    astray: bool,
) -> bool:
    queue = sim.queues.get(queue_arn)
    if queue is None:
        return False
    attempt = Attempt(
        service="sns.amazonaws.com",
        action="SQS:SendMessage",
        resource=queue.arn,
        context={"aws:sourcearn": topic_arn, "aws:sourceaccount": topic_arn.split(":")[4]},
    )
    if not admits(queue.attributes.get("Policy", ""), attempt):
        return False
    disorder = sim.around.disorder
    for _ in range(2 if astray and disorder.strikes(disorder.duplicate_share) else 1):
        letter = Letter(
            message_id=sim.new_id(), body=body, sent_at=now, sender="AIDAISIMULATEDSNS0001", attributes=attributes
        )
        if not astray or not disorder.is_on:
            queue.put(letter, now=now)
            continue
        late = disorder.delay_seconds if disorder.strikes(disorder.delay_share) else 0.0
        overtaking = disorder.chance.randint(1, max(1, queue.waiting))
        ahead_of = overtaking if disorder.strikes(disorder.reorder_share) else 0
        queue.put(letter, now=now, delay=timedelta(seconds=late), ahead_of=ahead_of)
    return True


def topic_of(moment: Moment, arn: str) -> Topic:
    """Return a topic by its ARN. Raises WireError."""
    found = moment.sim.topics.get(arn)
    if found is None:
        if not arn.startswith("arn:") or arn.count(":") != 5:
            raise _invalid("TopicArn")
        raise WireError("NotFound", "Topic does not exist", 404)
    return found


def _invalid(what: str) -> WireError:
    return WireError("InvalidParameter", f"Invalid parameter: {what}")


def _check_topic_attribute(name: str, value: str) -> None:
    if name not in _TOPIC_ATTRIBUTES:
        raise WireError("InvalidParameter", "Invalid parameter: AttributeName")
    if name == "Policy" and not well_formed(value):
        raise WireError("InvalidParameter", "Invalid parameter: Policy Error: null")
    if name == "DeliveryPolicy" and value and delivery_policy_problem(value, of_topic=True):
        raise WireError("InvalidParameter", f"Invalid parameter: {delivery_policy_problem(value, of_topic=True)}")
    if name == "SignatureVersion" and value not in {"1", "2"}:
        raise WireError("InvalidParameter", "Invalid parameter: SignatureVersion")


def page(arns: list[str], token: str | None) -> tuple[list[str], dict[str, str]]:
    """Return a hundred of the sorted ARNs after the one that the token is, and the token to go on with."""
    rest = [arn for arn in arns if token is None or arn > token]
    some = rest[:_PAGE]
    return some, {"NextToken": some[-1]} if len(rest) > _PAGE else {}


def _default_policy(arn: str, account_id: str) -> str:
    # What SNS writes by itself: the owner may do everything, which does not admit ses.amazonaws.com.
    return (
        '{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID",'
        '"Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes",'
        '"SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe",'
        f'"SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"{arn}",'
        f'"Condition":{{"StringEquals":{{"AWS:SourceOwner":"{account_id}"}}}}}}]}}'
    )
