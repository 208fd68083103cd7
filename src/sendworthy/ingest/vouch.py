"""Whether a queue's own policy vouches for bodies without a signature; knows no queue and asks nobody.

A body that SNS delivers raw, and one that EventBridge sends, is signed by nobody. It may be believed where the policy
of the queue lets nobody write but a topic of ours, or a rule of our own account (SQS Developer Guide, "Using
identity-based policies with Amazon SQS").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sendworthy.audit.policy import statements

_EXACT: Final = frozenset({"arnequals", "stringequals", "arnlike", "stringlike"})
_SENDS: Final = ("sqs:sendmessage", "sqs:*", "*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What a queue's policy vouches for: bodies of our topics without an envelope, and events of EventBridge."""

    raw: bool = False
    bridge: bool = False


NOBODY: Final = Vouched()


def vouched(policy: str, *, topics: Collection[str], account: str) -> Vouched:
    """Read a queue's policy. One statement that lets anybody else write, or that cannot be judged, spoils all of it."""
    listed = statements(policy)
    if not listed:
        return NOBODY
    raw = bridge = False
    for one in listed:
        if one.get("Effect") != "Allow" or not _may_send(one):
            continue
        sources = _sources(one.get("Condition"))
        if not sources:
            return NOBODY
        if all(source in topics for source in sources):
            raw = True
        elif all(_is_rule(source, account) for source in sources):
            bridge = True
        else:
            return NOBODY
    return Vouched(raw=raw, bridge=bridge)


def _may_send(statement: Mapping[str, Any]) -> bool:
    """Whether a statement can let somebody send; what it says by exclusion is taken to."""
    if "NotAction" in statement:
        return True
    actions = [text.lower() for text in _texts(statement.get("Action"))]
    # A pattern such as sqs:Send* counts as sending; SendMessage is all that SQS checks for batches too.
    return any(action in _SENDS or re.fullmatch(_pattern(action), _SENDS[0]) for action in actions)


def _sources(conditions: object) -> tuple[str, ...]:
    """Give the ARNs that a statement is limited to; none when it is not limited to whole ARNs."""
    if not isinstance(conditions, dict):
        return ()
    for operator, keys in conditions.items():
        if str(operator).lower() not in _EXACT or not isinstance(keys, dict):
            continue
        for key, wanted in keys.items():
            found = tuple(_texts(wanted))
            if str(key).lower() == "aws:sourcearn" and found:
                return found
    return ()


def _is_rule(arn: str, account: str) -> bool:
    """Whether an ARN (or a pattern of ARNs) names rules of this account's EventBridge and nothing else."""
    parts = arn.split(":", 5)
    return (
        len(parts) == 6
        and parts[2] == "events"
        and parts[4] == account != ""
        and parts[5].startswith("rule/")
        and "*" not in "".join(parts[:5])
        and "?" not in "".join(parts[:5])
    )


def _pattern(text: str) -> str:
    return "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in text)


def _texts(value: object) -> Iterable[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
