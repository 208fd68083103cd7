"""References inside text, such as the ARN of a topic that the same template makes. Knows no template language."""

from __future__ import annotations

import re
from collections.abc import Callable

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private use characters of Unicode: no name, domain or address holds them."""
_REFERENCE = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


def reference(expression: str) -> str:
    """Give text that stands for `expression` of the template's language; it may be put into longer text."""
    return f"{_OPEN}{expression}{_CLOSE}"


def whole_reference(text: str) -> str | None:
    """Give the expression when the text is one reference and nothing else."""
    found = _REFERENCE.fullmatch(text)
    return found[1] if found else None


def has_reference(text: str) -> bool:
    """Say whether the text holds any reference."""
    return _REFERENCE.search(text) is not None


def replaced(text: str, *, plain: Callable[[str], str], wrap: Callable[[str], str]) -> str:
    """Give the text with each reference wrapped as its language wants, and all between passed through `plain`."""
    parts = _REFERENCE.split(text)
    return "".join(wrap(part) if odd else plain(part) for part, odd in zip(parts, _odds(len(parts)), strict=True))


def _odds(count: int) -> list[bool]:
    return [bool(index % 2) for index in range(count)]
