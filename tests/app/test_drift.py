"""What was told to AWS is proved again every day, and told where it was said."""

from __future__ import annotations

import logging
from importlib.resources import files
from pathlib import Path

import pytest

from sendworthy.access.facts import FactKind
from sendworthy.app import ask, parts
from sendworthy.app.alert_watch import drifted
from sendworthy.app.drift import DRIFT_SECONDS, drift_job
from sendworthy.app.look import look
from sendworthy.app.station import station
from sendworthy.clients.aws import Aws, session_for
from sendworthy.config import Config, load
from sendworthy.simulator.serve import Endpoints, Settings, running
from sendworthy.simulator.state import DEFAULT_CALLER
from sendworthy.store.values import Fence

REGION = "eu-west-1"


def pottery(folder: Path, simulator: Endpoints, **changed: str) -> Config:
    text = files("sendworthy.app.demo").joinpath("fernhill.toml").read_text("utf-8")
    for old, new in changed.items():
        text = text.replace(f"{old} = ", f"{old} = {new} #", 1)
    (folder / "sendworthy.toml").write_text(text, "utf-8")
    environ = {
        "SENDWORTHY_STORE_URL": f"sqlite:///{folder / 'sendworthy.db'}",
        "SENDWORTHY_DNS_RESOLVER": simulator.dns,
        "SENDWORTHY_WEB_CONNECT": simulator.web.removeprefix("http://"),
    }
    return load(folder / "sendworthy.toml", environ=environ).config


async def test_a_sentence_that_is_no_longer_true_is_told_with_its_case(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sendworthy.app.drift")
    with running(Settings()) as simulator:
        config = pottery(tmp_path, simulator)
        session = session_for(DEFAULT_CALLER.access_key_id, DEFAULT_CALLER.secret_access_key, REGION)
        aws = Aws(region=REGION, session=session, endpoint_url=simulator.http)
        async with (
            parts.opened_store(config, exclusive=True) as store,
            station(config, aws, store, listen="127.0.0.1:0") as here,
        ):
            fence = Fence(name="drift", period=1, number=1)
            await drift_job(config, here).work(fence)
            assert await store.case_file.case_ids() == (), "nothing was ever sent, so nothing is looked at"

            evidence = await look(config, aws, regions=(REGION,), domains=("fernhill.test",), wide=True, store=store)
            standing = await ask.stand(evidence, store, region=REGION, promised=True, despite="to see")
            written = ask.write_letter(standing, evidence)
            await ask.submit(config, aws, store, standing, written, confirmed=True)
            await drift_job(config, here).work(fence)
            assert caplog.messages == []

            changed = pottery(tmp_path, simulator, anti_spam_policy='""')
            job = drift_job(changed, here)
            await job.work(fence)
            assert job.every_seconds == DRIFT_SECONDS
            (told,) = caplog.messages
            assert told.startswith("You told AWS sender.anti_spam_policy on case 111122223333/eu-west-1/production;")
            [alert] = await store.alerts.list()
            assert (alert.kind, alert.subject) == ("drift", f"sender.anti_spam_policy {standing.case_id}")
            other = drifted("111122223333/us-east-1/production", "policy.opt_in")
            await store.alerts.see([other])
            await drift_job(config, here).work(fence)
            assert [one.subject for one in await store.alerts.list()] == [other.subject], "what is true again is over"
            kinds = {one.kind for one in await ask.remembered(store, standing.case_id)}
            assert FactKind.SUBMITTED in kinds
