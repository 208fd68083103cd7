"""The running middle of the program: the gateway's door, the worker behind it and the intake of events, on one store.

`up` keeps it running, the drill sends through it, and the demonstration steps it by hand.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sendworthy.app import doors
from sendworthy.app.parts import WALL, Clock
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import download_certificate
from sendworthy.clients.models import service_model
from sendworthy.clients.ses_send import SesSender
from sendworthy.clients.sqs import SqsQueue
from sendworthy.config import Config
from sendworthy.errors import Rejected
from sendworthy.gateway import http_door
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


@dataclass(slots=True)
class Drain:
    """Whether the program is being stopped: /readyz then fails, so that nobody sends new work."""

    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The parts in place. `url` is where the door listens; nothing moves until `worker` and `intakes` are run.

    `url` and `smtp` (HOST:PORT) are empty where that door is not open; `fingerprint` is that of SMTP's certificate.
    """

    url: str
    smtp: str = ""
    fingerprint: str = ""
    drain: Drain = field(default_factory=Drain)
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


def key_file(config: Config) -> Path:
    """Name the file that gateway keys are sealed under: beside the database, so that a backup may leave it out.

    With PostgreSQL it is sendworthy.key in the working directory, and every host needs the same one.
    """
    scheme, _, path = config.store.url.partition(":///")
    return Path(f"{path}.key" if scheme == "sqlite" else "sendworthy.key")


def seal(config: Config) -> Seal:
    """Give the seal of the gateway keys; its file is made when first needed."""
    return Seal(key_file(config))


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
) -> AsyncIterator[Station]:
    """Put the parts in place for one Region. `listen` is HOST:PORT of the HTTP door (the configured one if empty).

    Without `open_doors` no door is opened, with `smtp` the SMTP door as well; `events` says whether events are taken
    in here. Raises ConfigError when a door's port is taken, or when mail would be sent to the door itself.
    """
    caller = await aws.call("sts", "GetCallerIdentity")
    account, partition = str(caller["Account"]), str(caller["Arn"]).split(":")[1]
    lane = Lane(account=account, region=aws.region)
    keys = Keys(store, seal(config), now=clock.now)
    await store.recover(all_leases=True)
    async with AsyncExitStack() as stack:
        drain = Drain()
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
        url, mail, fingerprint = "", "", ""
        if open_doors:
            desk = doors.reception(config, store, now=clock.now, on_accepted=worker.wake)
            door = doors.bound(listen or config.gateway.http, "gateway.http")
            stack.callback(door.close)
            host, port = door.getsockname()[:2]
            url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            check_endpoint(aws.endpoint("sesv2"), [(host, port)])
            app = http_door.app(
                store,
                keys,
                Service(service_model("sesv2")),
                lane=lane,
                now=clock.now,
                wall=WALL.now,
                reads=Reads(aws, now=WALL.now),
                v1=Service(service_model("ses")),
                reception=desk,
                policy=policy or Policy(reserve=config.policy.transactional_reserve),
                draining=lambda: drain.begun,
            )
            await stack.enter_async_context(doors.serving_http(app, door))
            if smtp:
                serving = doors.serving_smtp(config, desk, keys, regions=(aws.region,), now=WALL.now)
                mail, fingerprint = await stack.enter_async_context(serving)
        intakes = [
            await _intake(
                queue, config, aws, store, clock, certificate, f"arn:{partition}:sns:{aws.region}:{account}:", stack
            )
            for queue in (await _queues(config, aws) if events else ())
        ]
        yield Station(
            url=url,
            smtp=mail,
            fingerprint=fingerprint,
            drain=drain,
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
