"""What listening keeps: whether an event was verified, strikes of soft bounces, and events on their way onward."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("events", sa.Column("verified", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "strikes",
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address_key", "event_id", name=op.f("pk_strikes")),
    )
    op.create_table(
        "forwards",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forwards")),
    )
    op.create_index("ix_forwards_created_at", "forwards", ["created_at"])
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_forwards_due", "forwards", ["due_at", "id"], sqlite_where=due, postgresql_where=due)
