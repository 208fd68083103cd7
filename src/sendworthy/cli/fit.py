"""`sendworthy plan`, `apply` and `destroy`: what is missing at AWS and in DNS, shown first, then carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.destroy import Destroyed, TakeBack, take_back
from sendworthy.app.fit import Fitted, fit_out, look_and_plan
from sendworthy.app.publish import Waited, look_at_zone, publish, wait_for_dns
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, wait_for
from sendworthy.clients.aws import Aws
from sendworthy.clients.provision import Outcome
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.provision.plan import Plan
from sendworthy.provision.report import plan_text, publication_text, take_back_text
from sendworthy.provision.route53 import Publication
from sendworthy.provision.step import DnsRecord, Step, StepStatus
from sendworthy.store.store import Store

domains_argument = click.argument("domains", nargs=-1)
region_option = click.option("--region", metavar="REGION", help="AWS Region to fit out.")
resolver_option = click.option("--resolver", metavar="HOST:PORT", help="DNS server to ask instead of the system's.")
_calls = click.option("--calls", is_flag=True, help="Show every AWS call with its parameters.")
_allow = click.option(
    "--allow", multiple=True, metavar="STEP", help="Take a step that can hurt; its name is in the plan. Repeatable."
)
_yes = click.option("--yes", is_flag=True, help="Answer every question with yes.")


@click.command()
@domains_argument
@region_option
@resolver_option
@_calls
@_allow
@json_option
@config_option
def plan(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    calls: bool,
    allow: tuple[str, ...],
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Show what is missing: steps at AWS with before and after, and the DNS records to publish. Changes nothing.

    Exits 1 when there is something to do, 3 when something could not be seen.

    \b
    sendworthy plan example.com --region eu-west-1
    sendworthy plan --calls --json
    """
    config = loaded_config(config_path, dns__resolver=resolver).config
    planned = wait_for(planned_for(config, region=region, domains=domains, allow=allow))
    if as_json:
        print_json(planned)
    else:
        click.echo(plan_text(planned, calls=calls, zone=True), nl=False)
    return _exit_for(planned)


