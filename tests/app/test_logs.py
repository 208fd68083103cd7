"""What a program logs is for people or machines, and an address is in neither."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendworthy.app import logs
from sendworthy.config import Config


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("sendworthy")
    before = (root.level, list(root.handlers), ours.level)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    ours.setLevel(before[2])
    logging.getLogger("sendworthy.gateway.reception").setLevel(logging.NOTSET)


def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool) -> str:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    logs.begin(Config(), as_json=as_json, key_file=key)
    log = logging.getLogger("sendworthy.gateway.reception")
    log.warning("Mail to %s went astray.", "Ann.B+x@example.org")
    log.info("accepted", extra={"recipients": ["ann.b+x@EXAMPLE.org"], "message_id": "m1"})
    try:
        int("a@example.net")
    except ValueError:
        log.exception("failed")
    return capsys.readouterr().err


def test_json_lines_hold_what_was_told_and_no_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(tmp_path, capsys, as_json=True)
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["level"], line["message"][:8]) for line in lines] == [
        ("warning", "Mail to "),
        ("info", "accepted"),
        ("error", "failed"),
    ]
    assert lines[1]["message_id"] == "m1"
    (word,) = lines[1]["recipients"]
    assert word.startswith("address-")
    assert word in lines[0]["message"], "the same address is the same word everywhere"
    assert "ValueError" in lines[2]["error"]
    assert "example" not in text


def test_text_lines_hold_no_address_and_not_every_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(tmp_path, capsys, as_json=False)
    assert "WARNING sendworthy.gateway.reception Mail to address-" in text
    assert "accepted" not in text
    assert "example" not in text


def test_another_installation_has_other_words() -> None:
    assert logs.address_word(b"a")("x@example.org") != logs.address_word(b"b")("x@example.org")


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "address",
    [
        "ann@bücher.example",
        "jörg@example.org",
        "用户@例え.example",
        '"ann smith"@example.org',
        '"ann\\"s"@example.org',
        "ann@[192.0.2.7]",
        "ann@[IPv6:2001:db8::1]",
        "ann@localhost",
        "a" * 300 + "@example.org",
    ],
)
def test_no_kind_of_address_is_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str, *, as_json: bool
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    logs.begin(Config(), as_json=as_json, key_file=key)
    logging.getLogger("sendworthy.gateway.reception").warning("Mail to <%s>, for %s.", address, address)
    text = capsys.readouterr().err
    line = json.loads(text)["message"] if as_json else text
    first, second = line.split("Mail to <")[1].rstrip("\n").split(">, for ")
    assert second == f"{first}."
    assert re.fullmatch("address-[0-9a-f]{12}", first)


def test_a_long_line_without_an_address_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_bytes(b"secret")
    logs.begin(Config(), as_json=False, key_file=tmp_path / "key")
    long = "x" * 1_000_000 + " @"
    logging.getLogger("sendworthy.gateway.reception").warning(long)
    assert capsys.readouterr().err.endswith(f"{long}\n")
