"""What was heard about our own mail, hour by hour, by stream and mailbox provider; and how long a queue is. No verdict.

An event counts on the hour it happened, not on that of its message: mail may wait for days before it goes, and a day
that is over is not to change by what is sent later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import SIMULATOR_DOMAIN
from sendworthy.mail.bounce import BounceClass, bounce_class
from sendworthy.mail.event import EventKind
from sendworthy.pacing.governor import Day
from sendworthy.reputation import Tally
from sendworthy.reputation.providers import OTHER, PROVIDERS
from sendworthy.store import permits, schema
from sendworthy.store.columns import micros
from sendworthy.store.engine import Engine
from sendworthy.store.statement import own, statement
from sendworthy.store.values import Lane

_HOUR_SECONDS = 3_600

_CASES = "\n".join(
    f"            WHEN d.recipient_key LIKE '%@{domain}' THEN '{name}'"
    for name, domains in PROVIDERS.items()
    for domain in domains
)
HEARD = statement(f"""
SELECT e.occurred_at / 3600000000, d.stream,
       CASE
{_CASES}
            ELSE '{OTHER}' END,
       e.kind, e.bounce_type, e.bounce_subtype, e.complaint_type, count(DISTINCT d.id)
FROM events e JOIN deliveries d ON d.id = e.delivery_id
WHERE e.received_at >= ? AND e.occurred_at >= ? AND e.kind IN ('delivery', 'bounce', 'complaint')
      AND d.recipient_key NOT LIKE ?
GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1""")  # noqa: S608 - a table of our own, no value from outside

_PLACE = statement("SELECT rank, due_at FROM deliveries WHERE id = ? AND due_at IS NOT NULL")
AHEAD = statement("""
SELECT count(*) FROM (
    SELECT 1 FROM deliveries
    WHERE due_at IS NOT NULL AND rank <= ? AND (rank < ? OR due_at < ?) LIMIT ?) AS bounded""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was heard in one hour (`at` is its start, aware UTC) of mail of one stream to one mailbox provider."""

    at: datetime
    stream: Stream
    provider: str
    tally: Tally


class Feedback:
    """What came back. All methods raise StoreUnavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def heard(self, since: datetime) -> tuple[Heard, ...]:
        """Give what happened since an instant, oldest first. Mail to the mailbox simulator counts for nobody [D23].

        `sent` of a tally is the mail that was delivered or bounced in that hour. Opt-outs and what SES withheld by its
        own lists are no hard bounces; neither is `not-spam` a complaint.
        """
        return await self._engine.read(lambda connection: _heard(connection, since))

    async def lanes(self) -> tuple[Lane, ...]:
        """Give the accounts and Regions whose quota was ever read."""
        return await self._engine.read(_lanes)

    async def day(self, lane: Lane, now: datetime) -> Day:
        """Give our own permits of the 24 hours and of the 60 minutes before `now`."""
        return await self._engine.read(lambda connection: permits.day(own(connection), lane, now.timestamp()))

    async def ahead(self, delivery_id: str, *, most: int = 100_000) -> int | None:
        """Say how many deliveries go before one, counted up to `most`; None when it does not wait."""
        return await self._engine.read(lambda connection: _ahead(connection, delivery_id, most))


def tally_of(heard: Iterable[Heard]) -> Tally:
    """Add up."""
    sent = hard = complaints = 0
    for one in heard:
        sent += one.tally.sent
        hard += one.tally.hard_bounces
        complaints += one.tally.complaints
    return Tally(sent=sent, hard_bounces=hard, complaints=complaints)


def _heard(connection: Connection, since: datetime) -> tuple[Heard, ...]:
    found: dict[tuple[int, str, str], list[int]] = {}
    # What happened since then was heard since then; the second condition alone would not find an index.
    rows = own(connection).all(HEARD, micros(since), micros(since), f"%@{SIMULATOR_DOMAIN}")
    for hour, stream, provider, kind, bounce_type, subtype, complaint_type, count in rows:
        counts = found.setdefault((int(hour), stream, provider), [0, 0, 0])
        if kind == EventKind.COMPLAINT:
            counts[2] += int(count) if complaint_type != "not-spam" else 0
            continue
        hard = kind == EventKind.BOUNCE and bounce_class(bounce_type, subtype) is BounceClass.HARD
        counts[0] += int(count)
        counts[1] += int(count) if hard else 0
    return tuple(
        Heard(
            at=datetime.fromtimestamp(hour * _HOUR_SECONDS, UTC),
            stream=Stream(stream),
            provider=provider,
            tally=Tally(sent=sent, hard_bounces=hard, complaints=complaints),
        )
        for (hour, stream, provider), (sent, hard, complaints) in sorted(found.items())
    )


def _lanes(connection: Connection) -> tuple[Lane, ...]:
    table = schema.governor.c
    rows = connection.execute(select(table.account, table.region).order_by(table.account, table.region))
    return tuple(Lane(account=row.account, region=row.region) for row in rows)


def _ahead(connection: Connection, delivery_id: str, most: int) -> int | None:
    mine = own(connection)
    place = mine.one(_PLACE, delivery_id)
    if place is None:
        return None
    row = mine.one(AHEAD, place[0], place[0], place[1], most)
    return int(row[0]) if row else 0
