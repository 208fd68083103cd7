"""The check that bounces and complaints reach a subscriber, hop by hop. Knows nothing of what is done there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sendworthy.audit.check import Check, Failed, NotSeen, Passed, Scope, Severity, Subject, see
from sendworthy.audit.evidence import (
    ConfigurationSet,
    EventDestination,
    Evidence,
    Seen,
    Subscription,
    Unseen,
    UnseenKind,
)
from sendworthy.audit.policy import Admission, admits

WANTED = ("BOUNCE", "COMPLAINT")


@dataclass(frozen=True, slots=True)
class _Path:
    """How far one event gets: `broken` at a hop, lost from sight (`unseen`), or to the end when neither is set."""

    hops: tuple[str, ...]
    broken: str = ""
    unseen: Unseen | None = None


def _wired(evidence: Evidence, subject: Subject) -> Passed | Failed:
    identity = see(evidence.identity(subject.region, subject.domain))
    wishes = evidence.wishes_for(subject.region)
    own = identity.configuration_set if identity else ""
    wished = tuple(wishes.configuration_sets.values()) if wishes else ()
    names = _names_to_judge(evidence, subject.region, own, wished)
    if not names:
        missing = f"{subject.domain} has no default configuration set" if identity else "There is no configuration set"
        return Failed(f"{missing}, so its bounces and complaints reach no program.")
    broken: list[str] = []
    unseen: list[Unseen] = []
    hops: list[str] = []
    for name in names:
        for path in _paths_of(evidence, subject.region, name):
            hops += path.hops
            if path.broken:
                broken.append(path.broken)
            elif path.unseen:
                unseen.append(path.unseen)
    quoted = tuple(dict.fromkeys(hops))
    if broken:
        return Failed(f"{'; '.join(dict.fromkeys(broken))}.", quoted)
    if unseen:
        raise NotSeen(unseen)
    return Passed(f"Bounces and complaints of {', '.join(names)} reach a subscriber.", quoted)


def _names_to_judge(evidence: Evidence, region: str, own: str, wished: tuple[str, ...]) -> tuple[str, ...]:
    """Give the sets that mail can go by: the identity's own, and those wished for.

    A wished set that does not exist yet is left out beside an own one: SES refuses mail that names it, so no bounce
    is lost by it.
    """
    existing = tuple(name for name in wished if evidence.configuration_set(region, name) != Seen(None))
    return tuple(dict.fromkeys(name for name in (own, *(existing if own else wished)) if name))


def _paths_of(evidence: Evidence, region: str, name: str) -> tuple[_Path, ...]:
    reading = evidence.configuration_set(region, name)
    if isinstance(reading, Unseen):
        return (_Path((), unseen=reading),)
    if reading.value is None:
        return (_Path((), broken=f"Configuration set {name} does not exist"),)
    if isinstance(reading.value.destinations, Unseen):
        return (_Path((), unseen=reading.value.destinations),)
    destinations = reading.value.destinations.value
    return tuple(_path_of(evidence, region, reading.value, destinations, kind) for kind in WANTED)


def _path_of(
    evidence: Evidence, region: str, owner: ConfigurationSet, destinations: tuple[EventDestination, ...], kind: str
) -> _Path:
    """Follow one kind of event; of several ways the best one counts."""
    matching = [one for one in destinations if kind in one.matching]
    enabled = [one for one in matching if one.enabled]
    if not enabled:
        why = "the destination is switched off" if matching else "no event destination matches"
        return _Path((), broken=f"{kind} of {owner.name} goes nowhere: {why}")
    paths = [_follow(evidence, region, owner.name, one, kind) for one in enabled]
    return _best(paths)


def _best(paths: list[_Path]) -> _Path:
    whole = [path for path in paths if not path.broken and path.unseen is None]
    unclear = [path for path in paths if path.unseen is not None]
    return (whole or unclear or paths)[0]


def _follow(evidence: Evidence, region: str, owner: str, destination: EventDestination, kind: str) -> _Path:
    start = f"{kind}: {owner} -> {destination.name}"
    if destination.kind == "cloudwatch":
        return _Path((start,), broken=f"{kind} of {owner} goes to CloudWatch only, which counts and tells nobody who")
    if destination.kind != "sns":
        reason = f"events of {owner} go to {destination.kind}, which is not followed further"
        return _Path((start,), unseen=Unseen(kind=UnseenKind.NOT_READ, reason=reason))
    topic = evidence.topic(region, destination.target)
    hops = (f"{start} -> {destination.target}",)
    if isinstance(topic, Unseen):
        return _Path(hops, unseen=topic)
    if topic.value is None:
        return _Path(hops, broken=f"{kind} of {owner} goes to a topic that does not exist: {destination.target}")
    if isinstance(topic.value.subscriptions, Unseen):
        return _Path(hops, unseen=topic.value.subscriptions)
    subscriptions = topic.value.subscriptions.value
    if not subscriptions:
        return _Path(hops, broken=f"nobody subscribes to {destination.target}")
    ends = [_end(evidence, region, destination.target, one) for one in subscriptions]
    best = _best(ends)
    return _Path(hops + best.hops, best.broken, best.unseen)


def _end(evidence: Evidence, region: str, topic_arn: str, subscription: Subscription) -> _Path:
    hop = (f"{topic_arn} -> {subscription.protocol} {_shown(subscription)}",)
    if not subscription.confirmed:
        return _Path(hop, broken=f"the {subscription.protocol} subscription to {topic_arn} is not confirmed")
    if isinstance(subscription.details, Unseen):
        return _Path(hop, unseen=subscription.details)
    if subscription.filter_policy not in ("", "{}"):
        reason = f"the subscription to {topic_arn} has a filter policy, which is not evaluated"
        return _Path(hop, unseen=Unseen(kind=UnseenKind.NOT_READ, reason=reason))
    if subscription.protocol != "sqs":
        return _Path(hop)
    return _queue_end(evidence, region, topic_arn, subscription.endpoint, hop)


def _shown(subscription: Subscription) -> str:
    """Give the endpoint without what may be private: a URL can carry a secret, a mailbox is a person's."""
    return subscription.endpoint if subscription.protocol in ("sqs", "lambda", "firehose") else "endpoint"


