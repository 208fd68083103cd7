"""Turns parsed TOML, environment text and flags into the types of the shape, collecting every problem. No I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from sendworthy.config.locate import Place
from sendworthy.config.problems import Problem
from sendworthy.config.rules import CHECKS, NOT_EMPTY, SECRET
from sendworthy.config.shape import Config
from sendworthy.config.words import unknown_key

_MISSING = object()


def key_text(place: Place) -> str:
    """Write a place as people do: `mail[0].name`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def as_env_name(key: str) -> str:
    """Give the environment variable of a dotted key."""
    return "SENDWORTHY_" + key.upper().replace(".", "_")


@cache
def settable() -> Mapping[str, Any]:
    """Give the type of every key, by dotted path, that holds one value or a list of plain values."""
    found: dict[str, Any] = {}

    def walk(struct: type[msgspec.Struct], path: str) -> None:
        for field in msgspec.structs.fields(struct):
            key = f"{path}{field.name}"
            if _is_struct(field.type):
                walk(field.type, key + ".")
            elif not _is_struct(_element(field.type)):
                found[key] = field.type

    walk(Config, "")
    return found


class Decoder:
    """One source of values: `where` it is, the `lines` of its places, the `problems` met, the keys `given`."""

    def __init__(self, *, where: str, lines: Mapping[Place, int]) -> None:
        self.where = where
        self.lines = lines
        self.problems: list[Problem] = []
        self.given: dict[str, int] = {}

    def table(self, struct: type[msgspec.Struct], raw: Mapping[str, Any], place: Place = ()) -> dict[str, Any]:
        """Read one table into plain values of the right types; what is wrong is told and left out."""
        fields = {field.name: field for field in msgspec.structs.fields(struct)}
        values: dict[str, Any] = {}
        for key, given in raw.items():
            here = (*place, key)
            if key not in fields:
                self._unknown(here, given, fields)
                continue
            value = self._value(fields[key].type, given, here)
            if value is not _MISSING:
                values[key] = value
        for name, field in fields.items():
            if field.required and name not in raw:
                what = f"{_table_name(place)} has no `{name}`."
                self._tell(place, what, f"Add {name} = {_example(field.type)}.")
        return values

    def from_outside(self, key: str, given: object) -> Any:
        """Read an environment variable's or flag's value for a dotted key; text is read as its type asks."""
        kind = settable()[key]
        place: Place = tuple(key.split("."))
        if isinstance(given, str):
            given = _from_text(kind, given)
        elif isinstance(given, list | tuple):
            given = list(given)
        return self._value(kind, given, place)

    def _value(self, kind: Any, given: Any, place: Place) -> Any:
        if _is_struct(kind):
            if isinstance(given, dict):
                return self.table(kind, given, place)
            self._wrong_type(kind, given, place)
            return _MISSING
        element = _element(kind)
        if element is not None:
            return self._list(element, given, place)
        value = _plain(kind, given)
        if value is _MISSING:
            self._wrong_type(kind, given, place)
            return _MISSING
        self.given[key_text(place)] = self._line(place) or 0
        return value if self._checked(value, place) else _MISSING

    def _list(self, element: Any, given: Any, place: Place) -> Any:
        if not isinstance(given, list):
            self._wrong_type(tuple[element, ...], given, place)
            return _MISSING
        values = [self._value(element, one, (*place, index)) for index, one in enumerate(given)]
        if not _is_struct(element):
            for index in range(len(given)):
                self.given.pop(key_text((*place, index)), None)
            self._told_twice(values, place)
        self.given[key_text(place)] = self._line(place) or 0
        return [value for value in values if value is not _MISSING]

    def _told_twice(self, values: list[Any], place: Place) -> None:
        for index, value in enumerate(values):
            if value is not _MISSING and value in values[:index]:
                self._tell((*place, index), f"{key_text(place)} has the same value twice.", "Delete one of them.")

    def _checked(self, value: Any, place: Place) -> bool:
        key = ".".join(part for part in place if isinstance(part, str))
        in_list = isinstance(place[-1], int)
        if value == "":
            if key not in NOT_EMPTY and not in_list:
                return True
            self._tell(place, f"{key_text(place)} is empty.", "Give it a value, or delete the line.")
            return False
        check = CHECKS.get(key)
        wrong = check(value) if check is not None else None
        if wrong is None:
            return True
        what, fix = wrong
        if key in SECRET:
            what = what.replace(f"`{value}`", "The value")
        self._tell(place, f"{key_text(place)}: {what}", fix)
        return False

    def _unknown(self, place: Place, given: object, siblings: Collection[str]) -> None:
        *tables, key = (part for part in place if isinstance(part, str))
        what = f"{_table_name(place[:-1])} has no key `{key}`."
        if not tables:
            what = f"There is no table [{key}]." if isinstance(given, dict) else f"`{key}` stands outside every table."
        self._tell(place, what, unknown_key(key, ".".join(tables), siblings, _homes()))

    def _wrong_type(self, kind: Any, given: Any, place: Place) -> None:
        name = str(place[-1]) if isinstance(place[-1], str) else str(place[-2])
        fix = f"Write {name} = {_example(kind)}."
        if _is_struct(kind):
            fix = f"Write it as a table: [{key_text(place)}]."
        elif _is_struct(_element(kind)):
            fix = f"Write it as a list of tables: [[{key_text(place)}]]."
        elif _is_enum(kind):
            fix = f"Write one of: {', '.join(kind)}."
        elif _element(kind) is str and isinstance(given, str):
            fix = f'Write {name} = ["{given}"].' if ".".join(map(str, place)) not in SECRET else fix
        elif isinstance(place[-1], int):
            fix = f"Each element is written as {_example(kind)}."
        what = f"{key_text(place)} is {_told(given)}, and should be {_wanted(kind)}."
        if _is_enum(kind) and isinstance(given, str):
            what = f"{key_text(place)} cannot be `{given}`."
        self._tell(place, what, fix)

    def _tell(self, place: Place, what: str, fix: str) -> None:
        self.problems.append(Problem(where=self.where, line=self._line(place), what=what, fix=fix))

    def _line(self, place: Place) -> int | None:
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


