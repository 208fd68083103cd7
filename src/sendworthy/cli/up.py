"""`sendworthy up`: the gateway, its worker and the intake of events, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.station import Station
from sendworthy.app.up import up as run_up
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import config_option, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import certificate_file, download_certificate
from sendworthy.config import Config


@click.command()
@click.option("--region", metavar="REGION", help="The Region to send in.")
@click.option("--role", type=click.Choice(["all"]), default="all", show_default=True, help="Which part to run here.")
@config_option
def up(*, region: str | None, role: str, config_path: Path | None) -> None:
    """Run the gateway: take mail, send it within the quota, take events in. Ctrl-C or SIGTERM ends it cleanly.

    \b
    sendworthy keys create shop --stream transactional
    sendworthy up
    """
    del role  # one process runs every role on SQLite
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("sendworthy").setLevel(logging.INFO)
    wait_for(_up(loaded_config(config_path).config, region=region))


async def _up(config: Config, *, region: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    where = parts.regions(config, (region,) if region else ())[0]
    certificate = certificate_file(config.events.certificate) if config.events.certificate else download_certificate
    await run_up(config, Aws(region=where), stop=stop, announce=_announce, certificate=certificate)
    click.echo("Stopped; nothing is on the wire.", err=True)


def _announce(station: Station) -> None:
    click.echo(
        f"The gateway listens on {station.url} and sends as account {station.account_id} in {station.lane.region}.",
        err=True,
    )
    if not station.intakes:
        click.echo("There is no event queue yet, so outcomes stay unknown: sendworthy plan", err=True)
