"""Brings events to the applications that sent the mail: by SQS, as SNS posts, or by webhook; with retries to the end.

An event waits in the store until its target has taken it; what no target took in time is a dead letter, listed and
taken up again by hand. A target that does not answer is left alone for a while and holds up no other.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol, assert_never
from urllib.parse import urlsplit

from sendworthy.app.key_files import key_path
from sendworthy.app.parts import Clock
from sendworthy.clients.aws import Aws
from sendworthy.clients.own_topic import OwnTopic, SigningPair, signing_pair
from sendworthy.clients.sqs import SqsQueue
from sendworthy.clients.webhook import Poster
from sendworthy.config import Config
from sendworthy.config.shape import Forward, ForwardBy, ForwardFormat
from sendworthy.errors import ProviderError, SendworthyError
from sendworthy.ingest.onward import onward
from sendworthy.store.heard import Forwarding
from sendworthy.store.hearing import Hearing

_LOG = logging.getLogger(__name__)

_BATCH = 100
_AT_ONCE = 8
"""POSTs to one target at the same time."""

_LEASE_SECONDS = 300.0
_LOOK_SECONDS = 1.0
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)

CERTIFICATE_PATH = "/events/certificate"


class Deliver(Protocol):
    """Brings one body to one target."""

    async def __call__(self, body: str, one: Forwarding) -> None:
        """Return when the target has taken it. Raises ProviderError."""


@dataclass(slots=True)
class Target:
    """One application and how it has been answering. `give_up` is after how long an event is a dead letter."""

    deliver: Deliver
    as_notification: bool = False
    give_up: timedelta = timedelta(hours=72)
    failures: int = 0
    down_until: datetime | None = None

    def down(self, now: datetime) -> bool:
        """Say whether it is left alone; a clock that was set back makes that no longer than it may be."""
        return self.down_until is not None and now < self.down_until <= now + _LONGEST_PAUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What one pass did."""

    taken: int = 0
    later: int = 0
    dead: int = 0


@dataclass(slots=True)
class Forwarder:
    """Moves what is due. Several processes may: each event is leased to one of them."""

    hearing: Hearing
    targets: Mapping[str, Target]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    problems: dict[str, str] = field(default_factory=dict)
    """Why a target does not take events at present, by its name."""

    async def step(self) -> Moved:
        """Make one pass over what is due. Raises StoreUnavailable."""
        due = await self.hearing.claim_forwards(limit=_BATCH, lease_seconds=_LEASE_SECONDS)
        by_target: dict[str, list[Forwarding]] = {}
        for one in due:
            by_target.setdefault(one.target, []).append(one)
        moved = await asyncio.gather(*(self._to(name, ones) for name, ones in by_target.items()))
        return Moved(
            taken=sum(each.taken for each in moved),
            later=sum(each.later for each in moved),
            dead=sum(each.dead for each in moved),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Make passes until `stop`."""
        while not stop.is_set():
            try:
                moved = await self.step()
            except SendworthyError as error:
                _LOG.warning("Events are not forwarded: %s", error.happened)
                moved = Moved()
            if moved == Moved():
                await _unless(stop, self.sleep(_LOOK_SECONDS))

    async def _to(self, name: str, ones: Sequence[Forwarding]) -> Moved:
        target = self.targets.get(name)
        taken = later = dead = 0
        for start in range(0, len(ones), _AT_ONCE):
            some = ones[start : start + _AT_ONCE]
            for error, one in zip(await asyncio.gather(*(self._try(target, one) for one in some)), some, strict=True):
                if error is None:
                    taken += 1
                elif await self._postpone(target, name, one, error):
                    later += 1
                else:
                    dead += 1
        return Moved(taken=taken, later=later, dead=dead)

    async def _try(self, target: Target | None, one: Forwarding) -> str | None:
        """Give None when the target has taken it, else why it has not."""
        if target is None:
            return "There is no such [[forward]] any more."
        if target.down(self.now()):
            return self.problems.get(one.target, "The target does not answer.")
        body = onward(
            one.raw,
            message_id=one.message_id,
            recipient=one.recipient,
            kind=one.kind,
            occurred_at=one.created_at,
            as_notification=target.as_notification,
        )
        try:
            await target.deliver(body, one)
        except ProviderError as error:
            self._failed(target, one.target, error)
            return error.happened
        target.failures, target.down_until = 0, None
        self.problems.pop(one.target, None)
        await self.hearing.forwarded(one)
        return None

    def _failed(self, target: Target, name: str, error: ProviderError) -> None:
        if not target.down(self.now()):
            target.failures += 1
            pause = min(_FIRST_PAUSE * 2 ** min(target.failures - 1, 20), _LONGEST_PAUSE)
            target.down_until = self.now() + pause
            _LOG.warning("Events for %s wait %d s: %s", name, pause.total_seconds(), error.happened)
        self.problems[name] = error.happened

    async def _postpone(self, target: Target | None, name: str, one: Forwarding, error: str) -> bool:
        """Put it off while its time lasts, and say so; else make it a dead letter."""
        if target is not None and self.now() < one.created_at + target.give_up:
            await self.hearing.forward_later(one, due_at=target.down_until or self.now() + _FIRST_PAUSE, error=error)
            return True
        _LOG.error("An event for %s is now a dead letter: %s See: sendworthy events forwards --dead", name, error)
        await self.hearing.forward_later(one, due_at=None, error=error)
        return False


async def _unless(stop: asyncio.Event, waiting: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(waiting)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def to_queue(queue: SqsQueue) -> Deliver:
    """Deliver SES's JSON to an SQS queue, as a subscription with raw delivery would."""

    async def deliver(body: str, one: Forwarding) -> None:
        await queue.send(body, attributes={"event-id": one.event_id})

    return deliver


def to_sns_endpoint(poster: Poster, url: str, topic: OwnTopic, now: Callable[[], datetime]) -> Deliver:
    """Post as SNS posts, signed by our own certificate."""

    async def deliver(body: str, one: Forwarding) -> None:
        envelope, headers = topic.envelope(body, about=f"{one.event_id}/{one.target}", now=now())
        await poster.post(url, envelope, headers)

    return deliver


def to_webhook(poster: Poster, url: str, secret: str, now: Callable[[], datetime]) -> Deliver:
    """Post the JSON with an HMAC-SHA256 over the time and the body, so that neither can be changed or replayed late."""

    async def deliver(body: str, one: Forwarding) -> None:
        data = body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sendworthy",
            "X-Sendworthy-Event-Id": one.event_id,
            "X-Sendworthy-Signature": signature(secret, data, at=int(now().timestamp())),
        }
        await poster.post(url, data, headers)

    return deliver


