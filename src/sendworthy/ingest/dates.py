"""Reads the dates that SES and SNS write; knows no event.

They are ISO 8601 with a Z, but the guide's own examples have `2018-10-08T14:05:45 +0000` too [D23], so anything that
can only mean one moment is taken.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse_date(text: object) -> datetime | None:
    """Read a date as aware UTC; a date without an offset is UTC. None when it is no date at all."""
    if not isinstance(text, str) or not 10 <= len(text) <= 64:
        return None
    try:
        parsed = datetime.fromisoformat(text.strip().replace(" +", "+").replace(" -", "-"))
    except ValueError:
        try:
            parsed = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        return None
