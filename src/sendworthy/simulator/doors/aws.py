"""AWS's APIs on one endpoint: whose signature, which service, which rule, in which envelope. Knows no rule."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sendworthy.simulator import sqs
from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.doors.http import Answer
from sendworthy.simulator.doors.models import service
from sendworthy.simulator.faults import Fault, FaultKind, words
from sendworthy.simulator.lookups import Ask, look
from sendworthy.simulator.operations import LOOKS_AT_DNS, RULES
from sendworthy.simulator.ses_sending import Aftermath, send_email
from sendworthy.simulator.state import Caller, Moment, Simulation
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.service import Service
from sendworthy.wire.sigv4 import Scope, read_scope, signing_key, verify

_BEFORE_WORK = frozenset({FaultKind.ERROR, FaultKind.THROTTLE, FaultKind.EXPIRED, FaultKind.DENIED})
_POLL_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class AwsDoor:
    """Answers every AWS request. `wall` is wall time, for signatures; `url` is the endpoint's own, for queue URLs."""

    sim: Simulation
    clock: SimulatedClock
    wall: Callable[[], datetime]
    ask: Ask
    url: str = ""
    queues_on_wall_time: bool = False
    # Signing keys are kept for their day: deriving one costs as much as checking with it.
    key_of: Callable[[str, str, str, str], bytes] = field(default_factory=lambda: functools.lru_cache(64)(signing_key))

    def answer(self, request: Request, peer: str) -> Answer | Awaitable[Answer]:
        """Answer one request; awaitable where it has to wait for DNS, a message or a scripted delay."""
        request_id = self.sim.new_id()
        api = _guessed(request)
        operation: str | None = None
        try:
            scope, caller = self._authenticate(request, api)
            api = _api(scope.service, request)
            call = api.parse(request)
            operation = call.operation
            moment = self._moment(caller, scope.region, peer)
            fault = self.sim.faults.take(operation)
            if fault is not None:
                return self._faulty(api, operation, call.params, moment, request_id, fault)
            if operation == "ReceiveMessage" and sqs.wait_seconds(moment, call.params):
                return self._receive(api, call.params, moment, request_id)
            if api.name == "sesv2" and operation in LOOKS_AT_DNS:
                return self._looked_up(api, operation, call.params, moment, request_id)
            return self._carry_out(api, operation, call.params, moment, request_id)
        except WireError as error:
            return _refusal(api, error, request_id, operation)

    def _authenticate(self, request: Request, api: Service) -> tuple[Scope, Caller]:
        scope = read_scope(request)
        caller = self.sim.callers.get(scope.access_key_id)
        if caller is None:
            code = "InvalidClientTokenId" if api.protocol == "query" else "UnrecognizedClientException"
            raise WireError(code, "The security token included in the request is invalid.", 403)
        secret = caller.secret_access_key
        key = self.key_of(secret, scope.date, scope.region, scope.service)
        try:
            verify(request, secret=secret, now=self.wall(), key=key)
        except WireError as error:
            if api.protocol == "query" and error.code == "InvalidSignatureException":
                raise WireError("SignatureDoesNotMatch", error.message, error.status) from None
            raise
        return scope, caller

    def _moment(self, caller: Caller, region: str, peer: str) -> Moment:
        now = self.clock.now()
        return Moment(
            sim=self.sim,
            account=self.sim.account(caller.account_id, region),
            caller=caller,
            now=now,
            queue_now=self.wall() if self.queues_on_wall_time else now,
            source_ip=peer,
            http=self.url,
        )

    def _carry_out(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str
    ) -> Answer:
        try:
            if operation == "SendEmail" and api.name == "sesv2":
                sent = send_email(moment, params)
                match sent.aftermath:
                    case Aftermath.ANSWERED:
                        return api.answer(operation, {"MessageId": sent.message_id}, request_id=request_id)
                    case Aftermath.CUT:
                        return None
                    case Aftermath.FAILED:
                        return _error(api, Fault(operation=operation, kind=FaultKind.ERROR), request_id)
            rule = RULES.get(api.name, {}).get(operation)
            if rule is None:
                raise _not_simulated(api, operation)
            return api.answer(operation, rule(moment, params), request_id=request_id)
        except WireError as error:
            return _refusal(api, error, request_id, operation)

    async def _looked_up(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str
    ) -> Answer:
        identities = list(moment.account.identities.values())
        wanted = str(params.get("EmailIdentity", "")).lower().rstrip(".")
        if wanted:
            identities = [each for each in identities if each.name.lower() == wanted]
        await look(moment.account, identities, ask=self.ask, now=moment.now)
        return self._carry_out(api, operation, params, moment, request_id)

    async def _receive(self, api: Service, params: dict[str, Any], moment: Moment, request_id: str) -> Answer:
        """Long polling: wait in wall time until a message is visible or the wait is over."""
        loop = asyncio.get_running_loop()
        try:
            end = loop.time() + sqs.wait_seconds(moment, params)
            while True:
                at = self._moment(moment.caller, moment.account.region, moment.source_ip)
                result = sqs.receive_message(at, params)
                left = end - loop.time()
                if result or left <= 0:
                    return api.answer("ReceiveMessage", result, request_id=request_id)
                await sqs.queue_of(at, params).wait(min(left, _POLL_SECONDS))
        except WireError as error:
            return _refusal(api, error, request_id, "ReceiveMessage")

    async def _faulty(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str, fault: Fault
    ) -> Answer:
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.kind in _BEFORE_WORK:
            return _error(api, fault, request_id)
        if fault.kind is FaultKind.CUT_BEFORE_WORK:
            return None
        if operation == "ReceiveMessage":
            answer = await self._receive(api, params, moment, request_id)
        elif api.name == "sesv2" and operation in LOOKS_AT_DNS:
            answer = await self._looked_up(api, operation, params, moment, request_id)
        else:
            answer = self._carry_out(api, operation, params, moment, request_id)
        if fault.kind is FaultKind.CUT_BEFORE_ANSWER:
            return None
        return _error(api, fault, request_id) if fault.kind is FaultKind.ERROR_AFTER_WORK else answer


