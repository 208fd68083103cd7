"""What a step of a plan is: before and after, and the calls or DNS records that make it. Calls nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from sendworthy.audit.evidence import Unseen


class StepKind(StrEnum):
    """What a step is about."""

    SUPPRESSION = "suppression"
    CONFIGURATION_SET = "configuration_set"
    TOPIC = "topic"
    DEAD_LETTER_QUEUE = "dead_letter_queue"
    QUEUE = "queue"
    SUBSCRIPTION = "subscription"
    EVENT_DESTINATION = "event_destination"
    IDENTITY = "identity"
    DKIM = "dkim"
    MAIL_FROM = "mail_from"
    DEFAULT_CONFIGURATION_SET = "default_configuration_set"
    DKIM_RECORDS = "dkim_records"
    MAIL_FROM_RECORDS = "mail_from_records"
    DMARC_RECORD = "dmarc_record"
    VDM = "vdm"
    FEEDBACK_FORWARDING = "feedback_forwarding"
    ALARM_TOPIC = "alarm_topic"
    ALARM_SUBSCRIPTION = "alarm_subscription"
    ALARM = "alarm"
    IAM_POLICY = "iam_policy"
    ARCHIVE_BUCKET = "archive_bucket"
    ARCHIVE_ROLE = "archive_role"
    ARCHIVE_STREAM = "archive_stream"
    ARCHIVE_DESTINATION = "archive_destination"


class StepStatus(StrEnum):
    """Where a step stands."""

    NEEDED = "needed"
    DONE = "done"
    BLOCKED = "blocked"
    """What it would change could not be seen, so it is not touched."""
    REFUSED = "refused"
    """It would hurt something that is in use; the reason says what a person has to decide."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One AWS call, named as AWS names it, with `service` as botocore does."""

    service: str
    operation: str
    params: Mapping[str, Any]


class DnsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record to publish. `value` is as a person types it: a host name, `10 host` for MX, unquoted text for TXT."""

    name: str
    type: str
    value: str
    ttl: int = 3600


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step. A step has calls (carried out by the program) or one DNS record (published by a person), never both.

    `before` and `after` are one line each. `reason` says why a step is blocked or refused, what a done step adopted,
    or what a needed one still waits for (a DKIM record has neither name nor value until SES has given its tokens).
    `creates` says that a new thing comes of it; else `prior` holds the settings that it changes, as they were, so that
    `destroy` can put them back.
    """

    id: str
    kind: StepKind
    title: str
    why: str = ""
    before: str = ""
    after: str = ""
    calls: tuple[Call, ...] = ()
    dns: tuple[DnsRecord, ...] = ()
    status: StepStatus
    reason: str = ""
    creates: bool = False
    prior: Mapping[str, Any] = {}


def blocked(kind: StepKind, subject: str, title: str, unseen: Unseen) -> Step:
    """Give the step that is not taken because what it would change could not be seen."""
    needs = f" ({unseen.needs})" if unseen.needs else ""
    reason = f"Could not be looked at: {unseen.reason}{needs}."
    return Step(id=f"{kind}:{subject}", kind=kind, title=title, status=StepStatus.BLOCKED, reason=reason)


def only_when_named(step: Step, risk: str, allow: Collection[str]) -> Step:
    """Refuse a needed step that can hurt, with its `risk` as one sentence, unless its id is among those allowed.

    An empty `risk` is none.
    """
    if not risk or step.status is not StepStatus.NEEDED or not step.calls or step.id in allow:
        return step
    reason = f"{risk} To do it all the same, name it: --allow {step.id}"
    return msgspec.structs.replace(step, status=StepStatus.REFUSED, reason=reason)
