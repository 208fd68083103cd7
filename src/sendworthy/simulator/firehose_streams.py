"""Firehose delivery streams as values: what waits in the buffer, and where it goes. Knows no file and no API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True, kw_only=True)
class Stream:
    """A delivery stream. A record that is a callable is written out when the buffer is.

    The buffer goes out `interval_seconds` after its first record (0 to 900 s, 300 by default: Amazon Data Firehose
    API reference, BufferingHints).
    """

    arn: str
    created_at: datetime
    prefix: str = ""
    bucket: str = ""
    role: str = ""
    interval_seconds: int = 300
    waiting: list[str | bytes | Callable[[], str]] = field(default_factory=list)
    first_at: datetime | None = None
    written: int = 0
    files: int = 0

    @property
    def name(self) -> str:
        """The stream's name, the last part of its ARN."""
        return self.arn.rpartition("/")[2]
