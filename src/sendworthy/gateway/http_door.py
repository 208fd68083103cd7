"""The inside HTTP door: who calls, by which API, and the answer in its shape. Knows no rule of sending.

Says 200 only after the store's commit. SES v1 lives at `/`, v2 under /v2/, our own few calls under /sendworthy/; all of
them are signed with gateway keys. /healthz, /readyz and /metrics are open to whoever reaches the door.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sendworthy.errors import SendworthyError, StoreBusy, StoreUnavailable
from sendworthy.gateway import metrics
from sendworthy.gateway.http_body import Bodies, Bounds
from sendworthy.gateway.keys import KEY_PREFIX, NOBODY, Key, Keys
from sendworthy.gateway.metrics import Meter
from sendworthy.gateway.own_api import OwnApi
from sendworthy.gateway.reads import Reads
from sendworthy.gateway.reception import Reception
from sendworthy.gateway.ses_v1 import SesV1
from sendworthy.gateway.ses_v2 import SesV2
from sendworthy.gateway.strangers import Strangers
from sendworthy.pacing import governor
from sendworthy.pacing.governor import Policy
from sendworthy.pacing.today import PolicyNow, always
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.service import Call, Service
from sendworthy.wire.sigv4 import read_scope, signing_key, verify

_LOG = logging.getLogger(__name__)

_PAGES = frozenset({"/healthz", "/readyz", "/metrics", "/console"})
_RETRY_SECONDS = 5.0
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - AWS's sentence


class Api(Protocol):
    """One API behind the door."""

    door: str
    service: Service

    def told(self, error: SendworthyError) -> tuple[str, int]:
        """Give the API's code and the HTTP status for an error."""
        ...

    async def carry_out(self, call: Call, key: Key, invocation_id: str) -> dict[str, Any]:
        """Give the result of one call."""
        ...


class Door:
    """An ASGI application that answers calls signed with gateway keys. `wall` is the clock signatures are judged by.

    `regions` are those that a signature may be for; any, when empty.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        v2: Api,
        v1: Api | None,
        own: OwnApi,
        new_id: Callable[[], str],
        wall: Callable[[], datetime],
        meter: Meter,
        bounds: Bounds | None = None,
        regions: Collection[str] = (),
    ) -> None:
        self._keys = keys
        self._v2 = v2
        self._v1 = v1
        self._own = own
        self._new_id = new_id
        self._wall = wall
        self._meter = meter
        self._bodies = Bodies(bounds)
        self._strangers = Strangers()
        self._regions = frozenset(regions)
        self._derived = functools.lru_cache(maxsize=256)(signing_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        began = self._wall()
        response = await self.answer(scope, receive)
        self._meter.answered("http", max(0.0, (self._wall() - began).total_seconds()))
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Give the answer to one request; every failure is an answer too."""
        request_id = self._new_id()
        api = self._v1 if self._v1 is not None and scope["path"] in {"", "/"} else self._v2
        call = None
        try:
            with self._bodies.room() as room:
                request = await room.read(scope, receive)
                key = await self._authenticate(request, api)
                if scope["path"].startswith("/sendworthy/"):
                    return await self._own.answer(request, key)
                call = api.service.parse(request)
                result = await api.carry_out(call, key, request.headers.get("amz-sdk-invocation-id", ""))
        except SendworthyError as error:
            return self._refusal(api, error, request_id, call)
        except Exception as error:  # noqa: BLE001 - a defect of ours must still be an answer in AWS's shape
            _LOG.error("a request failed", exc_info=error)
            return api.service.error(
                "InternalServiceErrorException", "An internal error.", request_id=request_id, status=500
            )
        return api.service.answer(call.operation, result, request_id=request_id)

    def _refusal(self, api: Api, error: SendworthyError, request_id: str, call: Call | None) -> Response:
        code, status = api.told(error)
        words = error.message if isinstance(error, WireError) else f"{error.happened} {error.to_do}".strip()
        operation = call.operation if call else None
        response = api.service.error(code, words, request_id=request_id, status=status, operation=operation)
        if isinstance(error, StoreUnavailable):
            seconds = error.after_seconds if isinstance(error, StoreBusy) else _RETRY_SECONDS
            return replace(response, headers={**response.headers, "retry-after": str(ceil(seconds))})
        return response

    async def _authenticate(self, request: Request, api: Api) -> Key:
        try:
            return await self._key_of(request)
        except WireError as error:
            self._meter.unauthenticated(api.door)
            self._strangers.note(api.door, error.code, _claimed(request))
            raise

    async def _key_of(self, request: Request) -> Key:
        scope = read_scope(request)
        if scope.service != "ses":
            raise WireError("InvalidSignatureException", "Credential should be scoped to correct service: 'ses'.", 403)
        if self._regions and scope.region not in self._regions:  # a key derived for elsewhere is no key to this door
            ours = ", ".join(sorted(self._regions))
            raise WireError("InvalidSignatureException", f"Credential should be scoped to a valid region: {ours}.", 403)
        key = await self._keys.find(scope.access_key_id)
        try:
            secret = (key or NOBODY).secret
            derived = self._derived(secret, scope.date, scope.region, scope.service)
            verify(request, secret=secret, now=self._wall(), key=derived)
        except WireError:
            if key is not None:
                raise
        if key is None:
            hint = (
                "" if scope.access_key_id.startswith(KEY_PREFIX) else f" Keys of this gateway begin with {KEY_PREFIX}."
            )
            raise WireError("UnrecognizedClientException", _INVALID_TOKEN + hint, 403)
        return key


