"""On which line of a TOML text each key and each array element stands. Knows no meaning and reports no errors.

tomllib tells values but not places. This reads only what places need, of a text that tomllib has accepted already
(TOML 1.0): headers, keys, brackets, strings and comments.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Mapping

Place = tuple[str | int, ...]
"""`("mail", 0, "name")`: keys by name, elements of arrays by index from 0."""

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def locate(text: str) -> Mapping[Place, int]:
    """Give the 1-based line of every key, table and array element of `text`, which must be valid TOML 1.0.

    A table made only by a dotted key or a longer header has the line where it is first named.
    """
    return _Reader(text.replace("\r\n", "\n")).document()


class _Reader:
    """A position that moves through the text once, and the lines found on the way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ends = [at for at, character in enumerate(text) if character == "\n"]
        self.lines: dict[Place, int] = {}
        self.lists: dict[Place, int] = {}  # the index of the last [[table]] at each place

    def document(self) -> dict[Place, int]:
        table: Place = ()
        while self._skip_blank():
            if self.text.startswith("[[", self.at):
                table = self._list_header()
            elif self.text[self.at] == "[":
                self.at += 1
                line = self._line()
                table = self._name((), self._key("]"), line)
            else:
                self._pair(table)
        return self.lines

    def _line(self) -> int:
        return bisect_left(self.ends, self.at) + 1

    def _skip_blank(self) -> bool:
        """Pass white space, line ends and comments; say whether anything is left."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in " \t\n":
                self.at += 1
            else:
                return True
        return False

    def _list_header(self) -> Place:
        self.at += 2
        line = self._line()
        names = self._key("]")
        self.at += 1
        parent = self._name((), names[:-1], line)
        place = (*parent, names[-1])
        self.lists[place] = self.lists.get(place, -1) + 1
        self.lines.setdefault(place, line)
        element = (*place, self.lists[place])
        self.lines[element] = line
        return element

    def _name(self, table: Place, names: tuple[str, ...], line: int) -> Place:
        """Walk from `table` along `names`, noting each on `line`; a name of a [[table]] means its last element."""
        place = table
        for name in names:
            place = (*place, name)
            self.lines.setdefault(place, line)
            if place in self.lists:
                place = (*place, self.lists[place])
        return place

    def _key(self, end: str) -> tuple[str, ...]:
        """Read a dotted key up to and with `end`."""
        names: list[str] = []
        while True:
            self._skip_spaces()
            if self.text[self.at] in "\"'":
                names.append(self._quoted_key())
            else:
                start = self.at
                while self.text[self.at] in _BARE:
                    self.at += 1
                names.append(self.text[start : self.at])
            self._skip_spaces()
            self.at += 1
            if self.text[self.at - 1] == end:
                return tuple(names)

    def _skip_spaces(self) -> None:
        while self.text[self.at] in " \t":
            self.at += 1

    def _quoted_key(self) -> str:
        start = self.at
        self._string()
        literal = self.text[start : self.at]
        return str(tomllib.loads(f"key = {literal}")["key"])

    def _pair(self, table: Place) -> None:
        line = self._line()
        place = self._name(table, self._key("="), line)
        self._skip_spaces()
        self._value(place)

    def _value(self, place: Place) -> None:
        match self.text[self.at]:
            case '"' | "'":
                self._string()
            case "[":
                self._array(place)
            case "{":
                self._inline_table(place)
            case _:
                while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                    self.at += 1

    def _array(self, place: Place) -> None:
        self.at += 1
        index = 0
        while self._skip_blank() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            element = (*place, index)
            self.lines[element] = self._line()
            self._value(element)
            index += 1
        self.at += 1

    def _inline_table(self, place: Place) -> None:
        self.at += 1
        while self._skip_blank() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
            else:
                self._pair(place)
        self.at += 1

    def _string(self) -> None:
        """Pass a string of any of the four kinds, quotes included."""
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            self.at += 3
            while not self.text.startswith(quote * 3, self.at):
                self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
            self.at += 3
            while self.text.startswith(quote, self.at):  # up to two quotes may stand before the closing three
                self.at += 1
            return
        self.at += 1
        while self.text[self.at] != quote:
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += 1
