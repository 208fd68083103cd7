"""A process of the version before goes on working beside this one, on both engines, in its own frozen statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from alembic import command
from sqlalchemy import Connection

from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Store
from sendworthy.store.columns import micros
from sendworthy.store.engine import Engine
from sendworthy.store.faults import no_fault
from sendworthy.store.migrate import alembic_config, current
from sendworthy.store.open import database_path
from sendworthy.store.postgres.engine import PostgresEngine
from sendworthy.store.sqlite.writer import SqliteEngine
from sendworthy.store.statement import own, statement
from sendworthy.store.values import Claim, NewMessage

OLD_MESSAGE = statement("""
INSERT INTO messages (id, access_key_id, stream, mail_from, subject, raw, size, configuration_set, tags, invocation_id,
                      fingerprint, accepted_at)
VALUES (?, 'AKSWOLD', 'transactional', 'shop@example.com', 'Hi', ?, 2, 'receipts', '{}', ?, 'x', ?)""")
OLD_DELIVERY = statement("""
INSERT INTO deliveries (id, message_id, recipient, recipient_key, stream, rank, status, reason, due_at, attempts, tries,
                        accepted_at, changed_at)
VALUES (?, ?, ?, 'old@example.org', 'transactional', 0, 'accepted', '', ?, 0, 0, ?, ?)""")
OLD_LEDGER = statement(
    "INSERT INTO ledger (delivery_id, at, was, became, cause) VALUES (?, ?, '', 'accepted', 'accepted')"
)
OLD_CLAIM = statement("""
SELECT id, message_id, recipient, recipient_key, stream, status, attempts, tries FROM deliveries
WHERE rank IN (0, 1) AND due_at <= ? ORDER BY due_at, id LIMIT 100""")
OLD_KNOWN_CALL = statement("SELECT id, fingerprint FROM messages WHERE access_key_id = ? AND invocation_id = ?")


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def to_revision(revision: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        assert current(connection) is None  # as migrate() does first: Alembic then leaves the transaction to us
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    return work


def old_accept(name: str, at: int) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        mine = own(connection)
        mine.run(OLD_MESSAGE, name, b"Hi", f"call-{name}", at)
        mine.run(OLD_DELIVERY, f"{name}-0", name, f"{name}@example.org", at, at, at)
        mine.run(OLD_LEDGER, f"{name}-0", at)

    return work


def raw_engine(url: str) -> Engine:
    if url.startswith("postgresql"):
        return PostgresEngine(url, fault=no_fault)
    return SqliteEngine(database_path(url), exclusive=False, fault=no_fault)


async def test_an_older_process_works_on_while_the_database_is_newer(
    url: str,
    claim: Claim,
    clock: Clock,
    make_message: Callable[..., NewMessage],
) -> None:
    old = raw_engine(url)
    await old.write("migrate", to_revision("0001"))
    at = micros(clock())
    await old.write("old", old_accept("before", at))
    store = await Store.open(url, now=clock, new_id=lambda: "id")  # migrates, while the older one stays connected
    await old.write("old", old_accept("after", at))
    await store.accept(make_message("new@example.org", invocation_id="call-new", fingerprint="x"))
    seen = await old.read(lambda connection: [row[2] for row in own(connection).all(OLD_CLAIM, at)])
    assert seen == ["after@example.org"]  # what a newer one accepted, or took over, it does not touch
    known = await old.read(lambda connection: own(connection).one(OLD_KNOWN_CALL, "AKSWTEST", "call-new"))
    assert known is not None
    assert tuple(known) == ("m1", "x")
    repeat = await store.accept(make_message(access_key_id="AKSWOLD", invocation_id="call-after", fingerprint="x"))
    assert (repeat.message_id, repeat.repeated) == ("after", True)
    await store.change_governor(claim.lane, lambda _: _a_state(clock))
    batch = await store.claim(claim)
    assert {out.recipient for out in batch.outgoing} == {
        "before@example.org",
        "after@example.org",
        "new@example.org",
    }
    assert all(out.urgent for out in batch.outgoing)
    assert (await store.counts()).of(Status.SENDING) == 3
    await old.close()
    await store.close()


def _a_state(clock: Clock) -> State:
    quota = Quota(
        max_24_hour_send=-1,
        max_send_rate=100,
        sent_last_24_hours=0,
        production=True,
        sending_enabled=True,
        read_at=clock().timestamp(),
    )
    return State(quota=quota)
