"""`sendworthy console`: a link by which a person gets into the console of a running gateway."""

from __future__ import annotations

from pathlib import Path

import click

from sendworthy.app.console import link
from sendworthy.app.station import key_file
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option


@click.command()
@click.option("--door", metavar="URL", help="Where the gateway is reached from your browser; its own address if empty.")
@json_option
@config_option
def console(*, door: str | None, as_json: bool, config_path: Path | None) -> None:
    """Print a link into the web console. It lets one browser in, once, within fifteen minutes.

    \b
    sendworthy console
    sendworthy console --door https://mail.example.com
    """
    config = loaded_config(config_path).config
    url = link(door or f"http://{config.gateway.http}", key_file(config))
    if as_json:
        print_json({"schema": "sendworthy.console_link/1", "url": url})
    else:
        click.echo(url)
