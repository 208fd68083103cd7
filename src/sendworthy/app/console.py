"""Chooses the parts of the console: its key, its actions, and the link by which a person gets in."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

from starlette.types import ASGIApp

from sendworthy.app.alert_targets import shown_targets
from sendworthy.app.by_hand import suppress_by_hand
from sendworthy.app.parts import WALL, Clock
from sendworthy.config import Config, host_port
from sendworthy.console.app import Actions, console_app, login_url
from sendworthy.console.pages import Pages
from sendworthy.console.sessions import Signer
from sendworthy.errors import ConfigError
from sendworthy.mail.address import parse_address
from sendworthy.pacing.governor import Policy
from sendworthy.pacing.today import PolicyNow, always
from sendworthy.reputation.standing import Limits
from sendworthy.store.store import Store
from sendworthy.store.values import Lane

LOGIN = "console.login"
"""The kind of proof that a one-time link was used."""

_SOURCE = "console"


def signer(key_file: Path) -> Signer:
    """Give what signs for the console, keyed by the file that gateway keys are sealed under. Raises ConfigError."""
    try:
        key = blake2b(key_file.read_bytes(), person=b"sw-console", digest_size=32).digest()
    except OSError as error:
        raise ConfigError(
            f"The key file {key_file.name} cannot be read: {error.strerror}.",
            "Make a key first: sendworthy keys create",
        ) from error
    return Signer(key=key, now=WALL.now, random_bytes=os.urandom)


def console(
    config: Config, store: Store, lane: Lane, *, key_file: Path, clock: Clock = WALL, policy: PolicyNow | None = None
) -> ASGIApp:
    """Give the console of one account in one Region."""
    pages = Pages(
        store=store,
        lane=lane,
        now=clock.now,
        policy=policy or always(Policy()),
        limits=limits(config),
        told=shown_targets(config),
    )
    host, _ = host_port(config.gateway.http)
    return console_app(pages, signer(key_file), actions(store), hosts=(host, *config.console.hosts))


def link(door: str, key_file: Path) -> str:
    """Give a link that lets one person in once, within fifteen minutes."""
    return login_url(door, signer(key_file).link_token())


def actions(store: Store) -> Actions:
    """Give what a person can do from the console."""

    async def suppress(address: str) -> str:
        news = await suppress_by_hand(store, address, source=_SOURCE)
        return "Suppressed." if news else "It was suppressed already."

    async def remove(address: str, why: str) -> str:
        if not why.strip():
            raise ConfigError("The reason is empty.", "Say why the address may get mail again.")
        lifted = await store.suppression.remove(parse_address(address).key, why=f"{why.strip()} ({_SOURCE})")
        return f"Removed {lifted} suppressions." if lifted else "It was not suppressed."

    taken: set[str] = set()

    async def use_link(name: str) -> bool:
        used = {one.subject for one in await store.case_file.proofs(LOGIN)}
        # Looked at after the wait: what came at the same moment has taken it by now.
        if name in used | taken:
            return False
        taken.add(name)
        await store.case_file.put_proof(LOGIN, subject=name, at=WALL.now(), data={})
        return True

    return Actions(suppress=suppress, remove=remove, use_link=use_link)


def limits(config: Config) -> Limits:
    """Give the thresholds of the configuration."""
    policy = config.policy
    return Limits(
        bounce_warn=policy.bounce_warn,
        bounce_slow=policy.bounce_slow,
        bounce_stop=policy.bounce_stop,
        complaint_warn=policy.complaint_warn,
        complaint_slow=policy.complaint_slow,
        complaint_stop=policy.complaint_stop,
    )
