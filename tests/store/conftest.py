"""A clock that stands still until told, ids that count, and the store on every engine."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.pacing.governor import Policy, Quota, State
from sendworthy.store import Lane, Store
from sendworthy.store.values import Claim, NewDelivery, NewMessage
from tests.postgres import Server, a_database, a_server

LANE = Lane(region="eu-west-1")
OPEN_POLICY = Policy(burst_seconds=10, reserve=0)


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sendworthy.db'}"
    return await a_database(request.getfixturevalue("postgres"))


@pytest.fixture
async def store(url: str, clock: Clock) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(url, now=clock, new_id=lambda: f"id{next(ids)}")
    yield opened
    await opened.close()


@pytest.fixture
def lane() -> Lane:
    return LANE


@pytest.fixture
def claim() -> Claim:
    return Claim(lane=LANE, owner="worker-1", limit=100, lease_seconds=60, policy=OPEN_POLICY)


@pytest.fixture
def open_account(store: Store, clock: Clock) -> Callable[..., Awaitable[State]]:
    async def put(rate: float = 100.0, day: float = -1.0) -> State:
        quota = Quota(
            max_24_hour_send=day,
            max_send_rate=rate,
            sent_last_24_hours=0,
            production=True,
            sending_enabled=True,
            read_at=clock().timestamp(),
        )
        return await store.change_governor(LANE, lambda _: State(quota=quota))

    return put


@pytest.fixture
def make_message() -> Callable[..., NewMessage]:
    ids = itertools.count(1)

    def make(*recipients: str, stream: Stream = Stream.TRANSACTIONAL, **fields: object) -> NewMessage:
        message_id = f"m{next(ids)}"
        values: dict[str, object] = {
            "id": message_id,
            "access_key_id": "AKSWTEST",
            "stream": stream,
            "mail_from": "shop@example.com",
            "subject": "Your order",
            "raw": b"From: shop@example.com\r\nSubject: Your order\r\n\r\nThank you.\r\n",
            "deliveries": tuple(
                NewDelivery(id=f"{message_id}-{number}", recipient=recipient, key=recipient.lower())
                for number, recipient in enumerate(recipients or ("a@example.org",))
            ),
        }
        return NewMessage(**(values | fields))  # type: ignore[arg-type]  # a dict of mixed values

    return make
