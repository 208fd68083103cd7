"""What was said to AWS before, and what of it is no longer so. Knows no AWS and sends nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendworthy.access.claims import NotProved, OwnWord, Proven, Result
from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.words import MONTHS


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidClaim:
    """One sentence that went to AWS: when, on which case, and the claim or key of the profile that it stood on."""

    at: datetime
    case: str
    claim: str
    subject: str
    sentence: str
    own_word: bool


class Now(StrEnum):
    """What has become of a sentence."""

    HOLDS = "holds"
    CHANGED = "changed"
    """Still proved, with other figures; or the user says it in other words now."""
    NOT_PROVED = "not_proved"
    """Nothing proves it today, or the user does not say it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One sentence that was sent, and what is so today. `why` says what is missing, `to_do` what would mend it."""

    said: SaidClaim
    now: Now
    sentence: str = ""
    why: str = ""
    to_do: str = ""


def to_record(results: Sequence[Result]) -> list[dict[str, object]]:
    """Give the claims of a text as they are kept with it in the case."""
    return [
        {"claim": one.claim, "subject": one.subject, "sentence": one.sentence, "own": isinstance(one, OwnWord)}
        for one in results
        if not isinstance(one, NotProved)
    ]


def said(facts: Sequence[Fact], *, case: str) -> tuple[SaidClaim, ...]:
    """Give every sentence that went to AWS, the latest of each claim and subject.

    A draft counts once a request followed it that AWS has or may have.
    """
    latest: dict[tuple[str, str], SaidClaim] = {}
    draft: Fact | None = None
    for one in facts:
        if one.kind is FactKind.DRAFTED:
            draft = one
        went = one if one.kind is FactKind.WE_REPLIED else draft if _went_out(one) else None
        for entry in _claims_of(went, at=one.at, case=case):
            latest[entry.claim, entry.subject] = entry
    return tuple(latest.values())


def _went_out(fact: Fact) -> bool:
    if fact.kind is FactKind.ASKED_ELSEWHERE:
        return True
    return fact.kind is FactKind.SUBMITTED and fact.data.get("answer") in {Answer.ACCEPTED, Answer.UNCERTAIN}


def _claims_of(fact: Fact | None, *, at: datetime, case: str) -> list[SaidClaim]:
    entries = fact.data.get("claims", []) if fact is not None else []
    return [
        SaidClaim(
            at=at,
            case=case,
            claim=str(one.get("claim", "")),
            subject=str(one.get("subject", "")),
            sentence=str(one.get("sentence", "")),
            own_word=bool(one.get("own")),
        )
        for one in (entries if isinstance(entries, list) else [])
        if isinstance(one, Mapping) and one.get("claim")
    ]


def drift(sent: Sequence[SaidClaim], *today: Sequence[Result]) -> tuple[Drift, ...]:
    """Hold every sentence that was sent against what is proved and said today; a promise by word holds until withdrawn.

    Each of `today` are the results of `prove` and `own_words` of today in one language; a sentence holds if it does so
    in any. What was said of a past day stays true of it, and that a later look bears a later date is no change.
    """
    spoken = [{(one.claim, one.subject): one for one in results} for results in today]
    found = []
    for one in sent:
        held = [_held(one, language.get((one.claim, one.subject))) for language in spoken]
        found.append(next((drifted for drifted in held if drifted.now is Now.HOLDS), held[0]))
    return tuple(found)


_OF_A_PAST_DAY = "history."
_DATE = re.compile(rf"\d{{1,2}} (?:{'|'.join(MONTHS)}) \d{{4}}|\d{{4}}年\d{{1,2}}月\d{{1,2}}日")


def _undated(text: str) -> str:
    return _DATE.sub("", text)


def _held(one: SaidClaim, today: Result | None) -> Drift:
    match today:
        case _ if one.claim.startswith(_OF_A_PAST_DAY):
            return Drift(said=one, now=Now.HOLDS, sentence=one.sentence)
        case Proven() | OwnWord() if _undated(today.sentence) == _undated(one.sentence):
            return Drift(said=one, now=Now.HOLDS, sentence=today.sentence)
        case Proven() | OwnWord():
            return Drift(said=one, now=Now.CHANGED, sentence=today.sentence)
        case NotProved():
            return Drift(said=one, now=Now.NOT_PROVED, why=today.why, to_do=today.would_prove)
        case None:
            what = "You do not say it any more." if one.own_word else "It is not claimed any more."
            return Drift(said=one, now=Now.NOT_PROVED, why=what, to_do="Tell AWS on the case if it matters.")


def last_text(facts: Sequence[Fact]) -> str:
    """Give the last whole text that went to AWS, empty when none did."""
    draft = text = ""
    for one in facts:
        if one.kind is FactKind.DRAFTED:
            draft = str(one.data.get("body", ""))
        elif _went_out(one):
            text = draft or text
        elif one.kind is FactKind.WE_REPLIED:
            text = str(one.data.get("text", "")) or text
    return text


def difference(before: str, after: str) -> tuple[str, ...]:
    """Give the lines that went (`- `) and came (`+ `) between two texts, without those that stayed."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return tuple(line.rstrip() for line in lines if line[:2] in {"- ", "+ "} and line[2:].strip())
