"""Brings alerts to people: watches, and tells each webhook and address until it has taken what it is told.

An alert is on record before anybody is told, so a crash loses none. A target that does not answer is tried again with
growing pauses, holds up no other, and is given up on in the end, which `sendworthy alerts list` shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sendworthy.app.alert_targets import SECONDS, Target, alert_targets
from sendworthy.app.alert_watch import Thresholds, account_of, alarming
from sendworthy.app.parts import Clock
from sendworthy.app.scheduler import Job
from sendworthy.clients.webhook import Poster
from sendworthy.config import Config
from sendworthy.errors import SendworthyError, StoreUnavailable
from sendworthy.store.alerting import Notice, NoticeState, StoredAlert, Telling
from sendworthy.store.alerts import Announced
from sendworthy.store.store import Store
from sendworthy.store.values import Fence, Lane

_LOG = logging.getLogger(__name__)

EVERY_SECONDS: Final = 10.0
SETTLE: Final = timedelta(minutes=5)
"""What has not been seen for so long is over: a cause that comes and goes is told once."""

_BATCH: Final = 100
_LEASE_SECONDS: Final = 300.0
_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one pass did, in notices."""

    taken: int = 0
    later: int = 0
    given_up: int = 0


@dataclass(slots=True, kw_only=True)
class Courier:
    """Puts alerts on their way and brings them. Several processes may: each notice is leased to one of them."""

    store: Store
    targets: Mapping[str, Target]
    now: Callable[[], datetime]
    remind_after: timedelta = timedelta(hours=24)
    give_up: timedelta = timedelta(hours=24)

    async def step(self, fence: Fence | None = None) -> Told:
        """Make one pass. Raises StoreUnavailable and Superseded."""
        announced = await self.store.alerts.announce(self.targets, remind_after=self.remind_after, fence=fence)
        for one in announced:
            _log(one)
        due = await self.store.alerts.claim_notices(limit=_BATCH, lease_seconds=_LEASE_SECONDS)
        by_target: dict[str, list[Notice]] = {}
        for notice in due:
            by_target.setdefault(notice.target, []).append(notice)
        told = await asyncio.gather(*(self._to(name, notices) for name, notices in by_target.items()))
        return Told(
            taken=sum(one.taken for one in told),
            later=sum(one.later for one in told),
            given_up=sum(one.given_up for one in told),
        )

    async def _to(self, name: str, notices: Sequence[Notice]) -> Told:
        """Tell one target, in order; once it has failed, the rest waits with what failed."""
        taken = later = given_up = 0
        target, why = self.targets.get(name), ""
        for one in sorted(notices, key=lambda notice: notice.id):
            if target is None:
                why = "There is no such target under [alerts] any more."
            elif not why:
                why = await _try(target, one)
            if not why:
                await self.store.alerts.end_notice(one, NoticeState.TAKEN)
                taken += 1
            elif target is not None and self.now() < one.created_at + self.give_up:
                pause = min(_FIRST_PAUSE * 2 ** min(one.attempts - 1, 20), _LONGEST_PAUSE)
                await self.store.alerts.notice_later(one, due_at=self.now() + pause, error=why)
                later += 1
            else:
                await self.store.alerts.end_notice(one, NoticeState.GIVEN_UP, error=why)
                _LOG.error("Nobody hears of an alert by %s: %s See: sendworthy alerts list", name, why)
                given_up += 1
        if later:
            _LOG.warning("Alerts for %s wait: %s", name, why)
        return Told(taken=taken, later=later, given_up=given_up)


async def _try(target: Target, one: Notice) -> str:
    """Give why the target has not taken it, empty when it has. Raises StoreUnavailable: then nobody is to blame."""
    try:
        await target.tell(one)
    except StoreUnavailable:
        raise
    except SendworthyError as error:
        return f"{error.happened} {error.to_do}".strip()
    return ""


def _log(one: Announced) -> None:
    alert, told = one.alert, {"alert": one.alert.kind, "subject": one.alert.subject, "telling": one.what}
    if one.what is Telling.CLEARED:
        _LOG.warning("Alert over: %s (%s): %s", alert.kind, alert.subject, alert.happened, extra=told)
        return
    again = " still" if one.what is Telling.STILL else ""
    _LOG.error("Alert%s: %s (%s): %s %s", again, alert.kind, alert.subject, alert.happened, alert.to_do, extra=told)


@asynccontextmanager
async def alerting(config: Config, store: Store, lane: Lane, *, clock: Clock) -> AsyncIterator[Job]:
    """Give the job that watches and tells, for the time of the block."""
    alerts = config.alerts
    thresholds = Thresholds(day_share=alerts.day_share, uncertain_per_hour=alerts.uncertain_per_hour)
    began = clock.now()
    async with Poster(seconds=SECONDS) as poster:
        courier = Courier(
            store=store,
            targets={one.name: one for one in alert_targets(config, store, lane, poster, now=clock.now)},
            now=clock.now,
            remind_after=timedelta(hours=alerts.remind_hours),
            give_up=timedelta(hours=alerts.give_up_hours),
        )

        async def work(fence: Fence) -> None:
            sight = await store.alerts.sight(lane)
            await store.alerts.see(alarming(sight, lane, thresholds, began=began))
            if clock.now() - began >= SETTLE:  # before that, what others see has not had its chance to be seen again
                await store.alerts.settle(account_of(lane), after=SETTLE, fence=fence)
            await courier.step(fence)

        name = f"alerts {account_of(lane)}".strip()
        yield Job(name=name, every_seconds=EVERY_SECONDS, lease_seconds=_LEASE_SECONDS, work=work)


class Lines:
    """The lines for /metrics, before those that `others` give. No label holds an address or a webhook's URL."""

    def __init__(self, store: Store, others: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._store = store
        self._others = others

    async def __call__(self) -> Sequence[str]:
        """Give them. Raises StoreUnavailable."""
        lines = ["# TYPE sendworthy_alerts_open gauge"]
        lines += _open_lines(await self._store.alerts.list(limit=10_000))
        targets = await self._store.alerts.targets()
        for name, values in {
            "sendworthy_alert_notices_waiting": {one.target: one.waiting for one in targets},
            "sendworthy_alert_notices_given_up": {one.target: one.given_up for one in targets},
            "sendworthy_alert_target_failing": {one.target: int(bool(one.error)) for one in targets},
        }.items():
            lines.append(f"# TYPE {name} gauge")
            lines += [f'{name}{{target="{target}"}} {value}' for target, value in values.items()]
        return [*lines, *await self._others()]


def _open_lines(alerts: Sequence[StoredAlert]) -> list[str]:
    counts: dict[tuple[str, str], int] = {}
    for one in alerts:
        counts[one.kind, one.level] = counts.get((one.kind, one.level), 0) + 1
    return [
        f'sendworthy_alerts_open{{kind="{kind}",level="{level}"}} {count}'
        for (kind, level), count in sorted(counts.items())
    ]
