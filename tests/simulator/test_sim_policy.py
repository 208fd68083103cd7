from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.simulator.policy import Attempt, admits, well_formed

TOPIC = "arn:aws:sns:us-east-1:111122223333:events"
ATTEMPT = Attempt(
    service="ses.amazonaws.com",
    action="SNS:Publish",
    resource=TOPIC,
    context={
        "aws:sourceaccount": "111122223333",
        "aws:sourcearn": "arn:aws:ses:us-east-1:111122223333:configuration-set/main",
    },
)
ALLOW = {"Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sns:publish", "Resource": TOPIC}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Principal": "*"},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"Service": ["sns.amazonaws.com", "ses.amazonaws.com"]}},
        {"Action": ["SNS:Subscribe", "SNS:*"]},
        {"Action": "*"},
        {"Resource": "*"},
        {"Resource": "arn:aws:sns:*:111122223333:*"},
        {"Condition": {"StringEquals": {"AWS:SourceAccount": "111122223333"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": ["444455556666", "111122223333"]}}},
        {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ses:*:111122223333:configuration-set/*"}}},
        {"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:ses:us-east-1:111122223333:configuration-set/main"}}},
    ],
)
def test_a_policy_that_means_it_admits(change: dict[str, Any]) -> None:
    assert admits(policy(ALLOW | change), ATTEMPT)


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}},
        {"Principal": None},
        {"Action": "SNS:Subscribe"},
        {"Resource": f"{TOPIC}-other"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}},
        {"Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:ses:*"}}},
        {"Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}}},
        {"Condition": {"StringNotEquals": {"aws:SourceAccount": "444455556666"}}},
        {"Condition": []},
    ],
)
def test_a_policy_that_does_not_say_so_admits_nothing(change: dict[str, Any]) -> None:
    assert not admits(policy(ALLOW | change), ATTEMPT)


def test_a_denial_wins_over_a_permission() -> None:
    assert not admits(policy(ALLOW, ALLOW | {"Effect": "Deny"}), ATTEMPT)
    assert not admits(policy(ALLOW | {"Effect": "Deny"}, ALLOW), ATTEMPT)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_no_text_that_is_not_a_policy_admits_anything(text: str) -> None:
    assert not admits(text, ATTEMPT)
    assert not well_formed(text)
