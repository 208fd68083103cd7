"""What subscriptions ask of SNS: filters, retries, content types, dead letters. Delivers nothing itself.

SNS Developer Guide: "Creating an HTTP/S delivery policy", "Message filtering", "Dead-letter queues", "HTTP headers".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sendworthy.simulator.life import Parcel
from sendworthy.simulator.patterns import matches
from sendworthy.simulator.topics import Confirmation, Subscription, Topic

PLAIN_TEXT = "text/plain; charset=UTF-8"
_USER_AGENT = "Amazon Simple Notification Service Agent"
_LONGEST_RETRYING = 3_600  # seconds, "a hard limit"
_MOST_RETRIES = 100
_CONTENT_TYPES = ("text/", "application/json", "application/xml")
_DEFAULTS: dict[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "numMaxDelayRetries": 0,
    "backoffFunction": "linear",
}
_BACKOFF = frozenset({"linear", "arithmetic", "geometric", "exponential"})


def delivery_policy_problem(text: str, *, of_topic: bool) -> str:
    """Return what is wrong with a DeliveryPolicy in one clause; empty when nothing is."""
    policy = _object(text)
    if policy is None:
        return "DeliveryPolicy: failed to parse JSON"
    if of_topic:
        policy = policy.get("http") or {}
        retry = policy.get("defaultHealthyRetryPolicy")
    else:
        retry = policy.get("healthyRetryPolicy")
    if retry is not None:
        wrong = _retry_problem(retry)
        if wrong:
            return f"DeliveryPolicy: {wrong}"
    kind = ((policy.get("requestPolicy") or policy.get("defaultRequestPolicy")) or {}).get("headerContentType")
    if kind is not None and not str(kind).startswith(_CONTENT_TYPES):
        return "DeliveryPolicy: headerContentType is not supported"
    return ""


def _retry_problem(retry: object) -> str:
    if not isinstance(retry, dict) or set(retry) - set(_DEFAULTS):
        return "healthyRetryPolicy has an unknown member"
    found = _DEFAULTS | retry
    if found["backoffFunction"] not in _BACKOFF:
        return "backoffFunction is not known"
    if any(not isinstance(value, int) or value < 0 for name, value in found.items() if name != "backoffFunction"):
        return "numbers must be whole and not negative"
    if not 1 <= found["minDelayTarget"] <= found["maxDelayTarget"] <= _LONGEST_RETRYING:
        return "minDelayTarget and maxDelayTarget must be 1 to 3600 seconds, the first no more than the second"
    phases = found["numNoDelayRetries"] + found["numMinDelayRetries"] + found["numMaxDelayRetries"]
    if found["numRetries"] > _MOST_RETRIES or phases > found["numRetries"]:
        return "numRetries must be at most 100 and no less than the retries of the phases"
    if sum(delays_of(found)) > _LONGEST_RETRYING:
        return "the total policy retry time must not exceed 3600 seconds"
    return ""


def delays_of(retry: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the seconds before each retry: at once, by the least delay, growing, then by the greatest.

    The growth of each back-off function is AWS's name for it; how AWS computes it is not published.
    """
    found = _DEFAULTS | dict(retry)
    least, most = float(found["minDelayTarget"]), float(found["maxDelayTarget"])
    middle = (
        found["numRetries"] - found["numNoDelayRetries"] - found["numMinDelayRetries"] - found["numMaxDelayRetries"]
    )
    growing = [_step(str(found["backoffFunction"]), least, most, number, middle) for number in range(middle)]
    return (
        *[0.0] * found["numNoDelayRetries"],
        *[least] * found["numMinDelayRetries"],
        *growing,
        *[most] * found["numMaxDelayRetries"],
    )


def _step(function: str, least: float, most: float, number: int, count: int) -> float:
    share = number / (count - 1) if count > 1 else 0.0
    match function:
        case "arithmetic":
            share = share * (share + 1) / 2
        case "geometric":
            share = share**2
        case "exponential":
            share = (2 ** (share * 4) - 1) / 15
        case _:
            pass
    return least + (most - least) * share


def retries_of(topic: Topic, subscription: Subscription) -> tuple[float, ...]:
    """Return the delays of a subscription: by its own policy unless the topic overrides it, else the topic's."""
    of_topic = (_object(topic.attributes.get("DeliveryPolicy", "")) or {}).get("http") or {}
    own = _object(subscription.attributes.get("DeliveryPolicy", "")) or {}
    retry = of_topic.get("defaultHealthyRetryPolicy") or {}
    if not of_topic.get("disableSubscriptionOverrides") and own.get("healthyRetryPolicy"):
        retry = own["healthyRetryPolicy"]
    return delays_of(retry)


def notification_parcel(
    topic: Topic, subscription: Subscription, message_id: str, body: str | Callable[[], str], *, now: datetime
) -> Parcel:
    """Return the HTTP delivery of a notification, with AWS's headers."""
    headers = _headers("Notification", topic.arn, message_id) | {"x-amz-sns-subscription-arn": subscription.arn}
    own = (_object(subscription.attributes.get("DeliveryPolicy", "")) or {}).get("requestPolicy") or {}
    if own.get("headerContentType"):
        headers["content-type"] = str(own["headerContentType"])
    if subscription.raw:
        headers["x-amz-sns-rawdelivery"] = "true"
    return Parcel(
        topic_arn=topic.arn,
        subscription_arn=subscription.arn,
        url=subscription.endpoint,
        headers=headers,
        body=body,
        due=now,
        delays=retries_of(topic, subscription),
        dead_letter_arn=dead_letter_arn(subscription),
    )


def confirmation_parcel(
    topic: Topic, subscription: Subscription, confirmation: Confirmation, *, now: datetime
) -> Parcel:
    """Return the HTTP delivery of a confirmation."""
    return Parcel(
        topic_arn=topic.arn,
        subscription_arn=subscription.arn,
        url=subscription.endpoint,
        headers=_headers(confirmation.kind, topic.arn, confirmation.message_id),
        body=confirmation,
        due=now,
        delays=delays_of({}),
    )


def _headers(kind: str, topic_arn: str, message_id: str) -> dict[str, str]:
    return {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": topic_arn,
        "content-type": PLAIN_TEXT,
        "user-agent": _USER_AGENT,
    }


def dead_letter_arn(subscription: Subscription) -> str:
    """Return the ARN of the subscription's dead-letter queue; empty without one."""
    policy = _object(subscription.attributes.get("RedrivePolicy", "")) or {}
    return str(policy.get("deadLetterTargetArn", ""))


def passes(
    subscription: Subscription, message: str | Callable[[], str], attributes: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Whether a subscription's filter lets a message pass; without a filter everything does."""
    policy = _object(subscription.attributes.get("FilterPolicy", ""))
    if not policy:
        return True
    if subscription.attributes.get("FilterPolicyScope", "MessageAttributes") == "MessageAttributes":
        return matches(policy, {name: _value(value) for name, value in attributes.items()})
    body = _object(message if isinstance(message, str) else message())
    return body is not None and matches(policy, body)


def _value(attribute: Mapping[str, Any]) -> Any:
    kind, text = str(attribute["DataType"]), attribute.get("StringValue")
    if text is None:
        return None
    if kind == "Number" or kind.startswith("String.Array"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
