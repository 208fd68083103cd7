"""The simulator's values as JSON and back: dataclasses, times, bytes, sets and shared values. Knows no file.

Plain JSON rather than pickle: a state file can be read by people, and reading one runs no code. A class that has grown
a field since takes its default; a field that is gone is passed over.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import functools
import importlib
import itertools
import random
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

_HOUSE = "sendworthy.simulator."
_PLAIN = frozenset({str, int, bool, type(None)})


class NotKept(ValueError):
    """A value that cannot be written, or a text that describes none of ours."""


class Writing:
    """Turns values into what JSON can say. A dataclass that is met again is written as a reference to the first."""

    def __init__(self) -> None:
        self._met: dict[int, int] = {}
        self._alive: list[object] = []  # ids are only unique among what is alive

    def plain(self, value: object) -> Any:
        """Return the value in dictionaries, lists, texts and numbers. Raises NotKept, naming the type."""
        if type(value) in _PLAIN:
            return value
        writer = _WRITERS.get(type(value))
        if writer is not None:
            return writer(self, value)
        if isinstance(value, Enum):
            return {"$e": [_name(type(value)), value.value]}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        if isinstance(value, types.MethodType) and dataclasses.is_dataclass(value.__self__):
            return {"$m": [self.plain(value.__self__), value.__name__]}
        raise NotKept(f"a {type(value).__qualname__} cannot be kept")

    def _dataclass(self, value: object) -> dict[str, Any]:
        number = self._met.get(id(value))
        if number is not None:
            return {"$r": number}
        number = self._met[id(value)] = len(self._met)
        self._alive.append(value)
        kind, fields = _kind(type(value))
        made: dict[str, Any] = {"$c": kind, "$n": number}
        for name, has_default in fields:
            held = getattr(value, name)
            if has_default and _is_of_this_run(held):
                continue
            made[name] = self.plain(held)
        return made

    def members(self, values: Iterable[object]) -> list[Any]:
        """Return each of the values."""
        return [each if type(each) in _PLAIN else self.plain(each) for each in values]

    def mapping(self, value: dict[Any, Any]) -> dict[str, Any]:
        """Return a dictionary as it is where its keys allow that, else as pairs."""
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: each if type(each) in _PLAIN else self.plain(each) for key, each in value.items()}
        return {"$d": [[self.plain(key), self.plain(each)] for key, each in value.items()]}


class Reading:
    """Turns what `Writing` made back into values. Raises NotKept for anything else."""

    def __init__(self) -> None:
        self._met: dict[int, Any] = {}

    def value(self, plain: Any) -> Any:
        """Return the value."""
        if isinstance(plain, list):
            return [self.value(each) for each in plain]
        if not isinstance(plain, dict):
            return plain
        if "$c" in plain:
            return self._dataclass(plain)
        mark = next(iter(plain), "")
        if len(plain) != 1 or not mark.startswith("$"):
            return {key: self.value(each) for key, each in plain.items()}
        reader = _READERS.get(mark)
        if reader is None:
            raise NotKept(f"{mark} marks nothing that is known")
        return reader(self, plain[mark])

    def met(self, number: int) -> Any:
        """Return the value that was read under a number."""
        if number not in self._met:
            raise NotKept("a reference to a value that did not come before it")
        return self._met[number]

    def _dataclass(self, plain: dict[str, Any]) -> Any:
        found = _class(plain["$c"])
        if not dataclasses.is_dataclass(found):
            raise NotKept(f"{plain['$c']} is no value of the simulator")
        make: Callable[..., Any] = found
        known = {each.name: each for each in dataclasses.fields(found)}
        given = {name: self.value(each) for name, each in plain.items() if name in known}
        try:
            made = make(**{name: each for name, each in given.items() if known[name].init})
        except (TypeError, ValueError) as error:
            raise NotKept(f"{plain['$c']}: {error}") from error
        for name, each in given.items():
            if not known[name].init:
                object.__setattr__(made, name, each)
        self._met[plain["$n"]] = made
        return made


def _number(value: float) -> Any:
    # JSON has no infinity.
    return value if value - value == 0 else {"$f": str(value)}


def _method(reading: Reading, plain: list[Any]) -> Any:
    owner, name = reading.value(plain[0]), plain[1]
    if not dataclasses.is_dataclass(owner) or not isinstance(getattr(type(owner), name, None), types.FunctionType):
        raise NotKept(f"{name} is no method of a value of the simulator")
    return getattr(owner, name)


def _member(name: str, value: Any) -> Enum:
    found = _class(name)
    if not issubclass(found, Enum):
        raise NotKept(f"{name} is no word of the simulator")
    return found(value)


def _dice(version: int, numbers: list[int], gauss: float | None) -> random.Random:
    dice = random.Random()  # noqa: S311 - accidents on purpose, no secrets
    dice.setstate((version, tuple(numbers), gauss))
    return dice


def _ticks(plain: int) -> itertools.count[int]:
    return itertools.count(plain)


_WRITERS: dict[type, Callable[[Writing, Any], Any]] = {
    float: lambda _, value: _number(value),
    datetime: lambda _, value: {"$t": value.isoformat()},
    date: lambda _, value: {"$a": value.isoformat()},
    timedelta: lambda _, value: {"$s": [value.days, value.seconds, value.microseconds]},
    random.Random: lambda _, value: {"$x": [list(each) if type(each) is tuple else each for each in value.getstate()]},
    bytes: lambda _, value: {"$b": base64.b64encode(value).decode()},
    list: lambda writing, value: writing.members(value),
    tuple: lambda writing, value: {"$u": writing.members(value)},
    set: lambda writing, value: {"$g": writing.members(sorted(value, key=repr))},
    frozenset: lambda writing, value: {"$z": writing.members(sorted(value, key=repr))},
    deque: lambda writing, value: {"$q": [writing.members(value), value.maxlen]},
    dict: lambda writing, value: writing.mapping(value),
    OrderedDict: lambda writing, value: {
        "$o": [[writing.plain(key), writing.plain(each)] for key, each in value.items()]
    },
    # Its repr is the only way to read a counter that neither moves it nor is deprecated.
    itertools.count: lambda _, value: {"$i": int(repr(value)[len("count(") : -1])},
}

_READERS: dict[str, Callable[[Reading, Any], Any]] = {
    "$e": lambda _, plain: _member(*plain),
    "$m": _method,
    "$r": lambda reading, plain: reading.met(plain),
    "$d": lambda reading, plain: {reading.value(key): reading.value(each) for key, each in plain},
    "$o": lambda reading, plain: OrderedDict((reading.value(key), reading.value(each)) for key, each in plain),
    "$f": lambda _, plain: float(plain),
    "$t": lambda _, plain: datetime.fromisoformat(plain),
    "$a": lambda _, plain: date.fromisoformat(plain),
    "$x": lambda _, plain: _dice(*plain),
    "$s": lambda _, plain: timedelta(*plain),
    "$b": lambda _, plain: base64.b64decode(plain),
    "$u": lambda reading, plain: tuple(reading.value(plain)),
    "$g": lambda reading, plain: set(reading.value(plain)),
    "$z": lambda reading, plain: frozenset(reading.value(plain)),
    "$q": lambda reading, plain: deque(reading.value(plain[0]), plain[1]),
    "$i": lambda _, plain: _ticks(plain),
}


def _is_of_this_run(value: object) -> bool:
    """Whether a value means something to this process alone: what waits, and functions that belong to nobody."""
    return isinstance(value, (asyncio.Event, asyncio.Task, types.FunctionType, functools.partial))


_KINDS: dict[type[Any], tuple[str, tuple[tuple[str, bool], ...]]] = {}


def _kind(kind: type[Any]) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """Return the name of a dataclass; and of each field the name, and whether it has a default to come back with."""
    found = _KINDS.get(kind)
    if found is None:
        missing = dataclasses.MISSING
        fields = tuple(
            (each.name, each.default is not missing or each.default_factory is not missing)
            for each in dataclasses.fields(kind)
        )
        found = _KINDS[kind] = (_name(kind), fields)
    return found


def _name(kind: type[Any]) -> str:
    if not kind.__module__.startswith(_HOUSE):
        raise NotKept(f"a {kind.__qualname__} cannot be kept")
    return f"{kind.__module__.removeprefix(_HOUSE)}:{kind.__qualname__}"


@functools.cache
def _class(name: str) -> type[Any]:
    module, mark, kind = name.partition(":")
    try:
        found = getattr(importlib.import_module(_HOUSE + module), kind, None) if mark and module.isascii() else None
    except ImportError:
        found = None
    if not isinstance(found, type) or found.__module__ != _HOUSE + module:
        raise NotKept(f"{name} is no value of the simulator")
    return found
