"""The climb on the simulator: no day above the warm-up, mail spread and explained, bulk mail braked before AWS does."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.app.brake import BRAKED, RELEASED, held_by, release
from sendworthy.app.ramp import show, why_waiting
from sendworthy.app.reputation import look
from sendworthy.audit.profile import Stream
from sendworthy.config import Config, Ramp
from sendworthy.mail.status import Status
from sendworthy.pacing.ramp import Move
from tests.journeys.climbing import START, Climber, climbing, listed

WARMING = Config(ramp=Ramp(started="2026-05-04", first_day=120, target=240, days=3, from_hour=8, to_hour=12))


BRAKE_ALONE = Config(policy=type(Config().policy)(watch_keys=False))
"""The key has no watch of its own, so that what is seen is the brake."""


async def live_a_day(climber: Climber, day: date) -> set[str]:
    """Work every quarter of an hour of a morning, once in the evening, and listen."""
    reasons: set[str] = set()
    for minute in [*range(7 * 60, 13 * 60, 15), 23 * 60]:
        await climber.until(datetime(day.year, day.month, day.day, minute // 60, minute % 60, 1, tzinfo=UTC))
        reasons |= await climber.work()
    await climber.listen()
    return reasons


async def test_two_workers_climb_by_the_plan_and_every_hour_has_its_share(tmp_path: Path) -> None:
    async with climbing(tmp_path, WARMING, workers=2) as climber:
        await climber.hand_in(listed("customer", 600))
        early = await climber.work()
        assert early == {"ramp_hour"}
        [waiting] = (await show(climber.config, climber.store, clock=climber.stations[0].clock)).waiting
        assert waiting.text == "The warm-up spreads bulk mail over the day."
        assert waiting.expected_at == datetime(2026, 5, 4, 8, tzinfo=UTC)

        await climber.hand_in(listed("password", 1), stream=Stream.TRANSACTIONAL)
        await climber.work()
        assert await climber.left_ses() == {START.date(): 1}, "a password reset does not wait for the morning"

        await climber.until(datetime(2026, 5, 4, 8, 1, tzinfo=UTC))
        await climber.work()
        assert 20 <= await climber.sent_to("customer") <= 27, (
            "a quarter of the 108 that bulk mail may have, not the day"
        )
        days = [START.date() + timedelta(days=number) for number in range(3)]
        reasons = set().union(*[await live_a_day(climber, day) for day in days])
        assert {"ramp_hour", "ramp"} & reasons
        left = await climber.left_ses()
        allowed = [120, 169, 240]
        for day, most in zip(days, allowed, strict=True):
            assert 0.85 * most <= left[day] <= most, (day, left)
        shown = await show(climber.config, climber.store, clock=climber.stations[0].clock)
        assert [one.move for one in shown.course.stages] == [Move.GROWN, Move.GROWN]
        assert shown.course.today.allowed == 240


async def test_trouble_repeats_the_step_and_another_process_agrees(tmp_path: Path) -> None:
    # The brake is off: it is the warm-up alone that is looked at.
    config = Config(ramp=WARMING.ramp, policy=type(WARMING.policy)(brake=False, watch_keys=False))
    async with climbing(tmp_path, config) as climber:
        await climber.hand_in(listed("bounce", 15) + listed("customer", 300))
        await live_a_day(climber, START.date())
        next_day = START.date() + timedelta(days=1)
        reasons = await live_a_day(climber, next_day)
        assert "ramp_held" in reasons
        assert (await climber.left_ses()).get(next_day, 0) == 0
        shown = await show(climber.config, climber.store, clock=climber.stations[0].clock)
        [first] = shown.course.stages
        assert first.move is Move.BACK
        assert "hard bounces" in first.why
        assert shown.course.today.held
        [waiting] = shown.waiting
        assert waiting.reason == "ramp_held"
        assert waiting.expected_at == datetime(2026, 5, 6, 8, tzinfo=UTC)
        assert shown.all_gone_at is not None
        assert shown.all_gone_at > waiting.expected_at

        assert 'sendworthy_waiting{stream="marketing",reason="ramp_held"}' in await climber.metrics()

        deliveries, _ = await climber.store.deliveries(statuses=[Status.ACCEPTED], limit=1)
        why = await why_waiting(
            climber.config,
            climber.store,
            deliveries,
            access_key_id="AKSWmarketing",
            configuration_set="main",
            clock=climber.stations[0].clock,
        )
        [found] = why.values()
        assert found.reason == "ramp_held"
        assert found.expected_at is not None
        assert found.expected_at >= waiting.expected_at


async def test_bulk_mail_stops_before_aws_would_and_transactional_mail_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sendworthy.app.brake")
    async with climbing(tmp_path, BRAKE_ALONE) as climber:
        await climber.hand_in(listed("order", 300), stream=Stream.TRANSACTIONAL)
        await climber.work()
        await climber.listen()
        mixed = [f"{'bounce' if number % 8 == 0 else 'reader'}-{number}@customers.test" for number in range(600)]
        await climber.hand_in(mixed)
        for _ in range(40):  # as the minutes pass: a little goes, what came of it is heard, and the brake looks
            stepped = [await one.worker.step() for one in climber.stations]
            await climber.pass_by(2)
            await climber.listen()
            if stepped[0].reason != "rate" and await held_by(climber.store):
                break
        held = await held_by(climber.store)
        assert held is not None
        assert "hard bounces" in held.reason
        assert any("Bulk mail is held" in one for one in caplog.messages)
        sent = await climber.sent_to("bounce") + await climber.sent_to("reader")
        assert 100 <= sent < 250, "it is judged from a hundred messages on, and stopped soon after"

        await climber.hand_in(listed("reset", 5), stream=Stream.TRANSACTIONAL)
        await climber.work()
        assert await climber.sent_to("reset") == 5
        assert await climber.sent_to("bounce") + await climber.sent_to("reader") == sent
        await climber.pass_by(3_600)
        seen = await look(
            climber.config,
            climber.stations[0].aws,
            climber.store,
            days=1,
            regions=("eu-west-1",),
            clock=climber.stations[0].clock,
        )
        [published] = seen.published
        assert published.bounce_rate is not None
        assert 0 < published.bounce_rate < 0.05
        assert seen.streams[Stream.MARKETING].standing.bounce_rate >= 0.05
        assert seen.streams[Stream.TRANSACTIONAL].hard_bounces == 0
        assert seen.brake.held == held
        assert seen.unknown == ()

        # A first hold ends by itself after a healthy day; a second one within a week waits for a person.
        await climber.pass_by(90_000)
        await climber.listen()
        assert await held_by(climber.store) is None
        assert [one.data["by"] for one in await climber.store.case_file.proofs(RELEASED)] == ["itself"]
        for _ in range(80):
            await climber.stations[0].refresh()
            await climber.stations[0].worker.step()
            await climber.pass_by(2)
            await climber.listen()
            if await held_by(climber.store):
                break
        assert [one.data["again"] for one in await climber.store.case_file.proofs(BRAKED)] == [False, True]
        await climber.pass_by(3 * 86_400)
        await climber.listen()
        assert await held_by(climber.store) is not None
        assert await release(climber.store, now=climber.at, by="a person")
        await climber.listen()
        assert await held_by(climber.store) is None, "what was heard before counts no more"
