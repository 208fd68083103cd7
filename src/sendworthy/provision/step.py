"""What a step of a plan is: before and after, and the calls or DNS records that make it. Calls nobody."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


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
