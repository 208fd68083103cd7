"""The alarms on what AWS judges a sender by, their topic and whom it tells, as steps. Evaluates no alarm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sendworthy.audit.evidence import Caller, Evidence, Topic, Unseen
from sendworthy.audit.policy import Admission, admits
from sendworthy.audit.wishes import Wishes
from sendworthy.provision.inventory import Alarm, Inventory
from sendworthy.provision.resource_policies import cloudwatch_may_publish, with_statement
from sendworthy.provision.step import Call, Step, StepKind, StepStatus, blocked

_NAMESPACE = "AWS/SES"
HOUR = 3600

BOUNCES, COMPLAINTS = "Reputation.BounceRate", "Reputation.ComplaintRate"
DELIVERY_EXPRESSION = "IF(sent >= 100, delivered / sent, 1)"
"""Fewer than a hundred sends in an hour say nothing of a rate."""
DELIVERY_BELOW = 0.9


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm to have. `metric` is empty for the one on the share of sent mail that is delivered."""

    name: str
    what: str
    metric: str
    threshold: float

    @property
    def params(self) -> dict[str, Any]:
        """What PutMetricAlarm takes, but for actions and tags.

        Rates are fractions. Missing data is ignored, as AWS's own recipe has it (SES Developer Guide, "Creating
        reputation monitoring alarms using CloudWatch"): without mail there is no rate, and an alarm must not clear.
        """
        common: dict[str, Any] = {
            "AlarmName": self.name,
            "AlarmDescription": self.what,
            "ActionsEnabled": True,
            "Threshold": self.threshold,
            "EvaluationPeriods": 1,
            "TreatMissingData": "ignore",
        }
        if self.metric:
            return common | {
                "Namespace": _NAMESPACE,
                "MetricName": self.metric,
                "Statistic": "Maximum",
                "Period": HOUR,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            }
        return common | {
            "ComparisonOperator": "LessThanThreshold",
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2,
            "Metrics": [
                _sum_of("sent", "Send"),
                _sum_of("delivered", "Delivery"),
                {"Id": "share", "Expression": DELIVERY_EXPRESSION, "Label": "delivered of sent", "ReturnData": True},
            ],
        }


def _sum_of(name: str, metric: str) -> dict[str, Any]:
    stat = {"Metric": {"Namespace": _NAMESPACE, "MetricName": metric}, "Period": HOUR, "Stat": "Sum"}
    return {"Id": name, "MetricStat": stat, "ReturnData": False}


WANTED = (
    Wanted(
        name="sendworthy-bounce-warn",
        what="The bounce rate has reached 2 %: find out which list or form it comes from.",
        metric=BOUNCES,
        threshold=0.02,
    ),
    Wanted(
        name="sendworthy-bounce-act",
        what="The bounce rate has reached 5 %, where AWS reviews an account: stop bulk mail.",
        metric=BOUNCES,
        threshold=0.05,
    ),
    Wanted(
        name="sendworthy-complaint-warn",
        what="The complaint rate has reached 0.05 %: find out which mail it is.",
        metric=COMPLAINTS,
        threshold=0.0005,
    ),
    Wanted(
        name="sendworthy-complaint-act",
        what="The complaint rate has reached 0.1 %, where AWS reviews an account: stop bulk mail.",
        metric=COMPLAINTS,
        threshold=0.001,
    ),
    Wanted(
        name="sendworthy-delivery-falling",
        what="Less than 90 % of what was sent in an hour was delivered, twice in three hours.",
        metric="",
        threshold=DELIVERY_BELOW,
    ),
)


