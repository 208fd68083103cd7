"""Asks AWS for production access: what may be claimed, the gate, the letter, the submission, and watching the review.

Nothing here repeats a submission, and none happens without the user's word for that very text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from sendworthy.access import letter
from sendworthy.access.case import CaseState, state
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, Result, prove
from sendworthy.access.facts import Answer, Fact, FactKind, case_id, fact_from_row, fact_to_row, region_of
from sendworthy.access.gate import Gate, gate
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.refusals import Explanation, explain
from sendworthy.access.said import to_record
from sendworthy.access.submission import PROMISE, submission
from sendworthy.access.tongues import Tongue
from sendworthy.access.words import clean
from sendworthy.app import parts
from sendworthy.app.look import account_id
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.profile import Stream
from sendworthy.audit.runner import AuditReport, run
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError, Denied, ProviderError, Rejected, SendRefused, Throttled, Uncertain
from sendworthy.store.store import Store

PROOF_KINDS = tuple(sorted({claim.proof for claim in CLAIMS if claim.proof}))
"""Every kind of proof that a claim may stand on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a request for one Region stands before it is made.

    `results` are in the language of the request, `in_english` the same in that of every other text.
    """

    region: str
    case_id: str
    report: AuditReport
    results: tuple[Result, ...]
    in_english: tuple[Result, ...]
    gate: Gate
    case: CaseState
    facts: tuple[Fact, ...] = ()
    proofs: tuple[Proof, ...] = ()


async def stand(
    evidence: Evidence,
    store: Store,
    *,
    region: str,
    clock: Clock = WALL,
    promised: bool = False,
    despite: str = "",
) -> Standing:
    """Judge a request on fresh evidence. `promised`: the user gave their word for the commitments of the letter.

    The sentences are in the language of the request (ContactLanguage).
    """
    report = run(evidence)
    case = case_id(account_id(evidence), region)
    facts = await remembered(store, case)
    case_state = state(facts, clock.now())
    proofs = [
        Proof(kind=kind, subject=one.subject, at=one.at, data=one.data)
        for kind in PROOF_KINDS
        for one in await store.case_file.proofs(kind)
    ]
    tongue = letter.language_of(evidence.profile)

    def known(spoken: Tongue) -> tuple[Result, ...]:
        return (
            *prove(CLAIMS, report.findings, proofs, evidence=evidence, region=region, now=clock.now(), tongue=spoken),
            *own_words(evidence.profile, confirmed=tuple(COMMITMENTS) if promised else (), tongue=spoken),
        )

    in_english = known(Tongue.ENGLISH)
    results = in_english if tongue is Tongue.ENGLISH else known(tongue)
    sent = await store.counts()
    judged = gate(
        report.findings,
        results,
        evidence.profile,
        evidence.account(region),
        region=region,
        case=case_state if facts else None,
        sent={stream: sent.tally(stream).sent for stream in Stream},
        elsewhere=await elsewhere(store, account_id(evidence), region=region, now=clock.now()),
        despite=despite,
    )
    return Standing(
        region=region,
        case_id=case,
        report=report,
        results=results,
        in_english=in_english,
        gate=judged,
        case=case_state,
        facts=facts,
        proofs=tuple(proofs),
    )


async def elsewhere(store: Store, account: str, *, region: str, now: datetime) -> Mapping[str, CaseState]:
    """Give the state of the account's cases in every other Region that has one on record."""
    found: dict[str, CaseState] = {}
    for case in await store.case_file.case_ids():
        other = region_of(case, account)
        if other and other != region:
            found[other] = state(await remembered(store, case), now)
    return found


async def remembered(store: Store, case: str) -> tuple[Fact, ...]:
    """Give the facts of a case, oldest first."""
    return tuple(fact_from_row(kind=one.kind, at=one.at, data=one.data) for one in await store.case_file.facts(case))


async def note(store: Store, case: str, kind: FactKind, at: datetime, data: Mapping[str, Any]) -> None:
    """Append one fact to a case."""
    await store.case_file.append_fact(case, **fact_to_row(Fact(at=at, kind=kind, data=data)))


def write_letter(standing: Standing, evidence: Evidence) -> letter.Letter:
    """Write the letter from what stands proved and said, in the language of the request.

    Raises InvalidMessage when there is nothing to say.
    """
    name = letter.TEMPLATES[letter.language_of(evidence.profile)]
    return letter.write(standing.results, evidence.profile, region=standing.region, template=template(name))


def template(name: str) -> str:
    """Give the text of a template that lies beside the texts of `access`."""
    return files("sendworthy.access").joinpath(name).read_text(encoding="utf-8")


async def drafted(
    store: Store, standing: Standing, written: letter.Letter, *, changed: Sequence[str] = (), clock: Clock = WALL
) -> CaseState:
    """Put a letter into the case, with what its sentences stand on and what changed since the last refusal."""
    data = {
        "subject": written.subject,
        "body": written.body,
        "claims": to_record(standing.results),
        "changed": [clean(one) for one in changed if clean(one)],
    }
    await note(store, standing.case_id, FactKind.DRAFTED, clock.now(), data)
    return state(await remembered(store, standing.case_id), clock.now())


