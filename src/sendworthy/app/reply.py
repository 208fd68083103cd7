"""The user's side of a case: texts to write on it, what was written, other ways of asking, and reading it by API.

Nothing here writes on a case at AWS: the user does that, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sendworthy.access.case import CaseState, state
from sendworthy.access.case_texts import State
from sendworthy.access.claims import NotProved
from sendworthy.access.facts import Answer, Fact, FactKind
from sendworthy.access.ladder import Rung
from sendworthy.access.letter import Letter
from sendworthy.access.refusals import Explanation, Kind
from sendworthy.access.replies import (
    FITTING,
    TEMPLATES,
    Cause,
    ReplyKind,
    answer_information,
    answer_refusal,
    appeal,
    conditions_met,
    one_question,
    report_lag,
)
from sendworthy.access.said import to_record
from sendworthy.access.words import clean
from sendworthy.app.ask import Standing, note, record, remembered, template
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence
from sendworthy.clients.aws import Aws
from sendworthy.errors import ConfigError, Denied, ProviderError, Rejected, SendRefused
from sendworthy.store.store import Store

_SUPPORT_REGION = "us-east-1"
"""Cases are read there, whatever Region they are about: where other endpoints answer is not confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What only the user can say in a reply: the cause, what was changed already, why it cannot recur."""

    cause: str = ""
    changed: tuple[str, ...] = ()
    cannot_recur: str = ""


def fitting(case: CaseState) -> ReplyKind:
    """Give the text that the case asks for now. Raises SendRefused where there is none to send."""
    if case.state in FITTING:
        return FITTING[case.state]
    raise SendRefused(f"The case asks for no text of yours now. {case.what}", case.next_step)


def compose(standing: Standing, evidence: Evidence, kind: ReplyKind, words: Words, *, clock: Clock = WALL) -> Letter:
    """Write a reply, in English. Raises InvalidMessage for what only the user can say and has not said."""
    profile, region, text = evidence.profile, standing.region, template(TEMPLATES[kind])
    match kind:
        case ReplyKind.INFORMATION:
            return answer_information(standing.in_english, profile, region=region, template=text)
        case ReplyKind.REFUSAL:
            return answer_refusal(
                standing.in_english,
                profile,
                region=region,
                changed=words.changed,
                audited=evidence.taken_at,
                template=text,
            )
        case ReplyKind.QUESTION:
            return one_question(profile, region=region, template=text)
        case ReplyKind.APPEAL:
            cause = Cause(cause=words.cause, changed=words.changed, cannot_recur=words.cannot_recur)
            return appeal(
                standing.in_english, profile, region=region, cause=cause, paused=_paused(standing.facts), template=text
            )
        case ReplyKind.LAG:
            granted = next((one.at for one in standing.facts if one.data.get("status") == "GRANTED"), None)
            return report_lag(profile, region=region, granted=granted, seen=clock.now(), template=text)
        case ReplyKind.CONDITIONS:
            return conditions_met(profile, region=region, done=words.changed, template=text)


def _paused(facts: Sequence[Fact]) -> bool:
    last = next((one for one in reversed(facts) if one.kind is FactKind.STATUS_SEEN), None)
    said = next((one for one in reversed(facts) if one.kind is FactKind.AWS_SAID), None)
    enforcement = last.data.get("enforcement") if last is not None else ""
    return enforcement == "SHUTDOWN" or (said is not None and said.data.get("kind") == Kind.PAUSED)


_TOO_SOON = frozenset({State.REFUSED, State.REFUSED_AGAIN, State.REFUSED_FOR_NOW})


async def sent(
    store: Store, standing: Standing, kind: ReplyKind, text: str, *, by: str, clock: Clock = WALL
) -> CaseState:
    """Record that the user wrote `text` on the case, with those of our sentences that stand in it.

    It is a record of what happened, also of what came too soon.
    """
    written = clean(text)
    claimed = [one for one in standing.in_english if not isinstance(one, NotProved) and one.sentence in written]
    data = {"text": text, "kind": kind, "by": by, "claims": to_record(claimed)}
    await note(store, standing.case_id, FactKind.WE_REPLIED, clock.now(), data)
    return state(await remembered(store, standing.case_id), clock.now())


def too_soon(case: CaseState, now: datetime) -> str:
    """Say why a reply should wait; empty when nothing speaks against it."""
    if case.state is State.STANDING:
        return "AWS refused over the account itself; no text helps."
    if case.state in _TOO_SOON and case.not_before is not None and now < case.not_before:
        return f"At least 24 hours should pass since the refusal: not before {case.not_before:%Y-%m-%d %H:%M} UTC."
    return ""


async def asked(store: Store, case: str, way: Rung, *, reference: str, clock: Clock = WALL) -> CaseState:
    """Record that the user asked by another way. Raises ConfigError for a step that is not such a way."""
    if way not in {Rung.SERVICE_QUOTAS, Rung.NEW_CASE}:
        raise ConfigError(f"`{way}` is no other way of asking.", "Say service_quotas or new_case.")
    data = {"way": way, "answer": Answer.ACCEPTED, "reference": reference}
    await note(store, case, FactKind.ASKED_ELSEWHERE, clock.now(), data)
    return state(await remembered(store, case), clock.now())


async def close(store: Store, case: str, *, reason: str, clock: Clock = WALL) -> CaseState:
    """Record that the user closes the case, with the reason; the next word of AWS opens it again."""
    await note(store, case, FactKind.DECIDED, clock.now(), {"reason": reason})
    return state(await remembered(store, case), clock.now())


async def read_case(
    aws: Aws, store: Store, *, case: str, clock: Clock = WALL
) -> tuple[tuple[Explanation, ...], CaseState]:
    """Read AWS's own words from the Support API and record those that are new; give what each is, and the state.

    Works only with a paid Support plan. Raises Denied, explained, without one; ConfigError when AWS shows no case.
    """
    facts = await remembered(store, case)
    number = next((str(one.data["case_id"]) for one in reversed(facts) if one.data.get("case_id")), "")
    if not number:
        raise ConfigError("AWS has shown no case number yet.", "Look first: sendworthy case watch --once.")
    known = {str(one.data.get("text", "")).strip() for one in facts if one.kind is FactKind.AWS_SAID}
    explained: list[Explanation] = []
    for text, _at in await _aws_wrote(aws, number):
        if text.strip() and text.strip() not in known:
            explanation, _ = await record(store, case=case, text=text, clock=clock)
            explained.append(explanation)
            known.add(text.strip())
    return tuple(explained), state(await remembered(store, case), clock.now())


async def _aws_wrote(aws: Aws, number: str) -> list[tuple[str, datetime]]:
    """Give what AWS wrote on a case, oldest first. A number such as 1761… is a displayId, case-… an id [M]."""
    which: Mapping[str, Any] = {"caseIdList": [number]} if number.startswith("case-") else {"displayId": number}
    try:
        answer = await aws.call(
            "support",
            "DescribeCases",
            region=_SUPPORT_REGION,
            includeResolvedCases=True,
            includeCommunications=True,
            **which,
        )
    except ProviderError as error:
        if error.code == "SubscriptionRequiredException":
            raise Denied(
                "The case cannot be read by API: that needs a paid Support plan.",
                "Copy what AWS wrote from the Support Center: sendworthy case record FILE.",
                code=error.code,
            ) from error
        if error.code == "CaseIdNotFound":
            raise Rejected(
                f"AWS Support knows no case {number} of this account.",
                "Look in the Support Center: sendworthy case record FILE takes what AWS wrote.",
                code=error.code,
            ) from error
        raise
    communications = [
        one
        for case in answer.get("cases", [])
        for one in case.get("recentCommunications", {}).get("communications", [])
    ]
    told = [(str(one.get("body", "")), _when(one.get("timeCreated"))) for one in communications if _by_aws(one)]
    return sorted(told, key=lambda one: one[1])


def _by_aws(communication: Mapping[str, Any]) -> bool:
    return "amazon web services" in str(communication.get("submittedBy", "")).lower()


def _when(text: object) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
