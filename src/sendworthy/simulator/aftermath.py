"""What follows a message that was accepted: from fates to events in order of time. Knows no topic and no account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import Happening, Kind
from sendworthy.simulator.fates import Fate, detail_of

_SECOND = 1_000
_HOUR = 3_600 * _SECOND
# Bounces instead of a delivery, and what comes after one: when, in milliseconds after the message was accepted.
_AT_ONCE = {
    Fate.BOUNCED: 840,
    Fate.SOFT_BOUNCED: 840,
    Fate.ON_GLOBAL_LIST: 90,
    Fate.ON_ACCOUNT_LIST: 90,
    Fate.NOT_SUBSCRIBED: 90,
}
_AFTERWARDS = {
    Fate.BOUNCED_LATER: (Kind.BOUNCE, _HOUR),
    Fate.COMPLAINED: (Kind.COMPLAINT, 3_900),
    Fate.OUT_OF_OFFICE: (Kind.BOUNCE, 2_700),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """Whether opens and clicks of a message are tracked: SES puts a pixel and links into an HTML body."""

    opens: bool = True
    clicks: bool = True


EVERYTHING = Tracking()


def happenings(
    message: Accepted,
    fates: Mapping[str, Fate],
    feedback_ids: Mapping[str, str],
    *,
    rejected: bool = False,
    tracking: Tracking = EVERYTHING,
    complained: frozenset[str] = frozenset(),
    subscriptions: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Happening]:
    """Everything that follows from accepting a message, in order of time for each recipient; one event names one.

    AWS makes no promise about batching; the Send event is one for the whole call. A rejected message has Send and
    Reject only. `complained` are those who are on the account's list for a complaint, `subscriptions` the change that
    each address makes to its contact.
    """
    everyone = tuple(fates)
    found = [Happening(kind=Kind.SEND, message=message, recipients=everyone, at=message.at)]
    if rejected:
        return [*found, Happening(kind=Kind.REJECT, message=message, recipients=everyone, at=message.at)]
    for address, fate in fates.items():
        if fate is Fate.DELIVERED:
            found.append(_one(message, Kind.DELIVERY, address, 620))
            continue
        found += _of(message, address, fate, feedback_ids.get(address, ""), tracking, complained)
        if subscriptions and address in subscriptions:
            found.append(_one(message, Kind.SUBSCRIPTION, address, 120 * _SECOND, facts=subscriptions[address]))
    return found


def _of(
    message: Accepted,
    address: str,
    fate: Fate,
    feedback_id: str,
    tracking: Tracking,
    complained: frozenset[str],
) -> list[Happening]:
    detail = detail_of(address)

    def told(kind: Kind, after_ms: int) -> Happening:
        return _one(message, kind, address, after_ms, fate=fate, feedback_id=feedback_id, detail=detail)

    if fate is Fate.ON_ACCOUNT_LIST and address.lower() in complained:
        # "If the value is OnAccountSuppressionList, SES accepted the message, but did not attempt to send it"
        # (Complaint.ComplaintSubType [M]); that it is used for those who complained is our reading.
        return [told(Kind.COMPLAINT, 90)]
    if fate in _AT_ONCE:
        return [told(Kind.BOUNCE, _AT_ONCE[fate])]
    if fate is Fate.DELAYED:
        return [told(Kind.DELIVERY_DELAY, _HOUR // 2), _one(message, Kind.DELIVERY, address, _HOUR)]
    found = [_one(message, Kind.DELIVERY, address, 620)]
    if fate in _AFTERWARDS:
        found.append(told(*_AFTERWARDS[fate]))
    elif fate in {Fate.OPENED, Fate.CLICKED} and message.html():
        # Without an HTML body there is nothing to track with.
        found += [told(Kind.OPEN, 60 * _SECOND)] if tracking.opens else []
        found += [told(Kind.CLICK, 90 * _SECOND)] if tracking.clicks and fate is Fate.CLICKED else []
    return found


def _one(
    message: Accepted,
    kind: Kind,
    address: str,
    after_ms: int,
    *,
    fate: Fate = Fate.DELIVERED,
    feedback_id: str = "",
    detail: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Happening:
    return Happening(
        kind=kind,
        message=message,
        recipients=(address,),
        at=message.at + timedelta(milliseconds=after_ms),
        feedback_id=feedback_id,
        fate=fate,
        detail=detail,
        facts=facts,
    )
