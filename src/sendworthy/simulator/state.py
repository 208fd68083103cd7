"""What the pretend AWS remembers: accounts per Region, topics, queues, the outbox. Knows no rules and no doors."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sendworthy.errors import ConfigError
from sendworthy.simulator.accepted import Accepted
from sendworthy.simulator.events import Happening
from sendworthy.simulator.faults import Faults
from sendworthy.simulator.holdings import Holdings
from sendworthy.simulator.life import Life, Surroundings
from sendworthy.simulator.queues import Queue
from sendworthy.simulator.quota import Ledger
from sendworthy.simulator.review import GRANTED_NEXT_DAY, Review, Step, standing
from sendworthy.simulator.topics import Topic
from sendworthy.simulator.v1_state import DomainToken, Notifications, Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who signed: an access key of a user of an account."""

    access_key_id: str
    secret_access_key: str
    account_id: str = "111122223333"
    user: str = "simulator"

    @property
    def arn(self) -> str:
        """The IAM ARN, as sts:GetCallerIdentity gives it."""
        return f"arn:aws:iam::{self.account_id}:user/{self.user}"


def check_caller(caller: Caller) -> None:
    """Raise ConfigError for a key that no AWS client could sign with."""
    if not re.fullmatch(r"[A-Za-z0-9]{4,128}", caller.access_key_id) or not caller.secret_access_key:
        raise ConfigError(
            "An access key id has 4 to 128 letters and digits, and a secret.", "Look at the key that was given."
        )
    if not re.fullmatch(r"\d{12}", caller.account_id) or not re.fullmatch(r"[\w+=,.@-]{1,64}", caller.user):
        raise ConfigError(
            "An account id has 12 digits, a user name 1 to 64 letters.", "Look at the key that was given."
        )


DEFAULT_CALLER = Caller(
    access_key_id="AKIASIMULATOR0000001",
    secret_access_key="simulator/secret/key/for/loopback/only00",  # noqa: S106 - public on purpose: opens a toy
)


@dataclass(slots=True, kw_only=True)
class Dkim:
    """DKIM of a domain identity. `missed_since` is when a verified record was first not found again.

    `origin` is SigningAttributesOrigin [M]: AWS_SES, EXTERNAL (one token, the selector, with `private_key` in base64
    as it was given), or AWS_SES_<REGION> for a replica, whose `replication_error` says why it has no tokens.
    """

    tokens: tuple[str, ...]
    hosted_zone: str
    started_at: datetime
    status: str = "PENDING"
    signing_enabled: bool = True
    missed_since: datetime | None = None
    origin: str = "AWS_SES"
    private_key: str = ""
    bits: int = 2048
    next_bits: int = 2048
    bits_chosen_at: datetime | None = None
    replication_error: str = ""
    keys_made_at: datetime | None = None
    kept: bool = False
    """Whether the domain was verified before this search began: then it stays so, whatever becomes of the search."""


@dataclass(slots=True, kw_only=True)
class MailFrom:
    """A custom MAIL FROM domain."""

    domain: str
    behavior: str
    started_at: datetime
    status: str = "PENDING"
    missed_since: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Identity:
    """A domain or an e-mail address. The name keeps the case it was given; domains are stored in lower case."""

    name: str
    created_at: datetime
    dkim: Dkim | None = None
    status: str = "PENDING"
    feedback_forwarding: bool = True
    mail_from: MailFrom | None = None
    configuration_set: str = ""
    tags: list[dict[str, str]] = field(default_factory=list)
    last_checked: datetime | None = None
    last_success: datetime | None = None
    error_type: str = ""
    policies: dict[str, str] = field(default_factory=dict)
    soa: tuple[str, str, int] | None = None
    # For an address: whether it is signed by its domain's DKIM; None follows the domain [D23].
    signing: bool | None = None
    token: DomainToken | None = None
    notifications: Notifications = field(default_factory=Notifications)

    @property
    def verified(self) -> bool:
        """Whether mail may be sent as it: also while its records are only shaken (unconfirmed)."""
        return self.status in {"SUCCESS", "TEMPORARY_FAILURE"}

    @property
    def is_domain(self) -> bool:
        """Whether the identity is a domain rather than an address."""
        return "@" not in self.name


@dataclass(slots=True, kw_only=True)
class Destination:
    """An event destination of a configuration set; `body` is the EventDestination as it is given back.

    `sort` is sns, eventbridge, firehose or cloudwatch; `arn` is that of the topic, bus or stream, empty for CloudWatch.
    """

    name: str
    body: dict[str, Any]
    sort: str = "sns"
    arn: str
    enabled: bool
    kinds: frozenset[str]


