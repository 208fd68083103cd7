"""What was seen of an account's watchmen in one Region: alarms, metrics, logs, the suppression list. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One CloudWatch metric alarm (DescribeAlarms). `dimensions` by name; `actions` are the ARNs of AlarmActions."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str] = {}
    comparison: str = ""
    threshold: float | None = None
    period_seconds: int = 0
    missing_data: str = ""
    actions: tuple[str, ...] = ()
    actions_enabled: bool = True
    state: str = ""


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """Mail of one hour (CloudWatch `AWS/SES` `Send`); hours without mail are left out."""

    begins: datetime
    sends: float


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """CloudWatch's figures of SES over `days`, ending when the evidence was taken.

    `hours` are in order; `deliveries`, `bounces` and `complaints` are sums over the same days; `busiest_minute` is the
    most mail in one minute of the last day; the rates are the newest `Reputation.*` values as fractions (0.05 is 5 %),
    None where CloudWatch has none. `oldest_message_seconds` is by the ARN of the queue.
    """

    days: int = 14
    hours: tuple[Hour, ...] = ()
    deliveries: float = 0.0
    bounces: float = 0.0
    complaints: float = 0.0
    busiest_minute: float = 0.0
    bounce_rate: float | None = None
    complaint_rate: float | None = None
    oldest_message_seconds: Mapping[str, float] = {}

    @property
    def sends(self) -> float:
        """All mail of the days."""
        return sum(hour.sends for hour in self.hours)


class LogGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One log group that by its name holds mail's logs. `retention_days` is None when nothing is ever deleted."""

    name: str
    retention_days: int | None = None


class SuppressionList(msgspec.Struct, frozen=True, kw_only=True):
    """The account's suppression list without its addresses. `complete` is false when there are more than `count`."""

    count: int
    complete: bool = True
    newest: datetime | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """One open recommendation of Virtual Deliverability Manager (ListRecommendations)."""

    type: str
    impact: str
    resource: str = ""
    description: str = ""


class NotificationTopics(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of an identity's own feedback notifications (GetIdentityNotificationAttributes); empty when unset."""

    bounce: str = ""
    complaint: str = ""
    delivery: str = ""


class ListedIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """One identity of the account's list. An address is a person's: of it only the `domain` is kept."""

    domain: str
    is_address: bool = False
    sending_enabled: bool = False
    verification_status: str = ""
