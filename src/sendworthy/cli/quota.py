"""`sendworthy quota`: how much may be sent, how much will be, and asking AWS for more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from sendworthy.access.forecast import Forecast, TooShort
from sendworthy.access.quota import Advice, Headroom, Quota, figure
from sendworthy.access.quota_case import OVER, QuotaCase, QuotaState
from sendworthy.access.quota_gate import Obstacle
from sendworthy.access.quota_text import Justification
from sendworthy.access.quota_usage import Hour
from sendworthy.app import parts
from sendworthy.app.quota import PROMISE, Outlook, ask, follow, in_the_way, look_ahead, wanted, write_justification
from sendworthy.app.quota_look import look_at_account
from sendworthy.audit.evidence import Unseen
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ProviderError, SendRefused, Unavailable

_region = click.option("--region", metavar="REGION", help="The Region; a quota holds for one Region.")
_per_day = click.option(
    "--per-day", type=click.IntRange(1, 10**10), metavar="N", help="Ask for this many recipients in 24 hours."
)
_per_second = click.option(
    "--per-second", type=click.IntRange(1, 10**10), metavar="N", help="Ask for this many recipients a second."
)
_changed = click.option("--changed", default="", metavar="TEXT", help="What has changed since a refusal; recorded.")


@click.group(cls=Group)
def quota() -> None:
    """How much may be sent, how much will be, and asking AWS for more."""


@quota.command()
@_region
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 91), help="Days of history to show.")
@click.option("--hours", is_flag=True, help="The last 24 hours one by one, too.")
@json_option
@config_option
def show(*, region: str | None, days: int, hours: bool, as_json: bool, config_path: Path | None) -> None:
    """Show both quotas, what is left of them, and what was sent by day (and hour).

    \b
    sendworthy quota show --region eu-west-1 --hours
    """
    outlook = wait_for(_look(loaded_config(config_path).config, region=region))
    usage = outlook.usage
    last_day = usage.hours[-24:]
    if as_json:
        print_json(
            {
                "schema": "sendworthy.quota/1",
                "region": usage.region,
                "at": usage.at,
                "headroom": outlook.headroom,
                "busiest": usage.busiest,
                "days": usage.days[-days:],
                "hours": usage.hours,
                "statistics": usage.statistics,
                "reputation": usage.standing,
                "published_rates": usage.rates,
                "cases": outlook.cases,
                "news": usage.news,
                "unknown": usage.unknown,
            }
        )
        return
    for one in outlook.headroom:
        click.echo(_headroom_line(one))
    click.echo()
    rows(("DAY", "RECIPIENTS"), [(one.day, f"{one.sent:,.0f}") for one in usage.days[-days:]], none="No whole day yet.")
    if hours:
        click.echo()
        rows(("HOUR", "RECIPIENTS", "BUSIEST MINUTE"), [_hour_row(one) for one in last_day], none="No hour yet.")
    _show_notes(outlook)
    _show_cases(outlook.cases)


@quota.command("forecast")
@_region
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 60), help="Days ahead to show.")
@json_option
@config_option
def forecast_(*, region: str | None, days: int, as_json: bool, config_path: Path | None) -> int:
    """Say what the coming days will need, when each quota is reached, when to ask, and for how much.

    The range holds 80 % of days while the past is regular; where campaigns or outages make it irregular, it says so.
    Exits 1 when it is time to ask.

    \b
    sendworthy quota forecast --region eu-west-1
    """
    outlook = wait_for(_look(loaded_config(config_path).config, region=region))
    if as_json:
        print_json(
            {
                "schema": "sendworthy.forecast/1",
                "region": outlook.usage.region,
                "at": outlook.usage.at,
                "forecast": outlook.forecast,
                "advice": outlook.advice,
                "news": outlook.usage.news,
                "unknown": outlook.usage.unknown,
            }
        )
    else:
        _show_forecast(outlook.forecast, days)
        for advice in outlook.advice:
            click.echo()
            _show_advice(advice)
        _show_notes(outlook)
    return Exit.FOUND if any(one.now and one.value for one in outlook.advice) else Exit.DONE


@quota.command()
@_region
@_per_day
@_per_second
@_changed
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the text to a file.")
@json_option
@config_option
def draft(
    *,
    region: str | None,
    per_day: int | None,
    per_second: int | None,
    changed: str,
    output: Path | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Write the justification for the support case that AWS opens: statistics, growth, and your own reasons.

    Without values it takes those that `quota forecast` says to ask for now.

    \b
    sendworthy quota draft --per-day 100000 > justification.txt
    """
    config = loaded_config(config_path).config
    outlook = wait_for(_look(config, region=region))
    asked = wanted(outlook, {Quota.DAY: per_day, Quota.RATE: per_second})
    text = write_justification(config, outlook, asked, changed=changed)
    if as_json:
        print_json({"schema": "sendworthy.justification/1", "region": outlook.usage.region, "justification": text})
        return
    _write(text, output)


