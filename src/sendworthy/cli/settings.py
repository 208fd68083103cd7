"""`sendworthy init` and `sendworthy config`: the file of what only people know, and what came of it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click

from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option
from sendworthy.config import Loaded, as_text, describe, load, template
from sendworthy.errors import ConfigError


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


@click.command()
@click.option("--company", default="", help="The name AWS's reviewers will read.")
@click.option("--website", default="", help="https://… of the company.")
@click.option("--domain", "domains", multiple=True, help="A domain to send from; repeatable.")
@click.option("--region", "regions", multiple=True, help="An AWS Region; repeatable.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("sendworthy.toml"),
    show_default=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there; the old one is kept beside it as .bak.")
def init(
    *, company: str, website: str, domains: tuple[str, ...], regions: tuple[str, ...], output: Path, force: bool
) -> None:
    """Write a commented sendworthy.toml with what you say here filled in; the rest is asked for in its comments.

    \b
    sendworthy init --company "Example Ltd" --website https://example.com --domain example.com --region eu-west-1
    """
    if output.exists() and not force:
        raise ConfigError(f"{output} is there already.", "Edit it, or give --force (the old file is kept as .bak).")
    text = template()
    for key, value in (("company", company), ("website", website), ("regions", regions), ("domains", domains)):
        if value:
            text = _fill(text, key, json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False))
    fresh = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        load(fresh, environ={})
        if output.exists():
            output.rename(output.with_name(output.name + ".bak"))
        fresh.rename(output)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}.", "Give another --output.") from error
    finally:
        fresh.unlink(missing_ok=True)
    click.echo(f"Wrote {output}. Fill in what is empty, then look: sendworthy audit")


def _fill(text: str, key: str, value: str) -> str:
    """Replace the first `key = …` of the template, keeping its comment."""
    return re.sub(
        rf"(?m)^({key} = )(?:\"\"|\[\])( *)(#.*)?$",
        lambda found: found[1] + value + (f"  {found[3]}" if found[3] else ""),
        text,
        count=1,
    )
