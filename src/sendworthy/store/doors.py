"""What the gateway's doors keep: templates, and how a key does. In SQLAlchemy Core for both engines; knows no MIME."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from sendworthy.store import listing, schema
from sendworthy.store.alerting import Alert
from sendworthy.store.alerts import see
from sendworthy.store.engine import Engine
from sendworthy.store.statement import own
from sendworthy.store.values import Counts, StoredTemplate

_templates = schema.templates.c


class Doors:
    """What the doors remember, beside messages. Every method that writes returns after the commit."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def put_template(self, template: StoredTemplate, *, replace: bool) -> bool:
        """Keep a new template, or the new content of one that exists; False when it exists, or does not."""
        return await self._engine.write("template", partial(put_template, template=template, replace=replace))

    async def template(self, name: str) -> StoredTemplate | None:
        """Give one template, None when there is none of that name."""
        return await self._engine.read(partial(template, name=name))

    async def templates(self, *, limit: int = 100, after: str = "") -> tuple[StoredTemplate, ...]:
        """List templates by name, from behind `after`."""
        return await self._engine.read(partial(templates, limit=limit, after=after))

    async def delete_template(self, name: str) -> bool:
        """Delete a template; say whether there was one."""
        return await self._engine.write("template", partial(delete_template, name=name))

    async def slow_key(self, access_key_id: str, share: float | None, *, alert: Alert | None = None) -> None:
        """Narrow a key to a share of the rate (None: no longer), whatever share it has of its own.

        With `alert` people are told of it, in the same transaction.
        """
        now = self._now()

        def work(connection: Connection) -> None:
            slow_key(connection, access_key_id, share)
            see(own(connection), (alert,) if alert else (), now)

        await self._engine.write("slow", work)

    async def key_counts(self, since: datetime, *, access_key_id: str | None = None) -> dict[str, Counts]:
        """Count deliveries by key (of one, if given), stream and status, of messages accepted since an instant."""
        return await self._engine.read(partial(key_counts, since=since, access_key_id=access_key_id))


def put_template(connection: Connection, template: StoredTemplate, *, replace: bool) -> bool:
    """Insert or replace a template's parts; False when it exists already, or (`replace`) does not."""
    parts = {"subject": template.subject, "text": template.text, "html": template.html}
    if replace:
        change = update(schema.templates).where(_templates.name == template.name)
        return connection.execute(change.values(parts)).rowcount > 0
    if connection.execute(select(_templates.name).where(_templates.name == template.name)).first():
        return False
    row = parts | {"name": template.name, "created_at": template.created_at}
    connection.execute(insert(schema.templates).values(row))
    return True


def template(connection: Connection, name: str) -> StoredTemplate | None:
    """Give one template, None when there is none of that name."""
    row = connection.execute(select(schema.templates).where(_templates.name == name)).mappings().first()
    return StoredTemplate(**row) if row else None


def templates(connection: Connection, limit: int, after: str) -> tuple[StoredTemplate, ...]:
    """List templates by name, from behind `after`."""
    query = select(schema.templates).where(_templates.name > after).order_by(_templates.name).limit(limit)
    return tuple(StoredTemplate(**row) for row in connection.execute(query).mappings())


def delete_template(connection: Connection, name: str) -> bool:
    """Delete a template; say whether there was one."""
    return connection.execute(delete(schema.templates).where(_templates.name == name)).rowcount > 0


def slow_key(connection: Connection, access_key_id: str, share: float | None) -> None:
    """Set the share that a key is narrowed to."""
    table = schema.keys
    connection.execute(update(table).where(table.c.access_key_id == access_key_id).values(slow_share=share))


def key_counts(connection: Connection, since: datetime, access_key_id: str | None) -> dict[str, Counts]:
    """Count deliveries by key (of one, if given), stream and status, of messages accepted since an instant."""
    messages, deliveries = schema.messages.c, schema.deliveries.c
    simulated = listing.is_simulated().label("simulated")
    query = (
        select(messages.access_key_id, deliveries.stream, deliveries.status, simulated, func.count())
        .select_from(schema.messages.join(schema.deliveries, deliveries.message_id == messages.id))
        .where(messages.accepted_at >= since)
        .group_by(messages.access_key_id, deliveries.stream, deliveries.status, simulated)
    )
    if access_key_id is not None:
        query = query.where(messages.access_key_id == access_key_id)
    found: dict[str, list[Sequence[Any]]] = {}
    for row in connection.execute(query):
        found.setdefault(row[0], []).append(row[1:])
    return {key: listing.counted(rows) for key, rows in found.items()}
