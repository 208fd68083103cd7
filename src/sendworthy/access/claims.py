"""What a claim is, and which claims are proved. Knows no sentence: the list of claims is in claim_list.

A sentence of ours is written only when every check behind it passes and its proof is there, whole and fresh. Words
about the business and its mail are the user's own, and marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from sendworthy.access.claims_ja import SENTENCES_JA, in_japanese
from sendworthy.access.tongues import Tongue
from sendworthy.access.words import clean, placeholders
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Profile

CLOCK_SKEW = timedelta(minutes=5)
"""How far in the future a proof may be dated; further on it proves nothing."""


class Topic(StrEnum):
    """The sections of the request, in their order."""

    COMPANY = "company"
    USE_CASE = "use_case"
    MAIL_TYPES = "mail_types"
    VOLUMES = "volumes"
    RECIPIENTS = "recipients"
    COMPLIANCE = "compliance"
    SETUP = "setup"
    POLICIES = "policies"
    HISTORY = "history"
    MORE = "more"
    COMMITMENTS = "commitments"


class Question(StrEnum):
    """What AWS asks when it asks for more (how often, lists, bounces, complaints, unsubscribes, examples) [D23]."""

    HOW_OFTEN = "how_often"
    LISTS = "lists"
    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    UNSUBSCRIBES = "unsubscribes"
    EXAMPLES = "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A drill's or a record's result. `data` is JSON-able; `subject` is what was tried, such as a domain or Region."""

    kind: str
    subject: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """All that a claim may stand on, for one subject: a domain, or "" for the account in its Region."""

    region: str
    domain: str
    evidence: Evidence
    profile: Profile
    proof: Proof | None = None


Figures: TypeAlias = Callable[[Ground], Mapping[str, str] | None]
"""Gives the values of a sentence's names, or None where the ground does not carry them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence, what proves it, and the questions it answers.

    `sentence` is a format string filled by `figures`. `checks` must all pass for the subject; `proof` is the kind of
    proof that must be there too, at most `proof_age` old. `audit_age` is how old the audit may be. `each_domain` says
    that it is claimed domain by domain. `would_prove` says what to do where it is not proved.
    """

    id: str
    topic: Topic
    sentence: str
    figures: Figures
    would_prove: str
    checks: tuple[str, ...] = ()
    proof: str = ""
    proof_age: timedelta = timedelta(days=30)
    audit_age: timedelta = timedelta(days=7)
    each_domain: bool = False
    answers: tuple[Question, ...] = ()
    applies: Callable[[Profile], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """One thing that a sentence stands on: `kind` is `check`, `proof` or `evidence`; `name` its id."""

    kind: str
    name: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A sentence of ours with what proves it."""

    claim: str
    topic: Topic
    subject: str
    sentence: str
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWord:
    """The user's own word. `source` is the key it was taken from, or `confirmed` for a promise made by word."""

    claim: str
    topic: Topic
    subject: str
    sentence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProved:
    """What is not written, why, and what would let it be written."""

    claim: str
    topic: Topic
    subject: str
    why: str
    would_prove: str


Result: TypeAlias = Proven | OwnWord | NotProved


def prove(
    claims: Sequence[Claim],
    findings: Sequence[Finding],
    proofs: Sequence[Proof],
    *,
    evidence: Evidence,
    region: str,
    now: datetime,
    tongue: Tongue = Tongue.ENGLISH,
) -> tuple[Proven | NotProved, ...]:
    """Say of each claim that applies, and of each domain where it is made by domain, whether it is proved in `region`.

    `findings` are those of an audit of this very `evidence`. Never raises over what they or `proofs` hold. A claim
    that has no sentence in the language asked for is said in English.
    """
    return tuple(
        _prove(claim, findings, proofs, evidence, region, domain, now, tongue)
        for claim in claims
        if claim.applies(evidence.profile)
        for domain in (evidence.domains if claim.each_domain else ("",))
    )


def _prove(
    claim: Claim,
    findings: Sequence[Finding],
    proofs: Sequence[Proof],
    evidence: Evidence,
    region: str,
    domain: str,
    now: datetime,
    tongue: Tongue,
) -> Proven | NotProved:
    subject = domain or region
    try:
        because, proof = _stand_on(claim, findings, proofs, evidence, region, domain, now)
        ground = Ground(region=region, domain=domain, evidence=evidence, profile=evidence.profile, proof=proof)
        written = _fill(claim, ground, tongue)
    except _NotProved as reason:
        why = str(reason)
        return NotProved(claim=claim.id, topic=claim.topic, subject=subject, why=why, would_prove=claim.would_prove)
    return Proven(claim=claim.id, topic=claim.topic, subject=subject, sentence=written, because=because)


class _NotProved(Exception):
    """Why a claim is not proved. Never leaves this module."""


def _stand_on(
    claim: Claim,
    findings: Sequence[Finding],
    proofs: Sequence[Proof],
    evidence: Evidence,
    region: str,
    domain: str,
    now: datetime,
) -> tuple[tuple[Because, ...], Proof | None]:
    """Give what a claim stands on, all of it passing, there and fresh."""
    if not _fresh(evidence.taken_at, now, claim.audit_age):
        raise _NotProved("The audit is too old, or dated in the future.")
    because: list[Because] = []
    for check in claim.checks:
        passed = _passed(check, [one for one in findings if one.check == check and _concerns(one, region, domain)])
        because += [Because(kind="check", name=check, subject=one.subject, at=evidence.taken_at) for one in passed]
    proof = _latest(proofs, claim.proof, region) if claim.proof else None
    if proof is not None:
        if not _fresh(proof.at, now, claim.proof_age):
            raise _NotProved("The last trial is too old, or dated in the future.")
        because.append(Because(kind="proof", name=proof.kind, subject=proof.subject, at=proof.at))
    elif claim.proof:
        raise _NotProved("It was never tried.")
    if not because:
        because.append(Because(kind="evidence", name=claim.id, subject=domain or region, at=evidence.taken_at))
    return tuple(because), proof


def _passed(check: str, judged: Sequence[Finding]) -> Sequence[Finding]:
    """Give the passing findings of one check, if there are any and none fails or is unknown."""
    for one in judged:
        if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}:
            raise _NotProved(f"{check}: {one.what}")
    passed = [one for one in judged if one.verdict is Verdict.PASS]
    if not passed:
        raise _NotProved(f"{check} was not judged.")
    return passed


