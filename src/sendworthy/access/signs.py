"""What a sentence of an answer may show, and how a phrase shows it. Knows no kind of answer and no language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """What one phrase shows. A kind of answer is a set of signs (`refusals.judge`)."""

    GRANTED = "granted"
    """Something is given and in force."""
    WILLING = "willing"
    """The reviewers would give it."""
    PARTIAL = "partial"
    """Less than was asked, for a time, or in steps."""
    CONDITION = "condition"
    """It is given once something is done."""
    REFUSED = "refused"
    AGAIN = "again"
    """The answer follows a reply, more information or a second look."""
    GENERIC = "generic"
    """The standing phrases of the first no."""
    INCREASE = "increase"
    """An increase of a quota or rate is what is refused."""
    CONCERN = "concern"
    """The newer wording: concerns, assessment criteria."""
    STANDING = "standing"
    STANDING_HINT = "standing_hint"
    """Counts beside another sign of standing or a refusal."""
    ASKS = "asks"
    """Asks for something to be told."""
    TOPIC = "topic"
    """What AWS asks about: frequency, lists, bounces, complaints, unsubscribes, samples, use case."""
    UNDER_REVIEW = "under_review"
    """The account, not a request, is under review."""
    RATE = "rate"
    PEOPLE = "people"
    RULED_OUT = "ruled_out"
    """The measured rates are not the cause."""
    PAUSED = "paused"
    LIFTED = "lifted"
    """A review of the account has ended, or a pause is lifted."""
    WAITING = "waiting"
    """Received, opened, handed on, in the queue."""
    TOLD_ELSEWHERE = "told_elsewhere"
    """There is a decision, and it is not in this text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One phrase, as it stands in normalised text, and what it shows.

    `stated` phrases count only in a sentence that says what is so: not under if, may, not, or in a question. A sentence
    that `unless` matches does not count. `alone` phrases are AWS's own words about SES and need no other sign of it.
    """

    sign: Sign
    phrase: re.Pattern[str]
    stated: bool = False
    unless: re.Pattern[str] | None = None
    alone: bool = False


def rule(sign: Sign, phrase: str, *, stated: bool = False, unless: str = "", alone: bool = False) -> Rule:
    """Make a rule of patterns, which match lower-case text with single spaces."""
    return Rule(
        sign=sign,
        phrase=re.compile(phrase),
        stated=stated,
        unless=re.compile(unless) if unless else None,
        alone=alone,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The rules of one language, and what makes a sentence no statement.

    `conditional` counts anywhere before a phrase, `negated` only in the phrase's own clause,
    `conditional_after` behind it.
    """

    rules: Sequence[Rule]
    sentence_end: re.Pattern[str]
    conditional: re.Pattern[str]
    negated: re.Pattern[str]
    conditional_after: re.Pattern[str]


Signs = Mapping[Sign, tuple[str, ...]]
"""The signs that a text shows, each with the phrases that showed it."""

_QUOTED = re.compile(
    r"\"[^\"\n]{20,300}\"|\u201c[^\u201d\n]{20,300}\u201d|「[^」\n]{20,300}」|"
    r"(?:(?<=\s)|^)[\"\u201c](?=\w)[^\"\u201d\n]{20,}$",
    re.MULTILINE,
)
"""Words between quotation marks are somebody's words, not the text's own; a short one is a name or a status.
One that is never closed was cut off."""


def find(text: str, language: Language) -> tuple[Signs, bool]:
    """Give the signs of a normalised text, and whether one of them names Amazon SES by itself."""
    found: dict[Sign, list[str]] = {}
    alone = False
    for sentence in sentences(unquoted(text), language.sentence_end):
        for one in language.rules:
            match = one.phrase.search(sentence)
            if match is None or (one.unless is not None and one.unless.search(sentence)):
                continue
            if one.stated and not _stated(sentence, match, language):
                continue
            found.setdefault(one.sign, []).append(match[0].strip())
            alone = alone or one.alone
    return {sign: tuple(dict.fromkeys(phrases)) for sign, phrases in found.items()}, alone


def unquoted(text: str) -> str:
    """Give the text without what stands between quotation marks."""
    return _QUOTED.sub(" … ", text)


def sentences(text: str, end: re.Pattern[str]) -> tuple[str, ...]:
    """Cut a text into its sentences; each keeps its closing mark."""
    cut: list[str] = []
    for paragraph in text.split("\n"):
        start = 0
        for match in end.finditer(paragraph):
            cut.append(paragraph[start : match.end()].strip())
            start = match.end()
        cut.append(paragraph[start:].strip())
    return tuple(one for one in cut if one)


_CLAUSE = re.compile(r"[,;:]\s|\s(?:but|so|and|although|because)\s")


def _stated(sentence: str, match: re.Match[str], language: Language) -> bool:
    before, after = sentence[: match.start()], sentence[match.end() :]
    clause = _CLAUSE.split(before)[-1]
    return not (
        language.conditional.search(before)
        or language.negated.search(clause)
        or language.conditional_after.search(after)
    )
