"""`sendworthy audit`: what AWS's reviewers and mailbox providers see."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.look import look
from sendworthy.audit.check import Severity
from sendworthy.audit.evidence import Evidence, from_json, to_json
from sendworthy.audit.report.json import audit_json
from sendworthy.audit.report.text import audit_text
from sendworthy.audit.runner import exit_code, run
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import config_option, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError


@click.command()
@click.argument("domains", nargs=-1)
@click.option("--region", "regions", multiple=True, metavar="REGION", help="AWS Region to look at; repeatable.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to a file.")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Keep what was seen, for --from.")
@click.option(
    "--from",
    "saved",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Judge what --save kept; nothing is looked at.",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(one) for one in Severity]),
    default=str(Severity.MEDIUM),
    show_default=True,
    help="Exit 1 if a check of at least this severity fails, 3 if one could not look.",
)
@click.option("--resolver", metavar="HOST:PORT", help="DNS server to ask instead of the system's.")
@click.option("--time-budget", default=60.0, show_default=True, metavar="SECONDS", help="For all looking together.")
@config_option
def audit(
    *,
    domains: tuple[str, ...],
    regions: tuple[str, ...],
    shape: str,
    as_json: bool,
    output: Path | None,
    save: Path | None,
    saved: Path | None,
    fail_on: str,
    resolver: str | None,
    time_budget: float,
    config_path: Path | None,
) -> int:
    """Look at the account, the domains' DNS, the event wiring and the website, and say what stands in the way.

    Nothing is changed. What could not be looked at is unknown, never passed.

    \b
    sendworthy audit example.com --region eu-west-1
    sendworthy audit --format json --output report.json --fail-on high
    sendworthy audit --save evidence.json && sendworthy audit --from evidence.json
    """
    if saved is not None:
        evidence = _saved(saved)
    else:
        config = loaded_config(config_path, dns__resolver=resolver).config
        evidence = wait_for(_look(config, domains=domains, regions=regions, seconds=time_budget))
    if save is not None:
        write(to_json(evidence).decode(), save)
    report = run(evidence)
    if as_json or shape == "json":
        write(audit_json(report).decode().rstrip("\n"), output)
    else:
        write(audit_text(report, colour=output is None and sys.stdout.isatty()).rstrip("\n"), output)
    return exit_code(report, Severity(fail_on))


async def _look(config: Config, *, domains: tuple[str, ...], regions: tuple[str, ...], seconds: float) -> Evidence:
    where = parts.regions(config, regions)
    say = (lambda line: click.echo(line, err=True)) if sys.stderr.isatty() else None
    return await look(
        config,
        Aws(region=where[0]),
        regions=where,
        domains=parts.domains(config, domains),
        time_budget_seconds=seconds,
        progress=say,
    )


def _saved(path: Path) -> Evidence:
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Give a file that --save wrote.") from error
