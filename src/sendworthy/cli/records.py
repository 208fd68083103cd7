"""`sendworthy messages` and `reputation`: what is on our record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.audit.profile import Stream
from sendworthy.cli.exits import Exit
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.mail.address import parse_address
from sendworthy.mail.status import Status
from sendworthy.reputation.standing import Limits, Verdict, judge
from sendworthy.reputation.standing import Standing as Reputation
from sendworthy.store.values import Moment, StoredDelivery, StoredMessage

_limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")


@click.group()
def messages() -> None:
    """Messages that the gateway has taken, and what became of each."""


@messages.command("list")
@click.option("--to", "recipient", help="Only mail to this address.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([str(one) for one in Status]), help="Repeatable."
)
@_limit
@json_option
@config_option
def list_messages(
    *, recipient: str | None, statuses: tuple[str, ...], limit: int, as_json: bool, config_path: Path | None
) -> None:
    """List deliveries (one message to one recipient), newest first.

    \b
    sendworthy messages list --status uncertain
    sendworthy messages list --to someone@example.com
    """
    key = parse_address(recipient).key if recipient else None
    found = wait_for(_deliveries(loaded_config(config_path).config, key, [Status(one) for one in statuses], limit))
    if as_json:
        print_json({"schema": "sendworthy.deliveries/1", "deliveries": found})
        return
    rows(
        ("ACCEPTED", "MESSAGE", "TO", "STATUS", "REASON", "DUE"),
        [(one.accepted_at, one.message_id, one.recipient, one.status, one.reason, one.due_at) for one in found],
        none="There is no such message.",
    )


@messages.command("show")
@click.argument("message_id")
@json_option
@config_option
def show_message(*, message_id: str, as_json: bool, config_path: Path | None) -> None:
    """Tell the story of one message: every change of status, attempt and event."""
    message, deliveries, moments = wait_for(_message(loaded_config(config_path).config, message_id))
    if message is None:
        raise ConfigError(f"There is no message {message_id}.", "See: sendworthy messages list")
    if as_json:
        print_json(
            {"schema": "sendworthy.message/1", "message": message, "deliveries": deliveries, "timeline": moments}
        )
        return
    click.echo(f"{message.id}  {message.stream}  {message.size:,} bytes  from {message.mail_from}")
    for one in deliveries:
        click.echo(f"  to {one.recipient}: {one.status} {one.reason}  {one.ses_message_id}".rstrip())
    click.echo()
    rows(
        ("AT", "WHAT", "DETAIL"), [(one.at, one.what, one.detail) for one in moments], none="Nothing has happened yet."
    )


@messages.command("cancel")
@click.argument("message_id")
@config_option
def cancel_message(*, message_id: str, config_path: Path | None) -> int:
    """Call off what of a message has not gone yet. What is on its way stays there."""
    cancelled = wait_for(_cancel(loaded_config(config_path).config, message_id))
    click.echo(f"Cancelled {cancelled} deliveries." if cancelled else "Nothing of it was waiting.")
    return Exit.DONE if cancelled else Exit.FOUND


@click.group()
def reputation() -> None:
    """How the account stands by its bounces and complaints."""


@reputation.command("show")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 365), help="Mail accepted in these days.")
@json_option
@config_option
def show_reputation(*, days: int, as_json: bool, config_path: Path | None) -> int:
    """Estimate bounce and complaint rates from our own record. AWS counts by rules it does not publish.

    Exits 1 unless the verdict is healthy.
    """
    judged = wait_for(_reputation(loaded_config(config_path).config, days))
    if as_json:
        print_json({"schema": "sendworthy.reputation/1", "estimate": True, "days": days, "streams": judged})
    else:
        rows(
            ("STREAM", "BOUNCES", "COMPLAINTS", "VERDICT", "WHY"),
            [
                (name, f"{one.bounce_rate:.2%}", f"{one.complaint_rate:.3%}", one.verdict, one.why)
                for name, one in judged.items()
            ],
            none="Nothing was sent.",
        )
    return Exit.DONE if all(one.verdict is Verdict.HEALTHY for one in judged.values()) else Exit.FOUND


async def _deliveries(
    config: Config, key: str | None, statuses: Sequence[Status], limit: int
) -> tuple[StoredDelivery, ...]:
    async with parts.opened_store(config) as store:
        return (await store.deliveries(recipient_key=key, statuses=statuses, limit=limit))[0]


async def _message(
    config: Config, message_id: str
) -> tuple[StoredMessage | None, tuple[StoredDelivery, ...], tuple[Moment, ...]]:
    async with parts.opened_store(config) as store:
        deliveries, _ = await store.deliveries(message_id=message_id)
        return await store.message(message_id), deliveries, await store.timeline(message_id)


async def _cancel(config: Config, message_id: str) -> int:
    async with parts.opened_store(config) as store:
        if await store.message(message_id) is None:
            raise ConfigError(f"There is no message {message_id}.", "See: sendworthy messages list")
        return await store.cancel(message_id, cause="cancelled on the command line")


async def _reputation(config: Config, days: int) -> dict[Stream, Reputation]:
    policy = config.policy
    limits = Limits(
        bounce_warn=policy.bounce_warn,
        bounce_slow=policy.bounce_slow,
        bounce_stop=policy.bounce_stop,
        complaint_warn=policy.complaint_warn,
        complaint_slow=policy.complaint_slow,
        complaint_stop=policy.complaint_stop,
    )
    async with parts.opened_store(config) as store:
        counted = await store.counts(parts.WALL.now() - timedelta(days=days))
        return {stream: judge(counted.tally(stream), limits) for stream in counted.by_stream}
