"""`sendworthy keys`: the access keys with which applications sign what they hand to the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from sendworthy.app import parts
from sendworthy.app.station import seal
from sendworthy.audit.profile import Stream
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.gateway.keys import Key, Keys
from sendworthy.store.values import StoredKey

_STREAMS = {"transactional": Stream.TRANSACTIONAL, "bulk": Stream.MARKETING}


@click.group()
def keys() -> None:
    """Create, list and revoke gateway keys. A key's stream is the stream of all mail signed with it."""


@keys.command()
@click.argument("name")
@click.option(
    "--stream",
    type=click.Choice(list(_STREAMS)),
    required=True,
    help="What the application sends; bulk mail needs one-click unsubscribe, and waits for transactional mail.",
)
@json_option
@config_option
def create(*, name: str, stream: str, as_json: bool, config_path: Path | None) -> None:
    """Create a key for an application. The secret is shown once, and never again.

    \b
    sendworthy keys create shop --stream transactional
    """
    made = wait_for(_create(loaded_config(config_path).config, name, _STREAMS[stream]))
    if as_json:
        print_json(
            {
                "schema": "sendworthy.key/1",
                "access_key_id": made.access_key_id,
                "secret_access_key": made.secret,
                "name": made.name,
                "stream": made.stream,
            }
        )
        return
    click.echo(f"AWS_ACCESS_KEY_ID={made.access_key_id}\nAWS_SECRET_ACCESS_KEY={made.secret}")
    click.echo("The secret is not shown again. The application needs these and the gateway's address.", err=True)


@keys.command("list")
@json_option
@config_option
def list_(*, as_json: bool, config_path: Path | None) -> None:
    """List all keys, the revoked ones too."""
    found = wait_for(_list(loaded_config(config_path).config))
    shown = [
        {
            "access_key_id": one.access_key_id,
            "name": one.name,
            "stream": one.stream,
            "created_at": one.created_at,
            "revoked_at": one.revoked_at,
        }
        for one in found
    ]
    if as_json:
        print_json({"schema": "sendworthy.keys/1", "keys": shown})
        return
    rows(
        ("KEY", "NAME", "STREAM", "CREATED", "REVOKED"),
        [tuple(one.values()) for one in shown],
        none="There is no key. Create one: sendworthy keys create NAME --stream transactional",
    )


@keys.command()
@click.argument("access_key_id")
@config_option
def revoke(*, access_key_id: str, config_path: Path | None) -> None:
    """Revoke a key for good. A running gateway stops taking it within five seconds."""
    if not wait_for(_revoke(loaded_config(config_path).config, access_key_id)):
        raise ConfigError(f"There is no key {access_key_id} to revoke.", "See: sendworthy keys list")
    click.echo(f"Revoked {access_key_id}.")


async def _create(config: Config, name: str, stream: Stream) -> Key:
    async with _opened(config) as opened:
        return await opened.create(name, stream=stream)


async def _list(config: Config) -> tuple[StoredKey, ...]:
    async with _opened(config) as opened:
        return await opened.list()


async def _revoke(config: Config, access_key_id: str) -> bool:
    async with _opened(config) as opened:
        return await opened.revoke(access_key_id)


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[Keys]:
    async with parts.opened_store(config) as store:
        yield Keys(store, seal(config), now=parts.WALL.now)
