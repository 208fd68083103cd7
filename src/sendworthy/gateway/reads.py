"""What applications read of SES through the gateway: passed on to AWS sparingly, and answered from memory meanwhile.

SES's control plane takes about one call a second for the whole account [D23]; a fleet of applications that each list
identities at start must not use it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sendworthy.clients.aws import Aws
from sendworthy.errors import ProviderError

OPERATIONS = frozenset({"ListEmailIdentities", "GetEmailIdentity", "ListConfigurationSets", "GetConfigurationSet"})
"""Reads that SDK users make on the way to sending. None of them changes anything."""

_MOST_KEPT = 1000


class Reads:
    """Answers of AWS, kept for `seconds`. An error is not kept, and is raised as it came."""

    def __init__(self, aws: Aws, *, now: Callable[[], datetime], seconds: float = 60.0) -> None:
        self._aws = aws
        self._now = now
        self._for = timedelta(seconds=seconds)
        self._kept: dict[str, tuple[datetime, dict[str, Any]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def answer(self, operation: str, params: dict[str, Any], *, service: str = "sesv2") -> dict[str, Any]:
        """Give AWS's answer to a read of one of its two mail APIs (`sesv2`, `ses`). Raises ProviderError."""
        key = f"{service} {operation} {sorted(params.items())!r}"
        async with self._locks.setdefault(key, asyncio.Lock()):
            found = self._kept.get(key)
            if found is not None and self._now() < found[0]:
                return found[1]
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
                self._locks = {key: self._locks[key]}
            answer = await self._aws.call(service, operation, **params)
            self._kept[key] = (self._now() + self._for, answer)
            return answer


def code_and_words(error: ProviderError) -> tuple[str, str]:
    """Give what to tell the application: AWS's own code where there is one, and no word of our credentials."""
    if error.code.endswith("Exception"):
        return error.code, error.happened
    return "InternalServiceErrorException", "Amazon SES could not be asked."
