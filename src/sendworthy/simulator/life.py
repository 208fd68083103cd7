"""What an account's life and the services around SES remember, apart from SES's own state. Values only; no rules."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sendworthy.simulator.alarms import Alarm
from sendworthy.simulator.cloudwatch_metrics import Metrics
from sendworthy.simulator.enforcement import Rules, Watch
from sendworthy.simulator.eventbridge_rules import EventRule
from sendworthy.simulator.firehose_streams import Stream
from sendworthy.simulator.quota_requests import QuotaRequest, RequestStep
from sendworthy.simulator.reviewer_rules import Credit, Past
from sendworthy.simulator.support_cases import Case

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Reviewing:
    """Where the reviewer with rules stands with one account: what is decided when, and what went before.

    `glanced` is the first quick look, at which an account without any identity is refused at once.
    """

    of_case: str = ""
    due: datetime | None = None
    glanced: bool = False
    past: Past = field(default_factory=Past)
    answered: int = 0
    reasons: tuple[str, ...] = ()
    cures: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Life:
    """One account in one Region, beyond SES's own state.

    `day_limit` and `rate_limit` are what AWS raised, above what the review granted; `out_of_sandbox` is a grant that
    came by Service Quotas. `told` are case, time and kind of the texts that are already on a review's case.
    `counted_to` is the hour up to which rates were judged; `measure_due` is when they are measured next.
    """

    credit: Credit = field(default_factory=Credit)
    credit_noted_at: datetime | None = None
    incurable: bool = False
    reviewing: Reviewing = field(default_factory=Reviewing)
    told: set[tuple[str, datetime, str]] = field(default_factory=set)
    watch: Watch = field(default_factory=Watch)
    enforcement_case: str = ""
    out_of_sandbox: bool = False
    day_limit: float = 0.0
    rate_limit: float = 0.0
    grown_on: date | None = None
    sent_by_day: dict[date, int] = field(default_factory=dict)
    sandbox_sends: int = 0
    drilled_bounce: bool = False
    drilled_complaint: bool = False
    counted_to: datetime | None = None
    measure_due: datetime | None = None
    quota_script: tuple[RequestStep, ...] | None = None

    def over(self, *, production: bool, day: float, rate: float) -> tuple[bool, float, float]:
        """Lay what AWS raised over what the review granted."""
        if not self.day_limit and not self.rate_limit and not self.out_of_sandbox:
            return production, day, rate
        production = production or self.out_of_sandbox
        if not production or day < 0:
            return production, day, rate
        return production, max(day, self.day_limit), max(rate, self.rate_limit)


@dataclass(slots=True, kw_only=True)
class Disorder:
    """How notifications may go astray on purpose; all off by default. Shares are between 0 and 1.

    AWS promises neither order nor batching, and SQS delivers at least once [D23]. `seed` makes it repeatable.
    """

    duplicate_share: float = 0.0
    reorder_share: float = 0.0
    delay_share: float = 0.0
    delay_seconds: float = 0.0
    several_recipients: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - accidents, no secrets

    @property
    def is_on(self) -> bool:
        """Whether anything is to go astray on its way to a queue."""
        return bool(self.duplicate_share or self.reorder_share or self.delay_share)

    def strikes(self, share: float) -> bool:
        """Whether chance takes this one."""
        return share > 0 and self.chance.random() < share


@dataclass(slots=True, eq=False, kw_only=True)
class Parcel:
    """One HTTP delivery of SNS: what goes where, how often it was tried, and when it is tried next."""

    topic_arn: str
    subscription_arn: str
    url: str
    headers: dict[str, str]
    body: str | Callable[[], str]
    due: datetime
    delays: tuple[float, ...] = ()
    tries: int = 0
    dead_letter_arn: str = ""


@dataclass(slots=True)
class Outgoing:
    """The HTTP deliveries that wait to be tried, and what stirs whoever makes them."""

    parcels: list[Parcel] = field(default_factory=list)
    under_way: int = 0
    delivered: int = 0
    failed: int = 0
    arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, parcel: Parcel) -> None:
        """Hand over a delivery."""
        self.parcels.append(parcel)
        self.arrival.set()


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """The services around SES, of all accounts and Regions.

    `due` is when time has to be looked at next; whoever plans something earlier calls `wake`. `reviewer` is `script`
    or `rules`.
    """

    reviewer: str = "script"
    rules: Rules = field(default_factory=Rules)
    firehose_directory: str = ""
    due: datetime = LONG_AGO
    cases: dict[str, Case] = field(default_factory=dict)
    plans: set[str] = field(default_factory=set)
    quota_requests: dict[str, QuotaRequest] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    alarms: dict[tuple[str, str, str], Alarm] = field(default_factory=dict)
    rules_of_events: dict[str, EventRule] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    disorder: Disorder = field(default_factory=Disorder)
    outgoing: Outgoing = field(default_factory=Outgoing)

    def wake(self, at: datetime) -> None:
        """Let time be looked at no later than `at`."""
        self.due = min(self.due, at)

    def forget(self) -> None:
        """Forget everything but how it was set up."""
        self.due = LONG_AGO
        for known in (
            self.cases,
            self.plans,
            self.quota_requests,
            self.alarms,
            self.rules_of_events,
            self.streams,
            self.outgoing.parcels,
        ):
            known.clear()
        self.metrics = Metrics()
        self.disorder = Disorder()
