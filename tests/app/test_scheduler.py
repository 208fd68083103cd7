from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.app.jobs import upkeep_jobs
from sendworthy.app.scheduler import Job, Scheduler
from sendworthy.audit.profile import Stream
from sendworthy.errors import StoreUnavailable
from sendworthy.mail.status import Status
from sendworthy.store import Store
from sendworthy.store.upkeep import Retention
from sendworthy.store.values import Fence, NewDelivery, NewMessage


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stores(tmp_path: Path, clock: Clock) -> AsyncIterator[list[Store]]:
    ids = itertools.count()
    opened = [
        await Store.open(f"sqlite:///{tmp_path / 's.db'}", now=clock, new_id=lambda: f"id{next(ids)}") for _ in range(3)
    ]
    yield opened
    for store in opened:
        await store.close()


def a_scheduler(store: Store, clock: Clock, *jobs: Job, owner: str = "p") -> Scheduler:
    return Scheduler(store, jobs, owner=owner, now=clock, sleep=clock.sleep)


async def test_each_job_has_one_effect_a_period_among_many_processes(stores: list[Store], clock: Clock) -> None:
    done: Counter[tuple[str, int]] = Counter()

    def a_job(name: str, every: float) -> Job:
        async def work(fence: Fence) -> None:
            done[name, fence.period] += 1

        return Job(name=name, every_seconds=every, work=work)

    schedulers = [
        a_scheduler(store, clock, a_job("minutely", 60), a_job("hourly", 3600), owner=f"p{number}")
        for number, store in enumerate(stores)
    ]
    first = int(clock().timestamp())
    for _ in range(12 * 60):
        await asyncio.gather(*(scheduler.step() for scheduler in schedulers))
        await clock.sleep(10)
    assert set(done.values()) == {1}
    assert [period for name, period in sorted(done) if name == "hourly"] == [first // 3600, first // 3600 + 1]
    assert len([1 for name, _ in done if name == "minutely"]) == 120


async def test_a_job_that_fails_is_tried_again_and_keeps_no_other_from_running(
    stores: list[Store], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[datetime] = []
    other: list[int] = []

    async def fails_twice(_: Fence) -> None:
        tries.append(clock())
        if len(tries) < 3:
            raise StoreUnavailable("The disk is full.")

    async def works(fence: Fence) -> None:
        other.append(fence.period)

    jobs = (
        Job(name="account", every_seconds=600, work=fails_twice),
        Job(name="tidy", every_seconds=600, work=works),
    )
    scheduler = a_scheduler(stores[0], clock, *jobs)
    for _ in range(60):
        await scheduler.step()
        await clock.sleep(1)
    assert len(tries) == 3
    assert [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(tries)] == [15, 15]
    assert len(other) == 1
    assert "The job account failed and will be tried again: The disk is full." in caplog.text


async def test_another_process_takes_over_from_one_that_died_at_work(stores: list[Store], clock: Clock) -> None:
    done: list[str] = []

    async def dies(_: Fence) -> None:
        raise KeyboardInterrupt

    async def works(_: Fence) -> None:
        done.append("second")

    with pytest.raises(KeyboardInterrupt):
        await a_scheduler(stores[0], clock, Job(name="x", every_seconds=3600, work=dies, lease_seconds=120)).step()
    second = a_scheduler(stores[1], clock, Job(name="x", every_seconds=3600, work=works, lease_seconds=120))
    for _ in range(20):
        await second.step()
        if done:
            break
        await clock.sleep(10)
    assert done == ["second"]
    assert 120 <= (clock() - datetime(2026, 5, 4, tzinfo=UTC)).total_seconds() <= 140


async def test_it_runs_until_it_is_told_to_stop(stores: list[Store], clock: Clock) -> None:
    stop = asyncio.Event()
    periods: list[int] = []

    async def work(fence: Fence) -> None:
        periods.append(fence.period)
        if len(periods) == 5:
            stop.set()

    await a_scheduler(stores[0], clock, Job(name="tick", every_seconds=30, work=work)).run(stop)
    assert periods == list(range(periods[0], periods[0] + 5))


@pytest.mark.parametrize("hours", [None, 2.0])
async def test_the_programs_own_jobs_expire_settle_and_tidy(
    stores: list[Store], clock: Clock, hours: float | None
) -> None:
    store = stores[0]
    message = NewMessage(
        id="m1",
        access_key_id="AKSWTEST",
        stream=Stream.TRANSACTIONAL,
        mail_from="shop@example.com",
        subject="Hi",
        raw=b"Hi",
        deliveries=(NewDelivery(id="m1-0", recipient="a@example.org", key="a@example.org"),),
        send_at=clock() + timedelta(hours=1),
        expires_at=clock() + timedelta(minutes=1),
    )
    await store.accept(message)
    jobs = upkeep_jobs(
        store,
        retention=Retention(bodies=timedelta(days=1), records=timedelta(days=3)),
        try_again_after=None if hours is None else timedelta(hours=hours),
    )
    scheduler = a_scheduler(store, clock, *jobs)
    assert set(await scheduler.step()) == {"expire", "settle", "retention"}
    await clock.sleep(70)
    assert "expire" in await scheduler.step()
    assert (await store.counts()).of(Status.EXPIRED) == 1
    await clock.sleep(86_400)
    await scheduler.step()
    assert await store.body("m1") is None
    assert await store.message("m1")
    await clock.sleep(3 * 86_400)
    await scheduler.step()
    assert await store.message("m1") is None


@pytest.mark.parametrize("step", [-25 * 3600, -3600, 3600, 25 * 3600])
@pytest.mark.parametrize("starts_anew", [True, False])
async def test_a_job_goes_on_when_the_clock_was_set_to_another_time(
    stores: list[Store], clock: Clock, step: float, *, starts_anew: bool
) -> None:
    done: list[datetime] = []

    async def work(_: Fence) -> None:
        done.append(clock())

    job = Job(name="account", every_seconds=60, work=work)
    scheduler = a_scheduler(stores[0], clock, job)
    await scheduler.step()
    clock.at += timedelta(seconds=step)
    if starts_anew:
        scheduler = a_scheduler(stores[1], clock, job)
    began = clock()
    for _ in range(60):
        await scheduler.step()
        await clock.sleep(5)
    after = done[1:]
    assert 4 <= len(after) <= 6
    assert (after[0] - began).total_seconds() <= 60
    assert all((later - sooner).total_seconds() >= 50 for sooner, later in itertools.pairwise(after))


async def test_who_died_at_work_before_the_clock_was_set_back_is_missed_in_time(
    stores: list[Store], clock: Clock
) -> None:
    done: list[str] = []

    async def dies(_: Fence) -> None:
        raise KeyboardInterrupt

    async def works(_: Fence) -> None:
        done.append("second")

    with pytest.raises(KeyboardInterrupt):
        await a_scheduler(stores[0], clock, Job(name="x", every_seconds=60, work=dies)).step()
    clock.at -= timedelta(hours=25)
    second = a_scheduler(stores[1], clock, Job(name="x", every_seconds=60, work=works))
    for _ in range(20):
        await second.step()
        await clock.sleep(15)
    assert done


async def test_a_host_whose_clock_is_some_seconds_ahead_does_no_job_twice(stores: list[Store], clock: Clock) -> None:
    done: list[int] = []

    async def work(fence: Fence) -> None:
        done.append(fence.period)

    job = Job(name="expire", every_seconds=10, work=work)
    fast = Scheduler(stores[1], [job], owner="fast", now=lambda: clock() + timedelta(seconds=45), sleep=clock.sleep)
    slow = a_scheduler(stores[0], clock, job)
    for _ in range(60):
        await fast.step()
        await slow.step()
        await clock.sleep(5)
    assert len(done) == len(set(done))
    assert 30 <= len(done) <= 31
