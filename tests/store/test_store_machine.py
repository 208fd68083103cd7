"""Any order of accepting, claiming, answering, dying and clocks that jump keeps every delivery accounted for."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, select

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import Address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.event import Event, EventKind
from sendworthy.mail.status import FINAL_FOR_US, Status
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store, schema
from sendworthy.store.values import Answered, Claim, NewDelivery, NewMessage, Outgoing, PauseScope, Priority
from tests.postgres import Server, a_database

T = TypeVar("T")
LANE = Lane(region="eu-west-1")
LEASE = 60.0
RATE = 5.0


class Deliveries(RuleBasedStateMachine):
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.at = datetime(2026, 5, 4, tzinfo=UTC)
        self.furthest = self.at
        self.hands: dict[str, list[Outgoing]] = {"w1": [], "w2": []}
        self.accepted = 0
        self.events = 0
        self.sent: Counter[str] = Counter()
        self.again: set[str] = set()
        self.granted: list[datetime] = []
        self.back = 0.0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        async def begin() -> Store:
            store = await Store.open(self.url, now=lambda: self.at, new_id=lambda: "id")
            await store._engine.write("empty", _empty)
            quota = Quota(
                max_24_hour_send=-1,
                max_send_rate=RATE,
                sent_last_24_hours=0,
                production=True,
                sending_enabled=True,
                read_at=0,
            )
            await store.change_governor(LANE, lambda _: State(quota=quota))
            return store

        self.store = self.do(begin())

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.do(self.store.close())
        self.loop.close()

    @rule(
        recipients=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True),
        stream=st.sampled_from(Stream),
        priority=st.sampled_from(Priority),
        key=st.sampled_from(["K1", "K2"]),
        wait=st.sampled_from([None, 0, 30, 100]),
        life=st.sampled_from([None, 20, 200]),
    )
    def accept(
        self, recipients: list[str], stream: Stream, priority: Priority, key: str, wait: int | None, life: int | None
    ) -> None:
        self.accepted += 1
        name = f"m{self.accepted}"
        message = NewMessage(
            id=name,
            access_key_id=key,
            stream=stream,
            mail_from="shop@example.com",
            subject="Hi",
            raw=b"Hi",
            deliveries=tuple(NewDelivery(id=f"{name}-{one}", recipient=one, key=one) for one in recipients),
            priority=priority,
            send_at=None if wait is None else self.at + timedelta(seconds=wait),
            expires_at=None if life is None else self.at + timedelta(seconds=life),
        )
        self.do(self.store.accept(message))

    @rule(worker=st.sampled_from(["w1", "w2"]), limit=st.integers(1, 6))
    def claim(self, worker: str, limit: int) -> None:
        held = {out.delivery_id for outs in self.hands.values() for out in outs}
        asked = Claim(
            lane=LANE, owner=worker, limit=limit, lease_seconds=LEASE, policy=Policy(burst_seconds=0.4, reserve=0)
        )
        batch = self.do(self.store.claim(asked))
        for out in batch.outgoing:
            assert out.delivery_id not in held, "two workers hold it"
            assert not self.sent[out.delivery_id], "sent, and claimed again"
            assert (out.again > 0) == (out.delivery_id in self.again)
            self.granted.append(self.at)
        self.hands[worker] += batch.outgoing

    @precondition(lambda self: any(self.hands.values()))
    @rule(status=st.sampled_from([Status.SENT, Status.DEFERRED, Status.UNCERTAIN, Status.REFUSED]), data=st.data())
    def answer(self, status: Status, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(name for name, outs in self.hands.items() if outs)))
        out = self.hands[worker].pop(data.draw(st.integers(0, len(self.hands[worker]) - 1)))
        due = self.at + timedelta(seconds=5) if status is Status.DEFERRED else None
        told = Answered(delivery_id=out.delivery_id, n=out.n, status=status, kind=status.value, due_at=due)
        self.do(self.store.answer(LANE, [told], learnt=lambda state: state))
        self.sent[out.delivery_id] += status is Status.SENT

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def die_and_be_found(self, worker: str) -> None:
        self.hands[worker].clear()
        self.advance(LEASE + 1 + self.back)
        self.back = 0.0
        self.do(self.store.recover())
        # The other's leases have run out too: it is slow, not dead, and may still answer.
        assert self.do(self.store.counts()).of(Status.SENDING) == 0

    @rule(seconds=st.sampled_from([0.1, 1.0, 40.0, 4000.0]))
    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([1.0, 300.0, 90_000.0]))
    def set_the_clock_back(self, seconds: float) -> None:
        self.at -= timedelta(seconds=seconds)
        self.back += seconds if seconds < 3600 else 0
        self.granted.clear()

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.do(self.store.cancel(f"m{data.draw(st.integers(1, self.accepted))}"))

    @rule(key=st.sampled_from("abc"))
    def suppress(self, key: str) -> None:
        self.do(self.store.add_suppression(Address(key, "example.org"), SuppressionReason.MANUAL, source="test"))

    @rule(pause=st.booleans(), key=st.sampled_from(["K1", "K2"]))
    def pause_or_resume(self, pause: bool, key: str) -> None:
        self.do(
            self.store.pause(PauseScope.KEY, key, reason="test") if pause else self.store.resume(PauseScope.KEY, key)
        )

    @rule()
    def settle(self) -> None:
        before = self._in_doubt()
        self.do(self.store.periodic.try_again(timedelta(hours=1)))
        self.again |= before - self._in_doubt()
        self.do(self.store.periodic.expire())

    @precondition(lambda self: self.accepted)
    @rule(kind=st.sampled_from([EventKind.SEND, EventKind.DELIVERY]), data=st.data())
    def event(self, kind: EventKind, data: st.DataObject) -> None:
        found, _ = self.do(self.store.deliveries(limit=1000))
        doubtful = sorted(one.id for one in found if one.status in {Status.UNCERTAIN, Status.SENT})
        if doubtful:
            self.events += 1
            delivery = data.draw(st.sampled_from(doubtful))
            event = Event(
                id=f"e{self.events}",
                kind=kind,
                delivery_id=delivery,
                ses_message_id="",
                recipient="a@example.org",
                occurred_at=self.at,
            )
            self.do(self.store.record_events([event], source="test"))
            self.sent[delivery] += 1

    def _in_doubt(self) -> set[str]:
        found, _ = self.do(self.store.deliveries(statuses=[Status.UNCERTAIN], limit=1000))
        return {one.id for one in found}

    @invariant()
    def every_delivery_is_accounted_for(self) -> None:
        if not hasattr(self, "store"):
            return
        deliveries, ledger = self.do(self.store._engine.read(_books))
        last: dict[str, str] = {}
        for delivery_id, was, became in ledger:
            assert last.get(delivery_id, "") == was, "the ledger has a gap"
            last[delivery_id] = became
        assert last == {row.id: row.status for row in deliveries}
        for row in deliveries:
            assert (row.due_at is None) or row.status in {Status.ACCEPTED, Status.DEFERRED}
            assert (row.lease_until is None) or row.status == Status.SENDING
            if row.status in {Status.ACCEPTED, Status.DEFERRED}:
                assert row.due_at is not None, "it waits and nobody will ever claim it"
            assert Status(row.status) in FINAL_FOR_US or not self.sent[row.id]

    @invariant()
    def the_rate_is_kept(self) -> None:
        for start in self.granted[-10:]:
            within = sum(start <= at < start + timedelta(seconds=1) for at in self.granted)
            assert within <= RATE + 1 + RATE * 0.4 + 1e-6


def _empty(connection: Connection) -> None:
    for table in reversed(schema.metadata.sorted_tables):
        connection.execute(table.delete())


def _books(connection: Connection) -> tuple[Any, Any]:
    ledger = schema.ledger.c
    rows = connection.execute(select(schema.deliveries)).all()
    entries = connection.execute(select(ledger.delivery_id, ledger.was, ledger.became).order_by(ledger.id)).all()
    return rows, entries


def run(url: str) -> None:
    class OnThisDatabase(Deliveries):
        pass

    OnThisDatabase.url = url
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_of_things_loses_or_repeats_a_delivery_on_sqlite() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(f"sqlite:///{Path(folder) / 's.db'}")


def test_no_order_of_things_loses_or_repeats_a_delivery_on_postgresql(postgres: Server) -> None:
    run(asyncio.run(a_database(postgres)))
