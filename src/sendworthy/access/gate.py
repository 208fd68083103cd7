"""Says what stands in the way of a request, apart from what would merely help it. Submits nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.access.case import CaseState, State
from sendworthy.access.claims import NotProved, Result
from sendworthy.access.own import missing_fields
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Account, Seen, Unseen
from sendworthy.audit.profile import Profile

EXPECTED_CHECKS = (
    "identity.verified",
    "dkim.verified",
    "mailfrom.spf",
    "dmarc.record",
    "events.wired",
    "website.policies",
)
"""Checks without which nothing is known of a request's chances; one that was not judged stands in the way."""

REQUIRED_PROOFS = ("bounces.suppressed", "complaints.suppressed")
"""Claims that a request needs: the console's tick-box promises a bounce and complaint process."""

THE_REASON_TO_ASK = "account.sandbox"
"""This check fails by nature before a request, and is no advice."""

_OPEN_TO_ASK = frozenset({State.NOT_ASKED, State.DRAFTED, State.FAILED})
"""States in which nothing stands between us and AWS."""


class Source(StrEnum):
    """What an item of the gate is about."""

    CHECK = "check"
    PROFILE = "profile"
    PROOF = "proof"
    ACCOUNT = "account"
    CASE = "case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to mend. `final` says that no reason of the user's can override it."""

    id: str
    source: Source
    subject: str
    what: str
    fix: str
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """The user's decision to ask in spite of blockers, for the record."""

    reason: str
    blockers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`may_submit` is true without blockers, or with an override of them all."""

    blockers: tuple[Item, ...]
    advice: tuple[Item, ...]
    may_submit: bool
    override: Override | None = None


def gate(
    findings: Sequence[Finding],
    claims: Sequence[Result],
    profile: Profile,
    account: Seen[Account] | Unseen,
    *,
    region: str,
    case: CaseState | None = None,
    despite: str = "",
) -> Gate:
    """Judge whether a request may be submitted for `region`. `despite` is the user's reason to override blockers."""
    here = [one for one in findings if one.region in {"", region}]
    blockers = (
        *_account(account, case),
        *_case(case),
        *_checks(here, blocking=True),
        *_not_judged(here),
        *_missing(profile),
        *_proofs(claims),
    )
    advice = (*_checks(here, blocking=False), *_profile_advice(profile))
    override = None
    if blockers and despite.strip() and not any(item.final for item in blockers):
        override = Override(reason=despite.strip(), blockers=tuple(item.id for item in blockers))
    return Gate(blockers=blockers, advice=advice, may_submit=not blockers or override is not None, override=override)


def _checks(findings: Sequence[Finding], *, blocking: bool) -> tuple[Item, ...]:
    return tuple(
        Item(id=one.check, source=Source.CHECK, subject=one.subject, what=one.what, fix=one.fix)
        for one in findings
        if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}
        and one.blocks_request is blocking
        and one.check != THE_REASON_TO_ASK
    )


def _not_judged(findings: Sequence[Finding]) -> tuple[Item, ...]:
    judged = {one.check for one in findings if one.verdict is not Verdict.NOT_APPLICABLE}
    return tuple(
        Item(
            id=check,
            source=Source.CHECK,
            subject="",
            what="It was not judged.",
            fix="Name your domains under [ses] and run `sendworthy audit`.",
        )
        for check in EXPECTED_CHECKS
        if check not in judged
    )


def _account(account: Seen[Account] | Unseen, case: CaseState | None) -> tuple[Item, ...]:
    def item(what: str, fix: str, *, name: str, final: bool = False) -> tuple[Item, ...]:
        return (Item(id=name, source=Source.ACCOUNT, subject="account", what=what, fix=fix, final=final),)

    if isinstance(account, Unseen):
        return item(
            f"The account could not be read: {account.reason}.",
            f"Make it possible to read {account.needs or 'ses:GetAccount'}, and try again.",
            name="account.unseen",
        )
    seen = account.value
    if seen.production_access:
        return item(
            "The account has production access already.",
            "There is nothing to ask.",
            name="account.production",
            final=True,
        )
    items: tuple[Item, ...] = ()
    if seen.enforcement_status not in {"", "HEALTHY"} or not seen.sending_enabled:
        items += item(
            f"Amazon SES reports {seen.enforcement_status or 'that sending is switched off'}.",
            "Settle that with AWS on its case first.",
            name="account.standing",
        )
    if seen.review_status == "PENDING":
        items += item(
            "A request is under review already.",
            "Answer on its case; AWS takes no second one meanwhile (ConflictException).",
            name="account.pending",
            final=True,
        )
    elif seen.review_status == "DENIED" and (case is None or case.state in _OPEN_TO_ASK):
        items += item(
            "The last request reads DENIED, which is also shown while AWS waits for an answer.",
            "Read the case in AWS's Support Center, record what AWS wrote (`sendworthy case record`), answer there.",
            name="account.denied",
        )
    return items


def _case(case: CaseState | None) -> tuple[Item, ...]:
    if case is None or case.may_ask or case.state in _OPEN_TO_ASK:
        return ()
    final = case.state in {State.SUBMITTED, State.UNDER_REVIEW, State.UNCERTAIN, State.IN_PRODUCTION}
    return (
        Item(
            id=f"case.{case.state}", source=Source.CASE, subject="case", what=case.what, fix=case.next_step, final=final
        ),
    )


def _missing(profile: Profile) -> tuple[Item, ...]:
    # AWS takes no request without a website [M], nor can a MailType be told without mail.
    return tuple(
        Item(
            id=f"profile.{key}",
            source=Source.PROFILE,
            subject=key,
            what=f"{key} is not said, or holds a placeholder.",
            fix=f"Say it in sendworthy.toml: {key}.",
            final=key in {"sender.website", "mail"},
        )
        for key in missing_fields(profile)
    )


def _proofs(claims: Sequence[Result]) -> tuple[Item, ...]:
    items: list[Item] = []
    for name in REQUIRED_PROOFS:
        found = next((one for one in claims if one.claim == name), None)
        if found is None or isinstance(found, NotProved):
            why = found.why if found else "It was not looked at."
            fix = found.would_prove if found else "Run `sendworthy drill`."
            items.append(Item(id=name, source=Source.PROOF, subject="drill", what=f"Not proved. {why}", fix=fix))
    return tuple(items)


def _profile_advice(profile: Profile) -> tuple[Item, ...]:
    def advise(key: str, what: str, fix: str) -> Item:
        return Item(id=f"profile.{key}", source=Source.PROFILE, subject=key, what=what, fix=fix)

    items: list[Item] = []
    sender = profile.sender
    if not sender.product:
        items.append(advise("sender.product", "What you make is not said.", "Say it in a sentence or two."))
    if not sender.industry:
        items.append(advise("sender.industry", "The industry is not said.", "Say it in a word or two."))
    for index, kind in enumerate(profile.mail):
        if not kind.sample:
            what = f"There is no sample of `{kind.name}`; AWS asks for examples."
            items.append(advise(f"mail[{index}].sample", what, "Write a sample, or name its file."))
    return tuple(items)
