"""Fills the letter's template with proven claims and the user's own words, and with nothing else. Knows no file.

The letter is for the support case: the API call that asks for production access carries none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from sendworthy.access.claims import NotProved, Result, Topic, sentences
from sendworthy.access.words import clean, placeholders
from sendworthy.audit.profile import Contact, Profile
from sendworthy.errors import InvalidMessage

LIMIT = 8000
"""Characters in one communication on a case (Support API, `communicationBody`) [M]."""

TEMPLATE = "letter_en.txt.jinja"
"""The template's name beside this module; who joins the parts reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`body` is the whole text, `pieces` the same in parts of at most LIMIT characters, `left_out` what is not said."""

    subject: str
    body: str
    pieces: tuple[str, ...]
    left_out: tuple[NotProved, ...]


def write(results: Sequence[Result], profile: Profile, *, region: str, template: str) -> Letter:
    """Write the request's letter from `results` (of `prove` and `own_words`). `template` is the template's text.

    Raises InvalidMessage when there is nothing to say, or when a placeholder would be left standing.
    """
    signatory = next((one for one in profile.sender.contacts if clean(one.name)), None)
    if not any(not isinstance(one, NotProved) for one in results):
        raise InvalidMessage(
            "There is nothing to write: no claim is proved and nothing is said.", "Run `request check`."
        )
    # A plain text: escaping it as HTML would put &amp; into a letter.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
    rendered = environment.from_string(template).render(
        region=region,
        company=clean(profile.sender.company),
        topics={topic.value: sentences(results, topic) for topic in Topic},
        contact=_contact(signatory),
    )
    subject, _, body = rendered.strip().partition("\n")
    subject = clean(subject)
    body = _tidy(body)
    left = placeholders(f"{subject}\n{body}")
    if left:
        raise InvalidMessage(f"A placeholder is left in the letter: {left[0]}", "Replace it in sendworthy.toml.")
    return Letter(
        subject=subject,
        body=body,
        pieces=split(body),
        left_out=tuple(one for one in results if isinstance(one, NotProved)),
    )


def _contact(contact: Contact | None) -> dict[str, str]:
    if contact is None:
        return {"name": "", "title": "", "email": ""}
    return {"name": clean(contact.name), "title": clean(contact.title), "email": clean(contact.email)}


def _tidy(text: str) -> str:
    """Strip line ends and let at most one empty line stand together."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


def split(text: str, limit: int = LIMIT) -> tuple[str, ...]:
    """Cut `text` into pieces of at most `limit` characters: between sections, else lines, else words, else anywhere.

    Several pieces are headed `(1 of 3)`. Nothing is lost but the white space at the cuts. `limit` is at least 40.
    """
    if len(text) <= limit:
        return (text,)
    room = limit - len("(999 of 999)\n\n")
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > room:
        cut = _cut(rest, room)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        pieces.append(rest)
    return tuple(f"({number} of {len(pieces)})\n\n{piece}" for number, piece in enumerate(pieces, start=1))


def _cut(text: str, room: int) -> int:
    """Where to cut: the last break that leaves a piece of at least half the room, the best kind of break first."""
    for mark in ("\n\n", "\n", ". ", " "):
        at = text.rfind(mark, room // 2, room)
        if at > 0:
            return at + len(mark)
    return room
