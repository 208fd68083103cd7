"""SES v2's operations as an unmodified SDK calls them. Knows no HTTP, no queue and never talks to AWS by itself.

Everything that goes wrong is an error in AWS's words, so that SDKs retry what can be retried and nothing else.
"""

from __future__ import annotations

from typing import Any

from sendworthy.errors import (
    Denied,
    InvalidMessage,
    ProviderError,
    SendRefused,
    SendworthyError,
    StoreUnavailable,
    Throttled,
)
from sendworthy.gateway.http_body import TooLarge, TooSlow
from sendworthy.gateway.keys import Key
from sendworthy.gateway.reads import OPERATIONS, Reads, code_and_words
from sendworthy.gateway.reception import Reception
from sendworthy.pacing.governor import State
from sendworthy.store.store import Store
from sendworthy.store.values import Lane
from sendworthy.wire.errors import WireError
from sendworthy.wire.service import Call, Service


def told(error: SendworthyError) -> tuple[str, int]:
    """Give AWS's code and the HTTP status for an error; SDKs retry the 5xx ones, and 408."""
    match error:
        case WireError():
            return error.code, error.status
        case InvalidMessage():
            return "BadRequestException", 400
        case SendRefused():
            return "MessageRejected", 400
        case TooLarge():
            return "BadRequestException", 413
        case TooSlow():
            return "RequestTimeout", 408
        case StoreUnavailable():
            return "ServiceUnavailable", 503
        case _:
            return "InternalServiceErrorException", 500


class SesV2:
    """Carries out the calls of SES v2 that a sender makes. `door` is its name among the doors."""

    door = "ses_v2"

    def __init__(
        self, service: Service, store: Store, reception: Reception, *, lane: Lane, reads: Reads | None
    ) -> None:
        self.service = service
        self._store = store
        self._reception = reception
        self._lane = lane
        self._reads = reads

    def told(self, error: SendworthyError) -> tuple[str, int]:
        """Give AWS's code and the HTTP status for an error."""
        return told(error)

    async def carry_out(self, call: Call, key: Key, invocation_id: str) -> dict[str, Any]:
        """Give the result of one call. Raises what `told` has an answer for."""
        match call.operation:
            case "SendEmail":
                return {"MessageId": await self._reception.send_email(call.params, key, invocation_id=invocation_id)}
            case "SendBulkEmail":
                sent = await self._reception.send_bulk(call.params, key, invocation_id=invocation_id)
                return {"BulkEmailEntryResults": sent}
            case "GetAccount":
                return describe(await known_state(self._store, self._lane))
            case operation if operation in self._reception.templates.operations:
                return await self._reception.templates.operations[operation](call.params)
            case operation if operation in OPERATIONS and self._reads is not None:
                return await read_of_aws(self._reads, "sesv2", call)
            case _:
                raise WireError("NotFoundException", f"{call.operation} is not offered by this gateway.", 404)


async def known_state(store: Store, lane: Lane) -> State:
    """Give the governor's state. Raises StoreUnavailable while the quota was never read."""
    state = await store.governor(lane)
    if state is None:
        raise StoreUnavailable("The account's quota is not known yet.")
    return state


async def read_of_aws(reads: Reads, service: str, call: Call) -> dict[str, Any]:
    """Give AWS's own answer to a read. Raises WireError."""
    try:
        return await reads.answer(call.operation, call.params, service=service)
    except Denied as error:
        # The application's key is good; it is ours that may not read. Its SDK must not be told to change its own.
        raise WireError("InternalServiceErrorException", "Amazon SES could not be asked.", 500) from error
    except ProviderError as error:
        code, words = code_and_words(error)
        status = 429 if isinstance(error, Throttled) else 404 if code == "NotFoundException" else 500
        raise WireError(code, words, status if code != "BadRequestException" else 400) from error


def describe(state: State) -> dict[str, Any]:
    """Give GetAccount's answer as the governor knows the account; what it does not know is left out."""
    return {
        "EnforcementStatus": state.quota.enforcement,
        "ProductionAccessEnabled": state.quota.production,
        "SendingEnabled": state.quota.sending_enabled,
        "SendQuota": send_quota(state),
    }


def send_quota(state: State) -> dict[str, float]:
    """Give the quota as both APIs show it; what was sent since the last reading is counted in."""
    quota = state.quota
    sent = quota.sent_last_24_hours + (state.granted - state.granted_at_reading)
    return {
        "Max24HourSend": quota.max_24_hour_send,
        "MaxSendRate": quota.max_send_rate,
        "SentLast24Hours": float(sent),
    }
