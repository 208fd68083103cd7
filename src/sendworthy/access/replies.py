"""The texts that are written on a case: answers, one question, an appeal. Sends nothing.

Each is filled with claims that stand proved and with the user's own words; what a text needs and nobody has said is an
error that names it. The templates' texts are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendworthy.access.case_texts import State
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import NotProved, OwnWord, Proven, Question, Result, Topic, sentences
from sendworthy.access.letter import Letter, contact_lines, render, split
from sendworthy.access.own import questions_of
from sendworthy.access.words import clean, day, listed, placeholders, sentence
from sendworthy.audit.profile import Profile
from sendworthy.errors import InvalidMessage


class ReplyKind(StrEnum):
    """The texts, each for its moment."""

    INFORMATION = "information"
    """The answer to AWS's questions about the use case."""
    REFUSAL = "refusal"
    """The first answer after a generic refusal: the full description, evidenced."""
    QUESTION = "question"
    """The one calm question, after a refusal that followed an answer."""
    APPEAL = "appeal"
    """After probation or a pause: cause, what was already changed, why it cannot recur, numbers."""
    LAG = "lag"
    """A grant that is not in effect."""
    CONDITIONS = "conditions"
    """What AWS asked for as a condition is done."""


TEMPLATES: Mapping[ReplyKind, str] = {kind: f"reply_{kind}.txt.jinja" for kind in ReplyKind}
"""The name of each template beside this module; who joins the parts reads it."""

FITTING: Mapping[State, ReplyKind] = {
    State.INFORMATION_REQUESTED: ReplyKind.INFORMATION,
    State.REFUSED: ReplyKind.REFUSAL,
    State.REFUSED_AGAIN: ReplyKind.QUESTION,
    State.RESTRICTED: ReplyKind.APPEAL,
    State.GRANTED_NOT_LIVE: ReplyKind.LAG,
    State.CONDITIONAL: ReplyKind.CONDITIONS,
}
"""Which text a state of the case asks for; in any other there is none to send."""

HEADINGS: Mapping[Question, str] = {
    Question.HOW_OFTEN: "How often we send, and how much",
    Question.LISTS: "How we maintain our recipient lists",
    Question.BOUNCES: "How we manage bounces",
    Question.COMPLAINTS: "How we manage complaints",
    Question.UNSUBSCRIBES: "How we manage unsubscribe requests",
    Question.EXAMPLES: "Examples of the mail we plan to send",
}

