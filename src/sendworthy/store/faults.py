"""What may go wrong below the store, in our words; and the points at which a crash test may stop us. Knows no table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from sendworthy.errors import StoreUnavailable

Fault = Callable[[str], None]
"""Called with the name of each point that a crash may hit, such as `accept.before_commit`; does nothing in earnest."""


def no_fault(point: str) -> None:
    """Go on: the Fault of every real run."""


_TOLD = {
    "SQLITE_BUSY": ("The database is locked by another process.", "Stop the other process, or wait for it."),
    "SQLITE_LOCKED": ("The database is locked by another process.", "Stop the other process, or wait for it."),
    "SQLITE_FULL": ("The disk that holds the database is full.", "Free some space; nothing that was answered is lost."),
    "SQLITE_CORRUPT": ("The database file is damaged.", "Restore it from a backup."),
    "SQLITE_NOTADB": ("The database file is not a SQLite database.", "Check the store's url."),
    "SQLITE_READONLY": ("The database file cannot be written.", "Check the owner and permissions of file and folder."),
    "SQLITE_PERM": ("The database file cannot be written.", "Check the owner and permissions of file and folder."),
    "SQLITE_CANTOPEN": ("The database file cannot be opened.", "Check that its folder exists and can be written."),
    "SQLITE_IOERR": ("The disk that holds the database failed.", "Look at the system's log."),
}
"""The primary result codes of SQLite (sqlite.org/rescode.html) that operation brings about."""


def translate(error: Exception) -> Exception:
    """Turn what SQLite or SQLAlchemy raised into StoreUnavailable; what is our own mistake stays as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error) or isinstance(cause, sqlite3.IntegrityError | sqlite3.ProgrammingError):
        return error
    name = str(getattr(cause, "sqlite_errorname", ""))
    for code, (happened, to_do) in _TOLD.items():
        if name.startswith(code):
            return StoreUnavailable(happened, to_do)
    if isinstance(cause, sqlite3.OperationalError) and name == "SQLITE_ERROR":
        return error
    return StoreUnavailable(f"The database failed: {name or type(cause).__name__}.", "Look at the log.")
