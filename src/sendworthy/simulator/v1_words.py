"""The words of SES v1 for what the rules of v2 say: error codes, statuses, event types. Knows no rule and no state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sendworthy.simulator.state import Moment
from sendworthy.wire.errors import WireError

Rule = Callable[[Moment, dict[str, Any]], Any]
V2 = Mapping[str, Rule]
"""The rules of v2 by operation: v1 is a second dialect of them, not a second set."""

_STATUS = {
    "PENDING": "Pending",
    "SUCCESS": "Success",
    "FAILED": "Failed",
    "TEMPORARY_FAILURE": "TemporaryFailure",
    "NOT_STARTED": "NotStarted",
}

BULK_STATUS: Mapping[str, str] = {
    "SUCCESS": "Success",
    "MESSAGE_REJECTED": "MessageRejected",
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": "MailFromDomainNotVerified",
    "CONFIGURATION_SET_NOT_FOUND": "ConfigurationSetDoesNotExist",
    "TEMPLATE_NOT_FOUND": "TemplateDoesNotExist",
    "ACCOUNT_SUSPENDED": "AccountSuspended",
    "ACCOUNT_THROTTLED": "AccountThrottled",
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": "AccountDailyQuotaExceeded",
    "INVALID_SENDING_POOL_NAME": "InvalidSendingPoolName",
    "ACCOUNT_SENDING_PAUSED": "AccountSendingPaused",
    "CONFIGURATION_SET_SENDING_PAUSED": "ConfigurationSetSendingPaused",
    "INVALID_PARAMETER": "InvalidParameterValue",
    "TRANSIENT_FAILURE": "TransientFailure",
    "FAILED": "Failed",
}
"""BulkEmailStatus of v2 to BulkEmailStatus of v1 [M]."""

_EVENT_TYPES = {
    "send": "SEND",
    "reject": "REJECT",
    "bounce": "BOUNCE",
    "complaint": "COMPLAINT",
    "delivery": "DELIVERY",
    "open": "OPEN",
    "click": "CLICK",
    "renderingFailure": "RENDERING_FAILURE",
}
_OLD_EVENT_TYPES = {new: old for old, new in _EVENT_TYPES.items()}
_DIMENSION_SOURCES = {"messageTag": "MESSAGE_TAG", "emailHeader": "EMAIL_HEADER", "linkTag": "LINK_TAG"}
_OLD_DIMENSION_SOURCES = {new: old for old, new in _DIMENSION_SOURCES.items()}

# Common errors by another name; what an operation means by NotFound and AlreadyExists, it says itself.
_CODES = {
    "TooManyRequestsException": "Throttling",
    "LimitExceededException": "LimitExceededException",
    "BadRequestException": "InvalidParameterValue",
    "ConflictException": "InvalidParameterValue",
    "ConcurrentModificationException": "InvalidParameterValue",
    "InvalidNextTokenException": "InvalidParameterValue",
    "NotFoundException": "InvalidParameterValue",
    "AlreadyExistsException": "InvalidParameterValue",
    "AccountSuspendedException": "MessageRejected",
    "SendingPausedException": "AccountSendingPausedException",
    "InternalServiceErrorException": "InternalFailure",
}


def told(rule: Rule, moment: Moment, params: dict[str, Any], meant: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Carry out a rule of v2 and say in v1's words what it refuses. `meant` is as for `error_of`."""
    try:
        return dict(rule(moment, params))
    except WireError as error:
        raise error_of(error, meant) from None


def error_of(error: WireError, meant: Mapping[str, str] | None = None) -> WireError:
    """Return the error in v1's words. `meant` names what this operation calls a code of v2, before the rest."""
    code = (meant or {}).get(error.code) or _CODES.get(error.code, error.code)
    return WireError(code, error.message, 500 if error.status >= 500 else 400)


def status_of(status: str) -> str:
    """Return VerificationStatus, DkimVerificationStatus or MailFromDomainStatus as v1 spells it."""
    return _STATUS[status]


def event_types_to_v2(types: list[str]) -> list[str]:
    """MatchingEventTypes from v1's words to v2's."""
    return [_EVENT_TYPES[each] for each in types]


def event_types_to_v1(types: list[str]) -> list[str]:
    """MatchingEventTypes as v1 can say them: DELIVERY_DELAY and SUBSCRIPTION it cannot, so they are left out."""
    return [_OLD_EVENT_TYPES[each] for each in types if each in _OLD_EVENT_TYPES]


def dimension_source_to_v2(source: str) -> str:
    """DimensionValueSource of a CloudWatch destination."""
    return _DIMENSION_SOURCES[source]


def dimension_source_to_v1(source: str) -> str:
    """DimensionValueSource as v1 spells it."""
    return _OLD_DIMENSION_SOURCES[source]
