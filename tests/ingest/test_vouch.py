"""Whom a queue's policy lets write decides whether unsigned bodies are believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sendworthy.ingest.vouch import Vouched, vouched

TOPIC = "arn:aws:sns:eu-west-1:111122223333:ses-events"
RULE = "arn:aws:events:eu-west-1:111122223333:rule/ses"
ACCOUNT = "111122223333"


def allow(source: Any, service: str = "sns.amazonaws.com", **changed: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    } | changed


def judged(*statements: dict[str, Any]) -> Vouched:
    return vouched(json.dumps({"Statement": list(statements)}), topics={TOPIC}, account=ACCOUNT)


def test_a_policy_that_admits_only_our_topic_vouches_for_raw_bodies() -> None:
    assert judged(allow(TOPIC)) == Vouched(raw=True)
    assert judged(allow([TOPIC], Condition={"StringEquals": {"AWS:SourceArn": [TOPIC]}})) == Vouched(raw=True)


def test_a_policy_that_admits_rules_of_our_account_vouches_for_eventbridge() -> None:
    assert judged(allow(RULE, "events.amazonaws.com")) == Vouched(bridge=True)
    assert judged(allow(RULE, "events.amazonaws.com"), allow(TOPIC)) == Vouched(raw=True, bridge=True)


@pytest.mark.parametrize(
    "statement",
    [
        allow("arn:aws:sns:eu-west-1:999999999999:theirs"),
        allow([TOPIC, "arn:aws:sns:eu-west-1:999999999999:theirs"]),
        allow("arn:aws:sns:*:*:*", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
        allow(TOPIC, Condition={}),
        allow(TOPIC, Condition=None),
        allow(TOPIC, Principal={"AWS": "*"}, Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        allow(TOPIC, Condition={"ArnEqualsIfExists": {"aws:SourceArn": TOPIC}}),
        allow(TOPIC, Condition={"ArnNotEquals": {"aws:SourceArn": TOPIC}}),
        allow("arn:aws:events:eu-west-1:999999999999:rule/theirs"),
        allow("arn:aws:events:eu-west-1:*:rule/any"),
        {"Effect": "Allow", "Principal": "*", "NotAction": "sqs:DeleteQueue", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sqs:ReceiveMessage", "SQS:Send*"]},
    ],
)
def test_one_statement_that_lets_others_write_spoils_it(statement: dict[str, Any]) -> None:
    assert judged(statement) == Vouched()
    assert judged(allow(TOPIC), statement) == Vouched()


def test_statements_that_let_nobody_write_do_not_matter() -> None:
    reader = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:ReceiveMessage"}
    assert judged(allow(TOPIC), reader) == Vouched(raw=True)


@pytest.mark.parametrize("policy", ["", "{", "[]", "{}", '{"Statement": "x"}'])
def test_no_policy_vouches_for_nothing(policy: str) -> None:
    assert vouched(policy, topics={TOPIC}, account=ACCOUNT) == Vouched()
