"""AWS resource policies, as far as topics, queues and identities need them: may this be done here? Fails closed."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A service (`ses.amazonaws.com`) or a user of an account that wants to do `action` to `resource`.

    Condition keys are in lower case; `account` and `principal_arn` are empty for a service.
    """

    service: str
    action: str
    resource: str
    context: Mapping[str, str]
    account: str = ""
    principal_arn: str = ""


def well_formed(document: str) -> bool:
    """Whether the text is a policy: a JSON object with at least one statement, each with Effect and Action."""
    statements = _statements(document)
    return bool(statements) and all(
        statement.get("Effect") in {"Allow", "Deny"} and ("Action" in statement or "NotAction" in statement)
        for statement in statements
    )


def admits(document: str, attempt: Attempt) -> bool:
    """Whether a policy allows the attempt and no statement denies it. An empty or broken policy admits nothing."""
    # The same few topics and queues are asked for with every message.
    named = (attempt.service, attempt.action, attempt.resource, attempt.account, attempt.principal_arn)
    return _judged(document, named, tuple(attempt.context.items()))


@functools.lru_cache(maxsize=1024)
def _judged(document: str, named: tuple[str, str, str, str, str], context: tuple[tuple[str, str], ...]) -> bool:
    service, action, resource, account, principal_arn = named
    attempt = Attempt(
        service=service,
        action=action,
        resource=resource,
        context=dict(context),
        account=account,
        principal_arn=principal_arn,
    )
    allowed = False
    for statement in _statements(document):
        if not _matches(statement, attempt):
            continue
        if statement.get("Effect") == "Deny":
            return False
        allowed = allowed or statement.get("Effect") == "Allow"
    return allowed


@functools.lru_cache(maxsize=256)
def _statements(document: str) -> list[dict[str, Any]]:
    try:
        policy = json.loads(document) if document else {}
    except ValueError:
        return []
    found = policy.get("Statement", []) if isinstance(policy, dict) else []
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]


def _matches(statement: Mapping[str, Any], attempt: Attempt) -> bool:
    return (
        _principal_is(statement.get("Principal"), attempt)
        and any(fnmatchcase(attempt.action.lower(), pattern.lower()) for pattern in _listed(statement.get("Action")))
        and any(fnmatchcase(attempt.resource, pattern) for pattern in _listed(statement.get("Resource", "*")))
        and _conditions_hold(statement.get("Condition", {}), attempt.context)
    )


def _principal_is(principal: object, attempt: Attempt) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    named = _listed(principal.get("AWS"))
    if "*" in named or (attempt.service and attempt.service in _listed(principal.get("Service"))):
        return True
    # An account is named by its number or by its root, one user by its ARN (IAM, "AWS JSON policy: Principal").
    ours = (
        {attempt.account, f"arn:aws:iam::{attempt.account}:root", attempt.principal_arn} if attempt.account else set()
    )
    return bool(ours & set(named))


def _conditions_hold(conditions: object, context: Mapping[str, str]) -> bool:
    if not isinstance(conditions, dict):
        return False
    return all(_operator_holds(str(operator), tests, context) for operator, tests in conditions.items())


def _operator_holds(operator: str, tests: object, context: Mapping[str, str]) -> bool:
    if operator not in {"StringEquals", "StringLike", "ArnEquals", "ArnLike"} or not isinstance(tests, dict):
        return False  # an operator not known here can only ever narrow: fail closed
    exact = operator == "StringEquals"  # ArnEquals and ArnLike are the same to AWS: both know wildcards
    for key, wanted in tests.items():
        value = context.get(str(key).lower())
        if value is None:
            return False
        if not any(value == each if exact else fnmatchcase(value, each) for each in _listed(wanted)):
            return False
    return True


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
