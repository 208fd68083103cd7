"""Of each alert, which target knows what, on both engines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from sendworthy.store import Store
from sendworthy.store.alerting import Alert, AlertKind, NoticeState, Telling

DAY = timedelta(days=1)
SHOP = Alert(kind=AlertKind.KEY_STOPPED, subject="shop", happened="It is paused.", to_do="Resume it.")


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


async def told(store: Store, since: datetime) -> dict[str, tuple[Telling, NoticeState, datetime | None, str, int]]:
    return {
        one.target: (one.what, one.state, one.told_at, one.error, one.attempts)
        for one in await store.alerts.told(since)
    }


async def test_the_last_notice_counts_and_what_was_taken_before_is_not_forgotten(store: Store, clock: Clock) -> None:
    began = clock()
    await store.alerts.see([SHOP])
    await store.alerts.announce(["a", "b"], remind_after=DAY)
    assert await told(store, began) == {
        "a": (Telling.OPENED, NoticeState.WAITING, None, "", 0),
        "b": (Telling.OPENED, NoticeState.WAITING, None, "", 0),
    }
    for one in await store.alerts.claim_notices(limit=10, lease_seconds=60):
        if one.target == "a":
            await store.alerts.end_notice(one, NoticeState.TAKEN)
        else:
            await store.alerts.notice_later(one, due_at=clock() + 2 * DAY, error="503")
    clock.advance(DAY.total_seconds())
    await store.alerts.see([SHOP])
    await store.alerts.announce(["a", "b"], remind_after=DAY)
    assert await told(store, began) == {
        "a": (Telling.STILL, NoticeState.WAITING, began, "", 0),
        "b": (Telling.OPENED, NoticeState.WAITING, None, "503", 1),
    }
    clock.advance(400)
    await store.alerts.settle("", after=timedelta(minutes=5))
    await store.alerts.announce(["a", "b"], remind_after=DAY)
    assert await told(store, clock() - DAY) == {
        "a": (Telling.CLEARED, NoticeState.WAITING, began, "", 0),
        "b": (Telling.CLEARED, NoticeState.WAITING, None, "", 0),
    }
    assert await told(store, clock() + timedelta(seconds=1)) == {}, "over before that"


async def test_alerts_of_one_target_are_kept_apart(store: Store, clock: Clock) -> None:
    await store.alerts.see([SHOP])
    await store.alerts.announce(["a"], remind_after=DAY)
    [one] = await store.alerts.claim_notices(limit=10, lease_seconds=60)
    await store.alerts.end_notice(one, NoticeState.GIVEN_UP, error="gone")
    await store.alerts.see([SHOP, Alert(kind=AlertKind.DRIFT, subject="x", happened="x.", to_do="")])
    await store.alerts.announce(["a"], remind_after=DAY)
    found = await store.alerts.told(clock())
    assert [(each.state, each.error) for each in found] == [(NoticeState.GIVEN_UP, "gone"), (NoticeState.WAITING, "")]
    assert len({each.alert_id for each in found}) == 2
