"""Counts what follows from mail for SES v1's GetSendStatistics. Makes up nothing and judges nobody."""

from __future__ import annotations

from collections.abc import Sequence

from sendworthy.simulator.events import Happening, Kind
from sendworthy.simulator.fates import Fate, is_mailbox_simulator
from sendworthy.simulator.v1_state import Statistics


def count(statistics: Statistics, follow: Sequence[Happening]) -> None:
    """Add recipients to the quarters of an hour in which things happen to them.

    Bounces are all but automatic replies, soft ones too (which of them AWS counts here is unconfirmed). Amazon's
    mailbox simulator does not count [D23].
    """
    for each in follow:
        if each.kind not in _COUNTED:
            continue
        recipients = sum(1 for address in each.recipients if not is_mailbox_simulator(address))
        if not recipients:
            continue
        counts = statistics.at(each.at)
        match each.kind:
            case Kind.SEND:
                counts.attempts += recipients
            case Kind.BOUNCE if each.fate is not Fate.OUT_OF_OFFICE:
                counts.bounces += recipients
            case Kind.COMPLAINT:
                counts.complaints += recipients
            case Kind.REJECT:
                counts.rejects += recipients
            case _:
                pass


_COUNTED = frozenset({Kind.SEND, Kind.BOUNCE, Kind.COMPLAINT, Kind.REJECT})
