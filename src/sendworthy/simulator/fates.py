"""What becomes of mail by the address it goes to: Amazon's mailbox simulator, and our own made-up accidents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MAILBOX_SIMULATOR = "simulator.amazonses.com"


class Fate(StrEnum):
    """What the far end does with an accepted message."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SOFT_BOUNCED = "soft_bounced"
    COMPLAINED = "complained"
    OUT_OF_OFFICE = "out_of_office"
    ON_GLOBAL_LIST = "on_global_list"
    ON_ACCOUNT_LIST = "on_account_list"


# SES Developer Guide, "Using the mailbox simulator" [D23]; a +label may follow each local part.
_SIMULATED = {
    "success": Fate.DELIVERED,
    "bounce": Fate.BOUNCED,
    "complaint": Fate.COMPLAINED,
    "ooto": Fate.OUT_OF_OFFICE,
    "suppressionlist": Fate.ON_GLOBAL_LIST,
}

# Our own, at any domain: `bounce-anything@`, and so on. Longest first, so that none hides another.
_BY_PREFIX = (
    ("softbounce-", Fate.SOFT_BOUNCED),
    ("complaint-", Fate.COMPLAINED),
    ("bounce-", Fate.BOUNCED),
    ("ooto-", Fate.OUT_OF_OFFICE),
)

_THROTTLE = re.compile(r"throttle-(\d{1,6})(?:\+.*)?")


@dataclass(frozen=True, slots=True)
class Accident:
    """What happens to the call itself: throttled so many times first, or its answer lost after it was accepted."""

    throttles: int = 0
    cut_after_accept: bool = False
    error_after_accept: bool = False


def is_mailbox_simulator(address: str) -> bool:
    """Whether this is an address of Amazon's mailbox simulator: no daily quota, no rates, never suppressed [D23]."""
    return address.rpartition("@")[2].lower() == MAILBOX_SIMULATOR


def fate_of(address: str) -> Fate:
    """Return what becomes of mail to an address that is on no suppression list.

    An unknown local part at the mailbox simulator bounces, as at any mail host (unconfirmed).
    """
    local, _, domain = address.lower().rpartition("@")
    if domain == MAILBOX_SIMULATOR:
        return _SIMULATED.get(local.partition("+")[0], Fate.BOUNCED)
    for prefix, fate in _BY_PREFIX:
        if local.startswith(prefix):
            return fate
    return Fate.DELIVERED


def accident_of(address: str) -> Accident | None:
    """Return what happens to a call that goes to `throttle-N@`, `timeout-after-data@` or `error-after-accept@`."""
    local = address.lower().rpartition("@")[0]
    if local[:1] not in "te":
        return None
    throttle = _THROTTLE.fullmatch(local)
    if throttle:
        return Accident(throttles=int(throttle[1]))
    match local.partition("+")[0]:
        case "timeout-after-data":
            return Accident(cut_after_accept=True)
        case "error-after-accept":
            return Accident(error_after_accept=True)
        case _:
            return None
