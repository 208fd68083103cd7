"""The statements that let SES publish to our topic and the topic write to our queue, added to what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sendworthy.audit.policy import Admission, admits, statements

_VERSION = "2012-10-17"


def ses_may_publish(topic_arn: str, account_id: str) -> Mapping[str, Any]:
    """Give the statement of the topic (SES Developer Guide, "Set up an Amazon SNS event destination")."""
    return {
        "Sid": "SendworthySesPublish",
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def topic_may_send(queue_arn: str, topic_arn: str) -> Mapping[str, Any]:
    """Give the statement of the queue: this one topic and nobody else."""
    return {
        "Sid": "SendworthyTopicSend",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }


def cloudwatch_may_publish(topic_arn: str, account_id: str) -> Mapping[str, Any]:
    """Give the statement of the alarms' topic (SNS Developer Guide, "Example cases", CloudWatch alarms)."""
    return {
        "Sid": "SendworthyAlarmPublish",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def ses_is_admitted(policy: str, topic_arn: str, account_id: str) -> bool:
    """Say whether the topic's policy certainly lets SES publish for this account."""
    context = {"aws:sourceaccount": account_id, "aws:securetransport": "true"}
    answer = admits(policy, service="ses.amazonaws.com", action="sns:Publish", resource=topic_arn, context=context)
    return answer is Admission.ADMITTED


def with_statement(policy: str, statement: Mapping[str, Any]) -> str | None:
    """Give `policy` with `statement` in it, in place of one with the same Sid. None when `policy` cannot be read."""
    present = statements(policy)
    if present is None:
        return None
    kept = [one for one in present if one.get("Sid") != statement["Sid"]]
    document: dict[str, Any] = msgspec.json.decode(policy.encode()) if policy else {"Version": _VERSION}
    return msgspec.json.encode({**document, "Statement": [*kept, statement]}).decode()


def without_statement(policy: str, sid: str) -> str | None:
    """Give `policy` without the statement of that Sid; empty when nothing is left, None when it cannot be read."""
    present = statements(policy)
    if present is None:
        return None
    kept = [one for one in present if one.get("Sid") != sid]
    if not kept:
        return ""
    document: dict[str, Any] = msgspec.json.decode(policy.encode())
    return msgspec.json.encode({**document, "Statement": kept}).decode()
