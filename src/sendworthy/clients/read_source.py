"""Reads a source tree from disk for the static look: which files there are, how much of each. Judges nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sendworthy.audit.evidence import Reading, Seen, Unseen, UnseenKind
from sendworthy.audit.source import Scan, scan, wanted
from sendworthy.errors import ConfigError

MAX_FILE_BYTES = 512 * 1024
MAX_FILES = 20_000
_SKIPPED_FOLDERS = frozenset(
    {
        "node_modules",
        "vendor",
        "dist",
        "build",
        "target",
        "site-packages",
        "__pycache__",
        "venv",
        "test",
        "tests",
        "__tests__",
        "spec",
        "fixtures",
    }
)
"""What others wrote, what was built, and tests, whose keys and loops are made up."""


def read_source(root: Path) -> Reading[Scan]:
    """Look at a source tree. Raises ConfigError when `root` is no folder; symbolic links are not followed."""
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder.", "Give the folder of the program that sends: --source DIR.")
    texts: dict[str, str] = {}
    skipped = 0
    for path in _files(root):
        if len(texts) >= MAX_FILES:
            return Unseen(
                kind=UnseenKind.ERROR, reason=f"{root.name} has more than {MAX_FILES} files", needs="--source DIR"
            )
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                skipped += 1
                continue
            texts[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            reason = f"{path.relative_to(root)} cannot be read: {error.strerror}"
            return Unseen(kind=UnseenKind.ERROR, reason=reason, needs="--source DIR")
    return Seen(scan(texts, skipped=skipped))


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in _SKIPPED_FOLDERS and not one.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if wanted(name) and not path.is_symlink():
                yield path
