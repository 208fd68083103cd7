"""Alembic's entry: runs the migrations over the connection that migrate() hands in, within its transaction."""

from __future__ import annotations

from alembic import context

from sendworthy.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
