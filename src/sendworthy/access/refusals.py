"""Which kind of answer a text of AWS is, by the phrases that identify each. Knows no case, and says so when unsure.

AWS publishes no criteria: every phrase was observed in public records. False certainty about a grant or about standing
is the worst error, so words that contradict each other, or stand under an "if", decide nothing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of answer."""

    ACKNOWLEDGEMENT = "acknowledgement"
    INFORMATION_REQUEST = "information_request"
    GENERIC_REFUSAL = "generic_refusal"
    REFUSAL_AFTER_REPLY = "refusal_after_reply"
    STANDING = "standing"
    INCREASE_REFUSED = "increase_refused"
    GRANT = "grant"
    CONDITIONAL_GRANT = "conditional_grant"
    PROBATION_RATES = "probation_rates"
    PROBATION_PEOPLE = "probation_people"
    PAUSED = "paused"
    UNKNOWN = "unknown"
    NOT_SES = "not_ses"


class Confidence(StrEnum):
    """How sure the reading is: two phrases or more; one; contradiction, quotation or nothing."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Population(StrEnum):
    """Which of the three populations of refused senders the text speaks of."""

    PAPERWORK = "paperwork"
    GENERIC = "generic"
    STANDING = "standing"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`phrases` are the words that decided, as they stand in the normalised text."""

    kind: Kind
    phrases: tuple[str, ...]
    confidence: Confidence
    population: Population
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One identifying phrase, as it stands in normalised text.

    `asserts` phrases count only in a sentence that states, not in one under if, may or not; `weak` ones only beside
    another phrase of the same kind, since they also stand in texts of other kinds; `ses_only` ones name SES by
    themselves, while the others count only in a text that speaks of SES.
    """

    kind: Kind
    phrase: re.Pattern[str]
    asserts: bool = False
    weak: bool = False
    ses_only: bool = False


def _rule(kind: Kind, phrase: str, *, asserts: bool = False, weak: bool = False, ses_only: bool = False) -> Rule:
    return Rule(kind=kind, phrase=re.compile(phrase), asserts=asserts, weak=weak, ses_only=ses_only)


_K = Kind
RULES: tuple[Rule, ...] = (
    _rule(_K.INFORMATION_REQUEST, r"(?:like|need) to gather (?:some )?more information about your use case"),
    _rule(_K.INFORMATION_REQUEST, r"how often you send e-?mail"),
    _rule(_K.INFORMATION_REQUEST, r"how you maintain your (?:recipient|mailing) lists"),
    _rule(_K.INFORMATION_REQUEST, r"how you manage bounces, complaints,? and unsubscribe requests"),
    _rule(
        _K.INFORMATION_REQUEST,
        r"(?:provide|include|send|share)[^.]{0,60}examples? of the e-?mails? (?:that )?you plan to send",
    ),
    _rule(_K.GENERIC_REFUSAL, r"use of amazon ses could have a negative impact on our service", ses_only=True),
    _rule(_K.GENERIC_REFUSAL, r"prevent other amazon ses customers from experiencing interruptions", ses_only=True),
    _rule(_K.GENERIC_REFUSAL, r"for security purposes,? we(?:'re| are) unable to provide specific details"),
    _rule(_K.REFUSAL_AFTER_REPLY, r"still unable to (?:grant|approve) your (?:request|increase)"),
    _rule(_K.REFUSAL_AFTER_REPLY, r"would impact the deliverability of our service"),
    _rule(_K.REFUSAL_AFTER_REPLY, r"would affect your reputation as a sender"),
    _rule(_K.STANDING, r"(?:some |certain )?limiting factors on your account", asserts=True),
    _rule(_K.STANDING, r"not eligible to send ses messages in", ses_only=True),
    _rule(_K.STANDING, r"pattern of use of other aws services", weak=True),
    _rule(_K.STANDING, r"consistent paid billing history", weak=True),
    _rule(_K.STANDING, r"after you have a successful billing cycle", weak=True),
    _rule(_K.INCREASE_REFUSED, r"unable to approve an increase at this time"),
    _rule(_K.INCREASE_REFUSED, r"identified some concerns", weak=True),
    _rule(_K.INCREASE_REFUSED, r"details about our assessment criteria"),
    _rule(_K.GRANT, r"new sending quota is [\d,.]+ messages per day", asserts=True, ses_only=True),
    _rule(_K.GRANT, r"maximum send rate is now [\d,.]+ messages per second", asserts=True, ses_only=True),
    _rule(_K.GRANT, r"moved your account out of the (?:amazon )?(?:ses )?sandbox", asserts=True),
    _rule(
        _K.CONDITIONAL_GRANT,
        r"(?:granted|approved) (?:a |your request for a )?(?:partial|lower|smaller|reduced)",
        asserts=True,
    ),
    _rule(_K.CONDITIONAL_GRANT, r"lower than (?:the (?:amount|limit|quota) )?you requested", asserts=True),
    _rule(_K.CONDITIONAL_GRANT, r"(?:granted|approved)[^.]{0,60}(?:on the condition|provided that|conditionally)"),
    _rule(_K.PROBATION_RATES, r"your current (?:bounce|complaint) rate is [\d.]+ ?%"),
    _rule(_K.PROBATION_RATES, r"measured this rate over the last [\d,]+ eligible e-?mails"),
    _rule(
        _K.PROBATION_RATES,
        r"recommend that you maintain a (?:bounce|complaint) rate (?:below|of less than) [\d.]+ ?%",
        weak=True,
    ),
    _rule(_K.PROBATION_RATES, r"if your (?:bounce|complaint) rate exceeds [\d.]+ ?%,? we might pause", weak=True),
    _rule(_K.PROBATION_PEOPLE, r"not due to bounces or complaints as measured directly"),
    _rule(_K.PROBATION_PEOPLE, r"human review of your account", asserts=True),
    _rule(_K.PAUSED, r"sending paused for this account", ses_only=True),
    _rule(
        _K.PAUSED,
        r"(?:have|has|been|we) paused (?:your|this|the) (?:amazon ses )?account(?:'s)?[^.]{0,40}(?:send|e-?mail)",
        asserts=True,
    ),
    _rule(_K.PAUSED, r"sending (?:has been|is(?: currently)?|was) paused", asserts=True),
    _rule(
        _K.ACKNOWLEDGEMENT,
        r"(?:we(?:'ve| have)? received|thank you for (?:submitting|contacting|your))[^.]{0,60}\b(?:request|case|ses)",
    ),
    _rule(_K.ACKNOWLEDGEMENT, r"(?:case|request) (?:has been|was) (?:created|opened|received)"),
    _rule(_K.ACKNOWLEDGEMENT, r"(?:will|we'll) (?:review|respond|get back)[^.]{0,60}(?:within|as soon as)"),
)
"""Every phrase, once. All match lower-case text with single spaces."""

_MENTIONS_SES = re.compile(
    r"\bses\b|simple email service|production access|sending (?:limit|quota)s?|e-?mail[- ]sending|bounce rate|"
    r"complaint rate"
)
_OTHER_SERVICE = re.compile(
    r"\b(?:ec2|elastic compute|vcpus?|lambda|s3|rds|sns|sagemaker|bedrock|cloudfront|vpc|elastic ip|pinpoint|connect)\b"
)
_NOT_STATED = re.compile(
    r"\b(?:if|once|until|unless|would|could|may|might|whether|before|when|no|not|never|cannot|unable|should|will)\b|"
    r"n't\b|\?$"
)
"""Words that make a sentence something else than a statement of what is."""

_CONTRADICTORY: tuple[frozenset[Kind], ...] = (
    frozenset({_K.GRANT, _K.CONDITIONAL_GRANT}),
    frozenset({_K.STANDING}),
    frozenset({_K.GENERIC_REFUSAL, _K.REFUSAL_AFTER_REPLY, _K.INCREASE_REFUSED}),
    frozenset({_K.INFORMATION_REQUEST}),
    frozenset({_K.PROBATION_RATES, _K.PROBATION_PEOPLE, _K.PAUSED}),
)
"""Kinds of different groups in one text contradict, apart from standing, which may come with a refusal's phrases."""

