"""Faults that are switched on from outside: which operation fails how, and how often. Knows no operation by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never


class FaultKind(StrEnum):
    """Ways to fail. All but the last three answer before anything is done."""

    ERROR = "error"
    THROTTLE = "throttle"
    EXPIRED = "expired"
    DENIED = "denied"
    CUT_BEFORE_WORK = "cut_before_work"
    LATENCY = "latency"
    CUT_BEFORE_ANSWER = "cut_before_answer"
    ERROR_AFTER_WORK = "error_after_work"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One switched-on fault. `operation` may be `*`; `times` counts down, -1 is for ever; empty words are AWS's own.

    `share` of the calls fail, evenly spread rather than by chance: at 0.25 every fourth.
    """

    operation: str
    kind: FaultKind
    times: int = 1
    seconds: float = 0.0
    code: str = ""
    message: str = ""
    status: int = 0
    share: float = 1.0
    owed: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a share that is none. Raises ValueError."""
        if not 0 < self.share <= 1:
            raise ValueError("`share` is above 0 and at most 1")
        if not 0 <= self.seconds <= 3600:
            raise ValueError("`seconds` is between 0 and 3600")


@dataclass(slots=True)
class Faults:
    """The faults in the order they were switched on."""

    _active: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        if fault.times:
            self._active.append(fault)

    def clear(self) -> None:
        """Switch everything off."""
        self._active.clear()

    def active(self) -> tuple[Fault, ...]:
        """Return what is still switched on."""
        return tuple(self._active)

    def take(self, operation: str) -> Fault | None:
        """Return the first fault for an operation, used up by one."""
        if not self._active:
            return None
        for fault in self._active:
            if fault.operation in {"*", operation}:
                fault.owed += fault.share
                if fault.owed < 1 - 1e-9:
                    continue
                fault.owed -= 1
                if fault.times > 0:
                    fault.times -= 1
                    if not fault.times:
                        self._active.remove(fault)
                return fault
        return None


def words(fault: Fault, service: str) -> tuple[str, str, int]:
    """Return the error of a fault: code, message, HTTP status. Raises ValueError for kinds that answer nothing."""
    query = service in {"sns", "sts", "ses"}
    match fault.kind:
        case FaultKind.ERROR | FaultKind.ERROR_AFTER_WORK:
            code = "InternalServiceErrorException" if service == "sesv2" else "InternalFailure"
            default = (code, "We encountered an internal error. Please try again.", 500)
        case FaultKind.THROTTLE:
            code = "TooManyRequestsException" if service == "sesv2" else "Throttling"
            status = 429 if service == "sesv2" else 400
            default = (code, "Maximum sending rate exceeded." if service == "sesv2" else "Rate exceeded", status)
        case FaultKind.EXPIRED:
            code = "ExpiredToken" if query else "ExpiredTokenException"
            default = (code, "The security token included in the request is expired", 403)
        case FaultKind.DENIED:
            code = "AccessDenied" if query else "AccessDeniedException"
            action = f"{'ses' if service == 'sesv2' else service}:{fault.operation}"
            default = (code, f"User is not authorized to perform: {action}", 403)
        case FaultKind.LATENCY | FaultKind.CUT_BEFORE_ANSWER | FaultKind.CUT_BEFORE_WORK:
            raise ValueError(f"a fault of kind {fault.kind} answers with no error")
        case _:
            assert_never(fault.kind)
    return fault.code or default[0], fault.message or default[1], fault.status or default[2]
