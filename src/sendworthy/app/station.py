"""The running middle of the program: the gateway's door, the worker behind it and the intake of events, on one store.

`up` keeps it running, the drill sends through it, and the demonstration steps it by hand.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from starlette.types import ASGIApp

from sendworthy.app import alerts, completeness, doors, public, ways_out
from sendworthy.app.console import console
from sendworthy.app.events import event_queues, queue_intake, trusted_topics
from sendworthy.app.forward import queue_region
from sendworthy.app.key_files import key_path
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.ramp import base_policy, policy_now
from sendworthy.app.traces import traces
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.clients.models import service_model
from sendworthy.clients.sqs import SqsQueue
from sendworthy.config import Config
from sendworthy.gateway import http_door
from sendworthy.gateway.account import refresh_account
from sendworthy.gateway.keys import Keys, Seal
from sendworthy.gateway.own_door import check_endpoint
from sendworthy.gateway.reads import Reads
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.worker import Limits, Worker
from sendworthy.ingest.certificates import CertificateSource
from sendworthy.ingest.intake import Intake
from sendworthy.pacing.governor import Policy, State
from sendworthy.pacing.today import PolicyNow
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.service import Service


@dataclass(slots=True)
class Drain:
    """Whether the program is being stopped: /readyz then fails, so that nobody sends new work."""

    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The parts in place. `url` is where the door listens; nothing moves until `worker` and `intakes` are run.

    `url`, `smtp` (HOST:PORT) and `public` (the outside door's address here) are empty where that door is not open;
    `fingerprint` is that of SMTP's certificate.
    """

    url: str
    smtp: str = ""
    fingerprint: str = ""
    public: str = ""
    drain: Drain = field(default_factory=Drain)
    account_id: str
    lane: Lane
    store: Store
    keys: Keys
    worker: Worker
    stand_in: ways_out.StandIn | None = None
    intakes: tuple[Intake, ...]
    topics: frozenset[str]
    certificate: CertificateSource
    aws: Aws
    clock: Clock

    async def refresh(self) -> State:
        """Read the account's quota anew into the governor."""
        return await refresh_account(self.aws, self.store, self.lane, now=self.clock.now)


def key_file(config: Config) -> Path:
    """Name the file that gateway keys are sealed under. Every host needs the same one. Raises ConfigError."""
    return key_path(config, "key")


