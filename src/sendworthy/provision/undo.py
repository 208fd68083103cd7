"""How a step is taken back: a deletion, a change back, or a reason why it is kept. Knows no thing in particular."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sendworthy.provision.inventory import Made
from sendworthy.provision.step import Call, Step, StepKind, StepStatus


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """What is ours: `made` as the store remembers it, by step id, and `owned` by our tag."""

    made: Mapping[str, Made]
    owned: frozenset[str]

    def created(self, step_id: str) -> bool:
        """Say whether we made the thing itself."""
        remembered = self.made.get(step_id)
        return remembered.created if remembered else step_id in self.owned

    def changed(self, step_id: str) -> Mapping[str, Any] | None:
        """Give the settings before we changed a thing that was there; None when we did not."""
        remembered = self.made.get(step_id)
        return remembered.prior if remembered and not remembered.created else None

    def has(self, step_id: str) -> bool:
        """Say whether we made or changed it."""
        return step_id in self.made or step_id in self.owned


def ses(operation: str, **params: Any) -> tuple[Call, ...]:
    """Give one call to SES."""
    return (Call(service="sesv2", operation=operation, params=params),)


def delete(kind: StepKind, subject: str, title: str, *calls: Call) -> Step:
    """Give the step that deletes a thing of ours."""
    return Step(
        id=f"{kind}:{subject}",
        kind=kind,
        title=title,
        before="ours",
        after="deleted",
        calls=calls,
        status=StepStatus.NEEDED,
    )


def change_back(kind: StepKind, subject: str, title: str, before: str, after: str, *calls: Call) -> Step:
    """Give the step that puts a setting back."""
    return Step(
        id=f"{kind}:{subject}",
        kind=kind,
        title=title,
        before=before,
        after=after,
        calls=calls,
        status=StepStatus.NEEDED,
    )


def kept(kind: StepKind, subject: str, title: str, reason: str) -> Step:
    """Give the step that is not taken, and why."""
    return Step(id=f"{kind}:{subject}", kind=kind, title=title, status=StepStatus.REFUSED, reason=reason)
