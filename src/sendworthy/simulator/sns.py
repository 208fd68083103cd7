"""Amazon SNS, small and exact: topics, subscriptions of SQS queues, delivery by policy. Knows no SES."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sendworthy.simulator.policy import Attempt, admits, well_formed
from sendworthy.simulator.queues import Letter
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.simulator.topics import Envelope, Subscription, Topic
from sendworthy.wire.errors import WireError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TOPIC_ATTRIBUTES = frozenset(
    {"Policy", "DisplayName", "DeliveryPolicy", "KmsMasterKeyId", "SignatureVersion", "TracingConfig"}
)
_SUBSCRIPTION_ATTRIBUTES = frozenset({"RawMessageDelivery", "DeliveryPolicy", "RedrivePolicy"})
_PAGE = 100


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
    topic = _topic(moment, params["TopicArn"])
    counted = {
        "TopicArn": topic.arn,
        "Owner": topic.arn.split(":")[4],
        "SubscriptionsConfirmed": str(len(topic.subscriptions)),
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }
    return {"Attributes": topic.attributes | counted}


def set_topic_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetTopicAttributes: policy, display name, signature version and a few that are only kept."""
    topic, value = _topic(moment, params["TopicArn"]), params.get("AttributeValue", "")
    _check_topic_attribute(params["AttributeName"], value)
    topic.attributes[params["AttributeName"]] = value
    return {}


