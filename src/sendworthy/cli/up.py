"""`sendworthy up`: the gateway, its worker and the intake of events, until told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from sendworthy.app import logs, parts
from sendworthy.app.apart import Parent, WorkerApart
from sendworthy.app.console import link
from sendworthy.app.station import Station, key_file
from sendworthy.app.up import ALONE, ROLES, Beside
from sendworthy.app.up import up as run_up
from sendworthy.app.ways_out import announced
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import config_option, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.clients.certificates import certificate_file, download_certificate
from sendworthy.config import Config


@click.command()
@click.option("--region", metavar="REGION", help="The Region to send in.")
@click.option(
    "--role",
    "roles",
    type=click.Choice(["all", *ROLES]),
    multiple=True,
    default=("all",),
    show_default=True,
    help="Which part to run here; repeatable. Anything but all needs PostgreSQL.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to log."
)
@click.option("--under", type=int, hidden=True, help="The worker's end of the way to the process that started it.")
@config_option
def up(
    *, region: str | None, roles: tuple[str, ...], log_format: str, under: int | None, config_path: Path | None
) -> None:
    """Run the gateway: take mail, send it within the quota, take events in. Ctrl-C or SIGTERM ends it cleanly.

    \b
    sendworthy keys create shop --stream transactional
    sendworthy up
    sendworthy up --role gateway --log-format json
    """
    config = loaded_config(config_path).config
    logs.begin(config, as_json=log_format == "json", key_file=key_file(config))
    again = [sys.executable, "-m", "sendworthy", "up", "--role=worker", f"--log-format={log_format}"]
    again += [f"--config={config_path}"] if config_path else []
    wait_for(_up(config, region=region, roles=ROLES if "all" in roles else roles, under=under, again=again))


async def _up(
    config: Config, *, region: str | None, roles: tuple[str, ...], under: int | None, again: Sequence[str]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    where = parts.regions(config, (region,) if region else ())[0]
    certificate = certificate_file(config.events.certificate) if config.events.certificate else download_certificate
    beside = ALONE
    if under is not None:
        beside = Beside(parent=Parent(under))
    elif config.gateway.worker_process and {"gateway", "worker"} <= set(roles):
        beside = Beside(worker=WorkerApart([*again, f"--region={where}", "--under"]))
        roles = tuple(role for role in roles if role != "worker")
    await run_up(
        config,
        Aws(region=where),
        stop=stop,
        announce=partial(_announce, config) if under is None else _announce_nothing,
        roles=roles,
        certificate=certificate,
        beside=beside,
    )
    if under is None:
        click.echo("Stopped; nothing is on the wire.", err=True)


def _announce_nothing(_: Station) -> None:
    """Leave the words to the process above."""


def _announce(config: Config, station: Station) -> None:
    where = f"account {station.account_id} in {station.lane.region}"
    if station.url:
        click.echo(f"The gateway listens on {station.url} and sends as {where}.", err=True)
    else:
        click.echo(f"Running for {where}; the gateway's doors are another process's.", err=True)
    if station.url:
        click.echo(f"Console, for the next fifteen minutes: {link(station.url, key_file(config))}", err=True)
    if station.public:
        click.echo(f"Outside door for {config.gateway.public_url}: {station.public}", err=True)
    if station.smtp:
        click.echo(f"SMTP submission: {station.smtp}, certificate SHA-256 {station.fingerprint}", err=True)
    if about_relay := announced(config):
        click.echo(about_relay, err=True)
    if not station.intakes:
        click.echo("There is no event queue yet, so outcomes stay unknown: sendworthy plan", err=True)
