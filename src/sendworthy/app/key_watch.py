"""Slows and then pauses a gateway key whose bounces or complaints climb, before AWS would stop the account."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sendworthy.app import alert_watch
from sendworthy.app.brake import BULK, brake_bulk
from sendworthy.app.quota_look import limits
from sendworthy.app.scheduler import Job
from sendworthy.app.station import Station
from sendworthy.config import Config
from sendworthy.reputation.standing import Limits, Standing, Verdict, judge
from sendworthy.store.store import Store
from sendworthy.store.values import Counts, Fence, PauseScope, StoredKey, key_name

_LOG = logging.getLogger(__name__)

RESUMED = "key_resumed"
"""The kind of proof by which a person let a key go on: what it sent before counts no more against it."""

_WINDOW = timedelta(days=1)
_TROUBLE = frozenset({Verdict.SLOW, Verdict.STOP})


def key_watch(config: Config, running: Station) -> Job:
    """Judge bulk mail, and every key, by the mail of the last day, once a minute."""
    policy = config.policy
    thresholds = limits(config)

    async def watch(_: Fence) -> None:
        now = running.clock.now()
        bulk = await brake_bulk(running.store, thresholds, now=now) if policy.brake else None
        await watch_keys(
            running.store,
            thresholds,
            slowed_share=policy.slowed_share,
            now=now,
            bulk=bulk.standing if bulk else None,
            each=policy.watch_keys,
        )

    return Job(name="keys", every_seconds=60.0, work=watch)


async def watch_keys(
    store: Store,
    limits: Limits,
    *,
    slowed_share: float,
    now: datetime,
    bulk: Standing | None = None,
    each: bool = True,
) -> dict[str, Standing]:
    """Slow, pause or let go each key by how its mail of the last day stands; give the standings by key.

    What was paused stays so until a person resumes it: `sendworthy keys resume KEY`. The keys of bulk mail share the
    slowed rate while `bulk` stands at slow or worse, whatever each has done; without `each` only that counts.
    """
    paused = {one.name for one in await store.pauses() if one.scope is PauseScope.KEY}
    resumed = {proof.subject: proof.at for proof in await store.case_file.proofs(RESUMED)}
    counted = await store.doors.key_counts(now - _WINDOW) if each else {}
    for name, at in resumed.items():
        if at > now - _WINDOW and name in counted:
            counted |= {name: Counts(by_stream={})} | await store.doors.key_counts(at, access_key_id=name)
    keys = [one for one in await store.keys() if one.revoked_at is None]
    slow_bulk = bulk is not None and bulk.verdict in _TROUBLE
    bulk_share = slowed_share / max(1, sum(one.stream is BULK for one in keys)) if slow_bulk else None
    standings: dict[str, Standing] = {}
    for key in keys:
        counts = counted.get(key.access_key_id)
        with_others = bulk_share if key.stream is BULK else None
        if counts is None:
            if key.stream is BULK and bulk is not None:
                await _slow(store, key, with_others, bulk.why)
            continue
        standing = judge(counts.tally(), limits)
        standings[key.access_key_id] = standing
        await _stop(store, key, standing, paused=key.access_key_id in paused)
        own = slowed_share if standing.verdict in _TROUBLE else None
        share = min((one for one in (own, with_others) if one is not None), default=None)
        await _slow(store, key, share, standing.why if own else bulk.why if bulk else "")
    return standings


async def _stop(store: Store, key: StoredKey, standing: Standing, *, paused: bool) -> None:
    if standing.verdict is Verdict.STOP and not paused:
        alert = alert_watch.key_stopped(key_name(key), standing.why, key.access_key_id)
        await store.pause(PauseScope.KEY, key.access_key_id, reason=standing.why, alert=alert)
        _LOG.error(
            "The key %s (%s) is paused: %s Find the cause, then: sendworthy keys resume %s",
            key.access_key_id,
            key.name,
            standing.why,
            key.access_key_id,
        )


async def _slow(store: Store, key: StoredKey, share: float | None, why: str) -> None:
    alert = alert_watch.key_slowed(key_name(key), f"{share:.0%}") if share is not None else None
    if share != key.slow_share:
        await store.doors.slow_key(key.access_key_id, share, alert=alert)
        if share is not None:
            _LOG.warning("The key %s (%s) is slowed: %s", key.access_key_id, key.name, why)
