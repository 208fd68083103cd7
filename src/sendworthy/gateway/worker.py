"""Takes accepted mail to SES, as fast as the governor allows and once. Knows no door, no AWS credentials and no SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sendworthy.clients.answer import Answer, AnswerKind, Parcel
from sendworthy.errors import StoreUnavailable
from sendworthy.gateway.outcome import Retry, answered, closed_sets, learn
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy, Reason
from sendworthy.pacing.today import PolicyNow, always
from sendworthy.store.faults import Fault, no_fault
from sendworthy.store.store import Store
from sendworthy.store.values import Answered, Batch, Claim, Instead, Lane, Outgoing, PauseScope

Sleep = Callable[[float], Awaitable[None]]

AGAIN_TAG = "sendworthy-again"
"""On a message that an earlier attempt may already have brought to SES: this many attempts were in doubt."""

_PAUSED_SET = timedelta(minutes=1)
"""For so long a configuration set that SES says is paused is left alone; then one message asks again."""


class Sender(Protocol):
    """What sends one message to one recipient; never raises."""

    async def send(self, parcel: Parcel) -> Answer:
        """Send, and say what became of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What one pass did, by the statuses that it led to. `idle_until` says when the next makes sense.

    None for `idle_until` means: when something is accepted. `reason` is `idle` or why the governor held back.
    """

    sent: int = 0
    deferred: int = 0
    refused: int = 0
    uncertain: int = 0
    suppressed: int = 0
    idle_until: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`batch` deliveries to a claim, `in_flight` calls to SES at once, `lease_seconds` to answer a claim.

    `urgent_share` of the calls is kept for urgent mail, so that bulk mail to a slow SES never fills every place. Bodies
    in flight take at most `most_bytes`, or one message. New mail is looked for every `poll_seconds`, and every
    `shared_poll_seconds` where other processes accept it.
    """

    batch: int = 100
    in_flight: int = 200
    lease_seconds: float = 300.0
    poll_seconds: float = 5.0
    shared_poll_seconds: float = 0.5
    urgent_share: float = 0.25
    most_bytes: int = 64 * 1024 * 1024


@dataclass(slots=True)
class _Flying:
    """What is on the wire now."""

    count: int = 0
    bulk: int = 0
    bytes: int = 0

    def take_off(self, outgoing: Iterable[Outgoing]) -> None:
        for out in outgoing:
            self.count += 1
            self.bulk += not out.urgent
            self.bytes += len(out.raw)

    def land(self, outgoing: Iterable[Outgoing]) -> None:
        for out in outgoing:
            self.count -= 1
            self.bulk -= not out.urgent
            self.bytes -= len(out.raw)


