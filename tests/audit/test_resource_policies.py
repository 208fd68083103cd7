"""Resource policies: an admission is certain or it is not one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.audit.policy import Admission, admits

TOPIC = "arn:aws:sns:eu-west-1:111122223333:events"
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:events"
FROM_ELSEWHERE = {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
SNS = {"Service": "sns.amazonaws.com"}


def ask(*statements: dict[str, Any]) -> Admission:
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}) if statements else ""
    return ask_text(policy)


def ask_text(policy: str) -> Admission:
    context = {"aws:sourcearn": TOPIC, "aws:sourceaccount": "111122223333", "aws:securetransport": "true"}
    return admits(policy, service="sns.amazonaws.com", action="sqs:SendMessage", resource=QUEUE, context=context)


def allow(**other: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": SNS, "Action": "sqs:SendMessage", "Resource": QUEUE, **other}


@pytest.mark.parametrize(
    "statement",
    [
        allow(),
        allow(Principal="*"),
        allow(Principal={"AWS": "*"}),
        allow(Principal={"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}),
        allow(Action=["SQS:ReceiveMessage", "SQS:SendMessage"]),
        allow(Action="sqs:Send*"),
        allow(Resource="arn:aws:sqs:*:111122223333:event?"),
        allow(Condition={"ArnEquals": {"aws:SourceArn": TOPIC}}),
        allow(Condition={"ArnLike": {"AWS:SourceArn": "arn:aws:sns:*:*:events"}}),
        allow(Condition={"StringEquals": {"aws:SourceAccount": ["444455556666", "111122223333"]}}),
        allow(Condition={"Bool": {"aws:SecureTransport": True}}),
    ],
)
def test_a_statement_that_matches_admits(statement: dict[str, Any]) -> None:
    assert ask(statement) is Admission.ADMITTED


@pytest.mark.parametrize(
    "statement",
    [
        allow(Principal={"Service": "ses.amazonaws.com"}),
        allow(Principal={"AWS": "arn:aws:iam::111122223333:root"}),
        allow(Action="sqs:ReceiveMessage"),
        allow(Resource=QUEUE + "-dead"),
        allow(Condition={"ArnEquals": {"aws:SourceArn": TOPIC + "-2"}}),
        allow(Condition={"ArnEquals": {"aws:SourceArn": TOPIC + "-2"}, "DateLessThan": {"aws:CurrentTime": "2030"}}),
    ],
)
def test_a_statement_that_does_not_match_admits_nobody(statement: dict[str, Any]) -> None:
    assert ask(statement) is Admission.NOT_ADMITTED


@pytest.mark.parametrize(
    "statements",
    [
        [allow(Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}})],
        [allow(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-123"}})],
        [{"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "*", "Resource": "*"}],
        [allow(), {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": FROM_ELSEWHERE}],
        [allow(), {"Effect": "Deny", "Principal": "*", "NotAction": "sqs:Get*", "Resource": "*"}],
    ],
)
def test_what_is_not_evaluated_is_unclear(statements: list[dict[str, Any]]) -> None:
    assert ask(*statements) is Admission.UNCLEAR


def test_a_denial_wins_over_any_permission() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    assert ask(allow(), deny) is Admission.NOT_ADMITTED


def test_a_denial_of_something_else_takes_nothing_away() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:DeleteQueue", "Resource": "*"}
    assert ask(allow(), deny) is Admission.ADMITTED


def test_no_policy_admits_nobody_and_a_broken_one_is_unclear() -> None:
    assert ask() is Admission.NOT_ADMITTED
    assert ask_text("{") is Admission.UNCLEAR
    assert ask_text('{"Statement": "x"}') is Admission.UNCLEAR
    assert ask_text("[]") is Admission.UNCLEAR


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["Allow", "*", "sns.amazonaws.com", "sqs:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Effect", "Principal", "Action", "Resource", "Condition", "Service", "ArnEquals"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["Effect", "Principal", "Action", "Condition"]), json_values)))
def test_any_json_as_a_policy_is_judged_without_raising(statements: list[dict[str, Any]]) -> None:
    assert ask_text(json.dumps({"Statement": statements})) in Admission
