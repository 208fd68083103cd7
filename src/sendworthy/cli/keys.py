"""`sendworthy keys`: the access keys with which applications sign what they hand to the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from sendworthy.app import parts
from sendworthy.app.key_watch import RESUMED
from sendworthy.app.same_keys import GATEWAY, check_key_file
from sendworthy.app.station import seal
from sendworthy.audit.profile import Stream
from sendworthy.cli.exits import Exit
from sendworthy.cli.group import Group
from sendworthy.cli.key_files import files
from sendworthy.cli.settings import loaded_config
from sendworthy.cli.show import as_json as print_json
from sendworthy.cli.show import config_option, json_option, rows, wait_for
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.gateway.keys import Key, Keys
from sendworthy.store.values import PauseScope, StoredKey
from sendworthy.wire.smtp_password import smtp_password

_STREAMS = {
    "transactional": Stream.TRANSACTIONAL,
    "bulk": Stream.MARKETING,
    "marketing": Stream.MARKETING,  # as sendworthy.toml and the lists call it
}


@click.group(cls=Group)
def keys() -> None:
    """Create, list and revoke gateway keys. A key's stream is the stream of all mail signed with it."""


@keys.command()
@click.argument("name")
@click.option(
    "--stream",
    type=click.Choice(list(_STREAMS)),
    required=True,
    help="What the application sends. Bulk mail (or marketing: the same) needs one-click unsubscribe, and waits for "
    "transactional mail.",
)
@click.option("--domain", "domains", multiple=True, help="Where its From may be, subdomains too; repeatable.")
@click.option("--rate-share", type=click.FloatRange(0, 1, min_open=True), help="Its part of MaxSendRate, 0 to 1.")
@click.option("--daily-cap", type=click.IntRange(1), help="Its recipients in any 24 hours.")
@click.option("--no-ses-headers", is_flag=True, help="X-SES-* headers in its mail are struck out and steer nothing.")
@json_option
@config_option
def create(
    *,
    name: str,
    stream: str,
    domains: tuple[str, ...],
    rate_share: float | None,
    daily_cap: int | None,
    no_ses_headers: bool,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Create a key for an application. The secret is shown once, and never again.

    The SMTP password is derived from the secret, as SES derives it, for the Region that the gateway sends in.

    \b
    sendworthy keys create shop --stream transactional
    sendworthy keys create news --stream bulk --domain news.example.com --rate-share 0.5 --daily-cap 20000
    """
    config = loaded_config(config_path).config
    asked = {"rate_share": rate_share, "daily_cap": daily_cap, "ses_headers": not no_ses_headers}
    made = wait_for(_create(config, name, _STREAMS[stream], parts.domains(config, domains) if domains else (), asked))
    passwords = {region: smtp_password(made.secret, region) for region in _regions(config)}
    if as_json:
        print_json(
            {
                "schema": "sendworthy.key/1",
                "access_key_id": made.access_key_id,
                "secret_access_key": made.secret,
                "name": made.name,
                "stream": made.stream,
                "domains": made.domains,
                "rate_share": made.rate_share,
                "daily_cap": made.daily_cap,
                "ses_headers": made.ses_headers,
                "smtp_passwords": passwords,
            }
        )
        return
    click.echo(f"AWS_ACCESS_KEY_ID={made.access_key_id}\nAWS_SECRET_ACCESS_KEY={made.secret}")
    for region, password in passwords.items():
        click.echo(f"SMTP_PASSWORD={password}  # for {region}; the user is the access key")
    click.echo("The secret is not shown again. The application needs these and the gateway's address.", err=True)


@keys.command("list")
@json_option
@config_option
def list_(*, as_json: bool, config_path: Path | None) -> None:
    """List all keys, the revoked ones too."""
    config = loaded_config(config_path).config
    found = wait_for(_list(config))
    shown = [
        {
            "access_key_id": one.access_key_id,
            "name": one.name,
            "stream": one.stream,
            "domains": one.domains,
            "rate_share": one.rate_share,
            "daily_cap": one.daily_cap,
            "slowed_to": one.slow_share,
            "created_at": one.created_at,
            "revoked_at": one.revoked_at,
        }
        for one in found
    ]
    if as_json:
        print_json({"schema": "sendworthy.keys/1", "keys": shown})
        return
    rows(
        ("KEY", "NAME", "STREAM", "DOMAINS", "SHARE", "CAP", "SLOWED", "CREATED", "REVOKED"),
        [tuple(" ".join(cell) if isinstance(cell, tuple) else cell for cell in one.values()) for one in shown],
        none=f"There is no key in {_where(config)}. Create one: sendworthy keys create NAME --stream transactional",
    )


@keys.command()
@click.argument("access_key_id")
@config_option
def revoke(*, access_key_id: str, config_path: Path | None) -> None:
    """Revoke a key for good. A running gateway stops taking it within five seconds."""
    if not wait_for(_revoke(loaded_config(config_path).config, access_key_id)):
        raise ConfigError(f"There is no key {access_key_id} to revoke.", "See: sendworthy keys list")
    click.echo(f"Revoked {access_key_id}.")


@keys.command()
@click.argument("access_key_id")
@config_option
def resume(*, access_key_id: str, config_path: Path | None) -> int:
    """Let a key go on that was paused for its bounces or complaints. What it sent before counts no more against it."""
    resumed = wait_for(_resume(loaded_config(config_path).config, access_key_id))
    click.echo(f"{access_key_id} may send again." if resumed else f"{access_key_id} was not paused.")
    return Exit.DONE if resumed else Exit.FOUND


keys.add_command(files)


def _regions(config: Config) -> tuple[str, ...]:
    try:
        return parts.regions(config)
    except ConfigError:  # no Region is known here; the gateway's own environment will name it
        return ()


async def _create(config: Config, name: str, stream: Stream, domains: tuple[str, ...], asked: dict[str, Any]) -> Key:
    async with parts.opened_store(config) as store:
        await check_key_file(config, store, GATEWAY, now=parts.WALL.now)
        made = Keys(store, seal(config), now=parts.WALL.now)
        return await made.create(name, stream=stream, domains=domains, **asked)


async def _resume(config: Config, access_key_id: str) -> bool:
    async with parts.opened_store(config) as store:
        if not await store.resume(PauseScope.KEY, access_key_id):
            return False
        await store.case_file.put_proof(RESUMED, subject=access_key_id, at=parts.WALL.now(), data={})
        await store.doors.slow_key(access_key_id, None)
        return True


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


def _where(config: Config) -> str:
    """Name the database; an address of PostgreSQL may hold a password."""
    url = config.store.url
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:") else "the database"
