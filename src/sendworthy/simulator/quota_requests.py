"""Requests for a larger quota as values: which status is shown when. Knows no API and no reviewer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SENDING_QUOTA = "L-804C8AE8"
SENDING_RATE = "L-CDEF9B6B"
NAMES = {SENDING_QUOTA: "Sending quota", SENDING_RATE: "Sending rate"}
"""The two quotas of service `ses` that can be raised (AWS's own guides list both; the first one is the way out of the
sandbox)."""


class RequestStatus(StrEnum):
    """RequestedQuota.Status [M]. CASE_CLOSED does not tell the outcome."""

    PENDING = "PENDING"
    CASE_OPENED = "CASE_OPENED"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    CASE_CLOSED = "CASE_CLOSED"
    NOT_APPROVED = "NOT_APPROVED"
    INVALID_REQUEST = "INVALID_REQUEST"


OPEN = frozenset({RequestStatus.PENDING, RequestStatus.CASE_OPENED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStep:
    """A status of a scripted request, from so many seconds after it was made."""

    status: RequestStatus
    after_seconds: float


@dataclass(slots=True, kw_only=True)
class QuotaRequest:
    """One RequestServiceQuotaIncrease. `script` is what is still to come; `case_id` the number of its case, if any."""

    request_id: str
    account_id: str
    region: str
    quota_code: str
    desired_value: float
    created_at: datetime
    requester: str
    case_allowed: bool = True
    status: RequestStatus = RequestStatus.PENDING
    updated_at: datetime
    case_id: str = ""
    script: tuple[RequestStep, ...] = ()
    scripted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is still to be decided."""
        return self.status in OPEN

    def move(self, status: RequestStatus, at: datetime) -> None:
        """Enter a status."""
        self.status, self.updated_at = status, at
