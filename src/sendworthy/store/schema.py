"""The tables, once, for SQLite and PostgreSQL alike. Knows no statement, no connection and no rule.

Words of enums are stored as text, exactly as they are shown; instants and JSON as `columns` keeps them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    and_,
    true,
)

from sendworthy.store import naming, schema_alerts
from sendworthy.store.columns import Instant, Json
from sendworthy.store.naming import SERIAL

metadata = naming.metadata
alerts, notices = schema_alerts.alerts, schema_alerts.notices

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False))

keys = Table(
    "keys",
    metadata,
    Column("access_key_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("stream", String, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("rate_share", Float),
    Column("daily_cap", BigInteger),
    Column("domains", Json, nullable=False, server_default="[]"),
    Column("ses_headers", Boolean, nullable=False, server_default=true()),
    Column("slow_share", Float),
)
"""`rate_share` is the part of MaxSendRate that a key may use (0 to 1), `daily_cap` its recipients in any 24 hours.

`slow_share` narrows `rate_share` for as long as the key's bounces are too many; `ses_headers` says whether its mail may
steer SES by X-SES-* headers.
"""

templates = Table(
    "templates",
    metadata,
    Column("name", String, primary_key=True),
    Column("subject", Text),
    Column("text", Text),
    Column("html", Text),
    Column("created_at", Instant, nullable=False),
)
"""E-mail templates as SES's API keeps them; a part that a template lacks is null."""

messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("access_key_id", String, nullable=False),
    Column("stream", String, nullable=False),
    Column("mail_from", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("raw", LargeBinary),
    Column("size", BigInteger, nullable=False),
    Column("configuration_set", String, nullable=False),
    Column("tags", Json, nullable=False),
    Column("invocation_id", String),
    Column("fingerprint", String, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("chunks", Integer, nullable=False, server_default="0"),
    Column("bodied", Boolean, nullable=False, server_default=true()),
    Index("uq_messages_invocation", "access_key_id", "invocation_id", unique=True),
    Index("ix_messages_accepted_at", "accepted_at", "id"),
)
"""One row for each accepted call. The body goes when retention says so (`bodied` is then false); the rest stays longer.

`invocation_id` is the call's idempotency token; it is cleared when a call that comes a day later uses it anew. A small
body is in `raw`, a large one in as many rows of `chunks` as `chunks` says.
"""

_bodied = messages.c.bodied
Index("ix_messages_bodied", messages.c.accepted_at, sqlite_where=_bodied, postgresql_where=_bodied)

chunks = Table(
    "chunks",
    metadata,
    Column("message_id", String, ForeignKey("messages.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""The pieces of large bodies, in order."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("message_id", String, ForeignKey("messages.id"), nullable=False),
    Column("recipient", String, nullable=False),
    Column("recipient_key", String, nullable=False),
    Column("stream", String, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("due_at", Instant),
    Column("lease_owner", String),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("ses_message_id", String),
    Column("accepted_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("queue", String, nullable=False, server_default=""),
    Column("expires_at", Instant),
    Column("again", Integer, nullable=False, server_default="0"),
    Index("ix_deliveries_message_id", "message_id"),
    Index("ix_deliveries_recipient_key", "recipient_key"),
)
"""One row for each recipient of a message.

`due_at` is set exactly while the worker may claim the row, so the claim reads a small partial index whatever the table
holds. `rank` is the order of claiming (see `queues`); within a rank the `queue`s, one for each key and configuration
set, take turns. `tries` counts calls to SES, `attempts` only those that count against the delivery (a throttle does
not). `again` counts how often an uncertain delivery was tried once more.
"""

_due = deliveries.c.due_at.is_not(None)
Index(
    "ix_deliveries_queue",
    deliveries.c.rank,
    deliveries.c.queue,
    deliveries.c.due_at,
    deliveries.c.id,
    sqlite_where=_due,
    postgresql_where=_due,
)
_expiring = and_(_due, deliveries.c.expires_at.is_not(None))
Index("ix_deliveries_expires", deliveries.c.expires_at, sqlite_where=_expiring, postgresql_where=_expiring)
_uncertain = deliveries.c.status == "uncertain"
Index("ix_deliveries_uncertain", deliveries.c.changed_at, sqlite_where=_uncertain, postgresql_where=_uncertain)
_leased = deliveries.c.lease_until.is_not(None)
Index("ix_deliveries_lease", deliveries.c.lease_until, sqlite_where=_leased, postgresql_where=_leased)
_handed_over = deliveries.c.ses_message_id.is_not(None)
Index("ix_deliveries_ses", deliveries.c.ses_message_id, sqlite_where=_handed_over, postgresql_where=_handed_over)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", String, ForeignKey("deliveries.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("kind", String, nullable=False),
    Column("code", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("ses_message_id", String, nullable=False),
)
"""One row for each call to SES, written before the call; `kind` is empty until the answer is."""

ledger = Table(
    "ledger",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("delivery_id", String, ForeignKey("deliveries.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("was", String, nullable=False),
    Column("became", String, nullable=False),
    Column("cause", String, nullable=False),
    Index("ix_ledger_delivery_id", "delivery_id"),
)
"""Every change of a status, appended and never altered."""

events = Table(
    "events",
    metadata,
    Column("id", String, primary_key=True),
    Column("delivery_id", String),
    Column("tag", String, nullable=False),
    Column("ses_message_id", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("bounce_type", String, nullable=False),
    Column("bounce_subtype", String, nullable=False),
    Column("complaint_type", String, nullable=False),
    Column("diagnostic", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("source", String, nullable=False),
    Column("raw", Text, nullable=False),
    Column("verified", Boolean, nullable=False, server_default=true()),
    Index("ix_events_delivery_id", "delivery_id"),
    Index("ix_events_received_at", "received_at"),
)
"""Every event once, by its digest. `delivery_id` is null while the event is foreign or early.

`verified` is false of what came by a file or a mailbox, for which nothing but its bearer vouches.
"""

_unmatched = events.c.delivery_id.is_(None)
Index("ix_events_unmatched", events.c.ses_message_id, sqlite_where=_unmatched, postgresql_where=_unmatched)

parked = Table(
    "parked",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("source", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
"""What came in by an event door and could not be understood or trusted."""

strikes = Table(
    "strikes",
    metadata,
    Column("address_key", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("at", Instant, nullable=False),
)
"""The soft bounces that count against an address, by when they happened."""

forwards = Table(
    "forwards",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("event_id", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("target", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_forwards_created_at", "created_at"),
)
"""Events that are on their way to the applications that sent the mail; a row goes when its target has taken it.

`due_at` is null of what was given up on (the dead letters); a claim moves it ahead, which is its lease.
"""

_forward_due = forwards.c.due_at.is_not(None)
Index("ix_forwards_due", forwards.c.due_at, forwards.c.id, sqlite_where=_forward_due, postgresql_where=_forward_due)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_key", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("source", String, nullable=False),
    Column("active", Boolean, nullable=False),
)
"""Who must get no mail. `scope` is `account`, or the stream that the suppression is limited to."""

governor = Table(
    "governor",
    metadata,
    Column("account", String, primary_key=True),
    Column("region", String, primary_key=True),
    Column("max_24_hour_send", Float, nullable=False),
    Column("max_send_rate", Float, nullable=False),
    Column("sent_last_24_hours", Float, nullable=False),
    Column("production", Boolean, nullable=False),
    Column("sending_enabled", Boolean, nullable=False),
    Column("enforcement", String, nullable=False),
    Column("read_at", Float, nullable=False),
    Column("granted", BigInteger, nullable=False),
    Column("granted_at_reading", BigInteger, nullable=False),
    Column("arrival", Float, nullable=False),
    Column("width", Float, nullable=False),
    Column("narrowed_at", Float, nullable=False),
    Column("day_blocked_until", Float, nullable=False),
    Column("breaker", String, nullable=False),
    Column("breaker_until", Float, nullable=False),
)
"""The state of the governor of one account in one Region; times in seconds since 1970. The meaning is pacing's."""

minutes = Table(
    "minutes",
    metadata,
    Column("account", String, primary_key=True),
    Column("region", String, primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("sent", BigInteger, nullable=False),
)
"""Permits granted in each minute since 1970, for the rolling day."""

hours = Table(
    "hours",
    metadata,
    Column("account", String, primary_key=True),
    Column("region", String, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("sent", BigInteger, nullable=False),
    Column("busiest_minute", BigInteger, nullable=False),
)
"""Permits granted in each hour since 1970, of minutes that have left the rolling day, and its busiest minute."""

quota_readings = Table(
    "quota_readings",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("max_24_hour_send", Float, nullable=False),
    Column("max_send_rate", Float, nullable=False),
    Column("sent_last_24_hours", Float, nullable=False),
    Column("production", Boolean, nullable=False),
    Column("enforcement", String, nullable=False),
    Index("ix_quota_readings_lane", "account", "region", "seq"),
)
"""What GetAccount said of the quota, hour by hour and whenever it changed."""

history_months = Table(
    "history_months",
    metadata,
    Column("source", String, primary_key=True),
    Column("month", String, primary_key=True),
    Column("first", String, nullable=False),
    Column("last", String, nullable=False),
    Column("sent", BigInteger),
    Column("hard_bounces", BigInteger),
    Column("complaints", BigInteger),
    Column("at", Instant, nullable=False),
)
"""What was sent elsewhere: one row for each month of each source. Null counts are unknown; days are ISO dates."""

budgets = Table(
    "budgets",
    metadata,
    Column("service", String, primary_key=True),
    Column("region", String, primary_key=True),
    Column("arrival", Float, nullable=False),
)
"""When the next control-plane call to a service in a Region may go."""

pauses = Table(
    "pauses",
    metadata,
    Column("scope", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),
)
"""What is held back by a person or a rule: the account, a stream, a configuration set or a key."""

key_use = Table(
    "key_use",
    metadata,
    Column("access_key_id", String, primary_key=True),
    Column("arrival", Float, nullable=False),
)
"""The pace of the keys that have a share of their own; GCRA's arrival time in seconds since 1970."""

key_minutes = Table(
    "key_minutes",
    metadata,
    Column("access_key_id", String, primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("sent", BigInteger, nullable=False),
)
"""Permits granted in each minute since 1970 to the keys that have a daily cap."""

tallies = Table(
    "tallies",
    metadata,
    Column("name", String, primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("counted", BigInteger, nullable=False),
    Index("ix_tallies_minute", "minute"),
)
"""Messages accepted in each minute since 1970 that are alike in something that is capped; names are digests."""

jobs = Table(
    "jobs",
    metadata,
    Column("name", String, primary_key=True),
    Column("period", BigInteger, nullable=False),
    Column("owner", String, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("fence", BigInteger, nullable=False),
)
"""Periodic work: the last period that is done, who is at the next, and the number that fences off its predecessors."""

facts = Table(
    "facts",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("case_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_facts_case_id", "case_id", "seq"),
)
"""The dated facts of each review case, append-only."""

proofs = Table(
    "proofs",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", Json, nullable=False),
    Index("ix_proofs_kind", "kind", "seq"),
)
"""Results of drills and the like, which the audit takes as evidence."""
