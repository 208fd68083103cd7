"""Several recipients in one notification, as SES may do ("one or many recipients per notification" [D23])."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sendworthy.simulator.events import Happening


def together(follow: Sequence[Happening]) -> list[Happening]:
    """Return the events with those of one message that differ in the recipient alone made into one.

    The one has the id and the time of the first; the order is that of the first of each.
    """
    found: dict[object, Happening] = {}
    for number, each in enumerate(follow):
        alike: object = (each.kind, each.fate, each.detail, each.message.message_id)
        if each.facts:
            alike = number  # what it tells belongs to one recipient
        before = found.get(alike)
        found[alike] = each if before is None else replace(before, recipients=(*before.recipients, *each.recipients))
    return list(found.values())