@click.command()
@domains_argument
@region_option
@resolver_option
@_calls
@_allow
@click.option("--route53", "zone_id", metavar="ZONE_ID", help="Publish the DNS records in this Route 53 zone.")
@click.option("--wait", is_flag=True, help="Wait until DNS has the records and SES has verified them.")
@click.option(
    "--wait-minutes", type=click.FloatRange(0.0, 4320.0), default=60.0, show_default=True, help="How long to wait."
)
@_yes
@json_option
@config_option
def apply(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    calls: bool,
    allow: tuple[str, ...],
    zone_id: str | None,
    wait: bool,
    wait_minutes: float,
    yes: bool,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Show the plan, ask, and carry out its steps at AWS in order.

    DNS records are yours to publish, unless you name their Route 53 zone. What exists is adopted; run again after a
    failure it does what is left. A step that can hurt something in use is left out until you name it.

    \b
    sendworthy apply example.com --region eu-west-1
    sendworthy apply --route53 Z0123456789ABCDEFGHIJ --wait
    sendworthy apply --allow feedback_forwarding:example.com
    """
    config = loaded_config(config_path, dns__resolver=resolver).config
    say = _Saying(yes=yes, as_json=as_json, calls=calls)
    run = _Apply(config, say, region=region, domains=domains, allow=allow)
    return wait_for(run.carry_out(zone_id=zone_id, patience_seconds=wait_minutes * 60 if wait else None))


@click.command()
@domains_argument
@region_option
@resolver_option
@_calls
@_yes
@json_option
@config_option
def destroy(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    calls: bool,
    yes: bool,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Take back what `apply` made, and nothing else. What is in use is kept, with the reason.

    What was there before is as it was. Exits 1 when something of ours is left.

    \b
    sendworthy destroy --region eu-west-1
    """
    config = loaded_config(config_path, dns__resolver=resolver).config
    say = _Saying(yes=yes, as_json=as_json, calls=calls)
    destroyed = wait_for(_destroy(config, say, region=region, domains=domains))
    if as_json:
        print_json(destroyed)
    elif destroyed.agreed:
        say.line("Nothing of ours is left." if destroyed.complete else "What is in use is left.")
    if not destroyed.agreed:
        say.line("Nothing was changed.")
        return Exit.FOUND
    if destroyed.error is not None:
        raise destroyed.error
    return Exit.DONE if destroyed.complete else Exit.FOUND


class _Saying:
    """What a flow says and asks on its way: on standard output, or on standard error when that is for JSON."""

    def __init__(self, *, yes: bool, as_json: bool, calls: bool) -> None:
        if as_json and not yes:
            raise ConfigError(
                "With --json nobody is asked, so nothing can be agreed to.", "Look first, then add --yes."
            )
        self._yes = yes
        self.quiet = as_json
        self.calls = calls

    def line(self, text: str) -> None:
        """Say one line or more."""
        click.echo(text, err=self.quiet, nl=not text.endswith("\n"))

    def asks(self, question: str) -> bool:
        """Ask, unless the answer was given beforehand. Raises ConfigError when there is nobody to ask."""
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise ConfigError("There is no terminal to ask on, so nothing was changed.", "Give --yes to agree.")
        return click.confirm(question, err=True)

    def step(self, step: Step, outcome: Outcome | None) -> None:
        """Tell that a step begins, on a terminal, and what came of it."""
        if outcome is not None:
            self.line(f"  {outcome.kind}: {step.title}")
        elif sys.stderr.isatty():
            click.echo(f"  … {step.title}", err=True)


class _Apply:
    """One run of `apply`."""

    def __init__(
        self, config: Config, say: _Saying, *, region: str | None, domains: tuple[str, ...], allow: tuple[str, ...]
    ) -> None:
        self._config = config
        self._say = say
        self._region = parts.regions(config, (region,) if region else ())[0]
        self._domains = parts.domains(config, domains)
        self._allow = allow
        self._aws = Aws(region=self._region)

    async def carry_out(self, *, zone_id: str | None, patience_seconds: float | None) -> int:
        """Fit out, publish, wait, and look again; give the exit code."""
        async with parts.opened_store(self._config) as store:
            if zone_id is not None:
                await look_at_zone(self._aws, zone_id, ())  # a wrong zone is told before anything is changed
            fitted = await self._fit_out(store)
            if not fitted.agreed:
                self._say.line("Nothing was changed.")
                return Exit.FOUND
            if fitted.error is not None:
                raise fitted.error
            planned, published, waited = fitted.plan, None, None
            records = planned.to_publish
            if zone_id is not None and records:
                published = await self._publish(store, zone_id, records, fitted.account)
            if patience_seconds is not None:
                waited = await self._wait(records, patience_seconds)
            if published is not None or waited is not None:
                _, planned = await look_and_plan(
                    self._config, self._aws, region=self._region, domains=self._domains, store=store, allow=()
                )
        if self._say.quiet:
            print_json({"plan": planned, "outcomes": fitted.outcomes, "route53": published, "waited": waited})
        else:
            click.echo(plan_text(planned, zone=True), nl=False)
        return _exit_for(planned)

    async def _fit_out(self, store: Store) -> Fitted:
        def agree(planned: Plan) -> bool:
            self._say.line(plan_text(planned, calls=self._say.calls))
            return self._say.asks(f"Carry out these {len(planned.to_carry_out)} steps at AWS?")

        return await fit_out(
            self._config,
            self._aws,
            region=self._region,
            domains=self._domains,
            agree=agree,
            on_step=self._say.step,
            store=store,
            allow=self._allow,
        )

    async def _publish(self, store: Store, zone_id: str, records: tuple[DnsRecord, ...], account: str) -> Publication:
        zone, planned = await look_at_zone(self._aws, zone_id, records)
        self._say.line(publication_text(planned, zone.name))
        if planned.changes and self._say.asks(f"Make these {len(planned.changes)} changes in Route 53?"):
            await publish(zone, zone_id, planned, store, account=account, region=self._region)
            self._say.line(f"  published in {zone.name}")
        return planned

    async def _wait(self, records: tuple[DnsRecord, ...], patience_seconds: float) -> Waited:
        last: list[tuple[int, tuple[str, ...]]] = []

        def progress(waited: Waited) -> None:
            news = (len(waited.missing), waited.pending)
            if last and last[-1] == news:
                return
            last.append(news)
            seen = len(records) - len(waited.missing)
            self._say.line(
                f"  DNS has {seen} of {len(records)} records; {'; '.join(waited.pending) or 'SES is content'}"
            )

        waited = await wait_for_dns(
            self._config,
            self._aws,
            region=self._region,
            domains=self._domains,
            records=records,
            patience_seconds=patience_seconds,
            progress=progress,
        )
        if not waited.complete:
            self._say.line("Time is up. SES goes on looking for up to 72 hours; run this again, or: sendworthy plan")
        return waited


async def planned_for(
    config: Config, *, region: str | None, domains: tuple[str, ...], allow: tuple[str, ...] = ()
) -> Plan:
    """Plan for the Region and the domains that a command names, or those of the file."""
    where = parts.regions(config, (region,) if region else ())[0]
    names = parts.domains(config, domains)
    async with AsyncExitStack() as stack:
        # Only one step asks what is remembered; for a look, no database is to come into being.
        wanted = not config.ses.feedback_forwarding
        store = await stack.enter_async_context(parts.opened_store(config)) if wanted else None
        _, planned = await look_and_plan(
            config, Aws(region=where), region=where, domains=names, store=store, allow=allow
        )
    return planned


async def _destroy(config: Config, say: _Saying, *, region: str | None, domains: tuple[str, ...]) -> Destroyed:
    where = parts.regions(config, (region,) if region else ())[0]

    def agree(shown: TakeBack) -> bool:
        say.line(take_back_text(shown.plan, shown.zones, calls=say.calls))
        count = len(shown.plan.to_carry_out) + sum(len(one.changes) for one in shown.zones.values())
        return say.asks(f"Take these {count} things back?")

    on_step: Callable[[Step, Outcome | None], None] = say.step
    async with parts.opened_store(config) as store:
        destroyed = await take_back(
            config,
            Aws(region=where),
            store,
            region=where,
            domains=parts.domains(config, domains),
            agree=agree,
            on_step=on_step,
        )
    if destroyed.agreed and destroyed.plan.with_status(StepStatus.REFUSED):
        say.line(take_back_text(destroyed.plan, destroyed.zones))
    return destroyed


def _exit_for(planned: Plan) -> Exit:
    if planned.with_status(StepStatus.BLOCKED):
        return Exit.COULD_NOT_LOOK
    needed = planned.with_status(StepStatus.NEEDED) or planned.with_status(StepStatus.REFUSED)
    return Exit.FOUND if needed else Exit.DONE
