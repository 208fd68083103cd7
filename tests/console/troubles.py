"""Alerts for the console's tests: opened, told, refused and over, as the courier would have left them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sendworthy.store import Store
from sendworthy.store.alerting import Alert, AlertKind, NoticeState
from tests.console.conftest import LANE, Clock

HOOK, OPS = "webhook-hooks.example.com-1", "email-1"
TOLD: Mapping[str, str] = {HOOK: HOOK, OPS: "ops@example.com"}
SHOP = Alert(
    kind=AlertKind.KEY_STOPPED,
    subject="shop (AKSWSHOP)",
    happened="The key shop (AKSWSHOP) is paused and its mail waits: 5.4 % hard bounces.",
    to_do="Find the cause, then run: sendworthy keys resume AKSWSHOP",
)
ACCOUNT = Alert(
    kind=AlertKind.ACCOUNT_PAUSED,
    subject=f"{LANE.account} {LANE.region}",
    happened="AWS has paused sending for the account; all mail waits.",
    to_do="Read the mail to the account's root address; answer AWS on the case it opened.",
)


async def announce(store: Store, *targets: str) -> None:
    """Put what is new on its way."""
    await store.alerts.announce(targets or (HOOK, OPS), remind_after=timedelta(days=1))


async def answer(store: Store, clock: Clock, errors: Mapping[str, str], *, give_up: bool = False) -> None:
    """Let each target answer what is due to it: take it, or fail with its error."""
    for notice in await store.alerts.claim_notices(limit=500, lease_seconds=60):
        error = errors.get(notice.target, "")
        if not error:
            await store.alerts.end_notice(notice, NoticeState.TAKEN)
        elif give_up:
            await store.alerts.end_notice(notice, NoticeState.GIVEN_UP, error=error)
        else:
            await store.alerts.notice_later(notice, due_at=clock() + timedelta(seconds=10), error=error)


async def one(store: Store, clock: Clock) -> None:
    """Open one that was told by mail, while the webhook does not answer."""
    await store.alerts.see([SHOP])
    await announce(store)
    await answer(store, clock, {HOOK: "hooks.example.com answered HTTP 503."})


async def many(store: Store, clock: Clock, count: int = 30) -> None:
    """Open many of every level, one with hostile words, and let some be over."""
    past = [
        Alert(kind=AlertKind.DAY_NEARLY_FULL, subject=f"day {number}", happened="80 % of the day is used.", to_do="")
        for number in range(3)
    ]
    await store.alerts.see(past)
    await announce(store)
    await answer(store, clock, {})
    clock.advance(minutes=7)
    await store.alerts.over(AlertKind.DAY_NEARLY_FULL)
    long_word = "x" * 300
    dead = [
        Alert(
            kind=AlertKind.DEAD_LETTERS,
            subject=f"target {number} {long_word if number == 1 else ''}".strip(),
            happened=f"{number} events for the application were given up on.",
            to_do="See: sendworthy events forwards list --dead",
        )
        for number in range(count)
    ]
    await store.alerts.see([*dead, ACCOUNT])
    await one(store, clock)
