"""`sendworthy export`: the same set-up for Terraform, CloudFormation, a zone file, octoDNS, IAM and Grafana."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from sendworthy.app import parts
from sendworthy.app.fit import look_and_plan
from sendworthy.audit.evidence import Evidence
from sendworthy.audit.wishes import Wishes
from sendworthy.cli.fit import domains_argument, planned_for, region_option, resolver_option
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import config_option, wait_for, write
from sendworthy.clients.aws import Aws
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.provision.export.cloudformation import cloudformation as as_cloudformation
from sendworthy.provision.export.dashboard import dashboard as as_dashboard
from sendworthy.provision.export.octodns import octodns_zone
from sendworthy.provision.export.terraform import terraform as as_terraform
from sendworthy.provision.iam import Part, document
from sendworthy.provision.plan import Plan
from sendworthy.provision.step import DnsRecord
from sendworthy.provision.zone import zone_text

_output = click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
_everything = click.option(
    "--all", "everything", is_flag=True, help="Published records too, not just the missing ones."
)


@click.group(cls=Group)
def export() -> None:
    """Write the set-up for other tools.

    Terraform, CloudFormation, IAM and the dashboard are written from the configuration alone; zone and octodns look
    first, since only SES knows the DKIM names.

    \b
    sendworthy export terraform example.com --region eu-west-1 --output ses.tf
    sendworthy export zone >> example.com.zone
    """


def _from_configuration(name: str, render: Callable[[Wishes], str], summary: str, example: str) -> None:
    """Make a command that renders the wishes of one Region. They all take the same options."""

    @export.command(name, help=f"{summary}\n\n\b\n{example}")
    @domains_argument
    @region_option
    @_output
    @config_option
    def command(*, domains: tuple[str, ...], region: str | None, output: Path | None, config_path: Path | None) -> None:
        write(render(_wishes(loaded_config(config_path).config, region, domains)).rstrip("\n"), output)

    assert command is not None  # noqa: S101 - click has registered it


def _wishes(config: Config, region: str | None, domains: tuple[str, ...]) -> Wishes:
    where = parts.regions(config, (region,) if region else ())[0]
    names = parts.domains(config, domains)
    if not names:
        raise ConfigError(
            "No domain is named, so there is nothing to export.",
            "Name one (sendworthy export terraform example.com), or set ses.domains in sendworthy.toml.",
        )
    return parts.wishes(config, region=where, domains=names)


_from_configuration(
    "terraform",
    as_terraform,
    "Write the whole set-up as one Terraform file (AWS provider 5.70 or newer). Looks at nothing.",
    "sendworthy export terraform example.com --region eu-west-1 --output ses.tf",
)
_from_configuration(
    "cloudformation",
    as_cloudformation,
    "Write the whole set-up as a CloudFormation template in JSON. Looks at nothing.",
    "sendworthy export cloudformation example.com --region eu-west-1 --output ses.json",
)
_from_configuration(
    "dashboard",
    as_dashboard,
    "Write a Grafana dashboard over CloudWatch as JSON, to import. Looks at nothing.",
    "sendworthy export dashboard example.com --region eu-west-1 --output ses-dashboard.json",
)


@export.command()
@domains_argument
@region_option
@click.option("--part", type=click.Choice([part.value for part in Part]), help="Only the policy of one part.")
@click.option("--account", metavar="ID", help="The account id to write in; looked up with your credentials if absent.")
@_output
@config_option
def iam(
    *,
    domains: tuple[str, ...],
    region: str | None,
    part: str | None,
    account: str | None,
    output: Path | None,
    config_path: Path | None,
) -> None:
    """Write the least-privilege policies of the gateway, the intake of events and the audit as JSON.

    \b
    sendworthy export iam example.com --part gateway --output gateway-policy.json
    sendworthy export iam --account 111122223333
    """
    wishes = _wishes(loaded_config(config_path).config, region, domains)
    partition = _partition(wishes.region)
    if account is None:
        partition, account = wait_for(_whose(wishes.region))
    elif not (len(account) == 12 and account.isdigit()):
        raise ConfigError(f"{account!r} is not an account id.", "It has twelve digits: aws sts get-caller-identity.")
    documents: dict[str, Any] = {
        one.value: document(one, wishes, partition=partition, account=account)
        for one in Part
        if part in (None, one.value)
    }
    shown = documents[part] if part else documents
    write(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(), output)


def _partition(region: str) -> str:
    """Give the partition of a Region by its name (AWS General Reference, "Amazon Resource Names")."""
    return "aws-us-gov" if region.startswith("us-gov-") else "aws-cn" if region.startswith("cn-") else "aws"


async def _whose(region: str) -> tuple[str, str]:
    caller = await Aws(region=region).call("sts", "GetCallerIdentity")
    return str(caller["Arn"]).split(":")[1], str(caller["Account"])


@export.command()
@domains_argument
@region_option
@resolver_option
@_output
@_everything
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
    records = _records(wait_for(planned_for(config, region=region, domains=domains)), everything=everything)
    write(zone_text(records).rstrip("\n"), output)


@export.command()
@domains_argument
@region_option
@resolver_option
@_output
@_everything
@click.option("--zone", "zone_name", metavar="NAME", help="The zone's name; the organisational domain if absent.")
@config_option
def octodns(
    *,
    domains: tuple[str, ...],
    region: str | None,
    resolver: str | None,
    output: Path | None,
    everything: bool,
    zone_name: str | None,
    config_path: Path | None,
) -> None:
    """Write the DNS records of one zone as octoDNS YAML, to merge into that zone's file.

    \b
    sendworthy export octodns example.com --output example.com.yaml
    """
    config = loaded_config(config_path, dns__resolver=resolver).config
    evidence, planned = wait_for(_looked(config, region=region, domains=domains))
    zones = {evidence.organisational_domain(domain) for domain in planned.domains}
    if zone_name is None and len(zones) > 1:
        raise ConfigError(f"These are {len(zones)} zones: {', '.join(sorted(zones))}.", "Name one with --zone.")
    records = _records(planned, everything=everything)
    write(octodns_zone(records, zone_name or zones.pop()).rstrip("\n"), output)


async def _looked(config: Config, *, region: str | None, domains: tuple[str, ...]) -> tuple[Evidence, Plan]:
    where = parts.regions(config, (region,) if region else ())[0]
    return await look_and_plan(config, Aws(region=where), region=where, domains=parts.domains(config, domains))


def _records(planned: Plan, *, everything: bool) -> tuple[DnsRecord, ...]:
    records = planned.records if everything else planned.to_publish
    if not records:
        click.echo("There is no record to publish.", err=True)
    return records
