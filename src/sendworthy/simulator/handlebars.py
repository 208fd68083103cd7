"""SES's template language: the part of Handlebars that the Developer Guide shows, and errors in SES's words. Pure.

Known: attributes and paths (`a.b`, `a.[0]`, `this`, `../a`), `#each` with `@index`, `@key`, `@first` and `@last`, `#if`
with `else if` and `else`, `#unless`, `#with`, inline partials (`#* inline`, `>`), comments, `~` for white space. As SES
does, nothing is escaped, and an attribute that the data does not have is an error ("Personalizing email" [D23]).
Unknown: other helpers, arguments, sub-expressions.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

MOST_OUTPUT = 4 * 1024 * 1024
_MOST_STEPS = 200_000
_DEEPEST = 32
_PATH = re.compile(r"(?:\.\./)*(?:@?[\w$-]+|\.|this|\[[^\]]+\])(?:[./](?:[\w$-]+|\[[^\]]+\]))*")
_INLINE = re.compile(r"#\*\s*inline\s+[\"']([^\"']+)[\"']")


class TemplateError(Exception):
    """The template is not well-formed, or cannot be rendered with this data; the text is what SES would say."""


@dataclass(frozen=True, slots=True)
class _Value:
    path: str


@dataclass(frozen=True, slots=True)
class _Partial:
    name: str


@dataclass(slots=True)
class _Block:
    kind: str
    path: str
    then: list[Node] = field(default_factory=list)
    otherwise: list[Node] = field(default_factory=list)


Node: TypeAlias = "str | _Value | _Partial | _Block"


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read: what it says, and its inline partials by name."""

    nodes: Sequence[Node]
    partials: Mapping[str, Sequence[Node]]


@functools.lru_cache(maxsize=256)
def read(text: str) -> Template:
    """Read a template. Raises TemplateError where it is not well-formed."""
    return _Reader(text).read()


def render(template: Template, data: Mapping[str, Any], *, keep: frozenset[str] = frozenset()) -> str:
    """Return the text with the data put in; attributes in `keep` stay as they are, braces included.

    Raises TemplateError for an attribute that is not in the data, and where the result would never end.
    """
    return _Renderer(template, keep).render(data)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._partials: dict[str, Sequence[Node]] = {}
        self._root: list[Node] = []
        self._into = self._root
        self._open: list[tuple[_Block, list[Node], list[_Block]]] = []

    def read(self) -> Template:
        at, trim = 0, False
        while (start := self._text.find("{{", at)) >= 0:
            if start > at and self._text[start - 1] == "\\":
                end = self._end_of("}}", start)
                self._say(self._text[at : start - 1] + self._text[start:end], trim_left=trim, trim_right=False)
                at, trim = end, False
                continue
            body, end = self._body(start)
            self._say(self._text[at:start], trim_left=trim, trim_right=body.startswith("~"))
            at, trim = end, body.endswith("~")
            self._tag(body.strip("~").strip())
        self._say(self._text[at:], trim_left=trim, trim_right=False)
        if self._open:
            raise TemplateError(f"The block {{{{#{self._open[-1][0].kind}}}}} is not closed.")
        return Template(tuple(self._root), dict(self._partials))

    def _body(self, start: int) -> tuple[str, int]:
        """Return what stands between the braces at `start`, tildes included, and where the tag ends."""
        after = start + 2
        if self._text.startswith(("!--", "~!--"), after):
            stop = self._text.find("--", after + 4)
            while stop >= 0 and not self._text.startswith(("--}}", "--~}}"), stop):
                stop = self._text.find("--", stop + 1)
            if stop < 0:
                raise TemplateError("The template contains a comment that is not closed.")
            return self._text[after : self._text.index("}}", stop)], self._text.index("}}", stop) + 2
        triple = self._text.startswith("{", after)
        end = self._end_of("}}}" if triple else "}}", after)
        return (self._text[after + 1 : end - 3] if triple else self._text[after : end - 2]), end

    def _end_of(self, braces: str, start: int) -> int:
        end = self._text.find(braces, start)
        if end < 0:
            raise TemplateError("The template contains a tag that is not closed.")
        return end + len(braces)

    def _say(self, text: str, *, trim_left: bool, trim_right: bool) -> None:
        text = text.lstrip() if trim_left else text
        text = text.rstrip() if trim_right else text
        if text:
            self._into.append(text)

    def _tag(self, body: str) -> None:
        if body.startswith("!"):
            return
        if body.startswith(("#", "^")):
            self._begin(body)
        elif body.startswith("/"):
            self._end(body[1:].strip())
        elif body == "else" or body.startswith("else "):
            self._else(body[4:].strip())
        elif body.startswith(">"):
            self._into.append(_Partial(body[1:].strip().strip("\"'")))
        else:
            self._into.append(_Value(_path(body.removeprefix("&").strip())))

    def _begin(self, body: str) -> None:
        inline = _INLINE.fullmatch(body)
        if inline:
            block = _Block("inline", inline[1])
        else:
            kind, _, path = body[1:].strip().partition(" ")
            if kind not in {"each", "if", "unless", "with"} or body.startswith("^"):
                raise TemplateError(f"The helper '{kind[:40]}' is not supported.")
            block = _Block(kind, _path(path.strip()))
            self._into.append(block)
        if len(self._open) >= _DEEPEST:
            raise TemplateError("The template's blocks are nested too deeply.")
        self._open.append((block, self._into, []))
        self._into = block.then

    def _else(self, rest: str) -> None:
        if not self._open or self._open[-1][0].kind == "inline":
            raise TemplateError("The template contains an else outside of a block.")
        block, before, chain = self._open[-1]
        last = chain[-1] if chain else block
        if rest:
            kind, _, path = rest.partition(" ")
            if kind not in {"if", "unless", "with", "each"} or len(chain) >= _DEEPEST:
                raise TemplateError(f"The helper '{kind[:40]}' is not supported after else.")
            inner = _Block(kind, _path(path.strip()))
            last.otherwise.append(inner)
            chain.append(inner)
            self._into = inner.then
        else:
            self._into = last.otherwise
        self._open[-1] = (block, before, chain)

    def _end(self, kind: str) -> None:
        if not self._open or self._open[-1][0].kind != kind:
            raise TemplateError(f"The template closes a block '{kind[:40]}' that is not open.")
        block, self._into, _ = self._open.pop()
        if block.kind == "inline":
            self._partials[block.path] = tuple(block.then)


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise TemplateError(f"The tag '{{{{{text[:60]}}}}}' cannot be read.")
    return text


