"""Compiles a model's shapes into functions that read and judge parameters; knows no HTTP.

Three sources are read: decoded JSON, a tree of form fields (see `form`), and single texts. Reading raises WireError
when a value has the wrong type; broken constraints are collected, so that all of them can be told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from botocore.model import Shape

from sendworthy.wire import scalar
from sendworthy.wire.constraint import NOT_NULL, Check, Path, Problem, check_for
from sendworthy.wire.form import LEAF, Tree, in_order

Reader: TypeAlias = Callable[[Any, Path, list[Problem]], Any]


def require(found: Mapping[str, Any], required: Collection[str], path: Path, problems: list[Problem]) -> None:
    """Note each required member that was not found."""
    problems.extend(Problem((path, name), NOT_NULL, missing=True) for name in required if name not in found)


def read_text(shape: Shape) -> Reader:
    """Compile the reader of one scalar that comes as text, in a path or a query string."""
    return _scalar(scalar.from_text(shape), check_for(shape))


class JsonReading:
    """Readers of decoded JSON, each structure compiled once."""

    def __init__(self) -> None:
        self._structures: dict[str, Reader] = {}

    def reader(self, shape: Shape) -> Reader:
        """Compile the reader of any shape."""
        check = check_for(shape)
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return _json_list(self.reader(shape.member), check)
            case "map":
                return _json_map(self.reader(shape.key), self.reader(shape.value), check)
            case _:
                return _scalar(scalar.from_json(shape), check)

    def members(self, shape: Shape) -> dict[str, tuple[str, Reader]]:
        """Compile the members of a structure that travel in the body: JSON name -> (name, reader)."""
        return {
            member.serialization.get("name", name): (name, self.reader(member))
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }

    def _structure(self, shape: Shape) -> Reader:
        if shape.is_document_type:
            raise ValueError(f"Document types such as {shape.name} are not read.")
        if shape.name not in self._structures:
            # Registered before its members are compiled: a structure may contain itself.
            members: dict[str, tuple[str, Reader]] = {}
            self._structures[shape.name] = _json_structure(members, shape.required_members, union=shape.is_tagged_union)
            members.update(self.members(shape))
        return self._structures[shape.name]


def read_json_members(
    value: Any, members: Mapping[str, tuple[str, Reader]], path: Path, problems: list[Problem]
) -> dict[str, Any]:
    """Read what is known of a JSON object; unknown members and nulls are passed over, as AWS does."""
    if type(value) is not dict:
        raise scalar.malformed("A structure was expected and something else was found.")
    found: dict[str, Any] = {}
    for wire_name, item in value.items():
        member = members.get(wire_name)
        if member is not None and item is not None:
            name, reader = member
            found[name] = reader(item, (path, name), problems)
    return found


class FormReading:
    """Readers of a tree of form fields, each structure compiled once."""

    def __init__(self) -> None:
        self._structures: dict[str, Reader] = {}

    def reader(self, shape: Shape) -> Reader:
        """Compile the reader of any shape."""
        check = check_for(shape)
        flattened = shape.serialization.get("flattened")
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                inner = None if flattened else shape.member.serialization.get("name", "member")
                return _form_list(self.reader(shape.member), inner, check)
            case "map":
                inner = None if flattened else "entry"
                names = (shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value"))
                return _form_map(self.reader(shape.key), self.reader(shape.value), inner, names, check)
            case _:
                return _scalar(_of_leaf(scalar.from_text(shape)), check)

    def _structure(self, shape: Shape) -> Reader:
        if shape.name not in self._structures:
            members: dict[str, tuple[str, Reader]] = {}
            self._structures[shape.name] = _form_structure(members, shape.required_members)
            members.update(
                (_form_name(name, member), (name, self.reader(member))) for name, member in shape.members.items()
            )
        return self._structures[shape.name]


def _form_name(name: str, member: Shape) -> str:
    """Name a member as forms do; a flattened list goes by the name of its elements, if they have one."""
    if member.type_name == "list" and member.serialization.get("flattened"):
        inner: str | None = member.member.serialization.get("name")
        if inner:
            return inner
    own: str = member.serialization.get("name", name)
    return own


def _scalar(convert: scalar.Convert, check: Check | None) -> Reader:
    if check is None:
        return lambda value, _path, _problems: convert(value)

    def read(value: Any, path: Path, problems: list[Problem]) -> Any:
        converted = convert(value)
        check(converted, path, problems)
        return converted

    return read


def _json_structure(members: Mapping[str, tuple[str, Reader]], required: Collection[str], *, union: bool) -> Reader:
    def read(value: Any, path: Path, problems: list[Problem]) -> dict[str, Any]:
        found = read_json_members(value, members, path, problems)
        if required:
            require(found, required, path, problems)
        if union and len(found) != 1:
            problems.append(Problem(path, "Member must have exactly one of its members set"))
        return found

    return read


def _json_list(reader: Reader, check: Check | None) -> Reader:
    def read(value: Any, path: Path, problems: list[Problem]) -> list[Any]:
        if type(value) is not list:
            raise scalar.malformed("A list was expected and something else was found.")
        found: list[Any] = []
        for index, item in enumerate(value):
            if item is None:
                problems.append(Problem((path, index), NOT_NULL))
            else:
                found.append(reader(item, (path, index), problems))
        if check is not None:
            check(value, path, problems)
        return found

    return read


def _json_map(key_reader: Reader, value_reader: Reader, check: Check | None) -> Reader:
    def read(value: Any, path: Path, problems: list[Problem]) -> dict[Any, Any]:
        if type(value) is not dict:
            raise scalar.malformed("A map was expected and something else was found.")
        found: dict[Any, Any] = {}
        for index, (key, item) in enumerate(value.items()):
            here = (path, index)
            if item is not None:
                found[key_reader(key, (here, "key"), problems)] = value_reader(item, (here, "value"), problems)
        if check is not None:
            check(value, path, problems)
        return found

    return read


def _of_leaf(convert: scalar.Convert) -> scalar.Convert:
    def read(tree: Tree) -> Any:
        if LEAF not in tree:
            raise scalar.malformed("A value was expected where the form has fields below it.")
        return convert(tree[LEAF])

    return read


def _form_structure(members: Mapping[str, tuple[str, Reader]], required: Collection[str]) -> Reader:
    def read(tree: Tree, path: Path, problems: list[Problem]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for wire_name, item in tree.items():
            member = members.get(wire_name)
            if member is not None:
                name, reader = member
                found[name] = reader(item, (path, name), problems)
        require(found, required, path, problems)
        return found

    return read


def _form_list(reader: Reader, inner: str | None, check: Check | None) -> Reader:
    def read(tree: Tree, path: Path, problems: list[Problem]) -> list[Any]:
        items = in_order(tree, inner)
        found = [reader(item, (path, index), problems) for index, item in enumerate(items)]
        if check is not None:
            check(found, path, problems)
        return found

    return read


def _form_map(
    key_reader: Reader, value_reader: Reader, inner: str | None, names: tuple[str, str], check: Check | None
) -> Reader:
    def read(tree: Tree, path: Path, problems: list[Problem]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for index, item in enumerate(in_order(tree, inner)):
            here = (path, index)
            missing = [name for name in names if name not in item]
            problems.extend(Problem((here, name), NOT_NULL, missing=True) for name in missing)
            if not missing:
                key = key_reader(item[names[0]], (here, "key"), problems)
                found[key] = value_reader(item[names[1]], (here, "value"), problems)
        if check is not None:
            check(found, path, problems)
        return found

    return read
