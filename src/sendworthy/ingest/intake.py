"""Takes events from a queue into the record: receive, unwrap, verify, decode, record, and only then delete.

A message leaves the queue when it is recorded or parked, and for no other reason. It knows no SQL and no HTTP, and
decides nothing about what follows from an event: that is the store's one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sendworthy.clients.sqs import Received
from sendworthy.errors import ProviderError, SendworthyError, StoreUnavailable, Throttled, Uncertain, UntrustedEvent
from sendworthy.ingest.believe import events_of
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.decode import DecodeFailure
from sendworthy.ingest.unwrap import LONGEST_BODY
from sendworthy.ingest.verify import Trust
from sendworthy.mail.event import Event

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Queue(Protocol):
    """What intake needs of a queue; `clients.sqs.SqsQueue` is one."""

    @property
    def name(self) -> str:
        """The name under which its events are recorded."""

    async def receive(self, *, wait_seconds: float) -> Sequence[Received]:
        """Wait for messages up to `wait_seconds`, and hide those given from other consumers for a while."""

    def holding(self, messages: Sequence[Received]) -> AbstractAsyncContextManager[None]:
        """Keep messages hidden for the time of the block, however long it takes."""

    async def delete(self, messages: Sequence[Received]) -> int:
        """Delete messages for good and give the number of those that could not be."""


class Recorded(Protocol):
    """How many events a transaction recorded; `suppressed` and `foreign` are among the `new`."""

    @property
    def new(self) -> int: ...  # noqa: D102 - the names are the documentation

    @property
    def duplicate(self) -> int: ...  # noqa: D102

    @property
    def suppressed(self) -> int: ...  # noqa: D102

    @property
    def foreign(self) -> int: ...  # noqa: D102


class Record(Protocol):
    """What intake needs of the store."""

    async def record_events(self, events: Sequence[Event], *, source: str) -> Recorded:
        """Record all of `events` in one transaction, each once by its id, with all that follows from it."""

    async def park(self, raw: bytes, *, reason: str, source: str) -> None:
        """Keep what cannot be read or believed, for a person to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What one pass did. Messages: `received`, `parked`, `left` in the queue to come again. Events: the others."""

    received: int = 0
    recorded: int = 0
    duplicates: int = 0
    suppressed: int = 0
    foreign: int = 0
    parked: int = 0
    left: int = 0


@dataclass(slots=True)
class _Pass:
    """One pass under way: where each message has got to."""

    good: list[tuple[Received, tuple[Event, ...]]] = field(default_factory=list)
    poison: list[tuple[Received, str]] = field(default_factory=list)
    left: int = 0
    done: list[Received] = field(default_factory=list)
    recorded: int = 0
    duplicates: int = 0
    suppressed: int = 0
    foreign: int = 0
    parked: int = 0


class Intake:
    """One consumer of one queue. Several may share a queue, in one process or many."""

    def __init__(
        self,
        queue: Queue,
        *,
        store: Record,
        trust: Trust,
        keys: SigningKeys,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._queue = queue
        self._store = store
        self._trust = trust
        self._keys = keys
        self._now = now
        self._sleep = sleep
        self.problem: SendworthyError | None = None
        """Why the last pass of `run` failed; None when it did not."""

    def __repr__(self) -> str:
        return f"Intake({self._queue.name!r}, problem={self.problem!r})"

    async def step(self, wait_seconds: float = 0) -> Stepped:
        """Make one pass: take what the queue gives within `wait_seconds`, and see each message to its end.

        Raises what the queue raises (ProviderError), and StoreUnavailable; either way nothing unrecorded was deleted.
        """
        return await self.take(await self._queue.receive(wait_seconds=wait_seconds))

    async def take(self, messages: Sequence[Received]) -> Stepped:
        """See `messages` to their end: recorded or parked, and then deleted; or left where they are."""
        at = _Pass()
        try:
            async with self._queue.holding(messages):
                await self._read(messages, at, self._now())
                await self._record(at)
                await self._park(at)
        except StoreUnavailable:
            await self._delete(at)  # what was recorded or parked before need not come again
            raise
        undeleted = await self._delete(at)
        if undeleted is not None and not (undeleted.retry or isinstance(undeleted, Uncertain)):
            raise undeleted
        return Stepped(
            received=len(messages),
            recorded=at.recorded,
            duplicates=at.duplicates,
            suppressed=at.suppressed,
            foreign=at.foreign,
            parked=at.parked,
            left=at.left,
        )

    async def run(self, stop: asyncio.Event, *, wait_seconds: float = 15) -> None:
        """Make passes until `stop` is set; a pass under way is finished, a wait for messages is not.

        Failures are logged and kept in `problem`, and answered by growing pauses before the queue is asked again:
        every receive that comes to nothing brings a message nearer to the dead-letter queue.
        """
        pause = 0.0
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                try:
                    messages = await _unless(stopped, self._queue.receive(wait_seconds=wait_seconds))
                    stepped = await self.take(messages or ())
                except SendworthyError as error:
                    pause = min(max(2 * pause, _FIRST_PAUSE_SECONDS, _asked_for(error)), _LONGEST_PAUSE_SECONDS)
                    self._failed(error, pause)
                    await _unless(stopped, self._sleep(pause))
                else:
                    if stepped.left:
                        pause = min(max(2 * pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
                        await _unless(stopped, self._sleep(pause))
                    else:
                        pause, self.problem = 0.0, None
        finally:
            stopped.cancel()

    def _failed(self, error: SendworthyError, pause: float) -> None:
        self.problem = error
        _log.warning("Events from %s: %s Next try in %g s.", self._queue.name, error.happened, pause)

    async def _read(self, messages: Sequence[Received], at: _Pass, now: datetime) -> None:
        """Sort messages into good, poison, and those that cannot be judged now."""
        for position, message in enumerate(messages):
            try:
                at.good.append((message, await self._events(message, now)))
            except (UntrustedEvent, DecodeFailure) as error:
                at.poison.append((message, error.happened))
            except ProviderError as error:
                # The certificate could not be fetched: no verdict on this message, nor soon on its neighbours.
                at.left += len(messages) - position
                self.problem = error
                _log.warning("Events from %s wait: %s", self._queue.name, error.happened)
                return
            except Exception as error:  # noqa: BLE001 - a defect of ours, and never a reason to lose an event
                self._stays(error, at)

    async def _events(self, message: Received, now: datetime) -> tuple[Event, ...]:
        return await events_of(message.body, trust=self._trust, keys=self._keys, now=now)

    async def _record(self, at: _Pass) -> None:
        try:
            await self._record_together(at.good, at)
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the one event to blame is found and shown below
            for one in at.good:
                await self._record_alone(one, at)

    async def _record_together(self, messages: Sequence[tuple[Received, tuple[Event, ...]]], at: _Pass) -> None:
        events = [event for _, found in messages for event in found]
        if events:
            counts = await self._store.record_events(events, source=self._queue.name)
            at.recorded += counts.new
            at.duplicates += counts.duplicate
            at.suppressed += counts.suppressed
            at.foreign += counts.foreign
            tell_complaints(counts)
        at.done += [message for message, _ in messages]

    async def _record_alone(self, one: tuple[Received, tuple[Event, ...]], at: _Pass) -> None:
        """Record one message after its batch was refused, so that one bad event cannot hold up the others."""
        try:
            await self._record_together([one], at)
        except StoreUnavailable:
            raise
        except SendworthyError as error:
            at.poison.append((one[0], f"The event was refused by the record: {error.happened}"))
        except Exception as error:  # noqa: BLE001 - a defect of ours, and never a reason to lose an event
            self._stays(error, at)

    def _stays(self, error: Exception, at: _Pass) -> None:
        """Leave a message that brought out a defect; the queue's redrive policy puts it aside in the end.

        Only the type is logged: the text of such an error may quote an address or the body.
        """
        at.left += 1
        _log.error("A message from %s could not be handled and stays there: %s", self._queue.name, type(error).__name__)

    async def _park(self, at: _Pass) -> None:
        for message, reason in at.poison:
            raw = message.body.encode("utf-8", "surrogatepass")[:LONGEST_BODY]
            await self._store.park(raw, reason=reason, source=self._queue.name)
            _log.warning("A message from %s was parked: %s", self._queue.name, reason)
            at.parked += 1
            at.done.append(message)

    async def _delete(self, at: _Pass) -> ProviderError | None:
        """Delete what is done with. A failure does no harm: the messages come again and are known by their ids."""
        if not at.done:
            return None
        try:
            failed = await self._queue.delete(at.done)
        except ProviderError as error:
            _log.warning("Recorded messages were not deleted from %s: %s", self._queue.name, error.happened)
            return error
        if failed:
            _log.warning("%d recorded messages were not deleted from %s.", failed, self._queue.name)
        return None


def tell_complaints(counts: Recorded) -> None:
    """Log each new complaint with its mail, at once and without the address: `events complaints` shows that."""
    for one in getattr(counts, "complaints", ()):
        if one.message_id:
            _log.warning(
                "A complaint (%s) about message %s of key %s, stream %s, topic %s.",
                one.complaint_type or "no type given",
                one.message_id,
                one.key,
                one.stream,
                one.tags.get("topic") or one.configuration_set or "none",
            )
        else:
            _log.warning("A complaint (%s) about mail that did not pass the gateway.", one.complaint_type or "no type")


def _asked_for(error: SendworthyError) -> float:
    return error.after_seconds or 0.0 if isinstance(error, Throttled) else 0.0


async def _unless(stopped: asyncio.Future[Any], waiting: Awaitable[_T]) -> _T | None:
    """Await `waiting` unless `stopped` comes first; then give it up and return None."""
    task: asyncio.Future[_T] = asyncio.ensure_future(waiting)
    either: set[asyncio.Future[Any]] = {task, stopped}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not task.done():
            task.cancel()
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()
