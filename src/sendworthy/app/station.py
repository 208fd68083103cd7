"""The running middle of the program: the gateway's door, the worker behind it and the intake of events, on one store.

`up` keeps it running, the drill sends through it, and the demonstration steps it by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from sendworthy.app.parts import WALL, Clock
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.clients.models import service_model
from sendworthy.clients.ses_send import SesSender
from sendworthy.clients.sqs import SqsQueue
from sendworthy.config import Config, host_port
from sendworthy.errors import ConfigError, Rejected
from sendworthy.gateway import ses_v2
from sendworthy.gateway.account import refresh_account
from sendworthy.gateway.keys import Keys, Seal
from sendworthy.gateway.own_door import check_endpoint
from sendworthy.gateway.reads import Reads
from sendworthy.gateway.worker import Limits, Worker
from sendworthy.ingest.certificates import CertificateSource, SigningKeys
from sendworthy.ingest.intake import Intake
from sendworthy.ingest.verify import Trust
from sendworthy.pacing.governor import Policy, State
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The parts in place. `url` is where the door listens; nothing moves until `worker` and `intakes` are run."""

    url: str
    account_id: str
    lane: Lane
    store: Store
    keys: Keys
    worker: Worker
    intakes: tuple[Intake, ...]
    aws: Aws
    clock: Clock

    async def refresh(self) -> State:
        """Read the account's quota anew into the governor."""
        return await refresh_account(self.aws, self.store, self.lane, now=self.clock.now)


def seal(config: Config) -> Seal:
    """Give the seal of the gateway keys: a key file beside the database, made when first needed."""
    path = config.store.url.removeprefix("sqlite:///")
    return Seal(Path(f"{path}.key"))


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
) -> AsyncIterator[Station]:
    """Put the parts in place for one Region. `listen` is HOST:PORT of the door (the configured one if empty).

    Raises ConfigError when the door's port is taken, or when mail would be sent to the door itself.
    """
    caller = await aws.call("sts", "GetCallerIdentity")
    account, partition = str(caller["Account"]), str(caller["Arn"]).split(":")[1]
    lane = Lane(account=account, region=aws.region)
    keys = Keys(store, seal(config), now=clock.now)
    await store.recover(all_leases=True)
    async with AsyncExitStack() as stack:
        door = _bound(listen or config.gateway.http)
        stack.callback(door.close)
        host, port = door.getsockname()[:2]
        url = f"http://{host}:{port}"
        check_endpoint(aws.endpoint("sesv2"), [(host, port)])
        sender = SesSender(
            endpoint=aws.endpoint("sesv2"), region=aws.region, credentials=aws.credentials(), now=WALL.now
        )
        stack.push_async_callback(sender.close)
        worker = Worker(
            store,
            sender,
            lane=lane,
            owner=f"{socket.gethostname()}/{os.getpid()}",
            now=clock.now,
            sleep=clock.sleep,
            random=random.random,
            policy=policy or Policy(reserve=config.policy.transactional_reserve),
            limits=Limits(in_flight=config.gateway.concurrency),
        )
        app = ses_v2.app(
            store,
            keys,
            Service(service_model("sesv2")),
            lane=lane,
            now=clock.now,
            wall=WALL.now,
            on_accepted=worker.wake,
            reads=Reads(aws, now=WALL.now),
        )
        await stack.enter_async_context(_serving(app, door))
        intakes = [
            await _intake(
                queue, config, aws, store, clock, certificate, f"arn:{partition}:sns:{aws.region}:{account}:", stack
            )
            for queue in await _queues(config, aws)
        ]
        yield Station(
            url=url,
            account_id=account,
            lane=lane,
            store=store,
            keys=keys,
            worker=worker,
            intakes=tuple(intakes),
            aws=aws,
            clock=clock,
        )


async def _intake(
    queue_url: str,
    config: Config,
    aws: Aws,
    store: Store,
    clock: Clock,
    certificate: CertificateSource,
    arn_prefix: str,
    stack: AsyncExitStack,
) -> Intake:
    queue = await stack.enter_async_context(SqsQueue(queue_url, aws=aws, at_once=50))
    topics = frozenset(config.events.topics or (f"{arn_prefix}{config.ses.topic}",))
    return Intake(
        queue, store=store, trust=Trust(topics=topics), keys=SigningKeys(certificate), now=clock.now, sleep=clock.sleep
    )


async def _queues(config: Config, aws: Aws) -> tuple[str, ...]:
    """Give the URLs of the event queues; none when the one named under [ses] does not exist yet."""
    if config.events.queues:
        return config.events.queues
    try:
        answer = await aws.call("sqs", "GetQueueUrl", QueueName=config.ses.queue)
    except Rejected as error:
        if "NonExistentQueue" in error.code or "QueueDoesNotExist" in error.code:
            return ()
        raise
    return (str(answer["QueueUrl"]),)


def _bound(listen: str) -> socket.socket:
    host, port = host_port(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio turns Nagle's algorithm off only where it sees that a socket is TCP's.
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise ConfigError(
            f"The gateway cannot listen on {listen}: {error.strerror}.", "Set gateway.http to a free address."
        ) from error
    return door


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the station."""
        yield


@asynccontextmanager
async def _serving(app: Callable[..., object], door: socket.socket) -> AsyncIterator[None]:
    settings = uvicorn.Config(
        app, loop="none", http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = _Server(settings)
    task = asyncio.create_task(server.serve(sockets=[door]))
    try:
        while not server.started:
            if task.done():
                await task
                raise ConfigError("The gateway's door could not be opened.", "See the log above.")
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await task
