"""The brake on bulk mail: slowed by the keys' shares, held by a pause with its reason, never a person's own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.app import parts
from sendworthy.app.brake import BRAKED, brake_bulk, held_by, release
from sendworthy.app.key_watch import watch_keys
from sendworthy.app.parts import Clock
from sendworthy.audit.profile import Stream
from sendworthy.config import Config, StoreSettings
from sendworthy.reputation import Limits, Verdict
from sendworthy.store.values import PauseScope, StoredKey
from tests.cli.test_cli_climb import Kept

LIMITS = Limits(bounce_slow=0.04, bounce_stop=0.05)
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    config = Config(store=StoreSettings(url=f"sqlite:///{tmp_path / 'sendworthy.db'}"))
    made: list[Kept] = []

    async def no_sleep(_: float) -> None:
        return None

    clock = Clock(now=lambda: made[0].at if made else NOW, sleep=no_sleep)
    async with parts.opened_store(config, clock) as store:
        made.append(Kept(store=store, at=NOW, numbers=itertools.count()))
        await made[0].quota()
        yield made[0]


async def keys_of(kept: Kept, *names: str, stream: Stream = Stream.MARKETING) -> None:
    for name in names:
        key = StoredKey(access_key_id=name, name=name, stream=stream, sealed_secret=b"", created_at=kept.at)
        await kept.store.add_key(key)


async def shares(kept: Kept) -> dict[str, float | None]:
    return {one.access_key_id: one.slow_share for one in await kept.store.keys()}


async def test_slow_bulk_mail_shares_the_slowed_rate_and_gets_it_back(kept: Kept) -> None:
    await keys_of(kept, "AKSWNEWS", "AKSWMORE")
    await keys_of(kept, "AKSWSHOP", stream=Stream.TRANSACTIONAL)
    await kept.send(250, bounced=11)
    braked = await brake_bulk(kept.store, LIMITS, now=kept.at)
    assert (braked.standing.verdict, braked.held) == (Verdict.SLOW, None)
    await watch_keys(kept.store, LIMITS, slowed_share=0.1, now=kept.at, bulk=braked.standing)
    assert await shares(kept) == {"AKSWMORE": 0.05, "AKSWNEWS": 0.05, "AKSWSHOP": None}
    kept.at += timedelta(days=2)
    calm = await brake_bulk(kept.store, LIMITS, now=kept.at)
    await watch_keys(kept.store, LIMITS, slowed_share=0.1, now=kept.at, bulk=calm.standing)
    assert set((await shares(kept)).values()) == {None}


async def test_without_a_watch_of_keys_the_brake_slows_by_itself(kept: Kept) -> None:
    await keys_of(kept, "AKSWNEWS")
    await kept.send(250, bounced=11)
    braked = await brake_bulk(kept.store, LIMITS, now=kept.at)
    found = await watch_keys(kept.store, LIMITS, slowed_share=0.1, now=kept.at, bulk=braked.standing, each=False)
    assert found == {}
    assert await shares(kept) == {"AKSWNEWS": 0.1}


async def test_thirteen_messages_stop_nobody(kept: Kept) -> None:
    await kept.send(13, bounced=6)
    braked = await brake_bulk(kept.store, LIMITS, now=kept.at)
    assert (braked.standing.verdict, braked.held) == (Verdict.HEALTHY, None)


async def test_a_hold_has_its_reason_and_is_made_once(kept: Kept) -> None:
    await kept.send(200, bounced=20)
    first = (await brake_bulk(kept.store, LIMITS, now=kept.at)).held
    assert first is not None
    assert "10.00% hard bounces of 200 messages" in first.reason
    assert "goes on by itself" in first.reason
    assert (first.scope, first.name, first.until) == (PauseScope.STREAM, "marketing", None)
    kept.at += timedelta(minutes=1)
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held == first
    assert len(await kept.store.case_file.proofs(BRAKED)) == 1


async def test_a_hold_lasts_while_the_last_day_is_not_healthy(kept: Kept) -> None:
    await kept.send(200, bounced=20)
    await brake_bulk(kept.store, LIMITS, now=kept.at)
    kept.at += timedelta(hours=23)
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is not None
    # Transactional mail of the whole account bounces meanwhile: not the time to begin with bulk mail again.
    await kept.send(200, bounced=20, stream=Stream.TRANSACTIONAL)
    kept.at += timedelta(hours=2)
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is not None
    kept.at += timedelta(hours=25)
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is None
    assert await kept.store.pauses() == ()


async def test_a_hold_lasts_a_day_even_where_its_cause_is_older(kept: Kept) -> None:
    await kept.send(200, bounced=20)
    kept.at += timedelta(hours=10)
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is not None
    kept.at += timedelta(hours=15)
    braked = await brake_bulk(kept.store, LIMITS, now=kept.at)
    assert braked.standing.verdict is Verdict.HEALTHY
    assert braked.held is not None


async def test_what_was_heard_before_a_person_let_it_go_counts_no_more(kept: Kept) -> None:
    await kept.send(200, bounced=20)
    await brake_bulk(kept.store, LIMITS, now=kept.at)
    kept.at += timedelta(hours=1)
    assert await release(kept.store, now=kept.at, by="a person")
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is None
    await kept.send(200, bounced=20)
    again = await brake_bulk(kept.store, LIMITS, now=kept.at)
    assert again.by_person
    assert again.standing.bounce_rate == 0.1


async def test_the_account_as_a_whole_holds_bulk_mail_too(kept: Kept) -> None:
    await kept.send(200, bounced=20, stream=Stream.TRANSACTIONAL)
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is not None


async def test_what_a_person_paused_stays_theirs(kept: Kept) -> None:
    await kept.send(200, bounced=20)
    await kept.store.pause(PauseScope.STREAM, "marketing", reason="The list is being cleaned.")
    assert (await brake_bulk(kept.store, LIMITS, now=kept.at)).held is None
    assert [one.reason for one in await kept.store.pauses()] == ["The list is being cleaned."]
    kept.at += timedelta(days=3)
    await brake_bulk(kept.store, LIMITS, now=kept.at)
    assert len(await kept.store.pauses()) == 1
    assert await held_by(kept.store) is None


async def test_complaints_hold_bulk_mail_as_bounces_do(kept: Kept) -> None:
    strict = replace(LIMITS, complaint_slow=0.0008, complaint_stop=0.001)
    await kept.send(400, complained=2)
    held = (await brake_bulk(kept.store, strict, now=kept.at)).held
    assert held is not None
    assert "0.500% complaints of 400 messages" in held.reason
