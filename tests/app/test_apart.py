"""The two ends of the way between the doors' process and the worker's, each against a real process or socket."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from sendworthy.app.apart import Parent, WorkerApart
from sendworthy.errors import ConfigError, Unavailable

BEGIN = "import os, pathlib, signal, socket, sys; way = socket.socket(fileno=int(sys.argv[-1])); "
TO_THE_END = BEGIN + "pathlib.Path(sys.argv[1]).touch()\nwhile way.recv(9): pass\npathlib.Path(sys.argv[2]).touch()"


def a_worker(program: str, *arguments: object) -> WorkerApart:
    return WorkerApart([sys.executable, "-c", program, *map(str, arguments)])


async def seen(path: Path) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(path.exists):
            continue


async def test_a_worker_is_woken() -> None:
    worker = a_worker(BEGIN + "sys.exit(7 if way.recv(1) == b'w' else 8)")
    running = asyncio.ensure_future(worker.run(asyncio.Event()))
    async with asyncio.timeout(20):
        while not running.done():
            worker.wake()
            await asyncio.wait([running], timeout=0.01)
    with pytest.raises(Unavailable, match="ended with code 7"):
        await running
    worker.wake()


async def test_more_wakes_than_the_way_holds_hold_up_nobody(tmp_path: Path) -> None:
    begun, ended, heeds, stop = tmp_path / "begun", tmp_path / "ended", tmp_path / "heeds", asyncio.Event()
    program = TO_THE_END.replace("while", "while not os.path.exists(sys.argv[3]): pass\nwhile", 1)
    worker, complaints = a_worker(program, begun, ended, heeds), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    running = asyncio.ensure_future(worker.run(stop))
    await seen(begun)
    for _ in range(2_000):
        worker.wake()
        await asyncio.wait([running], timeout=0)
    heeds.touch()
    stop.set()
    await asyncio.wait_for(running, 20)
    assert ended.exists()
    assert complaints == []


async def test_a_worker_that_is_told_to_stop_ends_its_work_first(tmp_path: Path) -> None:
    begun, ended, stop = tmp_path / "begun", tmp_path / "ended", asyncio.Event()
    running = asyncio.ensure_future(a_worker(TO_THE_END, begun, ended).run(stop))
    await seen(begun)
    assert not ended.exists()
    stop.set()
    await asyncio.wait_for(running, 20)
    assert ended.exists()


async def test_a_worker_is_told_to_stop_when_another_part_fails(tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    running = asyncio.ensure_future(a_worker(TO_THE_END, begun, ended).run(asyncio.Event()))
    await seen(begun)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.exists()


async def test_a_worker_that_was_killed_is_missed() -> None:
    worker = a_worker(BEGIN + "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(Unavailable, match="was ended by SIGKILL"):
        await asyncio.wait_for(worker.run(asyncio.Event()), 20)


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), signal.SIGTERM)", "sys.exit(130)"])
async def test_a_signal_to_both_processes_is_no_failure_of_the_worker(tmp_path: Path, ending: str) -> None:
    begun, stop = tmp_path / "begun", asyncio.Event()
    worker = a_worker(BEGIN + "pathlib.Path(sys.argv[1]).touch(); way.recv(1); " + ending, begun)
    running = asyncio.ensure_future(worker.run(stop))
    await seen(begun)
    stop.set()
    await asyncio.wait_for(running, 20)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(a_worker(BEGIN + ending).run(asyncio.Event()), 20)


async def test_a_worker_that_ends_untold_is_missed() -> None:
    with pytest.raises(Unavailable, match="ended with code 0"):
        await asyncio.wait_for(a_worker(BEGIN).run(asyncio.Event()), 20)


async def test_a_worker_that_a_signal_to_both_reached_first_is_not_missed(tmp_path: Path) -> None:
    named, stop = tmp_path / "named", asyncio.Event()
    program = BEGIN + "named = pathlib.Path(sys.argv[1]); named.with_suffix('.x').write_text(str(os.getpid())); "
    program += "named.with_suffix('.x').rename(named)"
    running = asyncio.ensure_future(a_worker(program, named).run(stop))
    await seen(named)
    worker = Path("/proc") / await asyncio.to_thread(named.read_text)
    async with asyncio.timeout(20):
        while await asyncio.to_thread(worker.exists):
            continue
    await asyncio.wait([running], timeout=0.05)
    assert not running.done(), "it has ended, and is not missed at once"
    stop.set()
    await asyncio.wait_for(running, 20)


async def test_the_worker_heeds_its_parent_and_stops_when_it_is_gone() -> None:
    ours, theirs = socket.socketpair()
    woken, stop = asyncio.Event(), asyncio.Event()
    Parent(theirs.detach()).heed(woken.set, stop)
    for _ in range(2):
        ours.send(b"www")
        await asyncio.wait_for(woken.wait(), 20)
        woken.clear()
    assert not stop.is_set()
    ours.close()
    await asyncio.wait_for(stop.wait(), 20)
    assert not woken.is_set()


def test_a_parent_that_is_none_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="no process at file descriptor 987"):
        Parent(987)
