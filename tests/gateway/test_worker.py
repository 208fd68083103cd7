from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.errors import StoreUnavailable
from sendworthy.gateway.worker import Limits, Worker
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Claim, NewDelivery, NewMessage, PauseScope

SENT = AnswerKind.SENT
OpenAccount = Callable[..., Awaitable[State]]


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


class Ses:
    """Takes parcels and answers by the recipient's local part: `rejected@`, `throttled_rate@`, … once each, or sent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.taken: list[tuple[datetime, str]] = []
        self.asked: list[str] = []
        self.hold: asyncio.Event | None = None
        self.changed = asyncio.Condition()
        self.flying = self.most_flying = 0
        self.always: AnswerKind | None = None

    async def send(self, parcel: Parcel) -> Answer:
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        await self._tell()
        if self.hold:
            await self.hold.wait()
        self.flying -= 1
        word = parcel.recipient.partition("@")[0]
        first = parcel.recipient not in self.asked
        self.asked.append(parcel.recipient)
        if self.always:
            return Answer(kind=self.always, code="Said", whole_account=True)
        if first and word in set(AnswerKind):
            return Answer(kind=AnswerKind(word), code="Said", text="so")
        self.taken.append((self._clock(), parcel.delivery_id))
        await self._tell()
        return Answer(kind=SENT, ses_message_id=f"ses-{parcel.delivery_id}")

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(true)


@pytest.fixture
def ses(clock: Clock) -> Ses:
    return Ses(clock)


def a_worker(store: Store, ses: Ses, lane: Lane, clock: Clock, **given: Any) -> Worker:
    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    values: dict[str, Any] = {"owner": "worker-1", "now": clock, "sleep": sleep, "random": lambda: 0.5}
    return Worker(store, ses, lane=lane, **(values | given))


async def accept(store: Store, *recipients: str, stream: Stream = Stream.TRANSACTIONAL) -> None:
    for recipient in recipients:
        message_id = store.new_id()
        await store.accept(
            NewMessage(
                id=message_id,
                access_key_id="AKSWTEST",
                stream=stream,
                mail_from="shop@example.com",
                subject="Hi",
                raw=b"From: shop@example.com\r\n\r\nHi\r\n",
                deliveries=(NewDelivery(id=f"{message_id}-0", recipient=recipient, key=recipient),),
            )
        )


async def statuses(store: Store) -> dict[str, Status]:
    found, _ = await store.deliveries(limit=10_000)
    return {delivery.recipient: delivery.status for delivery in found}


async def until_idle(worker: Worker, clock: Clock, most: int = 200) -> None:
    for _ in range(most):
        stepped = await worker.step()
        if stepped.idle_until is None:
            return
        clock.advance(max(0.0, (stepped.idle_until - clock()).total_seconds()))
    raise AssertionError("The worker never came to rest.")


async def test_each_answer_of_ses_ends_where_it_should(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    await accept(store, *(f"{kind}@example.org" for kind in AnswerKind))
    worker = a_worker(store, ses, lane, clock)
    for _ in range(300):
        stepped = await worker.step()
        if stepped.idle_until is None:
            break
        clock.advance(max(0.0, (stepped.idle_until - clock()).total_seconds()))
    ended = await statuses(store)
    assert ended["rejected@example.org"] is Status.REFUSED
    assert ended["uncertain@example.org"] is Status.UNCERTAIN
    assert Counter(ended.values()) == {Status.SENT: len(AnswerKind) - 2, Status.REFUSED: 1, Status.UNCERTAIN: 1}
    asked = Counter(ses.asked)
    assert asked["uncertain@example.org"] == asked["rejected@example.org"] == asked["sent@example.org"] == 1
    assert asked["throttled_rate@example.org"] == 2
    found, _ = await store.deliveries(recipient_key="throttled_rate@example.org")
    assert (found[0].tries, found[0].attempts) == (2, 1)


async def test_a_rate_of_ten_is_ten_a_second_and_no_second_holds_more(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account(max_send_rate=10.0)
    await accept(store, *(f"u{number}@example.org" for number in range(100)))
    began = clock()
    await until_idle(a_worker(store, ses, lane, clock), clock, most=500)
    times = [(at - began).total_seconds() for at, _ in ses.taken]
    assert len(times) == 100
    assert times[-1] <= 9.9 + 0.1
    for start in times:
        assert sum(start <= at < start + 1 for at in times) <= 10 + 1 + 10 * Policy().burst_seconds


async def test_a_pause_stops_everything_after_one_refusal_and_says_why(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    await accept(store, *(f"u{number}@example.org" for number in range(20)))
    ses.always = AnswerKind.PAUSED
    worker = a_worker(store, ses, lane, clock, limits=Limits(batch=1))
    first = await worker.step()
    assert first.deferred == 1
    for _ in range(10):
        stepped = await worker.step()
        assert (stepped.sent, stepped.reason) == (0, "breaker")
    assert len(ses.asked) == 1
    state = await store.governor(lane)
    assert state is not None
    assert state.breaker == "paused"
    ses.always = None
    await until_idle(worker, clock)
    assert set((await statuses(store)).values()) == {Status.SENT}


async def test_no_address_is_burnt_while_ses_cannot_be_reached(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    await accept(store, *(f"u{number}@example.org" for number in range(50)))
    ses.always = AnswerKind.UNAVAILABLE
    worker = a_worker(store, ses, lane, clock, limits=Limits(batch=1))
    for _ in range(30):
        stepped = await worker.step()
        assert stepped.idle_until is not None
        clock.advance(max(0.0, (stepped.idle_until - clock()).total_seconds()))
    assert len(ses.asked) <= 30
    ses.always = None
    await until_idle(worker, clock, most=500)
    assert set((await statuses(store)).values()) == {Status.SENT}


async def test_calls_in_flight_are_bounded_and_overlap(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account(max_send_rate=100_000.0)
    await accept(store, *(f"u{number}@example.org" for number in range(30)))
    ses.hold = asyncio.Event()
    stop = asyncio.Event()
    full = asyncio.Event()

    async def sleep(_: float) -> None:  # the worker rests only when no more may be in flight
        full.set()
        await asyncio.Event().wait()

    worker = a_worker(store, ses, lane, clock, limits=Limits(batch=10, in_flight=20), sleep=sleep)
    running = asyncio.create_task(worker.run(stop))
    await full.wait()
    await ses.until(lambda: ses.flying == 20)
    ses.hold.set()
    await ses.until(lambda: len(ses.taken) == 30)
    stop.set()
    await running
    assert ses.most_flying == 20
    assert set((await statuses(store)).values()) == {Status.SENT}


async def test_the_running_worker_wakes_when_something_is_accepted_and_stops_when_told(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    resting = asyncio.Event()

    async def sleep(_: float) -> None:
        resting.set()
        await asyncio.Event().wait()

    worker = a_worker(store, ses, lane, clock, sleep=sleep)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await resting.wait()
    await accept(store, "a@example.org")
    worker.wake()
    await ses.until(lambda: bool(ses.taken))
    stop.set()
    await running
    assert await statuses(store) == {"a@example.org": Status.SENT}


async def test_stopping_waits_for_the_answers_of_calls_in_flight(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    await accept(store, "a@example.org")
    ses.hold = asyncio.Event()
    stop = asyncio.Event()
    running = asyncio.create_task(a_worker(store, ses, lane, clock).run(stop))
    await ses.until(lambda: ses.flying == 1)
    stop.set()
    assert await asyncio.wait([running], timeout=0.05) == (set(), {running})
    ses.hold.set()
    await running
    assert await statuses(store) == {"a@example.org": Status.SENT}


async def test_the_running_worker_finds_what_a_dead_one_left(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount
) -> None:
    await open_account()
    await accept(store, "left@example.org")
    claim = Claim(lane=lane, owner="dead", limit=1, lease_seconds=60, policy=Policy())
    assert len((await store.claim(claim)).outgoing) == 1
    clock.advance(61)
    stop = asyncio.Event()

    async def sleep(_: float) -> None:
        stop.set()

    await a_worker(store, ses, lane, clock, sleep=sleep).run(stop)
    assert (await statuses(store), ses.asked) == ({"left@example.org": Status.UNCERTAIN}, [])


async def test_nothing_goes_out_while_the_quota_is_unknown(store: Store, ses: Ses, lane: Lane, clock: Clock) -> None:
    await accept(store, "a@example.org")
    stepped = await a_worker(store, ses, lane, clock).step()
    assert (stepped.sent, stepped.reason, ses.asked) == (0, "unknown_quota", [])


@pytest.fixture
async def failing(tmp_path: Path, clock: Clock) -> AsyncIterator[tuple[Store, Counter[str]]]:
    failures: Counter[str] = Counter()

    def fault(point: str) -> None:
        if failures[point] > 0:
            failures[point] -= 1
            raise StoreUnavailable("The disk that holds the database is full.")

    ids = iter(range(10_000))
    opened = await Store.open(
        f"sqlite:///{tmp_path / 'failing.db'}", now=clock, new_id=lambda: f"id{next(ids)}", fault=fault
    )
    yield opened, failures
    await opened.close()


async def test_an_answer_that_cannot_be_kept_is_kept_later_and_nothing_is_sent_twice(
    failing: tuple[Store, Counter[str]], ses: Ses, lane: Lane, clock: Clock
) -> None:
    store, failures = failing
    await _open(store, lane, clock)
    await accept(store, "a@example.org")
    failures["answer.before_commit"] = 3
    stepped = await a_worker(store, ses, lane, clock).step()
    assert stepped.sent == 1
    assert await statuses(store) == {"a@example.org": Status.SENT}
    assert ses.asked == ["a@example.org"]


async def test_nothing_goes_out_whose_attempt_could_not_be_recorded(
    failing: tuple[Store, Counter[str]], ses: Ses, lane: Lane, clock: Clock
) -> None:
    store, failures = failing
    await _open(store, lane, clock)
    await accept(store, "a@example.org")
    worker = a_worker(store, ses, lane, clock)
    for point in ("claim.permits_taken", "claim.attempts_recorded", "claim.before_commit"):
        failures[point] = 1
        with pytest.raises(StoreUnavailable):
            await worker.step()
        assert ses.asked == []
    assert (await worker.step()).sent == 1


async def _open(store: Store, lane: Lane, clock: Clock) -> None:
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=100,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    await store.change_governor(lane, lambda _: State(quota=quota))


@pytest.mark.parametrize("step", [-25 * 3600, -3600])
async def test_a_running_worker_takes_up_what_a_clock_set_back_left_in_the_future(
    store: Store, ses: Ses, lane: Lane, clock: Clock, open_account: OpenAccount, step: float
) -> None:
    await open_account()
    stop = asyncio.Event()
    worker = a_worker(store, ses, lane, clock)
    running = asyncio.create_task(worker.run(stop))
    await accept(store, "first@example.org")
    await asyncio.wait_for(ses.until(lambda: len(ses.taken) == 1), 20)
    await store.pause(PauseScope.ACCOUNT, reason="until the clock is set back")
    await accept(store, "later@example.org")
    clock.advance(step)
    stepped = clock()
    await store.resume(PauseScope.ACCOUNT)
    await asyncio.wait_for(ses.until(lambda: len(ses.taken) == 2), 20)
    assert (ses.taken[1][0] - stepped).total_seconds() < 600
    stop.set()
    await asyncio.wait_for(running, 20)
