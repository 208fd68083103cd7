"""What the store keeps of listening, as frozen values: events, complaints, the parked, the forwarded. Knows no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

OWN_ALERTS: Final = "sendworthy-alerts"
"""In place of a gateway key on mail that the program writes itself, its alerts: no key is called so (AKSW...)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredComplaint:
    """One complaint with the mail it is about; what is not known of foreign mail is empty. `received_at` is ours."""

    event_id: str
    at: datetime
    received_at: datetime
    recipient: str
    complaint_type: str
    ses_message_id: str
    message_id: str = ""
    subject: str = ""
    key: str = ""
    stream: str = ""
    configuration_set: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardTo:
    """Whom to forward events to: of which keys (names or access key ids) and which kinds; empty means all.

    Our own alerts are no application's mail: who names no keys does not mean them.
    """

    name: str
    keys: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def hears(self, kind: str) -> bool:
        """Say whether events of a kind are for this application."""
        return not self.kinds or kind in self.kinds

    def sent(self, access_key_id: str, key_name: str | None) -> bool:
        """Say whether mail by a key with that id and name is this application's."""
        if not self.keys:
            return access_key_id != OWN_ALERTS
        return access_key_id in self.keys or key_name in self.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What follows from events beyond what SES itself does.

    `strikes` soft bounces of an address within any `strike_days` suppress it (0: never); `targets` get the events.
    """

    strikes: int = 3
    strike_days: float = 30.0
    targets: tuple[ForwardTo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """One event on its way to one target, or given up on (`due_at` None). `raw` is SES's JSON as it came."""

    id: int
    event_id: str
    kind: str
    recipient: str
    message_id: str
    target: str
    created_at: datetime
    due_at: datetime | None
    attempts: int
    error: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """What could not be understood or trusted. `raw` is cut to nothing in lists."""

    id: int
    at: datetime
    source: str
    reason: str
    size: int
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event on record. `foreign` is of mail that did not pass this gateway, as far as is known."""

    id: str
    kind: str
    occurred_at: datetime
    received_at: datetime
    recipient: str
    ses_message_id: str
    delivery_id: str
    bounce_type: str
    bounce_subtype: str
    complaint_type: str
    diagnostic: str
    source: str
    verified: bool
    foreign: bool