class Worker:
    """One worker on one lane. `sender` must give up on a call well before the lease ends.

    `owner` names this worker in the leases; `random` gives numbers in [0, 1) for the jitter. `instead` says that
    `sender` is another way than SES, and when it may be used.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        lane: Lane,
        owner: str,
        now: Callable[[], datetime],
        sleep: Sleep,
        random: Callable[[], float],
        policy: Policy | None = None,
        policy_now: PolicyNow | None = None,
        retry: Retry | None = None,
        limits: Limits | None = None,
        fault: Fault = no_fault,
        instead: Instead | None = None,
    ) -> None:
        self._store = store
        self._sender = sender
        self._lane = lane
        self._owner = owner
        self._now = now
        self._sleep = sleep
        self._random = random
        self._policy = policy or Policy()
        self._policy_now = policy_now or always(self._policy)
        self._retry = retry or Retry()
        self._limits = limits or Limits()
        self._fault = fault
        self._instead = instead
        self._flying = _Flying()
        self._unanswered = 0
        self._poll_seconds = self._limits.shared_poll_seconds if store.shared else self._limits.poll_seconds
        self._woken = asyncio.Event()
        self._recover_at = now()

    def wake(self) -> None:
        """Say that something was accepted, so that `run` need not wait for its next look."""
        self._woken.set()

    async def step(self) -> Stepped:
        """Make one bounded pass: claim what is due and allowed, send it, keep the answers. Raises StoreUnavailable."""
        at = self._now()
        batch = await self._claim(self._limits.batch)
        statuses = await self._deliver(batch.outgoing)
        wait = batch.wait_seconds
        return Stepped(
            sent=statuses.count(Status.SENT),
            deferred=statuses.count(Status.DEFERRED),
            refused=statuses.count(Status.REFUSED) + statuses.count(Status.EXPIRED),
            uncertain=statuses.count(Status.UNCERTAIN),
            suppressed=batch.suppressed,
            idle_until=None if wait is None else at + timedelta(seconds=wait),
            reason=batch.reason,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Pass after pass until `stop`, the next claim while calls are in flight; ends when all are answered."""
        flights: set[asyncio.Task[list[Status]]] = set()
        try:
            while not stop.is_set():
                for task in [task for task in flights if task.done()]:
                    task.result()
                    flights.remove(task)
                self._woken.clear()
                room = min(self._limits.batch, self._limits.in_flight - self._flying.count)
                batch = await self._try_claim(room) if room > 0 else Batch()
                if batch.outgoing:
                    flights.add(asyncio.create_task(self._deliver(batch.outgoing)))
                await self._rest(batch, stop)
        finally:
            await asyncio.gather(*flights)

    async def _try_claim(self, room: int) -> Batch:
        """Claim, and now and then look for lost leases. Fails closed: while the store cannot be asked, nothing goes."""
        try:
            now, every = self._now(), timedelta(seconds=self._limits.lease_seconds / 4)
            if not now < self._recover_at <= now + every:  # also when the clock was set back since
                await self._store.recover()
                self._recover_at = self._now() + every
            return await self._claim(room)
        except StoreUnavailable:
            return Batch(wait_seconds=self._poll_seconds, reason="store_unavailable")

    async def _claim(self, limit: int) -> Batch:
        limits = self._limits
        most_bulk = max(1, int(limits.in_flight * (1 - limits.urgent_share)))
        asked = Claim(
            lane=self._lane,
            bulk_limit=min(limit, most_bulk - self._flying.bulk),
            most_bytes=limits.most_bytes - self._flying.bytes,
            owner=self._owner,
            limit=limit,
            lease_seconds=limits.lease_seconds,
            policy=await self._policy_now(),
            instead=self._instead,
        )
        batch = await self._store.claim(asked)
        self._flying.take_off(batch.outgoing)
        return batch

    async def _deliver(self, outgoing: tuple[Outgoing, ...]) -> list[Status]:
        """Send a batch; answers are kept as they come, those that come together in one transaction."""
        landed: list[asyncio.Task[tuple[Outgoing, Answer]]] = []
        landing = asyncio.Event()

        def land(task: asyncio.Task[tuple[Outgoing, Answer]]) -> None:
            landed.append(task)
            landing.set()

        flights = [asyncio.create_task(self._send(out)) for out in outgoing]
        for task in flights:
            task.add_done_callback(land)
        statuses: list[Status] = []
        while len(statuses) < len(flights):
            await landing.wait()
            landing.clear()
            done = landed.copy()
            landed.clear()
            now = self._now()
            pairs = [task.result() for task in done]
            answers = [answered(*pair, now=now, retry=self._retry, random=self._random) for pair in pairs]
            await self._keep(answers, pairs, now)
            self._flying.land([out for out, _ in pairs])
            self.wake()
            statuses += [answer.status for answer in answers]
        return statuses

    async def _send(self, out: Outgoing) -> tuple[Outgoing, Answer]:
        parcel = Parcel(
            delivery_id=out.delivery_id,
            recipient=out.recipient,
            mail_from=out.mail_from,
            raw=out.raw,
            configuration_set=out.configuration_set,
            tags={**out.tags, AGAIN_TAG: str(out.again)} if out.again else out.tags,
        )
        self._fault("wire.before")
        answer = await self._sender.send(parcel)
        self._fault("wire.after")
        return out, answer

    async def _keep(self, answers: list[Answered], pairs: list[tuple[Outgoing, Answer]], now: datetime) -> None:
        """Keep answers, for as long as it takes: what SES said is not known anywhere else."""
        heard = [answer for _, answer in pairs]
        for one in heard:
            self._unanswered = self._unanswered + 1 if one.kind is AnswerKind.UNCERTAIN else 0
        learnt = learn(heard, now=now, policy=self._policy, unanswered=self._unanswered)
        while True:
            try:
                for name, words in closed_sets(pairs).items():
                    until = now + _PAUSED_SET
                    await self._store.pause(PauseScope.CONFIGURATION_SET, name, reason=words, until=until)
                await self._store.answer(self._lane, answers, learnt=learnt)
            except StoreUnavailable:
                await self._sleep(1.0)
            else:
                return

    async def _rest(self, batch: Batch, stop: asyncio.Event) -> None:
        """Wait as told, until woken or stopped. New mail does not hurry what the rate holds back."""
        wait = self._poll_seconds if batch.wait_seconds is None else batch.wait_seconds
        seconds = min(wait, self._poll_seconds)
        if seconds <= 0:
            return
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(stop.wait())]
        if batch.reason != Reason.RATE:
            waits.append(asyncio.ensure_future(self._woken.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
