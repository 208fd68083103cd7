"""The tables of alerts and of the notices of them. Knows no statement, no connection and no rule."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, false

from sendworthy.store.columns import Instant
from sendworthy.store.naming import SERIAL, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("level", String, nullable=False),
    Column("happened", Text, nullable=False),
    Column("to_do", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("told_at", Instant),
    Column("cleared_at", Instant),
    Column("closed", Boolean, nullable=False, server_default=false()),
)
"""What people should know of. Of one kind and subject only one is open; `closed` says that its end was announced."""

_open = alerts.c.cleared_at.is_(None)
Index("uq_alerts_open", alerts.c.kind, alerts.c.subject, unique=True, sqlite_where=_open, postgresql_where=_open)

notices = Table(
    "notices",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("alert_id", BigInteger, ForeignKey("alerts.id"), nullable=False),
    Column("target", String, nullable=False),
    Column("what", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("ended_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_notices_alert_id", "alert_id"),
)
"""Alerts on their way to each target. `due_at` is set while one waits; a claim moves it ahead, which is its lease."""

_notice_due = notices.c.due_at.is_not(None)
Index("ix_notices_due", notices.c.due_at, notices.c.id, sqlite_where=_notice_due, postgresql_where=_notice_due)
