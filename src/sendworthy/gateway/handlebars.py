"""Renders SES's e-mail templates: Handlebars as the SES Developer Guide shows it. Pure; knows no store and no mail.

Nothing is escaped, and an attribute that the data lacks is an error, as in SES ("Personalizing email" [D23]). Known:
paths (`a.b`, `a.[0]`, `this`, `../a`), `#each` (`@index`, `@key`, `@first`, `@last`), `#if`, `else if`, `else`,
`#unless`, `#with`, inline partials, comments and `~`. Everything else is refused when the template is read.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_OUTPUT = 4 * 1024 * 1024
"""Characters that one template may grow to; SES's limit is on the message, which this keeps in memory's bounds."""

_MOST_STEPS = 100_000
_DEEPEST = 64
_MOST_KEPT = 1024 * 1024
"""Characters of the templates that are kept read; read, a template takes about fifty times its length."""

_ESCAPE = r"(?P<escaped>\\\{\{[^}]*\}\})"
_PLAIN = r"(?P<triple>\{)?(?P<body>[^{}]*)(?(triple)\})"
_TAG = re.compile(rf"{_ESCAPE}|\{{\{{(?P<left>~)?(?:!--.*?--|{_PLAIN})(?P<right>~)?\}}\}}", re.DOTALL)
_TAG_BEYOND_COMMENTS = re.compile(rf"{_ESCAPE}|\{{\{{(?P<left>~)?{_PLAIN}(?P<right>~)?\}}\}}")
"""Where no long comment ends any more, none is looked for: each search would go to the end of the text."""
_OPENING = re.compile(r"\\?\{\{")
_STEP = re.compile(r"\[([^\]]+)\]|([@\w$-]+)")
_PATH = re.compile(r"(\.\./)*(@?[\w$-]+|\.|\[[^\]]+\])([./]([\w$-]+|\[[^\]]+\]))*")
_INLINE = re.compile(r"#\*\s*inline\s+([\"'])(.+?)\1")


class TemplateError(Exception):
    """The template cannot be read, or not be rendered with this data; `missing` when an attribute is not there."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class _Missing:
    """Stands for an attribute that is not there."""


_MISSING = _Missing()


@dataclass(slots=True)
class _Frame:
    """Where a path is looked up: the value, the one around it, and `@` words."""

    value: Any
    outer: _Frame | None = None
    marks: Mapping[str, Any] = field(default_factory=dict)


