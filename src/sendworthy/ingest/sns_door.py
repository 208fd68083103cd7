"""SNS's way in over HTTPS: one ASGI application for the outside door. Anybody can reach it, so it believes nobody.

It answers 2xx only when the event is recorded (SNS tries again for anything else), keeps nothing of what is not
verified, and confirms subscriptions of our own topics only. SNS Developer Guide, "HTTP/HTTPS endpoints".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sendworthy.errors import ProviderError, SendworthyError, StoreUnavailable, UntrustedEvent
from sendworthy.ingest.believe import believed
from sendworthy.ingest.certificates import SigningKeys
from sendworthy.ingest.decode import DecodeFailure
from sendworthy.ingest.intake import Record, tell_complaints
from sendworthy.ingest.unwrap import Envelope
from sendworthy.ingest.verify import Trust, same_region
from sendworthy.wire import sns

_LOG = logging.getLogger(__name__)

LONGEST_POST: Final = 512 * 1024
"""Octets. An SNS message has at most 256 KiB, and JSON escapes what is not ASCII."""

SOURCE: Final = "https:sns"


class Confirm(Protocol):
    """What the door needs to answer a confirmation; `clients.confirm.Confirmer` is one."""

    async def __call__(self, *, topic: str, token: str, subscribe_url: str) -> None:
        """Confirm a subscription of one of our topics. Raises ProviderError."""


class SnsDoor:
    """An ASGI application; mount it on the public door. `trust.raw_delivery` must never be set for it."""

    def __init__(
        self, store: Record, *, trust: Trust, keys: SigningKeys, confirm: Confirm, now: Callable[[], datetime]
    ) -> None:
        if trust.raw_delivery or trust.bridge_account:
            raise ValueError("Nothing vouches for a body without a signature at a door that all can reach.")
        self._store = store
        self._trust = trust
        self._keys = keys
        self._confirm = confirm
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("SNS posts here.\n", 405, headers={"Allow": "POST"})
        try:
            body = await _body(request)
        except ClientDisconnect:
            return _say(400, "The body did not come whole.")
        if body is None:
            return _say(413, "The body is longer than any message of SNS.")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return _say(400, "The body is not UTF-8.")
        try:
            return await self._take(text)
        except UntrustedEvent as error:
            # Not parked: whoever finds the address could fill the store. SNS itself will try again, and the log tells.
            _LOG.warning("A message at the SNS door was refused: %s", error.happened)
            return _say(403, error.happened)
        except (ProviderError, StoreUnavailable) as error:
            _LOG.warning("A message at the SNS door must come again: %s", error.happened)
            return _say(503, "Try again.", {"Retry-After": "20"})

    async def _take(self, text: str) -> Response:
        now = self._now()
        try:
            found = await believed(text, trust=self._trust, keys=self._keys, now=now)
        except DecodeFailure as error:
            return await self._park(text, error.happened)
        if isinstance(found, Envelope):
            return await self._confirmation(found)
        if not found:
            return _say(200, "Nothing to record.")
        try:
            counts = await self._store.record_events(found, source=SOURCE)
        except StoreUnavailable:
            raise
        except SendworthyError as error:
            return await self._park(text, f"The event was refused by the record: {error.happened}")
        tell_complaints(counts)
        return _say(200, "Recorded.")

    async def _park(self, text: str, reason: str) -> Response:
        await self._store.park(text.encode(), reason=reason, source=SOURCE)
        _LOG.warning("A message from %s was parked: %s", SOURCE, reason)
        return _say(200, "Parked.")

    async def _confirmation(self, envelope: Envelope) -> Response:
        """Confirm a subscription of a topic on our list, which `believed` has seen to; note the end of one."""
        if envelope.type != "SubscriptionConfirmation":
            _LOG.warning("The subscription of this door to %s was ended at SNS; events may be missed.", envelope.topic)
            return _say(200, "Noted.")
        url = envelope.fields.get("SubscribeURL", "")
        if not sns.url_trusted(url) or not same_region(url, envelope.topic):
            raise UntrustedEvent("The SubscribeURL does not lead to SNS in the topic's Region.")
        await self._confirm(topic=envelope.topic, token=envelope.fields.get("Token", ""), subscribe_url=url)
        _LOG.warning("The subscription of this door to %s is confirmed.", envelope.topic)
        return _say(200, "Confirmed.")


async def _body(request: Request) -> bytes | None:
    """Read the body, None when it is too long; no more than the bound is ever kept."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LONGEST_POST:
            return None
    return bytes(found)


def _say(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text + "\n", status, headers=headers)
