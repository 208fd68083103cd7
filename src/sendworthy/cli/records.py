"""`sendworthy messages`: what is on our record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.ramp import Waits, why_waiting
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.mail.address import parse_address
from sendworthy.mail.status import Status
from sendworthy.store.values import Moment, StoredDelivery, StoredMessage

_limit = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")


@click.group(cls=Group)
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
    """Tell the story of one message: every change of status, attempt and event, and when it goes if it waits."""
    message, deliveries, moments, waits = wait_for(_message(loaded_config(config_path).config, message_id))
    if message is None:
        raise ConfigError(f"There is no message {message_id}.", "See: sendworthy messages list")
    if as_json:
        print_json(
            {
                "schema": "sendworthy.message/1",
                "message": message,
                "deliveries": deliveries,
                "timeline": moments,
                "waiting": waits,
            }
        )
        return
    click.echo(f"{message.id}  {message.stream}  {message.size:,} bytes  from {message.mail_from}")
    for one in deliveries:
        click.echo(f"  to {one.recipient}: {one.status} {one.reason}  {one.ses_message_id}".rstrip())
        if why := waits.get(one.id):
            at = why.expected_at
            when = "When is not known." if at is None else f"Expected to go at {at:%Y-%m-%d %H:%M} UTC."
            click.echo(f"    {why.text} {when}")
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
    what = "1 delivery" if cancelled == 1 else f"{cancelled} deliveries"
    click.echo(f"Cancelled {what}." if cancelled else "Nothing of it was waiting.")
    return Exit.DONE if cancelled else Exit.FOUND


async def _deliveries(
    config: Config, key: str | None, statuses: Sequence[Status], limit: int
) -> tuple[StoredDelivery, ...]:
    async with parts.opened_store(config) as store:
        return (await store.deliveries(recipient_key=key, statuses=statuses, limit=limit))[0]


async def _message(
    config: Config, message_id: str
) -> tuple[StoredMessage | None, tuple[StoredDelivery, ...], tuple[Moment, ...], Mapping[str, Waits]]:
    async with parts.opened_store(config) as store:
        deliveries, _ = await store.deliveries(message_id=message_id)
        message, moments = await store.message(message_id), await store.timeline(message_id)
        if message is None:
            return None, (), (), {}
        key, name = message.access_key_id, message.configuration_set
        waits = await why_waiting(config, store, deliveries, access_key_id=key, configuration_set=name)
        return message, deliveries, moments, waits


async def _cancel(config: Config, message_id: str) -> int:
    async with parts.opened_store(config) as store:
        if await store.message(message_id) is None:
            raise ConfigError(f"There is no message {message_id}.", "See: sendworthy messages list")
        return await store.cancel(message_id, cause="cancelled on the command line")