class _Run:
    """One rendering: what was said, and how much more may be."""

    def __init__(self, partials: Mapping[str, _Node], keep: frozenset[str]) -> None:
        self.partials = partials
        self.keep = keep
        self.out: list[str] = []
        self._left = MOST_OUTPUT
        self._steps = _MOST_STEPS
        self.depth = 0

    def say(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise TemplateError("The rendered template is too long.")
        self.out.append(text)

    def step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise TemplateError("The template takes too long to render.")


_Node = Callable[[_Run, _Frame], None]


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read and may be rendered any number of times."""

    _root: _Node
    _partials: Mapping[str, _Node]

    def render(self, data: Mapping[str, Any], *, keep: frozenset[str] = frozenset()) -> str:
        """Put the data in; attributes named in `keep` stay as they are written. Raises TemplateError."""
        run = _Run(self._partials, keep)
        self._root(run, _Frame(data))
        return "".join(run.out)


class _Kept:
    """Templates that were read, the last used of them, within a bound on what all of them weigh."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._templates: OrderedDict[str, Template] = OrderedDict()

    def get(self, text: str) -> Template | None:
        found = self._templates.get(text)
        if found is not None:
            self._templates.move_to_end(text)
        return found

    def put(self, text: str, template: Template) -> None:
        self._templates[text] = template
        self._weight += len(text)
        while self._weight > self._most:
            self._weight -= len(self._templates.popitem(last=False)[0])


_kept = _Kept(_MOST_KEPT)


def read(text: str) -> Template:
    """Read a template. Raises TemplateError."""
    if known := _kept.get(text):
        return known
    partials: dict[str, _Node] = {}
    reader = _Reader(list(_pieces(text)), partials)
    root = reader.nodes(until=())
    template = Template(root, partials)
    _kept.put(text, template)
    return template


def _tags(text: str) -> Iterator[re.Match[str]]:
    """Find the tags. What opens one and is none ends the search, so that no text is looked through again and again."""
    last = max(text.rfind("--}}"), text.rfind("--~}}"))
    at = 0
    while opening := _OPENING.search(text, at):
        tag = _TAG if opening.start() < last else _TAG_BEYOND_COMMENTS
        match = tag.match(text, opening.start())
        if match:
            yield match
            at = match.end()
        elif opening[0] == "{{" and not text.startswith("{", opening.end()):
            return
        else:  # an escape of nothing, or a brace before the tag
            at = opening.start() + 1


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Cut a template into ("text", …) and ("tag", …), white space already trimmed where a `~` says so."""
    at, trim = 0, False
    for match in _tags(text):
        between = text[at : match.start()]
        if "{{" in between:
            raise TemplateError("The template contains a tag that is not closed.")
        between = between.lstrip() if trim else between
        yield "text", between.rstrip() if match["left"] else between
        at, trim = match.end(), bool(match["right"])
        body = match["body"]
        if match["escaped"]:
            yield "text", match["escaped"][1:]
        elif body is not None and not body.lstrip().startswith("!"):
            yield "tag", body.rstrip("~").strip()
            trim = trim or body.endswith("~")
    rest = text[at:]
    if "{{" in rest:
        raise TemplateError("The template contains a tag that is not closed.")
    yield "text", rest.lstrip() if trim else rest


class _Reader:
    """Reads pieces into nodes, from left to right."""

    def __init__(self, pieces: list[tuple[str, str]], partials: dict[str, _Node]) -> None:
        self._pieces = pieces
        self._at = 0
        self._partials = partials
        self._depth = 0

    def nodes(self, *, until: tuple[str, ...]) -> _Node:
        """Read up to a tag that begins with one of `until` (which stays to be read), or to the end."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TemplateError("The template's blocks are nested too deeply.")
        found: list[_Node] = []
        while self._at < len(self._pieces):
            kind, body = self._pieces[self._at]
            if kind == "tag" and (body.startswith("/") or body.split(" ")[0] == "else"):
                break
            self._at += 1
            if kind == "tag":
                found.append(self._tag(body))
            elif body:
                found.append(_text_node(body))
        ended = self._pieces[self._at][1] if self._at < len(self._pieces) else ""
        if until and not ended:
            raise TemplateError(f"The block {until[0]} is not closed.")
        if ended and not any(ended == word or ended.startswith(f"{word} ") for word in until):
            raise TemplateError(f"The tag {{{{{ended[:40]}}}}} stands where no block is open for it.")
        self._depth -= 1
        return _sequence(found)

    def _tag(self, body: str) -> _Node:
        if inline := _INLINE.fullmatch(body):
            self._partials[inline[2]] = self.nodes(until=("/inline",))
            self._at += 1
            return _sequence([])
        if body.startswith("#"):
            kind, _, path = body[1:].strip().partition(" ")
            node = self._block(kind, path.strip(), f"/{kind}")
            self._at += 1
            return node
        if body.startswith(">"):
            return _partial_node(body[1:].strip().strip("\"'"))
        return _value_node(_checked(body.removeprefix("&").strip()))

    def _block(self, kind: str, path: str, end: str) -> _Node:
        if kind not in _BLOCKS:
            raise TemplateError(f"The helper '{kind[:40]}' is not supported.")
        _checked(path)
        self._depth += 1  # a chain of `else if` is as deep as it is long
        if self._depth > _DEEPEST:
            raise TemplateError("The template's blocks are nested too deeply.")
        then = self.nodes(until=(end, "else"))
        otherwise = _sequence([])
        word = self._pieces[self._at][1]
        if word.startswith("else"):
            self._at += 1
            rest = word[4:].strip()
            if rest:
                inner, _, inner_path = rest.partition(" ")
                otherwise = self._block(inner, inner_path.strip(), end)
            else:
                otherwise = self.nodes(until=(end,))
        self._depth -= 1
        return _BLOCKS[kind](path, then, otherwise)


def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise TemplateError(f"The tag '{{{{{path[:60]}}}}}' cannot be read.")
    return path


def _sequence(nodes: list[_Node]) -> _Node:
    def write(run: _Run, frame: _Frame) -> None:
        run.depth += 1
        if run.depth > 2 * _DEEPEST:
            raise TemplateError("The template is nested too deeply, or a partial includes itself.")
        for node in nodes:
            run.step()
            node(run, frame)
        run.depth -= 1

    return write


def _text_node(text: str) -> _Node:
    return lambda run, _: run.say(text)


def _value_node(path: str) -> _Node:
    def write(run: _Run, frame: _Frame) -> None:
        if path in run.keep:
            run.say(f"{{{{{path}}}}}")
            return
        value = _look(path, frame)
        if value is _MISSING:
            raise TemplateError(f"Attribute '{path}' is not present in the rendering data.", missing=True)
        run.say(_shown(value))

    return write


def _partial_node(name: str) -> _Node:
    def write(run: _Run, frame: _Frame) -> None:
        node = run.partials.get(name)
        if node is None:
            raise TemplateError(f"There is no inline partial '{name[:60]}'.")
        node(run, frame)

    return write


def _if(path: str, then: _Node, otherwise: _Node) -> _Node:
    return lambda run, frame: (then if _holds(_look(path, frame)) else otherwise)(run, frame)


def _unless(path: str, then: _Node, otherwise: _Node) -> _Node:
    return _if(path, otherwise, then)


def _with(path: str, then: _Node, otherwise: _Node) -> _Node:
    def write(run: _Run, frame: _Frame) -> None:
        value = _look(path, frame)
        if _holds(value):
            then(run, _Frame(value, frame, frame.marks))
        else:
            otherwise(run, frame)

    return write


def _each(path: str, then: _Node, otherwise: _Node) -> _Node:
    def write(run: _Run, frame: _Frame) -> None:
        value = _look(path, frame)
        if value is _MISSING:
            raise TemplateError(f"Attribute '{path}' is not present in the rendering data.", missing=True)
        pairs: list[tuple[Any, Any]] = []
        if isinstance(value, dict):
            pairs = list(value.items())
        elif isinstance(value, list):
            pairs = list(enumerate(value))
        for number, (key, one) in enumerate(pairs):
            run.step()
            marks = {"@index": number, "@key": key, "@first": number == 0, "@last": number == len(pairs) - 1}
            then(run, _Frame(one, frame, marks))
        if not pairs:
            otherwise(run, frame)

    return write


_BLOCKS: Mapping[str, Callable[[str, _Node, _Node], _Node]] = {
    "if": _if,
    "unless": _unless,
    "with": _with,
    "each": _each,
}


def _look(path: str, frame: _Frame) -> Any:
    here: _Frame | None = frame
    rest = path
    while rest.startswith("../"):
        here, rest = (here.outer if here else None), rest[3:]
    if here is None:
        return _MISSING
    if rest.startswith("@"):
        return here.marks.get(rest, _MISSING)
    steps = [bracketed or plain for bracketed, plain in _STEP.findall(rest)]
    if steps[:1] == ["this"] or not steps:
        return _descend(here.value, steps[1:])
    while here is not None:  # Handlebars for Java looks a name up in the parents too
        found = _descend(here.value, steps[:1])
        if found is not _MISSING or path.startswith("../"):
            return _descend(found, steps[1:])
        here = here.outer
    return _MISSING


def _descend(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 8 and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def _holds(value: Any) -> bool:
    """Say whether a block's value counts as there: not missing, null, false, 0, empty text or an empty list."""
    return value is not _MISSING and bool(value)


def _shown(value: Any, depth: int = 0) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case list():
            if depth >= _DEEPEST:
                raise TemplateError("The rendering data is nested too deeply.")
            return ", ".join(_shown(one, depth + 1) for one in value)
        case dict():
            return "[object]"
        case _:
            return str(value)
