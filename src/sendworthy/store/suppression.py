"""Suppression beyond yes and no: leaving and coming back, removal with its reason, figures, agreement with SES's list.

In SQLAlchemy Core and our own statements, for both engines. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store import remember, schema
from sendworthy.store.columns import instant, micros
from sendworthy.store.engine import Engine
from sendworthy.store.statement import Own, own, statement
from sendworthy.store.values import ACCOUNT_SCOPE, Suppression

REMOVED = "suppression.removed"
"""The kind of proof that says who may get mail again, and why."""

_SHARED = (SuppressionReason.BOUNCE.value, SuppressionReason.COMPLAINT.value)
"""What SES's list knows too (PutSuppressedDestination [M])."""

_table = schema.suppressions.c

_CHUNK = 500
"""Addresses to one statement, as in `remember`."""

_BY_KEY = statement("""
SELECT m.access_key_id, s.reason, count(*) FROM suppressions s
JOIN events e ON s.source = 'event ' || e.id
JOIN deliveries d ON d.id = e.delivery_id JOIN messages m ON m.id = d.message_id
WHERE s.active AND s.at >= ? GROUP BY m.access_key_id, s.reason ORDER BY m.access_key_id, s.reason""")

_ACTIVE = statement("""
SELECT count(*) FROM suppressions WHERE scope = ? AND reason = ? AND active AND address_key {in}""")
_PUT = statement("""
INSERT INTO suppressions (address_key, scope, reason, at, source, active) VALUES (?, ?, ?, ?, ?, TRUE)
ON CONFLICT (address_key, scope, reason) DO UPDATE SET at = excluded.at, source = excluded.source, active = TRUE
WHERE NOT suppressions.active""")

_FORGET_STRIKES = statement("DELETE FROM strikes WHERE address_key = ?")

_CAUSES = statement("""
SELECT s.address_key, s.at, coalesce(e.diagnostic, ''), coalesce(e.bounce_subtype, '')
FROM suppressions s LEFT JOIN events e ON s.source = 'event ' || e.id
WHERE s.active AND s.scope = 'account' AND s.reason = 'bounce' AND s.at >= ?
ORDER BY s.at DESC, s.address_key LIMIT ?""")