@quota.command("request")
@_region
@_per_day
@_per_second
@_changed
@click.option("--despite", default="", metavar="REASON", help="Go on over what is no final no; the reason is recorded.")
@click.option("--i-confirm", "confirmed", is_flag=True, help="Your word for what is shown without it.")
@json_option
@config_option
def request_(
    *,
    region: str | None,
    per_day: int | None,
    per_second: int | None,
    changed: str,
    despite: str,
    confirmed: bool,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Ask AWS for a larger quota through Service Quotas, once. Shows first what would be asked and what is in the way.

    Refused while the reputation is not clean, while a request is open, and within a day of a refusal.

    \b
    sendworthy quota request                 shows what would be asked
    sendworthy quota request --i-confirm     asks it
    """
    config = loaded_config(config_path).config
    asked, cases = wait_for(
        _request(
            config,
            region=region,
            values={Quota.DAY: per_day, Quota.RATE: per_second},
            changed=changed,
            despite=despite,
            confirmed=confirmed,
            quiet=as_json,
        )
    )
    if as_json:
        print_json({"schema": "sendworthy.quota_request/1", "asked": asked, "cases": cases})
    elif not asked:
        click.echo("There is nothing to ask for now: see `sendworthy quota forecast`.")
    else:
        _show_cases(cases)
    return Exit.DONE if asked else Exit.FOUND


@quota.command()
@_region
@click.option("--every", default=1800.0, show_default=True, metavar="SECONDS", help="How often to look; 60 at least.")
@click.option("--once", is_flag=True, help="Look once and end.")
@json_option
@config_option
def watch(*, region: str | None, every: float, once: bool, as_json: bool, config_path: Path | None) -> int:
    """Follow the requests at Service Quotas and in GetAccount until each is over, and tell what changes.

    Exits 0 when every quota asked for is there, 1 while or where it is not.
    """
    config = loaded_config(config_path).config
    cases = wait_for(_watch(config, region=region, every=max(60.0, every), once=once, quiet=as_json))
    if as_json:
        print_json({"schema": "sendworthy.quota_cases/1", "cases": cases})
    elif not cases:
        click.echo("No larger quota was asked for.")
    granted = all(one.state is QuotaState.RAISED for one in cases)
    return Exit.DONE if granted else Exit.FOUND


async def _look(config: Config, *, region: str | None) -> Outlook:
    where = parts.regions(config, (region,) if region else ())[0]
    async with parts.opened_store(config) as store:
        return await look_ahead(config, Aws(region=where), store, region=where)


async def _request(
    config: Config,
    *,
    region: str | None,
    values: dict[Quota, float | None],
    changed: str,
    despite: str,
    confirmed: bool,
    quiet: bool,
) -> tuple[tuple[tuple[Advice, float], ...], list[QuotaCase]]:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    async with parts.opened_store(config) as store:
        outlook = await look_ahead(config, aws, store, region=where)
        asked = wanted(outlook, values)
        for one in asked:
            if not quiet:
                _show_request(one, in_the_way(config, outlook, one, changed=changed))
        cases: list[QuotaCase] = []
        for one in asked:
            try:
                cases.append(
                    await ask(config, aws, store, outlook, one, confirmed=confirmed, despite=despite, changed=changed)
                )
            except SendRefused as error:
                # One quota that may not be asked for is no reason to leave out the other, unless both were to fail.
                if len(asked) == 1 or (one is asked[-1] and not cases):
                    raise
                click.echo(f"{one[0].quota.unit}: {error.happened}", err=True)
        return asked, cases


async def _watch(config: Config, *, region: str | None, every: float, once: bool, quiet: bool) -> list[QuotaCase]:
    where = parts.regions(config, (region,) if region else ())[0]
    aws = Aws(region=where)
    caller, _ = await look_at_account(aws, where)
    if isinstance(caller, Unseen):
        raise Unavailable(f"Whose account this is could not be seen: {caller.reason}", f"It needs {caller.needs}.")
    account_id = caller.value.account_id
    async with parts.opened_store(config) as store:
        told: set[Quota] = set()
        while True:
            cases: list[QuotaCase] = []
            all_seen = True
            for one in Quota:
                try:
                    case, changed = await follow(aws, store, account_id=account_id, region=where, quota=one)
                except ProviderError as error:
                    if once or not error.retry:
                        raise
                    click.echo(f"Could not look: {error.happened}", err=True)
                    all_seen = False
                    continue
                if case.state is QuotaState.NOT_ASKED:
                    continue
                cases.append(case)
                if not quiet and (changed or one not in told):
                    _show_cases([case])
                    told.add(one)
            if once or (all_seen and all(one.state in OVER for one in cases)):
                return cases
            await asyncio.sleep(every)


def _headroom_line(one: Headroom) -> str:
    if one.limit < 0:
        return f"No limit of {one.quota.unit}."
    used = f", {one.used:,.0f} used ({one.used_share:.0%})" if one.used is not None else ""
    mean = " (a mean over the hour)" if one.by_hour and one.busiest and one.quota is Quota.RATE else ""
    return (
        f"{one.limit:,g} {one.quota.unit}{used}; the busiest of the last 28 days: "
        f"{figure(one.busiest)} ({one.busiest_share:.0%}){mean}"
    )


def _hour_row(one: Hour) -> tuple[object, ...]:
    return one.at, f"{one.sent:,}", "" if one.busiest_minute is None else f"{one.busiest_minute:,}"


def _show_forecast(outlook: Forecast | TooShort, days: int) -> None:
    if isinstance(outlook, TooShort):
        click.echo(f"There are {outlook.days} whole days of history; a forecast needs {outlook.needed}.")
        return
    click.echo(
        f"Learnt from {outlook.learnt_from} days, {outlook.first} to {outlook.last}. "
        f"{outlook.share:.0%} of days fall within the range{', on ordinary days' if not outlook.holds else ''}."
    )
    for reason in outlook.why_not:
        click.echo(f"The range does not hold: {reason}")
    click.echo()
    rows(
        ("DAY", "EXPECTED", "LOW", "HIGH"),
        [(one.day, f"{one.expected:,.0f}", f"{one.low:,.0f}", f"{one.high:,.0f}") for one in outlook.days[:days]],
        none="No day.",
    )


def _show_advice(advice: Advice) -> None:
    click.echo(f"{advice.quota.unit[0].upper()}{advice.quota.unit[1:]}: {advice.limit:,g} now")
    for reason in advice.why:
        click.echo(f"  {reason}")
    if advice.value is not None and advice.ask_by is not None:
        when = "now" if advice.now else f"by {advice.ask_by}"
        click.echo(f"  Ask {when}, for {advice.value:,g}: sendworthy quota request")
    else:
        click.echo("  There is nothing to ask for.")


def _show_notes(outlook: Outlook) -> None:
    usage = outlook.usage
    if usage.standing.why:
        click.echo(f"\nReputation (our estimate): {usage.standing.verdict}. {usage.standing.why}")
    for line in usage.news:
        click.echo(f"\n{line}")
    for line in usage.unknown:
        click.echo(f"\nNot known: {line}", err=True)


def _show_request(asked: tuple[Advice, float], obstacles: Sequence[Obstacle]) -> None:
    advice, value = asked
    click.echo(
        f"To Service Quotas goes: ses {advice.quota.value}, {value:,g} {advice.quota.unit} (now {advice.limit:,g}).",
        err=True,
    )
    for one in obstacles:
        kind = "No" if one.final else "Against it"
        click.echo(f"  {kind}: {one.id}: {one.what} {one.fix}", err=True)
    click.echo(f"  {PROMISE}", err=True)


def _show_cases(cases: Sequence[QuotaCase]) -> None:
    for one in cases:
        if one.state is QuotaState.NOT_ASKED:
            continue
        asked = f"{one.desired:,g} {one.quota.unit} asked, {one.value:,g} now" if one.desired else one.quota.unit
        click.echo(f"\n{asked}: {one.what}\nNext: {one.next_step}")
        if one.support_case:
            click.echo(f"AWS's case: {one.support_case}")
        if one.expected is not None:
            click.echo(f"Expected by {one.expected:%Y-%m-%d %H:%M} UTC (AWS: a first response within 24 hours)")
        if one.not_before is not None:
            click.echo(f"Not before {one.not_before:%Y-%m-%d %H:%M} UTC.")


def _write(text: Justification, output: Path | None) -> None:
    write(f"Subject: {text.subject}\n\n{text.body}", output)
    if len(text.pieces) > 1:
        click.echo(f"It is {len(text.pieces)} pieces of at most 8,000 characters: see --json.", err=True)