def list_topics(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListTopics, a hundred to a page."""
    prefix = f"arn:aws:sns:{moment.account.region}:{moment.account.account_id}:"
    arns = sorted(arn for arn in moment.sim.topics if arn.startswith(prefix))
    page, token = _page(arns, params.get("NextToken"))
    return {"Topics": [{"TopicArn": arn} for arn in page]} | token


def delete_topic(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteTopic, with its subscriptions; a topic that is not there is no error."""
    moment.sim.topics.pop(params["TopicArn"], None)
    return {}


def subscribe(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """Subscribe an SQS queue: confirmed at once, as AWS does within one account."""
    topic = _topic(moment, params["TopicArn"])
    protocol, endpoint = params["Protocol"], params.get("Endpoint", "")
    if protocol != "sqs":
        raise WireError("InvalidParameter", f"Invalid parameter: Protocol Reason: {protocol} is not simulated")
    if not re.fullmatch(r"arn:aws:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}", endpoint):
        raise WireError("InvalidParameter", "Invalid parameter: SQS endpoint ARN")
    attributes = params.get("Attributes") or {}
    for key, value in attributes.items():
        _check_subscription_attribute(key, value)
    for known in topic.subscriptions.values():
        if (known.protocol, known.endpoint) == (protocol, endpoint):
            if any(known.attributes.get(key) != value for key, value in attributes.items()):
                raise WireError(
                    "InvalidParameter",
                    "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
                )
            return {"SubscriptionArn": known.arn}
    arn = f"{topic.arn}:{moment.sim.new_id()}"
    topic.subscriptions[arn] = Subscription(arn=arn, protocol=protocol, endpoint=endpoint, attributes=dict(attributes))
    return {"SubscriptionArn": arn}


def get_subscription_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """GetSubscriptionAttributes."""
    topic, found = _subscription(moment, params["SubscriptionArn"])
    fixed = {
        "SubscriptionArn": found.arn,
        "TopicArn": topic.arn,
        "Owner": topic.arn.split(":")[4],
        "Protocol": found.protocol,
        "Endpoint": found.endpoint,
        "RawMessageDelivery": "true" if found.raw else "false",
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
    }
    return {"Attributes": found.attributes | fixed}


def set_subscription_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetSubscriptionAttributes: RawMessageDelivery, and two that are only kept."""
    _, found = _subscription(moment, params["SubscriptionArn"])
    value = params.get("AttributeValue", "")
    _check_subscription_attribute(params["AttributeName"], value)
    found.attributes[params["AttributeName"]] = value
    return {}


def list_subscriptions_by_topic(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListSubscriptionsByTopic, a hundred to a page."""
    topic = _topic(moment, params["TopicArn"])
    page, token = _page(sorted(topic.subscriptions), params.get("NextToken"))
    found = [topic.subscriptions[arn] for arn in page]
    return {
        "Subscriptions": [
            {
                "SubscriptionArn": each.arn,
                "Owner": topic.arn.split(":")[4],
                "Protocol": each.protocol,
                "Endpoint": each.endpoint,
                "TopicArn": topic.arn,
            }
            for each in found
        ]
    } | token


def unsubscribe(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """Unsubscribe; a subscription that is gone already is no error."""
    arn = params["SubscriptionArn"]
    topic = moment.sim.topics.get(arn.rpartition(":")[0])
    if topic is not None:
        topic.subscriptions.pop(arn, None)
    return {}


def publish(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """Publish a text to a topic; MessageAttributes and structures are not simulated."""
    arn = params.get("TopicArn") or params.get("TargetArn") or ""
    if not arn:
        raise WireError(
            "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
        )
    if params.get("MessageStructure") or params.get("MessageAttributes"):
        raise WireError(
            "InvalidParameter", "Invalid parameter: Message Reason: structures and attributes are not simulated"
        )
    if not params["Message"]:
        raise WireError("InvalidParameter", "Invalid parameter: Empty message")
    topic = _topic(moment, arn)
    message_id = deliver(
        moment.sim, topic, params["Message"], subject=params.get("Subject", ""), at=moment.now, now=moment.queue_now
    )
    return {"MessageId": message_id}


def deliver(
    sim: Simulation, topic: Topic, message: str | Callable[[], str], *, subject: str, at: datetime, now: datetime
) -> str:
    """Hand a message to every subscribed queue whose policy admits the topic; return its SNS MessageId.

    A queue that does not admit it gets nothing: SNS tries for 23 days and gives up [D26].
    """
    message_id = sim.new_id()
    for subscription in topic.subscriptions.values():
        queue = sim.queues.get(subscription.endpoint)
        if queue is None:
            continue
        attempt = Attempt(
            service="sns.amazonaws.com",
            action="SQS:SendMessage",
            resource=queue.arn,
            context={"aws:sourcearn": topic.arn, "aws:sourceaccount": topic.arn.split(":")[4]},
        )
        if not admits(queue.attributes.get("Policy", ""), attempt):
            continue
        body: str | Callable[[], str] = message
        if not subscription.raw:
            body = Envelope(
                topic_arn=topic.arn,
                subscription_arn=subscription.arn,
                message_id=message_id,
                at=at,
                signature_version=topic.attributes.get("SignatureVersion", "1"),
                message=message,
                subject=subject,
            )
        queue.put(Letter(message_id=sim.new_id(), body=body, sent_at=now, sender="AIDAISIMULATEDSNS0001"), now=now)
    return message_id


def _topic(moment: Moment, arn: str) -> Topic:
    found = moment.sim.topics.get(arn)
    if found is None:
        if not arn.startswith("arn:") or arn.count(":") != 5:
            raise _invalid("TopicArn")
        raise WireError("NotFound", "Topic does not exist", 404)
    return found


def _subscription(moment: Moment, arn: str) -> tuple[Topic, Subscription]:
    topic = moment.sim.topics.get(arn.rpartition(":")[0])
    found = topic.subscriptions.get(arn) if topic is not None else None
    if topic is None or found is None:
        raise WireError("NotFound", "Subscription does not exist", 404)
    return topic, found


def _invalid(what: str) -> WireError:
    return WireError("InvalidParameter", f"Invalid parameter: {what}")


def _check_topic_attribute(name: str, value: str) -> None:
    if name not in _TOPIC_ATTRIBUTES:
        raise WireError("InvalidParameter", "Invalid parameter: AttributeName")
    if name == "Policy" and not well_formed(value):
        raise WireError("InvalidParameter", "Invalid parameter: Policy Error: null")
    if name == "SignatureVersion" and value not in {"1", "2"}:
        raise WireError("InvalidParameter", "Invalid parameter: SignatureVersion")


def _check_subscription_attribute(name: str, value: str) -> None:
    if name not in _SUBSCRIPTION_ATTRIBUTES:
        raise WireError("InvalidParameter", "Invalid parameter: AttributeName")
    if name == "RawMessageDelivery" and value.lower() not in {"true", "false"}:
        raise WireError("InvalidParameter", "Invalid parameter: Attributes Reason: RawMessageDelivery: not a boolean")


def _page(arns: list[str], token: str | None) -> tuple[list[str], dict[str, str]]:
    rest = [arn for arn in arns if token is None or arn > token]
    page = rest[:_PAGE]
    return page, {"NextToken": page[-1]} if len(rest) > _PAGE else {}


def _default_policy(arn: str, account_id: str) -> str:
    # What SNS writes by itself: the owner may do everything, which does not admit ses.amazonaws.com.
    return (
        '{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID",'
        '"Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes",'
        '"SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe",'
        f'"SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"{arn}",'
        f'"Condition":{{"StringEquals":{{"AWS:SourceOwner":"{account_id}"}}}}}}]}}'
    )
