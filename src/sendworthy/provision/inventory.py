"""What fitting out needs to know beside the audit's evidence: alarms, policies, the archive, and whose things are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from sendworthy.audit.evidence import Reading, Seen, Topic, Unseen, UnseenKind


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One CloudWatch metric alarm.

    `metric` is empty for an alarm on an expression, which is then in `expression`. `period_seconds` is 0 for one.
    """

    name: str
    arn: str = ""
    namespace: str = ""
    metric: str = ""
    dimensions: Mapping[str, str] = {}
    expression: str = ""
    statistic: str = ""
    period_seconds: int = 0
    comparison: str = ""
    threshold: float = 0.0
    missing_data: str = ""
    actions_enabled: bool = True
    actions: tuple[str, ...] = ()


class IamPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """One managed policy with its default document as JSON. `versions` are all version ids, newest first."""

    arn: str
    document: str
    attachments: int = 0
    versions: tuple[str, ...] = ()


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """One IAM role: who may assume it and what its inline policies allow, as JSON by policy name."""

    arn: str
    trust: str
    policies: Mapping[str, str] = {}


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """Where events are kept. `stream` is the delivery stream's status word, None when it does not exist."""

    bucket: Reading[bool]
    roles: Mapping[str, Reading[Role | None]] = {}
    stream: Reading[str | None] = Seen(None)


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one Region.

    `vdm` is whether Virtual Deliverability Manager is on. `delivery_options` are SES's own, by configuration set.
    `alarm_emails` are `confirmed`, `pending` or `absent`. `drilled_at` is when a drill last proved bounces and
    complaints, None for never. What is not wished for is not looked at.
    """

    vdm: Reading[bool] = Unseen(kind=UnseenKind.NOT_READ, reason="nobody looked", needs="ses:GetAccount")
    delivery_options: Mapping[str, Reading[Mapping[str, Any]]] = {}
    alarms: Reading[tuple[Alarm, ...]] = Unseen(
        kind=UnseenKind.NOT_READ, reason="nobody looked", needs="cloudwatch:DescribeAlarms"
    )
    alarm_topic: Reading[Topic | None] = Unseen(
        kind=UnseenKind.NOT_READ, reason="nobody looked", needs="sns:GetTopicAttributes"
    )
    alarm_emails: Mapping[str, str] = {}
    policies: Mapping[str, Reading[IamPolicy | None]] = {}
    archive: Archive | None = None
    owned: frozenset[str] = frozenset()
    """What carries our tag, by the id of the step that makes it."""
    drilled_at: datetime | None = None

    def owns(self, step_id: str) -> bool:
        """Say whether what this step makes carries our tag."""
        return step_id in self.owned


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Who uses what we made, read before anything is taken back.

    `identities_by_set` names the identities of the Region by their default configuration set, `sets_by_topic` the
    configuration sets whose destinations lead to a topic, `waiting` the messages in each queue by ARN, and `unsent`
    how many messages our own store still has to send.
    """

    identities_by_set: Reading[Mapping[str, tuple[str, ...]]]
    sets_by_topic: Reading[Mapping[str, tuple[str, ...]]]
    waiting: Mapping[str, Reading[int]] = {}
    objects_in_archive: Reading[bool] = Seen(value=False)
    unsent: int = 0


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What the store remembers of a step that was begun. `prior` are the settings as they were before it."""

    step: str
    created: bool = False
    prior: Mapping[str, Any] = {}