def seal(config: Config) -> Seal:
    """Give the seal of the gateway keys; its file is made when first needed."""
    return Seal(key_file(config))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Where the doors listen; empty for one that is not open."""

    url: str = ""
    smtp: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class _Inside:
    """The inside doors, HTTP and SMTP, one desk behind both; the console and the metrics are pages of the first."""

    config: Config
    aws: Aws
    store: Store
    keys: Keys
    lane: Lane
    clock: Clock
    today: PolicyNow
    drain: Drain

    async def open(self, wake: Callable[[], None], *, listen: str, smtp: bool, stack: AsyncExitStack) -> Opened:
        """Open the HTTP door, unless mail would be sent to the door itself, and the SMTP door where asked."""
        config = self.config
        desk = doors.reception(
            config,
            self.store,
            now=self.clock.now,
            on_accepted=wake,
            way_out=public.way_out(config),
            span=stack.enter_context(traces(config)),
        )
        door = doors.bound(listen, "gateway.http")
        stack.callback(door.close)
        host, port = door.getsockname()[:2]
        check_endpoint(self.aws.endpoint("sesv2"), [(host, port)])
        await stack.enter_async_context(doors.serving_http(self._app(desk), door))
        opened = Opened(url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        if not smtp:
            return opened
        serving = doors.serving_smtp(config, desk, self.keys, regions=(self.aws.region,), now=WALL.now)
        where, fingerprint = await stack.enter_async_context(serving)
        return replace(opened, smtp=where, fingerprint=fingerprint)

    def _app(self, desk: Reception) -> ASGIApp:
        config, store, clock = self.config, self.store, self.clock
        relay = ways_out.Lines(config, store, self.lane, clock.now, completeness.Lines(store, clock.now))
        return http_door.app(
            store,
            self.keys,
            Service(service_model("sesv2")),
            lane=self.lane,
            now=clock.now,
            wall=WALL.now,
            reads=Reads(self.aws, now=WALL.now),
            v1=Service(service_model("ses")),
            reception=desk,
            regions=(self.lane.region, *config.ses.regions),
            policy=self.today,
            draining=lambda: self.drain.begun,
            console=console(config, store, self.lane, key_file=key_file(config), clock=clock, policy=self.today),
            more_metrics=alerts.Lines(store, relay),
        )


def _worker(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    lane: Lane,
    clock: Clock,
    policy: Policy,
    today: PolicyNow,
    stack: AsyncExitStack,
) -> Worker:
    """Give the worker, its way out to SES opened until the stack is unwound."""
    sender = ways_out.ses_sender(config, aws, stack)
    return Worker(
        store,
        sender,
        lane=lane,
        owner=f"{socket.gethostname()}/{os.getpid()}",
        now=clock.now,
        sleep=clock.sleep,
        random=random.random,
        policy=policy,
        policy_now=today,
        limits=Limits(in_flight=config.gateway.concurrency),
    )


@asynccontextmanager
async def station(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    clock: Clock = WALL,
    listen: str = "",
    policy: Policy | None = None,
    certificate: CertificateSource = download_certificate,
    open_doors: bool = True,
    smtp: bool = False,
    events: bool = True,
    on_accepted: Callable[[], None] | None = None,
) -> AsyncIterator[Station]:
    """Put the parts in place for one Region. `listen` is HOST:PORT of the HTTP door (the configured one if empty).

    Without `open_doors` no door is opened, with `smtp` the SMTP door as well; `events` says whether events are taken
    in here. `on_accepted` is called after each acceptance, and wakes the worker here if None. Raises ConfigError when a
    door's port is taken, or when mail would be sent to the door itself.
    """
    caller = await aws.call("sts", "GetCallerIdentity")
    account, partition = str(caller["Account"]), str(caller["Arn"]).split(":")[1]
    lane = Lane(account=account, region=aws.region)
    keys = Keys(store, seal(config), now=clock.now)
    await store.recover(all_leases=True)
    async with AsyncExitStack() as stack:
        drain = Drain()
        pace = policy or base_policy(config)
        today = policy_now(config, store, lane, clock=clock, base=pace)
        worker = _worker(config, aws, store, lane=lane, clock=clock, policy=pace, today=today, stack=stack)
        relay = await ways_out.stand_in(config, store, aws, lane=lane, clock=clock, today=today, stack=stack)
        opened = Opened()
        if open_doors:
            inside = _Inside(config, aws, store, keys, lane, clock, today, drain)
            wake = on_accepted or worker.wake
            opened = await inside.open(wake, listen=listen or config.gateway.http, smtp=smtp, stack=stack)
        topics = trusted_topics(config, partition=partition, region=aws.region, account=account)
        intakes: tuple[Intake, ...] = ()
        if events:
            intakes = await _intakes(
                config, aws, store, topics=topics, account=account, clock=clock, certificate=certificate, stack=stack
            )
        yield Station(
            url=opened.url,
            smtp=opened.smtp,
            fingerprint=opened.fingerprint,
            drain=drain,
            account_id=account,
            lane=lane,
            store=store,
            keys=keys,
            worker=worker,
            stand_in=relay,
            intakes=intakes,
            topics=topics,
            certificate=certificate,
            aws=aws,
            clock=clock,
        )


async def _intakes(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    topics: frozenset[str],
    account: str,
    clock: Clock,
    certificate: CertificateSource,
    stack: AsyncExitStack,
) -> tuple[Intake, ...]:
    """Give an intake for each event queue; the queues are closed with `stack`."""
    intakes = []
    for url in await event_queues(config, aws):
        queue = await stack.enter_async_context(SqsQueue(url, aws=aws, region=queue_region(url) or None, at_once=50))
        intake = await queue_intake(
            queue, config, aws, store, topics=topics, account=account, clock=clock, certificate=certificate
        )
        intakes.append(intake)
    return tuple(intakes)
