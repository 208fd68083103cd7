"""Brings a database to this program's schema, inside the caller's transaction. Knows no engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from sendworthy.errors import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0007"
"""The newest revision in migrations/versions; here too, so that opening a current database need not load Alembic."""


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing. Raises StoreUnavailable when the database is of a newer program."""
    if current(connection) == HEAD:
        return
    from alembic import command  # noqa: PLC0415 - 0.2 s that a current database does not have to pay
    from alembic.util import CommandError  # noqa: PLC0415

    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreUnavailable(
            "The database was made by a newer Sendworthy.", "Upgrade this program, or use another database."
        ) from None


def current(connection: Connection) -> str | None:
    """Give the revision that the database is at, None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def alembic_config() -> Config:
    """Give Alembic's configuration without a file."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "sendworthy.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
