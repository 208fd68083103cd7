"""`up` on a host whose key files are not those of the database: it opens no door and sends nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sendworthy.app.station import Station
from sendworthy.app.up import up
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config, Gateway, StoreSettings
from sendworthy.errors import ConfigError
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER

REGION = "eu-west-1"


async def test_a_host_with_other_keys_does_not_come_up(tmp_path: Path) -> None:
    config = Config(
        gateway=Gateway(http="127.0.0.1:0", smtp="127.0.0.1:0", public="127.0.0.1:0"),
        store=StoreSettings(url=f"sqlite:///{tmp_path / 's.db'}"),
    )
    came_up: list[Station] = []

    async def start(aws: Aws) -> None:
        stop = asyncio.Event()

        def announced(station: Station) -> None:
            came_up.append(station)
            stop.set()

        await asyncio.wait_for(up(config, aws, stop=stop, announce=announced), 60)

    with running(Settings(world=False)) as simulator:
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        aws = Aws(region=REGION, session=session, endpoint_url=simulator.http)
        await start(aws)
        await start(aws)
        assert len(came_up) == 2
        (tmp_path / "s.db.key").unlink()
        with pytest.raises(ConfigError, match=r"s\.db\.key is missing"):
            await start(aws)
        assert len(came_up) == 2
