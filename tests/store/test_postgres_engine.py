from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from sendworthy.errors import StoreUnavailable
from sendworthy.store import Store
from sendworthy.store.faults import no_fault
from sendworthy.store.migrate import alembic_config
from sendworthy.store.postgres.connect import SETTINGS, translate
from sendworthy.store.postgres.engine import PostgresEngine
from sendworthy.store.schema import metadata
from tests.postgres import Server, a_database, a_server

NOW = datetime(2026, 5, 4, tzinfo=UTC)


async def open_at(url: str) -> Store:
    return await Store.open(url, now=lambda: NOW, new_id=lambda: "id")


async def an_engine(url: str, *, fault: Callable[[str], None] = no_fault, ahead: float = 0.0) -> PostgresEngine:
    def wall() -> datetime:
        return datetime.now(UTC) - timedelta(seconds=ahead)

    engine = PostgresEngine(url, fault=fault, wall=wall)
    await engine.start()
    return engine


async def test_the_settings_asked_for_are_in_force_and_commits_are_synchronous(postgres: Server) -> None:
    engine = await an_engine(await a_database(postgres))

    def read(connection: Connection) -> dict[str, str]:
        return {name: str(connection.execute(text(f"SHOW {name}")).scalar()) for name in (*SETTINGS, "fsync")}

    found = await engine.write("settings", read)
    assert (found["synchronous_commit"], found["fsync"]) == ("on", "on")
    assert {name: found[name].removesuffix("s") for name in ("statement_timeout", "lock_timeout")} == {
        "statement_timeout": "1min",
        "lock_timeout": "20",
    }
    await engine.close()


async def test_every_acknowledged_commit_has_reached_the_disk(postgres: Server) -> None:
    """pg_stat_wal counts the server's own calls of fsync on the write-ahead log: no commit is answered without one."""
    url = await a_database(postgres)
    store = await open_at(url)
    own = await asyncpg.connect(url)
    before = await own.fetchrow("SELECT wal_sync, pg_current_wal_flush_lsn() AS flushed FROM pg_stat_wal")
    for number in range(20):
        await store.case_file.append_fact("case", kind=f"k{number}", at=NOW, data={})
        # What was inserted into the log before the answer has been flushed when the answer is here.
        at_answer = await own.fetchrow("SELECT pg_current_wal_flush_lsn() AS flushed, pg_current_wal_lsn() AS written")
        assert at_answer["flushed"] > before["flushed"]
        before = at_answer
    await own.close()
    await store.close()


async def test_a_server_without_fsync_is_refused() -> None:
    with a_server(fsync="off") as server, pytest.raises(StoreUnavailable, match="fsync off"):
        await open_at(await a_database(server))


async def test_the_migrations_make_exactly_the_schema(postgres: Server) -> None:
    engine = await an_engine(await a_database(postgres))

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await engine.write("compare", differences) == []
    await engine.close()


async def test_many_that_open_an_empty_database_at_once_migrate_it_once(postgres: Server) -> None:
    url = await a_database(postgres)
    stores = await asyncio.gather(*(open_at(url) for _ in range(6)))
    await asyncio.gather(*(store.case_file.append_fact("case", kind="a", at=NOW, data={}) for store in stores))
    assert len(await stores[0].case_file.facts("case")) == 6
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_migration_that_fails_leaves_an_empty_database(postgres: Server) -> None:
    url = await a_database(postgres)

    def fault(point: str) -> None:
        if point == "migrate.before_commit":
            raise StoreUnavailable("The power went.")

    with pytest.raises(StoreUnavailable, match="power"):
        await Store.open(url, now=lambda: NOW, new_id=lambda: "id", fault=fault)
    own = await asyncpg.connect(url)
    assert await own.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await own.close()


