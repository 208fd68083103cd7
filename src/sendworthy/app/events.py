"""Chooses the sources of events and joins them to the record: queues, the SNS door, a mailbox, files; and replays."""

from __future__ import annotations

import mailbox
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sendworthy.app.forward import CERTIFICATE_PATH, own_pair, queue_region
from sendworthy.app.parts import Clock
from sendworthy.clients.aws import Aws
from sendworthy.clients.confirm import Confirmer
from sendworthy.clients.imap import Mailbox
from sendworthy.clients.own_topic import SigningPair
from sendworthy.clients.sqs import SqsQueue
from sendworthy.config import Config
from sendworthy.errors import ConfigError, ProviderError, Rejected, UntrustedEvent
from sendworthy.ingest.archive import read_objects
from sendworthy.ingest.believe import events_of, unverified
from sendworthy.ingest.certificates import CertificateSource, SigningKeys
from sendworthy.ingest.decode import DecodeFailure
from sendworthy.ingest.intake import Intake
from sendworthy.ingest.mailbox import MailIntake
from sendworthy.ingest.reports import LARGEST_REPORT, read_report
from sendworthy.ingest.sns_door import SnsDoor
from sendworthy.ingest.verify import Trust
from sendworthy.ingest.vouch import NOBODY, Vouched, vouched
from sendworthy.mail.event import Event
from sendworthy.store.store import Store

SNS_PATH: Final = "/events/sns"
"""Where SNS posts on the outside door: subscribe https://<public_url>/events/sns to the topic."""

_DOOR_AGE: Final = timedelta(hours=2)
"""SNS tries an HTTPS endpoint for at most an hour (SNS Developer Guide, "Message delivery retries")."""

_BATCH: Final = 200
"""Imported events to one transaction."""


def trusted_topics(config: Config, *, partition: str, region: str, account: str) -> frozenset[str]:
    """Give the topics that are believed: those configured, else the one named under [ses]."""
    return frozenset(config.events.topics or (f"arn:{partition}:sns:{region}:{account}:{config.ses.topic}",))


async def queue_intake(
    queue: SqsQueue,
    config: Config,
    aws: Aws,
    store: Store,
    *,
    topics: frozenset[str],
    account: str,
    clock: Clock,
    certificate: CertificateSource,
) -> Intake:
    """Give the intake of one queue. Bodies that nobody signs are believed where the queue's policy vouches for them."""
    vouch = await _vouch(queue.url, aws, topics=topics, account=account)
    trust = Trust(
        topics=topics,
        raw_delivery=vouch.raw,
        bridge_account=account if vouch.bridge else "",
        oldest=timedelta(hours=config.events.max_age_hours),
    )
    return Intake(queue, store=store, trust=trust, keys=SigningKeys(certificate), now=clock.now, sleep=clock.sleep)


async def _vouch(url: str, aws: Aws, *, topics: frozenset[str], account: str) -> Vouched:
    """Look at the queue's policy; where it cannot be seen, nobody vouches."""
    try:
        answer = await aws.call(
            "sqs",
            "GetQueueAttributes",
            region=queue_region(url) or None,
            QueueUrl=url,
            AttributeNames=["Policy"],
        )
    except ProviderError:
        return NOBODY
    return vouched(str((answer.get("Attributes") or {}).get("Policy", "")), topics=topics, account=account)


async def event_queues(config: Config, aws: Aws) -> tuple[str, ...]:
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


def mail_intake(config: Config, store: Store, clock: Clock) -> MailIntake | None:
    """Give the intake of the configured mailbox, None where there is none. Raises ConfigError."""
    if not config.events.mailbox:
        return None
    folder = Mailbox(config.events.mailbox, config.events.mailbox_password)
    return MailIntake(folder, store=store, ours=store.hearing.ours, now=clock.now, sleep=clock.sleep)


def event_mounts(
    config: Config,
    aws: Aws,
    store: Store,
    *,
    topics: frozenset[str],
    clock: Clock,
    certificate: CertificateSource,
) -> Mapping[str, ASGIApp]:
    """Give what the outside door serves for events, by path: where SNS posts, and our own signing certificate."""
    door = SnsDoor(
        store,
        trust=Trust(topics=topics, oldest=min(_DOOR_AGE, timedelta(hours=config.events.max_age_hours))),
        keys=SigningKeys(certificate),
        confirm=Confirmer(aws),
        now=clock.now,
    )
    pair = own_pair(config, clock.now())
    return {SNS_PATH: door} | ({CERTIFICATE_PATH: _certificate(pair)} if pair else {})


def _certificate(pair: SigningPair) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked = Request(scope, receive).url.path.rpartition("/")[2]
        found = asked == pair.name and scope["method"] in {"GET", "HEAD"}
        response: Response = PlainTextResponse(pair.pem) if found else PlainTextResponse("There is none.\n", 404)
        await response(scope, receive, send)

    return app


# Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What could not be read: in which file, which object or mail (counted from 1), and why."""

    file: str
    number: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, in events; `read` are objects and mails."""

    read: int = 0
    new: int = 0
    duplicate: int = 0
    suppressed: int = 0
    foreign: int = 0
    wrong: tuple[Wrong, ...] = ()


async def import_files(
    store: Store, files: Sequence[Path], *, clock: Clock, on_progress: Callable[[int], None] = lambda _: None
) -> Imported:
    """Record the events of files, marked as unverified. Doing it again changes nothing. Raises ConfigError."""
    total = Imported()
    for file in files:
        source = f"file:{file.name}"
        batch: list[Event] = []
        for number, found in _read(file, clock.now()):
            if isinstance(found, str):
                total = _plus(total, read=1, wrong=(*total.wrong, Wrong(file=str(file), number=number, why=found)))
                continue
            total = _plus(total, read=1)
            batch += found
            if len(batch) >= _BATCH:
                total = await _record(store, batch, source, total)
                batch = []
                on_progress(total.read)
        total = await _record(store, batch, source, total)
    return total


async def _record(store: Store, events: Sequence[Event], source: str, total: Imported) -> Imported:
    if not events:
        return total
    counts = await store.record_events(events, source=source, verified=False)
    return _plus(
        total,
        new=counts.new,
        duplicate=counts.duplicate,
        suppressed=counts.suppressed,
        foreign=counts.foreign,
    )


def _plus(total: Imported, *, wrong: tuple[Wrong, ...] | None = None, **added: int) -> Imported:
    counts = {name: getattr(total, name) for name in ("read", "new", "duplicate", "suppressed", "foreign")}
    return Imported(
        wrong=total.wrong if wrong is None else wrong,
        **{name: count + added.get(name, 0) for name, count in counts.items()},
    )


def _read(file: Path, now: datetime) -> Iterator[tuple[int, tuple[Event, ...] | str]]:
    """Give the events of each object or mail of a file, or why there are none."""
    try:
        if file.suffix.lower() in {".eml", ".mbox"}:
            for number, raw in enumerate(_mails(file), 1):
                yield number, _or_why(partial(read_report, raw, received_at=now))
            return
        with file.open("rb") as stream:
            for piece in read_objects(stream):
                if piece.wrong:
                    yield piece.number, piece.wrong
                else:
                    yield piece.number, _or_why(partial(unverified, piece.text, now=now))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}.", "Give files of events.") from error


def _or_why(read: Callable[[], tuple[Event, ...]]) -> tuple[Event, ...] | str:
    try:
        return read()
    except (DecodeFailure, UntrustedEvent) as error:
        return error.happened


def _mails(file: Path) -> Iterator[bytes]:
    if file.suffix.lower() == ".eml":
        with file.open("rb") as stream:
            yield stream.read(LARGEST_REPORT)
        return
    box = mailbox.mbox(file, create=False)
    try:
        for key in box.iterkeys():
            with box.get_file(key) as stream:
                yield stream.read(LARGEST_REPORT)
    finally:
        box.close()


# What is parked


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of one parked body; `why` is empty when it is recorded and no longer parked."""

    number: int
    new: int = 0
    why: str = ""


async def replay(store: Store, number: int, *, trust: Trust, keys: SigningKeys, believe: bool = False) -> Replayed:
    """Judge one parked body anew, as of when it came; with `believe`, without judging, and marked as unverified.

    Raises ConfigError when there is no such body, ProviderError or StoreUnavailable when it cannot be judged now.
    """
    parked = await store.hearing.parked_one(number)
    if parked is None:
        raise ConfigError(f"Nothing is parked under {number}.", "See: sendworthy events parked list")
    try:
        events = await _parked_events(parked.raw, parked.at, trust=trust, keys=keys, believe=believe)
        counts = await store.record_events(events, source=parked.source, verified=not believe)
    except (DecodeFailure, UntrustedEvent) as error:
        await store.hearing.parked_because(number, error.happened)
        return Replayed(number=number, why=error.happened)
    await store.hearing.unpark(number)
    return Replayed(number=number, new=counts.new)


async def _parked_events(
    raw: bytes, at: datetime, *, trust: Trust, keys: SigningKeys, believe: bool
) -> tuple[Event, ...]:
    text = raw.decode("utf-8", "replace")
    if not believe:
        return await events_of(text, trust=trust, keys=keys, now=at)
    try:
        return unverified(text, now=at)
    except DecodeFailure:
        if text.lstrip().startswith(("{", "[")):
            raise
        return read_report(raw, received_at=at)
