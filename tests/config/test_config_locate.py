"""The line locator against tomllib, on texts written in every way TOML allows."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendworthy.config.locate import Place, locate

_BARE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_KEYS = st.sampled_from(["a", "b-c", "d_1", "9", "e f", 'quo"te', "dot.ted", "#", "]", "ü", "="])
_TEXTS = st.sampled_from(
    ["", "plain", "# no comment", "a]b}c,", 'quo"te', "it's", "back\\slash", "two\nlines", "[[x]]\ny = 1", '""', "'''"]
)
_ATOMS = st.one_of(_TEXTS, st.integers(-9, 9), st.booleans(), st.just(1.5))
_VALUES = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=6,
)
_TABLES = st.dictionaries(_KEYS, _VALUES, max_size=3)
_DOCUMENTS = st.dictionaries(_KEYS, st.one_of(_VALUES, _TABLES, st.lists(_TABLES, min_size=1, max_size=3)), max_size=4)


class _Writer:
    """Writes a document as TOML in a style drawn by hypothesis, and remembers the line of each place."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[Place, int] = {}

    def pick(self, *choices: str) -> str:
        return str(self.draw(st.sampled_from(choices)))

    def note(self, place: Place) -> None:
        self.lines.setdefault(place, self.text.count("\n") + 1)

    def document(self, tree: dict[str, Any]) -> None:
        tables = {key: value for key, value in tree.items() if isinstance(value, dict)}
        lists = {
            key: value
            for key, value in tree.items()
            if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
        }
        for key, value in tree.items():
            if key not in tables and key not in lists:
                self.pair((), key, value)
        for key, table in tables.items():
            self.text += self.pick("", "\n", "# [not.a.table]\n", "  \t\n", "\r\n")
            self.note((key,))
            self.text += f"[{self.pick('', ' ')}{self.key(key)}{self.pick('', ' ')}]{self.pick('', ' # [x]')}\n"
            for inner, value in table.items():
                self.pair((key,), inner, value)
        for key, elements in lists.items():
            for index, table in enumerate(elements):
                self.note((key,))
                self.note((key, index))
                self.text += f"[[{self.key(key)}]]{self.pick('', ' #]')}\n"
                for inner, value in table.items():
                    self.pair((key, index), inner, value)

    def pair(self, table: Place, key: str, value: Any) -> None:
        self.text += self.pick("", "\n", "# k = 1\n", "\t")
        self.inline_pair(table, key, value)
        self.text += self.pick("\n", " # c = 2\n", "\r\n")

    def inline_pair(self, table: Place, key: str, value: Any) -> None:
        self.note((*table, key))
        if isinstance(value, dict) and len(value) == 1 and self.pick("dotted", "inline") == "dotted":
            self.text += self.key(key) + self.pick(".", " . ")
            self.inline_pair((*table, key), *next(iter(value.items())))
            return
        self.text += f"{self.key(key)}{self.pick('=', ' = ')}"
        self.value((*table, key), value)

    def value(self, place: Place, value: Any) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for count, (key, inner) in enumerate(value.items()):
                self.text += ", " if count else ""
                self.inline_pair(place, key, inner)
            self.text += "}"
        elif isinstance(value, list):
            self.text += "["
            for index, inner in enumerate(value):
                self.text += self.pick("", " ", "\n", " # ]\n")
                self.note((*place, index))
                self.value((*place, index), inner)
                self.text += self.pick("", "\n", " #, ]\n") + ("," if index < len(value) - 1 else self.pick("", ","))
            self.text += self.pick("", "\n") + "]"
        elif isinstance(value, str):
            self.text += self.string(value)
        else:
            self.text += json.dumps(value)

    def key(self, key: str) -> str:
        if set(key) <= _BARE and self.pick("bare", "quoted") == "bare":
            return key
        return f"'{key}'" if "'" not in key and self.pick("'", '"') == "'" else json.dumps(key)

    def string(self, value: str) -> str:
        forms = [json.dumps(value), '"""' + value.replace("\\", "\\\\").replace('"', '\\"') + '"""']
        if "'" not in value and "\n" not in value:
            forms.append(f"'{value}'")
        if "'" not in value:
            forms.append(f"'''\n{value}'''")
        return self.pick(*forms)


def _places(tree: Any, place: Place = ()) -> set[Place]:
    found = {place} if place else set()
    if isinstance(tree, dict):
        for key, value in tree.items():
            found |= _places(value, (*place, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found |= _places(value, (*place, index))
    return found


@given(st.data(), _DOCUMENTS)
def test_every_place_that_tomllib_reads_has_the_line_on_which_it_was_written(
    data: st.DataObject, tree: dict[str, Any]
) -> None:
    writer = _Writer(data.draw)
    writer.document(tree)
    read = tomllib.loads(writer.text)
    assert read == tree
    lines = locate(writer.text)
    assert set(lines) == _places(read)
    assert lines == writer.lines


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("[[mail]]\nname='a'\n[[mail]]\n[mail.x]\ny=1\n", ("mail", 1, "x", "y"), 5),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc=1\n[[a]]\n[[a.b]]\nc=2\n", ("a", 0, "b", 1, "c"), 4),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc=1\n[[a]]\n[[a.b]]\nc=2\n", ("a", 1, "b", 0, "c"), 7),
        ('a = """\n[b]\n"""""\nc = 1', ("c",), 4),
        ("a = 1979-05-27 07:32:00 # x\nb = 1", ("b",), 2),
        ("\n\n[a.b.c]\nd = 1", ("a", "b"), 3),
    ],
)
def test_lines_of_nested_lists_and_strings(text: str, place: Place, line: int) -> None:
    tomllib.loads(text)
    assert locate(text)[place] == line
