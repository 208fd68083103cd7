from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest

from sendworthy.audit.profile import Stream
from sendworthy.errors import ConfigError
from sendworthy.gateway.keys import Keys, Seal
from sendworthy.store import Store


class Clock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


def holds_nowhere(folder: Path, secret: bytes) -> bool:
    files = [path for path in folder.iterdir() if path.name.startswith("sendworthy.db")]
    return bool(files) and not any(secret in path.read_bytes() for path in files)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_key_is_found_with_its_secret_and_stream(keys: Keys) -> None:
    made = await keys.create("shop", stream=Stream.MARKETING)
    assert await keys.find(made.access_key_id) == made
    assert await keys.find("AKSWNOBODY") is None
    assert made.secret not in repr(made)


async def test_the_database_holds_no_secret(keys: Keys, tmp_path: Path) -> None:
    made = await keys.create("shop", stream=Stream.TRANSACTIONAL)
    assert holds_nowhere(tmp_path, made.secret.encode())
    assert mode_of(tmp_path / "sendworthy.key") == 0o600


async def test_a_revoked_key_is_not_found_here_at_once_and_elsewhere_within_seconds(
    keys: Keys, store: Store, tmp_path: Path, clock: Clock
) -> None:
    elsewhere = Keys(store, Seal(tmp_path / "sendworthy.key"), now=clock)
    made = await keys.create("shop", stream=Stream.TRANSACTIONAL)
    assert await elsewhere.find(made.access_key_id)
    assert await keys.revoke(made.access_key_id)
    assert not await keys.revoke(made.access_key_id)
    assert await keys.find(made.access_key_id) is None
    assert await elsewhere.find(made.access_key_id)
    clock.advance(5)
    assert await elsewhere.find(made.access_key_id) is None
    assert [key.revoked_at is not None for key in await keys.list()] == [True]


async def test_a_clock_set_back_does_not_keep_a_revoked_key_alive(keys: Keys, clock: Clock) -> None:
    made = await keys.create("shop", stream=Stream.TRANSACTIONAL)
    assert await keys.find(made.access_key_id)
    await keys._store.revoke_key(made.access_key_id)
    clock.advance(-3600)
    assert await keys.find(made.access_key_id) is None


async def test_another_key_file_opens_nothing_and_says_so(
    keys: Keys, store: Store, tmp_path: Path, clock: Clock
) -> None:
    made = await keys.create("shop", stream=Stream.TRANSACTIONAL)
    stranger = Keys(store, Seal(tmp_path / "other.key"), now=clock)
    with pytest.raises(ConfigError, match="another key file"):
        await stranger.find(made.access_key_id)


@pytest.mark.parametrize("damage", ["mode", "content", "folder"])
def test_a_key_file_that_cannot_be_trusted_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "k" / "sendworthy.key"
    if damage != "folder":
        path.parent.mkdir()
        Seal(path)
    if damage == "mode":
        path.chmod(0o644)
    if damage == "content":
        path.write_bytes(b"short")
    with pytest.raises(ConfigError):
        Seal(path)
