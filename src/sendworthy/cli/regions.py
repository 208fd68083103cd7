"""`sendworthy regions`: access, quota, set-up and standing Region by Region, and a second Region after the first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from sendworthy.access.regions import RegionView, SetUp
from sendworthy.access.regions_places import PLACES
from sendworthy.app import parts
from sendworthy.app.regions import TIME_BUDGET_SECONDS, Clone, Compared, compare, plan_clone
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.provision.report import plan_text


@click.group(cls=Group, invoke_without_command=True)
@click.option("--region", "regions_", multiple=True, metavar="REGION", help="Only this Region; repeatable.")
@click.option(
    "--near", default="", metavar="REGION|LAT,LON", help="Measure distances from here; else from your first Region."
)
@click.option(
    "--within",
    default=TIME_BUDGET_SECONDS,
    show_default=True,
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="What has not answered by then is unknown.",
)
@json_option
@config_option
@click.pass_context
def regions(
    ctx: click.Context,
    *,
    regions_: tuple[str, ...],
    near: str,
    within: float,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Compare every Region that AWS documents SES for: access, quota, set-up, standing, distance, where data lies.

    Looks everywhere at once and changes nothing. A Region that is denied or does not answer is unknown, not missing.
    Exits 3 when no Region could be read.

    \b
    sendworthy regions
    sendworthy regions --region eu-west-1 --region eu-central-1 --near 52.5,13.4
    sendworthy regions clone eu-west-1 eu-central-1
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    config = loaded_config(config_path).config
    found = wait_for(_compare(config, regions_, near, within, _progress()))
    if as_json:
        print_json(
            {"schema": "sendworthy.regions/1", "at": found.at, "account_id": found.account_id, "regions": found.views}
        )
    else:
        _show(found)
    return Exit.DONE if any(one.account is not None for one in found.views) else Exit.COULD_NOT_LOOK


@regions.command()
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--domain", "domains", multiple=True, metavar="DOMAIN", help="Only this domain; repeatable.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the letter to a file.")
@json_option
@config_option
def clone(
    *,
    origin: str,
    target: str,
    domains: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Plan the Region TO after FROM, and draft a fresh request that cites FROM's approved case. Changes nothing.

    Start with one Region, expand when it is healthy: refused unless FROM is in production and its reputation clean, and
    while any Region's request stands refused.

    \b
    sendworthy regions clone eu-west-1 eu-central-1 --output letter.txt
    """
    config = loaded_config(config_path).config
    found = wait_for(_clone(config, origin, target, domains, _progress()))
    if as_json:
        print_json(
            {
                "schema": "sendworthy.clone/1",
                "from": found.origin.region,
                "to": found.target,
                "plan": found.plan,
                "letter": found.letter,
                "not_read": found.not_read,
            }
        )
        return
    click.echo(plan_text(found.plan, zone=True))
    write(f"Subject: {found.letter.subject}\n\n{found.letter.body}", output)
    click.echo(f"\nNothing was changed. Next: sendworthy apply --region {target}", err=True)
    click.echo(f"Then: sendworthy request check --region {target}", err=True)
    if found.not_read:
        click.echo(
            f"Not known: whether a request stands refused in {', '.join(found.not_read)}; they could not be read.",
            err=True,
        )


def _show(found: Compared) -> None:
    rows(
        ("REGION", "PLACE", "KM", "DATA LIES IN", "ACCESS", "A DAY", "A SECOND", "STANDING", "DOMAINS", "EVENTS"),
        [_row(one) for one in sorted(found.views, key=_order)],
        none="There is no such Region.",
    )
    unknown = [one for one in found.views if one.unknown]
    if unknown:
        click.echo(f"\n{len(unknown)} Regions are unknown:", err=True)
    for one in unknown:
        click.echo(f"  {one.region}: {one.unknown}", err=True)


def _order(one: RegionView) -> tuple[object, ...]:
    return (one.account is None, one.distance_km if one.distance_km is not None else 1e9, one.region)


def _row(one: RegionView) -> tuple[object, ...]:
    account = one.account
    quota = ("", "", "")
    if account is not None:
        day = "no limit" if account.max_24_hour_send < 0 else f"{account.max_24_hour_send:,.0f}"
        quota = (day, f"{account.max_send_rate:,g}", account.enforcement_status or "not given")
    ready = sum(state is SetUp.READY for state in one.domains.values())
    return (
        one.region,
        one.place.name if one.place else "",
        "" if one.distance_km is None else f"{one.distance_km:,.0f}",
        one.place.residence if one.place else "",
        one.verdict,
        *quota,
        f"{ready} of {len(one.domains)} ready" if one.domains and account is not None else "",
        {True: "reported", False: "none", None: "unknown"}[one.reported] if account is not None else "",
    )


def _progress() -> Callable[[str], None] | None:
    return (lambda line: click.echo(f"  … {line}", err=True)) if sys.stderr.isatty() else None


async def _compare(
    config: Config, asked: tuple[str, ...], near: str, within: float, progress: Callable[[str], None] | None
) -> Compared:
    home = parts.regions(config, asked)[0]
    return await compare(
        Aws(region=home),
        regions=asked,
        domains=parts.domains(config),
        near=near or (home if home in PLACES else ""),
        time_budget_seconds=within,
        progress=progress,
    )


async def _clone(
    config: Config, origin: str, target: str, domains: tuple[str, ...], progress: Callable[[str], None] | None
) -> Clone:
    async with parts.opened_store(config) as store:
        return await plan_clone(
            config,
            Aws(region=origin),
            store,
            origin=origin,
            target=target,
            domains=parts.domains(config, domains),
            progress=progress,
        )
