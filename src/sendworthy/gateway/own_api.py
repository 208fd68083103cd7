"""Our own few calls beside SES's: the story of a message, and calling it off. Signed as SES calls are; knows no rule.

A key sees the messages that were handed over with it, and no others.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sendworthy.gateway.keys import Key
from sendworthy.store.store import Store
from sendworthy.wire.http import Request, Response

_MESSAGE = re.compile(r"/sendworthy/messages/([A-Za-z0-9_-]{1,128})")


class OwnApi:
    """GET and DELETE of /sendworthy/messages/ID."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def answer(self, request: Request, key: Key) -> Response:
        """Answer one call in JSON. Raises StoreUnavailable."""
        match = _MESSAGE.fullmatch(request.path)
        message = await self._store.message(match[1]) if match else None
        if message is None or message.access_key_id != key.access_key_id:
            return _json(404, {"message": "There is no such message of this key."})
        match request.method:
            case "GET":
                deliveries, _ = await self._store.deliveries(message_id=message.id)
                timeline = await self._store.timeline(message.id)
                shown = {"schema": "sendworthy.message/1", "message": message}
                return _json(200, shown | {"deliveries": deliveries, "timeline": timeline})
            case "DELETE":
                cancelled = await self._store.cancel(message.id, cause=f"cancelled by {key.name}")
                return _json(200, {"schema": "sendworthy.cancelled/1", "cancelled": cancelled})
            case _:
                return _json(405, {"message": "GET and DELETE are offered."})


def _json(status: int, value: Any) -> Response:
    body = msgspec.json.encode(value, enc_hook=str)
    return Response(status=status, headers={"content-type": "application/json"}, body=body)