def _queue_end(evidence: Evidence, region: str, topic_arn: str, queue_arn: str, hop: tuple[str, ...]) -> _Path:
    queue = evidence.queue(region, queue_arn)
    if isinstance(queue, Unseen):
        return _Path(hop, unseen=queue)
    if queue.value is None:
        return _Path(hop, broken=f"the queue does not exist: {queue_arn}")
    context = delivery_context(topic_arn)
    answer = admits(
        queue.value.policy, service="sns.amazonaws.com", action="sqs:SendMessage", resource=queue_arn, context=context
    )
    match answer:
        case Admission.ADMITTED:
            return _Path(hop)
        case Admission.NOT_ADMITTED:
            return _Path(hop, broken=f"the policy of {queue_arn} does not admit {topic_arn}")
        case Admission.UNCLEAR:
            reason = f"the policy of {queue_arn} has conditions that are not evaluated"
            return _Path(hop, unseen=Unseen(kind=UnseenKind.NOT_READ, reason=reason))
        case _:
            assert_never(answer)


def delivery_context(source_arn: str) -> dict[str, str]:
    """Give the condition keys under which an AWS service delivers for `source_arn`."""
    parts = source_arn.split(":")
    account = parts[4] if len(parts) > 4 else ""
    return {"aws:sourcearn": source_arn, "aws:sourceaccount": account, "aws:securetransport": "true"}


EVENTS = Check(
    id="events.wired",
    title="Bounces and complaints reach a program",
    severity=Severity.CRITICAL,
    scope=Scope.IDENTITY,
    needs=(
        "ses:GetEmailIdentity",
        "ses:GetConfigurationSet",
        "ses:GetConfigurationSetEventDestinations",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:GetSubscriptionAttributes",
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
    ),
    why=(
        "AWS asks how bounces and complaints are handled and refuses senders without an answer. An event that reaches "
        "no program removes nobody from a list."
    ),
    fix="Wire BOUNCE and COMPLAINT through an enabled SNS destination to a queue: `sendworthy apply` does it.",
    source="https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html",
    blocks_request=True,
    run=_wired,
)
