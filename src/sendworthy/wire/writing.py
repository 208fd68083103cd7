"""Compiles a model's shapes into functions that write results as JSON or XML; knows no HTTP.

A result that the model does not know raises ValueError: it is our own mistake, and no client should have to find it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from botocore.model import Shape

from sendworthy.wire import scalar

JsonWriter: TypeAlias = Callable[[Any], Any]
XmlWriter: TypeAlias = Callable[[Any, list[str]], None]
"""Appends the content of an element, without its own tags."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 section 2.2 cannot hold, not even escaped."""


def xml_text(text: str) -> str:
    """Escape text for XML. A carriage return is written as a reference, else the reader would drop it."""
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#xD;"})


def _member(members: Mapping[str, Any], name: str, owner: str) -> Any:
    if name not in members:
        raise ValueError(f"{owner} has no member {name}.")
    return members[name]


class JsonWriting:
    """Writers of JSON values, each structure compiled once."""

    def __init__(self) -> None:
        self._structures: dict[str, JsonWriter] = {}

    def writer(self, shape: Shape) -> JsonWriter:
        """Compile the writer of any shape."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                inner = self.writer(shape.member)
                return lambda value: [inner(item) for item in value]
            case "map":
                of_key, of_value = self.writer(shape.key), self.writer(shape.value)
                return lambda value: {of_key(key): of_value(item) for key, item in value.items()}
            case _:
                return scalar.to_json(shape)

    def _structure(self, shape: Shape) -> JsonWriter:
        if shape.name not in self._structures:
            members: dict[str, tuple[str, JsonWriter]] = {}
            owner: str = shape.name

            def write(value: Mapping[str, Any]) -> dict[str, Any]:
                written: dict[str, Any] = {}
                for name, item in value.items():
                    wire_name, inner = _member(members, name, owner)
                    if item is not None:
                        written[wire_name] = inner(item)
                return written

            self._structures[shape.name] = write
            for name, member in shape.members.items():
                if "location" in member.serialization:
                    raise ValueError(f"{owner}.{name} travels outside the body, which is not supported.")
                members[name] = (member.serialization.get("name", name), self.writer(member))
        return self._structures[shape.name]


class XmlWriting:
    """Writers of XML elements, each structure compiled once."""

    def __init__(self) -> None:
        self._structures: dict[str, XmlWriter] = {}

    def writer(self, shape: Shape) -> XmlWriter:
        """Compile the writer of the content of an element of any shape but a flattened one."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape, shape.member.serialization.get("name", "member"))
            case "map":
                return self._map(shape, "entry")
            case _:
                to_text = scalar.to_text(shape)
                return lambda value, out: out.append(xml_text(to_text(value)))

    def _element(self, name: str, shape: Shape) -> XmlWriter:
        """Compile the writer of a member with its own tags. A flattened list or map repeats them instead."""
        if shape.serialization.get("flattened"):
            if shape.type_name == "list":
                return self._list(shape, shape.member.serialization.get("name", name))
            return self._map(shape, name)
        content = self.writer(shape)

        def write(value: Any, out: list[str]) -> None:
            out.append(f"<{name}>")
            content(value, out)
            out.append(f"</{name}>")

        return write

    def _list(self, shape: Shape, name: str) -> XmlWriter:
        element = self._element(name, shape.member)

        def write(value: Any, out: list[str]) -> None:
            for item in value:
                element(item, out)

        return write

    def _map(self, shape: Shape, name: str) -> XmlWriter:
        of_key = self._element(shape.key.serialization.get("name", "key"), shape.key)
        of_value = self._element(shape.value.serialization.get("name", "value"), shape.value)

        def write(value: Any, out: list[str]) -> None:
            for key, item in value.items():
                out.append(f"<{name}>")
                of_key(key, out)
                of_value(item, out)
                out.append(f"</{name}>")

        return write

    def _structure(self, shape: Shape) -> XmlWriter:
        if shape.name not in self._structures:
            members: dict[str, XmlWriter] = {}
            owner: str = shape.name

            def write(value: Mapping[str, Any], out: list[str]) -> None:
                for name, item in value.items():
                    element = _member(members, name, owner)
                    if item is not None:
                        element(item, out)

            self._structures[shape.name] = write
            for name, member in shape.members.items():
                if member.serialization.get("xmlAttribute"):
                    raise ValueError(f"{owner}.{name} is an XML attribute, which is not supported.")
                members[name] = self._element(member.serialization.get("name", name), member)
        return self._structures[shape.name]
