"""The paste pack: the console's way to a request, each field with its value, and the texts in pieces to copy.

Most people have no Support plan with an API, so the console is their way. Opens nothing and submits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined

from sendworthy.access.letter import Letter
from sendworthy.access.submission import PROMISE

TEMPLATE = "pack.html.jinja"
"""The page's template beside this module."""

CONSOLE_STEPS = (
    "Sign in to the AWS console and choose the Region {region} in the bar at the top: a grant holds for one Region.",
    "Open Amazon SES and choose Account dashboard.",
    "In the note that the account is in the sandbox, choose View Get set up page, then Request production access.",
    "Fill in the form as below, read the acknowledgement yourself, tick it if it is true, and choose Submit request.",
    "AWS opens a case. When it asks for more, answer on that same case with the pieces below, in their order.",
)
"""The console's path as AWS's page on production access gives it; AWS may move a button without notice."""

SOURCE = "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html"

_LANGUAGES = {"EN": "English", "JA": "Japanese"}
_MAIL_TYPES = {"TRANSACTIONAL": "Transactional", "MARKETING": "Marketing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the console's form and what goes into it."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """All that is to be typed or pasted. `pieces` are the letter, each short enough for one communication."""

    region: str
    steps: tuple[str, ...]
    fields: tuple[Field, ...]
    promise: str
    subject: str
    pieces: tuple[str, ...]
    answers: tuple[str, ...]


def pack(params: Mapping[str, Any], letter: Letter, *, region: str, answers: Sequence[str] = ()) -> Pack:
    """Put together what `params` (of PutAccountDetails) say in the console's words, and the texts to paste.

    `answers` are the pieces of the answer to AWS's usual questions, where there is one.
    """
    fields = (
        Field(label="Mail type", value=_MAIL_TYPES[params["MailType"]]),
        Field(label="Website URL", value=params["WebsiteURL"]),
        Field(label="Additional contacts", value=", ".join(params.get("AdditionalContactEmailAddresses", []))),
        Field(label="Preferred contact language", value=_LANGUAGES[params["ContactLanguage"]]),
    )
    return Pack(
        region=region,
        steps=tuple(step.format(region=region) for step in CONSOLE_STEPS),
        fields=tuple(field for field in fields if field.value),
        promise=PROMISE,
        subject=letter.subject,
        pieces=letter.pieces,
        answers=tuple(answers),
    )


def as_text(packed: Pack) -> str:
    """Write a pack as plain text, to be read in a terminal or printed."""
    lines = [f"Production access for Amazon SES in {packed.region}, by the console", ""]
    lines += [f"{number}. {step}" for number, step in enumerate(packed.steps, start=1)]
    lines += ["", f"(From {SOURCE})", "", "The form"]
    width = max(len(field.label) for field in packed.fields)
    lines += [f"  {field.label.ljust(width)}  {field.value}" for field in packed.fields]
    lines += ["", "What you promise", f"  {packed.promise}"]
    for title, pieces in (("The letter", packed.pieces), ("The answer to AWS's usual questions", packed.answers)):
        for number, piece in enumerate(pieces, start=1):
            of = f", piece {number} of {len(pieces)}" if len(pieces) > 1 else ""
            lines += ["", f"----- {title}{of} ({len(piece):,} characters) -----", "", piece.rstrip()]
    return "\n".join(lines) + "\n"


def as_page(packed: Pack, template: str) -> str:
    """Write a pack as one self-contained HTML page that prints."""
    return html(template, pack=packed, source=SOURCE)


def html(template: str, **values: object) -> str:
    """Fill a page's template; every value is escaped."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    return environment.from_string(template).render(**values)