class _Renderer:
    def __init__(self, template: Template, keep: frozenset[str]) -> None:
        self._template = template
        self._keep = keep
        self._out: list[str] = []
        self._size = 0
        self._steps = 0
        self._depth = 0

    def render(self, data: Mapping[str, Any]) -> str:
        self._nodes(self._template.nodes, [data], {})
        return "".join(self._out)

    def _nodes(self, nodes: Sequence[Node], stack: list[Any], marks: Mapping[str, Any]) -> None:
        self._depth += 1
        if self._depth > 2 * _DEEPEST:
            raise TemplateError("The template is nested too deeply, or a partial includes itself.")
        for node in nodes:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise TemplateError("The template takes too long to render.")
            if isinstance(node, str):
                self._say(node)
            elif isinstance(node, _Value):
                self._say(f"{{{{{node.path}}}}}" if node.path in self._keep else _text(_look(node.path, stack, marks)))
            elif isinstance(node, _Partial):
                self._partial(node.name, stack, marks)
            else:
                self._block(node, stack, marks)
        self._depth -= 1

    def _say(self, text: str) -> None:
        self._size += len(text)
        if self._size > MOST_OUTPUT:
            raise TemplateError("The rendered template is too large.")
        self._out.append(text)

    def _partial(self, name: str, stack: list[Any], marks: Mapping[str, Any]) -> None:
        nodes = self._template.partials.get(name)
        if nodes is None:
            raise TemplateError(f"The partial '{name[:60]}' could not be found.")
        self._nodes(nodes, stack, marks)

    def _block(self, block: _Block, stack: list[Any], marks: Mapping[str, Any]) -> None:
        # Whether a condition may name what is not in the data is not documented; here it is false.
        value = _look(block.path, stack, marks, absent=block.kind in {"if", "unless"})
        match block.kind:
            case "if" | "unless":
                chosen = block.then if bool(value) == (block.kind == "if") else block.otherwise
                self._nodes(chosen, stack, marks)
            case "with" if value:
                self._nodes(block.then, [*stack, value], marks)
            case "each" if isinstance(value, list | dict) and value:
                self._each(block, value, stack)
            case _:
                self._nodes(block.otherwise, stack, marks)

    def _each(self, block: _Block, value: list[Any] | dict[str, Any], stack: list[Any]) -> None:
        pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for number, (key, item) in enumerate(pairs):
            marks = {"@index": number, "@key": key, "@first": number == 0, "@last": number == len(pairs) - 1}
            self._nodes(block.then, [*stack, item], marks)


def _look(path: str, stack: list[Any], marks: Mapping[str, Any], *, absent: bool = False) -> Any:
    whole, rest, level = path, path, len(stack) - 1
    while rest.startswith("../"):
        rest, level = rest[3:], level - 1
    if rest.startswith("@"):
        return marks.get(rest)
    value = stack[max(level, 0)]
    if rest in {"this", "."}:
        return value
    parts = re.findall(r"\[([^\]]+)\]|([\w$-]+)", rest.removeprefix("this/").removeprefix("this."))
    for index, (bracketed, plain) in enumerate(parts):
        name = bracketed or plain
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and len(name) < 10 and int(name) < len(value):
            value = value[int(name)]
        elif index == 0 and level > 0 and whole == rest and isinstance(stack[0], dict) and name in stack[0]:
            # Handlebars for Java looks a name up in the parents too.
            value = stack[0][name]
        elif absent:
            return None
        else:
            raise TemplateError(f"Attribute '{whole}' is not present in the rendering data.")
    return value


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case dict() | list():
            return ", ".join(_text(each) for each in value) if isinstance(value, list) else "[object]"
        case _:
            return str(value)
