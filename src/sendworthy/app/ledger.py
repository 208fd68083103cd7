"""What we made at AWS and in DNS, kept in the store as it happens, for `destroy` to take back that and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from sendworthy.app.parts import Clock
from sendworthy.clients.provision import Outcome, OutcomeKind
from sendworthy.provision.inventory import Made
from sendworthy.provision.route53 import Change
from sendworthy.provision.step import Step
from sendworthy.store.store import Store
from sendworthy.store.values import StoredProof

STEP = "fit.step"
ZONE = "fit.zone"
_BEGUN, _GONE = "begun", "taken_back"


def subject(account: str, region: str) -> str:
    """Name what a ledger is about: one account in one Region."""
    return f"{account}/{region}"


class FitLedger:
    """Notes each step before and after it is taken. A step that was begun and never ended counts as made."""

    def __init__(self, store: Store, about: str, clock: Clock) -> None:
        self._store = store
        self._about = about
        self._clock = clock

    async def begun(self, step: Step) -> None:
        """Note that a step is about to be taken, and how things were before."""
        await self._put(step.id, _BEGUN, {"created": step.creates, "prior": dict(step.prior)})

    async def ended(self, outcome: Outcome) -> None:
        """Note what came of it."""
        await self._put(outcome.step.id, outcome.kind, {"calls_made": outcome.calls_made})

    async def _put(self, step_id: str, state: str, data: Mapping[str, Any]) -> None:
        await self._store.case_file.put_proof(
            STEP, subject=self._about, at=self._clock.now(), data={"step": step_id, "state": state, **data}
        )

    async def forget(self, step_ids: Collection[str]) -> None:
        """Note that these are gone, whoever took them."""
        for step_id in step_ids:
            await self._put(step_id, _GONE, {})


class TakeBackLedger:
    """Notes what has been taken back."""

    def __init__(self, ledger: FitLedger) -> None:
        self._ledger = ledger

    async def begun(self, step: Step) -> None:
        """Note nothing: a thing that is not gone is still ours."""

    async def ended(self, outcome: Outcome) -> None:
        """Note that the thing is gone, when it certainly is."""
        if outcome.kind in (OutcomeKind.DONE, OutcomeKind.ALREADY):
            await self._ledger.forget([outcome.step.id])


async def made(store: Store, about: str) -> dict[str, Made]:
    """Give what we made and have not taken back, by step id."""
    return _fold([one for one in await store.case_file.proofs(STEP) if one.subject == about])


def _fold(proofs: Collection[StoredProof]) -> dict[str, Made]:
    found: dict[str, Made] = {}
    fresh: set[str] = set()
    for one in proofs:
        step, state = str(one.data["step"]), str(one.data["state"])
        match state:
            case "begun":
                fresh.discard(step)
                if step not in found:
                    fresh.add(step)
                    found[step] = Made(step=step, created=bool(one.data["created"]), prior=one.data["prior"])
            case "taken_back":
                found.pop(step, None)
            case "already" | "failed" if step in fresh and not one.data.get("calls_made"):
                # Somebody else made it, or nobody did: either way it is not ours.
                found.pop(step, None)
            case _:
                pass
    return found


async def put_changes(store: Store, about: str, *, zone_id: str, changes: Collection[Change], at: datetime) -> None:
    """Note which record sets of a Route 53 zone are about to be changed."""
    data = {"zone": zone_id, "changes": [msgspec.to_builtins(one) for one in changes]}
    await store.case_file.put_proof(ZONE, subject=about, at=at, data=data)


async def put_zone_taken_back(store: Store, about: str, *, zone_id: str, at: datetime) -> None:
    """Note that all we published in a zone has been taken out of it."""
    data = {"zone": zone_id, "changes": [], "taken_back": True}
    await store.case_file.put_proof(ZONE, subject=about, at=at, data=data)


async def changed(store: Store, about: str) -> dict[str, tuple[Change, ...]]:
    """Give the changes of each zone that have not been taken back, by zone id, oldest first."""
    found: dict[str, tuple[Change, ...]] = {}
    for one in await store.case_file.proofs(ZONE):
        if one.subject != about:
            continue
        zone = str(one.data["zone"])
        if one.data.get("taken_back"):
            found.pop(zone, None)
        else:
            listed = tuple(msgspec.convert(change, Change) for change in one.data["changes"])
            found[zone] = (*found.get(zone, ()), *listed)
    return found


async def drilled_at(store: Store, region: str) -> datetime | None:
    """Give when a drill last proved bounces and complaints in a Region; None when the last one did not."""
    latest: list[datetime] = []
    for kind in ("drill.bounce", "drill.complaint"):
        proofs = [one for one in await store.case_file.proofs(kind) if one.subject == region]
        last = proofs[-1] if proofs else None
        if last is None or not last.data.get("trials") or last.data["passed"] != last.data["trials"]:
            return None
        latest.append(last.at)
    return min(latest)
