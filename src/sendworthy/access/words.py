"""The user's words and ours as they may stand in a text to AWS: clean, dated, without placeholders. Knows no claim."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_FILL_IN = (
    r"your|my|our|the|insert|enter|add|company|name|domain|e-?mail|address|website|url|link|date|number|title|phone|"
    r"contact|volume|describe|description|example|region|product|industry|sender|reason|n|x+"
)
_PLACEHOLDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\[\s*(?:{_FILL_IN})\b[^\]\n]{{0,80}}\]",
        rf"<\s*(?:{_FILL_IN})\b[^>\n]{{0,80}}>",
        r"\{\{[^\n]{0,80}|\}\}|\{%[^\n]{0,80}|\$\{[^}\n]{0,80}\}",
        r"\b(?:TODO|TBD|TBC|FIXME)\b",
        r"\bX{3,}\b",
        r"\blorem ipsum\b",
        r"_{4,}",
        r"\?{3,}",
        r"\.{6,}",
    )
)
"""What people and templates leave where something was to be filled in."""


def clean(text: str) -> str:
    """Give `text` with normal Unicode, no control characters and single spaces; line breaks become spaces."""
    kept = "".join(
        " " if unicodedata.category(character).startswith("Z") or character in "\t\r\n\v\f" else character
        for character in unicodedata.normalize("NFC", text)
        if character in "\t\r\n\v\f" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return " ".join(kept.split())


def placeholders(text: str) -> tuple[str, ...]:
    """Give the places of `text` that were never filled in, as they stand; empty when there is none."""
    found = [match for pattern in _PLACEHOLDERS for match in pattern.finditer(text)]
    return tuple(dict.fromkeys(match[0].strip() for match in sorted(found, key=lambda match: match.start())))


def sentence(text: str) -> str:
    """Give cleaned `text` ending in a full stop, unless it ends in a mark of its own; empty stays empty."""
    cleaned = clean(text)
    return cleaned if not cleaned or cleaned[-1] in ".!?。)\"'”" else cleaned + "."


def day(moment: date) -> str:
    """Write a date as `12 November 2026`, the same on every machine."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def listed(words: Sequence[str]) -> str:
    """Write `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(number: float, one: str, many: str) -> str:
    """Write `1 trial`, `2,000 trials`."""
    return f"{number:,g} {one}" if number == 1 else f"{number:,.10g} {many}"
