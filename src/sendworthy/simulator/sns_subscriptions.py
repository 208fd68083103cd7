"""Subscriptions of SNS: queues at once, HTTP endpoints on this machine once they confirmed. Delivers nothing."""

from __future__ import annotations

import ipaddress
import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sendworthy.simulator.patterns import problem
from sendworthy.simulator.sns import page, topic_of
from sendworthy.simulator.sns_policies import confirmation_parcel, delivery_policy_problem
from sendworthy.simulator.state import Moment, Simulation
from sendworthy.simulator.topics import Confirmation, Subscription, Topic
from sendworthy.wire.errors import WireError

_QUEUE = re.compile(r"arn:aws:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}")
_ATTRIBUTES = frozenset({"RawMessageDelivery", "DeliveryPolicy", "RedrivePolicy", "FilterPolicy", "FilterPolicyScope"})
_SCOPES = frozenset({"MessageAttributes", "MessageBody"})
_MOST_FILTER_KEYS = 5
TOKEN_LASTS = timedelta(days=3)
"""How long a confirmation token is good (SNS API reference, ConfirmSubscription)."""


def subscribe(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """Subscribe a queue, confirmed at once as AWS does within one account, or an HTTP endpoint on this machine."""
    topic = topic_of(moment, params["TopicArn"])
    protocol, endpoint = params["Protocol"], params.get("Endpoint") or ""
    _check_endpoint(protocol, endpoint)
    attributes = params.get("Attributes") or {}
    for key, value in attributes.items():
        _check_attribute(key, value)
    for known in topic.subscriptions.values():
        if (known.protocol, known.endpoint) == (protocol, endpoint):
            if any(known.attributes.get(key) != value for key, value in attributes.items()):
                raise WireError(
                    "InvalidParameter",
                    "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
                )
            if not known.confirmed:
                _ask(moment, topic, known)
            return {"SubscriptionArn": _shown_arn(known, params)}
    arn = f"{topic.arn}:{moment.sim.new_id()}"
    made = Subscription(arn=arn, protocol=protocol, endpoint=endpoint, attributes=dict(attributes))
    topic.subscriptions[arn] = made
    if protocol != "sqs":
        made.confirmed = False
        _ask(moment, topic, made)
    return {"SubscriptionArn": _shown_arn(made, params)}


def confirm_subscription(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ConfirmSubscription: by a signed call."""
    topic = topic_of(moment, params["TopicArn"])
    return {"SubscriptionArn": confirm(topic, params["Token"], now=moment.now, signed=True)}


def confirm(topic: Topic, token: str, *, now: datetime, signed: bool) -> str:
    """Confirm the subscription that a token belongs to; a visit of SubscribeURL is unsigned. Raises WireError."""
    for each in topic.subscriptions.values():
        if token and each.token == token:
            if not each.confirmed and each.asked_at is not None and now - each.asked_at > TOKEN_LASTS:
                break
            if not each.confirmed:
                each.confirmed, each.with_signature = True, signed
            return each.arn
    raise WireError("InvalidParameter", "Invalid parameter: Token")


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
        "PendingConfirmation": "false" if found.confirmed else "true",
        "ConfirmationWasAuthenticated": "true" if found.confirmed and found.with_signature else "false",
    }
    return {"Attributes": found.attributes | fixed}


def set_subscription_attributes(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """SetSubscriptionAttributes; an empty value takes a policy away."""
    _, found = _subscription(moment, params["SubscriptionArn"])
    name, value = params["AttributeName"], params.get("AttributeValue") or ""
    if not value and name in _ATTRIBUTES - {"RawMessageDelivery"}:
        found.attributes.pop(name, None)
        return {}
    _check_attribute(name, value)
    found.attributes[name] = value
    return {}


def list_subscriptions_by_topic(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListSubscriptionsByTopic, a hundred to a page."""
    return _listed(topic_of(moment, params["TopicArn"]).subscriptions, params.get("NextToken"))


def list_subscriptions(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """ListSubscriptions of the account in the Region, a hundred to a page."""
    prefix = f"arn:aws:sns:{moment.account.region}:{moment.account.account_id}:"
    topics = [topic for arn, topic in moment.sim.topics.items() if arn.startswith(prefix)]
    found = {arn: each for topic in topics for arn, each in topic.subscriptions.items()}
    return _listed(found, params.get("NextToken"))


def unsubscribe(moment: Moment, params: dict[str, Any]) -> dict[str, Any]:
    """Unsubscribe; a subscription that is gone already is no error."""
    drop(moment.sim, params["SubscriptionArn"])
    return {}


def drop(sim: Simulation, arn: str) -> None:
    """Take a subscription away, if it is there."""
    topic = sim.topics.get(arn.rpartition(":")[0])
    if topic is not None:
        topic.subscriptions.pop(arn, None)


def _ask(moment: Moment, topic: Topic, subscription: Subscription) -> None:
    subscription.token = moment.sim.new_id().replace("-", "") * 4
    subscription.asked_at = moment.now
    confirmation = Confirmation(
        kind="SubscriptionConfirmation",
        topic_arn=topic.arn,
        message_id=moment.sim.new_id(),
        token=subscription.token,
        at=moment.now,
        signature_version=topic.signature_version,
    )
    moment.sim.around.outgoing.add(confirmation_parcel(topic, subscription, confirmation, now=moment.queue_now))


def _check_endpoint(protocol: str, endpoint: str) -> None:
    match protocol:
        case "sqs":
            if not _QUEUE.fullmatch(endpoint):
                raise WireError("InvalidParameter", "Invalid parameter: SQS endpoint ARN")
        case "http" | "https":
            if not endpoint.startswith(f"{protocol}://"):
                raise WireError("InvalidParameter", "Invalid parameter: Endpoint must match the specified protocol")
            if not is_loopback(endpoint):
                raise WireError(
                    "InvalidParameter",
                    "Invalid parameter: Endpoint Reason: the simulator delivers to this machine only: 127.0.0.1, ::1 "
                    "or localhost",
                )
        case _:
            raise WireError("InvalidParameter", f"Invalid parameter: Protocol Reason: {protocol} is not simulated")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine by its own words: a loopback address or localhost; no name is looked up."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if port == 0 or parts.username is not None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_attribute(name: str, value: str) -> None:
    if name not in _ATTRIBUTES:
        raise WireError("InvalidParameter", "Invalid parameter: AttributeName")
    wrong = ""
    match name:
        case "RawMessageDelivery":
            wrong = "" if value.lower() in {"true", "false"} else "Attributes Reason: RawMessageDelivery: not a boolean"
        case "DeliveryPolicy":
            wrong = delivery_policy_problem(value, of_topic=False)
        case "FilterPolicyScope":
            wrong = "" if value in _SCOPES else "Attributes Reason: FilterPolicyScope: Invalid value"
        case "FilterPolicy":
            wrong = _filter_problem(value)
        case _:
            wrong = _redrive_problem(value)
    if wrong:
        raise WireError("InvalidParameter", f"Invalid parameter: {wrong}")


def _filter_problem(value: str) -> str:
    try:
        policy = json.loads(value)
    except ValueError:
        return "FilterPolicy: failed to parse JSON"
    if policy == {}:
        return ""
    wrong = problem(policy)
    if not wrong and len(policy) > _MOST_FILTER_KEYS:
        wrong = f"a filter has at most {_MOST_FILTER_KEYS} keys"
    return f"FilterPolicy: {wrong}" if wrong else ""


def _redrive_problem(value: str) -> str:
    try:
        target = json.loads(value)["deadLetterTargetArn"]
    except (ValueError, TypeError, KeyError):
        return "RedrivePolicy: failed to parse JSON, or deadLetterTargetArn is missing"
    return "" if _QUEUE.fullmatch(str(target)) else "RedrivePolicy: deadLetterTargetArn is an invalid ARN"


def _subscription(moment: Moment, arn: str) -> tuple[Topic, Subscription]:
    topic = moment.sim.topics.get(arn.rpartition(":")[0])
    found = topic.subscriptions.get(arn) if topic is not None else None
    if topic is None or found is None:
        raise WireError("NotFound", "Subscription does not exist", 404)
    return topic, found


def _shown_arn(subscription: Subscription, params: dict[str, Any]) -> str:
    known = subscription.confirmed or params.get("ReturnSubscriptionArn")
    return subscription.arn if known else "pending confirmation"


def _listed(subscriptions: dict[str, Subscription], token: str | None) -> dict[str, Any]:
    some, more = page(sorted(subscriptions), token)
    return {
        "Subscriptions": [
            {
                "SubscriptionArn": each.arn if each.confirmed else "PendingConfirmation",
                "Owner": each.arn.split(":")[4],
                "Protocol": each.protocol,
                "Endpoint": each.endpoint,
                "TopicArn": each.topic_arn,
            }
            for each in (subscriptions[arn] for arn in some)
        ]
    } | more
