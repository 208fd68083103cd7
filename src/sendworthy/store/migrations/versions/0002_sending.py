"""What sending at full strength needs: queues, expiry, large bodies, pauses, shares of keys, periodic work.

Older processes go on beside it: every column has a default, and what a newer gateway accepts has a rank that an older
worker does not claim, since that worker knows neither expiry nor chunks.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DUE = "due_at IS NOT NULL"

_REQUEUE = """
UPDATE deliveries SET rank = CASE stream WHEN 'transactional' THEN 20 ELSE 40 END,
       queue = (SELECT m.access_key_id || '|' || m.configuration_set FROM messages m WHERE m.id = deliveries.message_id)
WHERE due_at IS NOT NULL"""


def upgrade() -> None:
    _columns()
    _tables()
    op.execute(_REQUEUE)
    op.drop_index("ix_deliveries_due", "deliveries")
    _partial("ix_deliveries_queue", "deliveries", ["rank", "queue", "due_at", "id"], _DUE)
    _partial("ix_deliveries_expires", "deliveries", ["expires_at"], f"{_DUE} AND expires_at IS NOT NULL")
    _partial("ix_deliveries_uncertain", "deliveries", ["changed_at"], "status = 'uncertain'")
    op.create_index(
        "ix_messages_bodied",
        "messages",
        ["accepted_at"],
        sqlite_where=sa.text("bodied"),
        postgresql_where=sa.text("bodied"),
    )


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _columns() -> None:
    op.add_column("keys", sa.Column("rate_share", sa.Float()))
    op.add_column("keys", sa.Column("daily_cap", sa.BigInteger()))
    op.add_column("keys", sa.Column("domains", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("messages", sa.Column("chunks", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("bodied", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("deliveries", sa.Column("queue", sa.String(), nullable=False, server_default=""))
    op.add_column("deliveries", sa.Column("expires_at", sa.BigInteger()))
    op.add_column("deliveries", sa.Column("again", sa.Integer(), nullable=False, server_default="0"))


def _tables() -> None:
    op.create_table(
        "chunks",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_chunks_message_id")),
        sa.PrimaryKeyConstraint("message_id", "n", name=op.f("pk_chunks")),
    )
    op.create_table(
        "pauses",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_pauses")),
    )
    op.create_table(
        "key_use",
        sa.Column("access_key_id", sa.String(), nullable=False),
        sa.Column("arrival", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("access_key_id", name=op.f("pk_key_use")),
    )
    op.create_table(
        "key_minutes",
        sa.Column("access_key_id", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("access_key_id", "minute", name=op.f("pk_key_minutes")),
    )
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )
