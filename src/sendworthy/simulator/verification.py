"""Whether DNS holds the records of an identity: from answers to statuses. Asks nobody; `lookups` does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from sendworthy.simulator.dkim import holds
from sendworthy.simulator.state import Identity

PATIENCE = timedelta(hours=72)
"""How long SES looks for records before FAILED, and how long a verified one may be missing [D23]."""

# Regions with a DKIM zone of their own (AWS General Reference, by way of [C]); all others use dkim.amazonses.com.
REGIONS_WITH_OWN_ZONE = frozenset(
    {
        "af-south-1",
        "ap-northeast-3",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-5",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "il-central-1",
        "me-central-1",
        "us-gov-east-1",
    }
)


class Outcome(StrEnum):
    """What a look into DNS came to. The words are those of VerificationInfo.ErrorType [M], but for FOUND."""

    FOUND = "FOUND"
    HOST_NOT_FOUND = "HOST_NOT_FOUND"
    TYPE_NOT_FOUND = "TYPE_NOT_FOUND"
    INVALID_VALUE = "INVALID_VALUE"
    DNS_SERVER_ERROR = "DNS_SERVER_ERROR"


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of one name and type as text, or why there are none."""

    outcome: Outcome
    values: tuple[str, ...] = ()


def signing_hosted_zone(region: str) -> str:
    """Return the zone that a Region's DKIM CNAMEs point into: SigningHostedZone."""
    return f"dkim.{region}.amazonses.com" if region in REGIONS_WITH_OWN_ZONE else "dkim.amazonses.com"


def dkim_questions(identity: Identity) -> tuple[tuple[str, str], ...]:
    """Return what to ask DNS: a CNAME for each token, or the TXT record of a selector of one's own [D23]."""
    if identity.dkim is None:
        return ()
    kind = "TXT" if identity.dkim.origin == "EXTERNAL" else "CNAME"
    return tuple((f"{token}._domainkey.{identity.name}", kind) for token in identity.dkim.tokens)


def judge_dkim(identity: Identity, answers: tuple[Answer, ...]) -> Outcome:
    """FOUND when each CNAME points to its token, or the TXT record is one's own key; else the first thing wrong."""
    dkim = identity.dkim
    if dkim is None or not answers:
        return Outcome.TYPE_NOT_FOUND
    for token, answer in zip(dkim.tokens, answers, strict=True):
        if answer.outcome is not Outcome.FOUND:
            return answer.outcome
        if dkim.origin == "EXTERNAL":
            right = holds(answer.values, dkim.private_key)
        else:
            right = [_host(value) for value in answer.values] == [f"{token}.{dkim.hosted_zone}"]
        if not right:
            return Outcome.INVALID_VALUE
    return Outcome.FOUND


def judge_mail_from(region: str, mx: Answer, txt: Answer) -> Outcome:
    """FOUND for exactly one MX, priority 10, to the Region's feedback host, and SPF that includes SES [D23]."""
    if mx.outcome is not Outcome.FOUND:
        return mx.outcome
    if [_host(value) for value in mx.values] != [f"10 feedback-smtp.{region}.amazonses.com"]:
        return Outcome.INVALID_VALUE
    if txt.outcome is not Outcome.FOUND:
        return txt.outcome
    policies = [value.lower().split() for value in txt.values if value.lower().split()[:1] == ["v=spf1"]]
    if len(policies) != 1 or "include:amazonses.com" not in policies[0]:
        return Outcome.INVALID_VALUE if txt.values else Outcome.TYPE_NOT_FOUND
    return Outcome.FOUND


def next_status(
    status: str, outcome: Outcome, *, started_at: datetime, missed_since: datetime | None, now: datetime
) -> tuple[str, datetime | None]:
    """Return the status after a look, and since when a verified record has been missing.

    A DNS server that fails proves nothing, so it changes nothing but a SUCCESS, after which SES can no longer
    "determine whether the records are right": TEMPORARY_FAILURE (DkimAttributes.Status [M]).
    """
    if outcome is Outcome.FOUND:
        return "SUCCESS", None
    match status:
        case "SUCCESS" | "TEMPORARY_FAILURE":
            since = missed_since or now
            return ("FAILED" if now - since >= PATIENCE else "TEMPORARY_FAILURE"), since
        case "PENDING":
            return ("FAILED" if now - started_at >= PATIENCE else "PENDING"), None
        case _:
            return status, missed_since


def due(status: str, *, last_checked: datetime | None, now: datetime) -> bool:
    """Whether a read should look again: at once while PENDING or shaken, every quarter of an hour once verified.

    FAILED stays so until it is started anew [D23].
    """
    if status == "FAILED":
        return False
    if status != "SUCCESS" or last_checked is None:
        return True
    return abs(now - last_checked) >= timedelta(minutes=15)


def explain(outcome: Outcome) -> str:
    """Return the word for VerificationInfo.ErrorType; empty when the records are there."""
    match outcome:
        case Outcome.FOUND:
            return ""
        case Outcome.HOST_NOT_FOUND | Outcome.TYPE_NOT_FOUND | Outcome.INVALID_VALUE | Outcome.DNS_SERVER_ERROR:
            return outcome.value
        case _:
            assert_never(outcome)


def _host(value: str) -> str:
    return value.rstrip(".").lower()
