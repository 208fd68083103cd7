"""The statements that are not hot, in SQLAlchemy Core for both engines: facts, proofs, suppressions, keys, parked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, tuple_, update

from sendworthy.audit.profile import Stream
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.store import schema
from sendworthy.store.values import ACCOUNT_SCOPE, StoredFact, StoredKey, StoredProof, Suppression

_STRENGTH = (
    SuppressionReason.COMPLAINT,
    SuppressionReason.UNSUBSCRIBE,
    SuppressionReason.BOUNCE,
    SuppressionReason.MANUAL,
    SuppressionReason.IMPORTED,
)
"""Of several reasons the one that is told: what a person asked for comes before what a server said."""

_CHUNK = 500
"""Addresses to one statement: SQLite takes 32,766 variables, and long statements are compiled anew."""


def append_fact(connection: Connection, case_id: str, kind: str, at: datetime, data: Mapping[str, Any]) -> int:
    """Append one fact and give its number."""
    values = {"case_id": case_id, "kind": kind, "at": at, "data": dict(data)}
    key = connection.execute(insert(schema.facts).values(values)).inserted_primary_key
    return int(key[0]) if key else 0


def facts(connection: Connection, case_id: str) -> tuple[StoredFact, ...]:
    """Give the facts of a case in the order in which they were appended."""
    table = schema.facts
    rows = connection.execute(select(table).where(table.c.case_id == case_id).order_by(table.c.seq))
    return tuple(StoredFact(**row) for row in rows.mappings())


def case_ids(connection: Connection) -> tuple[str, ...]:
    """Give the ids of all cases on record, in their order."""
    case_id = schema.facts.c.case_id
    return tuple(connection.execute(select(case_id).distinct().order_by(case_id)).scalars())


def put_proof(connection: Connection, kind: str, subject: str, at: datetime, data: Mapping[str, Any]) -> int:
    """Append one proof and give its number."""
    values = {"kind": kind, "subject": subject, "at": at, "data": dict(data)}
    key = connection.execute(insert(schema.proofs).values(values)).inserted_primary_key
    return int(key[0]) if key else 0


def proofs(connection: Connection, kind: str) -> tuple[StoredProof, ...]:
    """Give the proofs of a kind in the order in which they were put."""
    table = schema.proofs
    rows = connection.execute(select(table).where(table.c.kind == kind).order_by(table.c.seq))
    return tuple(StoredProof(**row) for row in rows.mappings())


def park(connection: Connection, raw: bytes, reason: str, source: str, at: datetime) -> None:
    """Keep what could not be understood or trusted."""
    connection.execute(insert(schema.parked).values(raw=raw, reason=reason, source=source, at=at))


def parked_since(connection: Connection, since: datetime) -> tuple[str, ...]:
    """Give the reasons of what was parked since an instant, oldest first."""
    table = schema.parked.c
    return tuple(connection.execute(select(table.reason).where(table.at >= since).order_by(table.id)).scalars())


def suppressed(
    connection: Connection, address_keys: Collection[str], stream: Stream | None, scopes: Collection[str] = ()
) -> dict[str, SuppressionReason]:
    """Say which of the addresses get no mail of `stream` (of any stream, when None) and further scopes, and why."""
    table = schema.suppressions
    found: dict[str, SuppressionReason] = {}
    wanted = list(address_keys)
    for start in range(0, len(wanted), _CHUNK):
        query = select(table.c.address_key, table.c.reason).where(
            table.c.address_key.in_(wanted[start : start + _CHUNK]), table.c.active
        )
        if stream is not None:
            query = query.where(table.c.scope.in_((ACCOUNT_SCOPE, stream.value, *scopes)))
        for key, word in connection.execute(query):
            reason = SuppressionReason(word)
            if key not in found or _STRENGTH.index(reason) < _STRENGTH.index(found[key]):
                found[key] = reason
    return found


def suppress(
    connection: Connection, address_key: str, scope: str, reason: SuppressionReason, at: datetime, source: str
) -> bool:
    """Suppress an address; say whether that is news. An entry that was lifted becomes active again."""
    table = schema.suppressions
    one = and_(table.c.address_key == address_key, table.c.scope == scope, table.c.reason == reason.value)
    active = connection.execute(select(table.c.active).where(one)).scalar()
    if active:
        return False
    values = {"at": at, "source": source, "active": True}
    if active is None:
        named = {"address_key": address_key, "scope": scope, "reason": reason.value}
        connection.execute(insert(table).values(named | values))
    else:
        connection.execute(update(table).where(one).values(values))
    return True


def lift(connection: Connection, address_key: str, scope: str | None) -> int:
    """Lift the suppressions of an address (in every scope, when None); the rows stay, inactive. Gives how many.

    Its soft bounces so far no longer count against it.
    """
    table = schema.suppressions
    connection.execute(delete(schema.strikes).where(schema.strikes.c.address_key == address_key))
    change = update(table).where(table.c.address_key == address_key, table.c.active).values(active=False)
    return connection.execute(change if scope is None else change.where(table.c.scope == scope)).rowcount


def suppressions(
    connection: Connection, limit: int, after: tuple[str, str, str] | None
) -> tuple[tuple[Suppression, ...], tuple[str, str, str] | None]:
    """List active suppressions by address, from behind the cursor `after`; give the next cursor, None at the end."""
    table = schema.suppressions
    order = (table.c.address_key, table.c.scope, table.c.reason)
    query = select(table).where(table.c.active).order_by(*order).limit(limit)
    if after is not None:
        query = query.where(tuple_(*order) > after)
    rows = connection.execute(query).all()
    cursor = (rows[-1].address_key, rows[-1].scope, rows[-1].reason) if len(rows) == limit else None
    return tuple(as_suppression(row) for row in rows), cursor


def as_suppression(row: Row[Any]) -> Suppression:
    """Give a row of the table as the value it is."""
    return Suppression(
        address=row.address_key, reason=SuppressionReason(row.reason), scope=row.scope, at=row.at, source=row.source
    )


def add_key(connection: Connection, key: StoredKey) -> None:
    """Keep a new gateway key."""
    connection.execute(
        insert(schema.keys).values(
            access_key_id=key.access_key_id,
            name=key.name,
            stream=key.stream.value,
            sealed_secret=key.sealed_secret,
            created_at=key.created_at,
            rate_share=key.rate_share,
            daily_cap=key.daily_cap,
            domains=list(key.domains),
            ses_headers=key.ses_headers,
        )
    )


def keys(connection: Connection) -> tuple[StoredKey, ...]:
    """List all gateway keys, the revoked ones too, oldest first."""
    table = schema.keys
    rows = connection.execute(select(table).order_by(table.c.created_at, table.c.access_key_id)).mappings()
    return tuple(
        StoredKey(**{**row, "stream": Stream(row["stream"]), "domains": tuple(row["domains"])}) for row in rows
    )


def revoke_key(connection: Connection, access_key_id: str, at: datetime) -> bool:
    """Revoke a key for good; say whether there was one to revoke."""
    table = schema.keys
    change = update(table).where(table.c.access_key_id == access_key_id, or_(table.c.revoked_at.is_(None)))
    return connection.execute(change.values(revoked_at=at)).rowcount > 0
