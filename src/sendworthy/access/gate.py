"""Says what stands in the way of a request, apart from what would merely help it. Submits nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sendworthy.access.case import CaseState, State
from sendworthy.access.claims import NotProved, Result
from sendworthy.access.own import missing_fields
from sendworthy.access.prerequisites import Likely, Prerequisite, likely_refusals, prerequisites
from sendworthy.access.submission import mail_type
from sendworthy.audit.check import Finding, Verdict
from sendworthy.audit.evidence import Account, Seen, Unseen
from sendworthy.audit.profile import Profile, Stream

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
    """`may_submit` is true without blockers, or with an override of them all.

    `prerequisites` is everything that a request needs with its state, `likely` the refusals to expect, likeliest first,
    `first` what to do first.
    """

    blockers: tuple[Item, ...]
    advice: tuple[Item, ...]
    may_submit: bool
    override: Override | None = None
    prerequisites: tuple[Prerequisite, ...] = ()
    likely: tuple[Likely, ...] = ()
    first: str = ""


def gate(
    findings: Sequence[Finding],
    claims: Sequence[Result],
    profile: Profile,
    account: Seen[Account] | Unseen,
    *,
    region: str,
    case: CaseState | None = None,
    elsewhere: Mapping[str, CaseState] | None = None,
    sent: Mapping[Stream, int] | None = None,
    despite: str = "",
) -> Gate:
    """Judge whether a request may be submitted for `region`.

    `elsewhere` are the account's cases in other Regions, `sent` is how much mail of each stream went out so far;
    `despite` is the user's reason to override blockers.
    """
    here = [one for one in findings if one.region in {"", region}]
    blockers = (
        *_account(account, case),
        *_case(case),
        *_elsewhere(elsewhere or {}),
        *_checks(here, blocking=True),
        *_not_judged(here),
        *_missing(profile),
        *_proofs(claims),
    )
    advice = (*_checks(here, blocking=False), *_profile_advice(profile), *_traffic(profile, sent or {}))
    override = None
    if blockers and despite.strip() and not any(item.final for item in blockers):
        override = Override(reason=despite.strip(), blockers=tuple(item.id for item in blockers))
    missing, said = missing_fields(profile), _said(profile)
    without = [f"mail[{index}].sample" for index, kind in enumerate(profile.mail) if not kind.sample]
    fixes = {item.id: item.fix for item in (*advice, *blockers)}
    fixes |= {one.claim: one.would_prove for one in claims if isinstance(one, NotProved)}
    likely = likely_refusals(here, claims, missing, without, said, fixes)
    return Gate(
        blockers=blockers,
        advice=advice,
        may_submit=not blockers or override is not None,
        override=override,
        prerequisites=prerequisites(here, claims, missing, without, said, {item.id for item in blockers}),
        likely=likely,
        first=_first(blockers, likely),
    )


def _first(blockers: Sequence[Item], likely: Sequence[Likely]) -> str:
    """Say what to do first: what no reason overrides, then what mends the likeliest refusal, then any blocker."""
    final = next((item.fix for item in blockers if item.final), "")
    mends = next((one.first for one in likely if one.first), "")
    return final or (mends if not blockers or mends in {item.fix for item in blockers} else blockers[0].fix)


def _said(profile: Profile) -> frozenset[str]:
    return frozenset({"sender.application"} if profile.sender.application.strip() else ())


_STANDS_REFUSED = frozenset(
    {
        State.DENIED_UNREAD,
        State.REFUSED,
        State.REFUSED_AGAIN,
        State.REFUSED_FOR_NOW,
        State.EXHAUSTED,
        State.STANDING,
        State.RESTRICTED,
    }
)


def _elsewhere(cases: Mapping[str, CaseState]) -> tuple[Item, ...]:
    # Asking in another Region while one stands refused looks like evasion, whatever it is meant as.
    return tuple(
        Item(
            id="case.elsewhere",
            source=Source.CASE,
            subject=region,
            what=f"In {region} the request stands as {case.state}: {case.what}",
            fix=f"Settle it there first. {case.next_step}",
            final=True,
        )
        for region, case in sorted(cases.items())
        if case.state in _STANDS_REFUSED
    )


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
            f"The account could not be read: {account.reason.rstrip('.')}.",
            f"It needs {account.needs or 'ses:GetAccount'}.",
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
    final = case.state in {State.SUBMITTED, State.UNDER_REVIEW, State.UNCERTAIN, State.IN_PRODUCTION, State.EXHAUSTED}
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


_ENOUGH_TO_TELL = 100
"""Messages from which on what was sent says what most of the mail is."""


def _traffic(profile: Profile, sent: Mapping[Stream, int]) -> tuple[Item, ...]:
    """Hold the MailType that would be submitted against the mail that really went out."""
    if not profile.mail or sum(sent.values()) < _ENOUGH_TO_TELL:
        return ()
    most = max(sent, key=lambda stream: sent[stream])
    said = mail_type(profile)
    if most.upper() == said or sent[most] * 2 == sum(sent.values()):
        return ()
    return (
        Item(
            id="profile.traffic",
            source=Source.PROFILE,
            subject="mail",
            what=f"The request would say {said}, and of the mail sent, {sent[most]:,} are {most}.",
            fix="Correct the streams or volumes in sendworthy.toml; AWS wants the type of most of the mail.",
        ),
    )


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
