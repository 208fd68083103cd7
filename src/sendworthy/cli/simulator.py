"""`sendworthy simulator`: the pretend Amazon SES alone."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import asdict
from datetime import UTC, datetime

import click

from sendworthy.cli.show import wait_for
from sendworthy.simulator.serve import Endpoints, Settings, serve
from sendworthy.simulator.state import DEFAULT_CALLER


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; loopback unless you must.")
@click.option(
    "--port", default=4579, show_default=True, help="HTTP port for every pretend AWS service; 0 takes a free one."
)
@click.option("--dns-port", default=4553, show_default=True, help="Port of the world's DNS server (UDP and TCP).")
@click.option("--web-port", default=4580, show_default=True, help="Port of the made-up company's website.")
@click.option("--start", type=click.DateTime(), default=None, help="Simulated time to start at (UTC); now by default.")
@click.option("--clock-factor", default=1.0, show_default=True, help="How fast simulated time runs; 0 stands still.")
@click.option(
    "--queues-on-wall-time", is_flag=True, help="SQS visibility time-outs on wall time, for clocks that leap."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON with the endpoints once ready.")
def simulator(
    host: str,
    port: int,
    dns_port: int,
    web_port: int,
    start: datetime | None,
    clock_factor: float,
    queues_on_wall_time: bool,
    as_json: bool,
) -> None:
    """Run a pretend Amazon SES with its sandbox, quota, review and events, plus SNS, SQS and STS.

    \b
    sendworthy simulator
    AWS_ENDPOINT_URL=http://127.0.0.1:4579 AWS_REGION=eu-west-1 \\
      AWS_ACCESS_KEY_ID=AKIASIMULATOR0000001 \\
      AWS_SECRET_ACCESS_KEY=simulator/secret/key/for/loopback/only00 \\
      aws sesv2 get-account
    """
    settings = Settings(
        host=host,
        port=port,
        dns_port=dns_port,
        web_port=web_port,
        start=start.replace(tzinfo=UTC) if start else None,
        clock_factor=clock_factor,
        world=True,
        queues_on_wall_time=queues_on_wall_time,
    )
    wait_for(_serve(settings, as_json=as_json))


async def _serve(settings: Settings, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def announce(endpoints: Endpoints) -> None:
        if as_json:
            click.echo(_line(endpoints))
        else:
            _tell(endpoints)

    await serve(settings, announce=announce, stop=stop)


def _line(endpoints: Endpoints) -> str:
    return json.dumps(asdict(endpoints))


def _tell(endpoints: Endpoints) -> None:
    click.echo(
        f"A pretend Amazon SES listens; stop it with Ctrl-C.\n"
        f"  AWS endpoint  {endpoints.http}   (SES v2, SNS, SQS, STS)\n"
        f"  outbox        {endpoints.http}/_sim/outbox\n"
        f"  clock         {endpoints.http}/_sim/clock\n"
        f"  DNS           {endpoints.dns}\n"
        f"  website       {endpoints.web}\n"
        f"  access key    {DEFAULT_CALLER.access_key_id}\n"
        f"  secret key    {DEFAULT_CALLER.secret_access_key}"
    )
