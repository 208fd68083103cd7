"""Asks AWS for production access: what may be claimed, the gate, the letter, the submission, and watching the review.

Nothing here repeats a submission, and none happens without the user's word for that very text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendworthy.access import letter
from sendworthy.access.case import CaseState, state
from sendworthy.access.claim_list import CLAIMS
from sendworthy.access.claims import Proof, Result, prove
from sendworthy.access.facts import Answer, Fact, FactKind, case_id, fact_from_row, fact_to_row
from sendworthy.access.gate import Gate, gate
from sendworthy.access.own import COMMITMENTS, own_words
from sendworthy.access.refusals import Explanation, explain
from sendworthy.access.submission import PROMISE, submission
from sendworthy.app import parts
from sendworthy.app.look import account_id
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.runner import AuditReport, run
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError, Rejected, SendRefused, Uncertain
from sendworthy.store.store import Store

PROOF_KINDS = ("drill.delivery", "drill.bounce", "drill.complaint", "drill.unsubscribe", "drill.pacing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a request for one Region stands before it is made."""

    region: str
    case_id: str
    report: AuditReport
    results: tuple[Result, ...]
    gate: Gate
    case: CaseState


async def stand(
    evidence: Evidence,
    store: Store,
    *,
    region: str,
    clock: Clock = WALL,
    promised: bool = False,
    despite: str = "",
) -> Standing:
    """Judge a request on fresh evidence. `promised`: the user gave their word for the commitments of the letter."""
    report = run(evidence)
    case = case_id(account_id(evidence), region)
    facts = await remembered(store, case)
    case_state = state(facts, clock.now())
    proofs = [
        Proof(kind=kind, subject=one.subject, at=one.at, data=one.data)
        for kind in PROOF_KINDS
        for one in await store.proofs(kind)
    ]
    results: tuple[Result, ...] = (
        *prove(CLAIMS, report.findings, proofs, evidence=evidence, region=region, now=clock.now()),
        *own_words(evidence.profile, confirmed=tuple(COMMITMENTS) if promised else ()),
    )
    judged = gate(
        report.findings,
        results,
        evidence.profile,
        evidence.account(region),
        region=region,
        case=case_state if facts else None,
        despite=despite,
    )
    return Standing(region=region, case_id=case, report=report, results=results, gate=judged, case=case_state)


async def remembered(store: Store, case: str) -> tuple[Fact, ...]:
    """Give the facts of a case, oldest first."""
    return tuple(fact_from_row(kind=one.kind, at=one.at, data=one.data) for one in await store.facts(case))


async def note(store: Store, case: str, kind: FactKind, at: datetime, data: Mapping[str, Any]) -> None:
    """Append one fact to a case."""
    await store.append_fact(case, **fact_to_row(Fact(at=at, kind=kind, data=data)))


def write_letter(standing: Standing, evidence: Evidence) -> letter.Letter:
    """Write the letter from what stands proved and said. Raises InvalidMessage when there is nothing to say."""
    return letter.write(standing.results, evidence.profile, region=standing.region, template=parts.letter_template())


async def submit(
    config: Config,
    aws: Aws,
    store: Store,
    standing: Standing,
    written: letter.Letter,
    *,
    confirmed: bool,
    clock: Clock = WALL,
) -> CaseState:
    """Submit the request once, with the user's explicit word, and give the state of the case after it.

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
    params = submission(config.profile)
    override = standing.gate.override
    record: dict[str, Any] = {
        "params": params,
        "promise": PROMISE,
        "override": {"reason": override.reason, "blockers": list(override.blockers)} if override else None,
        "code": "",
        "call": parts.new_id(),
    }
    drafted = {"subject": written.subject, "body": written.body, "changed": []}
    await note(store, standing.case_id, FactKind.DRAFTED, clock.now(), drafted)
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
        raise
    await note(store, standing.case_id, FactKind.SUBMITTED, clock.now(), record | {"answer": Answer.ACCEPTED})
    return state(await remembered(store, standing.case_id), clock.now())


async def poll(aws: Aws, store: Store, *, region: str, case: str, clock: Clock = WALL) -> tuple[CaseState, bool]:
    """Look once where the review stands; give the state of the case, and whether what AWS shows has changed."""
    account = await aws.call("sesv2", "GetAccount", region=region)
    review = account.get("Details", {}).get("ReviewDetails", {})
    seen = {
        "status": review.get("Status", ""),
        "production": bool(account.get("ProductionAccessEnabled")),
        "case_id": review.get("CaseId", ""),
        "enforcement": account.get("EnforcementStatus", ""),
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
