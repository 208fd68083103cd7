"""Writes HCL, the language of Terraform's .tf files (HCL Native Syntax Specification). Knows no resource."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sendworthy.provision.export.reference import has_reference, replaced, whole_reference

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Block(msgspec.Struct, frozen=True):
    """`kind "label" { body }`. The body's values are attributes; a Block in it, or a list of them, is nested."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]


class Json(msgspec.Struct, frozen=True):
    """A value that goes in as `jsonencode(value)`."""

    value: Any


def hcl(blocks: Sequence[Block]) -> str:
    """Give the file: blocks with an empty line between them."""
    return "\n".join(_block(block, 0) for block in blocks)


def _block(block: Block, depth: int) -> str:
    head = " ".join((block.kind, *(_quoted(label) for label in block.labels)))
    pad = "  " * depth
    return f"{pad}{head} {{\n{_body(block.body, depth + 1)}{pad}}}\n"


def _body(body: Mapping[str, Any], depth: int) -> str:
    pad = "  " * depth
    attributes = {key: value for key, value in body.items() if not _nested(value)}
    width = max((len(key) for key in attributes), default=0)
    lines = [f"{pad}{key:<{width}} = {_value(value, depth)}\n" for key, value in attributes.items()]
    for value in body.values():
        if _nested(value):
            lines += ["\n" if lines else "", *(_block(one, depth) for one in _blocks(value))]
    return "".join(lines)


def _nested(value: object) -> bool:
    return isinstance(value, Block) or (isinstance(value, list) and bool(value) and isinstance(value[0], Block))


def _blocks(value: Any) -> Sequence[Block]:
    return (value,) if isinstance(value, Block) else value


def _value(value: Any, depth: int) -> str:
    match value:
        case Json():
            return f"jsonencode({_value(value.value, depth)})"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return whole_reference(value) or _quoted(value)
        case Mapping():
            return _object(value, depth)
        case Sequence():
            return _list(value, depth)
    raise TypeError(f"no HCL for {type(value).__name__}")


def _object(value: Mapping[str, Any], depth: int) -> str:
    if not value:
        return "{}"
    pad = "  " * (depth + 1)
    names = {key: key if _IDENTIFIER.fullmatch(key) else _quoted(key) for key in value}
    width = max(map(len, names.values()))
    lines = [f"{pad}{names[key]:<{width}} = {_value(one, depth + 1)}\n" for key, one in value.items()]
    return "{\n" + "".join(lines) + "  " * depth + "}"


def _list(value: Sequence[Any], depth: int) -> str:
    if not any(isinstance(one, Mapping) for one in value):
        return "[" + ", ".join(_value(one, depth) for one in value) + "]"
    pad = "  " * (depth + 1)
    return "[\n" + "".join(f"{pad}{_value(one, depth + 1)},\n" for one in value) + "  " * depth + "]"


def _quoted(text: str) -> str:
    """Quote a string. JSON's escapes are HCL's; `${` and `%{` begin templates, and are doubled to be plain."""
    if not has_reference(text):
        return f'"{_escaped(text)}"'
    return '"' + replaced(text, plain=_escaped, wrap=lambda expression: f"${{{expression}}}") + '"'


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("${", "$${").replace("%{", "%%{")
