"""The one object by which the other parts remember. Gives each operation its name and clock; knows no SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

from sqlalchemy import Connection

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import State
from sendworthy.store import listing, remember
from sendworthy.store.engine import Engine
from sendworthy.store.faults import Fault, no_fault
from sendworthy.store.listing import Cursor
from sendworthy.store.open import open_engine
from sendworthy.store.sqlite import events as hot_events
from sendworthy.store.sqlite import outgoing, permits
from sendworthy.store.sqlite.accept import accept
from sendworthy.store.sqlite.connect import driver
from sendworthy.store.values import (
    ACCOUNT_SCOPE,
    Accepted,
    Answered,
    Batch,
    Claim,
    Counts,
    Lane,
    Moment,
    NewMessage,
    Recorded,
    StoredDelivery,
    StoredFact,
    StoredKey,
    StoredMessage,
    StoredProof,
    Suppression,
)


class Store:
    """All that is remembered. Every method that writes returns after the commit; all raise StoreUnavailable.

    `now` gives aware UTC, `new_id` a new unique id; `exclusive` says that no other process runs on the file.
    """

    def __init__(
        self, engine: Engine, *, now: Callable[[], datetime], new_id: Callable[[], str], fault: Fault = no_fault
    ) -> None:
        self._engine = engine
        self._fault = fault
        self._now = now
        self.new_id = new_id

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        exclusive: bool = False,
        fault: Fault = no_fault,
    ) -> Self:
        """Open the database at `url` (`sqlite:///path`), making and migrating it as needed.

        `exclusive` takes the file's lock, as `sendworthy up` does; commands that only look or add do not. Raises
        ConfigError (the url) or StoreUnavailable.
        """
        return cls(await open_engine(url, exclusive=exclusive, fault=fault), now=now, new_id=new_id, fault=fault)

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        await self._engine.close()

    # Events

    async def record_events(self, events: Sequence[Event], *, source: str) -> Recorded:
        """Record events, all or none: each once by its id, its delivery's status, the ledger, the suppression."""
        now = self._now()
        return await self._engine.write(
            "record", lambda connection: hot_events.record(driver(connection), events, source, now)
        )

    async def park(self, raw: bytes, *, reason: str, source: str) -> None:
        """Keep what could not be understood or trusted, for a person to look at."""
        await self._engine.write("park", partial(remember.park, raw=raw, reason=reason, source=source, at=self._now()))

    # The review case, and proofs for the audit

    async def append_fact(self, case_id: str, *, kind: str, at: datetime, data: Mapping[str, Any]) -> int:
        """Append one dated fact to a case and give its number, which only grows."""
        return await self._engine.write(
            "fact", partial(remember.append_fact, case_id=case_id, kind=kind, at=at, data=data)
        )

    async def facts(self, case_id: str) -> tuple[StoredFact, ...]:
        """Give the facts of a case in the order in which they were appended."""
        return await self._engine.read(partial(remember.facts, case_id=case_id))

    async def put_proof(self, kind: str, *, subject: str, at: datetime, data: Mapping[str, Any]) -> int:
        """Append one proof (a drill's result and the like) and give its number."""
        return await self._engine.write(
            "proof", partial(remember.put_proof, kind=kind, subject=subject, at=at, data=data)
        )

    async def proofs(self, kind: str) -> tuple[StoredProof, ...]:
        """Give the proofs of a kind in the order in which they were put."""
        return await self._engine.read(partial(remember.proofs, kind=kind))

    # Suppression

    async def suppressed(
        self, addresses: Collection[str], *, stream: Stream | None = None
    ) -> dict[str, SuppressionReason]:
        """Say which of the addresses (in Address.key's form) get no mail of `stream`, and why; None means any."""
        return await self._engine.read(partial(remember.suppressed, address_keys=addresses, stream=stream))

    async def suppressions(
        self, *, limit: int = 100, after: tuple[str, str, str] | None = None
    ) -> tuple[tuple[Suppression, ...], tuple[str, str, str] | None]:
        """List active suppressions in the order of addresses; the second value is the next page's `after`."""
        return await self._engine.read(partial(remember.suppressions, limit=limit, after=after))

    async def add_suppression(
        self, address: Address, reason: SuppressionReason, *, source: str, stream: Stream | None = None
    ) -> bool:
        """Suppress an address for one stream, or for all mail; say whether that is news."""
        scope = stream.value if stream else ACCOUNT_SCOPE
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
        """Keep a message for sending. Once this returns it is durable, and 200 or 250 may be said."""
        now = self._now()
        return await self._engine.write("accept", lambda connection: accept(driver(connection), message, now))

    async def claim(self, asked: Claim) -> Batch:
        """Claim deliveries that are due and allowed: leased, permitted by the governor, attempts on record."""
        now = self._now()
        return await self._engine.write(
            "claim", lambda connection: outgoing.claim(driver(connection), asked, now, self._fault)
        )

    async def answer(self, lane: Lane, answers: Sequence[Answered], *, learnt: Callable[[State], State]) -> None:
        """Keep what the wire said about attempts, and what the governor learns from it."""
        now = self._now()
        await self._engine.write(
            "answer", lambda connection: outgoing.answer(driver(connection), lane, answers, learnt, now)
        )

    async def recover(self, *, all_leases: bool = False) -> int:
        """Make uncertain what a dead worker left in `sending`; give how many.

        Leases that have run out, or every lease: for the start of a process that holds the file alone.
        """
        now = self._now()
        before = now + timedelta(days=36_500) if all_leases else now
        return await self._engine.write("recover", lambda connection: outgoing.recover(driver(connection), before, now))

    async def release(self, reason: str) -> int:
        """Make due at once what was deferred for `reason`; give how many."""
        now = self._now()
        return await self._engine.write("release", lambda connection: outgoing.release(driver(connection), reason, now))

    # The governor

    async def governor(self, lane: Lane) -> State | None:
        """Give the governor's state, None before the quota was ever read."""
        return await self._engine.read(lambda connection: permits.load(driver(connection), lane))

    async def change_governor(self, lane: Lane, change: Callable[[State | None], State]) -> State:
        """Change the governor's state under its lock and give the new one."""

        def work(connection: Connection) -> State:
            own = driver(connection)
            state = change(permits.load(own, lane))
            permits.save(own, lane, state)
            return state

        return await self._engine.write("governor", work)

    async def control_turn(self, service: str, region: str) -> float:
        """Book the next control-plane call to a service in a Region; give the seconds to wait before making it."""
        now = self._now().timestamp()
        return await self._engine.write(
            "turn", lambda connection: permits.control_turn(driver(connection), service, region, now)
        )

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
