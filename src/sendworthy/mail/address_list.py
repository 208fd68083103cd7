"""Lists of addresses as a header holds them (RFC 5322 section 3.4): mailboxes, groups, comments. Knows no message.

The standard library's reader differs from one Python to the next: an older one guesses at what it cannot read, a newer
one drops a whole list for one error in it. Either could lose a recipient without a word, or see another author than SES
does. Here a list is read whole or refused.
"""

from __future__ import annotations

import re

from sendworthy.errors import InvalidMessage

_DEEPEST_COMMENT = 20
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
PLAIN_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
"""One addr-spec and nothing else, without quotes, comments or blanks (RFC 5322 section 3.4.1)."""

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[^"(),:;<>\\]+|.', re.DOTALL)
_ANGLE = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>\\])*)>', re.DOTALL)
_COMMENT_MARK = re.compile(r"\\.|[()]", re.DOTALL)
_QUOTED_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def read_address_list(text: str) -> list[tuple[str, str]]:
    """Give the display name (unquoted, not decoded) and the addr-spec of each mailbox, those within groups too.

    Empty places between commas count for nothing (RFC 5322 section 4.4); a semicolon separates as a comma does, as some
    programs write. The specs are not judged here. Raises InvalidMessage for whatever else is no list of addresses.
    """
    if PLAIN_ADDRESS.fullmatch(text):  # nearly all are
        return [("", text)]
    reader = _Reader()
    at = 0
    while match := _PIECE.match(text, at):
        piece, at = match[0], match.end()
        match piece:
            case "(":
                at = _after_comment(text, at)
                reader.words.append(" ")
            case "<":
                angle = _ANGLE.match(text, at - 1)
                if angle is None:
                    raise _no_list()
                reader.angle(angle[1])
                at = angle.end()
            case ",":
                reader.end()
            case ";":
                reader.end()
                reader.in_group = False
            case ":":
                reader.begin_group()
            case ")" | ">" | '"' | "\\":
                raise _no_list()
            case _:
                reader.word(piece)
    reader.end()
    return reader.found


class _Reader:
    """What was read of one mailbox so far, and the mailboxes before it."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.in_group = False
        self._spec: str | None = None

    def word(self, text: str) -> None:
        if self._spec is not None and text.strip():
            raise _no_list()
        self.words.append(text)

    def angle(self, spec: str) -> None:
        if self._spec is not None or not spec.strip():
            raise _no_list()
        self._spec = spec.strip()

    def begin_group(self) -> None:
        name = "".join(self.words)
        if self._spec is not None or self.in_group or not name.strip() or "@" in _QUOTED_TEXT.sub("", name):
            raise _no_list()
        self.in_group = True
        self.words = []

    def end(self) -> None:
        words, spec = "".join(self.words).strip(), self._spec
        self.words, self._spec = [], None
        if spec is None:
            if words:
                self.found.append(("", words))
            return
        if "@" in _QUOTED_TEXT.sub("", words) and words.lower() != spec.lower():
            raise _no_list()  # one program takes the first for the address, another the second
        name = _QUOTED_TEXT.sub(lambda quoted: _ESCAPED.sub(r"\1", quoted[1]), words)
        self.found.append((name, spec))


def _after_comment(text: str, at: int) -> int:
    """Give where the comment ends that began before `at`; nobody nests more than a few (RFC 5322 section 3.2.2)."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(text, at):
        depth += (mark[0] == "(") - (mark[0] == ")")
        if depth > _DEEPEST_COMMENT:
            raise InvalidMessage("The comments in an address are nested too deeply.", "Leave them out.")
        if depth == 0:
            return mark.end()
    raise _no_list()


def _no_list() -> InvalidMessage:
    return InvalidMessage(
        "A header that lists addresses cannot be read.", 'Write "Name" <address>, with commas between.'
    )
