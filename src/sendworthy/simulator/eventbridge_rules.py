"""EventBridge rules and their targets as values. Knows no event and no API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class EventRule:
    """A rule on the default bus of an account in a Region. `pattern` is the parsed `pattern_text`."""

    name: str
    arn: str
    pattern_text: str
    pattern: dict[str, Any]
    enabled: bool = True
    description: str = ""
    tags: list[dict[str, str]] = field(default_factory=list)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: int = 0