@dataclass(slots=True, kw_only=True)
class ConfigurationSet:
    """A configuration set: the options as given, the destinations in the order of their making."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    destinations: dict[str, Destination] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """An entry of the account's suppression list. `reason` is BOUNCE or COMPLAINT; the ids say what put it there."""

    address: str
    reason: str
    at: datetime
    message_id: str = ""
    feedback_id: str = ""


@dataclass(slots=True, kw_only=True)
class Account:
    """One SES account in one Region: the sandbox, the quota and all the rest are per account and Region [D23]."""

    account_id: str
    region: str
    ledger: Ledger
    enforcement: str = "HEALTHY"
    sending_enabled: bool = True
    # On by default for both reasons, for accounts started after 2019-11-25 [D23].
    suppressed_reasons: list[str] = field(default_factory=lambda: ["BOUNCE", "COMPLAINT"])
    details: dict[str, Any] | None = None
    review: Review | None = None
    script: tuple[Step, ...] = GRANTED_NEXT_DAY
    identities: dict[str, Identity] = field(default_factory=dict)
    configuration_sets: dict[str, ConfigurationSet] = field(default_factory=dict)
    suppression: dict[str, Suppressed] = field(default_factory=dict)
    throttled_times: dict[str, int] = field(default_factory=dict)
    holdings: Holdings = field(default_factory=Holdings)
    statistics: Statistics = field(default_factory=Statistics)
    life: Life = field(default_factory=Life)

    def limits(self, now: datetime) -> tuple[bool, float, float]:
        """Whether in production, Max24HourSend and MaxSendRate: 200 a day and 1 a second in the sandbox [D23]."""
        if self.review is None:
            return self.life.over(production=False, day=200.0, rate=1.0)
        read = standing(self.review, now)
        return self.life.over(production=read.production, day=read.max_24_hour_send, rate=read.max_send_rate)


@dataclass(slots=True, kw_only=True)
class Simulation:
    """All accounts and all Regions in one process. `new_id` gives a fresh lower-case UUID each time."""

    new_id: Callable[[], str]
    callers: dict[str, Caller]
    outbox_limit: int = 10_000
    burst_seconds: float = 3.0
    script: tuple[Step, ...] = GRANTED_NEXT_DAY
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    outbox: OrderedDict[str, Accepted] = field(default_factory=OrderedDict)
    happened: dict[str, list[Happening]] = field(default_factory=dict)
    """MessageId -> what follows it, for each message of the outbox."""
    outlets: dict[str, Outlet] = field(default_factory=dict)
    """Who takes events for a sort of destination (eventbridge, firehose, cloudwatch); SNS is known here."""
    observe: Observer | None = None
    """Told of every message and all that follows it, before anybody else."""
    handed: dict[str, deque[Happening]] = field(default_factory=dict)
    """ARN -> the last events for destinations that nobody takes."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """bucket/key -> the content of the S3 objects that import jobs read and jobs write."""
    accepted: int = 0
    faults: Faults = field(default_factory=Faults)
    around: Surroundings = field(default_factory=Surroundings)

    def account(self, account_id: str, region: str) -> Account:
        """Return the account in a Region, made when first asked for: every account starts in the sandbox."""
        found = self.accounts.get((account_id, region))
        if found is None:
            found = Account(
                account_id=account_id,
                region=region,
                ledger=Ledger(burst_seconds=self.burst_seconds),
                script=self.script,
            )
            self.accounts[account_id, region] = found
        return found

    def keep(self, message: Accepted) -> None:
        """Put an accepted message into the outbox and let the oldest go when it is full."""
        self.outbox[message.message_id] = message
        self.accepted += 1
        while len(self.outbox) > self.outbox_limit:
            self.happened.pop(self.outbox.popitem(last=False)[0], None)

    def reset(self) -> None:
        """Forget everything but the callers."""
        self.accounts.clear()
        self.topics.clear()
        self.queues.clear()
        self.outbox.clear()
        self.happened.clear()
        self.handed.clear()
        self.objects.clear()
        self.accepted = 0
        self.faults = Faults()
        self.around.forget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a rule is told beside its parameters. `now` is simulated; `queue_now` is the clock of visibility."""

    sim: Simulation
    account: Account
    caller: Caller
    now: datetime
    queue_now: datetime
    source_ip: str
    http: str
    sent_by: str = ""
    """The operation that sends where it is not SendEmail of v2: what `ses:operation` names."""


Observer = Callable[[Moment, Accepted, Sequence[Happening]], None]
"""Told of what follows a message. It must not raise."""

Outlet = Callable[[Moment, Destination, Happening], None]
"""Takes one event for one destination. It must not raise."""
