"""`sendworthy simulator`: the pretend Amazon SES alone."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import click
import msgspec

from sendworthy.cli.show import wait_for
from sendworthy.errors import ConfigError
from sendworthy.simulator.serve import Endpoints, Settings, serve
from sendworthy.simulator.state import DEFAULT_CALLER, Caller, check_caller


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; loopback unless you must.")
@click.option(
    "--port", default=4579, show_default=True, help="HTTP port for every pretend AWS service; 0 takes a free one."
)
@click.option("--smtp-port", default=4587, show_default=True, help="SMTP port (STARTTLS and AUTH, as SES has them).")
@click.option("--dns-port", default=4553, show_default=True, help="Port of the world's DNS server (UDP and TCP).")
@click.option("--web-port", default=4580, show_default=True, help="Port of the made-up company's website.")
@click.option("--start", type=click.DateTime(), default=None, help="Simulated time to start at (UTC); now by default.")
@click.option("--clock-factor", default=1.0, show_default=True, help="How fast simulated time runs; 0 stands still.")
@click.option(
    "--queues-on-wall-time", is_flag=True, help="SQS visibility time-outs on wall time, for clocks that leap."
)
@click.option(
    "--reviewer",
    type=click.Choice(["script", "rules"]),
    default="script",
    show_default=True,
    help="Who answers requests for production access: a script that grants next day, or rules that read the account.",
)
@click.option(
    "--firehose-directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="DIR",
    help="Where Firehose delivery streams write their files; without it they write none.",
)
@click.option(
    "--state",
    "state_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Keep the state in FILE, so that it outlives a restart; in memory by default.",
)
@click.option(
    "--callers",
    "callers_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Access keys of more accounts: JSON, a list of access_key_id, secret_access_key, account_id, user.",
)
@click.option(
    "--outbox-limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="How many of the last messages are kept to be looked at.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON with the endpoints once ready.")
def simulator(
    host: str,
    port: int,
    smtp_port: int,
    dns_port: int,
    web_port: int,
    start: datetime | None,
    clock_factor: float,
    queues_on_wall_time: bool,
    reviewer: str,
    firehose_directory: Path | None,
    state_path: Path | None,
    callers_path: Path | None,
    outbox_limit: int,
    as_json: bool,
) -> None:
    """Run a pretend Amazon SES with its sandbox, quota, review and events, and the services that it touches.

    Every message it takes is kept to be looked at in a browser, at /_sim/outbox of the HTTP port; none leaves.

    \b
    sendworthy simulator
    AWS_ENDPOINT_URL=http://127.0.0.1:4579 AWS_REGION=eu-west-1 \\
      AWS_ACCESS_KEY_ID=AKIASIMULATOR0000001 \\
      AWS_SECRET_ACCESS_KEY=simulator/secret/key/for/loopback/only00 \\
      aws sesv2 get-account

    \b
    sendworthy simulator --state ses.json      the same account again tomorrow
    sendworthy simulator --clock-factor 3600   an hour a second
    sendworthy simulator --reviewer rules      a reviewer who reads what the account really has
    """
    settings = Settings(
        host=_address(host),
        port=port,
        smtp_port=smtp_port,
        dns_port=dns_port,
        web_port=web_port,
        start=start.replace(tzinfo=UTC) if start else None,
        clock_factor=clock_factor,
        world=True,
        queues_on_wall_time=queues_on_wall_time,
        reviewer=reviewer,
        firehose_directory=firehose_directory,
        state=state_path,
        callers=(DEFAULT_CALLER, *_callers(callers_path)),
        outbox_limit=outbox_limit,
    )
    wait_for(_serve(settings, as_json=as_json))


async def _serve(settings: Settings, *, as_json: bool) -> None:
    # Thousands of messages are kept, all of them small values without cycles: looking through them for garbage with
    # every few hundred new ones, as Python does by itself, takes a third of the time that accepting them does.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def announce(endpoints: Endpoints) -> None:
        if as_json:
            click.echo(_line(endpoints))
        else:
            _tell(endpoints)

    try:
        await serve(settings, announce=announce, stop=stop)
    except ConfigError as error:
        if "in use" not in error.happened:
            raise
        where = "--port, --smtp-port, --dns-port or --web-port"
        raise ConfigError(error.happened, f"Is another simulator running? Otherwise give another {where}.") from error


def _address(host: str) -> str:
    """Give the host back. Raises ConfigError for a name or IPv6: the world's zones hold it in A records."""
    try:
        return str(IPv4Address(host))
    except ValueError as error:
        raise ConfigError(f"--host: `{host}` is no IPv4 address.", "Write it like 127.0.0.1.") from error


def _callers(path: Path | None) -> tuple[Caller, ...]:
    if path is None:
        return ()
    try:
        found = msgspec.json.decode(path.read_bytes(), type=tuple[Caller, ...])
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Give another --callers.") from error
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{path} is no list of callers: {error}.",
            'Write [{"access_key_id": "AKIA…", "secret_access_key": "…", "account_id": "111122223333"}].',
        ) from error
    for each in found:
        check_caller(each)
    return found


def _line(endpoints: Endpoints) -> str:
    return json.dumps(asdict(endpoints))


def _tell(endpoints: Endpoints) -> None:
    click.echo(
        f"A pretend Amazon SES listens; stop it with Ctrl-C.\n"
        f"  AWS endpoint  {endpoints.http}\n"
        f"  SMTP          {endpoints.smtp}   (the password is derived from the secret key, as SES's is)\n"
        f"  outbox        {endpoints.http}/_sim/outbox\n"
        f"  clock         {endpoints.http}/_sim/clock\n"
        f"  DNS           {endpoints.dns}\n"
        f"  website       {endpoints.web}\n"
        f"  access key    {DEFAULT_CALLER.access_key_id}\n"
        f"  secret key    {DEFAULT_CALLER.secret_access_key}"
    )