_ORDER = (
    _K.STANDING,
    _K.CONDITIONAL_GRANT,
    _K.GRANT,
    _K.PAUSED,
    _K.PROBATION_PEOPLE,
    _K.PROBATION_RATES,
    _K.REFUSAL_AFTER_REPLY,
    _K.INCREASE_REFUSED,
    _K.GENERIC_REFUSAL,
    _K.INFORMATION_REQUEST,
    _K.ACKNOWLEDGEMENT,
)
"""Within one group, the more special kind first."""

POPULATIONS: Mapping[Kind, Population] = {
    _K.INFORMATION_REQUEST: Population.PAPERWORK,
    _K.GENERIC_REFUSAL: Population.GENERIC,
    _K.REFUSAL_AFTER_REPLY: Population.GENERIC,
    _K.INCREASE_REFUSED: Population.GENERIC,
    _K.STANDING: Population.STANDING,
}

NEXT_STEPS: Mapping[Kind, str] = {
    _K.ACKNOWLEDGEMENT: "Wait: AWS has the request and has not answered it yet.",
    _K.INFORMATION_REQUEST: (
        "This is no refusal. Answer on the same case, every question under its own heading, with samples of the mail."
    ),
    _K.GENERIC_REFUSAL: (
        "The standard first no. Close every gap that the audit shows, wait at least 24 hours, then answer on the same "
        "case with the full description."
    ),
    _K.REFUSAL_AFTER_REPLY: (
        "Ask one calm question on the case: what differs from ordinary mail of this kind? Else change something real, "
        "wait, and open a new case."
    ),
    _K.STANDING: (
        "No text helps: this is about the AWS account. Verify the payment card, use other services, and ask again 30 "
        "to 60 days after the first paid bill (observed, not promised)."
    ),
    _K.INCREASE_REFUSED: "As a first refusal: close the gaps, wait at least 24 hours, then answer on the same case.",
    _K.GRANT: "Check ProductionAccessEnabled in that Region with `sendworthy case watch`: it can lag behind the words.",
    _K.CONDITIONAL_GRANT: "Do what the conditions ask, say so on the case, and check ProductionAccessEnabled.",
    _K.PROBATION_RATES: (
        "Stop bulk mail, find the cause and mend it; then answer: the cause, what you changed already, why it cannot "
        "recur."
    ),
    _K.PROBATION_PEOPLE: (
        "The content or the list is in question. Stop bulk mail and answer with where addresses come from and how "
        "people asked, what you changed already, and why it cannot recur."
    ),
    _K.PAUSED: "Nothing goes out, and only AWS can resume it: appeal on the case with the cause and what you changed.",
    _K.UNKNOWN: "This wording is not known. Read it yourself, and answer what it asks on the same case.",
    _K.NOT_SES: "This does not speak of Amazon SES. Record the answer of the case about SES.",
}


