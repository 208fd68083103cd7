"""Gateway keys: made, looked up and revoked. The store keeps them sealed under a key file that lies beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from sendworthy.audit.profile import Stream
from sendworthy.errors import ConfigError
from sendworthy.store.store import Store
from sendworthy.store.values import StoredKey

_LOOK_AGAIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A gateway key with its secret, the stream that all its mail belongs to, and what it may do.

    `domains` are those that its From may be in, with their subdomains (any, when empty). `rate_share` is the part of
    MaxSendRate that it may use (0 to 1), `daily_cap` its recipients in any 24 hours; None for no limit of its own.
    `ses_headers` says whether X-SES-* headers in its mail steer anything.
    """

    access_key_id: str
    secret: str = field(repr=False)
    name: str
    stream: Stream
    domains: tuple[str, ...] = ()
    rate_share: float | None = None
    daily_cap: int | None = None
    ses_headers: bool = True


KEY_PREFIX = "AKSW"
"""How the names of this gateway's keys begin; those of AWS begin with AKIA or ASIA."""

NOBODY = Key(access_key_id="", secret="0" * 60, name="", stream=Stream.TRANSACTIONAL)
"""Whose signature is checked when there is no such key, so that the time it takes does not tell."""


def key_file(database: Path) -> Path:
    """Name the key file that lies beside a database."""
    return database.with_name(database.name + ".key")


class Seal:
    """Seals secrets under the key in one file. Whoever has the database alone cannot sign as anyone."""

    def __init__(self, path: Path) -> None:
        """Read the key file, or make it (readable by its owner alone). Raises ConfigError."""
        try:
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass
            else:
                with os.fdopen(handle, "wb") as file:
                    file.write(Fernet.generate_key())
                    file.flush()
                    os.fsync(file.fileno())
            if path.stat().st_mode & 0o077:
                raise ConfigError(f"The key file {path.name} can be read by others.", "Run chmod 600 on it.")
            self._fernet = Fernet(path.read_bytes().strip())
        except OSError as error:
            raise ConfigError(
                f"The key file {path.name} cannot be opened: {error.strerror}.", "Check its folder and permissions."
            ) from error
        except ValueError:
            raise ConfigError(f"The key file {path.name} is not a key.", "Restore it from a backup.") from None

    def seal(self, secret: str) -> bytes:
        """Encrypt and authenticate a secret."""
        return self._fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Give the secret back. Raises ConfigError when it was sealed under another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ConfigError(
                "A gateway key was sealed under another key file.", "Restore the key file, or revoke the gateway key."
            ) from None


class Keys:
    """The keys that are good, looked up without touching the database for every request.

    A key made or revoked by another process is seen within five seconds. `random_bytes` gives secret bytes.
    """

    def __init__(
        self,
        store: Store,
        seal: Seal,
        *,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._seal = seal
        self._now = now
        self._random_bytes = random_bytes
        self._known: dict[str, Key] = {}
        self._good_until: datetime | None = None

    async def create(
        self,
        name: str,
        *,
        stream: Stream,
        domains: tuple[str, ...] = (),
        rate_share: float | None = None,
        daily_cap: int | None = None,
        ses_headers: bool = True,
    ) -> Key:
        """Make a key for an application. Its secret is told here and nowhere else."""
        key = Key(
            access_key_id=f"{KEY_PREFIX}{self._random_bytes(8).hex().upper()}",
            secret=self._random_bytes(30).hex(),
            name=name,
            stream=stream,
            domains=domains,
            rate_share=rate_share,
            daily_cap=daily_cap,
            ses_headers=ses_headers,
        )
        await self.add(key)
        return key

    async def add(self, key: Key) -> None:
        """Keep a key whose secret was chosen elsewhere."""
        kept = StoredKey(
            access_key_id=key.access_key_id,
            name=key.name,
            stream=key.stream,
            sealed_secret=self._seal.seal(key.secret),
            created_at=self._now(),
            domains=key.domains,
            rate_share=key.rate_share,
            daily_cap=key.daily_cap,
            ses_headers=key.ses_headers,
        )
        await self._store.add_key(kept)
        self._good_until = None

    async def revoke(self, access_key_id: str) -> bool:
        """Revoke a key for good; say whether there was one to revoke."""
        was_there = await self._store.revoke_key(access_key_id)
        self._good_until = None  # after the commit: whoever looked before it may have found the key still good
        return was_there

    async def list(self) -> tuple[StoredKey, ...]:
        """List all keys, the revoked ones too, their secrets sealed."""
        return await self._store.keys()

    async def find(self, access_key_id: str) -> Key | None:
        """Give a key that is good, None when there is none. Raises StoreUnavailable, ConfigError (the key file)."""
        now = self._now()
        if self._good_until is None or not now < self._good_until <= now + _LOOK_AGAIN:
            self._known = {
                key.access_key_id: self._known.get(key.access_key_id) or self._unsealed(key)
                for key in await self._store.keys()
                if key.revoked_at is None
            }
            self._good_until = now + _LOOK_AGAIN
        return self._known.get(access_key_id)

    def _unsealed(self, key: StoredKey) -> Key:
        secret = self._seal.open(key.sealed_secret)
        return Key(
            access_key_id=key.access_key_id,
            secret=secret,
            name=key.name,
            stream=key.stream,
            domains=key.domains,
            rate_share=key.rate_share,
            daily_cap=key.daily_cap,
            ses_headers=key.ses_headers,
        )
