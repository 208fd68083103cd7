"""Which operation a method and a path mean, from the request URIs of a rest-json model; knows no parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from sendworthy.wire.scalar import malformed

_MOST_SEGMENTS = 64


@dataclass(frozen=True, slots=True)
class Match:
    """A found operation and the decoded text of each label of its URI."""

    operation: str
    labels: dict[str, str]


@dataclass(slots=True)
class _Node:
    """What may follow at one point of a path."""

    words: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    ends: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Method -> operation and the names of its labels, where a path may end here."""
    greedy: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """The same for a last label that takes all the rest, slashes included."""


class Routes:
    """A table of (method, URI template, operation). A word goes before a label; a trailing slash says nothing."""

    def __init__(self, routes: Iterable[tuple[str, str, str]]) -> None:
        self._root = _Node()
        for method, template, operation in routes:
            self._add(method, template, operation)

    def match(self, method: str, path: str) -> Match | None:
        """Find the operation of a raw path, or None. Raises WireError when the path is not percent-encoded UTF-8."""
        segments = path.removeprefix("/").removesuffix("/").split("/")
        if len(segments) > _MOST_SEGMENTS:
            return None
        texts = [_decoded(segment) for segment in segments]
        return _find(self._root, method, texts, 0, [])

    def _add(self, method: str, template: str, operation: str) -> None:
        node, names = self._root, list[str]()
        for segment in template.partition("?")[0].strip("/").split("/"):
            if not segment.startswith("{"):
                node = node.words.setdefault(segment, _Node())
            elif segment.endswith("+}"):
                node.greedy[method] = (operation, (*names, segment[1:-2]))
                return
            else:
                names.append(segment[1:-1])
                node.label = node.label or _Node()
                node = node.label
        node.ends[method] = (operation, tuple(names))


def _find(node: _Node, method: str, texts: list[str], at: int, taken: list[str]) -> Match | None:
    if at == len(texts):
        end = node.ends.get(method)
        return None if end is None else Match(end[0], dict(zip(end[1], taken, strict=True)))
    text = texts[at]
    word = node.words.get(text)
    found = _find(word, method, texts, at + 1, taken) if word is not None else None
    if found is None and node.label is not None and text:
        found = _find(node.label, method, texts, at + 1, [*taken, text])
    if found is None and method in node.greedy and text:
        operation, names = node.greedy[method]
        found = Match(operation, dict(zip(names, [*taken, "/".join(texts[at:])], strict=True)))
    return found


def _decoded(segment: str) -> str:
    if "%" not in segment and segment.isascii():
        return segment
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise malformed("The path is not percent-encoded UTF-8.") from None