def explain(text: str) -> Explanation:
    """Class a text that AWS wrote, pasted with headers, quotes or HTML. Never raises; unknown wording is UNKNOWN."""
    own, quoted = _normal(text)
    explained = _explain(own)
    words = len(own.split())
    if quoted and explained.kind in {Kind.UNKNOWN, Kind.NOT_SES} and not explained.phrases:
        from_quote = _explain(quoted)
        if not words:
            return from_quote
        # What AWS says now is the unknown text above the quotation, which a long text may contradict.
        if words > _A_FEW_WORDS or from_quote.kind in _NEVER_GUESSED:
            return _explanation(Kind.UNKNOWN, from_quote.phrases, Confidence.LOW)
        return _explanation(from_quote.kind, from_quote.phrases, Confidence.LOW)
    return explained


_A_FEW_WORDS = 30
_NEVER_GUESSED = frozenset({_K.GRANT, _K.CONDITIONAL_GRANT, _K.STANDING})


def _explain(text: str) -> Explanation:
    found = _matches(text)
    speaks_of_ses = bool(_MENTIONS_SES.search(text)) or any(rule.ses_only for rule, _ in found)
    if found and speaks_of_ses:
        return _judge(found)
    phrases = tuple(phrase for _, phrase in found)
    other = not speaks_of_ses and bool(_OTHER_SERVICE.search(text))
    return _explanation(Kind.NOT_SES if other else Kind.UNKNOWN, phrases, Confidence.LOW)


