"""A clock, a store with an open account, keys, and the door on a real port for unmodified clients."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from sendworthy.audit.profile import Stream
from sendworthy.clients.models import service_model
from sendworthy.gateway.http_door import app
from sendworthy.gateway.keys import Key, Keys, Seal
from sendworthy.gateway.reception import Reception
from sendworthy.pacing.governor import Quota, State
from sendworthy.store import Lane, Store
from sendworthy.wire.service import Service

LANE = Lane(region="eu-west-1")


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


@pytest.fixture
def lane() -> Lane:
    return LANE


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(
        f"sqlite:///{tmp_path / 'sendworthy.db'}", now=clock, new_id=lambda: f"id{next(ids):04}", exclusive=True
    )
    yield opened
    await opened.close()


@pytest.fixture
def open_account(store: Store, clock: Clock) -> Callable[..., Awaitable[State]]:
    async def put(**fields: object) -> State:
        quota = Quota(
            max_24_hour_send=50_000,
            max_send_rate=100,
            sent_last_24_hours=7,
            production=True,
            sending_enabled=True,
            read_at=clock().timestamp(),
        )
        changed = replace(quota, **fields)  # type: ignore[arg-type]  # fields by name
        return await store.change_governor(LANE, lambda _: State(quota=changed))

    return put


@pytest.fixture
def keys(store: Store, tmp_path: Path, clock: Clock) -> Keys:
    return Keys(store, Seal(tmp_path / "sendworthy.key"), now=clock)


@pytest.fixture
async def key(keys: Keys) -> Key:
    return await keys.create("shop", stream=Stream.TRANSACTIONAL)


@pytest.fixture
async def bulk_key(keys: Keys) -> Key:
    return await keys.create("news", stream=Stream.MARKETING)


@asynccontextmanager
async def _serving(application: Any) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # of older uvicorns
    up = asyncio.create_task(server.serve())
    while not server.started:
        assert not up.done()
        await asyncio.sleep(0)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await up


@pytest.fixture
def serve() -> Callable[[Any], AbstractAsyncContextManager[str]]:
    """Serve an application on a real port."""
    return _serving


@pytest.fixture
def desk(store: Store, clock: Clock) -> Reception:
    return Reception(store, now=clock)


@pytest.fixture
async def door(store: Store, keys: Keys, clock: Clock, desk: Reception) -> AsyncIterator[str]:
    application = app(
        store,
        keys,
        Service(service_model("sesv2")),
        lane=LANE,
        now=clock,
        wall=lambda: datetime.now(UTC),
        v1=Service(service_model("ses")),
        reception=desk,
    )
    async with _serving(application) as url:
        yield url
