"""What the pages say is what the program does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from docs.generate import stale
from sendworthy.cli.main import road

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}

    def walk(group: click.Group, prefix: str) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found[f"{prefix} {name}".strip()] = command
            if isinstance(command, click.Group):
                walk(command, f"{prefix} {name}".strip())

    walk(road, "")
    return found


def test_the_generated_pages_are_current() -> None:
    assert stale() == []


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_says_what_it_does(name: str) -> None:
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_commands_that_exist(page: Path) -> None:
    known = commands()
    for words in re.findall(r"`sendworthy ((?:[a-z]+ ?)+)", page.read_text(encoding="utf-8")):
        name = words.split()[0]
        assert name in known, f"sendworthy {name}"
        rest = words.split()[1:2]
        if rest and isinstance(known[name], click.Group):
            assert f"{name} {rest[0]}" in known, f"sendworthy {name} {rest[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_only_commands_that_would_be_understood(page: Path) -> None:
    known = commands()
    for shown in re.findall(
        r"^(?: {4})?sendworthy [a-z].*(?:(?<=\\)\n.*)*", page.read_text(encoding="utf-8"), re.MULTILINE
    ):
        words = shlex.split(re.split(r"  +(?=\S)| [>&|<]", shown.strip().replace("\\\n", " "))[0], comments=True)[1:]
        depth = 2 if isinstance(known.get(words[0]), click.Group) and " ".join(words[:2]) in known else 1
        depth = 3 if " ".join(words[:3]) in known else depth
        name = " ".join(words[:depth])
        assert name in known, shown
        with click.Context(known[name], info_name=name) as context:
            known[name].make_parser(context).parse_args(words[depth:])  # raises for an option that does not exist


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_only_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target
