"""Event patterns and filter policies: the language that EventBridge rules and SNS filters share. Knows neither.

Amazon EventBridge User Guide, "Comparison operators for use in event patterns"; Amazon SNS Developer Guide, "Filter
policy constraints". Both agree on what is here: exact values, null, prefix, suffix, equals-ignore-case, anything-but,
numeric, exists, wildcard, cidr left out, and `$or`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

_ABSENT = object()
_TESTS = frozenset(
    {"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "wildcard"},
)
_COMPARE = ("=", "<", "<=", ">", ">=")


def problem(pattern: object, *, nested: bool = True) -> str:
    """Return what is wrong with a pattern in one clause; empty when nothing is. `nested` allows keys below keys."""
    if not isinstance(pattern, dict) or not pattern:
        return "a pattern is a JSON object with at least one key"
    for key, wanted in pattern.items():
        if key == "$or":
            if not isinstance(wanted, list) or len(wanted) < 2:
                return "$or takes a list of two patterns or more"
            found = next((each for each in map(problem, wanted) if each), "")
        elif isinstance(wanted, dict) and nested:
            found = problem(wanted)
        elif isinstance(wanted, list) and wanted:
            found = next((each for each in map(_test_problem, wanted) if each), "")
        else:
            found = f"{str(key)[:60]!r} takes a list of values"
        if found:
            return found
    return ""


def _test_problem(test: object) -> str:
    if not isinstance(test, dict):
        return "" if test is None or isinstance(test, str | int | float | bool) else "a value cannot be a list"
    if len(test) != 1:
        return "a comparison has one operator"
    [(operator, operand)] = test.items()
    if operator not in _TESTS:
        return f"the operator {str(operator)[:40]!r} is not known"
    match operator:
        case "numeric":
            good = isinstance(operand, list) and len(operand) in {2, 4} and _is_comparison(operand)
        case "exists":
            good = isinstance(operand, bool)
        case "anything-but":
            good = operand not in ([], {})
        case _:
            good = isinstance(operand, str) and bool(operand)
    return "" if good else f"the operator {operator!r} cannot take that"


def _is_comparison(operand: list[Any]) -> bool:
    return all(operand[at] in _COMPARE and _is_number(operand[at + 1]) for at in range(0, len(operand), 2))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event fits a sound pattern: every key of the pattern must find one of its values."""
    for key, wanted in pattern.items():
        if key == "$or":
            if not any(matches(each, event) for each in wanted):
                return False
            continue
        value = event.get(key, _ABSENT)
        if isinstance(wanted, Mapping):
            if not any(matches(wanted, each) for each in _objects(value)):
                return False
        elif not any(_passes(test, value) for test in wanted):
            return False
    return True


def _objects(value: object) -> list[Mapping[str, Any]]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, Mapping)] or [{}]
    # An absent branch is an empty one: {"exists": false} below it holds.
    return [value] if isinstance(value, Mapping) else [{}]


def _passes(test: object, value: object) -> bool:
    if isinstance(test, dict) and "exists" in test:
        return bool(test["exists"]) is (value is not _ABSENT)
    if value is _ABSENT:
        return False
    values = value if isinstance(value, list) else [value]
    return any(_fits(test, each) for each in values)


def _fits(test: object, value: object) -> bool:
    if not isinstance(test, dict):
        alike = type(test) is type(value) or (_is_number(test) and _is_number(value))
        return alike and test == value
    [(operator, operand)] = test.items()
    match operator:
        case "anything-but":
            refused = operand if isinstance(operand, list) else [operand]
            return not any(_fits(each, value) for each in refused)
        case "numeric":
            return _is_number(value) and all(
                _holds(operand[at], value, operand[at + 1]) for at in range(0, len(operand), 2)
            )
    if not isinstance(value, str):
        return False
    match operator:
        case "prefix":
            return value.startswith(operand)
        case "suffix":
            return value.endswith(operand)
        case "equals-ignore-case":
            return value.lower() == str(operand).lower()
        case _:
            return fnmatchcase(value, str(operand).replace("[", "[[]").replace("?", "[?]"))


def _holds(sign: str, left: Any, right: Any) -> bool:
    match sign:
        case "=":
            return bool(left == right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)
