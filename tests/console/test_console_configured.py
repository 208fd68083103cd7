"""The console as the program puts it together from its configuration: whom alerts are told to."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from starlette.applications import Starlette
from starlette.routing import Mount

from sendworthy.app.alert_targets import webhook_name
from sendworthy.app.console import console, link
from sendworthy.app.parts import WALL
from sendworthy.config import Alerts, Config
from sendworthy.gateway.keys import Seal
from sendworthy.store import Store
from tests.console.conftest import LANE, serving

HOOK = "https://hooks.example.com/a-token"


async def test_the_configured_targets_stand_there_before_anything_happened(tmp_path: Path, store: Store) -> None:
    Seal(tmp_path / "key")
    config = Config(alerts=Alerts(emails=("ops@example.com",), webhooks=(HOOK,)))
    app = console(config, store, LANE, key_file=tmp_path / "key", clock=WALL)
    async with (
        serving(Starlette(routes=[Mount("/console", app=app)])) as door,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        token = link(door, tmp_path / "key").rpartition("=")[2]
        await session.post(f"{door}/console/login", data={"link": token})
        async with session.get(f"{door}/console/alerts") as answer:
            page = await answer.text()
    assert "ops@example.com" in page
    assert webhook_name(HOOK) in page
    assert "a-token" not in page
    assert "Nobody is told" not in page