_DELIVERED = statement("""
SELECT d.recipient_key, max(e.occurred_at) FROM deliveries d JOIN events e ON e.delivery_id = d.id
WHERE d.recipient_key {in} AND e.kind = 'delivery' GROUP BY d.recipient_key""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """That an address may get mail again."""

    address: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why an address was suppressed for a bounce, and when mail last reached it (None: never, as far as we know)."""

    address: str
    at: datetime
    diagnostic: str
    subtype: str
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One address that SES's list may hold as well; `lifted` when ours was removed."""

    address: str
    reason: SuppressionReason
    at: datetime
    lifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """One entry of SES's list."""

    address: str
    reason: SuppressionReason
    at: datetime


Mark = tuple[datetime, str]
"""The last of our entries, by time and address, that a Region's list was known to hold."""


class SuppressionRecord:
    """The suppressions of one store. What writes returns after the commit; all raise StoreUnavailable."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self.now = now

    async def change(self, address_key: str, *, leave: Sequence[str], back: Sequence[str] = (), source: str) -> int:
        """Unsubscribe an address from some scopes and take it back into others; give how many are news.

        Coming back ends unsubscribes only: who bounced or complained stays suppressed.
        """
        at = self.now()

        def work(connection: Connection) -> int:
            reason = SuppressionReason.UNSUBSCRIBE
            news = sum(remember.suppress(connection, address_key, scope, reason, at, source) for scope in leave)
            lifted = _lift(connection, address_key, scopes=back, reason=reason) if back else 0
            if lifted:
                _note(connection, address_key, at, f"came back: {source}", [*back])
            return news + lifted

        return await self._engine.write("suppress", work)

    async def of(self, address_key: str) -> tuple[Suppression, ...]:
        """Give the active suppressions of one address."""
        query = select(schema.suppressions).where(_table.address_key == address_key, _table.active)

        def work(connection: Connection) -> tuple[Suppression, ...]:
            rows = connection.execute(query.order_by(_table.scope, _table.reason))
            return tuple(remember.as_suppression(row) for row in rows)

        return await self._engine.read(work)

    async def remove(self, address_key: str, *, why: str, scope: str | None = None) -> int:
        """Let an address get mail again, with the reason on record; give how many suppressions were active.

        Its soft bounces so far no longer count against it: the next one alone would suppress it again.
        """
        at = self.now()

        def work(connection: Connection) -> int:
            own(connection).run(_FORGET_STRIKES, address_key)
            lifted = _lift(connection, address_key, scopes=None if scope is None else [scope])
            if lifted:
                _note(connection, address_key, at, why, [scope or "all"])
            return lifted

        return await self._engine.write("lift", work)

    async def removals(self, since: datetime) -> tuple[Removal, ...]:
        """Give what was removed since an instant, oldest first."""

        def work(connection: Connection) -> tuple[Removal, ...]:
            proofs = (one for one in remember.proofs(connection, REMOVED) if one.at >= since)
            return tuple(Removal(address=one.subject, at=one.at, why=str(one.data["why"])) for one in proofs)

        return await self._engine.read(work)

    async def counts(self, since: datetime | None = None) -> dict[tuple[str, SuppressionReason], int]:
        """Count the active ones by scope and reason, those since an instant only when one is given."""
        query = select(_table.scope, _table.reason, func.count()).where(_table.active)
        if since is not None:
            query = query.where(_table.at >= since)
        query = query.group_by(_table.scope, _table.reason).order_by(_table.scope, _table.reason)

        def work(connection: Connection) -> dict[tuple[str, SuppressionReason], int]:
            return {(scope, SuppressionReason(word)): count for scope, word, count in connection.execute(query)}

        return await self._engine.read(work)

    async def by_key(self, since: datetime) -> dict[str, dict[SuppressionReason, int]]:
        """Count those that an event led to since an instant, by the key that had sent the mail."""

        def work(connection: Connection) -> dict[str, dict[SuppressionReason, int]]:
            found: dict[str, dict[SuppressionReason, int]] = {}
            for key, word, count in own(connection).all(_BY_KEY, micros(since)):
                found.setdefault(str(key), {})[SuppressionReason(word)] = int(count)
            return found

        return await self._engine.read(work)

    async def causes(self, since: datetime, *, limit: int = 10_000) -> tuple[Cause, ...]:
        """Give the bounces that led to suppression since an instant, newest first, at most `limit`."""
        return await self._engine.read(lambda connection: _causes(own(connection), since, limit))

    # In step with SES's list

    async def shared(self, *, after: str = "", limit: int = 5_000) -> tuple[Shared, ...]:
        """Give what SES's list may hold too, by address from behind `after`; lifted ones as well.

        Of two reasons it is the complaint, as SES takes only one. The last address may be asked for again.
        """
        query = _of_both().where(_table.address_key > after).limit(limit + 1)

        def work(connection: Connection) -> tuple[Shared, ...]:
            rows = connection.execute(query).all()
            if len(rows) > limit:  # both reasons of an address come together
                rows = [row for row in rows if row.address_key != rows[-1].address_key] or rows
            return _shared(connection, rows)

        return await self._engine.read(work)

    async def shared_of(self, address_keys: Sequence[str]) -> tuple[Shared, ...]:
        """Give those of some addresses (a page of SES's list) that are or were on ours."""

        def work(connection: Connection) -> tuple[Shared, ...]:
            rows: list[Row[Any]] = []
            for start in range(0, len(address_keys), _CHUNK):
                some = _table.address_key.in_(address_keys[start : start + _CHUNK])
                rows += connection.execute(_of_both().where(some)).all()
            return _shared(connection, rows)

        return await self._engine.read(work)

    async def take(self, entries: Sequence[Theirs], *, source: str) -> int:
        """Suppress what SES's list holds; give how many are news."""
        at = self.now()

        def work(connection: Connection) -> int:
            return sum(
                remember.suppress(connection, one.address, ACCOUNT_SCOPE, one.reason, at, source) for one in entries
            )

        return await self._engine.write("suppress", work) if entries else 0

    async def add(
        self, entries: Iterable[tuple[Address, SuppressionReason]], *, source: str, stream: Stream | None = None
    ) -> int:
        """Suppress many addresses, all or none, for one stream or for all mail; give how many are news."""
        at, scope = micros(self.now()), stream.value if stream else ACCOUNT_SCOPE
        by_reason: dict[SuppressionReason, set[str]] = {}
        for address, reason in entries:
            by_reason.setdefault(reason, set()).add(address.key)

        def work(connection: Connection) -> int:
            mine, news = own(connection), 0
            for reason in sorted(by_reason):  # in one order, so that two who import wait for each other in none
                keys = sorted(by_reason[reason])
                active = mine.one(_ACTIVE, scope, reason.value, keys)
                news += len(keys) - (int(active[0]) if active else 0)
                mine.many(_PUT, [(key, scope, reason.value, at, source) for key in keys])
            return news

        return await self._engine.write("suppress", work) if by_reason else 0

    async def mark(self, account: str, region: str) -> Mark | None:
        """Give how far a Region's list is known to hold ours; None before the first agreement."""
        key = f"suppression.mark {account} {region}"

        def work(connection: Connection) -> Mark | None:
            query = select(schema.meta.c.value).where(schema.meta.c.key == key)
            value = connection.execute(query).scalar()
            at, address = msgspec.json.decode(value, type=tuple[int, str]) if value else (0, "")
            return (instant(at), address) if value else None

        return await self._engine.read(work)

    async def set_mark(self, account: str, region: str, mark: Mark) -> None:
        """Note how far a Region's list holds ours."""
        key = f"suppression.mark {account} {region}"
        value = msgspec.json.encode((micros(mark[0]), mark[1])).decode()

        def work(connection: Connection) -> None:
            change = update(schema.meta).where(schema.meta.c.key == key).values(value=value)
            if not connection.execute(change).rowcount:
                connection.execute(insert(schema.meta).values(key=key, value=value))

        await self._engine.write("mark", work)


def _of_both() -> Select[Any]:
    return (
        select(_table.address_key, _table.reason, _table.at, _table.active)
        .where(_table.scope == ACCOUNT_SCOPE, _table.reason.in_(_SHARED))
        .order_by(_table.address_key, _table.active, _table.reason)
    )


def _shared(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Shared, ...]:
    """Make one of each address's rows: inactive come before active, bounces before complaints, and the last wins."""
    removed = _removed_at(connection, [row.address_key for row in rows if not row.active])
    found: dict[str, Shared] = {}
    for row in rows:
        at = row.at if row.active else removed.get(row.address_key, row.at)
        reason = SuppressionReason(row.reason)
        found[row.address_key] = Shared(address=row.address_key, reason=reason, at=at, lifted=not row.active)
    return tuple(found.values())


def _lift(
    connection: Connection, address_key: str, *, scopes: Collection[str] | None, reason: SuppressionReason | None = None
) -> int:
    which = and_(_table.address_key == address_key, _table.active)
    if scopes is not None:
        which = and_(which, _table.scope.in_(list(scopes)))
    if reason is not None:
        which = and_(which, _table.reason == reason.value)
    return connection.execute(update(schema.suppressions).where(which).values(active=False)).rowcount


def _note(connection: Connection, address_key: str, at: datetime, why: str, scopes: list[str]) -> None:
    remember.put_proof(connection, REMOVED, address_key, at, {"why": why, "scopes": scopes})


def _removed_at(connection: Connection, address_keys: Collection[str]) -> dict[str, datetime]:
    if not address_keys:
        return {}
    wanted = set(address_keys)
    return {one.subject: one.at for one in remember.proofs(connection, REMOVED) if one.subject in wanted}


def _causes(mine: Own, since: datetime, limit: int) -> tuple[Cause, ...]:
    rows = mine.all(_CAUSES, micros(since), limit)
    keys = sorted({str(row[0]) for row in rows})
    delivered = {str(row[0]): instant(row[1]) for row in (mine.all(_DELIVERED, keys) if keys else ())}
    return tuple(
        Cause(
            address=str(row[0]),
            at=instant(row[1]),
            diagnostic=str(row[2]),
            subtype=str(row[3]),
            delivered_at=delivered.get(str(row[0])),
        )
        for row in rows
    )
