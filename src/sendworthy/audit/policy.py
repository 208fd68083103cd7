"""Evaluates resource policies of SNS topics and SQS queues for one question: whether a service may do a thing there.

Knows only the operators it evaluates exactly; with any other the answer is `unclear`, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Admission(StrEnum):
    """Whether a policy admits the asker."""

    ADMITTED = "admitted"
    NOT_ADMITTED = "not_admitted"
    UNCLEAR = "unclear"


_EXACT = frozenset({"stringequals", "stringequalsignorecase", "bool"})
_PATTERN = frozenset({"stringlike", "arnlike", "arnequals"})


def statements(policy: str) -> tuple[Mapping[str, Any], ...] | None:
    """Give the statements of a policy, none for an empty one, None when it is no policy at all."""
    if not policy:
        return ()
    try:
        document = msgspec.json.decode(policy.encode())
    except msgspec.DecodeError:
        return None
    found = document.get("Statement") if isinstance(document, dict) else None
    listed: list[Any] = found if isinstance(found, list) else [found]
    return tuple(listed) if all(isinstance(one, dict) for one in listed) else None


def admits(policy: str, *, service: str, action: str, resource: str, context: Mapping[str, str]) -> Admission:
    """Say whether `policy` lets the AWS service principal do `action` on `resource`.

    `context` holds the request's condition keys in lower case, such as `aws:sourcearn`. As IAM evaluates: a Deny
    that matches wins, else an Allow that matches admits, else not.
    """
    listed = statements(policy)
    if listed is None:
        return Admission.UNCLEAR
    allow, deny = Admission.NOT_ADMITTED, Admission.NOT_ADMITTED
    for statement in listed:
        answer = _matches(statement, service=service, action=action, resource=resource, context=context)
        if statement.get("Effect") == "Allow":
            allow = _stronger(allow, answer)
        else:
            deny = _stronger(deny, answer)
    if deny is Admission.ADMITTED or allow is Admission.NOT_ADMITTED:
        return Admission.NOT_ADMITTED
    return Admission.UNCLEAR if deny is Admission.UNCLEAR else allow


def _stronger(one: Admission, other: Admission) -> Admission:
    order = (Admission.NOT_ADMITTED, Admission.UNCLEAR, Admission.ADMITTED)
    return max(one, other, key=order.index)


def _matches(
    statement: Mapping[str, Any], *, service: str, action: str, resource: str, context: Mapping[str, str]
) -> Admission:
    if not {"NotPrincipal", "NotAction", "NotResource"}.isdisjoint(statement):
        return Admission.UNCLEAR
    if not (
        _is_principal(statement.get("Principal"), service)
        and any(_like(pattern.lower(), action.lower()) for pattern in _texts(statement.get("Action")))
        and any(_like(pattern, resource) for pattern in _texts(statement.get("Resource", "*")))
    ):
        return Admission.NOT_ADMITTED
    return _conditions(statement.get("Condition") or {}, context)


def _is_principal(principal: object, service: str) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    return service in _texts(principal.get("Service")) or "*" in [
        *_texts(principal.get("Service")),
        *_texts(principal.get("AWS")),
    ]


def _conditions(conditions: object, context: Mapping[str, str]) -> Admission:
    if not isinstance(conditions, dict):
        return Admission.UNCLEAR
    worst = Admission.ADMITTED
    for operator, keys in conditions.items():
        name = operator.lower()
        for key, wanted in keys.items() if isinstance(keys, dict) else (("", ""),):
            have = context.get(key.lower())
            if have is None or name not in _EXACT | _PATTERN:
                worst = Admission.UNCLEAR
            elif not any(_holds(name, pattern, have) for pattern in _texts(wanted)):
                return Admission.NOT_ADMITTED
    return worst


def _holds(operator: str, wanted: str, have: str) -> bool:
    if operator in _PATTERN:
        return _like(wanted, have)
    if operator == "stringequals":
        return wanted == have
    return wanted.lower() == have.lower()


def _texts(value: object) -> tuple[str, ...]:
    values: Iterable[object] = value if isinstance(value, list) else (value,)
    return tuple(str(one).lower() if isinstance(one, bool) else one for one in values if isinstance(one, str | bool))


def _like(pattern: str, text: str) -> bool:
    translated = "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch(translated, text, re.DOTALL) is not None
