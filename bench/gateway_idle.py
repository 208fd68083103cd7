"""What `sendworthy up` costs when there is nothing to do: every role, in two processes, on SQLite."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.gateway_up import Gateway

_SETTLE_SECONDS = 5
"""A start is not idleness: what its jobs look at first is looked at within this."""


@dataclass(frozen=True, kw_only=True)
class Idle:
    """The share of one core that was used (0.01 is 1 %), and the memory held."""

    share: float
    megabytes: float
    seconds: float


def measure(own: Gateway, seconds: float) -> Idle:
    """Watch a gateway that nobody uses."""
    time.sleep(_SETTLE_SECONDS)
    began, used = time.monotonic(), own.processor_seconds
    time.sleep(seconds)
    passed = time.monotonic() - began
    return Idle(share=(own.processor_seconds - used) / passed, megabytes=own.megabytes, seconds=passed)