def _upgrade(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def test_transactions_that_block_each_other_are_run_again(postgres: Server) -> None:
    engine = await an_engine(await a_database(postgres))
    for key in ("a", "b"):
        await engine.write("put", lambda c, key=key: c.execute(text(f"INSERT INTO meta VALUES ('{key}', '0')")))  # type: ignore[misc]  # noqa: S608 - two letters
    runs = 0

    def add(first: str, second: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            nonlocal runs
            runs += 1
            for key in (first, second):
                connection.execute(text(f"UPDATE meta SET value = (value::int + 1)::text WHERE key = '{key}'"))  # noqa: S608
                connection.execute(text("SELECT pg_sleep(0.05)"))

        return work

    await asyncio.gather(engine.write("x", add("a", "b")), engine.write("y", add("b", "a")))
    assert runs > 2  # one of them was chosen to give way

    def values(connection: Connection) -> list[str]:
        return list(connection.execute(text("SELECT value FROM meta ORDER BY key")).scalars())

    assert await engine.read(values) == ["2", "2"]
    await engine.close()


async def test_the_databases_clock_rules(postgres: Server) -> None:
    url = await a_database(postgres)
    for ahead in (90.0, -90.0, 0.0):
        engine = await an_engine(url, ahead=ahead)
        assert engine.ahead.total_seconds() == pytest.approx(ahead, abs=0.5)
        if not ahead:
            assert engine.ahead == timedelta()
        store = Store(engine, now=lambda: NOW, new_id=lambda: "id")
        assert (store._now() - NOW).total_seconds() == pytest.approx(ahead, abs=0.5)
        await store.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    with a_server() as server:
        yield server


async def test_a_database_that_goes_and_comes_back_is_told_and_used_again(own_server: Server) -> None:
    store = await open_at(await a_database(own_server))
    await store.case_file.append_fact("case", kind="before", at=NOW, data={})
    for how in (signal.SIGQUIT, signal.SIGINT):
        own_server.stop(how)
        for _ in range(2):
            with pytest.raises(StoreUnavailable) as caught:
                await store.case_file.append_fact("case", kind="lost", at=NOW, data={})
            assert "\n" not in caught.value.happened
            with pytest.raises(StoreUnavailable):
                await store.case_file.facts("case")
        own_server.start()
        await store.case_file.append_fact("case", kind="after", at=NOW, data={})
    assert [fact.kind for fact in await store.case_file.facts("case")] == ["before", "after", "after"]
    await store.close()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda url: url.rsplit("/", 1)[0] + "/nothing", "no database of that name"),
        (lambda url: url.replace("postgres@", "stranger@"), "refuses the user"),
        (lambda _: "postgresql://postgres@127.0.0.1:1/x", "cannot be reached"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_told_in_one_line(
    postgres: Server, change: Callable[[str], str], word: str
) -> None:
    with pytest.raises(StoreUnavailable, match=word) as caught:
        await open_at(change(await a_database(postgres)))
    assert caught.value.to_do


async def test_a_newer_database_is_refused(postgres: Server) -> None:
    url = await a_database(postgres)
    await (await open_at(url)).close()
    own = await asyncpg.connect(url)
    await own.execute("UPDATE alembic_version SET version_num = '9999'")
    await own.close()
    with pytest.raises(StoreUnavailable, match="newer Sendworthy"):
        await open_at(url)


async def test_a_closed_store_says_so(postgres: Server) -> None:
    store = await open_at(await a_database(postgres))
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.case_file.facts("case")


@pytest.mark.parametrize(
    ("raised", "word"),
    [
        (asyncpg.DiskFullError("no space"), "disk of the PostgreSQL server is full"),
        (asyncpg.TooManyConnectionsError("sorry"), "no more connections"),
        (asyncpg.ReadOnlySQLTransactionError("standby"), "read-only"),
        (asyncpg.InsufficientPrivilegeError("no"), "may not do this"),
        (asyncpg.AdminShutdownError("bye"), "shutting down"),
        (asyncpg.LockNotAvailableError("late"), "not given in time"),
        (ConnectionResetError("gone"), "cannot be reached"),
    ],
)
def test_what_the_server_says_becomes_one_line(raised: Exception, word: str) -> None:
    told = translate(raised)
    assert isinstance(told, StoreUnavailable)
    assert word in told.happened
    assert "\n" not in told.happened


def test_our_own_mistake_stays_what_it_is() -> None:
    raised = asyncpg.UndefinedColumnError("no such column")
    assert translate(raised) is raised
