"""What was sent hour by hour, what the quota was when, and what was sent elsewhere before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "hours",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("busiest_minute", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", "hour", name=op.f("pk_hours")),
    )
    op.create_table(
        "quota_readings",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("max_24_hour_send", sa.Float(), nullable=False),
        sa.Column("max_send_rate", sa.Float(), nullable=False),
        sa.Column("sent_last_24_hours", sa.Float(), nullable=False),
        sa.Column("production", sa.Boolean(), nullable=False),
        sa.Column("enforcement", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_quota_readings")),
    )
    op.create_index("ix_quota_readings_lane", "quota_readings", ["account", "region", "seq"])
    op.create_table(
        "history_months",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("last", sa.String(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=True),
        sa.Column("hard_bounces", sa.BigInteger(), nullable=True),
        sa.Column("complaints", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "month", name=op.f("pk_history_months")),
    )
