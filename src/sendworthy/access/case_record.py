"""What the facts of a case come to: the round, what AWS said last, which steps were taken. Decides no state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.ladder import Rung
from sendworthy.access.refusals import Kind

REFUSALS = frozenset({Kind.GENERIC_REFUSAL, Kind.INCREASE_REFUSED, Kind.REFUSAL_AFTER_REPLY})
RESTRICTIONS = frozenset({Kind.PROBATION_RATES, Kind.PROBATION_PEOPLE, Kind.PAUSED})
_QUESTION = "question"
"""replies.ReplyKind.QUESTION, by its word: the texts are written above this floor."""

SAYS_NOTHING = frozenset({Kind.ACKNOWLEDGEMENT, Kind.NOT_SES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the facts come to: all of them, and those since the last submission that AWS may have (the round)."""

    facts: tuple[Fact, ...]
    round: tuple[Fact, ...]

    def last(self, *kinds: FactKind) -> Fact | None:
        """Give the last fact of these kinds."""
        return next((one for one in reversed(self.facts) if one.kind in kinds), None)

    def in_round(self, kind: FactKind) -> tuple[Fact, ...]:
        """Give the facts of one kind in this round, in order."""
        return tuple(one for one in self.round if one.kind is kind)

    def asked_since(self) -> Fact | None:
        """Give the last word of ours in this round other than a submission: an answer, or asking by another way."""
        ours = [one for one in self.round if one.kind in {FactKind.WE_REPLIED, FactKind.ASKED_ELSEWHERE}]
        return ours[-1] if ours else None

    @property
    def began(self) -> Fact | None:
        """Give the request with which this round began, None before any."""
        first = self.round[0] if self.round else None
        return first if first is not None and begins(first) else None


def settled(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Drop what was noted before a submission went out, where its answer was noted after it under the same `call`."""
    last = {text_of(one, "call"): index for index, one in enumerate(facts) if one.kind is FactKind.SUBMITTED}
    return tuple(
        one
        for index, one in enumerate(facts)
        if one.kind is not FactKind.SUBMITTED or not text_of(one, "call") or last[text_of(one, "call")] == index
    )


def round_of(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Give the facts since the last request that AWS has, or may have; all of them when there is none."""
    began = 0
    for index, one in enumerate(facts):
        if begins(one):
            began = index
    return facts[began:]


def begins(fact: Fact) -> bool:
    """Whether a fact is a request that AWS has, or may have."""
    if fact.kind is FactKind.ASKED_ELSEWHERE:
        return text_of(fact, "way") == Rung.NEW_CASE
    return fact.kind is FactKind.SUBMITTED and answer_of(fact) in {Answer.ACCEPTED, Answer.UNCERTAIN}


def rungs_used(record: Record) -> frozenset[Rung]:
    """Which steps were taken before the last refusal: on this case, and of the other ways any that was ever taken."""
    words = last_words(record)
    before = record.round[: position(record.round, words)] if words is not None else record.round
    replies = [text_of(one, "kind") for one in before if one.kind is FactKind.WE_REPLIED]
    used: set[Rung] = set()
    if replies:
        used.add(Rung.ANSWER)
    # Records without a kind, as others may write them: the second word after a no was the question.
    if _QUESTION in replies or replies.count("") > 1:
        used.add(Rung.QUESTION)
    if any(one.kind is FactKind.AWS_SAID and kind_of(one) is Kind.REFUSAL_AFTER_REPLY for one in record.round):
        used.add(Rung.ANSWER)
    refused = False
    for one in record.facts:
        if one.kind is FactKind.AWS_SAID and kind_of(one) in REFUSALS:
            refused = True
        elif one.kind is FactKind.ASKED_ELSEWHERE and text_of(one, "way") == Rung.SERVICE_QUOTAS:
            used.add(Rung.SERVICE_QUOTAS)
        elif refused and begins(one):
            used.add(Rung.NEW_CASE)
    return frozenset(used)


def changed_since(record: Record, since: datetime | None) -> bool:
    """Whether a draft after `since` names something that is different now."""
    draft = record.last(FactKind.DRAFTED)
    return draft is not None and since is not None and utc(draft.at) > since and bool(draft.data.get("changed"))


def last_words(record: Record, of: frozenset[Kind] = frozenset()) -> Fact | None:
    """Give the last text of AWS in this round: of these kinds, or any that says something about the request.

    A letter that restores the account leaves the request where it was before the restriction.
    """
    said = [one for one in record.in_round(FactKind.AWS_SAID) if kind_of(one) not in SAYS_NOTHING]
    if of:
        said = [one for one in said if kind_of(one) in of]
    elif said and any(kind_of(one) is Kind.REINSTATED for one in said):
        restored = max(index for index, one in enumerate(said) if kind_of(one) is Kind.REINSTATED)
        before = [one for one in said[:restored] if kind_of(one) not in RESTRICTIONS | {Kind.REINSTATED}]
        said = [*before, *said[restored + 1 :]]
    return said[-1] if said else None


def position(facts: tuple[Fact, ...], wanted: Fact) -> int:
    """Give where in `facts` that very fact stands."""
    return next(index for index, one in enumerate(facts) if one is wanted)


def kind_of(fact: Fact) -> Kind:
    """Read the kind of a text of AWS; one that is missing or strange is UNKNOWN."""
    value = fact.data.get("kind")
    return Kind(value) if isinstance(value, str) and value in tuple(Kind) else Kind.UNKNOWN


def answer_of(fact: Fact) -> Answer:
    """Read an answer; one that is missing or strange is uncertain, never taken for silence."""
    value = fact.data.get("answer")
    return Answer(value) if isinstance(value, str) and value in tuple(Answer) else Answer.UNCERTAIN


def text_of(fact: Fact | None, key: str) -> str:
    """Read a text of a fact; empty when there is none."""
    value = fact.data.get(key) if fact is not None else None
    return value.strip() if isinstance(value, str) else ""


def utc(at: datetime) -> datetime:
    """Give a time in aware UTC; one without a zone is UTC."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
