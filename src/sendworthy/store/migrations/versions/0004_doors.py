"""What the doors keep: e-mail templates, and what a key may set. Additive, so that older processes go on beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("ses_headers", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("keys", sa.Column("slow_share", sa.Float(), nullable=True))
    op.create_table(
        "templates",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_templates")),
    )
