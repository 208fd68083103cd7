"""Checks of the queues that take events: who may send, what waits, what was given up on. Asks no server."""

from __future__ import annotations

import json

from sendworthy.audit.check import (
    Check,
    Failed,
    NotApplicable,
    Passed,
    Scope,
    Severity,
    Subject,
    counted,
    not_followed,
    see,
)
from sendworthy.audit.checks.events import delivery_context
from sendworthy.audit.checks.pipeline import topics_of
from sendworthy.audit.evidence import Evidence, Queue
from sendworthy.audit.policy import Admission, admits, statements

_SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
MAX_AGE_SECONDS = 3600.0
"""An event older than this is nobody's promptly handled bounce; our own line."""

RETENTION_SECONDS = 4 * 24 * 3600
"""SQS's own default: a consumer may be down over a long weekend."""


def _queues(evidence: Evidence, region: str) -> dict[str, tuple[str, Queue]]:
    """Give the queues that subscribe to those topics: ARN to the topic's ARN and the queue."""
    found: dict[str, tuple[str, Queue]] = {}
    for topic_arn, topic in topics_of(evidence, region).items():
        for one in see(topic.subscriptions) if topic else ():
            if one.protocol == "sqs" and one.confirmed:
                queue = see(evidence.queue(region, one.endpoint))
                if queue is not None:
                    found[one.endpoint] = (topic_arn, queue)
    if not found:
        raise NotApplicable(f"No queue in {region} takes events; events.wired says how they go.")
    return found


def _queue_policy(evidence: Evidence, subject: Subject) -> Passed | Failed:
    wrong: list[str] = []
    for arn, (topic_arn, queue) in _queues(evidence, subject.region).items():
        answer = admits(
            queue.policy,
            service="sns.amazonaws.com",
            action="sqs:SendMessage",
            resource=arn,
            context=delivery_context(topic_arn),
        )
        if answer is Admission.NOT_ADMITTED:
            wrong.append(f"the policy of {arn} does not admit {topic_arn}")
        elif answer is Admission.UNCLEAR:
            not_followed(f"the policy of {arn} has conditions that are not evaluated", "sqs:GetQueueAttributes")
        if any(_open_to_all(one) for one in statements(queue.policy) or ()):
            wrong.append(f"the policy of {arn} lets everybody send")
    if wrong:
        return Failed(f"{'; '.join(wrong)}.")
    return Passed("Each queue takes events from its topic and from nobody else unasked.")


def _open_to_all(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    principal = statement.get("Principal")
    return principal == "*" or (isinstance(principal, dict) and "*" in (principal.get("AWS"), principal.get("Service")))


QUEUE_POLICY = Check(
    id="events.queue_policy",
    title="Queues admit their topic and nobody else",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("sqs:GetQueueAttributes",),
    why="A queue that admits too little gets no event; one that admits all lets strangers forge bounces of your users.",
    fix="Admit sns.amazonaws.com with aws:SourceArn of the topic alone: `sendworthy apply` does it.",
    source=f"{_SQS}/sqs-basic-examples-of-sqs-policies.html",
    blocks_request=False,
    run=_queue_policy,
)


def _dead_letter_arn(queue: Queue) -> str:
    try:
        return str(json.loads(queue.redrive_policy or "{}").get("deadLetterTargetArn", ""))
    except (ValueError, AttributeError):
        return ""


def _dead_letter(evidence: Evidence, subject: Subject) -> Passed | Failed:
    queues = _queues(evidence, subject.region)
    without = [arn for arn, (_topic_arn, queue) in queues.items() if not _dead_letter_arn(queue)]
    if without:
        return Failed(f"No dead-letter queue: {', '.join(without)}.")
    return Passed(f"Each of {counted(queues, 'queue')} has a dead-letter queue.")


DEAD_LETTER = Check(
    id="events.dead_letter",
    title="A dead-letter queue",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("sqs:GetQueueAttributes",),
    why="An event that a consumer cannot read blocks or disappears; a bounce that disappears is mailed again.",
    fix="Give the queue a redrive policy: `sendworthy apply` does it.",
    source=f"{_SQS}/sqs-dead-letter-queues.html",
    blocks_request=False,
    run=_dead_letter,
)


def _dead_letters(evidence: Evidence, subject: Subject) -> Passed | Failed:
    names = dict.fromkeys(
        arn for _topic_arn, queue in _queues(evidence, subject.region).values() if (arn := _dead_letter_arn(queue))
    )
    if not names:
        raise NotApplicable("There is no dead-letter queue; events.dead_letter says so.")
    waiting: dict[str, int] = {}
    for arn in names:
        queue = see(evidence.queue(subject.region, arn))
        if queue is None:
            return Failed(f"The dead-letter queue {arn} does not exist.")
        if queue.messages is None:
            not_followed(f"SQS did not say how many messages wait in {arn}", "sqs:GetQueueAttributes")
        waiting[arn] = queue.messages
    full = [f"{count} in {arn}" for arn, count in waiting.items() if count]
    if full:
        return Failed(f"Events were given up on: {', '.join(full)}.")
    return Passed("No event was given up on.")


DEAD_LETTERS = Check(
    id="events.dead_letters",
    title="No events given up on",
    severity=Severity.MEDIUM,
    scope=Scope.REGION,
    needs=("sqs:GetQueueAttributes",),
    why="Each message there is a bounce or complaint that nobody acted on.",
    fix="Read them, mend the consumer, and move them back (StartMessageMoveTask).",
    source=f"{_SQS}/sqs-dead-letter-queues.html",
    blocks_request=False,
    run=_dead_letters,
)


def _age(evidence: Evidence, subject: Subject) -> Passed | Failed:
    queues = _queues(evidence, subject.region)
    metrics = see(evidence.regions[subject.region].metrics)
    ages = {arn: metrics.oldest_message_seconds.get(arn, 0.0) for arn in queues}
    quoted = tuple(f"{arn}: oldest message {age:.0f} s" for arn, age in ages.items())
    old = [arn for arn, age in ages.items() if age > MAX_AGE_SECONDS]
    if old:
        return Failed(f"Events wait for {max(ages.values()) / 3600:.1f} hours in {', '.join(old)}.", quoted)
    return Passed("No event waits longer than an hour.", quoted)


AGE = Check(
    id="events.age",
    title="Events are fetched at once",
    severity=Severity.HIGH,
    scope=Scope.REGION,
    needs=("sqs:GetQueueAttributes", "cloudwatch:GetMetricData"),
    why="A consumer that stands still goes unnoticed: mail goes on to addresses that bounced hours ago.",
    fix="Look whether the consumer runs (`sendworthy up`), and set an alarm on ApproximateAgeOfOldestMessage.",
    source=f"{_SQS}/sqs-available-cloudwatch-metrics.html",
    blocks_request=False,
    run=_age,
)


def _retention(evidence: Evidence, subject: Subject) -> Passed | Failed:
    short: list[str] = []
    for arn, (_topic_arn, queue) in _queues(evidence, subject.region).items():
        if queue.retention_seconds is None:
            not_followed(f"SQS did not say how long {arn} keeps messages", "sqs:GetQueueAttributes")
        if queue.retention_seconds < RETENTION_SECONDS:
            short.append(f"{arn} keeps messages for {queue.retention_seconds / 86400:.1f} days")
    if short:
        return Failed(f"{'; '.join(short)}.")
    return Passed("Queues keep events for four days or longer.")


RETENTION = Check(
    id="events.retention",
    title="Queues keep events long enough",
    severity=Severity.LOW,
    scope=Scope.REGION,
    needs=("sqs:GetQueueAttributes",),
    why="Bounces that come while the consumer is down over a weekend are to be there on Monday.",
    fix="Set MessageRetentionPeriod to 1209600, the fourteen days that SQS allows.",
    source=f"{_SQS}/quotas-messages.html",
    blocks_request=False,
    run=_retention,
)

QUEUES = (QUEUE_POLICY, DEAD_LETTER, DEAD_LETTERS, AGE, RETENTION)
