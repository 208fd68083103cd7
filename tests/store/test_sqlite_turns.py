from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sendworthy.errors import StoreUnavailable
from sendworthy.store.faults import no_fault
from sendworthy.store.sqlite.turns import Turns
from sendworthy.store.sqlite.writer import SqliteEngine

HOLDER = """
import pathlib, sys
from sendworthy.store.sqlite.turns import Turns
with Turns(pathlib.Path(sys.argv[1]), most_seconds=10):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    path.touch()
    return path


def held(path: Path) -> bool:
    lock = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end


def test_whoever_waits_writes_before_the_one_who_has_just_written(database: Path) -> None:
    mine, other = Turns(database, most_seconds=20), Turns(database, most_seconds=20)
    order: list[str] = []

    def wait() -> None:
        with other:
            order.append("the one who waited")

    waiting = threading.Thread(target=wait)
    with mine:
        waiting.start()
        until(lambda: held(database.with_name("s.db.next")))
    with mine:
        order.append("the one who wrote")
    waiting.join(20)
    assert order == ["the one who waited", "the one who wrote"]
    mine.close()
    other.close()


def test_writers_in_two_processes_keep_apart_and_a_killed_one_holds_up_nobody(database: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mine\n"
        assert held(database.with_name("s.db.turn"))
        mine = Turns(database, most_seconds=20)
        holder.send_signal(signal.SIGKILL)
        with mine:
            assert held(database.with_name("s.db.turn"))
    mine.close()
    assert not held(database.with_name("s.db.turn"))


@pytest.mark.parametrize("which", ["next", "turn"])
def test_a_writer_that_hangs_is_waited_for_only_so_long(database: Path, which: str) -> None:
    mine = Turns(database, most_seconds=0.05)
    hanging = os.open(database.with_name(f"s.db.{which}"), os.O_RDWR)
    fcntl.flock(hanging, fcntl.LOCK_EX)
    began = time.monotonic()
    with mine:
        assert time.monotonic() - began >= 0.05
    os.close(hanging)
    with mine:
        assert held(database.with_name("s.db.turn"))
    assert not held(database.with_name("s.db.next"))
    mine.close()


async def test_writing_waits_for_its_turn(database: Path) -> None:
    engine = SqliteEngine(database, exclusive=False, fault=no_fault)
    turns = Turns(database, most_seconds=20)
    seen: list[bool] = []
    with turns:
        writing = asyncio.ensure_future(
            engine.write("look", lambda _: seen.append(held(database.with_name("s.db.turn"))))
        )
        await asyncio.to_thread(until, lambda: held(database.with_name("s.db.next")))
        assert seen == []
    await writing
    assert seen == [True]
    turns.close()
    await engine.close()


def test_the_lock_files_are_their_owners_alone(database: Path) -> None:
    turns = Turns(database, most_seconds=1)
    for ending in ("next", "turn"):
        assert stat.S_IMODE(database.with_name(f"s.db.{ending}").stat().st_mode) == 0o600
    turns.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that is another user's")
def test_lock_files_that_root_makes_are_the_database_owners(database: Path) -> None:
    os.chown(database, 65534, 65534)
    turns = Turns(database, most_seconds=1)
    for ending in ("next", "turn"):
        assert database.with_name(f"s.db.{ending}").stat().st_uid == 65534
    turns.close()


def test_lock_files_that_cannot_be_opened_are_one_clear_line(database: Path) -> None:
    database.with_name("s.db.turn").mkdir()
    with pytest.raises(StoreUnavailable, match=r"lock files beside the database s\.db cannot be opened: Is a dir"):
        SqliteEngine(database, exclusive=True, fault=no_fault)
    database.with_name("s.db.turn").rmdir()
    assert not held(database.with_name("s.db.lock")), "the lock of the file is let go of"


OPENS = """
import os, pathlib, sys, time
from sendworthy.store.faults import no_fault
from sendworthy.store.sqlite.writer import SqliteEngine
print("ready", flush=True)
at = float(sys.stdin.readline())
while time.monotonic() < at:
    pass
SqliteEngine(pathlib.Path(sys.argv[1]), exclusive=False, fault=no_fault)
os._exit(0)
"""


def test_processes_that_open_a_new_database_at_once_all_get_it(tmp_path: Path) -> None:
    for number in range(8):
        command = [sys.executable, "-c", OPENS, str(tmp_path / f"{number}.db")]
        opening = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        for one in opening:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        at = time.monotonic() + 0.02
        for one in opening:
            assert one.stdin is not None
            print(at, file=one.stdin, flush=True)
        for one in opening:
            one.communicate(timeout=20)
        assert [one.returncode for one in opening] == [0, 0, 0]
