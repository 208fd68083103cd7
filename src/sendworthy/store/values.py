"""What goes into the store and what comes out: frozen values. Knows no statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sendworthy.audit.profile import Stream
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy
from sendworthy.reputation import Tally

ACCOUNT_SCOPE = "account"
"""The scope of a suppression that holds for all mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of some events. `foreign` are new ones of mail that (as far as known) is not ours."""

    new: int = 0
    duplicate: int = 0
    suppressed: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFact:
    """One dated fact of a case."""

    seq: int
    case_id: str
    kind: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProof:
    """One result that the audit may take as evidence."""

    seq: int
    kind: str
    subject: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why an address gets no mail; `scope` is `account` or a stream."""

    address: str
    reason: SuppressionReason
    scope: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A gateway key. The secret is sealed: the store cannot read it."""

    access_key_id: str
    name: str
    stream: Stream
    sealed_secret: bytes = field(repr=False)
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One recipient of a message about to be accepted; `key` is Address.key."""

    id: str
    recipient: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message about to be accepted. `raw` is the MIME text that goes to SES; `invocation_id` names the SDK's call."""

    id: str
    access_key_id: str
    stream: Stream
    mail_from: str
    subject: str
    raw: bytes = field(repr=False)
    deliveries: tuple[NewDelivery, ...]
    configuration_set: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    invocation_id: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The id to answer with. `repeated` when this very call was accepted before; `conflict` when it was another."""

    message_id: str
    repeated: bool = False
    conflict: bool = False
    suppressed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One account in one Region: what shares a quota. `account` may be empty while only one is in use."""

    account: str = ""
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """How a worker wants to claim: at most `limit` for `lease_seconds`, under `policy`."""

    lane: Lane
    owner: str
    limit: int
    lease_seconds: float
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One delivery under lease, its attempt recorded: the wire is next. `attempts` counts the earlier burnt ones."""

    delivery_id: str
    message_id: str
    n: int
    attempts: int
    recipient: str
    stream: Stream
    mail_from: str
    raw: bytes = field(repr=False)
    configuration_set: str
    tags: Mapping[str, str]
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a claim gave.

    `suppressed` were found suppressed at the last moment. With nothing to send, `wait_seconds` says when to ask again
    (None: when something is accepted) and `reason` why (`idle`, or a word of the governor).
    """

    outgoing: tuple[Outgoing, ...] = ()
    suppressed: int = 0
    wait_seconds: float | None = None
    reason: str = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the worker learnt from the wire about one attempt, and the status that follows.

    `due_at` is given exactly when the status waits. `burns` says whether the attempt counts against the delivery;
    `returns_permit` that SES certainly did not count it towards the day.
    """

    delivery_id: str
    n: int
    status: Status
    kind: str
    reason: str = ""
    code: str = ""
    text: str = ""
    ses_message_id: str = ""
    due_at: datetime | None = None
    burns: bool = True
    returns_permit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """One accepted message without its body."""

    id: str
    access_key_id: str
    stream: Stream
    mail_from: str
    subject: str
    size: int
    configuration_set: str
    tags: Mapping[str, str]
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """Where one message to one recipient stands."""

    id: str
    message_id: str
    recipient: str
    stream: Stream
    status: Status
    reason: str
    due_at: datetime | None
    attempts: int
    tries: int
    ses_message_id: str
    accepted_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of a message's timeline: a change of status, an attempt or an event."""

    at: datetime
    delivery_id: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Deliveries by stream and status, of messages accepted in the time asked for."""

    by_stream: Mapping[Stream, Mapping[Status, int]]

    def of(self, *statuses: Status, stream: Stream | None = None) -> int:
        """Add up the deliveries in any of `statuses` (all, when none is named)."""
        return sum(
            count
            for name, by_status in self.by_stream.items()
            if stream is None or name is stream
            for status, count in by_status.items()
            if not statuses or status in statuses
        )

    def tally(self, stream: Stream | None = None) -> Tally:
        """Give what the reputation is judged by. What is uncertain may not have been sent, and is left out."""
        told = (Status.SENT, Status.SOFT_BOUNCED, Status.DELIVERED, Status.BOUNCED, Status.COMPLAINED)
        return Tally(
            sent=self.of(*told, stream=stream),
            hard_bounces=self.of(Status.BOUNCED, stream=stream),
            complaints=self.of(Status.COMPLAINED, stream=stream),
        )