def _claimed(request: Request) -> str:
    """Give the name of the key that a request claims to be signed with; empty when it claims none."""
    try:
        return read_scope(request).access_key_id
    except WireError:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What /readyz and /metrics look at."""

    store: Store
    lane: Lane
    now: Callable[[], datetime]
    meter: Meter
    policy: PolicyNow
    draining: Callable[[], bool]
    more_metrics: Callable[[], Awaitable[Sequence[str]]] | None = None

    async def readyz(self, _: HttpRequest) -> HttpResponse:
        """Ready while mail can be kept and would go out: the store answers and the quota is known."""
        if self.draining():
            return JSONResponse({"status": "unavailable", "why": "It is being stopped."}, 503)
        try:
            state = await self.store.governor(self.lane)
        except StoreUnavailable as error:
            return JSONResponse({"status": "unavailable", "why": error.happened}, 503)
        if state is None:
            return JSONResponse({"status": "unavailable", "why": "The account's quota is not known yet."}, 503)
        held = governor.held(state, self.now().timestamp())
        return JSONResponse({"status": "ok", "held": held})

    async def metrics(self, _: HttpRequest) -> HttpResponse:
        """Everything that is counted; what the store cannot tell now is left out, and `sendworthy_store_up` is 0."""
        lines = list(self.meter.lines())
        up = 1
        try:
            state = await self.store.governor(self.lane)
            held = governor.held(state, self.now().timestamp()) if state else ""
            lines += metrics.account_lines(state, held)
            lines += metrics.delivery_lines(await self.store.counts(self.now() - timedelta(days=1)))
            lines += metrics.pause_lines(await self.store.pauses())
            lines += metrics.waiting_lines(await self.store.standstill.waiting(self.lane, policy=await self.policy()))
            lines += await self.more_metrics() if self.more_metrics else ()
        except StoreUnavailable:
            up = 0
        lines += ["# TYPE sendworthy_store_up gauge", f"sendworthy_store_up {up}"]
        return HttpResponse("\n".join(lines) + "\n", media_type=metrics.CONTENT_TYPE)


async def _to_console(_: HttpRequest) -> HttpResponse:
    return RedirectResponse("/console/", 307)


async def _healthz(_: HttpRequest) -> HttpResponse:
    return JSONResponse({"status": "ok"})


def _pages(watched: Watched, console: ASGIApp | None) -> ASGIApp:
    """Give what is read with a browser or a monitor, and not signed."""
    return Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/readyz", watched.readyz),
            Route("/metrics", watched.metrics),
            *((Route("/console", _to_console), Mount("/console", app=console)) if console else ()),
        ]
    )


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
    v1: Service | None = None,
    reception: Reception | None = None,
    bounds: Bounds | None = None,
    regions: Collection[str] = (),
    policy: PolicyNow | None = None,
    draining: Callable[[], bool] = lambda: False,
    console: ASGIApp | None = None,
    more_metrics: Callable[[], Awaitable[Sequence[str]]] | None = None,
) -> ASGIApp:
    """Give the inside door: SES v2 (`service`) and, where given, v1, beside /healthz, /readyz and /metrics.

    `wall` is the clock that signatures are judged by, `now` the one that the mail lives by; `regions` are those that a
    signature may be for (any, when empty). `console` is served under /console; `more_metrics` gives further lines for
    /metrics.
    """
    desk = reception or Reception(store, now=now, on_accepted=on_accepted)
    meter = desk.meter
    door: ASGIApp = Door(
        keys,
        v2=SesV2(service, store, desk, lane=lane, reads=reads),
        v1=SesV1(v1, store, desk, lane=lane, reads=reads) if v1 else None,
        own=OwnApi(store),
        new_id=store.new_id,
        wall=wall,
        meter=meter,
        bounds=bounds,
        regions=regions,
    )
    watched = Watched(
        store=store,
        lane=lane,
        now=now,
        meter=meter,
        policy=policy or always(Policy()),
        draining=draining,
        more_metrics=more_metrics,
    )
    pages = _pages(watched, console)

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        # Calls to SES are nearly all there is, and do not pass through a framework: it would cost them a tenth.
        path = scope.get("path", "")
        for_pages = scope["type"] != "http" or path in _PAGES or path.startswith("/console/")
        await (pages if for_pages else door)(scope, receive, send)

    return inside
