"""Slows and then holds bulk mail whose bounces or complaints climb, before AWS would stop the whole account.

Transactional mail goes on. A first hold ends by itself after a day without trouble; a second one within a week waits
for a person, since what was wrong then is wrong still.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sendworthy.audit.profile import Stream
from sendworthy.reputation import Limits, Standing, Verdict, judge
from sendworthy.store.feedback import Heard, tally_of
from sendworthy.store.store import Store
from sendworthy.store.values import Pause, PauseScope, StoredProof

_LOG = logging.getLogger(__name__)

BRAKED = "bulk_braked"
"""The kind of proof that bulk mail was held, with the reason."""

RELEASED = "bulk_released"
"""The kind of proof that it was let go again; what was heard before counts no more."""

BULK = Stream.MARKETING
WINDOW = timedelta(days=1)
_REST = timedelta(days=1)
"""So long a hold lasts at least, where no person ends it."""

_AGAIN = timedelta(days=7)
"""A hold within so long of another waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Braked:
    """How bulk mail stands: the worse of its own standing and the account's.

    `held` is the hold in force, None when there is none; it ends by itself unless it waits for a person.
    """

    standing: Standing
    held: Pause | None
    by_person: bool


async def look_at_bulk(store: Store, limits: Limits, *, now: datetime) -> Braked:
    """Say how bulk mail stands by what was heard in the last day, since it was last let go. Changes nothing."""
    released = await store.case_file.proofs(RELEASED)
    since = max([now - WINDOW, *(one.at for one in released)])
    standing = worse(await store.feedback.heard(since), limits)
    held = await held_by(store)
    again = held is not None and _waits_for_person(await store.case_file.proofs(BRAKED))
    return Braked(standing=standing, held=held, by_person=again)


async def brake_bulk(store: Store, limits: Limits, *, now: datetime) -> Braked:
    """Hold bulk mail at `stop`, or let it go again, by how it stands. Raises StoreUnavailable."""
    seen = await look_at_bulk(store, limits, now=now)
    if seen.held is None:
        if seen.standing.verdict is Verdict.STOP and not await _paused(store):
            return await _hold(store, seen.standing, now)
    elif seen.standing.verdict is Verdict.HEALTHY and now - seen.held.at >= _REST and not seen.by_person:
        await release(store, now=now, by="itself")
        _LOG.warning("Bulk mail goes on: the last day was healthy.")
        return replace(seen, held=None)
    return seen


def worse(heard: Iterable[Heard], limits: Limits) -> Standing:
    """Judge bulk mail by itself and as part of the account, and give the worse of the two.

    AWS judges the account; bulk mail is the part of it that can wait.
    """
    every = tuple(heard)
    of_bulk = judge(tally_of(one for one in every if one.stream is BULK), limits)
    of_all = judge(tally_of(every), limits)
    order = tuple(Verdict)
    return max(of_bulk, of_all, key=lambda one: order.index(one.verdict))


async def held_by(store: Store) -> Pause | None:
    """Give the hold of the brake that is in force; a pause by a person is none."""
    braked = await store.case_file.proofs(BRAKED)
    pause = next((one for one in await store.pauses() if (one.scope, one.name) == _WHAT), None)
    return pause if pause is not None and any(one.data.get("reason") == pause.reason for one in braked) else None


async def release(store: Store, *, now: datetime, by: str) -> bool:
    """Let bulk mail go on; say whether it was held. What was heard before counts no more against it."""
    if await held_by(store) is None:
        return False
    await store.case_file.put_proof(RELEASED, subject=BULK.value, at=now, data={"by": by})
    return await store.resume(*_WHAT)


_WHAT = (PauseScope.STREAM, BULK.value)


async def _paused(store: Store) -> bool:
    return any((one.scope, one.name) == _WHAT for one in await store.pauses())


async def _hold(store: Store, standing: Standing, now: datetime) -> Braked:
    braked = await store.case_file.proofs(BRAKED)
    again = bool(braked) and now - braked[-1].at < _AGAIN
    ends = "It goes on when a person says so." if again else "It goes on by itself after a healthy day."
    reason = f"{standing.why} {ends}"
    # The proof first: a hold without it would look like a person's, and never end by itself.
    await store.case_file.put_proof(BRAKED, subject=BULK.value, at=now, data={"reason": reason, "again": again})
    await store.pause(*_WHAT, reason=reason)
    _LOG.error("Bulk mail is held: %s Find the cause, then: sendworthy reputation resume", reason)
    return Braked(standing=standing, held=await held_by(store), by_person=again)


def _waits_for_person(braked: tuple[StoredProof, ...]) -> bool:
    return bool(braked and braked[-1].data.get("again"))