def signature(secret: str, body: bytes, *, at: int) -> str:
    """Give `t=SECONDS,v1=HEX`: the HMAC-SHA256, keyed by the secret, of the seconds since 1970, a dot and the body."""
    return f"t={at},v1={hmac.new(secret.encode(), b'%d.' % at + body, sha256).hexdigest()}"


def pair_file(config: Config) -> Path:
    """Name the file of the key that forwarded events are signed with; every host needs the same. Raises ConfigError."""
    return key_path(config, "sns.pem")


def own_pair(config: Config, now: datetime) -> SigningPair | None:
    """Give the pair that forwarded events are signed with; None when nothing is forwarded as SNS posts."""
    if not any(one.by is ForwardBy.SNS for one in config.forward):
        return None
    return signing_pair(pair_file(config), host=urlsplit(config.gateway.public_url).hostname or "", now=now)


@asynccontextmanager
async def forwarder(
    config: Config, hearing: Hearing, aws: Aws, *, account: str, clock: Clock
) -> AsyncIterator[Forwarder]:
    """Give the forwarder that the configuration asks for, for the time of the block. Raises ConfigError."""
    pair = own_pair(config, clock.now())
    async with AsyncExitStack() as stack:
        poster = await stack.enter_async_context(Poster())

        async def target(one: Forward) -> Target:
            deliver: Deliver
            match one.by:
                case ForwardBy.SQS:
                    region = queue_region(one.to) or aws.region
                    queue = await stack.enter_async_context(SqsQueue(one.to, aws=aws, region=region))
                    deliver = to_queue(queue)
                case ForwardBy.SNS:
                    assert pair is not None  # noqa: S101 - own_pair made it, since this forward is one
                    topic = OwnTopic(
                        arn=f"arn:aws:sns:{aws.region}:{account}:sendworthy-forward-{one.name}",
                        pair=pair,
                        certificate_url=f"{config.gateway.public_url.rstrip('/')}{CERTIFICATE_PATH}/{pair.name}",
                    )
                    deliver = to_sns_endpoint(poster, one.to, topic, clock.now)
                case ForwardBy.WEBHOOK:
                    deliver = to_webhook(poster, one.to, one.secret, clock.now)
                case _:
                    assert_never(one.by)
            return Target(
                deliver,
                as_notification=one.format is ForwardFormat.NOTIFICATION,
                give_up=timedelta(hours=one.give_up_hours),
            )

        targets = {one.name: await target(one) for one in config.forward}
        yield Forwarder(hearing, targets, clock.now, clock.sleep)


def queue_region(url: str) -> str:
    """Give the Region that a queue's URL names; empty when it names none."""
    labels = (urlsplit(url).hostname or "").split(".")
    return labels[1] if len(labels) >= 4 and labels[0] == "sqs" else ""
