"""A source tree is read from disk: what is its own, no more than can be borne, and never by a link out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendworthy.audit.evidence import Seen
from sendworthy.audit.source import SinKind
from sendworthy.clients.read_source import MAX_FILE_BYTES, read_source
from sendworthy.errors import ConfigError

SIN = 'import smtplib\nkey = "AKIAABCDEFGHIJKLMNOP"\n'


def test_sins_are_named_by_their_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "mail.py").write_text(SIN)
    found = read_source(tmp_path)
    assert isinstance(found, Seen)
    assert [(sin.file, sin.line) for sin in found.value.of(SinKind.CREDENTIALS)] == [("app/mail.py", 2)]


def test_what_others_wrote_tests_and_links_are_left_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(SIN)
    root = tmp_path / "root"
    for folder in ("node_modules/x", "tests", ".git"):
        (root / folder).mkdir(parents=True)
        (root / folder / "mail.py").write_text(SIN)
    (root / "link.py").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "notes.txt").write_text(SIN)
    found = read_source(root)
    assert isinstance(found, Seen)
    assert (found.value.files, found.value.sins) == (0, ())


def test_a_file_too_large_is_counted_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "big.py").write_text(SIN + "#" * MAX_FILE_BYTES)
    found = read_source(tmp_path)
    assert isinstance(found, Seen)
    assert (found.value.files, found.value.skipped) == (0, 1)


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_bytes(b"\xff\xfe\x00import smtplib\n")
    assert isinstance(read_source(tmp_path), Seen)


def test_what_is_no_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        read_source(tmp_path / "nothing")
