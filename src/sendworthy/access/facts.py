"""The dated facts of a case, and how they are written to rows. Knows no store and draws no conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypedDict


class FactKind(StrEnum):
    """What happened. The record is append-only: a fact is never changed and never taken back."""

    DRAFTED = "drafted"
    """A letter was written. `data`: `subject`, `body`, `claims` (a list of `claim`, `subject`, `sentence`), and
    `changed`, what is different since a refusal (a list)."""
    SUBMITTED = "submitted"
    """PutAccountDetails was called. `data`: `answer` (an Answer), `code`, `params`, `promise`, `override`, `call`.

    It is noted twice under one `call`: before the call as uncertain, so that a crash leaves a trace, and after it."""
    STATUS_SEEN = "status_seen"
    """GetAccount was read. `data`: `status`, `production` (true or false), `case_id`, `enforcement`, `sending`,
    `max_24_hour_send` and `max_send_rate`."""
    AWS_SAID = "aws_said"
    """A text of AWS was recorded. `data`: `kind` (a refusals.Kind) and `text`."""
    WE_REPLIED = "we_replied"
    """The user wrote on the case. `data`: `text`, `kind` (a replies.ReplyKind), `by` (who confirmed that it
    went out) and `claims`, what was claimed in it."""
    ASKED_ELSEWHERE = "asked_elsewhere"
    """The user asked by another way. `data`: `way` (`service_quotas` or `new_case`), `answer` (accepted) and
    `reference`."""
    DECIDED = "decided"
    """The user closed the case. `data`: `reason`."""
    UNKNOWN = "unknown"
    """Written by a later version of this program; kept, and not judged."""


class Answer(StrEnum):
    """How PutAccountDetails was answered."""

    ACCEPTED = "accepted"
    CONFLICT = "conflict"
    """ConflictException: under review, and in practice also after DENIED."""
    NOT_TAKEN = "not_taken"
    """Throttled, denied, refused or unreachable: certainly nothing was done."""
    UNCERTAIN = "uncertain"
    """The answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact. `at` is aware UTC; `data` is JSON-able."""

    at: datetime
    kind: FactKind
    data: Mapping[str, Any]


class FactRow(TypedDict):
    """The arguments with which a store appends a fact."""

    kind: str
    at: datetime
    data: Mapping[str, Any]


def case_id(account_id: str, region: str) -> str:
    """Give the id under which the facts of a request are kept: one account in one Region, asking for production."""
    return f"{account_id}/{region}/production"


def region_of(case: str, account_id: str) -> str:
    """Give the Region of a case for production access of this account; empty for any other case."""
    parts = case.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == account_id and parts[2] == "production" else ""


def fact_to_row(fact: Fact) -> FactRow:
    """Give `store.case_file.append_fact(case_id, **row)` its row."""
    return FactRow(kind=str(fact.kind), at=fact.at, data=dict(fact.data))


def fact_from_row(*, kind: str, at: datetime, data: Mapping[str, Any]) -> Fact:
    """Read a row back. A kind of a later version becomes UNKNOWN; a time without zone is UTC."""
    known = FactKind(kind) if kind in tuple(FactKind) else FactKind.UNKNOWN
    return Fact(at=at if at.tzinfo else at.replace(tzinfo=UTC), kind=known, data=data)
