"""A running program tells of alerts, and shows them at its door."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from sendworthy.app import parts
from sendworthy.app.jobs import account_job
from sendworthy.app.scheduler import Scheduler
from sendworthy.app.station import station
from sendworthy.app.up import run
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Alerts, Config, StoreSettings
from sendworthy.errors import Denied
from sendworthy.simulator.serve import Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store.alerting import Alert, AlertKind
from sendworthy.store.values import Fence, PauseScope
from tests.app.receivers import receiver

REGION = "eu-west-1"
STOPPED = Alert(kind=AlertKind.KEY_STOPPED, subject="shop", happened="It is paused.", to_do="Resume it.")


async def test_a_running_program_tells_and_its_door_shows_it(tmp_path: Path) -> None:
    with running(Settings(world=False)) as simulator:
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        aws = Aws(region=REGION, session=session, endpoint_url=simulator.http)
        async with receiver() as hook:
            config = Config(
                alerts=Alerts(webhooks=(hook.url,)), store=StoreSettings(url=f"sqlite:///{tmp_path / 's.db'}")
            )
            async with (
                parts.opened_store(config, exclusive=True) as store,
                station(config, aws, store, listen="127.0.0.1:0", events=False) as here,
            ):
                await store.pause(PauseScope.KEY, "AKSWSHOP", reason="5 % bounces", alert=STOPPED)
                stop = asyncio.Event()
                program = asyncio.create_task(run(here, stop, config, roles=("scheduler",)))
                await asyncio.wait_for(hook.came.wait(), 30)
                async with aiohttp.ClientSession() as client, client.get(f"{here.url}/metrics") as answer:
                    shown = await answer.text()
                stop.set()
                await asyncio.wait_for(program, 30)
    assert ("shop", "opened") in hook.told
    assert 'sendworthy_alerts_open{kind="key_stopped",level="error"}' in shown
    assert "sendworthy_store_up 1" in shown


async def test_credentials_that_aws_refuses_are_told_though_no_quota_was_ever_read(tmp_path: Path) -> None:
    with running(Settings(world=False)) as simulator:
        good = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        config = Config(store=StoreSettings(url=f"sqlite:///{tmp_path / 's.db'}"))
        aws = Aws(region=REGION, session=good, endpoint_url=simulator.http)
        async with (
            parts.opened_store(config, exclusive=True) as store,
            station(config, aws, store, open_doors=False, events=False) as here,
        ):
            wrong = session_for("AKIAWRONG00000000000", "wrong", REGION)
            job = account_job(replace(here, aws=Aws(region=REGION, session=wrong, endpoint_url=simulator.http)))
            with pytest.raises(Denied):
                await job.work(Fence(name=job.name, period=1, number=1))
            [alert] = await store.alerts.list()
            scheduler = Scheduler(store, [job], owner="p", now=here.clock.now, sleep=here.clock.sleep)
            assert await scheduler.step() == ()
            assert len(await store.alerts.list()) == 1
    assert (alert.kind, alert.subject) == ("credentials_denied", f"{here.account_id} {REGION}")
