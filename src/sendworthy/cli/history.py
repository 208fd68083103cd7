"""`sendworthy history`: what was sent before, through others, from their exports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sendworthy.access.history import Month
from sendworthy.app import parts
from sendworthy.app.history import take_in
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config
from sendworthy.errors import ConfigError

_LARGEST_BYTES = 1_000_000_000


@click.group(cls=Group)
def history() -> None:
    """Bring what you sent before, through other providers: volumes and rates by month, with their source."""


@history.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--source", default="", metavar="NAME", help="Whose figures a plain CSV holds, as a letter may name it.")
@click.option(
    "--complete",
    is_flag=True,
    help="Your word that event files hold every kind of event: what they do not show did not happen.",
)
@click.option("--replace", is_flag=True, help="Put these figures in the place of those on record.")
@json_option
@config_option
def import_(
    *, files: tuple[Path, ...], source: str, complete: bool, replace: bool, as_json: bool, config_path: Path | None
) -> None:
    """Read exports into months: plain CSV, and the exports of SendGrid, Mailgun and Postmark.

    Give all files of a time at once: an event that stands in two of them counts once. No address is kept.

    \b
    sendworthy history import sent.csv --source Mailchimp      columns date, sent, hard_bounces, complaints
    sendworthy history import events-1.json events-2.json      SendGrid, Mailgun or Postmark, by their fields
    """
    config = loaded_config(config_path).config
    read = [(path.name, _bytes(path)) for path in files]
    months = wait_for(_take_in(config, read, source=source.strip(), complete=complete, replace=replace))
    _print(months, as_json=as_json)


@history.command()
@json_option
@config_option
def show(*, as_json: bool, config_path: Path | None) -> None:
    """Show the months on record."""
    _print(wait_for(_months(loaded_config(config_path).config)), as_json=as_json)


@history.command()
@click.argument("source")
@config_option
def remove(*, source: str, config_path: Path | None) -> int:
    """Take the months of one SOURCE off the record.

    \b
    sendworthy history remove Mailchimp
    """
    count = wait_for(_remove(loaded_config(config_path).config, source))
    click.echo(f"{count} months of {source} are off the record.")
    return Exit.DONE if count else Exit.FOUND


def _print(months: Sequence[Month], *, as_json: bool) -> None:
    if as_json:
        print_json({"schema": "sendworthy.history/1", "months": [_row(one) for one in months]})
        return
    rows(
        ("SOURCE", "MONTH", "SENT", "HARD BOUNCES", "RATE", "COMPLAINTS", "RATE", "DAYS"),
        [
            (
                one.source,
                f"{one.month:%Y-%m}",
                _count(one.sent),
                _count(one.hard_bounces),
                _rate(one.bounce_rate, 2),
                _count(one.complaints),
                _rate(one.complaint_rate, 3),
                f"{one.first.day} to {one.last.day}" if one.partial else "all",
            )
            for one in months
        ],
        none="There is no history from elsewhere on record.",
    )


def _row(one: Month) -> dict[str, object]:
    return {
        "source": one.source,
        "month": f"{one.month:%Y-%m}",
        "first": one.first,
        "last": one.last,
        "sent": one.sent,
        "hard_bounces": one.hard_bounces,
        "complaints": one.complaints,
        "bounce_rate": one.bounce_rate,
        "complaint_rate": one.complaint_rate,
    }


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _rate(rate: float | None, digits: int) -> str:
    return "unknown" if rate is None else f"{rate:.{digits}%}"


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigError(f"{path} has more than {_LARGEST_BYTES:,} bytes.", "Split it by month.")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Give the path of an export.") from error


async def _take_in(
    config: Config, files: Sequence[tuple[str, bytes]], *, source: str, complete: bool, replace: bool
) -> tuple[Month, ...]:
    async with parts.opened_store(config) as store:
        return await take_in(store, files, source=source, complete=complete, replace=replace)


async def _months(config: Config) -> tuple[Month, ...]:
    async with parts.opened_store(config) as store:
        return await store.usage.months()


async def _remove(config: Config, source: str) -> int:
    async with parts.opened_store(config) as store:
        return await store.usage.drop_months(source)
