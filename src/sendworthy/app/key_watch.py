"""Slows and then pauses a gateway key whose bounces or complaints climb, before AWS would stop the account."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sendworthy.app.scheduler import Job
from sendworthy.app.station import Station
from sendworthy.config import Config
from sendworthy.reputation.standing import Limits, Standing, Verdict, judge
from sendworthy.store.store import Store
from sendworthy.store.values import Counts, Fence, PauseScope, StoredKey

_LOG = logging.getLogger(__name__)

RESUMED = "key_resumed"
"""The kind of proof by which a person let a key go on: what it sent before counts no more against it."""

_WINDOW = timedelta(days=1)


def key_watch(config: Config, running: Station) -> Job:
    """Judge every key by the mail of the last day, once a minute."""
    policy = config.policy
    limits = Limits(
        bounce_warn=policy.bounce_warn,
        bounce_slow=policy.bounce_slow,
        bounce_stop=policy.bounce_stop,
        complaint_warn=policy.complaint_warn,
        complaint_slow=policy.complaint_slow,
        complaint_stop=policy.complaint_stop,
    )

    async def watch(_: Fence) -> None:
        await watch_keys(running.store, limits, slowed_share=policy.slowed_share, now=running.clock.now())

    return Job(name="keys", every_seconds=60.0, work=watch)


async def watch_keys(store: Store, limits: Limits, *, slowed_share: float, now: datetime) -> dict[str, Standing]:
    """Slow, pause or let go each key by how its mail of the last day stands; give the standings by key.

    What was paused stays so until a person resumes it: `sendworthy keys resume KEY`.
    """
    paused = {one.name for one in await store.pauses() if one.scope is PauseScope.KEY}
    resumed = {proof.subject: proof.at for proof in await store.proofs(RESUMED)}
    counted = await store.doors.key_counts(now - _WINDOW)
    for name, at in resumed.items():
        if at > now - _WINDOW and name in counted:
            counted |= {name: Counts(by_stream={})} | await store.doors.key_counts(at, access_key_id=name)
    standings: dict[str, Standing] = {}
    for key in await store.keys():
        counts = counted.get(key.access_key_id)
        if counts is None or key.revoked_at is not None:
            continue
        standing = judge(counts.tally(), limits)
        standings[key.access_key_id] = standing
        await _act(store, key, standing, slowed_share=slowed_share, paused=key.access_key_id in paused)
    return standings


async def _act(store: Store, key: StoredKey, standing: Standing, *, slowed_share: float, paused: bool) -> None:
    if standing.verdict is Verdict.STOP and not paused:
        await store.pause(PauseScope.KEY, key.access_key_id, reason=standing.why)
        _LOG.error(
            "The key %s (%s) is paused: %s Find the cause, then: sendworthy keys resume %s",
            key.access_key_id,
            key.name,
            standing.why,
            key.access_key_id,
        )
    slow = slowed_share if standing.verdict in {Verdict.SLOW, Verdict.STOP} else None
    if slow != key.slow_share:
        await store.doors.slow_key(key.access_key_id, slow)
        if slow is not None:
            _LOG.warning("The key %s (%s) is slowed: %s", key.access_key_id, key.name, standing.why)
