"""Writes answers into sendworthy.toml, and leaves every comment and every other line as it is. Asks nobody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from sendworthy.config.problems import ConfigProblems, Problem
from sendworthy.config.read import load, template
from sendworthy.errors import ConfigError


class Draft:
    """A sendworthy.toml that is being filled in. What is said is on disk as soon as `set` or `append` returns."""

    def __init__(self, path: Path, *, anew: bool = False) -> None:
        """Open the file, or begin with the template where there is none.

        `anew` begins with the template in any case, and keeps the old file beside it as .bak. Raises ConfigError when
        the file cannot be read, and ConfigProblems when it is wrong: an answer must not be blamed for that.
        """
        self.path = path
        self.resumed = path.exists() and not anew
        try:
            text = path.read_text(encoding="utf-8") if self.resumed else template()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read.", "Give another --output.") from error
        if self.resumed:
            load(path, environ={})
        try:
            self._document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise ConfigError(
                f"{path} cannot be edited: {error}.", "Correct it, or begin anew with --force."
            ) from error
        if path.exists() and anew:
            self._rename(path, path.with_name(path.name + ".bak"))
        if not self.resumed:
            self._write()

    def get(self, key: str) -> Any:
        """Give the value of a dotted key as plain data; None where the file does not have it."""
        value: Any = self._document
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return value.unwrap() if hasattr(value, "unwrap") else value

    def set(self, key: str, value: Any) -> Problem | None:
        """Set a dotted key, and give what is wrong with the value; then nothing is changed."""
        *tables, name = key.split(".")

        def change(document: tomlkit.TOMLDocument) -> None:
            table: Any = document
            for part in tables:
                if part not in table:
                    table[part] = tomlkit.table()
                table = table[part]
            table[name] = value

        return self._change(change)

    def append(self, key: str, fields: Mapping[str, Any]) -> Problem | None:
        """Add one table to a list of tables (`mail`, `sender.contacts`); give what is wrong, as `set` does."""
        *tables, name = key.split(".")

        def change(document: tomlkit.TOMLDocument) -> None:
            owner: Any = document
            for part in tables:
                if part not in owner:
                    owner[part] = tomlkit.table()
                owner = owner[part]
            element = tomlkit.table()
            for field, value in fields.items():
                element.add(field, value)
            listed = owner.get(name)
            if isinstance(listed, AoT):
                listed.append(element)
            else:
                fresh = tomlkit.aot()
                fresh.append(element)
                if isinstance(owner, Table):
                    owner.append(name, fresh)
                else:
                    owner.add(name, fresh)

        return self._change(change)

    def _change(self, change: Any) -> Problem | None:
        before = self._document
        self._document = tomlkit.parse(tomlkit.dumps(before))
        change(self._document)
        try:
            self._write()
        except ConfigProblems as problems:
            self._document = before
            return problems.problems[0]
        return None

    def _write(self) -> None:
        """Put the document in the file's place at once, after it has loaded cleanly. Raises ConfigProblems."""
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            fresh.write_text(tomlkit.dumps(self._document), encoding="utf-8")
            load(fresh, environ={})
            fresh.replace(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}.", "Give another --output.") from error
        finally:
            fresh.unlink(missing_ok=True)

    @staticmethod
    def _rename(old: Path, new: Path) -> None:
        try:
            old.rename(new)
        except OSError as error:
            raise ConfigError(f"{new} cannot be written: {error.strerror}.", "Give another --output.") from error
