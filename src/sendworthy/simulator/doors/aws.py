"""AWS's APIs on one endpoint: whose signature, which service, which rule, in which envelope. Knows no rule."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sendworthy.simulator import course, reviewer, sqs
from sendworthy.simulator.clock import SimulatedClock
from sendworthy.simulator.doors import unsigned
from sendworthy.simulator.doors.http import Answer
from sendworthy.simulator.doors.models import service
from sendworthy.simulator.faults import Fault, FaultKind, words
from sendworthy.simulator.life import LONG_AGO
from sendworthy.simulator.lookups import Ask, look
from sendworthy.simulator.neighbours import SIGNED_AS
from sendworthy.simulator.operations import LOOKS_AT_DNS, RULES
from sendworthy.simulator.reviewer_look import Visit
from sendworthy.simulator.ses_sending import Aftermath, Sent
from sendworthy.simulator.state import Account, Caller, Moment, Simulation
from sendworthy.wire.errors import WireError
from sendworthy.wire.http import Request, Response
from sendworthy.wire.service import Service
from sendworthy.wire.sigv4 import Scope, read_scope, signing_key, verify

_BEFORE_WORK = frozenset({FaultKind.ERROR, FaultKind.THROTTLE, FaultKind.EXPIRED, FaultKind.DENIED})
_POLL_SECONDS = 0.1
SILENCE_SECONDS = 3600.0
_SES = frozenset({"sesv2", "ses"})


@dataclass(slots=True, kw_only=True)
class AwsDoor:
    """Answers every AWS request. `wall` is wall time, for signatures; `url` is the endpoint's own, for queue URLs."""

    sim: Simulation
    clock: SimulatedClock
    wall: Callable[[], datetime]
    ask: Ask
    visit: Visit
    url: str = ""
    queues_on_wall_time: bool = False
    # Signing keys are kept for their day: deriving one costs as much as checking with it.
    key_of: Callable[[str, str, str, str], bytes] = field(default_factory=lambda: functools.lru_cache(64)(signing_key))
    reviewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def answer(self, request: Request, peer: str) -> Answer | Awaitable[Answer]:
        """Answer one request; awaitable where it has to wait for DNS, a message or a scripted delay."""
        if request.method in {"GET", "HEAD"}:
            found = unsigned.answer(request, self.sim, now=self.passing)
            if found is not None:
                return found
        request_id = self.sim.new_id()
        api = _guessed(request)
        operation: str | None = None
        try:
            scope, caller = self._authenticate(request, api)
            api = _api(scope.service, request)
            call = api.parse(request)
            operation = call.operation
            moment = self.moment(caller, scope.region, peer)
            if reviewer.is_due(self.sim, moment.account, moment.now):
                return self._reviewed(api, operation, call.params, moment, request_id)
            return self._dispatched(api, operation, call.params, moment, request_id)
        except WireError as error:
            return _refusal(api, error, request_id, operation)

    def _dispatched(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str
    ) -> Answer | Awaitable[Answer]:
        fault = self.sim.faults.take(operation)
        if fault is not None:
            return self._faulty(api, operation, params, moment, request_id, fault)
        if operation == "ReceiveMessage" and sqs.wait_seconds(moment, params):
            return self._receive(api, params, moment, request_id)
        if api.name in _SES and operation in LOOKS_AT_DNS:
            return self._looked_up(api, operation, params, moment, request_id)
        return self._carry_out(api, operation, params, moment, request_id)

    async def _reviewed(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str
    ) -> Answer:
        """Let the reviewer decide what is due before the request is answered, so that it sees what he said."""
        await self.review(moment.account, moment.now)
        try:
            return await _there(self._dispatched(api, operation, params, moment, request_id))
        except WireError as error:
            return _refusal(api, error, request_id, operation)

    async def review(self, account: Account, now: datetime) -> None:
        """Let the reviewer with rules decide what is due for an account."""
        await look(account, tuple(account.identities.values()), ask=self.ask, now=now)
        async with self.reviewing:
            await reviewer.work(self.sim, account, ask=self.ask, visit=self.visit, now=now)

    def settled(self, answer: Callable[[], Response]) -> Answer | Awaitable[Answer]:
        """Answer the admin door's request once the reviewer has decided what is due for any account.

        What the request changed is noticed at once, so that it is dated right although the clock may leap next.
        """
        now = self.passing()
        due = [each for each in self.sim.accounts.values() if reviewer.is_due(self.sim, each, now)]
        if not due:
            return self._noticed(answer())

        async def later() -> Answer:
            for account in due:
                await self.review(account, now)
            return self._noticed(answer())

        return later()

    def _noticed(self, answer: Response) -> Response:
        self.sim.around.wake(LONG_AGO)
        self.passing()
        return answer

    def passing(self) -> datetime:
        """Return the simulated time, with everything done that time brought since the last look."""
        now = self.clock.now()
        if course.is_due(self.sim, now):
            course.bring_up_to(self.sim, now, queue_now=self.queue_time(now))
        return now

    def queue_time(self, now: datetime) -> datetime:
        """Return the time that queues and retries go by."""
        return self.wall() if self.queues_on_wall_time else now

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

    def moment(self, caller: Caller, region: str, peer: str) -> Moment:
        """Return what the rules are told of a request: whose, where, when and from which address."""
        now = self.passing()
        return Moment(
            sim=self.sim,
            account=self.sim.account(caller.account_id, region),
            caller=caller,
            now=now,
            queue_now=self.queue_time(now),
            source_ip=peer,
            http=self.url,
        )

    def _carry_out(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str
    ) -> Answer | Awaitable[Answer]:
        try:
            rule = RULES.get(api.name, {}).get(operation)
            if rule is None:
                raise _not_simulated(api, operation)
            result = rule(moment, params)
            if isinstance(result, Sent):
                match result.aftermath:
                    case Aftermath.ANSWERED:
                        result = {"MessageId": result.message_id}
                    case Aftermath.CUT:
                        return None
                    case Aftermath.SILENT:
                        return _silence()
                    case Aftermath.FAILED:
                        return _error(api, Fault(operation=operation, kind=FaultKind.ERROR), request_id)
            return api.answer(operation, result, request_id=request_id)
        except WireError as error:
            return _refusal(api, error, request_id, operation)

    async def _looked_up(
        self, api: Service, operation: str, params: dict[str, Any], moment: Moment, request_id: str
    ) -> Answer:
        identities = list(moment.account.identities.values())
        named = [params["EmailIdentity"]] if "EmailIdentity" in params else params.get("Identities")
        if named is not None:
            wanted = {str(each).lower().rstrip(".") for each in named}
            identities = [each for each in identities if each.name.lower() in wanted]
        await look(moment.account, identities, ask=self.ask, now=moment.now)
        return await _there(self._carry_out(api, operation, params, moment, request_id))

    async def _receive(self, api: Service, params: dict[str, Any], moment: Moment, request_id: str) -> Answer:
        """Long polling: wait in wall time until a message is visible or the wait is over."""
        loop = asyncio.get_running_loop()
        try:
            end = loop.time() + sqs.wait_seconds(moment, params)
            while True:
                at = self.moment(moment.caller, moment.account.region, moment.source_ip)
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
        elif api.name in _SES and operation in LOOKS_AT_DNS:
            answer = await self._looked_up(api, operation, params, moment, request_id)
        else:
            answer = await _there(self._carry_out(api, operation, params, moment, request_id))
        if fault.kind is FaultKind.CUT_BEFORE_ANSWER:
            return None
        return _error(api, fault, request_id) if fault.kind is FaultKind.ERROR_AFTER_WORK else answer


