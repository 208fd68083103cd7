"""Fills the letter's template with proven claims and the user's own words, and with nothing else. Knows no file.

The letter is for the support case: the API call that asks for production access carries none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from sendworthy.access.claims import NotProved, Result, Topic, sentences
from sendworthy.access.tongues import Tongue
from sendworthy.access.words import clean, placeholders
from sendworthy.audit.profile import Contact, Profile
from sendworthy.errors import InvalidMessage

LIMIT = 8000
"""Characters in one communication on a case (Support API, `communicationBody`) [M]."""

TEMPLATE = "letter_en.txt.jinja"
"""The template's name beside this module; who joins the parts reads it."""

TEMPLATES: Mapping[Tongue, str] = {Tongue.ENGLISH: TEMPLATE, Tongue.JAPANESE: "letter_ja.txt.jinja"}
"""The template in each language in which AWS reads a request (ContactLanguage EN or JA)."""


def language_of(profile: Profile) -> Tongue:
    """Give the language of the request: the one in which the sender wants AWS to write."""
    return Tongue.JAPANESE if profile.sender.language == "JA" else Tongue.ENGLISH


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
    if not any(not isinstance(one, NotProved) for one in results):
        raise InvalidMessage(
            "There is nothing to write: no claim is proved and nothing is said.", "Run `request check`."
        )
    subject, body = render(
        template,
        region=region,
        company=clean(profile.sender.company),
        topics={topic.value: sentences(results, topic) for topic in Topic},
        contact=contact_lines(profile),
    )
    return Letter(
        subject=subject,
        body=body,
        pieces=split(body),
        left_out=tuple(one for one in results if isinstance(one, NotProved)),
    )


def render(template: str, **values: object) -> tuple[str, str]:
    """Fill a template and give the subject, its first line, and the body.

    Raises InvalidMessage when a placeholder would be left standing.
    """
    # A plain text: escaping it as HTML would put &amp; into a letter.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
    subject, _, body = environment.from_string(template).render(**values).strip().partition("\n")
    subject = clean(subject)
    body = _tidy(body)
    left = placeholders(f"{subject}\n{body}")
    if left:
        raise InvalidMessage(f"A placeholder is left in the text: {left[0]}", "Replace it in sendworthy.toml.")
    return subject, body


def contact_lines(profile: Profile) -> dict[str, str]:
    """Give the name, title and address of who signs: the first contact that has a name."""
    return _contact(next((one for one in profile.sender.contacts if clean(one.name)), None))


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
