"""Runs a drill on the configured path: through the gateway that is up, or through a station of its own.

Says at which hop the path is broken when a trial does not come back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sendworthy.app import parts
from sendworthy.app.drill import Drilled, Hop, NotTaken, Trial, TrialKind, drill
from sendworthy.app.look import look
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.rehearse_unsubscribe import BODY, Unsubscribed, nothing_to_try, own_door, rehearse_unsubscribe
from sendworthy.app.station import Station, seal, station
from sendworthy.audit.evidence import Evidence, Seen
from sendworthy.audit.profile import Stream
from sendworthy.clients.aws import Aws, session_for
from sendworthy.clients.certificates import download_certificate
from sendworthy.clients.usage import waiting_in
from sendworthy.config import Config
from sendworthy.errors import ConfigError, Denied, Rejected, StoreUnavailable, Unavailable
from sendworthy.gateway.keys import Key, Keys
from sendworthy.ingest.certificates import CertificateSource
from sendworthy.provision.road import broken_at
from sendworthy.store.store import Store

_KEY_ATTEMPTS = 12
_KEY_SECONDS = 1.0
"""A gateway that is up sees a new key within five seconds."""
_TICK_SECONDS = 0.1
_BODY = "A drill of the event pipeline."

_EVENTS = {
    TrialKind.DELIVERY: "DELIVERY",
    TrialKind.BOUNCE: "BOUNCE",
    TrialKind.COMPLAINT: "COMPLAINT",
    TrialKind.OUT_OF_OFFICE: "DELIVERY",
}
"""The event that each kind of trial waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Where the path is broken for one kind of trial, what was seen there, and what to do."""

    kind: TrialKind
    hop: Hop
    what: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A drill, through which door it went, and where the path is broken for each kind that failed."""

    drilled: Drilled
    through: str
    broken: tuple[Broken, ...]
    unsubscribed: Unsubscribed | None = None
    """What came of the unsubscribe links; None when they were not asked for."""

    @property
    def passed(self) -> bool:
        """Whether everything that was tried went well."""
        return self.drilled.passed and (self.unsubscribed is None or self.unsubscribed.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """The way mail goes in: the gateway's door, what is remembered, and the pace that is allowed.

    `public` is the outside door's address on this side; empty where there is nothing to try at it.
    """

    url: str
    public: str
    store: Store
    rate_per_second: float
    keys: Keys


async def rehearse(
    config: Config,
    aws: Aws,
    *,
    region: str,
    domains: tuple[str, ...],
    sender: str,
    each: int,
    label: str,
    patience_seconds: float,
    progress: Callable[[int, int], None],
    kinds: Sequence[TrialKind] = tuple(TrialKind),
    unsubscribe: bool = True,
    clock: Clock = WALL,
    certificate: CertificateSource = download_certificate,
) -> Rehearsed:
    """Drill, and find the broken hop of what failed. `unsubscribe` says whether unsubscribe links are tried as well.

    Raises ConfigError when no sender can be named, Unavailable when the gateway that holds the store does not answer.
    """
    if not sender and not domains:
        raise ConfigError("No sender is named.", "Give --from, or set ses.domains in sendworthy.toml.")
    author = sender or f"drill@{domains[0]}"
    async with _path(config, aws, region=region, clock=clock, certificate=certificate) as path:
        began = clock.now()
        unsubscribed = None
        if unsubscribe:
            unsubscribed = await _unsubscribe(config, path, author, region=region, clock=clock, each=each, label=label)
        drilled = Drilled(
            region=region, at=began, trials=(), rate_per_second=path.rate_per_second, highest_per_second=0
        )
        if kinds:
            async with _key(path, Stream.TRANSACTIONAL) as key:
                drilled = await drill(
                    path.store,
                    region=region,
                    send=_sending(path, key, author, region=region, clock=clock, body=_BODY),
                    tick=lambda: clock.sleep(_TICK_SECONDS),
                    now=clock.now,
                    monotonic=time.monotonic,
                    rate_per_second=path.rate_per_second,
                    each=each,
                    label=label,
                    patience_seconds=patience_seconds,
                    kinds=kinds,
                    progress=progress,
                )
        parked = await path.store.parked_since(began)
        broken = await _find_breaks(
            config, aws, drilled, region=region, domains=domains, author=author, clock=clock, parked=parked
        )
        return Rehearsed(drilled=drilled, through=path.url, broken=broken, unsubscribed=unsubscribed)


async def _unsubscribe(
    config: Config, path: _Path, author: str, *, region: str, clock: Clock, each: int, label: str
) -> Unsubscribed:
    why = nothing_to_try(config)
    if why:
        return Unsubscribed(not_tried=why)
    async with _key(path, Stream.MARKETING) as key:
        return await rehearse_unsubscribe(
            config,
            path.store,
            region=region,
            local=path.public,
            send=_sending(path, key, author, region=region, clock=clock, body=BODY),
            tick=lambda: clock.sleep(_TICK_SECONDS),
            clock=clock,
            each=each,
            label=label,
        )


@asynccontextmanager
async def _key(path: _Path, stream: Stream) -> AsyncIterator[Key]:
    """Give a gateway key for the time of the block."""
    key = await path.keys.create("drill", stream=stream)
    try:
        yield key
    finally:
        await path.keys.revoke(key.access_key_id)


@asynccontextmanager
async def _path(
    config: Config, aws: Aws, *, region: str, clock: Clock, certificate: CertificateSource
) -> AsyncIterator[_Path]:
    """Open the way in: a station of our own when nothing else runs on the store, else the gateway that does."""
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(parts.opened_store(config, clock, exclusive=True))
        except StoreUnavailable:
            shared = await stack.enter_async_context(parts.opened_store(config, clock))
            yield await _running_gateway(config, aws, shared, region=region, clock=clock)
            return
        own = station(config, aws, store, clock=clock, listen="127.0.0.1:0", certificate=certificate)
        running = await stack.enter_async_context(own)
        state = await running.refresh()
        await stack.enter_async_context(_moving(running))
        public = "" if nothing_to_try(config) else await stack.enter_async_context(own_door(config, store))
        rate = state.quota.max_send_rate
        yield _Path(url=running.url, public=public, store=store, rate_per_second=rate, keys=running.keys)


async def _running_gateway(config: Config, aws: Aws, store: Store, *, region: str, clock: Clock) -> _Path:
    account = await aws.call("sesv2", "GetAccount", region=region)
    rate = float(account.get("SendQuota", {}).get("MaxSendRate", 1.0))
    keys = Keys(store, seal(config), now=clock.now)
    here = config.gateway
    return _Path(
        url=f"http://{here.http}", public=f"http://{here.public}", store=store, rate_per_second=rate, keys=keys
    )


@asynccontextmanager
async def _moving(running: Station) -> AsyncIterator[None]:
    """Keep a station's worker and intakes moving for the time of the block; what failed in one is raised after it."""
    stop = asyncio.Event()
    work = [running.worker.run(stop), *(intake.run(stop) for intake in running.intakes)]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def _sending(
    path: _Path, key: Key, author: str, *, region: str, clock: Clock, body: str
) -> Callable[[str], Awaitable[str]]:
    session = session_for(key.access_key_id, key.secret, region)
    application = Aws(region=region, session=session, endpoint_url=path.url, proxied=False)
    known: list[bool] = []

    async def send(recipient: str) -> str:
        for last in (False,) * (_KEY_ATTEMPTS - 1) + (True,):
            try:
                answer = await application.call(
                    "sesv2",
                    "SendEmail",
                    FromEmailAddress=author,
                    Destination={"ToAddresses": [recipient]},
                    Content={
                        "Simple": {
                            "Subject": {"Data": "Drill"},
                            "Body": {"Text": {"Data": body}},
                        }
                    },
                )
            except Denied as error:
                # The gateway may not know the key yet; an address that it refuses is another matter.
                if known or last:
                    raise NotTaken(error.happened) from error
                await clock.sleep(_KEY_SECONDS)
            except Unavailable as error:
                raise Unavailable(
                    f"The gateway at {path.url} holds the database and does not answer.",
                    "Start it again (sendworthy up), or stop it, and drill again.",
                    code=error.code,
                ) from error
            except Rejected as error:
                raise NotTaken(error.happened) from error
            else:
                known.append(True)
                return str(answer["MessageId"])
        raise AssertionError("the last attempt returns or raises")

    return send


async def _find_breaks(
    config: Config,
    aws: Aws,
    drilled: Drilled,
    *,
    region: str,
    domains: tuple[str, ...],
    author: str,
    clock: Clock,
    parked: Sequence[str],
) -> tuple[Broken, ...]:
    failed = {trial.kind: trial for trial in reversed(drilled.failed)}
    if not failed:
        return ()
    lost = [trial for trial in failed.values() if trial.stuck is Hop.UNKNOWN]
    found = {trial.kind: _told(trial) for trial in failed.values()}
    if lost:
        own = tuple(dict.fromkeys((author.rpartition("@")[2].rstrip(">").lower(), *domains)))
        evidence = await look(config, aws, regions=(region,), domains=own, clock=clock)
        for trial in lost:
            found[trial.kind] = await _behind_ses(aws, evidence, trial, region=region, domain=own[0], parked=parked)
    return tuple(found[kind] for kind in drilled.kinds if kind in found)


def _told(trial: Trial) -> Broken:
    fixes = {
        Hop.GATEWAY: "See the message: sendworthy messages. The reason beside it says what it waits for.",
        Hop.SES: "SES's own words say why; an address that is not verified is the usual cause in the sandbox.",
        Hop.SUPPRESSION: "Stop bulk mail and report this as a defect of Sendworthy.",
    }
    fix = fixes.get(trial.stuck, f"See its story: sendworthy messages show {trial.message_id}")
    return Broken(kind=trial.kind, hop=trial.stuck, what=f"{trial.hop[:1].upper()}{trial.hop[1:]}.", fix=fix)


async def _behind_ses(
    aws: Aws, evidence: Evidence, trial: Trial, *, region: str, domain: str, parked: Sequence[str]
) -> Broken:
    """Walk the road behind SES: what is configured first, then what lies in the queues."""
    wishes = evidence.wishes_for(region)
    assert wishes is not None  # noqa: S101 - look() wishes for each Region it is given
    identity = evidence.identity(region, domain)
    default = identity.value.configuration_set if isinstance(identity, Seen) and identity.value else ""
    broken = broken_at(evidence, wishes, default, _EVENTS.get(trial.kind, "DELIVERY"))
    if broken is not None:
        return Broken(kind=trial.kind, hop=Hop(broken.place), what=broken.what, fix=broken.fix)
    if parked:
        what = f"{len(parked)} events came and were set aside: {parked[-1]}"
        fix = "See them: sendworthy events. The topics and the certificate that are believed are under [events]."
        return Broken(kind=trial.kind, hop=Hop.INTAKE, what=what, fix=fix)
    caller = evidence.caller
    if isinstance(caller, Seen):
        whose = (caller.value.partition, caller.value.account_id)
        waits, dead = await waiting_in(
            aws, evidence, region, wishes.queue_arn(*whose), wishes.dead_letter_queue_arn(*whose)
        )
        if dead:
            what = f"{dead} events lie in {wishes.dead_letter_queue}: they could not be handled."
            fix = "Look at one: aws sqs receive-message. `sendworthy events` shows what was set aside and why."
            return Broken(kind=trial.kind, hop=Hop.INTAKE, what=what, fix=fix)
        if waits:
            what = f"{waits} events wait in {wishes.queue}, and nobody takes them in."
            fix = "Check that `sendworthy up` runs, and reads this queue: sendworthy config."
            return Broken(kind=trial.kind, hop=Hop.INTAKE, what=what, fix=fix)
    what = "SES took it, the way is wired, and nothing lies in the queue."
    fix = "Drill again with more --patience; if it stays so, somebody else reads the queue, or events are set aside: "
    return Broken(kind=trial.kind, hop=Hop.UNKNOWN, what=what, fix=f"{fix}sendworthy events.")
