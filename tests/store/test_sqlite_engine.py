from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool

from sendworthy.errors import ConfigError, StoreUnavailable
from sendworthy.store import Store
from sendworthy.store.columns import Instant
from sendworthy.store.faults import no_fault
from sendworthy.store.migrate import HEAD, alembic_config
from sendworthy.store.open import database_path, open_engine
from sendworthy.store.schema import metadata
from sendworthy.store.sqlite.connect import PRAGMAS, driver
from sendworthy.store.sqlite.writer import SqliteEngine

NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    opened = await open_engine(f"sqlite:///{tmp_path / 's.db'}", exclusive=False, fault=no_fault)
    assert isinstance(opened, SqliteEngine)
    yield opened
    await opened.close()


def put(connection: Connection, key: str) -> str:
    connection.execute(text("INSERT INTO meta (key, value) VALUES (:key, 'x')"), {"key": key})
    return key


def keys_of(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT key FROM meta")).scalars())


async def open_at(path: Path, *, exclusive: bool = False) -> Store:
    return await Store.open(f"sqlite:///{path}", now=lambda: NOW, new_id=lambda: "id", exclusive=exclusive)


async def test_the_pragmas_asked_for_are_the_ones_in_force(engine: SqliteEngine) -> None:
    def read(connection: Connection) -> dict[str, object]:
        own = driver(connection)
        return {name: own.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}

    for found in (await engine.write("pragmas", read), await engine.read(read)):
        assert found == PRAGMAS
        assert (found["journal_mode"], found["synchronous"], found["foreign_keys"]) == ("wal", 2, 1)


async def test_a_reader_cannot_write(engine: SqliteEngine) -> None:
    with pytest.raises(StoreUnavailable):
        await engine.read(lambda connection: put(connection, "a"))
    assert await engine.read(keys_of) == set()


async def test_the_migrations_make_exactly_the_schema(engine: SqliteEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await engine.read(differences) == []


async def test_the_migrations_make_the_same_indexes_and_keys_as_the_schema(engine: SqliteEngine) -> None:
    def shape(own: sqlite3.Connection) -> dict[str, object]:
        rows = own.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
        ).fetchall()
        found: dict[str, object] = {}
        for kind, name, statement in rows:
            if kind == "index":
                found[name] = " ".join(statement.split())
            else:  # a column that was added later stands at another place, and that is all that may differ
                columns = own.execute('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)', (name,))
                keys = own.execute('SELECT "table", "from", "to" FROM pragma_foreign_key_list(?)', (name,))
                found[name] = (sorted(map(str, columns)), sorted(map(str, keys)))
        return found

    migrated = await engine.read(lambda connection: shape(driver(connection)))
    fresh = sqlite3.connect(":memory:")
    try:
        made = create_engine("sqlite://", creator=lambda: fresh, poolclass=StaticPool)
        metadata.create_all(made)
        assert migrated == shape(fresh)
        made.dispose()
    finally:
        fresh.close()


def test_the_head_named_in_the_program_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD


async def test_two_that_open_an_empty_database_at_once_migrate_it_once(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(open_at(tmp_path / "s.db") for _ in range(4)))
    await asyncio.gather(*(store.case_file.append_fact("case", kind="a", at=NOW, data={}) for store in stores))
    assert [fact.seq for fact in await stores[0].case_file.facts("case")] == [1, 2, 3, 4]
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_migration_that_fails_leaves_an_empty_database(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    def fault(point: str) -> None:
        if point == "migrate.before_commit":
            raise StoreUnavailable("The power went.")

    with pytest.raises(StoreUnavailable):
        await Store.open(f"sqlite:///{path}", now=lambda: NOW, new_id=lambda: "id", fault=fault)
    left = sqlite3.connect(path)
    assert left.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    left.close()


async def test_one_failing_piece_of_work_does_not_fail_its_neighbours(engine: SqliteEngine) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Connection) -> str:  # holds the writer until the others are queued behind it
        loop.call_soon_threadsafe(started.set)
        return put(connection, "slow")

    def broken(connection: Connection) -> str:
        put(connection, "half")
        raise LookupError("our own mistake")

    first = asyncio.ensure_future(engine.write("slow", slow))
    rest = [
        asyncio.ensure_future(engine.write("good", lambda connection: put(connection, "before"))),
        asyncio.ensure_future(engine.write("bad", broken)),
        asyncio.ensure_future(engine.write("good", lambda connection: put(connection, "after"))),
    ]
    await started.wait()
    results = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [result for result in results if isinstance(result, str)] == ["slow", "before", "after"]
    assert isinstance(results[2], LookupError)
    assert await engine.read(keys_of) == {"slow", "before", "after"}


async def test_work_queued_together_is_committed_together(tmp_path: Path) -> None:
    commits: list[int] = []
    points: list[str] = []

    def fault(point: str) -> None:
        points.append(point)
        if point.endswith("before_commit") and (len(points) == 1 or points[-2].endswith("after_commit")):
            commits.append(0)

    engine = await open_engine(f"sqlite:///{tmp_path / 's.db'}", exclusive=False, fault=fault)
    await asyncio.gather(*(engine.write("put", lambda c, n=n: put(c, f"k{n}")) for n in range(500)))  # type: ignore[misc]  # n is bound early
    assert len(await engine.read(keys_of)) == 500
    assert len(commits) < 50
    await engine.close()


async def test_a_failed_commit_is_told_to_every_caller_and_keeps_nothing(tmp_path: Path) -> None:
    failing = True

    def fault(point: str) -> None:
        if point == "put.before_commit" and failing:
            raise StoreUnavailable("The disk that holds the database is full.")

    engine = await open_engine(f"sqlite:///{tmp_path / 's.db'}", exclusive=False, fault=fault)
    results = await asyncio.gather(
        *(engine.write("put", lambda c, n=n: put(c, f"k{n}")) for n in range(5)),  # type: ignore[misc]  # n is bound early
        return_exceptions=True,
    )
    assert all(isinstance(result, StoreUnavailable) for result in results)
    failing = False
    await engine.write("put", lambda connection: put(connection, "later"))
    assert await engine.read(keys_of) == {"later"}
    await engine.close()


async def test_a_full_disk_is_told_in_one_line_and_the_store_lives_on(engine: SqliteEngine) -> None:
    def limit(connection: Connection) -> None:
        own = driver(connection)
        pages = own.execute("PRAGMA page_count").fetchone()[0]
        own.execute(f"PRAGMA max_page_count = {pages + 8}")

    def fill(connection: Connection) -> None:
        connection.execute(text("INSERT INTO meta VALUES ('big', :value)"), {"value": "x" * 1_000_000})

    await engine.write("limit", limit)
    results = await asyncio.gather(
        engine.write("put", lambda connection: put(connection, "small")),
        engine.write("fill", fill),
        return_exceptions=True,
    )
    assert isinstance(results[1], StoreUnavailable)
    assert "full" in str(results[1])
    # Whether the neighbour was kept or not, it was told the truth.
    kept = await engine.read(keys_of)
    assert ("small" in kept) == (results[0] == "small")
    await engine.write("put", lambda connection: put(connection, "later"))
    assert "later" in await engine.read(keys_of)


async def test_only_one_process_runs_on_a_database_and_others_may_still_look(tmp_path: Path) -> None:
    first = await open_at(tmp_path / "s.db", exclusive=True)
    with pytest.raises(StoreUnavailable, match="in use by another"):
        await open_at(tmp_path / "s.db", exclusive=True)
    looking = await open_at(tmp_path / "s.db")
    await looking.case_file.append_fact("case", kind="seen", at=NOW, data={})
    assert len(await first.case_file.facts("case")) == 1
    await looking.close()
    await first.close()
    again = await open_at(tmp_path / "s.db", exclusive=True)
    await again.close()


async def test_the_database_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    store = await open_at(tmp_path / "s.db")
    await store.case_file.append_fact("case", kind="seen", at=NOW, data={})
    for path in (tmp_path / "s.db", tmp_path / "s.db-wal"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await store.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await open_at(tmp_path / "s.db")
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.case_file.facts("case")
    with pytest.raises(StoreUnavailable):
        await store.case_file.append_fact("case", kind="a", at=NOW, data={})


@pytest.mark.parametrize(
    ("content", "word"), [(b"this is no database, only text" * 50, "not a SQLite database"), (None, "newer Sendworthy")]
)
async def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, word: str
) -> None:
    path = tmp_path / "s.db"
    if content:
        path.write_bytes(content)
    else:
        await (await open_at(path)).close()
        newer = sqlite3.connect(path)
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
        newer.close()
    with pytest.raises(StoreUnavailable, match=word) as caught:
        await open_at(path)
    assert "\n" not in caught.value.happened


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened") as caught:
        await open_at(tmp_path / "nowhere" / "s.db")
    assert caught.value.to_do


@pytest.mark.parametrize(
    "url",
    ["", "s.db", "sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "sqlite:///s.db?mode=ro", "http://[::1"],
)
def test_a_wrong_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        database_path(url)


def test_instants_survive_to_the_microsecond_and_sort() -> None:
    kept = Instant()
    dialect = None
    early, late = NOW.replace(microsecond=1), NOW.replace(microsecond=999_999)
    stored = [kept.process_bind_param(at, dialect) for at in (early, late)]  # type: ignore[arg-type]  # not looked at
    assert stored == sorted(filter(None, stored))
    assert [kept.process_result_value(value, dialect) for value in stored] == [early, late]  # type: ignore[arg-type]
