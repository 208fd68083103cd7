"""Chooses the parts of the outside door: the keys of its tokens, its topics, its footer; and opens it."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.types import ASGIApp

from sendworthy.app import doors
from sendworthy.app.key_files import key_path
from sendworthy.audit.profile import Stream
from sendworthy.compliance.unsubscribe import KEY_BYTES, KeyRing, topic_of
from sendworthy.compliance.unsubscribe_body import Footer
from sendworthy.compliance.way_out import WayOut
from sendworthy.config import Config
from sendworthy.errors import ConfigError
from sendworthy.ingest.preferences import words
from sendworthy.ingest.public import public_app
from sendworthy.ingest.unsubscribe import Topics, Unsubscribe
from sendworthy.store.store import Store


def ring_file(config: Config) -> Path:
    """Name the file of the unsubscribe keys. Raises ConfigError.

    Every host needs the same one. Who loses it breaks every link in mail that is already out.
    """
    return key_path(config, "unsubscribe")


def ring(config: Config) -> KeyRing:
    """Read the unsubscribe keys; their file is made when first needed. Raises ConfigError."""
    path = ring_file(config)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise _not_opened(path, error) from error
    else:
        with os.fdopen(handle, "wb") as file:
            _write(file.fileno(), _lines(KeyRing((os.urandom(KEY_BYTES),))))
    return _read(path)


def rotate(config: Config) -> int:
    """Put a new key in front, and keep the old ones: links in mail that is out must work. Gives how many there are."""
    path = ring_file(config)
    grown = ring(config).with_new(os.urandom(KEY_BYTES))
    aside = path.with_name(f"{path.name}.new")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            _write(file.fileno(), _lines(grown))
        aside.replace(path)
    except OSError as error:
        raise _not_opened(path, error) from error
    return len(grown.keys)


def way_out(config: Config) -> WayOut | None:
    """Give what is written into bulk mail; None while no public address is configured."""
    if not config.gateway.public_url:
        return None
    postal = config.sender.postal_address.strip()
    say = words("en")
    footer = Footer(label=say["button_only"], note=config.unsubscribe.note, postal_address=postal)
    wanted = config.unsubscribe.footer and postal
    return WayOut(public_url=config.gateway.public_url, ring=ring(config), footer=footer if wanted else None)


def topics(config: Config) -> tuple[tuple[str, str], ...]:
    """Give the topics that a reader may choose from: the kinds of marketing mail in sendworthy.toml."""
    named = ((topic_of(kind.name), kind.name) for kind in config.mail if kind.stream is Stream.MARKETING)
    return tuple(dict(one for one in named if one[0]).items())


def unsubscribe(config: Config, store: Store) -> Unsubscribe:
    """Give what answers unsubscribe links."""
    return Unsubscribe(store, ring(config), Topics(sender=config.sender.company, topics=topics(config)))


@asynccontextmanager
async def serving_public(
    config: Config, store: Store, mounts: Mapping[str, ASGIApp] | None = None
) -> AsyncIterator[str]:
    """Serve the outside door for the time of the block; gives its address here. Raises ConfigError."""
    app = public_app(unsubscribe(config, store), mounts)
    door = doors.bound(config.gateway.public, "gateway.public")
    host, port = door.getsockname()[:2]
    try:
        async with doors.serving_http(app, door):
            yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        door.close()


def _read(path: Path) -> KeyRing:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"The file {path.name} can be read by others.", "Run chmod 600 on it.")
        return KeyRing(tuple(b64decode(line, validate=True) for line in path.read_bytes().split()))
    except OSError as error:
        raise _not_opened(path, error) from error
    except ValueError:
        raise ConfigError(f"The file {path.name} does not hold keys.", "Restore it from a backup.") from None


def _lines(keys: KeyRing) -> bytes:
    return b"".join(b64encode(key) + b"\n" for key in keys.keys)


def _write(handle: int, data: bytes) -> None:
    os.write(handle, data)
    os.fsync(handle)


def _not_opened(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"The file {path.name} cannot be opened: {error.strerror}.", "Check its folder and permissions.")
