"""One figure of how ready an account is, with its parts. Our own measure: AWS publishes none.

A check counts by its severity: low 1, medium 2, high 4, critical 8. Only a pass earns it; what fails, is waived or
could not be looked at does not, and what does not apply counts nowhere. The figure is rounded down, so that 100 means
that all passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sendworthy.audit.check import Finding, Severity, Topic, Verdict, topic_of

_WEIGHTS = {Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 4, Severity.CRITICAL: 8}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: `percent` of its weight passes; `passed` of `applicable` findings do, `unknown` could not be seen."""

    topic: Topic
    percent: int
    passed: int
    applicable: int
    unknown: int


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The figure, and the topics that were judged, in the order of topics."""

    percent: int
    parts: tuple[Part, ...]


def readiness(findings: Sequence[Finding]) -> Readiness:
    """Weigh the findings. Being in the sandbox is no fault and does not count."""
    counted = [one for one in findings if one.verdict is not Verdict.NOT_APPLICABLE and one.check != "account.sandbox"]
    parts = []
    for topic in Topic:
        own = [one for one in counted if _topic(one) is topic]
        if own:
            parts.append(
                Part(
                    topic=topic,
                    percent=_percent(own),
                    passed=sum(one.verdict is Verdict.PASS for one in own),
                    applicable=len(own),
                    unknown=sum(one.verdict is Verdict.UNKNOWN for one in own),
                )
            )
    return Readiness(percent=_percent(counted), parts=tuple(parts))


def _topic(finding: Finding) -> Topic | None:
    try:
        return topic_of(finding.check)
    except ValueError:
        return None


def _percent(findings: Iterable[Finding]) -> int:
    listed = list(findings)
    whole = sum(_WEIGHTS[one.severity] for one in listed)
    earned = sum(_WEIGHTS[one.severity] for one in listed if one.verdict is Verdict.PASS)
    return 100 * earned // whole if whole else 0