async def submit(
    config: Config,
    aws: Aws,
    store: Store,
    standing: Standing,
    written: letter.Letter,
    *,
    confirmed: bool,
    changed: Sequence[str] = (),
    use_case: str = "",
    clock: Clock = WALL,
) -> CaseState:
    """Submit the request once, with the user's explicit word, and give the state of the case after it.

    `changed` says what is different since a refusal, `use_case` is the deprecated UseCaseDescription, off when empty.
    The intention is recorded before the call, as `uncertain`, so that a crash or a lost answer leaves a trace. Raises
    SendRefused when the gate is shut, ConfigError without the word, ProviderError when AWS says no.
    """
    if not confirmed:
        raise ConfigError("Nothing was submitted: your word is missing.", f"{PROMISE} Give it with --i-confirm.")
    if not standing.gate.may_submit:
        first = standing.gate.blockers[0]
        raise SendRefused(
            f"Nothing was submitted: {len(standing.gate.blockers)} blockers stand, first {first.id}: {first.what}",
            f"{first.fix} All of them: sendworthy request check.",
        )
    params = submission(config.profile, use_case=use_case)
    override = standing.gate.override
    record: dict[str, Any] = {
        "params": params,
        "promise": PROMISE,
        "override": {"reason": override.reason, "blockers": list(override.blockers)} if override else None,
        "code": "",
        "call": parts.new_id(),
    }
    await drafted(store, standing, written, changed=changed, clock=clock)
    before = record | {"answer": Answer.UNCERTAIN}
    await note(store, standing.case_id, FactKind.SUBMITTED, clock.now(), before)
    try:
        await aws.call("sesv2", "PutAccountDetails", region=standing.region, **params)
    except Uncertain as error:
        raise Uncertain(
            f"Whether AWS has the request is not known: {error.happened}",
            "It will not be sent again by itself. Look first: sendworthy case watch.",
            code=error.code,
        ) from error
    except ProviderError as error:
        conflict = isinstance(error, Rejected) and error.code == "ConflictException"
        answer = Answer.CONFLICT if conflict else Answer.NOT_TAKEN
        await note(
            store, standing.case_id, FactKind.SUBMITTED, clock.now(), record | {"answer": answer, "code": error.code}
        )
        raise explained(error) from error
    await note(store, standing.case_id, FactKind.SUBMITTED, clock.now(), record | {"answer": Answer.ACCEPTED})
    return state(await remembered(store, standing.case_id), clock.now())


def explained(error: ProviderError) -> ProviderError:
    """Give AWS's no to a submission with what it means here and what to do; other errors as they are."""
    match error:
        case Denied(action=action):
            return Denied(
                f"Nothing was submitted: {error.happened}",
                f"Give these credentials {action or 'ses:PutAccountDetails'}, or use the console: sendworthy request "
                "pack.",
                code=error.code,
                action=action,
            )
        case Rejected(code="ConflictException"):
            return Rejected(
                "AWS takes no new request here (ConflictException): one is under review, or was denied before.",
                "Answer on its case in the Support Center; record what AWS wrote: sendworthy case record.",
                code=error.code,
            )
        case Throttled(after_seconds=after):
            return Throttled(
                f"Nothing was submitted: {error.happened}",
                "Try again in a minute; AWS takes about one such call a second.",
                code=error.code,
                after_seconds=after,
            )
        case _:
            return error


async def poll(aws: Aws, store: Store, *, region: str, case: str, clock: Clock = WALL) -> tuple[CaseState, bool]:
    """Look once where the review stands; give the state of the case, and whether what AWS shows has changed."""
    account = await aws.call("sesv2", "GetAccount", region=region)
    review = account.get("Details", {}).get("ReviewDetails", {})
    seen = {
        "status": review.get("Status", ""),
        "production": bool(account.get("ProductionAccessEnabled")),
        "case_id": review.get("CaseId", ""),
        "enforcement": account.get("EnforcementStatus", ""),
        "sending": bool(account.get("SendingEnabled", True)),
        "max_24_hour_send": account.get("SendQuota", {}).get("Max24HourSend"),
        "max_send_rate": account.get("SendQuota", {}).get("MaxSendRate"),
    }
    facts = await remembered(store, case)
    last = next((dict(one.data) for one in reversed(facts) if one.kind is FactKind.STATUS_SEEN), None)
    changed = last != seen
    if changed:
        await note(store, case, FactKind.STATUS_SEEN, clock.now(), seen)
        facts = await remembered(store, case)
    return state(facts, clock.now()), changed


async def record(store: Store, *, case: str, text: str, clock: Clock = WALL) -> tuple[Explanation, CaseState]:
    """Put what AWS wrote into the case, say what kind of answer it is, and give the state of the case after it."""
    explanation = explain(text)
    await note(store, case, FactKind.AWS_SAID, clock.now(), {"kind": explanation.kind, "text": text})
    return explanation, state(await remembered(store, case), clock.now())