def alarm_steps(evidence: Evidence, wishes: Wishes, inventory: Inventory) -> Iterator[Step]:
    """Give the steps in the order in which they can be carried out; none when no alarm is wished for."""
    if not wishes.alarms:
        return
    if isinstance(evidence.caller, Unseen):
        yield blocked(StepKind.ALARM_TOPIC, wishes.alarm_topic, "Topic and alarms", evidence.caller)
        return
    caller = evidence.caller.value
    topic_arn = wishes.alarm_topic_arn(caller.partition, caller.account_id)
    yield _topic(wishes, inventory, topic_arn, caller)
    for email in wishes.alarm_emails:
        yield _subscription(inventory, topic_arn, email, wishes)
    for wanted in WANTED:
        yield _alarm(wanted, wishes, inventory, topic_arn)


def _topic(wishes: Wishes, inventory: Inventory, arn: str, caller: Caller) -> Step:
    title = f"SNS topic {wishes.alarm_topic} for alarms"
    reading = inventory.alarm_topic
    if isinstance(reading, Unseen):
        return blocked(StepKind.ALARM_TOPIC, wishes.alarm_topic, title, reading)
    present = reading.value
    policy = with_statement(present.policy if present else "", cloudwatch_may_publish(arn, caller.account_id))
    step = Step(
        id=f"{StepKind.ALARM_TOPIC}:{wishes.alarm_topic}",
        kind=StepKind.ALARM_TOPIC,
        title=title,
        why="An alarm that tells nobody is a picture of an alarm.",
        before="does not exist" if present is None else "exists",
        after="admits the alarms of this account",
        status=StepStatus.DONE,
        reason="" if wishes.alarm_emails or _has_listener(present) else _NOBODY,
    )
    if policy is None:
        return msgspec.structs.replace(step, status=StepStatus.BLOCKED, reason="The topic's policy cannot be read.")
    if present is None:
        attributes = {"Policy": policy, "SignatureVersion": "2"}
        params = {"Name": wishes.alarm_topic, "Attributes": attributes, "Tags": wishes.tag_list()}
        create = Call(service="sns", operation="CreateTopic", params=params)
        return msgspec.structs.replace(step, calls=(create,), status=StepStatus.NEEDED, creates=True)
    if _admits_alarms(present, caller):
        return step
    params = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy}
    change = Call(service="sns", operation="SetTopicAttributes", params=params)
    return msgspec.structs.replace(
        step, before="does not admit alarms", calls=(change,), status=StepStatus.NEEDED, prior={"statement": False}
    )


_NOBODY = "Nobody is told yet: set emails under [alerts], or subscribe to it what you like."


def _has_listener(topic: Topic | None) -> bool:
    return topic is not None and not isinstance(topic.subscriptions, Unseen) and bool(topic.subscriptions.value)


def _admits_alarms(topic: Topic, caller: Caller) -> bool:
    context = {"aws:sourceaccount": caller.account_id, "aws:securetransport": "true"}
    service = "cloudwatch.amazonaws.com"
    answer = admits(topic.policy, service=service, action="sns:Publish", resource=topic.arn, context=context)
    return answer is Admission.ADMITTED


def _subscription(inventory: Inventory, topic_arn: str, email: str, wishes: Wishes) -> Step:
    state = inventory.alarm_emails.get(email, "absent")
    subject = f"{wishes.alarm_topic}:{email}"
    title = f"Alarms told to {email}"
    if isinstance(inventory.alarm_topic, Unseen):
        return blocked(StepKind.ALARM_SUBSCRIPTION, subject, title, inventory.alarm_topic)
    if inventory.alarm_topic.value and isinstance(inventory.alarm_topic.value.subscriptions, Unseen):
        return blocked(StepKind.ALARM_SUBSCRIPTION, subject, title, inventory.alarm_topic.value.subscriptions)
    params = {"TopicArn": topic_arn, "Protocol": "email", "Endpoint": email, "ReturnSubscriptionArn": True}
    subscribe = Call(service="sns", operation="Subscribe", params=params)
    waits = "SNS has written to this address: the link in that mail confirms it." if state == "pending" else ""
    return Step(
        id=f"{StepKind.ALARM_SUBSCRIPTION}:{subject}",
        kind=StepKind.ALARM_SUBSCRIPTION,
        title=title,
        why="A person has to hear of it.",
        before="none" if state == "absent" else state,
        after="subscribed; the person confirms by the link that SNS mails",
        calls=(subscribe,) if state == "absent" else (),
        status=StepStatus.NEEDED if state == "absent" else StepStatus.DONE,
        reason=waits,
        creates=state == "absent",
    )


