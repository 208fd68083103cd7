"""Ends a task for certain. Knows not what the task does."""

from __future__ import annotations

import asyncio
from typing import Any

_PATIENCE_SECONDS = 0.5


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it is done; what it raised is not raised here.

    Once is not enough: in Python 3.11 `wait_for`, which the DNS resolver is built on, can swallow a cancellation that
    comes together with what it waits for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
