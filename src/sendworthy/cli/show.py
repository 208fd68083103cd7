"""How things are shown: aligned rows for people, JSON for scripts, colour only on a terminal. Knows no command."""

from __future__ import annotations

import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import uvloop

from sendworthy.errors import ConfigError

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for scripts.")
config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Another sendworthy.toml than the one in this folder.",
)


def wait_for(flow: Coroutine[Any, Any, T]) -> T:
    """Run one flow to its end."""
    return uvloop.run(flow)


def as_json(value: object) -> None:
    """Print a value as indented JSON; datetimes as ISO 8601, structs and dataclasses by their fields."""
    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


def rows(header: Sequence[str], lines: Sequence[Sequence[object]], *, none: str) -> None:
    """Print aligned columns under a header, or the sentence `none` when there is nothing."""
    if not lines:
        click.echo(none)
        return
    cells = [[_cell(value) for value in line] for line in lines]
    widths = [max(len(line[column]) for line in [list(header), *cells]) for column in range(len(header))]
    for line in [list(header), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def write(text: str, output: Path | None) -> None:
    """Print `text`, or write it to a file and say so on standard error."""
    if output is None:
        click.echo(text)
        return
    try:
        output.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}.", "Give another --output.") from error
    click.echo(f"Written to {output}", err=True)


def read(path: Path | None) -> str:
    """Read a text file, or standard input when there is none or it is `-`: UTF-8, or UTF-16 as Windows writes it."""
    if path is None or str(path) == "-":
        return _text(sys.stdin.buffer.read())
    try:
        return _text(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Give the path of a text file.") from error


def _text(octets: bytes) -> str:
    if octets.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return octets.decode("utf-16", "replace")
    return octets.decode("utf-8", "replace").replace("\r\n", "\n")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)
