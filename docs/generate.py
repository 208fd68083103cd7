"""Writes the pages that are made from code; a test fails while any of them is stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from docs.simulator.operations import page
from sendworthy.access.claims_page import claims_page
from sendworthy.audit.checks import ALL
from sendworthy.audit.report.json import schema_text
from sendworthy.audit.report.page import check_pages
from sendworthy.cli.main import road
from sendworthy.simulator.address_page import address_page

HERE = Path(__file__).parent


def pages() -> Mapping[str, str]:
    """Give every generated page by its path under docs/."""
    found = {f"checks/{name}": text for name, text in check_pages(ALL).items()}
    found["audit/schema.json"] = schema_text()
    found["ask/claims.md"] = claims_page()
    found["simulator/operations.md"] = page()
    found["simulator/addresses.md"] = address_page()
    found["commands.md"] = _commands()
    return found


def stale() -> list[str]:
    """Name the pages that are not what the code says, those left over included."""
    wanted = pages()
    wrong = [path for path, text in wanted.items() if not _is(HERE / path, text)]
    left_over = [f"checks/{one.name}" for one in (HERE / "checks").glob("*.md") if f"checks/{one.name}" not in wanted]
    return sorted(wrong + left_over)


def write() -> None:
    """Write every page, and remove those that the code no longer knows."""
    for path, text in pages().items():
        (HERE / path).parent.mkdir(parents=True, exist_ok=True)
        (HERE / path).write_text(text, encoding="utf-8")
    for path in stale():
        (HERE / path).unlink()


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "What `sendworthy COMMAND --help` says, in the order of the road. Made from the commands by `make docs`.",
        "",
    ]
    with click.Context(road, info_name="sendworthy", max_content_width=100, terminal_width=100) as context:
        for command, inner in _walk(road, context):
            lines += [f"## {inner.command_path}", "", "```", command.get_help(inner), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _walk(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        inner = click.Context(
            command,
            info_name=name,
            parent=context,
            max_content_width=100,
            terminal_width=100,
            help_option_names=["-h", "--help"],
        )
        if isinstance(command, click.Group):
            yield from _walk(command, inner)
        else:
            yield command, inner


def main() -> int:
    """Write the pages, or with --check only say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    if parser.parse_args().check:
        wrong = stale()
        for path in wrong:
            sys.stderr.write(f"docs/{path} is stale: make docs\n")
        return 1 if wrong else 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
