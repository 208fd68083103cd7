from __future__ import annotations

import asyncio

from sendworthy.simulator.ending import ended


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    swallowed, started = 0, asyncio.Event()

    async def deaf() -> None:
        nonlocal swallowed
        started.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise

    task = asyncio.create_task(deaf())
    await started.wait()
    await ended(task)
    assert (task.cancelled(), swallowed) == (True, 3)


async def test_what_a_task_raised_before_its_end_is_not_raised_again() -> None:
    async def broken() -> None:
        raise ValueError("its own affair")

    task = asyncio.create_task(broken())
    await asyncio.wait({task})
    await ended(task)
    assert isinstance(task.exception(), ValueError)
