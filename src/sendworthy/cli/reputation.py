"""`sendworthy reputation`: how the account stands by its bounces and complaints, and the brake on bulk mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sendworthy.app import parts
from sendworthy.app.brake import release
from sendworthy.app.reputation import Part, Published, Reputation, look
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.reputation.standing import Verdict
from sendworthy.store.values import PauseScope


@click.group(cls=Group)
def reputation() -> None:
    """How the account stands by its bounces and complaints."""


@reputation.command()
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 365), help="What was heard in these days.")
@click.option("--region", "regions", multiple=True, metavar="REGION", help="Whose rates AWS is asked for. Repeatable.")
@json_option
@config_option
def show(*, days: int, regions: tuple[str, ...], as_json: bool, config_path: Path | None) -> int:
    """Show AWS's published rates beside our estimate by stream and mailbox provider.

    AWS counts hard bounces and complaints over volumes that it does not publish; its rates decide. The estimate counts
    what was heard of our own mail. Exits 1 unless every verdict is healthy, 3 where AWS's rates could not be read.

    \b
    sendworthy reputation show --days 1
    """
    found = wait_for(_look(loaded_config(config_path).config, days, regions))
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found)
    verdicts = {one.standing.verdict for one in found.streams.values()} | {
        one.verdict for one in found.published if one.verdict != "unknown"
    }
    if verdicts - {Verdict.HEALTHY} or found.brake.held:
        return Exit.FOUND
    return Exit.COULD_NOT_LOOK if found.unknown else Exit.DONE


@reputation.command()
@config_option
def resume(*, config_path: Path | None) -> int:
    """Let bulk mail go on that the brake has held. What was heard before counts no more against it.

    Find the cause first: AWS counts on.
    """
    released, keys = wait_for(_release(loaded_config(config_path).config))
    click.echo("Bulk mail goes on." if released else "The brake holds nothing.")
    for key in keys:
        click.echo(f"The key {key} is paused by itself: sendworthy keys resume {key}", err=True)
    return Exit.DONE if released else Exit.FOUND


async def _look(config: Config, days: int, regions: tuple[str, ...]) -> Reputation:
    async with parts.opened_store(config) as store:
        try:
            wanted = parts.regions(config, regions)
            aws = Aws(region=wanted[0])
        except ConfigError as error:
            # Our own record tells its part without AWS.
            found = await look(config, None, store, days=days, regions=())
            return replace(found, unknown=(f"AWS's own rates could not be read: {error.happened}",))
        return await look(config, aws, store, days=days, regions=wanted)


async def _release(config: Config) -> tuple[bool, list[str]]:
    async with parts.opened_store(config) as store:
        released = await release(store, now=parts.WALL.now(), by="a person")
        return released, [one.name for one in await store.pauses() if one.scope is PauseScope.KEY]


def _as_json(found: Reputation) -> dict[str, Any]:
    brake = found.brake
    return {
        "schema": "sendworthy.reputation/1",
        "estimate": True,
        "days": found.days,
        "streams": _parts(found.streams),
        "providers": _parts(found.providers),
        "published": found.published,
        "thresholds": found.limits,
        "brake": {
            "verdict": brake.standing.verdict,
            "why": brake.standing.why,
            "held": brake.held,
            "waits_for_a_person": brake.by_person,
        },
        "unknown": found.unknown,
    }


def _parts(found: Mapping[Any, Part]) -> dict[str, dict[str, Any]]:
    return {
        str(name): {
            "sent": one.sent,
            "hard_bounces": one.hard_bounces,
            "complaints": one.complaints,
            "bounce_rate": one.standing.bounce_rate,
            "complaint_rate": one.standing.complaint_rate,
            "verdict": one.standing.verdict,
            "why": one.standing.why,
        }
        for name, one in found.items()
    }


def _show(found: Reputation) -> None:
    click.echo("AWS's own rates (Reputation.*, over volumes that it does not publish):")
    rows(
        ("REGION", "BOUNCES", "COMPLAINTS", "AS OF", "VERDICT"),
        [_published_row(one) for one in found.published],
        none="Not known.",
    )
    click.echo(f"\nOur estimate, by what was heard in the last {found.days} days:")
    lines = [("stream", str(name), one) for name, one in found.streams.items()]
    lines += [("provider", name, one) for name, one in found.providers.items()]
    rows(
        ("OF", "NAME", "HEARD", "BOUNCES", "COMPLAINTS", "VERDICT", "WHY"),
        [
            (
                of,
                name,
                f"{one.sent:,}",
                f"{one.standing.bounce_rate:.2%}",
                f"{one.standing.complaint_rate:.3%}",
                one.standing.verdict,
                one.standing.why,
            )
            for of, name, one in lines
        ],
        none="Nothing was heard.",
    )
    limits = found.limits
    click.echo(
        f"\nThresholds: bounces warn {limits.bounce_warn:.1%}, slow {limits.bounce_slow:.1%}, stop "
        f"{limits.bounce_stop:.1%}; complaints {limits.complaint_warn:.2%}, {limits.complaint_slow:.2%}, "
        f"{limits.complaint_stop:.2%}; from {limits.least_sent} messages with {limits.least_bounces} bounces or "
        f"{limits.least_complaints} complaints."
    )
    if found.brake.held is not None:
        click.echo(f"\nBulk mail is held since {found.brake.held.at:%Y-%m-%d %H:%M} UTC: {found.brake.held.reason}")
        click.echo("Find the cause, then: sendworthy reputation resume")
    for one in found.unknown:
        click.echo(f"\nunknown: {one}")


def _published_row(one: Published) -> tuple[object, ...]:
    bounce = "unknown" if one.bounce_rate is None else f"{one.bounce_rate:.2%}"
    complaint = "unknown" if one.complaint_rate is None else f"{one.complaint_rate:.3%}"
    return one.region, bounce, complaint, one.at, one.verdict
