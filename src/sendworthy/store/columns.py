"""How instants and JSON are kept in columns, for SQLite and PostgreSQL alike. Knows no table.

Instants are whole microseconds since 1970 in UTC: they sort, index and compare the same in both engines and carry no
time zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Give the stored form of an aware instant."""
    return (at - _EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """Give the aware UTC instant of a stored one."""
    return _EPOCH + timedelta(microseconds=stored)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Python to database."""
        return None if value is None else micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Database to Python."""
        return None if value is None else instant(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text. Text, not a JSON type: both engines then give back what was written, byte for byte."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Python to database."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Database to Python."""
        return None if value is None else msgspec.json.decode(value)
