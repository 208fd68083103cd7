"""application/x-www-form-urlencoded fields, and the tree that AWS's query protocol hides in their dotted names.

Knows no model: it only splits, decodes and bounds.
"""

from __future__ import annotations

from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from sendworthy.wire.scalar import malformed

Tree: TypeAlias = dict[str, Any]
"""Name -> Tree, and under LEAF the text of the field that ends here."""

LEAF = ""

_MOST_FIELDS = 10_000
_DEEPEST = 24
_LONGEST_INDEX = 6
_LONG = 4_096
_OF_BASE64 = ((b"%2B", b"+"), (b"%2F", b"/"), (b"%3D", b"="))
"""Raw messages come as megabytes of base64: its three escapes are undone in one sweep each, which is ten times as fast.
None of the three characters can become part of another escape."""


def fields(text: bytes) -> list[tuple[str, str]]:
    """Split and decode form fields, in order. Raises WireError for too many of them or for what is not UTF-8."""
    pairs = text.split(b"&", _MOST_FIELDS) if text else []
    if len(pairs) > _MOST_FIELDS:
        raise malformed("There are too many form fields.")
    found: list[tuple[str, str]] = []
    for pair in pairs:
        if pair:
            name, _, value = pair.partition(b"=")
            found.append((_decoded(name), _decoded(value)))
    return found


def tree(pairs: list[tuple[str, str]]) -> Tree:
    """Grow the tree of dotted names. The last of a repeated name wins; names with empty parts raise WireError."""
    root: Tree = {}
    for name, value in pairs:
        parts = name.split(".")
        if len(parts) > _DEEPEST or not all(parts):
            raise malformed("The name of a form field is malformed.")
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[LEAF] = value
    return root


def in_order(node: Tree, inner: str | None) -> list[Tree]:
    """Return the numbered children of a list or map, below `inner` where it is not flattened, by number."""
    numbered: Tree = node if inner is None else node.get(inner, {})
    found: list[tuple[int, Tree]] = []
    for name, child in numbered.items():
        if name == LEAF:
            continue
        if not (name.isascii() and name.isdigit() and len(name) <= _LONGEST_INDEX):
            raise malformed("A list in the form is not numbered.")
        found.append((int(name), child))
    return [child for _, child in sorted(found, key=lambda item: item[0])]


def _decoded(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if len(text) > _LONG:
        for escaped, plain in _OF_BASE64:
            text = text.replace(escaped, plain)
    try:
        return (unquote_to_bytes(text) if b"%" in text else text).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("A form field is not UTF-8.") from None
