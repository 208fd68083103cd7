"""Two hosts on one database: who comes with other key files is told so at the start, and how to go on."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendworthy.app.forward import own_pair
from sendworthy.app.public import ring, rotate
from sendworthy.app.same_keys import FILES, accept_key_file, check_key_file, key_files, same_keys
from sendworthy.app.station import seal
from sendworthy.audit.profile import Stream
from sendworthy.config import Config, Gateway, StoreSettings
from sendworthy.config.shape import Forward, ForwardBy
from sendworthy.errors import ConfigError
from sendworthy.gateway.keys import Key, Keys
from sendworthy.store import Store

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
ALL = ("gateway", "worker", "ingest", "public", "scheduler")


class Clock:
    at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    ids = itertools.count(1)
    opened = await Store.open(f"sqlite:///{tmp_path / 's.db'}", now=clock, new_id=lambda: f"id{next(ids)}")
    yield opened
    await opened.close()


def host(tmp_path: Path, name: str) -> Config:
    """Give a host with a directory of its own for keys, on the one database."""
    folder = tmp_path / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return Config(
        store=StoreSettings(url="postgresql://db.example.com/sendworthy", keys=str(folder)),
        gateway=Gateway(public_url="https://mail.example.com"),
        forward=(Forward(name="shop", by=ForwardBy.SNS, to="https://shop.example.com/events"),),
    )


def copied(tmp_path: Path, source: str, target: str) -> Config:
    shutil.copytree(tmp_path / source, tmp_path / target, dirs_exist_ok=True)
    return host(tmp_path, target)


async def start(config: Config, store: Store, clock: Clock, roles: tuple[str, ...] = ALL) -> None:
    async with same_keys(config, store, roles=roles, now=clock):
        pass


@asynccontextmanager
async def refused(match: str) -> AsyncIterator[pytest.ExceptionInfo[ConfigError]]:
    with pytest.raises(ConfigError, match=match) as caught:
        yield caught
    assert "\n" not in caught.value.happened + caught.value.to_do


async def verdicts(config: Config, store: Store, clock: Clock) -> dict[str, str]:
    return {one.file: one.verdict for one in await key_files(config, store, now=clock())}


async def test_the_first_host_makes_the_files_and_one_with_copies_of_them_may_start(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    first = host(tmp_path, "one")
    assert set((await verdicts(first, store, clock)).values()) == {"not made yet"}
    await start(first, store, clock)
    await start(first, store, clock)
    assert {one.name for one in (tmp_path / "one").iterdir()} == {f"sendworthy.{file}" for file in FILES}
    second = copied(tmp_path, "one", "two")
    await start(second, store, clock)
    assert set((await verdicts(second, store, clock)).values()) == {"same"}


@pytest.mark.parametrize("file", FILES)
async def test_a_host_with_another_file_is_refused_by_one_line_that_names_it_and_the_way_on(
    tmp_path: Path, store: Store, clock: Clock, file: str
) -> None:
    await start(host(tmp_path, "one"), store, clock)
    second = copied(tmp_path, "one", "two")
    own = tmp_path / "two" / f"sendworthy.{file}"
    own.unlink()
    seal(second), ring(second), own_pair(second, clock())
    async with refused(f"sendworthy.{file} is not the one that this database was used with since 2026-05-04") as told:
        await start(second, store, clock)
    assert told.value.to_do.endswith(f"sendworthy keys files --accept {file}")
    [wrong] = [one for one in await key_files(second, store, now=clock()) if one.wrong]
    assert (wrong.file, wrong.verdict) == (file, "other")


@pytest.mark.parametrize("file", FILES)
async def test_a_file_that_is_missing_is_not_made_anew(tmp_path: Path, store: Store, clock: Clock, file: str) -> None:
    await start(host(tmp_path, "one"), store, clock)
    (tmp_path / "one" / f"sendworthy.{file}").unlink()
    async with refused(f"sendworthy.{file} is missing"):
        await start(host(tmp_path, "one"), store, clock)
    assert not (tmp_path / "one" / f"sendworthy.{file}").exists()
    assert (await verdicts(host(tmp_path, "one"), store, clock))[file] == "missing"


@pytest.mark.parametrize(
    ("roles", "needs"),
    [
        (("worker", "scheduler"), set()),
        (("gateway",), {"key", "unsubscribe"}),
        (("public",), {"unsubscribe", "sns.pem"}),
        (("ingest",), {"sns.pem"}),
    ],
)
async def test_a_process_needs_the_files_of_its_roles_alone(
    tmp_path: Path, store: Store, clock: Clock, roles: tuple[str, ...], needs: set[str]
) -> None:
    await start(host(tmp_path, "one"), store, clock, roles)
    assert {one.name.removeprefix("sendworthy.") for one in (tmp_path / "one").iterdir()} == needs
    assert set(await store.key_record.known()) == needs


async def test_what_the_configuration_does_not_use_is_not_made(tmp_path: Path, store: Store, clock: Clock) -> None:
    plain = Config(store=host(tmp_path, "one").store)
    await start(plain, store, clock)
    assert [one.name for one in (tmp_path / "one").iterdir()] == ["sendworthy.key"]
    assert await verdicts(plain, store, clock) == {"key": "same", "unsubscribe": "unused", "sns.pem": "unused"}


async def test_no_key_and_nothing_that_can_be_turned_into_one_is_on_record(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    config = host(tmp_path, "one")
    await start(config, store, clock)
    known = await store.key_record.known()
    kept = " ".join(" ".join(one.fingerprints) for one in known.values())
    assert all(len(print_) == 32 for one in known.values() for print_ in one.fingerprints)
    for path in (tmp_path / "one").iterdir():
        for line in path.read_text().split():
            assert line not in kept


async def test_a_rotated_unsubscribe_key_is_taken_and_the_host_without_it_is_behind(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    first = host(tmp_path, "one")
    await start(first, store, clock)
    second = copied(tmp_path, "one", "two")
    rotate(first)
    assert (await verdicts(first, store, clock))["unsubscribe"] == "grown"
    await start(first, store, clock)
    assert (await verdicts(first, store, clock))["unsubscribe"] == "same"
    async with refused(r"sendworthy.unsubscribe lacks keys that another host has"):
        await start(second, store, clock)
    await start(copied(tmp_path, "one", "two"), store, clock)


async def test_two_hosts_that_each_rotated_are_no_longer_the_same(tmp_path: Path, store: Store, clock: Clock) -> None:
    first = host(tmp_path, "one")
    await start(first, store, clock)
    second = copied(tmp_path, "one", "two")
    rotate(first), rotate(second)
    await start(first, store, clock)
    async with refused(r"sendworthy.unsubscribe is not the one"):
        await start(second, store, clock)


async def test_the_key_that_signs_events_is_renewed_by_one_host_and_the_others_need_it(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    first = host(tmp_path, "one")
    await start(first, store, clock)
    second = copied(tmp_path, "one", "two")
    clock.at += timedelta(days=800)
    await start(first, store, clock)
    async with refused(r"sendworthy.sns.pem is not the one"):
        await start(second, store, clock)
    await start(copied(tmp_path, "one", "two"), store, clock)


async def test_before_its_time_no_other_key_may_sign_events(tmp_path: Path, store: Store, clock: Clock) -> None:
    config = host(tmp_path, "one")
    await start(config, store, clock)
    clock.at += timedelta(days=700)
    await start(config, store, clock)
    (tmp_path / "one" / "sendworthy.sns.pem").unlink()
    own_pair(config, clock())
    async with refused(r"sendworthy.sns.pem is not the one"):
        await start(config, store, clock)


@pytest.mark.parametrize("file", FILES)
async def test_a_file_that_was_changed_on_purpose_is_accepted_and_then_the_old_one_is_refused(
    tmp_path: Path, store: Store, clock: Clock, file: str
) -> None:
    await start(host(tmp_path, "one"), store, clock)
    second = copied(tmp_path, "one", "two")
    (tmp_path / "two" / f"sendworthy.{file}").unlink()
    async with refused("There is no key file"):
        await accept_key_file(second, store, file)
    seal(second), ring(second), own_pair(second, clock())
    await accept_key_file(second, store, file)
    await start(second, store, clock)
    async with refused(f"sendworthy.{file} is not the one"):
        await start(host(tmp_path, "one"), store, clock)


# The gateway key opens what is in the database, so it can be tried even where nothing is on record yet


async def a_key(config: Config, store: Store, clock: Clock, name: str) -> Key:
    return await Keys(store, seal(config), now=clock).create(name, stream=Stream.TRANSACTIONAL)


async def test_a_database_of_before_is_not_taken_over_by_a_host_that_cannot_open_its_keys(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    await a_key(host(tmp_path, "one"), store, clock, "shop")
    second = host(tmp_path, "two")
    async with refused(r"sendworthy.key is missing"):
        await start(second, store, clock, ("gateway",))
    seal(second)
    async with refused(r"sendworthy.key is not the one that sealed gateway keys: shop \(AKSW[0-9A-F]{16}\)\."):
        await start(second, store, clock, ("gateway",))
    assert await store.key_record.known() == {}
    await start(host(tmp_path, "one"), store, clock, ("gateway",))


async def test_a_gateway_key_sealed_elsewhere_is_named_with_the_command_that_ends_it(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    await start(host(tmp_path, "one"), store, clock)
    await a_key(host(tmp_path, "one"), store, clock, "shop")
    lost = await a_key(host(tmp_path, "two"), store, clock, "stray")
    async with refused(r"Gateway keys were sealed under another sendworthy.key than this: stray") as told:
        await start(host(tmp_path, "one"), store, clock)
    assert told.value.to_do.endswith(f"sendworthy keys revoke {lost.access_key_id}")
    await store.revoke_key(lost.access_key_id)
    await start(host(tmp_path, "one"), store, clock)


async def test_one_file_alone_can_be_looked_at_before_a_key_is_made(tmp_path: Path, store: Store, clock: Clock) -> None:
    await check_key_file(host(tmp_path, "one"), store, "key", now=clock)
    seal(host(tmp_path, "two"))
    async with refused("sendworthy.key is not the one"):
        await check_key_file(host(tmp_path, "two"), store, "key", now=clock)
    assert set(await store.key_record.known()) == {"key"}