def _alarm(wanted: Wanted, wishes: Wishes, inventory: Inventory, topic_arn: str) -> Step:
    title = f"Alarm {wanted.name}"
    reading = inventory.alarms
    if isinstance(reading, Unseen):
        return blocked(StepKind.ALARM, wanted.name, title, reading)
    named = next((one for one in reading.value if one.name == wanted.name), None)
    params = wanted.params | {"AlarmActions": [topic_arn], "Tags": wishes.tag_list()}
    step = Step(
        id=f"{StepKind.ALARM}:{wanted.name}",
        kind=StepKind.ALARM,
        title=title,
        why=wanted.what,
        before=_told(named) if named else "does not exist",
        after=f"tells {wishes.alarm_topic} at {wanted.threshold * 100:g} %",
        status=StepStatus.DONE,
    )
    if named is not None:
        if _is_as_wanted(named, wanted, topic_arn):
            return step
        if inventory.owns(step.id):
            calls = (Call(service="cloudwatch", operation="PutMetricAlarm", params=params),)
            return msgspec.structs.replace(step, calls=calls, status=StepStatus.NEEDED, creates=True)
        reason = "An alarm of this name exists and is another; it is left alone. Rename or delete it."
        return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
    other = next((one for one in reading.value if _does_as_well(one, wanted)), None)
    if other is not None:
        return msgspec.structs.replace(step, before=_told(other), after="kept", reason=f"{other.name} does this.")
    calls = (Call(service="cloudwatch", operation="PutMetricAlarm", params=params),)
    return msgspec.structs.replace(step, calls=calls, status=StepStatus.NEEDED, creates=True)


def _told(alarm: Alarm) -> str:
    told = f"tells {len(alarm.actions)}" if alarm.actions_enabled and alarm.actions else "tells nobody"
    return f"{alarm.name} at {alarm.threshold * 100:g} %, {told}"


def _is_as_wanted(alarm: Alarm, wanted: Wanted, topic_arn: str) -> bool:
    params = wanted.params
    return (
        alarm.metric == wanted.metric
        and alarm.comparison == params["ComparisonOperator"]
        and alarm.missing_data == params["TreatMissingData"]
        and abs(alarm.threshold - wanted.threshold) < 1e-9
        and (bool(wanted.metric) or alarm.expression == DELIVERY_EXPRESSION)
        and alarm.actions_enabled
        and topic_arn in alarm.actions
    )


def _does_as_well(alarm: Alarm, wanted: Wanted) -> bool:
    """Say whether somebody's own alarm rings no later than the wanted one, for the whole account.

    Only on the two rates: what a foreign expression means is not judged. An alarm far below the wanted threshold is
    another warning, not this one.
    """
    return (
        bool(wanted.metric)
        and alarm.metric == wanted.metric
        and alarm.namespace == _NAMESPACE
        and not alarm.dimensions
        and alarm.comparison in ("GreaterThanOrEqualToThreshold", "GreaterThanThreshold")
        and wanted.threshold / 2 < alarm.threshold <= wanted.threshold
        and alarm.actions_enabled
        and bool(alarm.actions)
        and not alarm.name.startswith("sendworthy-")
    )


def alarm_params(topic: str) -> tuple[Mapping[str, Any], ...]:
    """Give what each wanted alarm is, with `topic` as its action: for exports."""
    return tuple(wanted.params | {"AlarmActions": [topic]} for wanted in WANTED)
