"""`sendworthy config`: the effective configuration, and how every command reads it."""

from __future__ import annotations

from pathlib import Path

import click

from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option
from sendworthy.config import Loaded, as_text, describe, load, template


def loaded_config(path: Path | None, **flags: object) -> Loaded:
    """Read the configuration for a command; `flags` are dotted keys with `__` for the dot (`dns__resolver`)."""
    return load(path, flags={key.replace("__", "."): value for key, value in flags.items() if value not in (None, ())})


@click.command()
@json_option
@config_option
@click.option("--template", "as_template", is_flag=True, help="Print a commented sendworthy.toml to start from.")
def config(*, as_json: bool, config_path: Path | None, as_template: bool) -> None:
    """Show the effective configuration and where each value came from; secrets are hidden.

    \b
    sendworthy config
    SENDWORTHY_STORE_URL=sqlite:///elsewhere.db sendworthy config --json
    """
    if as_template:
        click.echo(template(), nl=False)
        return
    shown = describe(loaded_config(config_path))
    if as_json:
        print_json([{"key": one.key, "value": one.value, "origin": str(one.origin)} for one in shown])
    else:
        click.echo(as_text(shown), nl=False)
