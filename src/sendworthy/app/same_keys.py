"""Finds out at the start whether this host has the key files that the database was used with so far, and which not.

A host with other ones would refuse every signature, or write unsubscribe links that no other host opens, and say
nothing until somebody called. Only fingerprints leave a file: an HMAC keyed by the key itself.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sendworthy.app.forward import own_pair, pair_file
from sendworthy.app.key_files import key_path
from sendworthy.app.public import ring, ring_file
from sendworthy.clients.own_topic import read_pair
from sendworthy.config import Config
from sendworthy.config.shape import ForwardBy
from sendworthy.errors import ConfigError
from sendworthy.gateway.keys import Seal
from sendworthy.store.key_record import Known, Likeness, likeness
from sendworthy.store.store import Store
from sendworthy.store.values import StoredKey, key_name

GATEWAY, UNSUBSCRIBE, SNS = "key", "unsubscribe", "sns.pem"
FILES = (GATEWAY, UNSUBSCRIBE, SNS)
"""The files that every host needs the same, by their endings. SMTP's certificate may be each host's own."""

_REFUSED = frozenset({Likeness.OTHER, Likeness.BEHIND})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prints:
    """What is compared of a file: the fingerprints of its keys, and from when on a successor may come."""

    fingerprints: frozenset[str]
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """How one key file of this host stands. `verdict` is a Likeness, `missing` or `unused` (and not there)."""

    file: str
    path: str
    verdict: str
    used: bool
    fingerprints: tuple[str, ...]
    on_record: tuple[str, ...]
    known_since: datetime | None

    @property
    def wrong(self) -> bool:
        """Whether `sendworthy up` would refuse to start over it."""
        return self.used and self.verdict in {*_REFUSED, "missing"}


@asynccontextmanager
async def same_keys(
    config: Config, store: Store, *, roles: Collection[str], now: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Make the block depend on it that this host has the same key files as the others, as far as `roles` need them.

    Raises ConfigError otherwise.
    """
    for file in _needed(config, roles):
        await check_key_file(config, store, file, now=now)
    yield


async def check_key_file(config: Config, store: Store, file: str, *, now: Callable[[], datetime]) -> None:
    """Compare one file with the record; what is there for the first time is put on record, and made if need be.

    Raises ConfigError when it is missing, or is not the one on record, or does not open the gateway's keys.
    """
    path, known = _path(config, file), await store.key_record.look(file)
    sealed = [key for key in await store.keys() if key.revoked_at is None] if file == GATEWAY else []
    if (known or sealed) and not path.exists():
        raise ConfigError(f"The key file {path.name} is missing, which this database was used with.", _way_on(file))
    _make(config, file, now())
    lost = _not_opened(Seal(path), sealed) if sealed else []
    names = ", ".join(key_name(key) for key in lost)
    if lost and known is None:
        raise ConfigError(f"The key file {path.name} is not the one that sealed gateway keys: {names}.", _way_on(file))
    prints = _prints(config, file)
    found = await store.key_record.compare(file, prints.fingerprints, until=prints.until)
    if found is Likeness.OTHER:
        since = f"{known.at:%Y-%m-%d}" if known else "just now"
        raise ConfigError(
            f"The key file {path.name} is not the one that this database was used with since {since}.", _way_on(file)
        )
    if found is Likeness.BEHIND:
        raise ConfigError(f"The key file {path.name} lacks keys that another host has.", _way_on(file))
    if lost:
        raise ConfigError(
            f"Gateway keys were sealed under another {path.name} than this: {names}.",
            f"Revoke each and make a new one: sendworthy keys revoke {lost[0].access_key_id}",
        )


async def accept_key_file(config: Config, store: Store, file: str) -> None:
    """Put this host's file on record in place of the one that was. Raises ConfigError when there is none here."""
    path = _path(config, file)
    if not path.exists():
        raise ConfigError(f"There is no key file {path.name} here.", "`sendworthy up` makes one that was never there.")
    prints = _prints(config, file)
    await store.key_record.accept(file, prints.fingerprints, until=prints.until)


async def key_files(config: Config, store: Store, *, now: datetime) -> tuple[KeyFile, ...]:
    """Say how the key files of this host stand; makes none. Raises ConfigError for one that cannot be read."""
    known = await store.key_record.known()
    return tuple(_state(config, file, known.get(file), now) for file in FILES)


def _state(config: Config, file: str, known: Known | None, now: datetime) -> KeyFile:
    path = _path(config, file)
    used = file in _needed(config, ("gateway", "public", "ingest"))
    prints = _prints(config, file) if path.exists() else None
    if prints is not None:
        verdict = likeness(known, prints.fingerprints, now).value
    else:
        verdict = "missing" if known is not None else "unused" if not used else "not made yet"
    return KeyFile(
        file=file,
        path=str(path),
        verdict=verdict,
        used=used,
        fingerprints=tuple(sorted(prints.fingerprints)) if prints else (),
        on_record=tuple(sorted(known.fingerprints)) if known else (),
        known_since=known.at if known else None,
    )


def _needed(config: Config, roles: Collection[str]) -> tuple[str, ...]:
    """Name the files that some roles need: to check signatures, to write or open links, to sign events or show how."""
    needed = {
        GATEWAY: "gateway" in roles,
        UNSUBSCRIBE: bool(config.gateway.public_url) and not {"gateway", "public"}.isdisjoint(roles),
        SNS: any(one.by is ForwardBy.SNS for one in config.forward) and not {"ingest", "public"}.isdisjoint(roles),
    }
    return tuple(file for file in FILES if needed[file])


def _path(config: Config, file: str) -> Path:
    match file:
        case "unsubscribe":
            return ring_file(config)
        case "sns.pem":
            return pair_file(config)
        case _:
            return key_path(config, GATEWAY)


def _make(config: Config, file: str, now: datetime) -> None:
    """Make a file that is not there; the one that signs events is made anew when it has had its time."""
    match file:
        case "unsubscribe":
            ring(config)
        case "sns.pem":
            own_pair(config, now)
        case _:
            Seal(_path(config, file))


def _prints(config: Config, file: str) -> _Prints:
    """Take the fingerprints of a file that is there. Raises ConfigError when it does not hold what it should."""
    path = _path(config, file)
    match file:
        case "unsubscribe":
            return _Prints(fingerprints=frozenset(_fingerprint(key, file) for key in ring(config).keys))
        case "sns.pem":
            pair = read_pair(path)
            secret = pair.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            return _Prints(fingerprints=frozenset({_fingerprint(secret, file)}), until=pair.renew_at)
        case _:
            Seal(path)
            return _Prints(fingerprints=frozenset({_fingerprint(path.read_bytes().strip(), file)}))


def _fingerprint(secret: bytes, about: str) -> str:
    return hmac.new(secret, f"sendworthy key file {about}".encode(), sha256).hexdigest()[:32]


def _not_opened(seal: Seal, keys: Iterable[StoredKey]) -> list[StoredKey]:
    """Give the gateway keys that were sealed under another file."""
    lost = []
    for key in keys:
        try:
            seal.open(key.sealed_secret)
        except ConfigError:
            lost.append(key)
    return lost


def _way_on(file: str) -> str:
    return f"Copy it from another host or a backup; if it was changed on purpose: sendworthy keys files --accept {file}"