_WOULD_ANSWER: Mapping[Question, str] = {
    Question.HOW_OFTEN: "Say in sendworthy.toml how many messages a day and why: mail[].per_day, mail[].volume_reason.",
    Question.LISTS: "Say in sendworthy.toml how people ask for the mail: mail[].opt_in, mail[].address_source.",
    Question.BOUNCES: "Run `sendworthy drill`: its result is the answer.",
    Question.COMPLAINTS: "Run `sendworthy drill`: its result is the answer.",
    Question.UNSUBSCRIBES: (
        "Say in mail[].unsubscribe how a recipient stops the mail, or why there is nothing to unsubscribe from."
    ),
    Question.EXAMPLES: "Write a sample of each kind of mail, or name its file: mail[].sample.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The user's own words for an appeal: what happened, what was changed already, and why it cannot recur."""

    cause: str
    changed: tuple[str, ...]
    cannot_recur: str


def answer_information(results: Sequence[Result], profile: Profile, *, region: str, template: str) -> Letter:
    """Answer AWS's questions, each under its own heading, with samples of the mail as text.

    A question that nothing answers is left out and named in `left_out`. Raises InvalidMessage when none is answered.
    """
    asked = {question: answers(results, question) for question in HEADINGS if question is not Question.EXAMPLES}
    examples = samples(profile)
    gaps = [_gap(question) for question, lines in asked.items() if not lines]
    gaps += [] if examples else [_gap(Question.EXAMPLES)]
    if not examples and not any(asked.values()):
        raise InvalidMessage("There is nothing to answer with: no claim is proved and nothing is said.", _CHECK)
    subject, body = render(
        template,
        region=region,
        company=clean(profile.sender.company),
        sections=[(HEADINGS[question], lines) for question, lines in asked.items() if lines],
        examples=examples,
        heading=HEADINGS[Question.EXAMPLES],
        contact=contact_lines(profile),
    )
    left_out = (*gaps, *(one for one in results if isinstance(one, NotProved)))
    return Letter(subject=subject, body=body, pieces=split(body), left_out=left_out)


_CHECK = "Run `sendworthy request check`."


def _gap(question: Question) -> NotProved:
    return NotProved(
        claim=f"question.{question}",
        topic=Topic.USE_CASE,
        subject=HEADINGS[question],
        why="Nothing answers it, and AWS asks for it.",
        would_prove=_WOULD_ANSWER[question],
    )


def answers(results: Sequence[Result], question: Question) -> tuple[str, ...]:
    """Give the sentences that answer a question of AWS: the user's own words first, then what is proved."""
    of_claim = {claim.id: claim.answers for claim in CLAIMS}
    said = [one.sentence for one in results if isinstance(one, OwnWord) and question in questions_of(one.source)]
    proved = [one.sentence for one in results if isinstance(one, Proven) and question in of_claim.get(one.claim, ())]
    return (*said, *proved)


def samples(profile: Profile) -> tuple[tuple[str, str], ...]:
    """Give the name and the text of each sample, indented so that it reads as a quotation; line breaks are kept."""
    found: list[tuple[str, str]] = []
    for kind in profile.mail:
        lines = [clean(line) for line in kind.sample.strip().splitlines()]
        if any(lines):
            found.append((clean(kind.name), "\n".join(f"    {line}".rstrip() for line in lines)))
    return tuple(found)


def answer_refusal(
    results: Sequence[Result],
    profile: Profile,
    *,
    region: str,
    changed: Sequence[str],
    audited: datetime,
    template: str,
) -> Letter:
    """Write the first answer after a refusal that named nothing: what changed since, and the full description."""
    if not any(not isinstance(one, NotProved) for one in results):
        raise InvalidMessage("There is nothing to write: no claim is proved and nothing is said.", _CHECK)
    subject, body = render(
        template,
        region=region,
        company=clean(profile.sender.company),
        changed=_own(changed, "what changed"),
        audited=day(audited),
        topics={topic.value: sentences(results, topic) for topic in Topic},
        examples=samples(profile),
        contact=contact_lines(profile),
    )
    left_out = tuple(one for one in results if isinstance(one, NotProved))
    return Letter(subject=subject, body=body, pieces=split(body), left_out=left_out)


def one_question(profile: Profile, *, region: str, template: str) -> Letter:
    """Write the one calm question: what differs from ordinary mail of these kinds. Argues nothing."""
    if not profile.mail:
        raise InvalidMessage("There is nothing to ask about: no kind of mail is described.", "Add a [[mail]] table.")
    return _short(
        profile,
        template,
        region=region,
        kinds=listed([clean(kind.name) for kind in profile.mail]),
    )


def appeal(
    results: Sequence[Result], profile: Profile, *, region: str, cause: Cause, paused: bool, template: str
) -> Letter:
    """Write the appeal after a review or a pause. Raises InvalidMessage where the user has not said a part of it.

    AWS wants the cause, changes already made (a plan is none), and why it cannot happen again [D23].
    """
    words = {"cause": cause.cause, "why it cannot happen again": cause.cannot_recur}
    for name, text in words.items():
        if not clean(text) or placeholders(text):
            raise InvalidMessage(f"The appeal does not say {name}.", "Say it in your own words; AWS asks for it.")
    changed = _own(cause.changed, "what you changed already")
    if not changed:
        raise InvalidMessage(
            "The appeal does not say what you changed already.", "Change something first; a plan is none."
        )
    numbers = sentences([one for one in results if isinstance(one, Proven)], Topic.HISTORY)
    process = [*answers(results, Question.BOUNCES), *answers(results, Question.COMPLAINTS)]
    return _short(
        profile,
        template,
        region=region,
        paused=paused,
        cause=sentence(cause.cause),
        changed=changed,
        cannot_recur=sentence(cause.cannot_recur),
        numbers=numbers,
        process=[one for one in dict.fromkeys(process) if one not in numbers],
    )


def report_lag(profile: Profile, *, region: str, granted: datetime | None, seen: datetime, template: str) -> Letter:
    """Write that a grant is not in effect: GetAccount still says that production access is off."""
    when = day(granted) if granted is not None else ""
    return _short(profile, template, region=region, granted=when, seen=day(seen))


def conditions_met(profile: Profile, *, region: str, done: Sequence[str], template: str) -> Letter:
    """Write that what AWS asked for is done, in the user's own words."""
    lines = _own(done, "what you did")
    if not lines:
        raise InvalidMessage("It is not said what you did.", "Say each thing that AWS asked for: --changed WHAT.")
    return _short(profile, template, region=region, done=lines)


def _short(profile: Profile, template: str, **values: object) -> Letter:
    company = clean(profile.sender.company)
    subject, body = render(template, company=company, contact=contact_lines(profile), **values)
    return Letter(subject=subject, body=body, pieces=split(body), left_out=())


def _own(lines: Sequence[str], what: str) -> list[str]:
    """Give the user's own lines as sentences. Raises InvalidMessage over a placeholder among them."""
    for line in lines:
        if placeholders(line):
            raise InvalidMessage(
                f"A placeholder stands in {what}: {placeholders(line)[0]}", "Say it in your own words."
            )
    return [sentence(line) for line in lines if clean(line)]
