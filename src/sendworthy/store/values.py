"""What goes into the store and what comes out: frozen values. Knows no statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendworthy.audit.profile import Stream
from sendworthy.mail.address import parse_address
from sendworthy.mail.bounce import SuppressionReason
from sendworthy.mail.status import Status
from sendworthy.pacing.governor import Policy
from sendworthy.reputation import Tally
from sendworthy.store.heard import StoredComplaint

ACCOUNT_SCOPE = "account"
"""The scope of a suppression that holds for all mail."""


def sender_scope(sender: str) -> str:
    """Name the scope of a suppression that holds for mail from one address alone (an addr-spec that was read)."""
    if sender.startswith('"'):  # quotes that add nothing make no other sender
        sender = parse_address(sender).key
    return f"from:{sender.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of some events. `foreign` are new ones of mail that (as far as known) is not ours."""

    new: int = 0
    duplicate: int = 0
    suppressed: int = 0
    foreign: int = 0
    complaints: tuple[StoredComplaint, ...] = ()
    """The new ones, except `not-spam`; they are among the `new`."""


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
    """Why an address gets no mail; `scope` is `account`, a stream, or `stream/topic`."""

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
    rate_share: float | None = None
    daily_cap: int | None = None
    domains: tuple[str, ...] = ()
    ses_headers: bool = True
    slow_share: float | None = None


def key_name(key: StoredKey) -> str:
    """Name a key for people: what it was called, and its id, since two may be called the same."""
    return f"{key.name} ({key.access_key_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTemplate:
    """An e-mail template; a part that it lacks is None."""

    name: str
    subject: str | None
    text: str | None
    html: str | None
    created_at: datetime


class Priority(StrEnum):
    """How urgent the sender says a message is, among the mail of its stream."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class PauseScope(StrEnum):
    """What a pause holds back. The account's pause has no name."""

    ACCOUNT = "account"
    STREAM = "stream"
    CONFIGURATION_SET = "configuration_set"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Mail of one scope that waits for a person, or until an instant."""

    scope: PauseScope
    name: str = ""
    reason: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Accepted mail of one key and configuration set that has not gone, and why.

    `count` stops at a bound of the one who asks. `reason` is a word (`rate`, `paused`, `scheduled`, ...), `text` a
    sentence for people; `expected_at` is when the first of it should go, None when that is not known. `way` is `relay`
    for what goes by the relay, which stands in for SES; empty for all other mail.
    """

    access_key_id: str
    configuration_set: str
    stream: Stream
    count: int
    reason: str
    text: str
    expected_at: datetime | None
    urgent: bool = False
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """The right to do a periodic job for one period; void as soon as another has taken it over."""

    name: str
    period: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One recipient of a message about to be accepted; `key` is Address.key."""

    id: str
    recipient: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capped:
    """A name (a digest) that a message is counted by in all processes, and how many of that name an hour may have."""

    name: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message about to be accepted. `raw` is the MIME text that goes to SES.

    `invocation_id` is the idempotency token (an SDK's call id, or the caller's own), good for 24 hours within its key;
    `fingerprint` tells a repeat from another call. Nothing goes before `send_at` or after `expires_at`. One that is
    beyond what it is `capped` by is not kept.
    """

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
    priority: Priority = Priority.NORMAL
    send_at: datetime | None = None
    expires_at: datetime | None = None
    capped: tuple[Capped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The id to answer with. `repeated` when this very call was accepted before; `conflict` when it was another.

    `beyond` names what there was enough of: the message was not kept.
    """

    message_id: str
    repeated: bool = False
    conflict: bool = False
    suppressed: int = 0
    beyond: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One account in one Region: what shares a quota. `account` may be empty while only one is in use."""

    account: str = ""
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """Another way out than SES: mail of `streams` alone, and only while SES takes none of the account of `lane`.

    With `outages` also while SES cannot be reached or gives no answers.
    """

    lane: Lane
    streams: frozenset[Stream]
    outages: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """How a worker wants to claim: at most `limit` for `lease_seconds`, under `policy`.

    At most `bulk_limit` of them not urgent (all may be, when None), and no more than `most_bytes` of bodies, or one.
    `instead` says that the mail will go by another way than SES; `lane` is then that way's own.
    """

    lane: Lane
    owner: str
    limit: int
    lease_seconds: float
    policy: Policy
    bulk_limit: int | None = None
    most_bytes: int = 64 * 1024 * 1024
    instead: Instead | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One delivery under lease, its attempt recorded: the wire is next. `attempts` counts the earlier burnt ones.

    `again` is above 0 when an earlier attempt may have reached SES: the message must be marked.
    """

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
    urgent: bool = True
    again: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a claim gave.

    `suppressed` were found suppressed at the last moment, `expired` too late. With nothing to send, `wait_seconds` says
    when to ask again (None: when something is accepted) and `reason` why (`idle`, or a word of the governor).
    """

    outgoing: tuple[Outgoing, ...] = ()
    suppressed: int = 0
    expired: int = 0
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
    """Deliveries by stream and status, of messages accepted in the time asked for.

    `simulated` are those among them to Amazon's mailbox simulator, which counts for nobody's reputation.
    """

    by_stream: Mapping[Stream, Mapping[Status, int]]
    simulated: Mapping[Stream, Mapping[Status, int]] = field(default_factory=dict)

    def of(self, *statuses: Status, stream: Stream | None = None) -> int:
        """Add up the deliveries in any of `statuses` (all, when none is named)."""
        return _sum(self.by_stream, statuses, stream)

    def tally(self, stream: Stream | None = None) -> Tally:
        """Give what the reputation is judged by.

        What is uncertain may not have been sent, and mail to the mailbox simulator does not count at SES either [D23].
        """
        told = (Status.SENT, Status.SOFT_BOUNCED, Status.DELIVERED, Status.BOUNCED, Status.COMPLAINED)
        return Tally(
            sent=self.real(*told, stream=stream),
            hard_bounces=self.real(Status.BOUNCED, stream=stream),
            complaints=self.real(Status.COMPLAINED, stream=stream),
        )

    def real(self, *statuses: Status, stream: Stream | None = None) -> int:
        """Add up as `of` does, without mail to the mailbox simulator."""
        return self.of(*statuses, stream=stream) - _sum(self.simulated, statuses, stream)


def _sum(by_stream: Mapping[Stream, Mapping[Status, int]], statuses: Collection[Status], stream: Stream | None) -> int:
    return sum(
        count
        for name, by_status in by_stream.items()
        if stream is None or name is stream
        for status, count in by_status.items()
        if not statuses or status in statuses
    )
