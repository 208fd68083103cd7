"""`sendworthy plan`, `apply` and `export`: what is missing at AWS and in DNS, shown first, then carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.fit import Fitted, fit_out, look_and_plan
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.clients.provision import Outcome
from sendworthy.config import Config
from sendworthy.provision.plan import Plan
from sendworthy.provision.report import plan_text
from sendworthy.provision.step import Step, StepStatus
from sendworthy.provision.zone import zone_text

_domains = click.argument("domains", nargs=-1)
_region = click.option("--region", metavar="REGION", help="AWS Region to fit out.")
_resolver = click.option("--resolver", metavar="HOST:PORT", help="DNS server to ask instead of the system's.")
_calls = click.option("--calls", is_flag=True, help="Show every AWS call with its parameters.")


@click.command()
@_domains
@_region
@_resolver
@_calls
@json_option
@config_option
def plan(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    calls: bool,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Show what is missing: steps at AWS with before and after, and the DNS records to publish. Changes nothing.

    Exits 1 when there is something to do, 3 when something could not be seen.

    \b
    sendworthy plan example.com --region eu-west-1
    """
    config = loaded_config(config_path, dns__resolver=resolver).config
    planned = wait_for(_plan(config, region=region, domains=domains))
    if as_json:
        print_json(planned)
    else:
        click.echo(plan_text(planned, calls=calls, zone=True), nl=False)
    return _exit_for(planned)


@click.command()
@_domains
@_region
@_resolver
@_calls
@click.option("--yes", is_flag=True, help="Carry the plan out without asking.")
@config_option
def apply(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    calls: bool,
    yes: bool,
    config_path: Path | None,
) -> int:
    """Show the plan, ask, and carry out its steps at AWS in order. DNS records are yours to publish.

    What exists is adopted; run again after a failure it does what is left.

    \b
    sendworthy apply example.com --region eu-west-1
    """
    config = loaded_config(config_path, dns__resolver=resolver).config

    def agree(planned: Plan) -> bool:
        click.echo(plan_text(planned, calls=calls), nl=False)
        return yes or click.confirm(f"Carry out these {len(planned.to_carry_out)} steps at AWS?")

    fitted = wait_for(_fit_out(config, region=region, domains=domains, agree=agree))
    if not fitted.agreed:
        click.echo("Nothing was changed.", err=True)
        return Exit.FOUND
    if fitted.error is not None:
        raise fitted.error
    click.echo(plan_text(fitted.plan, zone=True), nl=False)
    return _exit_for(fitted.plan)


@click.group()
def export() -> None:
    """Write the plan for other tools."""


@export.command()
@_domains
@_region
@_resolver
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--all", "everything", is_flag=True, help="Published records too, not just the missing ones.")
@config_option
def zone(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    output: Path | None,
    everything: bool,
    config_path: Path | None,
) -> None:
    """Write the DNS records as lines of a zone file (RFC 1035), every name absolute.

    \b
    sendworthy export zone example.com --region eu-west-1 >> example.com.zone
    """
    config = loaded_config(config_path, dns__resolver=resolver).config
    planned = wait_for(_plan(config, region=region, domains=domains))
    records = planned.records if everything else planned.to_publish
    if not records:
        click.echo("There is no record to publish.", err=True)
    write(zone_text(records).rstrip("\n"), output)


async def _plan(config: Config, *, region: str | None, domains: tuple[str, ...]) -> Plan:
    where = parts.regions(config, (region,) if region else ())[0]
    _, planned = await look_and_plan(config, Aws(region=where), region=where, domains=parts.domains(config, domains))
    return planned


async def _fit_out(
    config: Config, *, region: str | None, domains: tuple[str, ...], agree: Callable[[Plan], bool]
) -> Fitted:
    where = parts.regions(config, (region,) if region else ())[0]
    return await fit_out(
        config,
        Aws(region=where),
        region=where,
        domains=parts.domains(config, domains),
        agree=agree,
        on_step=_tell,
    )


def _tell(step: Step, outcome: Outcome | None) -> None:
    if outcome is None:
        if sys.stderr.isatty():
            click.echo(f"  … {step.title}", err=True)
        return
    click.echo(f"  {outcome.kind}: {step.title}")


def _exit_for(planned: Plan) -> Exit:
    if planned.with_status(StepStatus.BLOCKED):
        return Exit.COULD_NOT_LOOK
    needed = planned.with_status(StepStatus.NEEDED) or planned.with_status(StepStatus.REFUSED)
    return Exit.FOUND if needed else Exit.DONE
