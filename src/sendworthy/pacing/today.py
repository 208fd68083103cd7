"""The policy that holds now, where a warm-up changes it from hour to hour. Knows neither warm-up nor store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sendworthy.pacing.governor import Policy

PolicyNow = Callable[[], Awaitable[Policy]]
"""Gives the policy of this moment. Raises StoreUnavailable where it cannot be known: then nothing may go."""


def always(policy: Policy) -> PolicyNow:
    """Give what holds whatever the time."""

    async def given() -> Policy:
        return policy

    return given
