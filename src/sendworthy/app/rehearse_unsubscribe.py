"""Tries one-click unsubscribe on the configured path: at the public address, or at the local door behind it.

Knows how a link is reached, and what says that there is nothing to try; the trial itself is `drill_unsubscribe`'s.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec

from sendworthy.access.claim_figures import sends_marketing
from sendworthy.app.drill_unsubscribe import UnsubscribeTrial, drill_unsubscribe
from sendworthy.app.parts import Clock
from sendworthy.app.public import serving_public
from sendworthy.clients.probe_unsubscribe import press
from sendworthy.config import Config
from sendworthy.errors import ConfigError, Unavailable
from sendworthy.mail.status import Status
from sendworthy.store.store import Store

BODY = "A drill of one-click unsubscribe: {{sendworthyUnsubscribeUrl}}"
"""The placeholder lets the gateway take it where no footer is configured."""

_NO_DOOR_BEHIND = frozenset({502, 503, 504})
"""What a reverse proxy answers when the door behind it is away (RFC 9110 section 15.6)."""
_SETTLE_SECONDS = 10.0
_ON_THE_WAY = frozenset({Status.ACCEPTED, Status.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribed:
    """What came of it. `not_tried` says why nothing was tried; `door` is where the links were pressed, in the end.

    `note` says that the public address did not answer from here; empty when it did.
    """

    trials: tuple[UnsubscribeTrial, ...] = ()
    not_tried: str = ""
    door: str = ""
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing that was tried failed."""
        return all(trial.passed for trial in self.trials)


class Door:
    """Presses links where the internet does, or at the local door once the public address does not answer from here.

    A wrong answer or a refused certificate is an answer: readers get the same, so it is not gone round.
    """

    def __init__(self, public: str, local: str, *, connect_to: Mapping[str, str] | None = None) -> None:
        """Take both addresses; `connect_to` is for the public one, as `clients.web.Web` has it."""
        self._public = public.rstrip("/")
        self._local = local.rstrip("/")
        self._connect_to = connect_to
        self.note = ""

    @property
    def url(self) -> str:
        """Give the address at which links are pressed by now."""
        return self._local if self.note else self._public

    async def get(self, link: str) -> int:
        """GET a link; gives the status. Raises Unavailable, Rejected."""
        if not self.note:
            try:
                status = await press("GET", link, connect_to=self._connect_to)
            except Unavailable as error:
                self.note = f"{error.happened} The links were pressed at {self._local}."
            else:
                if status not in _NO_DOOR_BEHIND:
                    return status
                self.note = f"{self._public} answered {status}. The links were pressed at {self._local}."
        return await press("GET", self._behind(link))

    async def one_click(self, link: str) -> int:
        """POST to a link as RFC 8058 section 3.2 has it; gives the status. Raises Unavailable, Rejected."""
        if self.note:
            return await press("POST", self._behind(link))
        return await press("POST", link, connect_to=self._connect_to)

    def _behind(self, link: str) -> str:
        return f"{self._local}/u/{link.rpartition('/u/')[2]}"


def nothing_to_try(config: Config) -> str:
    """Say why there is no unsubscribe link to try; empty when there is one."""
    if not sends_marketing(config.profile):
        return 'no [[mail]] in sendworthy.toml has stream = "marketing"'
    if not config.gateway.public_url:
        return "there is no public door: gateway.public_url is not set"
    return ""


@asynccontextmanager
async def own_door(config: Config, store: Store) -> AsyncIterator[str]:
    """Open the public door for a station of our own; gives its local address.

    Where the internet's way leads to, if that port is free: the public address then answers too. Else on any port.
    """
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(serving_public(config, store))
        except ConfigError:
            gateway = msgspec.structs.replace(config.gateway, public="127.0.0.1:0")
            elsewhere = msgspec.structs.replace(config, gateway=gateway)
            url = await stack.enter_async_context(serving_public(elsewhere, store))
        yield url


async def rehearse_unsubscribe(
    config: Config,
    store: Store,
    *,
    region: str,
    local: str,
    send: Callable[[str], Awaitable[str]],
    tick: Callable[[], Awaitable[None]],
    clock: Clock,
    each: int,
    label: str,
) -> Unsubscribed:
    """Try `each` links and keep the result as proof. `local` is the public door's address on this side.

    `send` hands a bulk message to the gateway and gives its MessageId, or raises NotTaken.
    """
    connect_to = {"*": config.web.connect} if config.web.connect else None
    door = Door(config.gateway.public_url, local, connect_to=connect_to)
    trials = await drill_unsubscribe(
        store,
        region=region,
        get=door.get,
        one_click=door.one_click,
        send=send,
        now=clock.now,
        monotonic=time.monotonic,
        each=each,
        label=label,
    )
    await _settle(store, [trial.message_id for trial in trials if trial.message_id], tick)
    return Unsubscribed(trials=trials, door=door.url, note=door.note)


async def _settle(store: Store, message_ids: Sequence[str], tick: Callable[[], Awaitable[None]]) -> None:
    """Let the messages go out, for a while, so that a gateway of our own does not leave them behind."""
    waiting, began = list(message_ids), time.monotonic()
    while waiting and time.monotonic() - began < _SETTLE_SECONDS:
        deliveries, _ = await store.deliveries(message_id=waiting[-1])
        if any(one.status in _ON_THE_WAY for one in deliveries):
            await tick()
        else:
            waiting.pop()
