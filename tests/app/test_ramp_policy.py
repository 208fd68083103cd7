"""The policy of each moment: late events change what a day was worth, and what is asked agrees with a fresh look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.app import parts
from sendworthy.app.parts import Clock
from sendworthy.app.ramp import base_policy, policy_now
from sendworthy.config import Config, Ramp, StoreSettings
from sendworthy.errors import StoreUnavailable
from sendworthy.mail.event import Event, EventKind
from sendworthy.pacing.governor import Policy
from tests.cli.test_cli_climb import LANE, Kept

MONDAY = datetime(2026, 5, 4, 9, tzinfo=UTC)


async def no_sleep(_: float) -> None:
    return None


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        store=StoreSettings(url=f"sqlite:///{tmp_path / 'sendworthy.db'}"),
        ramp=Ramp(started="2026-05-04", first_day=200, target=3_200, days=5),
    )


@pytest.fixture
async def kept(config: Config) -> AsyncIterator[Kept]:
    made: list[Kept] = []
    async with parts.opened_store(config, Clock(now=lambda: made[0].at, sleep=no_sleep)) as store:
        made.append(Kept(store=store, at=MONDAY))
        await made[0].quota()
        yield made[0]


async def test_it_grows_with_the_day_and_a_late_event_takes_the_step_back(config: Config, kept: Kept) -> None:
    clock = Clock(now=lambda: kept.at, sleep=no_sleep)
    now = policy_now(config, kept.store, LANE, clock=clock)

    async def allowed() -> float | None:
        fresh = policy_now(config, kept.store, LANE, clock=clock)
        asked = (await now()).ramp_24_hour
        assert (await fresh()).ramp_24_hour == asked, "a process that has just started sees the same"
        return asked

    assert await allowed() == 200
    await kept.send(200)
    assert await allowed() == 200
    kept.at += timedelta(days=1)
    assert await allowed() == 400
    deliveries, _ = await kept.store.deliveries(limit=30)
    late = [
        Event(
            id=f"late-{one.id}",
            kind=EventKind.BOUNCE,
            ses_message_id="",
            recipient=one.recipient,
            delivery_id=one.id,
            occurred_at=MONDAY,
            bounce_type="Permanent",
            bounce_subtype="General",
        )
        for one in deliveries
    ]
    await kept.store.record_events(late, source="test")
    kept.at += timedelta(seconds=61)
    assert await allowed() == 200
    held = (await now()).bulk
    assert held is not None
    assert held.opens > kept.at.timestamp() + 3_600
    kept.at += timedelta(days=6)
    assert await allowed() == 200


async def test_without_a_warm_up_the_policy_is_the_configured_one(kept: Kept) -> None:
    plain = Config()
    assert await policy_now(plain, kept.store, LANE)() == base_policy(plain) == Policy(reserve=0.1)


async def test_where_the_record_cannot_be_asked_nothing_is_guessed(config: Config, kept: Kept) -> None:
    now = policy_now(config, kept.store, LANE, clock=Clock(now=lambda: kept.at, sleep=no_sleep))
    await kept.store.close()
    with pytest.raises(StoreUnavailable):
        await now()