def _fill(claim: Claim, ground: Ground, tongue: Tongue) -> str:
    figures = claim.figures(ground)
    if figures is None:
        raise _NotProved("The last trial failed." if claim.proof else "What was read does not show it.")
    sentence = claim.sentence
    if tongue is Tongue.JAPANESE and claim.id in SENTENCES_JA:
        sentence = SENTENCES_JA[claim.id]
        figures = {name: in_japanese(value) for name, value in figures.items()}
    written = clean(sentence.format_map(figures))
    if placeholders(written):
        raise _NotProved(f"A placeholder stands in it: {placeholders(written)[0]}")
    return written


def _concerns(finding: Finding, region: str, domain: str) -> bool:
    """Whether a finding speaks of this Region (or of none) and, where a domain is asked for, of it or of none."""
    if finding.region not in {"", region}:
        return False
    return not domain or finding.subject in {domain, region, "sender"}


def _fresh(at: datetime, now: datetime, age: timedelta) -> bool:
    return now - age <= at <= now + CLOCK_SKEW


def _latest(proofs: Sequence[Proof], kind: str, region: str) -> Proof | None:
    """Give the latest proof of a kind for this Region: a later failure outweighs an earlier success."""
    of_kind = [one for one in proofs if one.kind == kind and one.subject == region]
    return max(of_kind, key=lambda one: one.at, default=None)


def sentences(results: Collection[Result], topic: Topic) -> tuple[str, ...]:
    """Give what may be written under `topic`: the user's own words first, then what is proved, each in order."""
    said = [one.sentence for one in results if isinstance(one, OwnWord) and one.topic is topic]
    proved = [one.sentence for one in results if isinstance(one, Proven) and one.topic is topic]
    return (*said, *proved)