async def _there(answer: Answer | Awaitable[Answer]) -> Answer:
    return answer if answer is None or isinstance(answer, Response) else await answer


async def _silence() -> Answer:
    """Say nothing for as long as anybody may wait."""
    await asyncio.sleep(SILENCE_SECONDS)
    return None


def _api(signed_for: str, request: Request) -> Service:
    match signed_for:
        case "ses":
            # By the path, since a client may send any content type: v1 has only "/".
            return service("sesv2" if request.path.startswith("/v2/") else "ses")
        case "monitoring" if "x-amz-target" not in request.headers:
            # AWS CLI 2 of Debian and other older clients speak query; newer botocores speak json.
            return service("cloudwatch", "query")
        case _ if signed_for in SIGNED_AS:
            return service(SIGNED_AS[signed_for])
        case _:
            raise WireError("UnknownOperationException", f"The service {signed_for[:40]} is not simulated.", 404)


_BY_TARGET = {
    "AmazonSQS": "sqs",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AWSEvents": "events",
    "Firehose_20150804": "firehose",
    "ServiceQuotasV20190624": "service-quotas",
    "AWSSupport_20130415": "support",
}


def _guessed(request: Request) -> Service:
    """Return the API by the looks of a request, for the error of a signature that cannot be read."""
    prefix = request.headers.get("x-amz-target", "").partition(".")[0]
    if prefix:
        return service(_BY_TARGET.get(prefix, "sqs"))
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