def _judge(found: list[tuple[Rule, str]]) -> Explanation:
    kinds = {rule.kind for rule, _ in found}
    groups = [group for group in _CONTRADICTORY if group & kinds]
    refusing = [group for group in groups if group & {Kind.STANDING, Kind.GENERIC_REFUSAL}]
    if len(groups) > 1 and len(refusing) < len(groups):
        return _explanation(Kind.UNKNOWN, tuple(phrase for _, phrase in found), Confidence.LOW)
    kind = next(one for one in _ORDER if one in kinds)
    phrases = tuple(dict.fromkeys(phrase for rule, phrase in found if rule.kind is kind))
    confidence = Confidence.HIGH if len(phrases) > 1 else Confidence.MEDIUM
    return _explanation(kind, phrases, confidence)


def _explanation(kind: Kind, phrases: tuple[str, ...], confidence: Confidence) -> Explanation:
    return Explanation(
        kind=kind,
        phrases=phrases,
        confidence=confidence,
        population=POPULATIONS.get(kind, Population.NONE),
        next_step=NEXT_STEPS[kind],
    )


def _matches(text: str) -> list[tuple[Rule, str]]:
    found: list[tuple[Rule, str]] = []
    for rule in RULES:
        for match in rule.phrase.finditer(text):
            if not rule.asserts or _stated(text, match):
                found.append((rule, match[0]))
                break
    counts = Counter(rule.kind for rule, _ in found)
    return [(rule, phrase) for rule, phrase in found if not rule.weak or counts[rule.kind] > 1]


def _stated(text: str, match: re.Match[str]) -> bool:
    """Whether the sentence around a match says that something is so."""
    start = max(text.rfind(mark, 0, match.start()) for mark in (". ", "! ", "? ", "\n"))
    sentence = text[start + 1 : match.start()]
    end = re.search(r"[.!?](?:\s|$)|\n|$", text[match.end() :])
    tail = text[match.end() : match.end() + (end.end() if end else 0)]
    return not _NOT_STATED.search(sentence) and not re.search(r"\b(?:if|once|unless|when|after)\b|\?\s*$", tail)


_TAG = re.compile(
    r"<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)>|</?[a-z!][^<>]{0,2000}>", re.DOTALL | re.IGNORECASE
)
_BLOCK_END = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_BLOCKQUOTE = re.compile(r"<blockquote\b.*</blockquote>", re.DOTALL | re.IGNORECASE)
_HEADER = re.compile(r"^(?:from|to|cc|bcc|date|sent|reply-to|message-id):\s", re.IGNORECASE)
_QUOTE = re.compile(r"^[ \t]*(?:(?:>|\|)[ \t]?)+")
_WROTE = re.compile(r"^(?:on .{0,200}wrote:|-{2,} ?original message ?-{2,}|_{10,})$", re.IGNORECASE)
_LONGEST = 50_000


def _normal(text: str) -> tuple[str, str]:
    """Give the text itself and what it quotes: lower case, without tags, one space between words, one line a paragraph.

    Line breaks within a paragraph are mail wrapping and become spaces.
    """
    unfolded = unicodedata.normalize("NFKC", text[:_LONGEST]).replace("\r\n", "\n").replace("\r", "\n")
    quoted: list[str] = []
    if _TAG.search(unfolded):
        quoted = [_strip_tags(match[0]) for match in _BLOCKQUOTE.finditer(unfolded)]
        unfolded = _strip_tags(_BLOCKQUOTE.sub("\n\n", unfolded))
    own: list[str] = []
    into = own
    for line in unfolded.split("\n"):
        marked = _QUOTE.match(line)
        if _WROTE.match(line.strip()):
            into = quoted
        elif _HEADER.match(line):
            continue
        elif marked:
            quoted.append(line[marked.end() :])
        else:
            into.append(line)
    return _flow(own), _flow(quoted)


def _strip_tags(text: str) -> str:
    return html.unescape(_TAG.sub(" ", _BLOCK_END.sub("\n\n", text)))


def _flow(lines: list[str]) -> str:
    text = "\n".join(lines).lower().replace("\u2019", "'").replace("\u2018", "'").replace("`", "'")
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return "\n".join(part for part in paragraphs if part)