def _api(signed_for: str, request: Request) -> Service:
    match signed_for:
        case "ses":
            # By the path, since a client may send any content type: v1 has only "/".
            return service("sesv2" if request.path.startswith("/v2/") else "ses")
        case "sns" | "sqs" | "sts":
            return service(signed_for)
        case _:
            raise WireError("UnknownOperationException", f"The service {signed_for[:40]} is not simulated.", 404)


def _guessed(request: Request) -> Service:
    """Return the API by the looks of a request, for the error of a signature that cannot be read."""
    if request.headers.get("x-amz-target", "").startswith("AmazonSQS."):
        return service("sqs")
    if not request.path.startswith("/v2/") and _is_form(request):
        old_ses = b"Version=2010-12-01" in request.body
        return service("ses" if old_ses else "sts" if b"Version=2011-06-15" in request.body else "sns")
    return service("sesv2")


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _not_simulated(api: Service, operation: str) -> WireError:
    sentence = f"{operation} is not simulated."
    match api.name:
        case "sesv2":
            return WireError("BadRequestException", sentence, 400)
        case "sqs":
            return WireError("UnsupportedOperation", sentence, 400)
        case "sns":
            return WireError("InvalidParameter", sentence, 400)
        case _:
            return WireError("InvalidAction", sentence, 400)


def _refusal(api: Service, error: WireError, request_id: str, operation: str | None) -> Response:
    return api.error(error.code, error.message, request_id=request_id, status=error.status, operation=operation)


def _error(api: Service, fault: Fault, request_id: str) -> Response:
    code, message, status = words(fault, api.name)
    return api.error(code, message, request_id=request_id, status=status, operation=fault.operation)
