"""The one object by which the other parts remember. Gives each operation its name and clock; knows no SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Self

from sqlalchemy import Connection

from sendworthy.audit.profile import Stream
from sendworthy.errors import StoreBusy
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import (
    accepting,
    alerts,
    jobs,
    listing,
    outgoing,
    permits,
    recording,
    remember,
    shares,
    upkeep,
)
from sendworthy.store.alerting import Alert
from sendworthy.store.case_file import CaseFile
from sendworthy.store.columns import micros
from sendworthy.store.combine import Budget, Combiner
from sendworthy.store.completeness import Completeness
from sendworthy.store.doors import Doors
from sendworthy.store.engine import Engine
from sendworthy.store.faults import Fault, no_fault
from sendworthy.store.feedback import Feedback
from sendworthy.store.fronts import Fronts
from sendworthy.store.heard import Listening
from sendworthy.store.hearing import Hearing
from sendworthy.store.key_record import KeyRecord
from sendworthy.store.listing import Cursor
from sendworthy.store.open import open_engine
from sendworthy.store.periodic import Periodic
from sendworthy.store.room import Room
from sendworthy.store.standstill import OtherWay, Standstill
from sendworthy.store.statement import own
from sendworthy.store.suppression import SuppressionRecord
from sendworthy.store.usage import Usage
from sendworthy.store.values import (
    ACCOUNT_SCOPE,
    Accepted,
    Answered,
    Batch,
    Claim,
    Counts,
    Fence,
    Lane,
    Moment,
    NewMessage,
    Pause,
    PauseScope,
    Recorded,
    StoredDelivery,
    StoredKey,
    StoredMessage,
    Suppression,
    sender_scope,
)


class Store:
    """All that is remembered. Every method that writes returns after the commit; all raise StoreUnavailable.

    `now` gives aware UTC, `new_id` a new unique id; `exclusive` says that no other process runs on the file.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        fault: Fault = no_fault,
        budget: Budget | None = None,
        listening: Listening | None = None,
        other_way: OtherWay | None = None,
        most_bytes: int = 0,
    ) -> None:
        self._engine = engine
        self._fault = fault
        self._clock = now
        self._budget = budget or Budget()
        self._combiner: Combiner | None = None
        self._served: dict[int, str] = {}
        self._fronts = Fronts() if engine.shared else None
        self.new_id = new_id
        self._listening = listening or Listening()
        self.standstill = Standstill(engine, self._now, other_way)
        self.usage = Usage(engine, self._now)
        self.doors = Doors(engine, self._now)
        self.suppression = SuppressionRecord(engine, self._now)
        self.completeness = Completeness(engine, self._now)
        self.hearing = Hearing(engine, self._now)
        self._room = Room(engine, most_bytes)
        self.alerts = alerts.Alerts(engine, self._now, self._room)
        self.feedback = Feedback(engine)
        self.case_file = CaseFile(engine)
        self.periodic = Periodic(engine, self._now, self._listening)
        self.key_record = KeyRecord(engine, self._now)

    def _now(self) -> datetime:
        """Give the database's time: hosts that share a rate must share a clock."""
        return self._clock() + self._engine.ahead

    @property
    def shared(self) -> bool:
        """Whether other processes may send by this database too: what they accept is not announced to us."""
        return self._engine.shared

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        exclusive: bool = False,
        fault: Fault = no_fault,
        budget: Budget | None = None,
        listening: Listening | None = None,
        other_way: OtherWay | None = None,
        most_bytes: int = 0,
    ) -> Self:
        """Open the database at `url` (`sqlite:///path` or `postgresql://...`), making and migrating it as needed.

        `exclusive` takes the file's lock, as `sendworthy up` does; commands that only look or add do not. `other_way`
        is what stands in for SES, for who asks why mail waits. A database of `most_bytes` takes no more mail; 0 for no
        bound. Raises ConfigError (the url) or StoreUnavailable.
        """
        engine = await open_engine(url, exclusive=exclusive, fault=fault)
        return cls(
            engine,
            now=now,
            new_id=new_id,
            fault=fault,
            budget=budget,
            listening=listening,
            other_way=other_way,
            most_bytes=most_bytes,
        )

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        await self._room.close()
        await self._engine.close()

    # Events

    async def record_events(self, events: Sequence[Event], *, source: str, verified: bool = True) -> Recorded:
        """Record events, all or none: each once by its id, its delivery's status, the ledger, what follows from it."""
        now, listening = self._now(), self._listening

        def work(connection: Connection) -> Recorded:
            return recording.record(own(connection), events, source, now, listening, verified=verified)

        return await self._engine.write("record", work)

    async def park(self, raw: bytes, *, reason: str, source: str) -> None:
        """Keep what could not be understood or trusted, for a person to look at."""
        await self._engine.write("park", partial(remember.park, raw=raw, reason=reason, source=source, at=self._now()))

    async def parked_since(self, since: datetime) -> tuple[str, ...]:
        """Give the reasons of what was parked since an instant, oldest first."""
        return await self._engine.read(partial(remember.parked_since, since=since))

    # Suppression

    async def suppressed(
        self, addresses: Collection[str], *, stream: Stream | None = None, narrow: str = "", sender: str = ""
    ) -> dict[str, SuppressionReason]:
        """Say which of the addresses (in Address.key's form) get no mail of `stream`, and why; None means any.

        `narrow` is a scope within the stream (one of its topics) that counts as well, `sender` whom the mail is from.
        """
        own = sender_scope(sender) if sender else ""
        scopes = tuple(filter(None, (narrow, own)))
        return await self._engine.read(
            partial(remember.suppressed, address_keys=addresses, stream=stream, scopes=scopes)
        )

    async def suppressions(
        self, *, limit: int = 100, after: tuple[str, str, str] | None = None
    ) -> tuple[tuple[Suppression, ...], tuple[str, str, str] | None]:
        """List active suppressions in the order of addresses; the second value is the next page's `after`."""
        return await self._engine.read(partial(remember.suppressions, limit=limit, after=after))

    async def add_suppression(
        self,
        address: Address,
        reason: SuppressionReason,
        *,
        source: str,
        stream: Stream | None = None,
        sender: Address | None = None,
    ) -> bool:
        """Suppress an address for one stream, for mail from one address, or for all mail; say whether that is news."""
        scope = sender_scope(sender.key) if sender else stream.value if stream else ACCOUNT_SCOPE
        return await self._engine.write(
            "suppress",
            partial(
                remember.suppress, address_key=address.key, scope=scope, reason=reason, at=self._now(), source=source
            ),
        )

    async def remove_suppression(self, address: Address, *, stream: Stream | None = None) -> int:
        """Lift an address's suppressions (those of one stream only, when given); give how many were active."""
        scope = stream.value if stream else None
        return await self._engine.write("lift", partial(remember.lift, address_key=address.key, scope=scope))

    # Keys

    async def add_key(self, key: StoredKey) -> None:
        """Keep a new gateway key."""
        await self._engine.write("key", partial(remember.add_key, key=key))

    async def keys(self) -> tuple[StoredKey, ...]:
        """List all gateway keys, the revoked ones too."""
        return await self._engine.read(remember.keys)

    async def revoke_key(self, access_key_id: str) -> bool:
        """Revoke a key for good; say whether there was one to revoke."""
        at = self._now()
        return await self._engine.write("revoke", partial(remember.revoke_key, access_key_id=access_key_id, at=at))

    # The way of a message

    async def accept(self, message: NewMessage) -> Accepted:
        """Keep a message for sending. Once this returns it is durable, and 200 or 250 may be said.

        Raises StoreBusy when memory or disk would be at risk: the caller's client should try again later.
        """
        if crowded := self._engine.crowded or await self._room.full():
            raise StoreBusy(crowded, "Free some space; nothing that was answered is lost.", after_seconds=30.0)
        combiner = self._combiner
        if combiner is None or combiner.loop is not asyncio.get_running_loop():
            combiner = self._combiner = Combiner(self._accept, self._budget)
        return await combiner.accept(message)

    async def repeated(self, message: NewMessage) -> Accepted | None:
        """Give the answer that the call which `message` would repeat had within a day; None when there was none."""
        now = self._now()
        return await self._engine.read(lambda connection: accepting.repeated(own(connection), message, now))

    async def _accept(self, messages: Sequence[NewMessage]) -> tuple[Accepted, ...]:
        now, targets = self._now(), self._listening.targets
        return await self._engine.write(
            "accept", lambda connection: accepting.accept(own(connection), messages, now, targets)
        )

    async def cancel(self, message_id: str, *, cause: str = "cancelled") -> int:
        """Call off what of a message has not gone yet; give how many deliveries. What is on the wire stays there."""
        now = self._now()
        return await self._engine.write(
            "cancel", lambda connection: upkeep.cancel(own(connection), message_id, cause, now)
        )

    async def claim(self, asked: Claim) -> Batch:
        """Claim deliveries that are due and allowed: leased, permitted by the governor, attempts on record."""
        now, targets, fault, served = self._now(), self._listening.targets, self._fault, self._served
        return await self._engine.write(
            "claim", lambda mine: outgoing.claim(own(mine), asked, now, fault, served, targets, self._fronts)
        )

    async def answer(self, lane: Lane, answers: Sequence[Answered], *, learnt: Callable[[State], State]) -> None:
        """Keep what the wire said about attempts, and what the governor learns from it."""
        now, targets = self._now(), self._listening.targets
        await self._engine.write(
            "answer", lambda connection: outgoing.answer(own(connection), lane, answers, learnt, now, targets)
        )

    async def recover(self, *, all_leases: bool = False) -> int:
        """Make uncertain what a dead worker left in `sending`; give how many.

        Leases that have run out, or every lease: for the start of a process that has the database to itself. Where
        others send by it too, only those that have run out.
        """
        now = self._now()
        before = now + timedelta(days=36_500) if all_leases and not self.shared else now
        return await self._engine.write("recover", lambda connection: outgoing.recover(own(connection), before, now))

    async def release(self, reason: str) -> int:
        """Make due at once what was deferred for `reason`; give how many."""
        now = self._now()
        return await self._engine.write("release", lambda connection: outgoing.release(own(connection), reason, now))

    # The governor

    async def governor(self, lane: Lane) -> State | None:
        """Give the governor's state, None before the quota was ever read."""
        return await self._engine.read(lambda connection: permits.load(own(connection), lane))

    async def certainly_counted(self, lane: Lane) -> int:
        """Give how many of the permits granted so far SES's own count must hold: not what is on the wire now."""
        return await self._engine.read(lambda connection: permits.certainly_counted(own(connection), lane))

    async def change_governor(
        self, lane: Lane, change: Callable[[State | None], State], *, fence: Fence | None = None
    ) -> State:
        """Change the governor's state under its lock and give the new one. Raises Superseded."""

        def work(connection: Connection) -> State:
            mine = own(connection)
            jobs.check(mine, fence)
            state = change(permits.lock(mine, lane))
            permits.save(mine, lane, state)
            return state

        return await self._engine.write("governor", work)

    async def control_turn(self, service: str, region: str) -> float:
        """Book the next control-plane call to a service in a Region; give the seconds to wait before making it."""
        now = self._now().timestamp()
        return await self._engine.write(
            "turn", lambda connection: permits.control_turn(own(connection), service, region, now)
        )

    # Pauses, and why mail waits

    async def pause(
        self,
        scope: PauseScope,
        name: str = "",
        *,
        reason: str,
        until: datetime | None = None,
        alert: Alert | None = None,
    ) -> None:
        """Hold back the mail of a scope, until an instant or until `resume`, and tell people: `alert`. It waits."""
        at = self._now()
        given = Pause(scope=scope, name=name, reason=reason, at=at, until=until)
        await self._engine.write("pause", partial(alerts.pause, given=given, alert=alert, now=at))

    async def resume(self, scope: PauseScope, name: str = "") -> bool:
        """End a pause; say whether there was one."""
        return await self._engine.write("resume", lambda connection: shares.resume(own(connection), scope, name))

    async def pauses(self) -> tuple[Pause, ...]:
        """List the pauses in force."""
        at = micros(self._now())
        return await self._engine.read(lambda connection: shares.pauses(own(connection), at))

    # Looking

    async def message(self, message_id: str) -> StoredMessage | None:
        """Give one message, None when there is none of that id."""
        return await self._engine.read(partial(listing.message, message_id=message_id))

    async def body(self, message_id: str) -> bytes | None:
        """Give the MIME text of a message, None when it is not kept (any more)."""
        return await self._engine.read(partial(listing.body, message_id=message_id))

    async def messages(
        self, *, limit: int = 100, after: Cursor | None = None
    ) -> tuple[tuple[StoredMessage, ...], Cursor | None]:
        """List messages, newest first; the second value is the next page's `after`, None at the end."""
        return await self._engine.read(partial(listing.messages, limit=limit, after=after))

    async def deliveries(
        self,
        *,
        message_id: str | None = None,
        recipient_key: str | None = None,
        statuses: Collection[Status] = (),
        limit: int = 100,
        after: Cursor | None = None,
    ) -> tuple[tuple[StoredDelivery, ...], Cursor | None]:
        """List deliveries, newest first, all filters given holding; the second value is the next page's `after`."""
        work = partial(
            listing.deliveries,
            message_id=message_id,
            recipient_key=recipient_key,
            statuses=statuses,
            limit=limit,
            after=after,
        )
        return await self._engine.read(work)

    async def timeline(self, message_id: str) -> tuple[Moment, ...]:
        """Tell the story of a message: every change of status, attempt and event, oldest first."""
        return await self._engine.read(partial(listing.timeline, message_id=message_id))

    async def counts(self, since: datetime | None = None) -> Counts:
        """Count deliveries by stream and status, of messages accepted since an instant (all, when None)."""
        return await self._engine.read(partial(listing.counts, since=since))
