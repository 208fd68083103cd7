"""The SES v2 door: what an unmodified SDK needs to send through us. Knows no queue and never talks to AWS.

Says 200 only after the store's commit. Everything else is an error in AWS's shapes, so that SDKs retry what can be
retried and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sendworthy.errors import (
    Denied,
    InvalidMessage,
    ProviderError,
    SendRefused,
    SendworthyError,
    StoreUnavailable,
    Throttled,
)
from sendworthy.gateway.acceptance import Origin, read_send_email
from sendworthy.gateway.keys import Key, Keys
from sendworthy.gateway.reads import OPERATIONS, Reads, code_and_words
from sendworthy.pacing import governor
from sendworthy.pacing.governor import State
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.service import MOST_BODY_BYTES, Call, Service
from sendworthy.wire.sigv4 import read_scope, verify

_LOG = logging.getLogger(__name__)

_LONGEST_INVOCATION_ID = 128


class _TooLarge(SendworthyError):
    """The body goes beyond what any message may need."""


def told(error: SendworthyError) -> tuple[str, int]:
    """Give AWS's code and the HTTP status for an error; SDKs retry the 5xx ones."""
    match error:
        case WireError():
            return error.code, error.status
        case InvalidMessage():
            return "BadRequestException", 400
        case SendRefused():
            return "MessageRejected", 400
        case _TooLarge():
            return "BadRequestException", 413
        case StoreUnavailable():
            return "ServiceUnavailable", 503
        case _:
            return "InternalServiceErrorException", 500


class Door:
    """An ASGI application that answers SES v2 calls signed with gateway keys.

    `wall` is the clock that signatures are judged by, `now` the one that the mail lives by. `on_accepted` is called
    after each commit.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        service: Service,
        *,
        lane: Lane,
        now: Callable[[], datetime],
        wall: Callable[[], datetime],
        on_accepted: Callable[[], None],
        reads: Reads | None,
    ) -> None:
        self._reads = reads
        self._store = store
        self._keys = keys
        self._service = service
        self._lane = lane
        self._now = now
        self._wall = wall
        self._on_accepted = on_accepted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        response = await self.answer(scope, receive)
        await HttpResponse(response.body, response.status, dict(response.headers))(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Give the answer to one request; every failure is an answer too."""
        request_id = self._store.new_id()
        try:
            request = await _read(scope, receive)
            key = await self._authenticate(request)
            call = self._service.parse(request)
            result = await self._carry_out(call, key, request)
        except SendworthyError as error:
            code, status = told(error)
            words = error.message if isinstance(error, WireError) else f"{error.happened} {error.to_do}".strip()
            return self._service.error(code, words, request_id=request_id, status=status)
        except Exception as error:  # noqa: BLE001 - a defect of ours must still be an answer in AWS's shape
            _LOG.error("a request failed", exc_info=error)
            return self._service.error(
                "InternalServiceErrorException", "An internal error.", request_id=request_id, status=500
            )
        return self._service.answer(call.operation, result, request_id=request_id)

    async def _authenticate(self, request: Request) -> Key:
        scope = read_scope(request)
        key = await self._keys.find(scope.access_key_id)
        if key is None:
            raise WireError(
                "UnrecognizedClientException", "The security token included in the request is invalid.", 403
            )
        if scope.service != "ses":
            raise WireError("InvalidSignatureException", "Credential should be scoped to correct service: 'ses'.", 403)
        verify(request, secret=key.secret, now=self._wall())
        return key

    async def _carry_out(self, call: Call, key: Key, request: Request) -> dict[str, Any]:
        match call.operation:
            case "SendEmail":
                return await self._send_email(call, key, request.headers.get("amz-sdk-invocation-id", ""))
            case "GetAccount":
                return await self._get_account()
            case operation if operation in OPERATIONS and self._reads is not None:
                return await self._read_of_aws(self._reads, call)
            case _:
                raise WireError("NotFoundException", f"{call.operation} is not offered by this gateway.", 404)

    async def _read_of_aws(self, reads: Reads, call: Call) -> dict[str, Any]:
        try:
            return await reads.answer(call.operation, call.params)
        except Denied as error:
            # The application's key is good; it is ours that may not read. Its SDK must not be told to change its own.
            raise WireError("InternalServiceErrorException", "Amazon SES could not be asked.", 500) from error
        except ProviderError as error:
            code, words = code_and_words(error)
            status = 429 if isinstance(error, Throttled) else 404 if code == "NotFoundException" else 500
            raise WireError(code, words, status if code != "BadRequestException" else 400) from error

    async def _send_email(self, call: Call, key: Key, invocation_id: str) -> dict[str, Any]:
        origin = Origin(
            access_key_id=key.access_key_id,
            stream=key.stream,
            message_id=self._store.new_id(),
            invocation_id=invocation_id[:_LONGEST_INVOCATION_ID],
            at=self._now(),
        )
        accepted = await self._store.accept(read_send_email(call.params, origin))
        if accepted.conflict:
            raise InvalidMessage("This idempotency key was used for another message.", "Use a new key.")
        self._on_accepted()
        return {"MessageId": accepted.message_id}

    async def _get_account(self) -> dict[str, Any]:
        state = await self._store.governor(self._lane)
        if state is None:
            raise StoreUnavailable("The account's quota is not known yet.")
        return describe(state)


def describe(state: State) -> dict[str, Any]:
    """Give GetAccount's answer as the governor knows the account; what it does not know is left out."""
    quota = state.quota
    sent = quota.sent_last_24_hours + (state.granted - state.granted_at_reading)
    return {
        "EnforcementStatus": quota.enforcement,
        "ProductionAccessEnabled": quota.production,
        "SendingEnabled": quota.sending_enabled,
        "SendQuota": {
            "Max24HourSend": quota.max_24_hour_send,
            "MaxSendRate": quota.max_send_rate,
            "SentLast24Hours": float(sent),
        },
    }


def app(
    store: Store,
    keys: Keys,
    service: Service,
    *,
    lane: Lane,
    now: Callable[[], datetime],
    wall: Callable[[], datetime],
    on_accepted: Callable[[], None] = lambda: None,
    reads: Reads | None = None,
) -> Starlette:
    """Give the inside door: the SES v2 API on every path but /healthz and /readyz."""
    door: ASGIApp = Door(store, keys, service, lane=lane, now=now, wall=wall, on_accepted=on_accepted, reads=reads)

    async def healthz(_: HttpRequest) -> HttpResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: HttpRequest) -> HttpResponse:
        """Ready while mail can be kept and would go out: the store answers and the quota is known."""
        try:
            state = await store.governor(lane)
        except StoreUnavailable as error:
            return JSONResponse({"status": "unavailable", "why": error.happened}, 503)
        if state is None:
            return JSONResponse({"status": "unavailable", "why": "The account's quota is not known yet."}, 503)
        held = governor.held(state, now().timestamp())
        return JSONResponse({"status": "ok", "held": held})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Mount("/", app=door)])


async def _read(scope: Scope, receive: Receive) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MOST_BODY_BYTES:
        raise _TooLarge("The request is too large.", "A message may have 40 MB.")
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            raise InvalidMessage("The request was cut off.")
        chunks.append(event.get("body", b""))
        size += len(chunks[-1])
        if size > MOST_BODY_BYTES:
            raise _TooLarge("The request is too large.", "A message may have 40 MB.")
        more = event.get("more_body", False)
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        path=raw_path.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"".join(chunks),
    )