@cache
def _homes() -> Mapping[str, tuple[str, ...]]:
    """Give the tables in which each key stands."""
    homes: dict[str, list[str]] = {}

    def walk(struct: type[msgspec.Struct], table: str) -> None:
        for field in msgspec.structs.fields(struct):
            homes.setdefault(field.name, []).append(table)
            inner = field.type if _is_struct(field.type) else _element(field.type)
            if _is_struct(inner):
                walk(inner, f"{table}.{field.name}" if table else field.name)

    walk(Config, "")
    return {key: tuple(tables) for key, tables in homes.items()}


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _element(kind: Any) -> Any:
    """Give the type of the elements of `tuple[X, ...]`, None for anything else."""
    return get_args(kind)[0] if get_origin(kind) is tuple else None


def _plain(kind: Any, given: Any) -> Any:
    """Give `given` as `kind`, or _MISSING. Booleans are no numbers; whole numbers are floats; dates may be text."""
    if _is_enum(kind):
        return given if isinstance(given, str) and given in tuple(kind) else _MISSING
    if kind is str:
        if isinstance(given, date) and not isinstance(given, datetime):
            return given.isoformat()
        return given if isinstance(given, str) else _MISSING
    if kind is bool:
        return given if isinstance(given, bool) else _MISSING
    if isinstance(given, bool):
        return _MISSING
    if kind is int:
        return given if isinstance(given, int) else _MISSING
    return float(given) if isinstance(given, int | float) and math.isfinite(given) else _MISSING


def _from_text(kind: Any, text: str) -> Any:
    """Read text as `kind`; text that does not fit is given back, to be told as the wrong type."""
    element = _element(kind)
    if element is not None:
        return [_from_text(element, part.strip()) for part in text.split(",") if part.strip()]
    try:
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
    except ValueError:
        return text
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    return text


def _table_name(place: Place) -> str:
    names = ".".join(part for part in place if isinstance(part, str))
    return f"[[{names}]]" if place and isinstance(place[-1], int) else f"[{names}]"


def _told(given: object) -> str:
    match given:
        case bool():
            return "true" if given else "false"
        case int() | float():
            return f"the number {given}"
        case str():
            return "text"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _wanted(kind: Any) -> str:
    if _is_struct(kind):
        return "a table"
    if _element(kind) is not None:
        return "a list of tables" if _is_struct(_element(kind)) else "an array"
    if _is_enum(kind):
        return "one of " + ", ".join(kind)
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[kind]


def _example(kind: Any) -> str:
    if _element(kind) is not None:
        return f"[{_example(_element(kind))}]"
    if _is_enum(kind):
        return f'"{next(iter(kind))}"'
    return {str: '"…"', int: "10", float: "0.5", bool: "true"}.get(kind, "…")
