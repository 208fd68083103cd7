"""Keeps the answers to what nobody can look up, at the end of sendworthy.toml. Comments stay as they are."""

from __future__ import annotations

import os
from pathlib import Path

from sendworthy.audit.words import Word, as_toml
from sendworthy.config import ConfigProblems, load
from sendworthy.errors import ConfigError


def keep_word(path: Path, key: str, word: Word) -> None:
    """Add one answer to the file. Raises ConfigError when the file cannot be written or has that table already.

    The new file is read back before it takes the old one's place, so that a wrong answer leaves all as it was.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        text = path.read_text(encoding="utf-8")
        fresh.write_text((text if text.endswith("\n") else text + "\n") + as_toml(key, word), encoding="utf-8")
        load(fresh, environ={})
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.", "Check the file's permissions.") from error
    except ConfigProblems as problems:
        first = problems.problems[0]
        raise ConfigError(
            f"The answer cannot be added to {path}: {first.what}", f"Fill in [word.{key}] there by hand."
        ) from problems
    finally:
        fresh.unlink(missing_ok=True)
