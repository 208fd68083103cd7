"""Asks SES which configuration sets it has paused, while the relay stands in: no message asks then, and tells us so.

Without it the relay would carry what somebody paused at SES (decision 0083). Knows no relay and sends nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sendworthy.clients.aws import Aws
from sendworthy.errors import Rejected, SendworthyError
from sendworthy.pacing.governor import Policy
from sendworthy.store.store import Store
from sendworthy.store.values import Lane, PauseScope

_LOG = logging.getLogger(__name__)

_OPEN_FOR: Final = timedelta(minutes=1)
"""For so long it is believed that a set is not paused."""

_PAUSED_FOR: Final = timedelta(minutes=2)
"""For so long the mail of a paused set is left alone; then SES is asked again before any of it goes."""


@dataclass(slots=True, kw_only=True)
class PausedSets:
    """Pauses here what SES has paused, set by set. `lane` is SES's account and Region."""

    store: Store
    lane: Lane
    paused: Callable[[str], Awaitable[bool]]
    now: Callable[[], datetime]
    _open_until: dict[str, datetime] = field(default_factory=dict)
    _unknown: set[str] = field(default_factory=set)

    async def heed(self) -> None:
        """Ask about each set whose mail would go another way than SES now. Raises StoreUnavailable.

        Whether a set is paused is unknown where SES does not say; its mail goes then, as before it was asked, and the
        log says so once.
        """
        waiting = await self.store.standstill.waiting(self.lane, policy=Policy(), most=1)
        names = {one.configuration_set for one in waiting if one.way and one.configuration_set}
        for name in sorted(names):
            now = self.now()
            if now < self._open_until.get(name, now) <= now + _OPEN_FOR:
                continue
            if await self._is_paused(name):
                until = self.now() + _PAUSED_FOR
                await self.store.pause(PauseScope.CONFIGURATION_SET, name, reason="SES says so.", until=until)
            else:
                self._open_until[name] = self.now() + _OPEN_FOR

    async def _is_paused(self, name: str) -> bool:
        try:
            found = await self.paused(name)
        except SendworthyError as error:
            if name not in self._unknown:
                self._unknown.add(name)
                _LOG.warning("Whether SES has paused the configuration set %s is not known: %s", name, error.happened)
            return False
        self._unknown.discard(name)
        return found


def asked_of(aws: Aws) -> Callable[[str], Awaitable[bool]]:
    """Give the question to SES whether it has paused a configuration set; one that does not exist is not paused."""

    async def paused(name: str) -> bool:
        try:
            found = await aws.call("sesv2", "GetConfigurationSet", timeout_seconds=5, ConfigurationSetName=name)
        except Rejected as error:
            if error.code == "NotFoundException":
                return False
            raise
        return not found.get("SendingOptions", {}).get("SendingEnabled", True)

    return paused
