"""Proves again what was told to AWS, and says what is no longer so and on which case it was said. Changes nothing."""

from __future__ import annotations

import logging

from sendworthy.access.facts import case_id
from sendworthy.access.said import Drift, Now, drift, said
from sendworthy.app import alert_watch, parts
from sendworthy.app.ask import Standing, remembered, stand
from sendworthy.app.look import look
from sendworthy.app.parts import WALL, Clock
from sendworthy.app.scheduler import Job
from sendworthy.app.station import Station
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.store.alerting import AlertKind
from sendworthy.store.store import Store
from sendworthy.store.values import Fence

_LOG = logging.getLogger(__name__)

DRIFT_SECONDS = 86_400.0
"""Once a day: what was told to AWS rests on DNS, website and account, which change by hand."""


def drifted(standing: Standing) -> tuple[Drift, ...]:
    """Hold every sentence that went to AWS on this case against what is proved and said today.

    `standing` is of today's evidence, with the user's promises counted as given: they stand until withdrawn.
    """
    return drift(said(standing.facts, case=standing.case_id), standing.in_english, standing.results)


async def prove_again(config: Config, aws: Aws, store: Store, *, region: str, clock: Clock = WALL) -> tuple[Drift, ...]:
    """Look, and give what became of every sentence that was sent for `region`."""
    domains = parts.domains(config)
    evidence = await look(config, aws, regions=(region,), domains=domains, clock=clock, wide=True, store=store)
    return drifted(await stand(evidence, store, region=region, clock=clock, promised=True))


def drift_job(config: Config, running: Station) -> Job:
    """Prove again once a day what was told to AWS, and log what is no longer true, with the case it was said on.

    Nothing is looked at while nothing was ever sent to AWS.
    """
    region = running.lane.region
    case = case_id(running.account_id, region)

    async def work(_fence: Fence) -> None:
        if not said(await remembered(running.store, case), case=case):
            return
        untrue = []
        for one in await prove_again(config, running.aws, running.store, region=region, clock=running.clock):
            if one.now is Now.NOT_PROVED:
                untrue.append(alert_watch.drifted(case, one.said.claim))
                # The claim's id and not its sentence: the user's own words may hold names and addresses.
                _LOG.warning("You told AWS %s on case %s; it is no longer true: %s", one.said.claim, case, one.why)
        await running.store.alerts.see(untrue)
        others = {
            one.subject for one in await running.store.alerts.list(limit=10_000) if not one.subject.endswith(case)
        }
        await running.store.alerts.over(AlertKind.DRIFT, but=others | {one.subject for one in untrue})

    return Job(name=f"drift {case}", every_seconds=DRIFT_SECONDS, lease_seconds=600.0, work=work)
